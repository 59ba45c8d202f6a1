//! The known deviations of emulators from DynamoDB, each as narrow as it is: everything else is a difference.

use tests::recording::Exchange;

use super::meaning::Meaning;

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Deviation {
    /// A page that is full and happens to be the last one has no `LastEvaluatedKey`. DynamoDB gives one whenever the
    /// limit is reached, and an empty page after it: its documentation warns of both.
    LastFullPage,
    /// A transaction under a token that was carried out before is carried out again, and so refused by the conditions
    /// that its first time changed. DynamoDB answers as it did the first time.
    RepeatedToken,
}

impl Deviation {
    /// The deviation that explains why the last request of `recorded` means one thing here and another there.
    pub(super) fn of(recorded: &[Exchange], here: &Meaning, there: &Meaning) -> Option<Self> {
        let (made, earlier) = recorded.split_last()?;
        if made.operation == "Query" && here.is_full(&made.request["Limit"]) && here.without_cursor() == *there {
            return Some(Self::LastFullPage);
        }
        let token = &made.request["ClientRequestToken"];
        let is_repeat = |one: &Exchange| one.status == 200 && one.request["ClientRequestToken"] == *token;
        let is_cancelled = there.error().starts_with("TransactionCanceledException");
        (token.is_string() && made.status == 200 && is_cancelled && earlier.iter().any(is_repeat))
            .then_some(Self::RepeatedToken)
    }
}
