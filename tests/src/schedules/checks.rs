//! The checks at the end of a story: invariants that must hold whatever happened in it.

use std::collections::HashSet;

use serde_json::Value;
use shared::{
    DEFAULT_HISTORY_TOKENS,
    domain::{Message, Thread, budget::Budget, message},
    verify::verify,
};

use super::{
    request::TENANT,
    screen::Screen,
    story::{Line, Said, Story},
};

/// The tokens that a turn reserves.
const TURN_TOKENS: usize = 8_192 + DEFAULT_HISTORY_TOKENS;

/// A thread and its whole log.
struct Kept {
    thread: Thread,
    log: Vec<Message>,
}

/// Checks all invariants; the error describes the first violation.
pub async fn check(story: &Story) -> Result<(), String> {
    require(story.simulation.is_idle(), || "a function never finished".into())?;
    let mut all = Vec::new();
    for line in &story.lines {
        let Some(kept) = read(story, &line.thread).await? else { continue };
        verify(&kept.thread, &kept.log).map_err(|breach| format!("{}: {breach}", line.thread))?;
        require(!kept.thread.awaits_bot(), || format!("{} still waits for an answer of the bot", line.thread))?;
        at_most_two(&kept)?;
        shown(story, line, &kept)?;
        all.push(kept);
    }
    for said in story.said() {
        if let Some(kept) = all.iter().find(|kept| kept.thread.id.as_str() == said.thread) {
            acknowledged(&said, kept)?;
        }
    }
    require(!story.simulation.has_due().await, || "something stays due".into())?;
    story.simulation.leases().breach().map_or(Ok(()), Err)?;
    story.simulation.tries().breach().map_or(Ok(()), Err)?;
    removed(story, &all).await?;
    if story.simulation.gate().faults() == 0 {
        referred_to(story, &all).await?;
    }
    asked_once(story)?;
    private(story)?;
    counted(story, &all).await
}

/// Checks that the budgets have counted every token that was used, and beside it what the threads hold and no more:
/// but for answers that nobody kept, of which nobody may know what they took.
async fn counted(story: &Story, all: &[Kept]) -> Result<(), String> {
    let is_of_bot = |message: &&Message| message.role == message::Role::Bot;
    let kept = all.iter().flat_map(|kept| &kept.log).filter(is_of_bot).count();
    let lost = story.simulation.openai().asked().responses.len().saturating_sub(kept);
    let of_lost = i64::try_from(lost * TURN_TOKENS).expect("a small number");
    let mut used_by_all = 0;
    for line in &story.lines {
        let counted = story.simulation.counted_tokens(&format!("{TENANT}#CUSTOMER#{}", line.customer.subject)).await;
        let Some(Kept { thread, .. }) = all.iter().find(|kept| kept.thread.id.as_str() == line.thread) else {
            continue;
        };
        let used = thread.usage.map_or(0, |usage| usage.input + usage.output).cast_signed();
        let held = thread.reservation.as_ref().map_or(0, |held| {
            let turns: u64 = held.lost.iter().map(|(_, turn)| turn.tokens).sum();
            held.ahead.left(Budget::TokensPerDay) + turns.cast_signed()
        });
        let known = used + held;
        require((known..=known + of_lost).contains(&counted), || {
            format!("{counted} tokens are counted for {}: {used} used, {held} held, {lost} answers lost", line.thread)
        })?;
        used_by_all += used;
    }
    let of_tenant = story.simulation.counted_tokens(&format!("{TENANT}#TENANT")).await;
    let ahead = story.simulation.tokens_ahead(TENANT);
    require(of_tenant >= used_by_all + ahead, || {
        format!("{of_tenant} tokens are counted for the tenant: {used_by_all} used, {ahead} ahead")
    })
}

/// Reads a thread and its log. `None` for a thread that was deleted, with everything in it.
async fn read(story: &Story, thread: &str) -> Result<Option<Kept>, String> {
    let (table, id) = (story.simulation.onlooker().store, thread.parse().expect("a thread's id"));
    let thread = table.thread_get_bare(TENANT, &id).await.expect("the table answers");
    let log = table.log_after(TENANT, &id, 0, 10_000).await.expect("the table answers").messages;
    let Some(thread) = thread else {
        require(log.is_empty(), || format!("{id} was deleted and has a log"))?;
        return Ok(None);
    };
    Ok(Some(Kept { thread, log }))
}

/// Checks that OpenAI has no items of conversations that no thread uses any more: ended, deleted, or replaced by a new
/// one.
async fn removed(story: &Story, all: &[Kept]) -> Result<(), String> {
    let conversations = story.simulation.openai().asked().conversations.clone();
    let spoken: Vec<_> = all.iter().filter_map(|kept| kept.thread.openai.conversation_id.as_ref()).collect();
    for conversation in conversations.iter().filter(|conversation| !spoken.contains(conversation)) {
        let items = story.simulation.openai().items(conversation).await;
        require(items == 0, || format!("OpenAI still has {items} items of {conversation}"))?;
    }
    Ok(())
}

