//! Tokens as identity providers issue them, each with the settings that let it in.

use ::authorizer::{Keys, RefreshPolicy, Refusal};
use jsonwebtoken::get_current_timestamp;
use serde_json::{Value, json};

use super::{Answer, ask, issuer::Issuer, settings::rules, signer::Signer};

const SECRET: &str = "a legacy secret of Supabase, 32 bytes or more";

/// An issuer's settings, and its claims for a user.
struct Provider {
    settings: &'static [(&'static str, &'static str)],
    claims: Value,
}

impl Provider {
    fn new(settings: &'static [(&'static str, &'static str)], mut claims: Value) -> Self {
        let now = get_current_timestamp();
        claims["iat"] = json!(now);
        claims["exp"] = json!(now + 3600);
        Self { settings, claims }
    }

    /// The claims with one replaced, or removed by null.
    fn with(&self, claim: &str, value: Value) -> Value {
        let mut claims = self.claims.clone();
        let place = claim.split('/').fold(&mut claims, |place, name| &mut place[name]);
        *place = value;
        claims
    }

    /// Asks at both doors with a token of the provider's key.
    async fn asks(&self, claims: &Value) -> [Answer; 2] {
        let signer = Signer::rsa("rsa");
        let issuer = Issuer::of(&[&signer]).await;
        let rules = rules(self.settings).unwrap();
        let keys = Keys::published(&issuer.url, rules, RefreshPolicy::default()).unwrap();
        both_doors(&keys, &signer.signs(claims)).await
    }

    /// Checks that the user is let in, as `role` of `tenant`.
    async fn lets_in(&self, claims: &Value, role: &str, tenant: &str) -> Value {
        let [rest, socket] = self.asks(claims).await.map(|answer| answer.unwrap().context);
        assert_eq!(rest, socket);
        assert_eq!((&rest["role"], &rest["tenant"]), (&json!(role), &json!(tenant)), "{claims}");
        assert_eq!(rest["subject"], self.claims["sub"]);
        rest
    }

    /// Checks that the claims are refused, for a reason whose claim the log names.
    async fn refuses(&self, claims: &Value, refusal: Refusal, claim: &str) {
        for answer in self.asks(claims).await {
            assert_eq!(answer.map(|answer| answer.context), Err(refusal), "{claims}");
        }
        assert_eq!(refusal.claim(), Some(claim));
        assert!(refusal.settings().is_some_and(|settings| settings.starts_with("JWT_")), "{refusal:?}");
    }
}

async fn both_doors(keys: &Keys, token: &str) -> [Answer; 2] {
    [ask(keys, "authorizer-rest", token, |_| ()).await, ask(keys, "authorizer-socket", token, |_| ()).await]
}

fn cognito_access() -> Provider {
    Provider::new(
        &[
            ("JWT_ISSUER", "https://cognito.example/eu-central-1_Pool"),
            ("JWT_CLIENT_ID", "3n4web, 3n4mobile"),
            ("JWT_ROLE_CLAIM", "cognito:groups"),
            ("JWT_ROLE_MAP", "agents=agent,admins=admin"),
            ("JWT_DEFAULT_ROLE", "customer"),
            ("JWT_DEFAULT_TENANT", "acme"),
        ],
        json!({
            "sub": "c0ffee00-0000-4000-8000-000000000001", "iss": "https://cognito.example/eu-central-1_Pool",
            "client_id": "3n4web", "token_use": "access", "scope": "openid profile", "username": "cara",
            "cognito:groups": ["readers", "agents"], "version": 2,
        }),
    )
}

#[tokio::test]
async fn cognitos_access_tokens_are_known_by_their_client() {
    let cognito = cognito_access();
    cognito.lets_in(&cognito.claims, "agent", "acme").await;
    cognito.lets_in(&cognito.with("client_id", json!("3n4mobile")), "agent", "acme").await;
    cognito.lets_in(&cognito.with("cognito:groups", Value::Null), "customer", "acme").await;
    cognito.lets_in(&cognito.with("cognito:groups", json!(["admins", "agents"])), "admin", "acme").await;

    cognito.refuses(&cognito.with("client_id", json!("another-app")), Refusal::WrongClient, "client_id").await;
    cognito.refuses(&cognito.with("token_use", json!("id")), Refusal::WrongUse, "token_use").await;
    cognito.refuses(&cognito.with("token_use", Value::Null), Refusal::WrongUse, "token_use").await;
    // An id token of the same client names it in `aud`.
    let mut id_token = cognito.with("token_use", json!("id"));
    id_token["aud"] = json!("3n4web");
    cognito.refuses(&id_token, Refusal::WrongAudience, "aud").await;
    let access_with_aud = cognito.with("aud", json!("3n4web"));
    cognito.refuses(&access_with_aud, Refusal::WrongAudience, "aud").await;
    let pool = json!("https://cognito.example/eu-central-1_Other");
    cognito.refuses(&cognito.with("iss", pool), Refusal::WrongIssuer, "iss").await;
}

