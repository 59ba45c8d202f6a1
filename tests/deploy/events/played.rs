//! Every sample event, played by handler and by binary; both respond alike.

use std::{collections::BTreeSet, time::Duration};

use insta::{Settings, assert_snapshot};
use serde_json::Value;

use super::{
    names,
    player::{Played, Player, Way},
};
use tests::receiver::Receiver;

/// The played events in order, with their responses.
pub(super) type Story = Vec<(&'static str, Played)>;

/// Plays a chatbot, a thread and a socket, from creation to deletion.
pub(super) async fn story(player: &mut Player) -> Story {
    let mut story = Story::new();
    macro_rules! play {
        ($($name:literal),*) => {$(
            let played = Box::pin(player.plays($name)).await;
            story.push(($name, settled(played)));
        )*};
    }

    // Usage is of the days of this run.
    let now = player.stage.board.app().now();
    player.replace("2026-11-01", &now.date());
    player.replace("2026-11-30", &(now + Duration::from_hours(24)).date());
    let made = Box::pin(player.plays("chatbot-create")).await;
    player.replace("bot_01JD0000000000000000000000", made.body["id"].as_str().unwrap());
    story.push(("chatbot-create", settled(made)));
    // The chatbot's webhook receives each change of owner.
    let receiver = Receiver::start().await;
    player.replace("https://hooks.example.com/switchboard", &receiver.url);
    play!("chatbot-list", "chatbot-get", "chatbot-profile", "chatbot-update");
    let visit = Box::pin(player.plays("visitor-create")).await;
    player.replace("REPLACE_WITH_A_VISITORS_TOKEN", visit.body["token"].as_str().unwrap());
    story.push(("visitor-create", settled(visit)));
    play!("visitor-try", "visitor-merge");

    let made = Box::pin(player.plays("thread-create")).await;
    player.replace("thr_01JD0000000000000000000000", made.body["id"].as_str().unwrap());
    story.push(("thread-create", settled(made)));
    play!("thread-get", "thread-update");

    // An open socket, because the events that the functions send to it have to arrive.
    let mut socket = player.stage.persona("acme", "customer", "cara").connects().await;
    player.replace("EXAMPLEconn=", &player.stage.board.connections().ids()[0].clone());
    play!("socket-connect", "socket-subscribe");
    assert_eq!(types(&[socket.hears().await, socket.hears().await]), ["message.created", "subscribed"]);
    play!("socket-typing", "socket-read", "socket-ping");
    // It names the greeting as received: a connection is replayed a message once a second at most.
    socket.hears_of("pong").await;

    play!("chat");
    for role in ["customer", "bot"] {
        assert_eq!(socket.hears_of("message.created").await["message"]["role"], role);
    }
    play!("chat-ui", "chat-ui-stream", "chat-agui", "thread-messages");
    play!("handoff-escalate", "thread-list", "handoff-claim");
    // One more message, which waits until the bot holds the line again.
    player.replace("5f0c9d0e-1111-4222-8333-444455556666", "5f0c9d0e-1111-4222-8333-777788889999");
    player.stage.board.invocations().lose(true);
    play!("chat", "handoff-release", "chat-run", "sweep", "thread-messages", "chat-end");
    socket.hears_of("thread.updated").await;
    assert_eq!(receiver.types(), ["thread.queued", "thread.claimed", "thread.ended"]);

    play!("socket-default");
    assert_eq!(socket.hears_of("error").await["code"], "invalid");
    play!(
        "socket-unsubscribe",
        "socket-disconnect",
        "customer-export",
        "thread-delete",
        "customer-usage",
        "customer-erase",
        "customer-audit",
        "customer-erasure",
        "chatbot-delete"
    );

    let seen: BTreeSet<_> = player.played.iter().cloned().collect();
    let all: BTreeSet<_> = names(|name| !name.starts_with("authorizer-")).into_iter().collect();
    assert_eq!(seen, all, "every event is played");
    story
}

/// Compares what Lambda's Runtime API got with `golden/EVENT.snap`; a second payload of the same event with
/// `golden/EVENT-again.snap`.
fn assert_golden(payloads: &[(String, String)]) {
    let mut settings = Settings::clone_current();
    settings.set_snapshot_path("golden");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let _bound = settings.bind_to_scope();
    let mut seen = BTreeSet::new();
    for (name, text) in payloads {
        let file = if seen.insert(name) { name.clone() } else { format!("{name}-again") };
        assert_snapshot!(file, text);
    }
}

#[tokio::test]
async fn every_event_is_answered_alike_by_its_handler_and_by_its_binary() {
    let in_process = Box::pin(story(&mut Player::new(Way::InProcess).await)).await;
    let mut player = Player::new(Way::Binaries).await;
    let binaries = Box::pin(story(&mut player)).await;
    assert_golden(&player.payloads);
    for (ours, theirs) in in_process.iter().zip(&binaries) {
        assert_eq!(ours, theirs);
    }
    assert_snapshot!(outline(&in_process), @"
    chatbot-create: 201 application/json audience created_at documents[1] fallback_model greeting id
        instructions max_output_tokens memory model model_shutdown_date name origins[1] public
        reasoning_effort temperature tools[0] updated_at verbosity version warnings[0] webhook
    chatbot-list: 200 application/json data[1] next_cursor
    chatbot-get: 200 application/json audience created_at documents[1] fallback_model greeting id
        instructions max_output_tokens memory model model_shutdown_date name origins[1] public
        reasoning_effort temperature tools[0] updated_at verbosity version warnings[0] webhook
    chatbot-profile: 200 application/json greeting id name
    chatbot-update: 200 application/json audience created_at documents[1] fallback_model greeting id
        instructions max_output_tokens memory model model_shutdown_date name origins[1] public
        reasoning_effort temperature tools[0] updated_at verbosity version warnings[0] webhook
    visitor-create: 201 application/json chatbot expires_at token visitor
    visitor-try: 201 application/json chatbot expires_at token visitor
    visitor-merge: 200 application/json has_more threads[0]
    thread-create: 201 application/json chatbot_id created_at customer_id customer_name id metadata seq
        status status_since title updated_at
    thread-get: 200 application/json chatbot_id created_at customer_id customer_name id metadata seq
        status status_since title unread updated_at
    thread-update: 200 application/json chatbot_id created_at customer_id customer_name id metadata seq
        status status_since title updated_at
    socket-connect: 200 - null
    socket-subscribe: 200 - null
    socket-typing: 200 - null
    socket-read: 200 - null
    socket-ping: 200 - null
    chat: 200 application/json message reply thread
    chat-ui: 200 text/event-stream events[27]
    chat-ui-stream: 204 - null
    chat-agui: 200 text/event-stream events[24]
    thread-messages: 200 application/json data[7] next_cursor
    handoff-escalate: 200 application/json chatbot_id created_at customer_id customer_name id metadata
        reason seq status status_since title updated_at waiting_since
    thread-list: 200 application/json data[1] next_cursor
    handoff-claim: 200 application/json agent chatbot_id created_at customer_id customer_name id
        metadata seq status status_since title updated_at waiting_since
    chat: 202 application/json message reply thread
    handoff-release: 200 application/json chatbot_id created_at customer_id customer_name id metadata
        seq status status_since title updated_at
    chat-run: 204 - null
    sweep: 204 - null
    thread-messages: 200 application/json data[12] next_cursor
    chat-end: 200 application/json chatbot_id created_at customer_id customer_name ended_by id metadata
        seq status status_since title updated_at
    socket-default: 200 - null
    socket-unsubscribe: 200 - null
    socket-disconnect: 200 - null
    customer-export: 200 application/x-ndjson events[18]
    thread-delete: 204 - null
    customer-usage: 200 application/json data[1] next_cursor
    customer-erase: 202 application/json counts id requested_at status
    customer-audit: 200 application/json data[8] next_cursor
    customer-erasure: 404 application/problem+json code detail status title type
    chatbot-delete: 204 - null
    ");
}

#[tokio::test]
async fn both_authorizers_let_a_token_in_and_send_its_absence_away() {
    for way in [Way::InProcess, Way::Binaries] {
        let mut player = Player::new(way).await;
        for name in ["authorizer-rest", "authorizer-socket"] {
            let refused = player.authorizes(name).await;
            assert_eq!(refused, Err(Value::from("Unauthorized")), "{way:?} {name}");
        }
        let token = player.stage.board.token("acme", "agent", "ana");
        player.replace("REPLACE_WITH_A_TOKEN", &token);
        for name in ["authorizer-rest", "authorizer-socket"] {
            let policy = player.authorizes(name).await.unwrap();
            assert_eq!(policy["policyDocument"]["Statement"][0]["Effect"], "Allow", "{way:?} {policy}");
            let resource = policy["policyDocument"]["Statement"][0]["Resource"].to_string();
            assert!(resource.contains("/v1/*"), "{way:?} {resource}");
            let context = ["tenant", "subject", "role"].map(|field| policy["context"][field].as_str().unwrap());
            assert_eq!(context, ["acme", "ana", "agent"], "{way:?} {policy}");
        }
        assert_golden(&player.payloads);
    }
}

/// One paragraph for each event: status, content type, and the fields of the body.
fn outline(story: &Story) -> String {
    let paragraph = |(name, played): &(&str, Played)| {
        let kind = played.content_type.as_deref().unwrap_or("-");
        let body = match &played.body {
            Value::Object(fields) => fields.iter().map(field).collect::<Vec<_>>().join(" "),
            Value::Array(events) => format!("events[{}]", events.len()),
            other => other.to_string(),
        };
        wrapped(&format!("{name}: {} {kind} {body}", played.status))
    };
    story.iter().map(paragraph).collect::<Vec<_>>().join("\n")
}

/// The same words in lines of at most 100 columns.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() < 100 => line.extend([word, " "]),
            _ => lines.push(format!("    {word} ")),
        }
    }
    lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
}

/// The name of a field, with its length for a list.
fn field((name, value): (&String, &Value)) -> String {
    value.as_array().map_or_else(|| name.clone(), |values| format!("{name}[{}]", values.len()))
}

/// The same without the values that differ from run to run: ids, times, the receiver's port.
fn settled(mut played: Played) -> Played {
    settle(&mut played.body);
    played
}

pub(super) fn settle(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(day) = fields.get_mut("day") {
                *day = "[day]".into();
            }
            fields.values_mut().for_each(settle);
        }
        Value::Array(values) => values.iter_mut().for_each(settle),
        Value::String(text) => {
            let is_id =
                ["thr_", "bot_", "msg_", "run_", "vis_", "era_", "aud_"].iter().any(|prefix| text.starts_with(prefix));
            let is_time = text.len() == "2026-11-22T11:00:00.000Z".len() && text.ends_with('Z');
            if is_id {
                text.truncate(4);
            } else if is_time {
                "[time]".clone_into(text);
            } else if text.starts_with("eyJ") {
                // A token or a cursor.
                "[token]".clone_into(text);
            } else if text.starts_with("http://127.0.0.1:") {
                "[receiver]".clone_into(text);
            }
        }
        _ => {}
    }
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}
