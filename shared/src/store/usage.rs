//! The usage of a tenant by chatbot and day. A thread keeps the turns that are not in it yet, and a later commit of the
//! thread, or the sweep, adds them in its own transaction: each turn is counted exactly once, and few turns pay for it.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{
    AttributeValue::{self, N},
    Update,
};

use super::{
    Store, key,
    read::{Query, SortKey},
    row::{self, Item, text},
};
use crate::{
    Error,
    domain::{ChatbotId, Status, Thread, Usage, usage::UnreportedTurns},
};

/// The turns of a thread that wait to be added; with the next one they are.
const MAX_UNREPORTED_TURNS: u64 = 10;

/// The rows of a list, after which no other day begins.
const MAX_ROWS: usize = 1_000;

/// A chatbot's usage on a day, in UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DailyUsage {
    /// `YYYY-MM-DD`
    pub day: String,
    pub chatbot_id: ChatbotId,
    /// Messages of the bot.
    pub turns: u64,
    pub usage: Usage,
    /// Threads that went into the queue.
    pub hand_overs: u64,
}

/// An addition to the usage of a day.
pub(super) struct Report<'a> {
    thread: &'a Thread,
    turns: UnreportedTurns,
}

/// The report that a commit of `after` carries, if it `is_due` or it is time for one; `after` no longer has its turns.
pub(super) fn report<'a>(before: &'a Thread, after: &mut Thread, is_due: bool) -> Option<Report<'a>> {
    let turns = before.unreported.filter(|turns| {
        turns.turns >= MAX_UNREPORTED_TURNS
            || after.chatbot_id != before.chatbot_id
            || matches!(after.status, Status::Ended { .. })
            || after.unreported.is_some_and(|later| later.since.date() != turns.since.date())
            || is_due
    })?;
    after.unreported = after.unreported.and_then(|all| all.without(turns));
    Some(Report { thread: before, turns })
}

impl Report<'_> {
    pub(super) fn update(&self, table: &str) -> Result<Update, Error> {
        let UnreportedTurns { since, turns, hand_overs, usage } = self.turns;
        let (day, Usage { input, cached, output, reasoning }) = (since.date(), usage);
        let counts = [
            ("turns", turns),
            ("input", input),
            ("cached", cached),
            ("output", output),
            ("reasoning", reasoning),
            ("hand_overs", hand_overs),
        ];
        let key = key::usage(&self.thread.tenant, &day, &self.thread.chatbot_id, &self.thread.id);
        let mut update = Update::builder()
            .table_name(table)
            .set_key(Some(key.attributes()))
            .expression_attribute_names("#day", "day")
            .expression_attribute_names("#chatbot", "chatbot_id")
            .expression_attribute_values(":day", AttributeValue::S(day))
            .expression_attribute_values(":chatbot", AttributeValue::S(self.thread.chatbot_id.to_string()));
        let mut adds = Vec::new();
        for (name, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            update = update
                .expression_attribute_names(format!("#{name}"), name)
                .expression_attribute_values(format!(":{name}"), row::number(count));
            adds.push(format!("#{name} :{name}"));
        }
        let adds = if adds.is_empty() { String::new() } else { format!(" ADD {}", adds.join(", ")) };
        let update = update.update_expression(format!("SET #day = :day, #chatbot = :chatbot{adds}"));
        update.build().map_err(Error::internal)
    }
}

impl Store {
    /// The usage of the days from `from` through `to` (`YYYY-MM-DD`), by day and chatbot: all of it, or whole days
    /// until there are [`MAX_ROWS`], and the day that follows them.
    pub async fn usage_list(
        &self,
        tenant: &str,
        from: &str,
        to: &str,
    ) -> Result<(Vec<DailyUsage>, Option<String>), Error> {
        let (mut days, mut start) = (BTreeMap::new(), None);
        loop {
            let query = Query {
                partition: key::usage_partition(tenant),
                sort: Some(SortKey::Between(from.to_owned(), format!("{to}$"))),
                start,
                ..Query::default()
            };
            let page = self.query(query).await?;
            for item in &page.items {
                let day = text(item, "day");
                let is_new = days.last_key_value().is_none_or(|((last, _), _)| last != day);
                if is_new && days.len() >= MAX_ROWS {
                    return Ok((days.into_values().collect(), Some(day.to_owned())));
                }
                add(&mut days, item)?;
            }
            start = page.next;
            if start.is_none() {
                return Ok((days.into_values().collect(), None));
            }
        }
    }
}

/// Adds an item, one of a chatbot's shards, to its day.
fn add(days: &mut BTreeMap<(String, String), DailyUsage>, item: &Item) -> Result<(), Error> {
    let (day, chatbot) = (text(item, "day").to_owned(), text(item, "chatbot_id").to_owned());
    let chatbot_id = chatbot.parse().map_err(|_| Error::internal("a usage item names no chatbot"))?;
    let count = |name: &str| match item.get(name) {
        Some(N(number)) => number.parse().unwrap_or_default(),
        _ => 0,
    };
    let daily = days.entry((day.clone(), chatbot)).or_insert_with(|| DailyUsage {
        day,
        chatbot_id,
        turns: 0,
        usage: Usage::default(),
        hand_overs: 0,
    });
    daily.turns += count("turns");
    daily.hand_overs += count("hand_overs");
    daily.usage += Usage {
        input: count("input"),
        cached: count("cached"),
        output: count("output"),
        reasoning: count("reasoning"),
    };
    Ok(())
}