#[tokio::test]
async fn cognitos_id_tokens_are_known_by_their_audience() {
    let cognito = Provider::new(
        &[
            ("JWT_ISSUER", "https://cognito.example/eu-central-1_Pool"),
            ("JWT_AUDIENCE", "3n4web"),
            ("JWT_ROLE_CLAIM", "cognito:groups"),
            ("JWT_ROLE_MAP", "agents=agent"),
            ("JWT_TENANT_CLAIM", "custom:tenant"),
        ],
        json!({
            "sub": "c0ffee00-0000-4000-8000-000000000001", "iss": "https://cognito.example/eu-central-1_Pool",
            "aud": "3n4web", "token_use": "id", "cognito:groups": ["agents"], "custom:tenant": "acme",
            "cognito:username": "cara", "email_verified": true, "name": "Cara Customer",
        }),
    );
    let context = cognito.lets_in(&cognito.claims, "agent", "acme").await;
    assert_eq!(context["name"], "Cara Customer");

    cognito.refuses(&cognito.with("aud", json!("another-app")), Refusal::WrongAudience, "aud").await;
    cognito.refuses(&cognito.with("aud", Value::Null), Refusal::NoAudience, "aud").await;
    cognito.refuses(&cognito.with("cognito:groups", json!(["readers"])), Refusal::UnknownRole, "role").await;
    cognito.refuses(&cognito.with("cognito:groups", Value::Null), Refusal::UnknownRole, "role").await;
    cognito.refuses(&cognito.with("custom:tenant", Value::Null), Refusal::Claim("tenant"), "tenant").await;
    let access = cognito_access();
    cognito.refuses(&access.claims, Refusal::NoAudience, "aud").await;
}

#[tokio::test]
async fn auth0_names_role_and_tenant_by_urls() {
    let auth0 = Provider::new(
        &[
            ("JWT_ISSUER", "https://acme.auth0.example/"),
            ("JWT_AUDIENCE", "https://chat.acme.example"),
            ("JWT_ROLE_CLAIM", "https://acme.example/role"),
            ("JWT_TENANT_CLAIM", "https://acme.example/tenant"),
            ("JWT_NAME_CLAIM", "https://acme.example/name"),
        ],
        json!({
            "sub": "auth0|6f1ab", "iss": "https://acme.auth0.example/",
            "aud": ["https://chat.acme.example", "https://acme.auth0.example/userinfo"], "azp": "9Zclient",
            "scope": "openid profile", "https://acme.example/role": "agent", "https://acme.example/tenant": "acme",
            "https://acme.example/name": "Ana Agent",
        }),
    );
    let context = auth0.lets_in(&auth0.claims, "agent", "acme").await;
    assert_eq!(context["name"], "Ana Agent");

    let userinfo = json!(["https://acme.auth0.example/userinfo"]);
    auth0.refuses(&auth0.with("aud", userinfo), Refusal::WrongAudience, "aud").await;
    auth0.refuses(&auth0.with("iss", json!("https://acme.auth0.example")), Refusal::WrongIssuer, "iss").await;
    // A role under the plain name is not the one that is asked for.
    let mut plain = auth0.claims.clone();
    plain.as_object_mut().unwrap().remove("https://acme.example/role");
    plain["role"] = json!("admin");
    auth0.refuses(&plain, Refusal::UnknownRole, "role").await;
    let name = "x".repeat(101);
    let mut named = auth0.claims.clone();
    named["https://acme.example/name"] = json!(name);
    auth0.refuses(&named, Refusal::Claim("name"), "name").await;
}

