//! The rules by which a verified token's claims become a caller: what they must contain, and where role, tenant and
//! name are in them.

use serde_json::Value;

use crate::{
    claims::{Claims, MAX_SECONDS},
    refusal::{Misconfigured, Refusal},
    role::{Role, is_tenant},
};

/// Clock skew allowed between the issuer and this function, where nobody sets another, and the most that may be set.
const DEFAULT_CLOCK_SKEW_SECONDS: u64 = 60;
const MAX_CLOCK_SKEW_SECONDS: u64 = 300;

/// The rules for an issuer's tokens: required values, and the claims that hold role, tenant and name.
#[derive(Clone, Debug)]
pub struct Rules {
    issuer: String,
    /// The required `aud` of tokens that have one. `None` refuses all of these.
    audience: Option<String>,
    /// The values of `client_id` that let in an access token without `aud`.
    client_ids: Vec<String>,
    /// The values of `azp` that let in a token without `aud`.
    authorized_parties: Vec<String>,
    clock_skew_seconds: u64,
    role_claim: String,
    tenant_claim: String,
    name_claim: String,
    roles: RoleMap,
    default_role: Option<Role>,
    default_tenant: Option<String>,
}

/// The issuer's names of roles, each with the role that it means here.
#[derive(Clone, Debug, Default)]
struct RoleMap(Vec<(String, Role)>);

