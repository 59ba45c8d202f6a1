//! The counters of budgets: one item for each customer, chatbot and tenant and day, changed by conditional updates, so
//! that no race overspends a budget. A customer's is a part of the transaction that the use itself is written in.
//!
//! | attribute | |
//! |---|---|
//! | `turns`, `tokens` | used on this day |
//! | `minute`, `minute_turns`, `minute_messages` | used in this minute of the epoch |
//! | `hour`, `hour_threads`, `hour_escalations` | used in this hour of the epoch |
//! | `expires_at` | a day after the day's end, for the table's TTL |

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    types::{
        AttributeValue::{self, N},
        ReturnValuesOnConditionCheckFailure::AllOld,
        Update,
    },
};

use super::{
    Store,
    key::{self, Key},
    outcome::{backoff, into_error, wait},
    row::{self, Item},
    write::{Transaction, token},
};
use crate::{
    Error,
    domain::{
        At,
        budget::{Budget, BudgetAccount, CountedUses, ReturnedUses, Use, Window},
    },
};

/// The most attempts of one use: each finds the window that another process has begun meanwhile.
pub(super) const MAX_ATTEMPTS: usize = 4;

/// The time for which a day's counters outlive it.
const KEPT_SECONDS: i64 = 24 * 60 * 60;

/// Uses on their way to the table: all are counted there, or none.
pub(super) struct Counting<'a> {
    uses: &'a [Use],
    at: At,
    /// The window of uses besides the day's, and its number. The uses of one call are of at most one.
    window: Option<(Window, i64)>,
    /// The window has begun in the table, as far as is known here.
    is_begun: bool,
}

impl<'a> Counting<'a> {
    /// `Err` names the budget that has no room for its use alone.
    pub(super) fn new(uses: &'a [Use], at: At, is_begun: bool) -> Result<Self, Budget> {
        if let Some(over) = uses.iter().find(|it| it.amount > it.limit) {
            return Err(over.budget);
        }
        let window = uses.iter().map(|it| it.budget.window()).find(|window| *window != Window::Day);
        let window = window.map(|window| (window, window.number(at)));
        Ok(Self { uses, at, window, is_begun: is_begun && window.is_some() })
    }

    /// The uses of a commit.
    pub(super) fn of(counted: &'a CountedUses) -> Result<Self, Budget> {
        Self::new(&counted.uses, counted.at, counted.is_begun)
    }

    pub(super) const fn at(&self) -> At {
        self.at
    }

    /// The conditional update. Another window's counts are set to zero by the update that begins it.
    pub(super) fn change(&self) -> Change {
        let mut change = Change::default();
        let mut sets = vec![change.set("expires_at", row::number(expires(self.at)))];
        let mut adds = Vec::new();
        let starts = self.window.filter(|_| !self.is_begun).map(|(window, _)| window);
        if let Some((window, number)) = self.window {
            let begun = change.set(window_name(window), row::number(number));
            let name = format!("#{}", window_name(window));
            if self.is_begun {
                change.conditions.push(begun);
            } else {
                let value = format!(":{}", window_name(window));
                change.conditions.push(format!("(attribute_not_exists({name}) OR {name} < {value})"));
                sets.push(begun);
            }
        }
        for it in self.uses {
            let name = attribute(it.budget);
            let set = change.set(name, row::number(it.amount));
            if starts == Some(it.budget.window()) {
                sets.push(set);
                continue;
            }
            adds.push(format!("#{name} :{name}"));
            change.values.insert(format!(":room_{name}"), row::number(it.limit - it.amount));
            change.conditions.push(format!("(attribute_not_exists(#{name}) OR #{name} <= :room_{name})"));
        }
        let idle = Budget::ALL
            .into_iter()
            .filter(|budget| starts == Some(budget.window()) && self.uses.iter().all(|it| it.budget != *budget));
        for budget in idle {
            sets.push(change.set(attribute(budget), row::number(0)));
        }
        let adds = if adds.is_empty() { String::new() } else { format!(" ADD {}", adds.join(", ")) };
        change.update = format!("SET {}{adds}", sets.join(", "));
        change
    }

    /// The budget that has no room, by the counters that did not meet the condition. `None` where only the window was
    /// another one: the next attempt knows it.
    pub(super) fn refused(&mut self, counters: &Item) -> Option<Budget> {
        let there = self.window.and_then(|(window, _)| number_in(counters, window_name(window)));
        if let Some((window, ours)) = self.window {
            let (ours, is_begun) = match there {
                // A clock ahead of ours has begun the next window.
                Some(later) if later > ours => (later, true),
                Some(same) if same == ours => (ours, true),
                _ => (ours, false),
            };
            if (Some((window, ours)), is_begun) != (self.window, self.is_begun) {
                (self.window, self.is_begun) = (Some((window, ours)), is_begun);
                return None;
            }
        }
        let counted = |it: &Use| {
            let is_past = it.budget.window() != Window::Day && !self.is_begun;
            if is_past { 0 } else { number_in(counters, attribute(it.budget)).unwrap_or(0) }
        };
        let over = self.uses.iter().find(|it| counted(it) + signed(it.amount) > signed(it.limit));
        Some(over.or(self.uses.first()).map_or(Budget::TurnsPerDay, |it| it.budget))
    }
}