#[tokio::test]
async fn clerks_session_tokens_are_known_by_their_authorized_party() {
    let clerk = Provider::new(
        &[
            ("JWT_ISSUER", "https://clerk.acme.example"),
            ("JWT_AUTHORIZED_PARTY", "https://app.acme.example,https://admin.acme.example"),
            ("JWT_ROLE_CLAIM", "o.rol"),
            ("JWT_ROLE_MAP", "member=agent"),
            ("JWT_TENANT_CLAIM", "o.slg"),
            ("JWT_DEFAULT_ROLE", "customer"),
            ("JWT_DEFAULT_TENANT", "public"),
        ],
        json!({
            "sub": "user_2xyz", "iss": "https://clerk.acme.example", "azp": "https://app.acme.example",
            "sid": "sess_1", "sts": "active", "v": 2, "fva": [3, -1],
            "o": { "id": "org_1", "rol": "admin", "slg": "acme" },
        }),
    );
    clerk.lets_in(&clerk.claims, "admin", "acme").await;
    clerk.lets_in(&clerk.with("o/rol", json!("member")), "agent", "acme").await;
    clerk.lets_in(&clerk.with("o", Value::Null), "customer", "public").await;
    clerk.lets_in(&clerk.with("azp", json!("https://admin.acme.example")), "admin", "acme").await;

    clerk.refuses(&clerk.with("azp", json!("https://evil.example")), Refusal::WrongParty, "azp").await;
    clerk.refuses(&clerk.with("azp", Value::Null), Refusal::WrongParty, "azp").await;
    clerk.refuses(&clerk.with("azp", json!(["https://app.acme.example"])), Refusal::WrongParty, "azp").await;
    // A token for another audience of the same page was not issued for this deployment.
    clerk.refuses(&clerk.with("aud", json!("another-api")), Refusal::WrongAudience, "aud").await;
    clerk.refuses(&clerk.with("o/rol", json!({ "admin": true })), Refusal::Claim("role"), "role").await;
    clerk.refuses(&clerk.with("o/slg", json!("a#b")), Refusal::Claim("tenant"), "tenant").await;
}

fn supabase() -> Provider {
    Provider::new(
        &[
            ("JWT_ISSUER", "https://ref.supabase.example/auth/v1"),
            ("JWT_AUDIENCE", "authenticated"),
            ("JWT_ROLE_CLAIM", "app_metadata.role"),
            ("JWT_TENANT_CLAIM", "app_metadata.tenant"),
            ("JWT_DEFAULT_ROLE", "customer"),
        ],
        json!({
            "sub": "b1d0aaaa-0000-4000-8000-000000000002", "iss": "https://ref.supabase.example/auth/v1",
            "aud": "authenticated", "role": "authenticated", "email": "cara@example.com", "aal": "aal1",
            "app_metadata": { "provider": "email", "role": "agent", "tenant": "acme" },
            "user_metadata": { "role": "admin", "tenant": "other" }, "is_anonymous": false, "session_id": "5e55",
        }),
    )
}

#[tokio::test]
async fn supabases_role_is_what_the_server_wrote_and_never_the_user() {
    let supabase = supabase();
    supabase.lets_in(&supabase.claims, "agent", "acme").await;
    let customer = supabase.with("app_metadata", json!({ "provider": "email", "tenant": "acme" }));
    supabase.lets_in(&customer, "customer", "acme").await;

    supabase.refuses(&supabase.with("aud", json!("anon")), Refusal::WrongAudience, "aud").await;
    let none = supabase.with("app_metadata", json!({ "provider": "email" }));
    supabase.refuses(&none, Refusal::Claim("tenant"), "tenant").await;
}

#[tokio::test]
async fn supabase_signs_by_a_legacy_secret_or_by_es256() {
    let supabase = supabase();
    let keys = Keys::secret(SECRET, rules(supabase.settings).unwrap()).unwrap();
    for answer in both_doors(&keys, &Signer::secret(SECRET).signs(&supabase.claims)).await {
        assert_eq!(answer.unwrap().context["role"], "agent");
    }
    for answer in both_doors(&keys, &Signer::ec().signs(&supabase.claims)).await {
        assert_eq!(answer.unwrap_err(), Refusal::WrongAlgorithm);
    }

    let issuer = Issuer::of(&[&Signer::ec()]).await;
    let rules = rules(supabase.settings).unwrap();
    let keys = Keys::published(&issuer.url, rules, RefreshPolicy::default()).unwrap();
    for answer in both_doors(&keys, &Signer::ec().signs(&supabase.claims)).await {
        assert_eq!(answer.unwrap().context["tenant"], "acme");
    }
    for answer in both_doors(&keys, &Signer::secret(SECRET).under("ec").signs(&supabase.claims)).await {
        assert_eq!(answer.unwrap_err(), Refusal::WrongAlgorithm);
    }
}

#[tokio::test]
async fn firebase_needs_nothing_but_custom_claims() {
    let firebase = Provider::new(
        &[("JWT_ISSUER", "https://securetoken.example/acme-project"), ("JWT_AUDIENCE", "acme-project")],
        json!({
            "sub": "f1reb45e", "user_id": "f1reb45e", "iss": "https://securetoken.example/acme-project",
            "aud": "acme-project", "auth_time": 1_795_341_600, "role": "agent", "tenant": "acme", "name": "Ana",
            "firebase": { "identities": {}, "sign_in_provider": "password" },
        }),
    );
    let context = firebase.lets_in(&firebase.claims, "agent", "acme").await;
    assert_eq!(context["name"], "Ana");

    firebase.refuses(&firebase.with("aud", json!("another-project")), Refusal::WrongAudience, "aud").await;
    let issuer = json!("https://securetoken.example/another-project");
    firebase.refuses(&firebase.with("iss", issuer), Refusal::WrongIssuer, "iss").await;
    firebase.refuses(&firebase.with("role", Value::Null), Refusal::UnknownRole, "role").await;
}

