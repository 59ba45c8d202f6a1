//! OpenAI's published document, against which the tests validate requests and responses.

use serde_json::{Value, json};

use tests::openai_schema::{validate, validate_request};

/// Validators that accept everything would go unnoticed.
#[test]
fn the_document_catches_what_is_wrong() {
    if std::env::var_os("OPENAI_SPEC").is_none() {
        return;
    }
    let caught = |schema: &str, value: Value| std::panic::catch_unwind(|| validate(schema, &value)).is_err();
    let message = json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": []});
    assert!(!caught("OutputItem", message.clone()));
    for field in ["id", "role", "status", "content"] {
        let mut without = message.clone();
        without.as_object_mut().unwrap().remove(field);
        assert!(caught("OutputItem", without), "{field}");
    }
    let delta = json!({"type": "response.output_text.delta", "sequence_number": 1, "delta": "x"});
    assert!(caught("ResponseStreamEvent", delta));
    let unknown = json!({"model": "gpt-a", "input": "x", "inputs": "x"});
    let request = std::panic::catch_unwind(|| validate_request("/v1/responses", "POST", &unknown));
    assert!(request.is_err());
}