/// A conditional update of counters, with its names and values.
#[derive(Default)]
pub(super) struct Change {
    update: String,
    conditions: Vec<String>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Change {
    /// `name = value` as an expression.
    fn set(&mut self, name: &str, value: AttributeValue) -> String {
        self.names.insert(format!("#{name}"), name.to_owned());
        self.values.insert(format!(":{name}"), value);
        format!("#{name} = :{name}")
    }

    /// Counts uses of a day as not made; tokens that are owed as made.
    pub(super) fn of_returned(returned: &ReturnedUses) -> Self {
        let ReturnedUses { at, turns, tokens } = *returned;
        let mut change = Self::default();
        let kept = change.set("expires_at", row::number(expires(at)));
        let mut adds = Vec::new();
        for (budget, amount) in [(Budget::TurnsPerDay, turns), (Budget::TokensPerDay, tokens)] {
            if amount != 0 {
                let name = attribute(budget);
                change.set(name, row::number(-amount));
                adds.push(format!("#{name} :{name}"));
            }
        }
        change.update = format!("SET {kept} ADD {}", adds.join(", "));
        change
    }

    /// The change as a part of a transaction.
    pub(super) fn update(self, table: &str, key: Key) -> Result<Update, Error> {
        let condition = (!self.conditions.is_empty()).then(|| self.conditions.join(" AND "));
        let update = Update::builder()
            .table_name(table)
            .set_key(Some(key.attributes()))
            .update_expression(self.update)
            .set_condition_expression(condition)
            .set_expression_attribute_names(Some(self.names))
            .set_expression_attribute_values(Some(self.values))
            .return_values_on_condition_check_failure(AllOld);
        update.build().map_err(Error::internal)
    }
}

impl Store {
    /// Counts uses, all or none. `Err` within names the budget that has no room: nothing was counted. The uses of one
    /// call are of at most one window besides the day's. `is_begun`: the window is thought to have begun in the table,
    /// which saves an attempt where it has.
    pub async fn budget_use(
        &self,
        tenant: &str,
        account: &BudgetAccount,
        uses: &[Use],
        now: At,
        is_begun: bool,
    ) -> Result<Result<(), Budget>, Error> {
        let mut counting = match Counting::new(uses, now, is_begun) {
            Ok(counting) => counting,
            Err(over) => return Ok(Err(over)),
        };
        for _ in 0..MAX_ATTEMPTS {
            let refused = self.change_counters(key::budget(tenant, account, now), counting.change()).await?;
            let Some(counters) = refused else { return Ok(Ok(())) };
            if let Some(over) = counting.refused(&counters) {
                return Ok(Err(over));
            }
        }
        Err(Error::Busy)
    }

    /// Corrects the tokens of a day by the difference between what was reserved and what was used, once: it is a
    /// transaction, so that an answer that is lost corrects nothing twice. Counters that were deleted meanwhile, with
    /// their chatbot, stay deleted. After [`Error::Busy`] it may have been done or not.
    pub async fn budget_settle(
        &self,
        tenant: &str,
        account: &BudgetAccount,
        tokens: i64,
        now: At,
    ) -> Result<(), Error> {
        let mut change = Change::of_returned(&ReturnedUses { at: now, turns: 0, tokens: -tokens });
        change.conditions.push(format!("attribute_exists(#{})", attribute(Budget::TokensPerDay)));
        let update = change.update(&self.table, key::budget(tenant, account, now))?;
        self.transact(Transaction::default().update(update), &token()).await.map(|_| ())
    }

    /// One update of counters, again while a transaction over them is under way. Returns them as they are where a
    /// condition was not met.
    async fn change_counters(&self, key: Key, change: Change) -> Result<Option<Item>, Error> {
        let condition = (!change.conditions.is_empty()).then(|| change.conditions.join(" AND "));
        let update = self
            .dynamo
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key.attributes()))
            .update_expression(change.update)
            .set_condition_expression(condition)
            .set_expression_attribute_names(Some(change.names))
            .set_expression_attribute_values(Some(change.values))
            .return_values_on_condition_check_failure(AllOld);
        let mut backoff = backoff();
        loop {
            let Err(error) = Box::pin(update.clone().send()).await else { return Ok(None) };
            match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    return Ok(Some(refused.item.clone().unwrap_or_default()));
                }
                Some(UpdateItemError::TransactionConflictException(_)) => wait(&mut backoff).await?,
                _ => return Err(into_error(error)),
            }
        }
    }
}

const fn attribute(budget: Budget) -> &'static str {
    match budget {
        Budget::TurnsPerDay => "turns",
        Budget::TokensPerDay => "tokens",
        Budget::TurnsPerMinute => "minute_turns",
        Budget::MessagesPerMinute => "minute_messages",
        Budget::ThreadsPerHour => "hour_threads",
        Budget::EscalationsPerHour => "hour_escalations",
    }
}

const fn window_name(window: Window) -> &'static str {
    match window {
        Window::Minute => "minute",
        Window::Hour => "hour",
        Window::Day => "day",
    }
}

fn expires(now: At) -> i64 {
    let day = Window::Day.seconds();
    (Window::Day.number(now) + 1) * day + KEPT_SECONDS
}

fn number_in(item: &HashMap<String, AttributeValue>, name: &str) -> Option<i64> {
    match item.get(name) {
        Some(N(number)) => number.parse().ok(),
        _ => None,
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