#[tokio::test]
async fn keycloaks_roles_are_those_of_a_client() {
    let keycloak = Provider::new(
        &[
            ("JWT_ISSUER", "https://id.acme.example/realms/acme"),
            ("JWT_AUDIENCE", "switchboard"),
            ("JWT_ROLE_CLAIM", "resource_access.chat.example.roles"),
            ("JWT_ROLE_MAP", "support-agent=agent"),
            ("JWT_DEFAULT_ROLE", "customer"),
            ("JWT_DEFAULT_TENANT", "acme"),
        ],
        json!({
            "sub": "0d1c-keycloak", "iss": "https://id.acme.example/realms/acme", "aud": ["switchboard", "account"],
            "typ": "Bearer", "azp": "chat.example", "realm_access": { "roles": ["offline_access", "admin"] },
            "resource_access": { "chat.example": { "roles": ["uma", "support-agent"] } }, "name": "Ana Agent",
            "preferred_username": "ana", "acr": "1", "allowed-origins": ["https://chat.example"],
        }),
    );
    let context = keycloak.lets_in(&keycloak.claims, "agent", "acme").await;
    assert_eq!(context["name"], "Ana Agent");
    // The realm's admin is nothing in this client.
    keycloak.lets_in(&keycloak.with("resource_access", json!({})), "customer", "acme").await;

    keycloak.refuses(&keycloak.with("aud", json!("account")), Refusal::WrongAudience, "aud").await;
    let malformed = json!({ "chat.example": { "roles": { "admin": {} } } });
    keycloak.refuses(&keycloak.with("resource_access", malformed), Refusal::Claim("role"), "role").await;
}

#[tokio::test]
async fn entras_app_roles_are_mapped() {
    let entra = Provider::new(
        &[
            ("JWT_ISSUER", "https://login.example/9f000000-0000-4000-8000-000000000003/v2.0"),
            ("JWT_AUDIENCE", "api-1"),
            ("JWT_ROLE_CLAIM", "roles"),
            ("JWT_ROLE_MAP", "Chat.Agent=agent,Chat.Admin=admin"),
            ("JWT_TENANT_CLAIM", "tid"),
            ("JWT_DEFAULT_ROLE", "customer"),
        ],
        json!({
            "sub": "e1pairwise", "oid": "0b1d", "tid": "9f000000-0000-4000-8000-000000000003",
            "iss": "https://login.example/9f000000-0000-4000-8000-000000000003/v2.0", "aud": "api-1", "ver": "2.0",
            "azp": "spa-1", "scp": "access", "roles": ["Chat.Agent"], "name": "Ana Agent", "uti": "u",
        }),
    );
    let tenant = "9f000000-0000-4000-8000-000000000003";
    entra.lets_in(&entra.claims, "agent", tenant).await;
    entra.lets_in(&entra.with("roles", Value::Null), "customer", tenant).await;
    entra.lets_in(&entra.with("roles", json!(["Mail.Admin"])), "customer", tenant).await;

    // A token for Microsoft Graph, of the older endpoint and of another directory.
    let graph = json!("00000003-0000-0000-c000-000000000000");
    entra.refuses(&entra.with("aud", graph), Refusal::WrongAudience, "aud").await;
    let older = json!("https://sts.example/9f000000-0000-4000-8000-000000000003/");
    entra.refuses(&entra.with("iss", older), Refusal::WrongIssuer, "iss").await;
    entra.refuses(&entra.with("roles", json!([{ "Chat": "Agent" }])), Refusal::Claim("role"), "role").await;
}

#[tokio::test]
async fn a_mapped_name_means_what_the_map_says_even_if_it_is_one_of_ours() {
    let settings = &[
        ("JWT_ISSUER", "i"),
        ("JWT_AUDIENCE", "a"),
        ("JWT_ROLE_MAP", "admin=customer,cn=agents=agent,agents=admin"),
        ("JWT_DEFAULT_TENANT", "acme"),
    ];
    let provider = Provider::new(settings, json!({ "sub": "s", "iss": "i", "aud": "a", "role": "admin" }));
    provider.lets_in(&provider.claims, "customer", "acme").await;
    provider.lets_in(&provider.with("role", json!("agents")), "admin", "acme").await;
    provider.lets_in(&provider.with("role", json!("cn=agents")), "agent", "acme").await;
    provider.lets_in(&provider.with("role", json!("agent")), "agent", "acme").await;
    provider.refuses(&provider.with("role", json!("Admin")), Refusal::UnknownRole, "role").await;
}
