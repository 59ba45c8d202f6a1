//! Timestamps, as the API shows them.

use std::{fmt, ops::Add, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use time::{OffsetDateTime, PrimitiveDateTime, format_description::BorrowedFormatItem, macros::format_description};

/// A timestamp in UTC with milliseconds. Its text is RFC 3339 with exactly three fractional digits, so that texts sort
/// by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(with = "String", extend("format" = "date-time")))]
pub struct At(i64);

const FORMAT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

impl At {
    /// Milliseconds since 1970.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Seconds since 1970, rounded down. The unit of DynamoDB's TTL and of a token's `exp`.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The time from `earlier` until this; zero if it is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0).try_into().unwrap_or_default())
    }

    /// The day in UTC, `YYYY-MM-DD`. Texts of days sort by time.
    pub fn date(self) -> String {
        let mut text = self.to_string();
        text.truncate("YYYY-MM-DD".len());
        text
    }
}

impl Add<Duration> for At {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = OffsetDateTime::UNIX_EPOCH.checked_add(time::Duration::milliseconds(self.0)).ok_or(fmt::Error)?;
        // Into a text on the stack: a turn writes two dozen times.
        let mut text = [0; "-YYYY-MM-DDThh:mm:ss.mmmZ".len()];
        let bytes = at.format_into(&mut text.as_mut_slice(), FORMAT).map_err(|_| fmt::Error)?;
        f.write_str(str::from_utf8(&text[..bytes]).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for At {
    type Err = time::error::Parse;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let at = PrimitiveDateTime::parse(text, FORMAT)?.assume_utc();
        Ok(Self(at.unix_timestamp() * 1000 + i64::from(at.millisecond())))
    }
}

impl Serialize for At {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for At {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::At;

    #[test]
    fn a_time_reads_back_as_it_was_written() {
        for millis in [-62_198_755_199_993, 0, 1_795_341_600_007, 4_102_444_800_000] {
            let at = At::from_millis(millis);
            assert_eq!(at.to_string().parse::<At>().unwrap(), at);
        }
        assert_eq!(At::from_millis(1_795_341_600_007).to_string(), "2026-11-22T10:00:00.007Z");
        assert_eq!(At::from_millis(1_795_341_600_007).date(), "2026-11-22");
    }
}
