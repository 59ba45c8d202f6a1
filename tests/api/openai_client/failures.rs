//! Refusals of OpenAI, and the failures that they map to.

use axum::response::Response;
use serde_json::{Value, json};
use shared::openai::{Failure, ResponseRequest};

use super::{
    KEY, client, hello, outcome,
    peer::{self, Peer, events, refusal, reply},
};

async fn refused_with(answer: Response) -> Failure {
    let peer = Peer::saying([answer]).await;
    let failure = outcome(&client(&peer)).await.unwrap_err();
    assert_eq!(peer.seen().len(), 1, "the request is not repeated");
    failure
}

async fn failed_in_stream(event: Value) -> Failure {
    let mut stream = reply("Hi");
    stream[3] = event;
    let peer = Peer::saying([events(&stream)]).await;
    outcome(&client(&peer)).await.unwrap_err()
}

/// The last event of a response that failed with this error.
fn failed(error: &Value) -> Value {
    let response = json!({ "id": "resp_1", "status": "failed", "error": error, "output": [] });
    json!({ "type": "response.failed", "response": response })
}

fn quota() -> Failure {
    Failure::Quota { code: "insufficient_quota".to_owned() }
}

fn filtered(code: &str) -> Failure {
    Failure::ContentFilter { code: code.to_owned() }
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let orphan = "No tool output found for function call call_1.";
    assert_eq!(refused_with(refusal(400, "invalid_request_error", orphan)).await, Failure::OrphanCall);
    assert_eq!(refused_with(refusal(429, "insufficient_quota", "You exceeded your quota.")).await, quota());
    assert_eq!(refused_with(refusal(400, "content_filter", "filtered")).await, filtered("content_filter"));
    assert_eq!(refused_with(refusal(400, "invalid_prompt", "flagged")).await, filtered("invalid_prompt"));
}

#[tokio::test]
async fn a_limit_that_does_not_pass_is_known_by_its_code_or_type() {
    for (status, code, kind, named) in [
        (429, "insufficient_quota", "insufficient_quota", "insufficient_quota"),
        (429, "credit_balance_exhausted", "invalid_request_error", "credit_balance_exhausted"),
        (429, "organization_spend_limit_exceeded", "rate_limit_error", "organization_spend_limit_exceeded"),
        (429, "project_spend_limit_exceeded", "billing_error", "project_spend_limit_exceeded"),
        (403, "organization_usage_limit_exceeded", "requests", "organization_usage_limit_exceeded"),
        (400, "billing_hard_limit_reached", "billing_limit_user_error", "billing_hard_limit_reached"),
        (429, "429", "insufficient_quota", "insufficient_quota"),
        (429, "a_new_limit", "billing_error", "a_new_limit"),
    ] {
        let error = json!({ "error": { "message": "x", "type": kind, "code": code } });
        let expected = Failure::Quota { code: named.to_owned() };
        assert_eq!(refused_with(peer::json(status, &error)).await, expected, "{error}");
        assert_eq!(failed_in_stream(failed(&error["error"])).await, expected, "{error} in a stream");
        assert!(!expected.may_pass());
    }
}

#[tokio::test]
async fn a_policy_is_final() {
    for code in ["invalid_prompt", "content_filter", "content_policy_violation", "bio_policy", "cyber_policy"] {
        let error = json!({ "message": "x", "type": "invalid_request_error", "code": code });
        assert_eq!(refused_with(refusal(400, code, "x")).await, filtered(code));
        assert_eq!(failed_in_stream(failed(&error)).await, filtered(code));
    }
    assert!(!filtered("invalid_prompt").may_pass());
}

#[tokio::test]
async fn a_full_context_is_known_by_its_code_or_its_words() {
    for error in [
        json!({ "message": "x", "type": "invalid_request_error", "param": "input", "code": "context_length_exceeded" }),
        json!({ "message": "request (1407 tokens) exceeds", "type": "exceed_context_size_error", "code": 400 }),
        json!({ "message": "the request exceeds the available context size, try increasing it", "code": 500 }),
        json!({ "message": "This model's maximum context length is 4096 tokens.", "code": 400 }),
        json!({ "message": "Your input exceeds the context window of this model.", "code": null }),
        json!({ "message": "litellm.ContextWindowExceededError: prompt is too long", "code": "400" }),
    ] {
        for status in [400, 500] {
            let body = json!({ "error": error });
            assert_eq!(refused_with(peer::json(status, &body)).await, Failure::ContextFull, "{error}");
        }
        assert_eq!(failed_in_stream(failed(&error)).await, Failure::ContextFull, "{error} in a stream");
    }
}

