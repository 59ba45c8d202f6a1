//! The policies in the template: each function has all permissions that it needs on AWS, and no others.
//!
//! The played events reach every call that a function makes, the rare ones too, so there is no list of exceptions.

use std::{collections::BTreeSet, time::Duration};

use serde_json::json;
use shared::domain::{Erasure, ErasureId};
use yaml_serde::Value;

use super::{
    permissions::Permission,
    played::story,
    player::{Player, Way},
    template,
};
use tests::{topic::TopicReply, visitors::SHOP};

#[tokio::test]
async fn a_function_is_given_all_that_it_needs_and_nothing_more() {
    let mut player = Player::new(Way::InProcess).await;
    Box::pin(story(&mut player)).await;
    // First: the tokens are those of today, and later the clock is turned.
    Box::pin(a_visitor_who_signs_in(&mut player)).await;
    Box::pin(a_lonely_thread(&mut player)).await;
    Box::pin(a_thread_that_ends_mid_answer(&mut player)).await;
    Box::pin(what_is_due(&mut player)).await;
    Box::pin(an_erasure(&mut player)).await;

    let template = template();
    let resources = template["Resources"].as_mapping().expect("a template has resources").values();
    let mut wrong = Vec::new();
    for function in resources.filter(|resource| resource["Type"] == "AWS::Serverless::Function") {
        let name = function["Properties"]["Handler"].as_str().expect("a handler names the function");
        let (mut needed, allowed) = (player.needed(name), allowed(function));
        let (read, set) = (variables(name, &needed, player.asked_openai.contains(name)), variables_of(function));
        needed.extend(read.iter().flat_map(|variable| secrets_in(variable)));
        for (action, place) in needed.difference(&allowed) {
            wrong.push(format!("{name} needs {action} on {place}, which its policy does not allow"));
        }
        for (action, place) in allowed.difference(&needed) {
            wrong.push(format!("{name} may {action} on {place}, which it never does"));
        }
        for variable in read.difference(&set) {
            wrong.push(format!("{name} reads {variable}, which its environment lacks"));
        }
        for variable in set.difference(&read) {
            wrong.push(format!("{name} is given {variable}, which it does not read"));
        }
    }
    assert!(wrong.is_empty(), "template.yaml:\n{}", wrong.join("\n"));
}

/// Plays a thread whose chatbot was created while OpenAI was down, and whose listeners always disconnect without
/// notice.
async fn a_lonely_thread(player: &mut Player) {
    player.replace("EXAMPLEconn=", "gone");
    player.replace("sample-chatbot", "another-chatbot");
    player.stage.openai_goes_down();
    let chatbot = player.plays("chatbot-create").await;
    player.stage.openai_comes_back();
    player.replace("bot_01JD0000000000000000000000", chatbot.body["id"].as_str().unwrap());
    thread(player, "a-lonely-thread").await;

    note(player).await;
    for event in ["thread-update", "chat", "handoff-escalate", "chat-end"] {
        player.plays("socket-connect").await;
        player.plays("socket-subscribe").await;
        assert_eq!(player.plays(event).await.status, 200, "{event}");
    }
    let of_customer =
        player.plays_as("thread-list", |event| event["requestContext"]["authorizer"]["role"] = json!("customer"));
    assert_eq!(of_customer.await.status, 200);
    // The last post found the socket dead, so its connection is deleted: it gets an error and is closed.
    player.plays("socket-ping").await;
    assert_eq!(player.plays("thread-delete").await.status, 204);

    // A thread that is deleted with an open conversation.
    thread(player, "a-short-thread").await;
    assert_eq!(player.plays("thread-delete").await.status, 204);
}

/// Plays a run that finds the thread ended, and deletes the conversation that it used.
async fn a_thread_that_ends_mid_answer(player: &mut Player) {
    let id = thread(player, "a-cut-thread").await;
    let (hold, agent) = (player.stage.hold(), player.stage.agent());
    let ends = async {
        hold.begun().await;
        _ = agent.ends(&id).await.expect(200);
        hold.release();
    };
    let (chat, ()) = tokio::join!(player.plays("chat"), ends);
    assert_eq!(chat.status, 202);
}

