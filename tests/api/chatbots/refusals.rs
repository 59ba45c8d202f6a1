//! Requests that `/chatbots` refuses, and the error messages.

use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};

use tests::stage::Stage;

const UNKNOWN: &str = "bot_01JD0000000000000000000000";

/// Every route, with a body that it would accept.
fn routes(chatbot: &str) -> [(Method, String, Value); 5] {
    [
        (Method::GET, "/chatbots".into(), Value::Null),
        (Method::POST, "/chatbots".into(), json!({ "name": "Wren", "model": "gpt-5-mini" })),
        (Method::GET, format!("/chatbots/{chatbot}"), Value::Null),
        (Method::PATCH, format!("/chatbots/{chatbot}"), json!({ "name": "Wren" })),
        (Method::DELETE, format!("/chatbots/{chatbot}"), Value::Null),
    ]
}

#[tokio::test]
async fn agents_read_admins_write_and_customers_do_neither() {
    let stage = Stage::start().await;
    for (method, path, body) in routes(&stage.chatbot().await) {
        let body = body.to_string();
        stage.anon().sends(method.clone(), &path, body.clone()).await.problem(401, "unauthenticated");
        stage.customer().sends(method.clone(), &path, body.clone()).await.problem(403, "forbidden");
        let agents = stage.agent().sends(method.clone(), &path, body.clone()).await;
        if method == Method::GET {
            _ = agents.expect(200);
        } else {
            _ = agents.problem(403, "forbidden");
        }
        assert!(stage.admin().sends(method, &path, body).await.status < 300, "{path}");
    }
}

#[tokio::test]
async fn another_tenants_chatbot_does_not_exist() {
    let stage = Stage::start().await;
    let chatbot = stage.chatbot().await;
    let theirs = stage.persona("umbrella", "admin", "root");
    for (method, path, body) in &routes(&chatbot)[2..] {
        let answer = theirs.sends(method.clone(), path, body.to_string()).await;
        assert_eq!(answer.problem(404, "not_found"), "there is no such chatbot");
    }
    let thread = json!({ "chatbot_id": chatbot, "customer_id": "cus" });
    assert_eq!(theirs.post("/threads", thread).await.invalid(), "chatbot_id: there is no such chatbot");
    assert_eq!(theirs.get("/chatbots").await.expect(200).body["data"], json!([]));
    assert_eq!(stage.agent().get(&format!("/chatbots/{chatbot}")).await.expect(200).body["name"], "Robin");
}

#[tokio::test]
async fn an_id_that_is_none_is_one_that_does_not_exist() {
    let stage = Stage::start().await;
    for id in [UNKNOWN, "bot_1", "thr_01JD0000000000000000000000", "%00"] {
        for (method, path, body) in &routes(id)[2..] {
            stage.admin().sends(method.clone(), path, body.to_string()).await.problem(404, "not_found");
        }
    }
}

/// Bodies with one invalid field each.
fn wrong() -> Vec<Value> {
    let tool = |name: &str| json!({ "name": name, "parameters": {} });
    let document = |name: &str, text: &str| json!({ "name": name, "text": text });
    let nested = (0..21).fold(json!(1), |inner, _| json!({ "a": inner }));
    let many_tools: Vec<Value> = (0..33).map(|n| tool(&format!("t{n}"))).collect();
    let many_documents: Vec<Value> = (0..101).map(|n| document(&n.to_string(), "x")).collect();
    vec![
        json!({ "colour": "red" }),
        json!({ "version": 2 }),
        json!({ "name": 5 }),
        json!({ "name": " " }),
        json!({ "name": "é".repeat(101) }),
        json!({ "model": "" }),
        json!({ "instructions": "é".repeat(32_001) }),
        json!({ "greeting": "é".repeat(4_001) }),
        json!({ "temperature": 2.1 }),
        json!({ "temperature": "warm" }),
        json!({ "temperature": 1e-101 }),
        json!({ "max_output_tokens": 15 }),
        json!({ "max_output_tokens": -1 }),
        json!({ "max_output_tokens": 16.5 }),
        json!({ "reasoning_effort": "" }),
        json!({ "reasoning_effort": "a".repeat(21) }),
        json!({ "reasoning_effort": "Low" }),
        json!({ "reasoning_effort": 3 }),
        json!({ "verbosity": "very low" }),
        json!({ "fallback_model": " " }),
        json!({ "fallback_model": "é".repeat(201) }),
        json!({ "fallback_model": "gpt-5-mini" }),
        json!({ "memory": "elephant" }),
        json!({ "tools": {} }),
        json!({ "tools": ["a"] }),
        json!({ "tools": [["a", "", {}, false]] }),
        json!({ "tools": [tool("a"), { "name": "b" }] }),
        json!({ "tools": [{ "name": "a", "parameters": {}, "type": "function" }] }),
        json!({ "tools": [tool("look it up")] }),
        json!({ "tools": [tool("a"), tool("a")] }),
        json!({ "tools": [tool("escalate_to_human")] }),
        json!({ "tools": [{ "name": "a", "parameters": [] }] }),
        json!({ "tools": [{ "name": "a", "parameters": nested }] }),
        json!({ "tools": [{ "name": "a", "parameters": { "maximum": 1e101 } }] }),
        json!({ "tools": [{ "name": "a", "parameters": { "enum": [{ "": 1 }] } }] }),
        json!({ "tools": [{ "name": "a", "parameters": { "a": "x".repeat(64_000) } }] }),
        json!({ "tools": many_tools }),
        json!({ "documents": [["a", "x"]] }),
        json!({ "documents": [document("a", "x"), ["b", "y"]] }),
        json!({ "documents": [document("a", "x"), { "name": "b" }] }),
        json!({ "documents": [document("a", "x"), document("b", " ")] }),
        json!({ "documents": [document("a", "x"), document("a", "y")] }),
        json!({ "documents": [document("a\nb", "x")] }),
        json!({ "documents": [document("", "x")] }),
        json!({ "documents": [document("a", &"x".repeat(300_001))] }),
        json!({ "documents": [{ "name": "a", "text": "x", "url": "y" }] }),
        json!({ "documents": many_documents }),
    ]
}