#[tokio::test]
async fn a_missing_model_is_known_by_its_code_or_its_words() {
    for (status, error) in [
        (404, json!({ "message": "x", "type": "invalid_request_error", "param": "model", "code": "model_not_found" })),
        (400, json!({ "message": "x", "code": "model_not_found" })),
        (404, json!({ "message": "model \"llama\" not found, try pulling it first", "code": null })),
        (404, json!({ "message": "The model `m` does not exist.", "type": "NotFoundError", "code": 404 })),
        (404, json!({ "message": "Model 'm' not found. Ask for the list of models.", "code": null })),
        (400, json!({ "message": "Invalid model name passed in model=m. Call `/v1/models`.", "code": "400" })),
        (400, json!({ "message": "m is not a valid model ID", "code": 400 })),
    ] {
        let body = json!({ "error": error });
        let is_coded = error["code"] == "model_not_found";
        let missing = Failure::ModelMissing { is_coded };
        assert_eq!(refused_with(peer::json(status, &body)).await, missing, "{error}");
        assert_eq!(failed_in_stream(failed(&error)).await, missing, "{error} in a stream");
    }
    for message in ["Not found", "The requested URL /v1/models/m was not found.", "File not found for model"] {
        let failure = refused_with(refusal(404, "404", message)).await;
        assert!(matches!(failure, Failure::Refused { status: 404, .. }), "{message}");
    }
}

#[tokio::test]
async fn a_refused_parameter_is_named() {
    let coded = |param: &str, code: Option<&str>, message: &str| {
        let error = json!({ "message": message, "type": "invalid_request_error", "param": param, "code": code });
        json!({ "error": error })
    };
    let worded = |message: &str| json!({ "error": { "message": message, "type": "BadRequestError", "code": 400 } });
    let not_permitted = "Extra inputs are not permitted";
    let forbidden =
        |name: &str| json!({ "type": "extra_forbidden", "loc": ["body", name], "msg": not_permitted, "input": 1 });
    for (body, name) in [
        (
            coded("temperature", None, "Unsupported parameter: 'temperature' is not supported with this model."),
            "temperature",
        ),
        (coded("temperature", Some("unsupported_value"), "Only the default (1) value is supported."), "temperature"),
        (coded("reasoning.effort", Some("unsupported_parameter"), "x"), "reasoning"),
        (coded("text.verbosity", Some("unsupported_value"), "x"), "text"),
        (coded("stream_options.include_obfuscation", Some("unknown_parameter"), "x"), "stream_options"),
        (worded("Unrecognized request argument supplied: prompt_cache_key"), "prompt_cache_key"),
        (worded("Unknown parameter: 'text.verbosity'."), "text"),
        (worded("unknown field `store`, expected one of `model`, `temperature`, `text`"), "store"),
        (worded("registry.ollama.ai/library/gemma3:latest does not support tools"), "tools"),
        (worded("create() got an unexpected keyword argument 'safety_identifier'"), "safety_identifier"),
        (worded("openai does not support parameters: ['parallel_tool_calls'], for model=m."), "parallel_tool_calls"),
        (
            worded(
                "[{'type': 'extra_forbidden', 'loc': ('body', 'truncation'), 'msg': 'Extra inputs are not permitted'}]",
            ),
            "truncation",
        ),
        (worded("'tool_choice': 'none' is not supported by this server"), "tool_choice"),
        (worded("max_output_tokens is not supported"), "max_output_tokens"),
        (json!({ "detail": [forbidden("context_management")] }), "context_management"),
        (json!({ "detail": [forbidden("a_field"), forbidden("reasoning")] }), "reasoning"),
        (json!({ "object": "Error", "message": [forbidden("store")], "code": 3001 }), "store"),
        (
            json!({ "detail": "body -> temperature\n  Extra inputs are not permitted (type=extra_forbidden)" }),
            "temperature",
        ),
    ] {
        let expected = Failure::UnsupportedParameter { name: name.to_owned() };
        assert_eq!(refused_with(peer::json(400, &body)).await, expected, "{body}");
        assert_eq!(refused_with(peer::json(422, &body)).await, expected, "{body}");
    }
}

