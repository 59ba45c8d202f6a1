//! The access key of an instance, with which other processes sign their requests to its services: AWS's Signature
//! Version 4, as every SDK makes it from `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.

use std::fmt::Write as _;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header::AUTHORIZATION};
use hmac::{Hmac, KeyInit as _, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use sha2::{Digest, Sha256};
use time::{
    Duration, OffsetDateTime, PrimitiveDateTime, format_description::BorrowedFormatItem, macros::format_description,
};

use crate::in_process::REGION;

/// The greatest difference between a signature's time and this machine's, as AWS has it.
const MAX_SKEW: Duration = Duration::minutes(15);

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE: &str = "x-amz-date";
/// Headers that change what a request does. They must be signed where they are sent.
const MEANINGFUL_HEADERS: [&str; 4] = ["host", DATE, "x-amz-target", "x-amz-invocation-type"];
const DATE_FORMAT: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]T[hour][minute][second]Z");
/// The bytes of a path that a signature escapes, which escapes a `%` of the path too.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// An access key id and its secret.
#[derive(Clone)]
pub struct AccessKey {
    id: String,
    secret: String,
}

/// The reason why a signature is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignatureError {
    #[error("the request is not signed; take the access key that `switchboard env` prints")]
    Missing,
    #[error("the access key is not this instance's; take the one that `switchboard env` prints")]
    UnknownKey,
    #[error("the signature is for another service or day")]
    Scope,
    #[error("the signature's time differs from this machine's by more than 15 minutes")]
    Time,
    #[error("the signature leaves out a header")]
    Unsigned,
    #[error("the signature does not match the request")]
    Mismatch,
}

/// The parts of a request that a signature covers.
#[derive(Clone, Copy)]
struct Signed<'a> {
    method: &'a Method,
    uri: &'a Uri,
    headers: &'a HeaderMap,
    body: &'a [u8],
    /// The names of the signed headers, separated by semicolons.
    names: &'a str,
}

impl AccessKey {
    pub(crate) fn new(id: String, secret: String) -> Self {
        Self { id, secret }
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// The headers that sign a request to `service`, over these headers in lower case, among them `host`.
    #[must_use]
    pub fn sign(
        &self,
        service: &str,
        (method, uri, headers): (&Method, &Uri, &[(&'static str, &str)]),
        body: &[u8],
    ) -> [(&'static str, String); 2] {
        let date = OffsetDateTime::now_utc().format(DATE_FORMAT).unwrap_or_default();
        let mut signed: HeaderMap = headers.iter().filter_map(|(name, value)| header(name, value)).collect();
        signed.extend(header(DATE, &date));
        let mut names: Vec<_> = signed.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        let names = names.join(";");
        let scope = format!("{}/{REGION}/{service}/aws4_request", &date[..8]);
        let text = string_to_sign(&date, &scope, Signed { method, uri, headers: &signed, body, names: &names });
        let (id, signature) = (&self.id, hex(&self.mac(&scope, &text).finalize().into_bytes()));
        let authorization =
            format!("{ALGORITHM} Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}");
        [(DATE, date), (AUTHORIZATION.as_str(), authorization)]
    }

    /// Checks that a request to `service` is signed with this key, at about this time.
    pub(crate) fn verify(
        &self,
        service: &str,
        (method, uri, headers): (&Method, &Uri, &HeaderMap),
        body: &[u8],
    ) -> Result<(), SignatureError> {
        let mut sent = headers.get_all(AUTHORIZATION).iter();
        let (Some(authorization), None) = (sent.next(), sent.next()) else { return Err(SignatureError::Missing) };
        let authorization = authorization.to_str().ok().and_then(|text| text.strip_prefix(ALGORITHM));
        let authorization = authorization.ok_or(SignatureError::Missing)?;
        let part = |name: &str| {
            let mut parts = authorization.split(',').filter_map(|part| part.trim().split_once('='));
            parts.find(|(found, _)| *found == name).map(|(_, value)| value).ok_or(SignatureError::Missing)
        };
        let (credential, names, signature) = (part("Credential")?, part("SignedHeaders")?, part("Signature")?);
        let (id, scope) = credential.split_once('/').ok_or(SignatureError::Missing)?;
        if id != self.id {
            return Err(SignatureError::UnknownKey);
        }
        let date = headers.get(DATE).and_then(|date| date.to_str().ok()).ok_or(SignatureError::Missing)?;
        let time = PrimitiveDateTime::parse(date, DATE_FORMAT).map_err(|_| SignatureError::Time)?.assume_utc();
        if (OffsetDateTime::now_utc() - time).abs() > MAX_SKEW {
            return Err(SignatureError::Time);
        }
        // The region is the caller's: `sam local` sets one of its own.
        let is_ours = match scope.split('/').collect::<Vec<_>>()[..] {
            [day, _, signed_for, "aws4_request"] => day == &date[..8] && signed_for == service,
            _ => false,
        };
        if !is_ours {
            return Err(SignatureError::Scope);
        }
        let is_signed = |name: &str| names.split(';').any(|signed| signed == name);
        if MEANINGFUL_HEADERS.into_iter().any(|name| headers.contains_key(name) && !is_signed(name)) {
            return Err(SignatureError::Unsigned);
        }
        let signature = unhex(signature).ok_or(SignatureError::Mismatch)?;
        let text = string_to_sign(date, scope, Signed { method, uri, headers, body, names });
        // Compares in constant time.
        self.mac(scope, &text).verify_slice(&signature).map_err(|_| SignatureError::Mismatch)
    }

    fn mac(&self, scope: &str, text: &str) -> Hmac<Sha256> {
        let first = format!("AWS4{}", self.secret).into_bytes();
        let key = scope.split('/').fold(first, |key, part| hmac(&key, part).finalize().into_bytes().to_vec());
        hmac(&key, text)
    }
}

fn header(name: &'static str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    Some((HeaderName::from_static(name), value.parse().ok()?))
}

fn string_to_sign(date: &str, scope: &str, request: Signed<'_>) -> String {
    let Signed { method, uri, headers, body, names } = request;
    let mut query: Vec<_> =
        uri.query().into_iter().flat_map(|query| query.split('&')).filter(|pair| !pair.is_empty()).collect();
    query.sort_unstable();
    let query: Vec<_> =
        query.into_iter().map(|pair| if pair.contains('=') { pair.to_owned() } else { format!("{pair}=") }).collect();
    let mut text = format!("{method}\n{}\n{}\n", percent_encode(uri.path().as_bytes(), ESCAPED), query.join("&"));
    for name in names.split(';') {
        let values = headers.get_all(name).iter().map(|value| {
            let value = String::from_utf8_lossy(value.as_bytes());
            value.split_whitespace().collect::<Vec<_>>().join(" ")
        });
        let _ = writeln!(text, "{name}:{}", values.collect::<Vec<_>>().join(","));
    }
    let _ = write!(text, "\n{names}\n{}", hex(&Sha256::digest(body)));
    format!("{ALGORITHM}\n{date}\n{scope}\n{}", hex(&Sha256::digest(text)))
}

fn hmac(key: &[u8], text: &str) -> Hmac<Sha256> {
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mac) => mac.chain_update(text),
        Err(_) => unreachable!("HMAC takes a key of any length"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| Some(u8::try_from(digit.to_digit(16)?).unwrap_or(0))).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
