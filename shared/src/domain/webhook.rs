//! A chatbot's webhook: where its functions are called, and where it is told that a line has changed hands.

mod address;

use std::{fmt, net::IpAddr, str::FromStr};

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::Error;

pub use address::is_public;

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    pub url: String,
    /// What its requests are signed with. It is never shown again.
    pub secret: String,
}

/// A webhook as the API shows it.
#[derive(Clone, Debug, Serialize)]
pub struct View {
    pub url: String,
}

/// Where webhooks may lead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NetworkPolicy {
    /// By https to public addresses. A webhook that led into the network it is called from would open it to strangers.
    #[default]
    Public,
    /// Anywhere, by http too: on a laptop, whose own servers are what one tries things on.
    Anywhere,
}

/// Secrets in the notation of Standard Webhooks: what follows is the key as base64.
const ENCODED: &str = "whsec_";

impl Webhook {
    /// The webhook with its URL as the standard writes it, or what is wrong with it.
    pub fn checked(&self, reach: NetworkPolicy) -> Result<Self, Error> {
        let wrong = |reason: &str| Error::invalid("webhook.url", reason);
        if self.url.chars().count() > 2_000 {
            return Err(wrong("must have at most 2000 characters"));
        }
        let url: Url = self.url.parse().map_err(|_| wrong("must be a URL"))?;
        if url.scheme() != "https" && (reach == NetworkPolicy::Public || url.scheme() != "http") {
            return Err(wrong("must begin with https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("must hold no user name or password; requests are signed"));
        }
        if url.fragment().is_some() {
            return Err(wrong("must have no fragment"));
        }
        if !leads_out(&url, reach) {
            return Err(wrong("must lead to a public address"));
        }
        if !(16..=128).contains(&self.secret.chars().count()) {
            return Err(Error::invalid("webhook.secret", "must have 16 to 128 characters"));
        }
        if self.secret.starts_with(ENCODED) && !(24..=64).contains(&self.key().len()) {
            return Err(Error::invalid("webhook.secret", "must have 24 to 64 bytes as base64 after whsec_"));
        }
        Ok(Self { url: url.into(), secret: self.secret.clone() })
    }

    /// The key of its signatures: the secret's bytes, or those it stands for.
    pub fn key(&self) -> Vec<u8> {
        match self.secret.strip_prefix(ENCODED) {
            Some(encoded) => BASE64_STANDARD.decode(encoded).unwrap_or_default(),
            None => self.secret.clone().into_bytes(),
        }
    }

    pub fn view(&self) -> View {
        View { url: self.url.clone() }
    }
}

/// Neither part is for a log: URLs hold tokens too.
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

/// Whether a host that is an address, in whichever notation, may be gone to. Of a name only a resolver can tell.
pub fn leads_out(url: &Url, reach: NetworkPolicy) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address: Result<IpAddr, _> = host.trim_matches(['[', ']']).parse();
    address.is_err() || address.is_ok_and(|address| reach.allows(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef";

    fn refused(url: &str, secret: &str, reach: NetworkPolicy) -> String {
        let webhook = Webhook { url: url.into(), secret: secret.into() };
        webhook.checked(reach).map_or_else(|error| error.to_string(), |checked| format!("{} is allowed", checked.url))
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
            ("https://me@hooks.example.com/", "must hold no user name or password; requests are signed"),
            ("https://:pass@hooks.example.com/", "must hold no user name or password; requests are signed"),
            ("https://hooks.example.com/#a", "must have no fragment"),
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
                "webhook.url: must lead to a public address",
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