#[tokio::test]
async fn a_refusal_of_something_else_is_no_refused_parameter() {
    for (param, message) in [
        (Some("model"), "The model 'm' is not supported with temperature."),
        (Some("input[0].content"), "Unsupported value: 'text' is not supported."),
        (None, "Images are not supported in the text of a store."),
        (None, "The temperature is too high today."),
        (None, "Extra inputs are not permitted"),
    ] {
        let error = json!({ "message": message, "type": "invalid_request_error", "param": param, "code": null });
        let failure = refused_with(peer::json(400, &json!({ "error": error }))).await;
        assert!(matches!(failure, Failure::Refused { status: 400, .. }), "{error}: {failure:?}");
    }
}

#[tokio::test]
async fn a_strict_template_is_known_by_its_words_and_not_asked_again() {
    for (status, kind, message) in [
        (400, "invalid_request_error", "Conversation roles must alternate user/assistant/user/assistant/..."),
        (500, "server_error", "Jinja Exception: System message must be at the beginning."),
    ] {
        let error = json!({ "message": message, "type": kind, "code": status });
        let failure = refused_with(peer::json(status, &json!({ "error": error }))).await;
        assert_eq!(failure, Failure::Template, "{error}");
        assert_eq!(failed_in_stream(failed(&error)).await, Failure::Template, "{error} in a stream");
    }
}

#[tokio::test]
async fn a_refusal_keeps_what_it_names() {
    let error =
        json!({ "message": "Wrong value", "type": "invalid_request_error", "param": "metadata", "code": "odd_value" });
    let failure = refused_with(peer::json(400, &json!({ "error": error }))).await;
    assert_eq!(
        failure,
        Failure::Refused {
            status: 400,
            code: Some("odd_value".to_owned()),
            param: Some("metadata".to_owned()),
            message: "Wrong value".to_owned(),
        }
    );
}

#[tokio::test]
async fn a_refusal_in_a_proxys_words_keeps_its_status() {
    for (content_type, body) in [
        ("text/html", "<h1>Forbidden</h1>"),
        ("application/json", "{\"error\":"),
        ("application/json", "[1]"),
        ("text/plain", ""),
    ] {
        let failure = refused_with(peer::text(403, content_type, body)).await;
        let nothing_said = Failure::Refused { status: 403, code: None, param: None, message: String::new() };
        assert_eq!(failure, nothing_said, "{body}");
    }
}

#[tokio::test]
async fn a_redirect_is_a_refusal_because_a_key_stays_where_it_belongs() {
    let elsewhere = peer::with_header(peer::status(307), "location", "/elsewhere");
    assert!(matches!(refused_with(elsewhere).await, Failure::Refused { status: 307, .. }));
}

#[tokio::test]
async fn only_a_404_that_speaks_of_the_conversation_means_that_it_is_missing() {
    let missing = || refusal(404, "not_found", "Conversation with id 'conv_1' not found.");
    assert_eq!(refused_with(missing()).await, Failure::Missing);

    let named =
        json!({ "message": "not found", "type": "invalid_request_error", "param": "conversation", "code": null });
    assert_eq!(refused_with(peer::json(404, &json!({ "error": named }))).await, Failure::Missing);

    for other in [
        peer::json(404, &json!({ "error": { "message": "Not found", "type": "not_found" } })),
        peer::json(404, &json!({ "error": "Not found" })),
        peer::json(404, &json!({ "detail": "Not Found" })),
        refusal(404, "not_found", "Vector store with id ['vs_1'] not found."),
        peer::json(404, &json!({ "error": { "code": 404, "message": "File Not Found", "type": "not_found_error" } })),
        peer::text(404, "text/plain", "404 page not found"),
    ] {
        assert!(matches!(refused_with(other).await, Failure::Refused { status: 404, .. }));
    }

    let peer = Peer::saying([missing()]).await;
    let failure = client(&peer).respond(&ResponseRequest { conversation: None, ..hello() }).await.err();
    assert!(matches!(failure, Some(Failure::Refused { status: 404, .. })), "the request named no conversation");
}

#[tokio::test]
async fn an_error_in_the_stream_is_read_flat_nested_and_untyped() {
    let fields = json!({ "code": "server_error", "message": "sorry", "param": null });
    let mut flat = fields.clone();
    flat["type"] = "error".into();
    for event in [
        flat,
        json!({ "type": "error", "sequence_number": 3, "error": fields }),
        json!({ "error": fields }),
        json!({
            "type": "response.failed",
            "response": { "id": "resp_1", "status": "failed", "error": fields, "output": [] },
        }),
    ] {
        let expected = Failure::Interrupted { code: Some("server_error".to_owned()) };
        assert_eq!(failed_in_stream(event.clone()).await, expected, "{event}");
    }
}

