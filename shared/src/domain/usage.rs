//! Token counts, as the model's server bills them.

use std::{
    fmt,
    ops::{AddAssign, Sub},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

use super::At;

/// The tokens of one answer, or of all answers of a thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Usage {
    pub input: u64,
    /// Input tokens that came from the prompt cache; part of `input`.
    pub cached: u64,
    pub output: u64,
    /// Output tokens of the model's reasoning; part of `output`.
    pub reasoning: u64,
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.input = self.input.saturating_add(other.input);
        self.cached = self.cached.saturating_add(other.cached);
        self.output = self.output.saturating_add(other.output);
        self.reasoning = self.reasoning.saturating_add(other.reasoning);
    }
}

impl Sub for Usage {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_sub(other.input),
            cached: self.cached.saturating_sub(other.cached),
            output: self.output.saturating_sub(other.output),
            reasoning: self.reasoning.saturating_sub(other.reasoning),
        }
    }
}

/// The turns of a thread on one day that are not in the tenant's usage yet. In the table it is one text, because every
/// turn writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct UnreportedTurns {
    /// The time of the first of them.
    pub since: At,
    pub turns: u64,
    /// The times that the thread went into the queue.
    pub hand_overs: u64,
    pub usage: Usage,
}

impl UnreportedTurns {
    /// The turns with another one at `at`.
    pub(super) fn with_turn(earlier: Option<Self>, at: At, usage: Usage) -> Self {
        let mut turns = Self::on_day_of(earlier, at);
        turns.turns += 1;
        turns.usage += usage;
        turns
    }

    /// The turns with a hand-over at `at`.
    pub(super) fn with_hand_over(earlier: Option<Self>, at: At) -> Self {
        let turns = Self::on_day_of(earlier, at);
        Self { hand_overs: turns.hand_overs + 1, ..turns }
    }

    /// The turns of the day of `at`. Those of an earlier day are left out: the commit reports them.
    fn on_day_of(earlier: Option<Self>, at: At) -> Self {
        let same_day = earlier.filter(|earlier| earlier.since.date() == at.date());
        same_day.unwrap_or(Self { since: at, turns: 0, hand_overs: 0, usage: Usage::default() })
    }

    /// The turns without those that are reported; `None` where none is left.
    #[must_use]
    pub fn without(self, reported: Self) -> Option<Self> {
        if self.since.date() != reported.since.date() {
            return Some(self);
        }
        let turns = self.turns.saturating_sub(reported.turns);
        let hand_overs = self.hand_overs.saturating_sub(reported.hand_overs);
        let rest = Self { since: self.since, turns, hand_overs, usage: self.usage - reported.usage };
        (turns > 0 || hand_overs > 0).then_some(rest)
    }
}

/// The time, the counts of turns and hand-overs and those of tokens, separated by spaces.
impl From<UnreportedTurns> for String {
    fn from(UnreportedTurns { since, turns, hand_overs, usage }: UnreportedTurns) -> Self {
        format!("{} {turns} {hand_overs} {usage}", since.millis())
    }
}

impl TryFrom<String> for UnreportedTurns {
    type Error = String;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let read = || {
            let (since, rest) = text.split_once(' ')?;
            let (turns, rest) = rest.split_once(' ')?;
            let (hand_overs, usage) = rest.split_once(' ')?;
            let since = At::from_millis(since.parse().ok()?);
            let (turns, hand_overs) = (turns.parse().ok()?, hand_overs.parse().ok()?);
            Some(Self { since, turns, hand_overs, usage: usage.parse().ok()? })
        };
        read().ok_or_else(|| format!("`{text}` must be a time and counts"))
    }
}

/// The four counts in the order of the fields, separated by spaces.
impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { input, cached, output, reasoning } = self;
        write!(f, "{input} {cached} {output} {reasoning}")
    }
}

impl FromStr for Usage {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let counts: Option<Vec<u64>> = text.split(' ').map(|count| count.parse().ok()).collect();
        let Some(&[input, cached, output, reasoning]) = counts.as_deref() else {
            return Err(format!("`{text}` must be four counts of tokens"));
        };
        Ok(Self { input, cached, output, reasoning })
    }
}

/// Counts in the table's form: one text, because every turn writes two of them. A map is read too: older versions wrote
/// one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "Form")]
pub struct InTable(pub Usage);

#[derive(Deserialize)]
#[serde(untagged)]
enum Form {
    Text(String),
    Map(Usage),
}

impl From<InTable> for String {
    fn from(InTable(usage): InTable) -> Self {
        usage.to_string()
    }
}

impl TryFrom<Form> for InTable {
    type Error = String;
    fn try_from(form: Form) -> Result<Self, Self::Error> {
        match form {
            Form::Text(text) => text.parse().map(Self),
            Form::Map(usage) => Ok(Self(usage)),
        }
    }
}

/// A field with counts that may be absent, as [`InTable`].
pub mod in_table {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{InTable, Usage};

    pub fn serialize<S: Serializer>(usage: &Option<Usage>, serializer: S) -> Result<S::Ok, S::Error> {
        usage.map(InTable).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Usage>, D::Error> {
        Ok(Option::deserialize(deserializer)?.map(|InTable(usage)| usage))
    }
}

#[cfg(test)]
mod tests {
    use super::Usage;

    #[test]
    fn four_counts_are_read_as_they_were_written() {
        let usage = Usage { input: 9, cached: 4, output: u64::MAX, reasoning: 0 };
        assert_eq!(usage.to_string().parse(), Ok(usage));
        for wrong in ["", "1 2 3", "1 2 3 4 5", "1 2 3 -4"] {
            assert_eq!(wrong.parse::<Usage>(), Err(format!("`{wrong}` must be four counts of tokens")));
        }
    }
}
