//! Requests that `/threads` refuses, and the error messages.

use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};

use tests::stage::Stage;

const UNKNOWN: &str = "thr_01JD0000000000000000000000";

/// Every route of a thread, with a body that it would accept.
fn routes(thread: &str) -> [(Method, String, Value); 4] {
    [
        (Method::GET, format!("/threads/{thread}"), Value::Null),
        (Method::PATCH, format!("/threads/{thread}"), json!({ "title": "Mine" })),
        (Method::GET, format!("/threads/{thread}/messages"), Value::Null),
        (Method::DELETE, format!("/threads/{thread}"), Value::Null),
    ]
}

#[tokio::test]
async fn nobody_gets_in_without_a_token_that_is_good_now() {
    let stage = Stage::start().await;
    let thread = stage.thread().await;
    let expired = stage.board.tokens().sign(&json!({
        "iss": "switchboard", "aud": "switchboard", "exp": 1_700_000_000, "sub": "cus", "tenant": "acme",
        "role": "customer",
    }));
    let collection = [
        (Method::GET, "/threads".to_owned(), Value::Null),
        (Method::POST, "/threads".to_owned(), json!({ "chatbot_id": "bot_01JD0000000000000000000000" })),
    ];
    for (method, path, body) in routes(&thread).into_iter().chain(collection) {
        for persona in [stage.anon(), stage.bearing(Some(expired.clone())), stage.bearing(Some("nonsense".into()))] {
            persona.sends(method.clone(), &path, body.to_string()).await.problem(401, "unauthenticated");
        }
    }
}

#[tokio::test]
async fn a_thread_that_is_not_ones_own_does_not_exist() {
    let stage = Stage::start().await;
    let thread = stage.thread().await;
    let others = [("acme", "customer", "dora"), ("umbrella", "customer", "cus"), ("umbrella", "admin", "root")];
    for (tenant, role, sub) in others {
        for (method, path, body) in routes(&thread) {
            let answer = stage.persona(tenant, role, sub).sends(method, &path, body.to_string()).await;
            assert_eq!(answer.problem(404, "not_found"), "there is no such thread", "{role} of {tenant}: {path}");
        }
    }
    assert_eq!(stage.customer().get(&format!("/threads/{thread}")).await.expect(200).body["title"], Value::Null);
}

#[tokio::test]
async fn an_id_that_is_none_is_one_that_does_not_exist() {
    let stage = Stage::start().await;
    for id in [UNKNOWN, "thr_1", "bot_01JD0000000000000000000000", "thr_01jd0000000000000000000000", "%00", "a%23b"] {
        for (method, path, body) in routes(id) {
            stage.admin().sends(method, &path, body.to_string()).await.problem(404, "not_found");
        }
    }
}

#[tokio::test]
async fn an_agent_neither_changes_nor_deletes_a_thread() {
    let stage = Stage::start().await;
    let path = format!("/threads/{}", stage.thread().await);
    stage.agent().patch(&path, json!({ "title": "Theirs" })).await.problem(403, "forbidden");
    stage.agent().delete(&path).await.problem(403, "forbidden");
}

