//! Budgets: how much a customer, a chatbot and a tenant may use in a minute, an hour or a day.

mod ahead;
mod reservation;

use reqwest::Url;
use serde::{Deserialize, Serialize};

use super::{At, ChatbotId, identity::VISITOR};
use crate::Error;

pub use ahead::{CountedAhead, difference};
pub use reservation::{CountedUses, Reservation, ReservedTurn, ReturnedUses, SharedTokens};

/// A use that is counted, and the window in which it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// Replies that the model is asked for.
    TurnsPerMinute,
    TurnsPerDay,
    /// Tokens of the model, input and output.
    TokensPerDay,
    /// Messages that customers post.
    MessagesPerMinute,
    /// Threads that customers create.
    ThreadsPerHour,
    /// Times that customers ask for a person.
    EscalationsPerHour,
}

/// The time after which a count starts anew. Windows are aligned to the clock, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    Minute,
    Hour,
    Day,
}

/// A use of a budget: an amount, and the limit that it must not exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    pub budget: Budget,
    pub amount: u64,
    pub limit: u64,
}

/// The side that a budget belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// A customer without an account. Each has the budgets on their own.
    Visitor,
    /// Each customer with an account.
    Customer,
    /// Each chatbot, all its threads together.
    Chatbot,
    Tenant,
}

/// The account that a budget is counted in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BudgetAccount {
    Customer(String),
    Chatbot(ChatbotId),
    Tenant,
}

/// The limits of one side; 0 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits([u64; Budget::ALL.len()]);

/// The budgets of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetSettings {
    pub visitor: Limits,
    pub customer: Limits,
    /// The limits of a chatbot that sets none of its own.
    pub chatbot: Limits,
    pub tenant: Limits,
    /// The most calls of a chatbot's functions in one turn.
    pub tool_calls_per_turn: u32,
    /// The most tokens of a reply, of chatbots that set none of their own; 0 leaves it to the model.
    pub max_output_tokens: u32,
}

/// A chatbot's own limits. One that is absent is the deployment's; 0 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChatbotLimits {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(max = u32::MAX)))]
    pub turns_per_minute: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(max = u32::MAX)))]
    pub turns_per_day: Option<u32>,
    /// Input and output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(max = u32::MAX)))]
    pub tokens_per_day: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(max = u32::MAX)))]
    pub threads_per_hour: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(max = u32::MAX)))]
    pub messages_per_minute: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(max = u32::MAX)))]
    pub escalations_per_hour: Option<u32>,
    /// The most calls of its functions in one turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(max = u32::MAX)))]
    pub tool_calls_per_turn: Option<u32>,
}

/// A budget that is used up, as the caller is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    pub side: Side,
    pub budget: Budget,
    pub limit: u64,
    /// Seconds until the next window.
    pub retry_after: u64,
}

impl Budget {
    pub const ALL: [Self; 6] = [
        Self::TurnsPerMinute,
        Self::TurnsPerDay,
        Self::TokensPerDay,
        Self::MessagesPerMinute,
        Self::ThreadsPerHour,
        Self::EscalationsPerHour,
    ];

    /// The word of settings and problems.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TurnsPerMinute => "turns_per_minute",
            Self::TurnsPerDay => "turns_per_day",
            Self::TokensPerDay => "tokens_per_day",
            Self::MessagesPerMinute => "messages_per_minute",
            Self::ThreadsPerHour => "threads_per_hour",
            Self::EscalationsPerHour => "escalations_per_hour",
        }
    }

    pub const fn window(self) -> Window {
        match self {
            Self::TurnsPerMinute | Self::MessagesPerMinute => Window::Minute,
            Self::ThreadsPerHour | Self::EscalationsPerHour => Window::Hour,
            Self::TurnsPerDay | Self::TokensPerDay => Window::Day,
        }
    }
}

impl Window {
    pub const fn seconds(self) -> i64 {
        match self {
            Self::Minute => 60,
            Self::Hour => 60 * 60,
            Self::Day => 24 * 60 * 60,
        }
    }

    /// The number of the window that `at` is in, since 1970.
    pub const fn number(self, at: At) -> i64 {
        at.seconds().div_euclid(self.seconds())
    }
}

impl Side {
    /// The side of a customer, by their id.
    pub fn of_customer(customer_id: &str) -> Self {
        if customer_id.starts_with(VISITOR) { Self::Visitor } else { Self::Customer }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Visitor => "visitor",
            Self::Customer => "customer",
            Self::Chatbot => "chatbot",
            Self::Tenant => "tenant",
        }
    }
}