/// Checks that OpenAI has nothing that no thread refers to. After a fault it may: what was made by a function that died
/// before it could save the id, say.
async fn referred_to(story: &Story, all: &[Kept]) -> Result<(), String> {
    let openai = story.simulation.openai();
    let (conversations, responses) = {
        let asked = openai.asked();
        (asked.conversations.clone(), asked.response_ids.clone())
    };
    let log = || all.iter().flat_map(|kept| &kept.log);
    for response in responses {
        let is_its_own = |message: &Message| {
            message.origin.as_ref().is_some_and(|origin| origin.response_id.as_ref() == Some(&response))
        };
        let is_left = !log().any(is_its_own) && openai.has(&format!("responses/{response}")).await;
        require(!is_left, || format!("OpenAI still has {response}, which no message refers to"))?;
    }
    for conversation in conversations {
        let is_used = all.iter().any(|kept| kept.thread.openai.conversation_id.as_ref() == Some(&conversation));
        let is_left = !is_used && openai.has(&format!("conversations/{conversation}")).await;
        require(!is_left, || format!("OpenAI still has {conversation}, which no thread refers to"))?;
    }
    Ok(())
}

/// Checks that customer's messages that follow one another directly have at most two answers.
fn at_most_two(kept: &Kept) -> Result<(), String> {
    for row in rows(&kept.log) {
        let answers = answers_to(row, &kept.log);
        require(answers <= 2, || format!("{answers} answers to the messages that begin at {}", row[0].seq))?;
    }
    Ok(())
}

/// The customer's messages, each with those that follow it directly.
fn rows(log: &[Message]) -> impl Iterator<Item = &[Message]> {
    let is_asked = |message: &Message| message.role == message::Role::Customer;
    log.chunk_by(move |one, next| is_asked(one) && is_asked(next)).filter(move |row| is_asked(&row[0]))
}

fn answers_to(row: &[Message], log: &[Message]) -> usize {
    let covers =
        |answer: &&Message| answer.answers.is_some_and(|answers| row.iter().any(|message| answers.cover(message.seq)));
    log.iter().filter(covers).count()
}

/// Checks what the customer was shown on a socket that lost nothing: messages of the log, the words of one response
/// at a time, and at most two answers to messages in a row, counting those that were never logged.
fn shown(story: &Story, line: &Line, kept: &Kept) -> Result<(), String> {
    let simulation = &story.simulation;
    if simulation.frames().lost() > 0 {
        return Ok(());
    }
    let asked = simulation.openai().asked();
    let mut screen = Screen::new(&kept.log, &asked.words, simulation.tries());
    for frame in simulation.frames().of(&line.connection()) {
        screen.show(&frame).map_err(|breach| format!("{}: {breach}", line.thread))?;
    }
    // A function that died, or froze, tells its listeners nothing more.
    if let Some(row) = rows(&kept.log).last().filter(|_| simulation.gate().faults() == 0) {
        let answers = answers_to(row, &kept.log) + screen.left();
        require(answers <= 2, || format!("{answers} answers are shown for {} messages", row.len()))?;
    }
    Ok(())
}

/// The number of times that the bot handed over in its own words.
pub(super) async fn words_of_hand_over(story: &Story) -> usize {
    let mut words = 0;
    for line in &story.lines {
        let kept = read(story, &line.thread).await.ok().flatten();
        let is_one = |message: &&Message| message.role == message::Role::Bot && message.answers.is_none();
        words += kept.map_or(0, |kept| kept.log.iter().filter(is_one).count());
    }
    words
}

/// Checks that an accepted message is in the log once, as it was sent, and that each response to it is about that
/// message.
fn acknowledged(said: &Said, kept: &Kept) -> Result<(), String> {
    let taken: Vec<&Value> =
        said.answers.iter().filter(|it| matches!(it.status, 200 | 202)).map(|it| &it.body).collect();
    if said.is_note {
        let ids: HashSet<_> = taken.iter().map(|body| body["note"]["id"].as_str()).collect();
        return require(ids.len() <= 1, || format!("{said:?}: several notes"));
    }
    let there = |message: &&Message| {
        message.client_id.as_ref() == Some(&said.client_id) && message.author.id == said.by.subject
    };
    let logged: Vec<_> = kept.log.iter().filter(there).collect();
    require(logged.len() <= 1, || format!("{said:?} is in the log {} times", logged.len()))?;
    for body in taken {
        let message = logged.first().ok_or_else(|| format!("{said:?} was accepted and is not in the log"))?;
        require(body["message"]["id"] == message.id.as_str() && message.text == said.text, || {
            format!("{said:?} was answered as something else: {body}")
        })?;
        replied(said, &body["reply"], message, kept)?;
    }
    Ok(())
}

/// Checks that the reply in a response is the log's first reply to that message.
fn replied(said: &Said, reply: &Value, message: &Message, kept: &Kept) -> Result<(), String> {
    if reply.is_null() {
        return Ok(());
    }
    let first = kept.log.iter().find(|reply| reply.answers.is_some_and(|answers| answers.cover(message.seq)));
    let same = first.is_some_and(|first| first.role == message::Role::Bot && reply["id"] == first.id.as_str());
    require(same, || format!("{said:?} was answered with a reply that the log does not have: {reply}"))
}

/// Checks that no conversation was given the same input twice.
fn asked_once(story: &Story) -> Result<(), String> {
    let mut seen = HashSet::new();
    for (conversation, input) in &story.simulation.openai().asked().responses {
        let new = seen.insert((conversation.to_string(), input.to_string()));
        require(new, || format!("{conversation} was given {input} twice"))?;
    }
    Ok(())
}

/// Checks that customers received no notes and no drafts.
fn private(story: &Story) -> Result<(), String> {
    for frame in story.simulation.frames().of("customer-") {
        let open = frame["type"] != "note.created" && frame.get("draft").is_none_or(Value::is_null);
        require(open, || format!("a customer received {frame}"))?;
    }
    Ok(())
}

fn require(holds: bool, else_say: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(else_say()) }
}
