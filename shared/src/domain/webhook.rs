//! A chatbot's webhook: the server that runs its functions and is notified of changes of owner.

mod address;

use std::{fmt, net::IpAddr, str::FromStr};

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::Error;

pub use address::is_public;

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Webhook {
    #[cfg_attr(feature = "schema", schemars(length(max = 2_000), url))]
    pub url: String,
    /// The secret that its requests are signed with. The API never shows it.
    #[cfg_attr(feature = "schema", schemars(length(min = 16, max = 128)))]
    pub secret: String,
}

/// A webhook as the API shows it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "WebhookUrl"))]
pub struct View {
    pub url: String,
}

/// The addresses that webhooks may have. This is the protection against server-side request forgery (SSRF).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NetworkPolicy {
    /// Public addresses, over HTTPS. A webhook with a private address would open the network it is called from to
    /// strangers.
    #[default]
    Public,
    /// Any address, over HTTP too. For a laptop, where webhooks are tried against local servers.
    Anywhere,
}

/// The prefix of secrets in the format of Standard Webhooks, which are the key in base64.
const BASE64_PREFIX: &str = "whsec_";

impl Webhook {
    /// Validates the URL and the secret. Returns the webhook with its URL normalised.
    pub fn validated(&self, policy: NetworkPolicy) -> Result<Self, Error> {
        let invalid = |reason: &str| Error::invalid("webhook.url", reason);
        if self.url.chars().count() > 2_000 {
            return Err(invalid("must have at most 2000 characters"));
        }
        let url: Url = self.url.parse().map_err(|_| invalid("must be a URL"))?;
        if url.scheme() != "https" && (policy == NetworkPolicy::Public || url.scheme() != "http") {
            return Err(invalid("must begin with https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("must not contain a user name or password; requests are signed instead"));
        }
        if url.fragment().is_some() {
            return Err(invalid("must not have a fragment"));
        }
        if !is_allowed_host(&url, policy) {
            return Err(invalid("must point to a public address"));
        }
        if !(16..=128).contains(&self.secret.chars().count()) {
            return Err(Error::invalid("webhook.secret", "must have 16 to 128 characters"));
        }
        if self.secret.starts_with(BASE64_PREFIX) && !(24..=64).contains(&self.key().len()) {
            return Err(Error::invalid("webhook.secret", "must have 24 to 64 bytes, encoded as base64, after whsec_"));
        }
        Ok(Self { url: url.into(), secret: self.secret.clone() })
    }

    /// The signing key: the secret's bytes, or the bytes that it encodes.
    pub fn key(&self) -> Vec<u8> {
        match self.secret.strip_prefix(BASE64_PREFIX) {
            Some(encoded) => BASE64_STANDARD.decode(encoded).unwrap_or_default(),
            None => self.secret.clone().into_bytes(),
        }
    }

    pub fn view(&self) -> View {
        View { url: self.url.clone() }
    }
}

/// Shows neither field: they must not reach a log, and URLs contain tokens too.
impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").finish_non_exhaustive()
    }
}

impl NetworkPolicy {
    pub fn allows(self, address: IpAddr) -> bool {
        self == Self::Anywhere || is_public(address)
    }
}

impl FromStr for NetworkPolicy {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "public" => Ok(Self::Public),
            "anywhere" => Ok(Self::Anywhere),
            _ => Err("must be `public` or `anywhere`"),
        }
    }
}

/// False for a host that is an address, in any notation, and not allowed. A name passes, since only the resolver knows
/// its addresses.
pub fn is_allowed_host(url: &Url, policy: NetworkPolicy) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address: Result<IpAddr, _> = host.trim_matches(['[', ']']).parse();
    address.is_err() || address.is_ok_and(|address| policy.allows(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef";

    fn refused(url: &str, secret: &str, policy: NetworkPolicy) -> String {
        let webhook = Webhook { url: url.into(), secret: secret.into() };
        webhook.validated(policy).map_or_else(|error| error.to_string(), |valid| format!("{} is allowed", valid.url))
    }

    #[test]
    fn a_webhook_is_a_public_https_address() {
        for url in [
            "https://hooks.example.com/a?b=c",
            "https://hooks.example.com:8443/",
            "https://8.8.8.8/",
            "https://[2606:4700::1111]/",
            "https://100.hooks.example.com/",
        ] {
            assert_eq!(refused(url, SECRET, NetworkPolicy::Public), format!("{url} is allowed"));
        }
        for (url, why) in [
            ("", "must be a URL"),
            ("hooks.example.com", "must be a URL"),
            ("https://", "must be a URL"),
            ("https://1.2.3.4.5/", "must be a URL"),
            ("http://hooks.example.com/", "must begin with https://"),
            ("ftp://hooks.example.com/", "must begin with https://"),
            ("file:///etc/passwd", "must begin with https://"),
            ("https://me@hooks.example.com/", "must not contain a user name or password; requests are signed instead"),
            (
                "https://:pass@hooks.example.com/",
                "must not contain a user name or password; requests are signed instead",
            ),
            ("https://hooks.example.com/#a", "must not have a fragment"),
        ] {
            assert_eq!(refused(url, SECRET, NetworkPolicy::Public), format!("webhook.url: {why}"), "{url}");
        }
    }

    #[test]
    fn an_address_is_known_in_every_notation() {
        for host in [
            "127.0.0.1",
            "127.0.0.1.",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "%31%32%37.0.0.1",
            "１２７.0.0.1",
            "127。0。0。1",
            "0",
            "169.254.169.254",
            "0xa9fea9fe",
            "2852039166",
            "[::1]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[64:ff9b::10.0.0.1]",
            "[fd00:ec2::254]",
        ] {
            let url = format!("https://{host}/");
            assert_eq!(
                refused(&url, SECRET, NetworkPolicy::Public),
                "webhook.url: must point to a public address",
                "{host}"
            );
        }
    }

    #[test]
    fn a_laptop_reaches_itself() {
        for url in ["http://127.0.0.1:8080/", "http://localhost/", "https://[::1]/"] {
            assert_eq!(refused(url, SECRET, NetworkPolicy::Anywhere), format!("{url} is allowed"));
        }
        assert_eq!(
            refused("ftp://localhost/", SECRET, NetworkPolicy::Anywhere),
            "webhook.url: must begin with https://"
        );
    }

    #[test]
    fn a_secret_is_neither_short_nor_endless() {
        let url = "https://hooks.example.com/";
        let encoded = |bytes: usize| format!("whsec_{}", BASE64_STANDARD.encode(vec![7; bytes]));
        for good in [SECRET.to_owned(), "é".repeat(128), encoded(24), encoded(64)] {
            assert_eq!(refused(url, &good, NetworkPolicy::Public), format!("{url} is allowed"), "{good}");
        }
        for bad in [&SECRET[1..], &"é".repeat(129), &encoded(23), &encoded(65), "whsec_no base64 at all!"] {
            assert!(refused(url, bad, NetworkPolicy::Public).starts_with("webhook.secret: must have"), "{bad}");
        }
    }

    #[test]
    fn nothing_of_a_webhook_reaches_a_log() {
        let webhook = Webhook { url: "https://hooks.example.com/".into(), secret: SECRET.into() };
        assert_eq!(format!("{webhook:?}"), "Webhook { .. }");
    }
}