impl Rules {
    /// Requires this `iss` and `aud`, and the claims `role` and `tenant`.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self { audience: Some(audience.into()), ..Self::of(issuer.into()) }
    }

    fn of(issuer: String) -> Self {
        Self {
            issuer,
            audience: None,
            client_ids: Vec::new(),
            authorized_parties: Vec::new(),
            clock_skew_seconds: DEFAULT_CLOCK_SKEW_SECONDS,
            role_claim: "role".into(),
            tenant_claim: "tenant".into(),
            name_claim: "name".into(),
            roles: RoleMap::default(),
            default_role: None,
            default_tenant: None,
        }
    }

    /// Allows no clock skew, because issuer and authorizer share a clock.
    #[must_use]
    pub fn without_clock_skew(self) -> Self {
        Self { clock_skew_seconds: 0, ..self }
    }

    /// Reads the variables:
    ///
    /// | variable | |
    /// |---|---|
    /// | `JWT_ISSUER` | required value of `iss` |
    /// | `JWT_AUDIENCE` | required value of `aud` |
    /// | `JWT_CLIENT_ID` | `client_id`s, by commas, that let in access tokens (`token_use: access`) without `aud` |
    /// | `JWT_AUTHORIZED_PARTY` | values of `azp`, separated by commas, that let in tokens without `aud` |
    /// | `JWT_CLOCK_SKEW_SECONDS` | 0 to 300; default 60 |
    /// | `JWT_ROLE_CLAIM`, `JWT_TENANT_CLAIM`, `JWT_NAME_CLAIM` | paths; defaults `role`, `tenant`, `name` |
    /// | `JWT_ROLE_MAP` | `theirs=ours`, separated by commas |
    /// | `JWT_DEFAULT_ROLE`, `JWT_DEFAULT_TENANT` | for tokens that name none |
    pub fn read(var: impl Fn(&str) -> Option<String>) -> Result<Self, Misconfigured> {
        let issuer = var("JWT_ISSUER").ok_or(Misconfigured::NothingExpected)?;
        let rules = Self {
            audience: var("JWT_AUDIENCE"),
            client_ids: list(var("JWT_CLIENT_ID")),
            authorized_parties: list(var("JWT_AUTHORIZED_PARTY")),
            clock_skew_seconds: match var("JWT_CLOCK_SKEW_SECONDS") {
                None => DEFAULT_CLOCK_SKEW_SECONDS,
                Some(text) => {
                    let seconds = text.parse().ok().filter(|seconds| *seconds <= MAX_CLOCK_SKEW_SECONDS);
                    seconds.ok_or(Misconfigured::ClockSkew)?
                }
            },
            roles: RoleMap::parse(&list(var("JWT_ROLE_MAP")))?,
            default_role: match var("JWT_DEFAULT_ROLE") {
                None => None,
                Some(word) => Some(Role::parse(&word).ok_or(Misconfigured::DefaultRole)?),
            },
            default_tenant: match var("JWT_DEFAULT_TENANT") {
                Some(tenant) if !is_tenant(&tenant) => return Err(Misconfigured::DefaultTenant),
                tenant => tenant,
            },
            ..Self::of(issuer)
        };
        if rules.audience.is_none() && rules.client_ids.is_empty() && rules.authorized_parties.is_empty() {
            return Err(Misconfigured::NothingExpected);
        }
        let path = |name, default| var(name).unwrap_or(default);
        Ok(Self {
            role_claim: path("JWT_ROLE_CLAIM", rules.role_claim),
            tenant_claim: path("JWT_TENANT_CLAIM", rules.tenant_claim),
            name_claim: path("JWT_NAME_CLAIM", rules.name_claim),
            ..rules
        })
    }

    /// Checks issuer, audience and times as of `now`, in Unix seconds. Returns when the token ends, clock skew
    /// included: functions compare it to their own clock without any.
    pub(crate) fn check(&self, claims: &Claims, now: u64) -> Result<u64, Refusal> {
        match claims.get("iss") {
            Some(Value::String(issuer)) if *issuer == self.issuer => {}
            Some(Value::String(_)) => return Err(Refusal::WrongIssuer),
            _ => return Err(Refusal::Claim("iss")),
        }
        self.check_audience(claims)?;
        let ends = claims.seconds("exp")?.ok_or(Refusal::Claim("exp"))?.saturating_add(self.clock_skew_seconds);
        if ends <= now {
            return Err(Refusal::Expired);
        }
        if claims.seconds("nbf")?.is_some_and(|begins| begins > now.saturating_add(self.clock_skew_seconds)) {
            return Err(Refusal::TooEarly);
        }
        Ok(ends.min(MAX_SECONDS))
    }

    /// Checks that the token was issued for this deployment. One with `aud` never passes by its other claims: it was
    /// issued for what its `aud` says.
    fn check_audience(&self, claims: &Claims) -> Result<(), Refusal> {
        let named = |claim: &str, accepted: &[String]| {
            let value = claims.get(claim).and_then(Value::as_str);
            value.is_some_and(|value| accepted.iter().any(|it| it == value))
        };
        if let Some(audience) = claims.get("aud") {
            let audiences = texts(audience).ok_or(Refusal::Claim("aud"))?;
            let is_ours = self.audience.as_deref().is_some_and(|ours| audiences.contains(&ours));
            return if is_ours { Ok(()) } else { Err(Refusal::WrongAudience) };
        }
        if named("azp", &self.authorized_parties) {
            return Ok(());
        }
        match claims.get("token_use").and_then(Value::as_str) {
            Some("access") if named("client_id", &self.client_ids) => Ok(()),
            _ if self.client_ids.is_empty() && self.authorized_parties.is_empty() => Err(Refusal::NoAudience),
            _ if self.client_ids.is_empty() => Err(Refusal::WrongParty),
            Some("access") => Err(Refusal::WrongClient),
            _ => Err(Refusal::WrongUse),
        }
    }

    /// The highest role that the token names. One that names none known here has the default role, if there is one; a
    /// claim of another form than a text or a list of texts is refused all the same.
    pub(crate) fn role(&self, claims: &Claims) -> Result<Role, Refusal> {
        let named = match claims.at(&self.role_claim) {
            Some(value) => texts(value).ok_or(Refusal::Claim("role"))?,
            None => Vec::new(),
        };
        let known = named.into_iter().filter_map(|name| self.roles.role(name)).max();
        known.or(self.default_role).ok_or(Refusal::UnknownRole)
    }

    pub(crate) fn tenant(&self, claims: &Claims) -> Result<String, Refusal> {
        let tenant = match claims.at(&self.tenant_claim) {
            Some(value) => value.as_str().map(str::to_owned),
            None => self.default_tenant.clone(),
        };
        tenant.filter(|tenant| is_tenant(tenant)).ok_or(Refusal::Claim("tenant"))
    }

    pub(crate) fn name(&self, claims: &Claims) -> Result<Option<String>, Refusal> {
        let name = claims.at(&self.name_claim);
        name.map(|name| name.as_str().map(str::to_owned).ok_or(Refusal::Claim("name"))).transpose()
    }
}

impl RoleMap {
    fn parse(pairs: &[String]) -> Result<Self, Misconfigured> {
        let pair = |pair: &String| {
            // At the last sign: an issuer's name may contain one, as directories' names of groups do.
            let (theirs, ours) = pair.rsplit_once('=')?;
            Some((theirs.trim().to_owned(), Role::parse(ours.trim())?))
        };
        pairs.iter().map(|text| pair(text).ok_or(Misconfigured::RoleMap)).collect::<Result<_, _>>().map(Self)
    }

    /// The role that an issuer's name means. Our own names mean themselves, unless they are mapped.
    fn role(&self, name: &str) -> Option<Role> {
        let mapped = self.0.iter().filter(|(theirs, _)| theirs == name).map(|(_, ours)| *ours).max();
        mapped.or_else(|| Role::parse(name))
    }
}

/// The texts of a claim that is one text or a list of texts.
fn texts(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(text) => Some(vec![text]),
        Value::Array(values) => values.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

/// The items of a list separated by commas.
fn list(text: Option<String>) -> Vec<String> {
    let text = text.unwrap_or_default();
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}