#[tokio::test]
async fn a_body_is_refused_by_the_field_that_is_wrong() {
    let stage = Stage::start().await;
    let chatbot = stage.chatbot().await;
    let with = |fields: Value| {
        let mut body = json!({ "chatbot_id": chatbot });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        body.to_string()
    };
    let fifteen: serde_json::Map<_, _> = (0..15).map(|n| (format!("k{n}"), json!("v"))).collect();
    let bodies = [
        String::new(),
        "{\"chatbot_id\": ".into(),
        "{} {}".into(),
        "[]".into(),
        json!([chatbot, null, {}, null]).to_string(),
        "{}".into(),
        with(json!({})) + "x",
        json!({ "chatbot_id": 5 }).to_string(),
        json!({ "chatbot_id": "bot_1" }).to_string(),
        json!({ "chatbot_id": "bot_01JD0000000000000000000000" }).to_string(),
        with(json!({ "colour": "red" })),
        with(json!({ "title": ["A"] })),
        with(json!({ "title": "é".repeat(201) })),
        with(json!({ "metadata": { "order": 42 } })),
        with(json!({ "metadata": { "": "x" } })),
        with(json!({ "metadata": { "k".repeat(65): "x" } })),
        with(json!({ "metadata": { "order": "é".repeat(513) } })),
        with(json!({ "metadata": { "switchboard_thread": "x" } })),
        with(json!({ "metadata": fifteen })),
        format!("{{\"chatbot_id\": \"{chatbot}\", \"title\": \"a\", \"title\": \"b\"}}"),
    ];
    let mut said = Vec::new();
    for body in bodies {
        said.push(stage.customer().sends(Method::POST, "/threads", body).await.invalid());
    }
    let customer = json!({ "chatbot_id": chatbot, "customer_id": "a\nb" });
    said.push(stage.agent().post("/threads", customer).await.invalid());
    assert_snapshot!(said.join("\n"), @r"
    body: must be a JSON object
    body: is not valid JSON: EOF while parsing a value at line 1 column 15
    chatbot_id: is required
    body: must be a JSON object
    body: must be a JSON object
    chatbot_id: is required
    body: must be a single JSON object
    chatbot_id: invalid type: integer `5`, expected a string
    chatbot_id: must be an id like bot_01JD0000000000000000000000
    chatbot_id: there is no such chatbot
    colour: is not a known field
    title: invalid type: sequence, expected a string
    title: must have at most 200 characters
    metadata.order: invalid type: integer `42`, expected a string
    metadata.: must have a key of 1 to 64 characters
    metadata.kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk: must have a key of 1 to 64 characters
    metadata.order: must have at most 512 characters
    metadata.switchboard_thread: is a reserved key
    metadata: must have at most 14 pairs
    title: is given twice
    customer_id: must have 1 to 128 characters, none of them control characters
    ");
    assert_eq!(stage.standin().counts().conversations, 0);
}

#[tokio::test]
async fn a_change_is_refused_by_the_field_that_is_wrong() {
    let stage = Stage::start().await;
    let (customer, path) = (stage.customer(), format!("/threads/{}", stage.thread().await));
    let bodies = [
        json!({ "title": 5 }),
        json!({ "title": "é".repeat(201) }),
        json!({ "metadata": { "order": 42 } }),
        json!({ "metadata": { "title": "x" } }),
        json!({ "status": "ended" }),
        json!({ "customer_id": "dora" }),
        json!({ "chatbot_id": "bot_01JD0000000000000000000000" }),
    ];
    let mut said = Vec::new();
    for body in bodies {
        said.push(customer.patch(&path, body).await.invalid());
    }
    assert_snapshot!(said.join("\n"), @r"
    title: invalid type: integer `5`, expected a string
    title: must have at most 200 characters
    metadata.order: invalid type: integer `42`, expected a string
    metadata.title: is a reserved key
    status: is not a known field
    customer_id: is not a known field
    chatbot_id: there is no such chatbot
    ");
    let before = customer.get(&path).await.expect(200).body;
    assert_eq!((&before["title"], &before["metadata"]), (&Value::Null, &json!({})));
}

#[tokio::test]
async fn a_query_is_refused_by_the_parameter_that_is_wrong() {
    let stage = Stage::start().await;
    let messages = format!("/threads/{}/messages", stage.thread().await);
    let mut said = Vec::new();
    for query in [
        "limit=0",
        "limit=101",
        "limit=many",
        "status=open",
        "with=all",
        "page=2",
        "cursor=nonsense",
        "customer_id=%0A",
    ] {
        said.push(stage.agent().get(&format!("/threads?{query}")).await.invalid());
    }
    for query in ["limit=0", "after=-1", "after=x", "before=1.5", "after=1&before=2", "order=asc", "cursor=nonsense"] {
        said.push(stage.agent().get(&format!("{messages}?{query}")).await.invalid());
    }
    assert_snapshot!(said.join("\n"), @r"
    limit: must be from 1 to 100
    limit: must be from 1 to 100
    limit: must be a number from 1 to 100
    status: must be bot, queued, agent or ended
    with: must be last_message
    page: is not a known query parameter
    cursor: is not a valid cursor for this list
    customer_id: is not a valid customer id
    limit: must be from 1 to 100
    after: must be a seq: a whole number, 0 or more
    after: must be a seq: a whole number, 0 or more
    before: must be a seq: a whole number, 0 or more
    cursor: only one of after, before and cursor can be given
    order: is not a known query parameter
    cursor: is not a valid cursor for this list
    ");
    stage.customer().get("/threads?customer_id=dora").await.problem(403, "forbidden");
}

#[tokio::test]
async fn a_body_of_more_than_a_megabyte_is_too_large() {
    let stage = Stage::start().await;
    let (customer, path) = (stage.customer(), format!("/threads/{}", stage.thread().await));
    let body = json!({ "title": "a".repeat(1024 * 1024) }).to_string();
    customer.sends(Method::POST, "/threads", body.clone()).await.problem(413, "too_large");
    customer.sends(Method::PATCH, &path, body).await.problem(413, "too_large");
}