#[tokio::test]
async fn an_error_in_the_stream_means_what_it_means_in_a_refusal() {
    let error = |code, message| json!({ "type": "error", "error": { "type": "x", "code": code, "message": message } });
    assert_eq!(failed_in_stream(error("insufficient_quota", "pay")).await, quota());
    assert_eq!(failed_in_stream(error("invalid_prompt", "flagged")).await, filtered("invalid_prompt"));
    assert_eq!(failed_in_stream(error("conversation_locked", "busy")).await, Failure::Locked);
    let orphan = "No tool output found for function call call_1.";
    assert_eq!(failed_in_stream(error("invalid_request_error", orphan)).await, Failure::OrphanCall);
}

#[tokio::test]
async fn a_missing_conversation_may_be_said_in_the_stream() {
    for error in [
        json!({ "type": "error", "code": "404", "message": "Conversation 'conv_1' not found" }),
        json!({ "type": "error", "error": { "code": 404, "message": "conversation conv_1" } }),
        json!({ "type": "error", "code": "400", "message": "Conversation conv_1 does not exist" }),
    ] {
        assert_eq!(failed_in_stream(error.clone()).await, Failure::Missing, "{error}");
    }
    let other = json!({ "type": "error", "code": "404", "message": "Vector store 'vs_1' not found" });
    assert_eq!(failed_in_stream(other).await, Failure::Interrupted { code: Some("404".to_owned()) });
}

#[tokio::test]
async fn a_failure_in_a_stream_passes_unless_it_is_known_to_be_final() {
    let error = |code: Value, kind: &str| json!({ "code": code, "type": kind, "message": "x" });
    for (error, may_pass) in [
        (error(json!("server_error"), "server_error"), true),
        (error(json!("rate_limit_exceeded"), "tokens"), true),
        (error(json!("slow_down"), "x"), true),
        (error(json!("vector_store_timeout"), "x"), true),
        (error(Value::Null, "overloaded_error"), true),
        (error(json!("a_new_code"), "x"), true),
        (error(json!("408"), "x"), true),
        (error(json!(409), "x"), true),
        (error(json!(429), "x"), true),
        (error(json!(500), "x"), true),
        (error(json!("503"), "x"), true),
        (json!({}), true),
        (Value::Null, true),
        (error(json!(400), "BadRequestError"), false),
        (error(json!("404"), "x"), false),
        (error(json!("invalid_api_key"), "x"), false),
        (error(json!("invalid_base64_image"), "x"), false),
        (error(json!("image_too_large"), "x"), false),
        (error(json!("data_residency_mismatch"), "x"), false),
        (error(Value::Null, "invalid_request_error"), false),
        (error(Value::Null, "NotFoundError"), false),
        (error(json!("conversation_locked"), "x"), false),
    ] {
        let failure = failed_in_stream(failed(&error)).await;
        assert_eq!(failure.may_pass(), may_pass, "{error}: {failure:?}");
    }
    assert!(!Failure::Unavailable { maybe_ran: true }.may_pass(), "it was asked again already");
}

#[tokio::test]
async fn a_failed_response_without_an_error_is_interrupted() {
    let failed =
        json!({ "type": "response.failed", "response": { "id": "resp_1", "status": "failed", "error": null } });
    assert_eq!(failed_in_stream(failed).await, Failure::Interrupted { code: None });
}

#[tokio::test]
async fn a_failure_shows_neither_the_key_nor_what_was_said() {
    let said = format!("Incorrect API key provided: {KEY}. You said: my secret");
    let failure = refused_with(refusal(401, "invalid_api_key", &said)).await;
    assert_eq!(failure.to_string(), "OpenAI rejected the request with status 401");
    assert!(!format!("{failure:?}").contains(KEY));
}

#[tokio::test]
async fn what_may_have_run_is_known_by_its_failure() {
    let refused = Failure::Refused { status: 400, code: None, param: None, message: String::new() };
    assert!(Failure::Interrupted { code: None }.maybe_ran());
    assert!(Failure::Unavailable { maybe_ran: true }.maybe_ran());
    assert!(!Failure::Unavailable { maybe_ran: false }.maybe_ran());
    assert!(!refused.maybe_ran());
}