impl Limits {
    /// Limits in the order of [`Budget::ALL`].
    pub const fn new(limits: [u64; Budget::ALL.len()]) -> Self {
        Self(limits)
    }

    pub const fn of(&self, budget: Budget) -> u64 {
        self.0[budget as usize]
    }

    /// The uses that have a limit.
    pub fn uses(&self, amounts: &[(Budget, u64)]) -> Vec<Use> {
        let uses = amounts.iter().map(|&(budget, amount)| Use { budget, amount, limit: self.of(budget) });
        uses.filter(|it| it.limit > 0 && it.amount > 0).collect()
    }

    #[must_use]
    pub const fn with(mut self, budget: Budget, limit: u64) -> Self {
        self.0[budget as usize] = limit;
        self
    }

    /// Limits from a text like `turns_per_minute=10 tokens_per_day=0`. Those that it does not name are as in `self`;
    /// `off` lifts all. The error says what is wrong.
    pub fn changed_by(mut self, text: &str) -> Result<Self, String> {
        if text.trim() == "off" {
            return Ok(Self::default());
        }
        for setting in text.split([' ', ',']).filter(|setting| !setting.is_empty()) {
            let (name, number) = setting.split_once('=').unwrap_or((setting, ""));
            let budget = Budget::ALL.into_iter().find(|budget| budget.as_str() == name);
            let (Some(budget), Ok(limit)) = (budget, number.parse::<u32>()) else {
                let names = Budget::ALL.map(Budget::as_str).join(", ");
                return Err(format!(
                    "must be `off`, or name=number pairs with the names {names} and whole numbers, not `{setting}`"
                ));
            };
            self = self.with(budget, limit.into());
        }
        Ok(self)
    }
}

impl BudgetSettings {
    /// No limits.
    pub const OFF: Self = Self {
        visitor: Limits([0; 6]),
        customer: Limits([0; 6]),
        chatbot: Limits([0; 6]),
        tenant: Limits([0; 6]),
        tool_calls_per_turn: 16,
        max_output_tokens: 0,
    };

    /// The budgets in an environment, whose variables `var` reads; [`BudgetSettings::default`] where one is not set. An
    /// error names the variable.
    ///
    /// | variable | |
    /// |---|---|
    /// | `VISITOR_BUDGET`, `CUSTOMER_BUDGET`, `CHATBOT_BUDGET`, `TENANT_BUDGET` | see [`Limits::changed_by`] |
    /// | `TOOL_CALLS_PER_TURN` | [`BudgetSettings::tool_calls_per_turn`] |
    /// | `MAX_OUTPUT_TOKENS` | [`BudgetSettings::max_output_tokens`]; absent: none on servers that are not OpenAI's |
    /// | `OPENAI_BASE_URL` | the server; absent: OpenAI's |
    pub fn read(var: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let limits = |name: &str, unset: Limits| {
            let Some(text) = var(name) else { return Ok(unset) };
            unset.changed_by(&text).map_err(|why| format!("{name} {why}"))
        };
        let number = |name: &str, unset: u32| match var(name) {
            None => Ok(unset),
            Some(number) => number.parse().map_err(|_| format!("{name} must be a whole number, 0 or more")),
        };
        let unset = Self::default();
        // Another server may have a small context, refuse a limit beyond it, and stop sooner by a limit of its own.
        let is_openai = var("OPENAI_BASE_URL").is_none_or(|url| is_openais(&url));
        let max_output_tokens = number("MAX_OUTPUT_TOKENS", if is_openai { unset.max_output_tokens } else { 0 })?;
        if (1..MIN_OUTPUT_TOKENS).contains(&max_output_tokens) {
            return Err(format!("MAX_OUTPUT_TOKENS must be 0 or at least {MIN_OUTPUT_TOKENS}"));
        }
        Ok(Self {
            visitor: limits("VISITOR_BUDGET", unset.visitor)?,
            customer: limits("CUSTOMER_BUDGET", unset.customer)?,
            chatbot: limits("CHATBOT_BUDGET", unset.chatbot)?,
            tenant: limits("TENANT_BUDGET", unset.tenant)?,
            tool_calls_per_turn: number("TOOL_CALLS_PER_TURN", unset.tool_calls_per_turn)?,
            max_output_tokens,
        })
    }

    /// The limits of a side, without a chatbot's own.
    pub const fn of(&self, side: Side) -> Limits {
        match side {
            Side::Visitor => self.visitor,
            Side::Customer => self.customer,
            Side::Chatbot => self.chatbot,
            Side::Tenant => self.tenant,
        }
    }
}