/// Plays the sweep with one due item of each kind.
async fn what_is_due(player: &mut Player) {
    // Deleted while OpenAI was down: tried in vain, then deleted there, then here.
    thread(player, "a-deleted-thread").await;
    player.stage.openai_goes_down();
    assert_eq!(player.plays("thread-delete").await.status, 204);
    for _ in 0..3 {
        assert_eq!(player.plays("sweep").await.status, 204);
        player.stage.openai_comes_back();
        player.turned.by(Duration::from_mins(2));
    }
    // Queued because the bot failed, while the topic refuses.
    thread(player, "a-waiting-thread").await;
    player.stage.openai_goes_down();
    player.topic_of("chat").replies([TopicReply::Status(403)]);
    assert_eq!(player.plays("chat").await.body["thread"]["status"], "queued");
    player.stage.openai_comes_back();
    player.turned.by(Duration::from_mins(2));
    assert_eq!(player.plays("sweep").await.status, 204);
    assert_eq!(player.topic_of("sweep").reasons(), ["failure"]);
    // Released to the bot with a question, while no invocation gets through.
    thread(player, "a-forgotten-thread").await;
    player.stage.board.invocations().lose(true);
    for event in ["handoff-claim", "chat", "handoff-release", "sweep"] {
        player.plays(event).await;
    }
    // An idle thread, with a listener that has gone; then an ended one whose retention is over.
    thread(player, "an-idle-thread").await;
    player.plays("socket-connect").await;
    player.plays("socket-subscribe").await;
    for days in [31, 91, 1] {
        player.turned.by(Duration::from_hours(24 * days));
        assert_eq!(player.plays("sweep").await.status, 204);
    }
    assert_eq!(player.plays("thread-get").await.status, 404);
}

/// Plays an erasure that is done as far as it can be at once, and one that only the sweep gets to.
async fn an_erasure(player: &mut Player) {
    let as_agent = |event: &mut serde_json::Value| event["requestContext"]["authorizer"]["role"] = json!("agent");
    for key in ["an-erased-thread", "a-thread-erased-later"] {
        thread(player, key).await;
        player.plays("chat").await;
        // An agent who is told, and the customer's own socket. Neither is open.
        player.replace("EXAMPLEconn=", "watching");
        for event in ["socket-connect", "socket-subscribe"] {
            player.plays_as(event, as_agent).await;
        }
        player.replace("EXAMPLEconn=", "erased");
        player.plays("socket-connect").await;
        if key == "an-erased-thread" {
            assert_eq!(player.plays("customer-erase").await.status, 202);
        } else {
            let app = player.stage.board.app();
            let erasure = Erasure::new(ErasureId::new(app.ulid()), app.now());
            app.store.erasure_begin("acme", "cara", erasure, app.now(), None).await.unwrap();
        }
        for _ in 0..2 {
            player.turned.by(Duration::from_mins(2));
            assert_eq!(player.plays("sweep").await.status, 204);
        }
    }
}

/// Plays the merge of a thread whose visitor has a socket open, while an agent watches the inbox.
async fn a_visitor_who_signs_in(player: &mut Player) {
    let stage = &player.stage;
    let chatbot = stage.public_chatbot().await;
    let visit = stage.anon().visits(&chatbot).await.expect(201);
    let visitor = stage.visitor(&visit);
    let thread = stage.thread_of(&visitor, &chatbot).await;
    let mut socket = visitor.listens(&thread).await;
    let mut inbox = stage.agent().connects().await;
    inbox.says(json!({ "action": "subscribe", "inbox": true })).await;
    inbox.hears_of("subscribed").await;
    player.replace("REPLACE_WITH_A_VISITORS_TOKEN", visit.body["token"].as_str().unwrap());
    let merged = player.plays_as("visitor-merge", |event| {
        // The customer of the other events is being erased.
        event["requestContext"]["authorizer"]["subject"] = json!("sam");
        event["headers"]["Origin"] = json!(SHOP);
        event["multiValueHeaders"]["Origin"] = json!([SHOP]);
    });
    assert_eq!(merged.await.body["threads"][0]["id"], thread);
    socket.until_closed().await;
}

/// Creates a thread with an idempotency key of its own; returns its id.
async fn thread(player: &mut Player, key: &str) -> String {
    player.replace("sample-thread", key);
    let made = player.plays("thread-create").await;
    let id = made.body["id"].as_str().unwrap();
    player.replace("thr_01JD0000000000000000000000", id);
    id.to_owned()
}

async fn note(player: &mut Player) {
    let note = player.plays_as("chat", |event| {
        event["requestContext"]["authorizer"]["role"] = json!("agent");
        event["body"] = json!(json!({ "text": "A regular.", "internal": true }).to_string());
    });
    assert_eq!(note.await.body["note"]["text"], "A regular.");
}

/// The permissions that the function's policies allow.
fn allowed(function: &Value) -> BTreeSet<Permission> {
    let mut allowed = BTreeSet::new();
    let policies = list(&function["Properties"]["Policies"]).into_iter();
    for statement in policies.flat_map(|policy| list(&policy["Statement"])).flat_map(choices) {
        assert_eq!(statement["Effect"], "Allow");
        for action in list(&statement["Action"]) {
            let action = action.as_str().expect("an action is one text");
            let resources = list(&statement["Resource"]).into_iter().flat_map(choices);
            allowed.extend(resources.map(|resource| (action.to_owned(), place(resource))));
        }
    }
    allowed
}