#[tokio::test]
async fn a_body_is_refused_by_the_field_that_is_wrong() {
    let stage = Stage::start().await;
    let mut said = Vec::new();
    for body in [json!({}), json!({ "name": "Wren" }), json!([])] {
        said.push(stage.admin().post("/chatbots", body).await.invalid());
    }
    said.push(stage.admin().sends(Method::POST, "/chatbots", "{\"name\"").await.invalid());
    for fields in wrong() {
        let mut body = json!({ "name": "Wren", "model": "gpt-5-mini" });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        said.push(stage.admin().post("/chatbots", body).await.invalid());
    }
    assert_snapshot!(said.join("\n"), @r#"
    name: is required
    model: is required
    body: must be a JSON object
    body: is not valid JSON: EOF while parsing an object at line 1 column 7
    colour: is not a known field
    version: is not a known field
    name: invalid type: integer `5`, expected a string
    name: must not be empty
    name: must have at most 100 characters
    model: must not be empty
    instructions: must have at most 32000 characters
    greeting: must have at most 4000 characters
    temperature: must be from 0 to 2
    temperature: invalid type: string "warm", expected f64
    temperature: must be 0 or at least 1e-100
    max_output_tokens: must be at least 16
    max_output_tokens: invalid value: integer `-1`, expected u32
    max_output_tokens: invalid type: floating point `16.5`, expected u32
    reasoning_effort: must be 1 to 20 lower-case letters a to z
    reasoning_effort: must be 1 to 20 lower-case letters a to z
    reasoning_effort: must be 1 to 20 lower-case letters a to z
    reasoning_effort: invalid type: integer `3`, expected a string
    verbosity: must be 1 to 20 lower-case letters a to z
    fallback_model: must not be empty
    fallback_model: must have at most 200 characters
    fallback_model: must differ from `model`
    memory: unknown variant `elephant`, expected `conversation` or `local`
    tools: invalid type: map, expected a sequence
    tools[0]: invalid type: string "a", expected an object
    tools[0]: invalid type: sequence, expected an object
    tools[1].parameters: is required
    tools[0].type: is not a known field
    tools[0].name: must be 1 to 64 letters, digits, _ or -
    tools[1].name: is already used by an earlier tool
    tools[0].name: is reserved: every chatbot has this tool built in
    tools[0].parameters: must be a JSON Schema object
    tools[0].parameters: must be nested at most 20 levels deep
    tools[0].parameters: must have no numbers beyond 1e100 or closer to 0 than 1e-100
    tools[0].parameters: must have no empty names
    tools: must be at most 64,000 bytes as JSON
    tools: must have at most 32 entries
    documents[0]: invalid type: sequence, expected an object
    documents[1]: invalid type: sequence, expected an object
    documents[1].text: is required
    documents[1].text: must have 1 to 300,000 bytes
    documents[1].name: is already used by an earlier document
    documents[0].name: must not contain control characters
    documents[0].name: must not be empty
    documents[0].text: must have 1 to 300,000 bytes
    documents[0].url: is not a known field
    documents: must have at most 100 entries
    "#);
    assert_eq!(stage.admin().get("/chatbots").await.expect(200).body["data"], json!([]));
    assert_eq!(stage.standin().counts().files, 0);
}

#[tokio::test]
async fn a_change_is_refused_for_what_a_creation_is_refused_for() {
    let stage = Stage::start().await;
    let path = format!("/chatbots/{}", stage.chatbot().await);
    for fields in wrong() {
        let mut body = json!({ "name": "Wren", "model": "gpt-5-mini" });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let creation = stage.admin().post("/chatbots", body).await.invalid();
        // A change may name the version that it applies to.
        if fields.get("version").is_none() {
            assert_eq!(stage.admin().patch(&path, fields).await.invalid(), creation);
        }
    }
    assert_eq!(stage.admin().get(&path).await.expect(200).body["version"], 1);
}

#[tokio::test]
async fn a_query_is_refused_by_the_parameter_that_is_wrong() {
    let stage = Stage::start().await;
    let mut said = Vec::new();
    for query in ["limit=0", "limit=101", "limit=x", "status=bot", "cursor=nonsense", "cursor=ImJvdF8xIg"] {
        said.push(stage.agent().get(&format!("/chatbots?{query}")).await.invalid());
    }
    assert_snapshot!(said.join("\n"), @r"
    limit: must be from 1 to 100
    limit: must be from 1 to 100
    limit: must be a number from 1 to 100
    status: is not a known query parameter
    cursor: is not a valid cursor for this list
    cursor: is not a valid cursor for this list
    ");
}

#[tokio::test]
async fn a_body_of_more_than_a_megabyte_is_too_large() {
    let stage = Stage::start().await;
    let (admin, path) = (stage.admin(), format!("/chatbots/{}", stage.chatbot().await));
    let body = json!({ "instructions": "a".repeat(1024 * 1024) }).to_string();
    admin.sends(Method::POST, "/chatbots", body.clone()).await.problem(413, "too_large");
    admin.sends(Method::PATCH, &path, body).await.problem(413, "too_large");
}
