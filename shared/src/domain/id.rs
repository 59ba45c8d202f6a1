//! Ids: a prefix that names the kind, and a ULID. They are parsed at the edge and never checked again.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// The error for a text that is not an id of the expected kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an id like {0}01JD0000000000000000000000")]
pub struct NotAnId(&'static str);

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        #[cfg_attr(
            feature = "schema",
            derive(schemars::JsonSchema),
            schemars(with = "String", extend("pattern" = concat!("^", $prefix, "[0-7][0-9A-HJKMNP-TV-Z]{25}$")))
        )]
        pub struct $name(String);

        impl $name {
            pub fn new(ulid: Ulid) -> Self {
                Self(format!(concat!($prefix, "{}"), ulid))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let ulid = text.strip_prefix($prefix).and_then(|ulid| Ulid::from_string(ulid).ok());
                // Compared with the canonical form, since a ULID can be spelt in several ways.
                ulid.map(Self::new).filter(|id| id.0 == text).ok_or(NotAnId($prefix))
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotAnId;
            fn try_from(text: String) -> Result<Self, NotAnId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(ThreadId, "thr_");
id!(ChatbotId, "bot_");
id!(
    /// The id of a message or a note.
    MessageId,
    "msg_"
);
id!(RunId, "run_");
id!(ErasureId, "era_");
id!(AuditId, "aud_");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling() {
        let id: ThreadId = "thr_01JD0000000000000000000000".parse().unwrap();
        assert_eq!(id.as_str(), "thr_01JD0000000000000000000000");
        for odd in ["", "thr_", "bot_01JD0000000000000000000000", "thr_01jd0000000000000000000000", "thr_01JD#0000"] {
            assert_eq!(odd.parse::<ThreadId>(), Err(NotAnId("thr_")), "{odd}");
        }
    }
}
