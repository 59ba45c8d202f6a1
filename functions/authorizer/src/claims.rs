//! The claims of a token, as they were signed.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};
use serde_json::{Map, Number, Value};

use crate::refusal::Refusal;

/// The last second of the year 9999. A later date is lowered to it, so that every reader's calendar can hold it.
pub(crate) const MAX_SECONDS: u64 = 253_402_300_799;

/// A token's claims by name. A claim that is null counts as absent: providers write null for what a user lacks.
pub(crate) struct Claims(Map<String, Value>);

impl Claims {
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// The claim at a path: a claim of that name (names with dots are common: URLs), or else one inside the objects
    /// that the parts between dots name.
    pub(crate) fn at(&self, path: &str) -> Option<&Value> {
        find(&self.0, path).filter(|value| !value.is_null())
    }

    /// A claim that must be a text.
    pub(crate) fn text(&self, name: &'static str) -> Result<&str, Refusal> {
        self.get(name).and_then(Value::as_str).ok_or(Refusal::Claim(name))
    }

    /// Whole seconds of a `NumericDate`, which may have a fraction (RFC 7519, section 2); some issuers send one.
    pub(crate) fn seconds(&self, name: &'static str) -> Result<Option<u64>, Refusal> {
        let seconds = |value: &Value| match value {
            Value::Number(number) => whole_seconds(number),
            _ => None,
        };
        self.get(name).map(|value| seconds(value).ok_or(Refusal::Claim(name))).transpose()
    }
}

fn find<'a>(object: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let inside = |(dot, _): (usize, &str)| find(object.get(&path[..dot])?.as_object()?, &path[dot + 1..]);
    object.get(path).or_else(|| path.match_indices('.').find_map(inside))
}

fn whole_seconds(number: &Number) -> Option<u64> {
    let whole = match number.as_u64() {
        Some(whole) => whole,
        None => format!("{:.0}", number.as_f64()?.floor()).parse().ok()?,
    };
    Some(whole.min(MAX_SECONDS))
}

/// Refuses an object that has a name twice: readers differ on which one counts.
impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Distinct;

        impl<'de> Visitor<'de> for Distinct {
            type Value = Claims;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object with distinct names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Claims, A::Error> {
                let mut claims = Map::new();
                while let Some((name, value)) = members.next_entry::<String, Value>()? {
                    if claims.insert(name, value).is_some() {
                        return Err(de::Error::custom("a name occurs twice"));
                    }
                }
                Ok(Claims(claims))
            }
        }

        deserializer.deserialize_map(Distinct)
    }
}