/// True for URLs of OpenAI's own server.
fn is_openais(base_url: &str) -> bool {
    let url = Url::parse(base_url);
    // Of a region too, as `eu.api.openai.com`.
    url.is_ok_and(|url| url.host_str().is_some_and(|host| format!(".{host}").ends_with(".api.openai.com")))
}

/// The least limit of a reply that models take.
pub const MIN_OUTPUT_TOKENS: u32 = 16;

impl Default for BudgetSettings {
    /// The defaults of `template.yaml`.
    fn default() -> Self {
        Self {
            visitor: Limits([12, 150, 300_000, 30, 12, 6]),
            customer: Limits([30, 600, 3_000_000, 60, 60, 20]),
            chatbot: Limits([0, 0, 100_000_000, 0, 0, 0]),
            tenant: Limits([0, 0, 200_000_000, 0, 0, 0]),
            tool_calls_per_turn: 16,
            max_output_tokens: 8_192,
        }
    }
}

impl ChatbotLimits {
    /// The chatbot's limits: its own, and else the deployment's.
    pub fn over(&self, unset: Limits) -> Limits {
        let own = [
            (Budget::TurnsPerMinute, self.turns_per_minute),
            (Budget::TurnsPerDay, self.turns_per_day),
            (Budget::TokensPerDay, self.tokens_per_day),
            (Budget::ThreadsPerHour, self.threads_per_hour),
            (Budget::MessagesPerMinute, self.messages_per_minute),
            (Budget::EscalationsPerHour, self.escalations_per_hour),
        ];
        own.into_iter().fold(unset, |limits, (budget, own)| match own {
            Some(own) => limits.with(budget, own.into()),
            None => limits,
        })
    }

    pub fn is_unset(&self) -> bool {
        *self == Self::default()
    }
}

impl Exceeded {
    /// A budget of these limits that has no room at `at`.
    pub fn of(side: Side, budget: Budget, limits: Limits, at: At) -> Self {
        let window = budget.window().seconds();
        let retry_after = u64::try_from(window - at.seconds().rem_euclid(window)).unwrap_or(1);
        Self { side, budget, limit: limits.of(budget), retry_after }
    }

    /// The budget's name on the wire, such as `visitor.messages_per_minute`.
    pub fn name(&self) -> String {
        format!("{}.{}", self.side.as_str(), self.budget.as_str())
    }

    /// The error of a request that is refused.
    pub fn error(&self) -> Error {
        Error::OverBudget { exceeded: self.name(), limit: self.limit, retry_after: self.retry_after }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_are_not_named_stay_and_what_is_wrong_is_named() {
        let unset = BudgetSettings::default().visitor;
        let changed = unset.changed_by("turns_per_minute=3, tokens_per_day=0").unwrap();
        assert_eq!(changed, unset.with(Budget::TurnsPerMinute, 3).with(Budget::TokensPerDay, 0));
        assert_eq!(unset.changed_by("off"), Ok(Limits::default()));
        for wrong in ["turns=3", "turns_per_minute", "turns_per_minute=-1", "turns_per_minute=1e3", "on"] {
            let why = unset.changed_by(wrong).unwrap_err();
            assert!(why.ends_with(&format!("not `{wrong}`")), "{why}");
        }
        let read = |name: &'static str, value: &'static str| {
            BudgetSettings::read(|asked| (asked == name).then(|| value.to_owned()))
        };
        assert_eq!(read("", "").unwrap(), BudgetSettings::default());
        assert_eq!(read("TENANT_BUDGET", "off").unwrap().tenant, Limits::default());
        assert!(read("CHATBOT_BUDGET", "x").unwrap_err().starts_with("CHATBOT_BUDGET must be `off`, or"));
        let output = |url| read("OPENAI_BASE_URL", url).unwrap().max_output_tokens;
        assert_eq!(output("https://api.openai.com/v1/"), 8_192);
        assert_eq!(output("https://eu.api.openai.com/v1"), 8_192);
        assert_eq!([output("http://127.0.0.1:8080/v1"), output("https://api.openai.com.example/v1")], [0, 0]);
        assert_eq!(read("MAX_OUTPUT_TOKENS", "3"), Err("MAX_OUTPUT_TOKENS must be 0 or at least 16".into()));
    }

    #[test]
    fn a_chatbots_own_limits_come_before_the_deployments() {
        let own: ChatbotLimits =
            serde_json::from_str(r#"{"turns_per_minute": 5, "tokens_per_day": 0, "messages_per_minute": 9}"#).unwrap();
        let limits = own.over(BudgetSettings::default().chatbot);
        assert_eq!(limits, Limits([5, 0, 0, 9, 0, 0]));
        assert!(ChatbotLimits::default().is_unset() && !own.is_unset());
    }
}
