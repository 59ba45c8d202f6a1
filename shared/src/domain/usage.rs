//! Token counts, as the model's server bills them.

use std::{fmt, ops::AddAssign, str::FromStr};

use serde::{Deserialize, Serialize};

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

/// The four counts in the order of the fields, separated by spaces. The table's form: every turn writes two of them, and
/// each would be a map of four numbers.
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

/// A field with counts that may be absent, in the table's form.
pub mod in_table {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use super::Usage;

    pub fn serialize<S: Serializer>(usage: &Option<Usage>, serializer: S) -> Result<S::Ok, S::Error> {
        usage.map(|usage| usage.to_string()).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Usage>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse()).transpose().map_err(D::Error::custom)
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