/// The items of a policy's list, which stands without brackets if there is only one.
fn list(value: &Value) -> Vec<&Value> {
    match value.as_sequence() {
        Some(values) => values.iter().collect(),
        None if value.is_null() => Vec::new(),
        None => vec![value],
    }
}

/// All that a statement or a resource may be, with each choice of `!If [condition, this, that]`.
fn choices(value: &Value) -> Vec<&Value> {
    match value.as_sequence() {
        Some(parts) => parts[1..].iter().flat_map(choices).collect(),
        None if value.as_str() == Some("AWS::NoValue") => Vec::new(),
        None => vec![value],
    }
}

/// A policy's resource in the form of [`Permission`].
fn place(resource: &Value) -> String {
    const STAGE: &str = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${SocketApi}/v1/";
    let text = resource.as_str().expect("a resource is one text");
    let place = match text {
        "Table.Arn" => Some("table"),
        "ChatFunction.Arn" => Some("chat"),
        "QueuedTopic" => Some("topic"),
        secret @ ("OpenAiSecret" | "VisitorSecretStore" | "JwtSecretStore" | "JwtSecretArn") => Some(secret),
        _ => text.strip_prefix("${Table.Arn}/").or_else(|| text.strip_prefix(STAGE)),
    };
    place.unwrap_or_else(|| panic!("the stack has no {text} for a function")).to_owned()
}

/// The settings of tokens, which the authorizer alone reads.
const IDENTITY_PROVIDER: [&str; 13] = [
    "JWT_AUDIENCE",
    "JWT_AUTHORIZED_PARTY",
    "JWT_CLIENT_ID",
    "JWT_CLOCK_SKEW_SECONDS",
    "JWT_DEFAULT_ROLE",
    "JWT_DEFAULT_TENANT",
    "JWT_ISSUER",
    "JWT_JWKS_URL",
    "JWT_NAME_CLAIM",
    "JWT_ROLE_CLAIM",
    "JWT_ROLE_MAP",
    "JWT_SECRET",
    "JWT_TENANT_CLAIM",
];

/// The environment variables that a function reads.
fn variables(name: &str, needed: &BTreeSet<Permission>, asks_openai: bool) -> BTreeSet<String> {
    let calls = |service: &str| needed.iter().any(|(action, _)| action.starts_with(service));
    let read: [(bool, &[&str]); 12] = [
        (calls("dynamodb:"), &["TABLE"]),
        (calls("execute-api:"), &["SOCKETS_URL"]),
        (calls("lambda:"), &["AWS_ENDPOINT_URL_LAMBDA", "CHAT_FUNCTION"]),
        (calls("sns:"), &["CONSOLE_URL", "QUEUED_TOPIC_ARN"]),
        (asks_openai, &["OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MEMORY"]),
        (name == "chat", &["OPENAI_HISTORY_TOKENS", "PERSON_WAIT_SECONDS"]),
        (name == "chat", &["MAX_OUTPUT_TOKENS", "TOOL_CALLS_PER_TURN"]),
        (
            ["chat", "thread", "handoff"].contains(&name),
            &["CHATBOT_BUDGET", "CUSTOMER_BUDGET", "TENANT_BUDGET", "VISITOR_BUDGET"],
        ),
        (["authorizer", "visitor"].contains(&name), &["VISITOR_SECRET"]),
        (name == "visitor", &["CLIENT_ADDRESS_HEADER", "VISITOR_LIMIT"]),
        (name == "thread", &["CUSTOMERS_MAY_DELETE"]),
        (name == "authorizer", &IDENTITY_PROVIDER),
    ];
    read.into_iter().filter(|(reads, _)| *reads).flat_map(|(_, names)| names).map(|&name| name.to_owned()).collect()
}

/// The secrets that a variable may name: a function reads what its environment names.
fn secrets_in(variable: &str) -> Vec<Permission> {
    let secrets: &[&str] = match variable {
        "OPENAI_API_KEY" => &["OpenAiSecret"],
        "VISITOR_SECRET" => &["VisitorSecretStore"],
        "JWT_SECRET" => &["JwtSecretStore", "JwtSecretArn"],
        _ => &[],
    };
    secrets.iter().map(|secret| ("secretsmanager:GetSecretValue".to_owned(), (*secret).to_owned())).collect()
}

/// The environment variables that the template sets for this function, without those that it sets for all.
fn variables_of(function: &Value) -> BTreeSet<String> {
    let set = function["Properties"]["Environment"]["Variables"].as_mapping().expect("a function has variables");
    set.keys().map(|name| name.as_str().unwrap().to_owned()).collect()
}
