//! The counters of budgets: one item for each customer, chatbot and tenant and day, changed by single conditional
//! updates, so that no race overspends a budget.
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
    },
};

use super::{
    Store,
    key::{self, Key},
    outcome::{condition_met, into_error},
    row::{self, Item},
};
use crate::{
    Error,
    domain::{
        At,
        budget::{Budget, BudgetAccount, Window},
    },
};

/// A use of a budget: an amount, and the limit that it must not exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    pub budget: Budget,
    pub amount: u64,
    pub limit: u64,
}

/// The most attempts of one use: each finds the window that another process has begun meanwhile.
const MAX_ATTEMPTS: usize = 4;

/// The time for which a day's counters outlive it.
const KEPT_SECONDS: i64 = 24 * 60 * 60;

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
        if let Some(over) = uses.iter().find(|it| it.amount > it.limit) {
            return Ok(Err(over.budget));
        }
        let key = key::budget(tenant, account, now);
        let window = uses.iter().map(|it| it.budget.window()).find(|window| *window != Window::Day);
        let mut current = window.map(|window| now.seconds().div_euclid(window.seconds()));
        let mut is_begun = is_begun && window.is_some();
        for _ in 0..MAX_ATTEMPTS {
            let begun = window.zip(current).map(|(window, number)| (window, number, is_begun));
            let Some(refused) = self.count(key.clone(), uses, begun, now).await? else { return Ok(Ok(())) };
            let there = window.and_then(|window| number_in(&refused, window_name(window)));
            let counted = |it: &Use| {
                let is_past = it.budget.window() != Window::Day && there != current;
                if is_past { 0 } else { number_in(&refused, attribute(it.budget)).unwrap_or(0) }
            };
            match (there, current) {
                // A clock ahead of ours has begun the next window.
                (Some(later), Some(ours)) if later > ours => (current, is_begun) = (there, true),
                (Some(same), Some(ours)) if same == ours && !is_begun => is_begun = true,
                (there, Some(ours)) if is_begun && there.is_none_or(|there| there < ours) => is_begun = false,
                _ => {
                    let over = uses.iter().find(|it| counted(it) + signed(it.amount) > signed(it.limit));
                    return Ok(Err(over.or(uses.first()).map_or(Budget::TurnsPerDay, |it| it.budget)));
                }
            }
        }
        Err(Error::Busy)
    }

    /// Corrects the tokens of a day by the difference between what was reserved and what was used. Counters that were
    /// deleted meanwhile, with their customer, stay deleted.
    pub async fn budget_settle(
        &self,
        tenant: &str,
        account: &BudgetAccount,
        tokens: i64,
        now: At,
    ) -> Result<(), Error> {
        let update = self
            .dynamo
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key::budget(tenant, account, now).attributes()))
            .update_expression("ADD #tokens :tokens SET #expires = :expires")
            .expression_attribute_names("#tokens", attribute(Budget::TokensPerDay))
            .expression_attribute_names("#expires", "expires_at")
            .expression_attribute_values(":tokens", row::number(tokens))
            .expression_attribute_values(":expires", row::number(expires(now)))
            .condition_expression("attribute_exists(#tokens)");
        condition_met(Box::pin(update.send()).await).map(|_| ())
    }

    /// Gives uses back that were counted at `at` and did not happen. Counts of a window that is over stay, and so do
    /// counters that were deleted meanwhile.
    pub async fn budget_return(
        &self,
        tenant: &str,
        account: &BudgetAccount,
        uses: &[Use],
        at: At,
    ) -> Result<(), Error> {
        let key = key::budget(tenant, account, at);
        let window = uses.iter().map(|it| it.budget.window()).find(|window| *window != Window::Day);
        let current = window.map(|window| (window, at.seconds().div_euclid(window.seconds())));
        if current.is_some() && self.subtract(key.clone(), uses, current).await? {
            return Ok(());
        }
        let of_day: Vec<Use> = uses.iter().filter(|it| it.budget.window() == Window::Day).copied().collect();
        if !of_day.is_empty() {
            self.subtract(key, &of_day, None).await?;
        }
        Ok(())
    }

    /// Subtracts uses from the counts of the day, and of the window if it is this one. False if a condition is not met.
    async fn subtract(&self, key: Key, uses: &[Use], window: Option<(Window, i64)>) -> Result<bool, Error> {
        let mut update = self.dynamo.update_item().table_name(&self.table).set_key(Some(key.attributes()));
        let (mut adds, mut conditions) = (Vec::new(), Vec::new());
        if let Some((window, number)) = window {
            update = update.expression_attribute_names("#window", window_name(window));
            update = update.expression_attribute_values(":window", row::number(number));
            conditions.push("#window = :window".to_owned());
        }
        for (i, it) in uses.iter().enumerate() {
            update = update.expression_attribute_names(format!("#n{i}"), attribute(it.budget));
            update = update.expression_attribute_values(format!(":n{i}"), row::number(-signed(it.amount)));
            adds.push(format!("#n{i} :n{i}"));
            conditions.push(format!("attribute_exists(#n{i})"));
        }
        let update = update.update_expression(format!("ADD {}", adds.join(", ")));
        condition_met(Box::pin(update.condition_expression(conditions.join(" AND ")).send()).await)
    }

    /// One conditional update. Returns the item as it is where a condition was not met. `begun`: the window, its
    /// number, and whether it has begun; another window's counts are set to zero by the update that begins it.
    async fn count(
        &self,
        key: Key,
        uses: &[Use],
        begun: Option<(Window, i64, bool)>,
        now: At,
    ) -> Result<Option<Item>, Error> {
        let (mut sets, mut adds) = (vec!["#expires = :expires".to_owned()], Vec::new());
        let mut conditions = Vec::new();
        let mut names = HashMap::from([("#expires".to_owned(), "expires_at".to_owned())]);
        let mut values = HashMap::from([(":expires".to_owned(), row::number(expires(now)))]);
        let starts = begun.filter(|(.., is_begun)| !is_begun).map(|(window, ..)| window);
        if let Some((window, number, is_begun)) = begun {
            names.insert("#window".into(), window_name(window).into());
            values.insert(":window".into(), row::number(number));
            if is_begun {
                conditions.push("#window = :window".to_owned());
            } else {
                conditions.push("(attribute_not_exists(#window) OR #window < :window)".to_owned());
                sets.push("#window = :window".to_owned());
            }
        }
        for (i, it) in uses.iter().enumerate() {
            names.insert(format!("#n{i}"), attribute(it.budget).into());
            values.insert(format!(":n{i}"), row::number(it.amount));
            if starts == Some(it.budget.window()) {
                sets.push(format!("#n{i} = :n{i}"));
                continue;
            }
            adds.push(format!("#n{i} :n{i}"));
            values.insert(format!(":room{i}"), row::number(it.limit - it.amount));
            conditions.push(format!("(attribute_not_exists(#n{i}) OR #n{i} <= :room{i})"));
        }
        let idle = Budget::ALL
            .into_iter()
            .filter(|budget| starts == Some(budget.window()) && uses.iter().all(|it| it.budget != *budget));
        for (i, budget) in idle.enumerate() {
            names.insert(format!("#z{i}"), attribute(budget).into());
            values.insert(":zero".into(), row::number(0));
            sets.push(format!("#z{i} = :zero"));
        }
        let mut clauses = vec![format!("SET {}", sets.join(", "))];
        if !adds.is_empty() {
            clauses.push(format!("ADD {}", adds.join(", ")));
        }
        let update = self
            .dynamo
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key.attributes()))
            .update_expression(clauses.join(" "))
            .condition_expression(conditions.join(" AND "))
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .return_values_on_condition_check_failure(AllOld);
        match Box::pin(update.send()).await {
            Ok(_) => Ok(None),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    Ok(Some(refused.item.clone().unwrap_or_default()))
                }
                _ => Err(into_error(error)),
            },
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
    (now.seconds().div_euclid(day) + 1) * day + KEPT_SECONDS
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
