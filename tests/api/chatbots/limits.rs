//! Settings at the limits of what the table keeps: kept as they are, or refused by their field.

use serde_json::{Value, json};

use tests::stage::Stage;

fn chatbot(fields: &Value) -> Value {
    let mut body = json!({ "name": "Wren", "model": "gpt-5-mini" });
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

fn with_parameters(parameters: &Value) -> Value {
    json!({ "tools": [{ "name": "look", "description": "", "parameters": parameters, "strict": false }] })
}

fn nested(levels: usize) -> Value {
    (0..levels).fold(json!({}), |inner, _| json!({ "a": inner }))
}

#[tokio::test]
async fn settings_at_the_limits_are_kept_as_they_are() {
    let stage = Stage::start().await;
    let origin = format!("https://{}.example", "o".repeat(300 - "https://.example".len()));
    let number = |number: Value| with_parameters(&json!({ "maximum": number }));
    let kept = [
        json!({ "temperature": 0.0 }),
        json!({ "temperature": -0.0 }),
        json!({ "temperature": 1e-100 }),
        json!({ "temperature": 1.999_999_999_999_999_8 }),
        json!({ "max_output_tokens": u32::MAX }),
        number(json!(1e100)),
        number(json!(-1e-100)),
        number(json!(u64::MAX)),
        number(json!(i64::MIN)),
        number(json!(1.234_567_890_123_456_7e41)),
        with_parameters(&nested(19)),
        with_parameters(&json!({ " ": null, "a.b": [[], {}, "", false] })),
        json!({ "origins": [origin] }),
    ];
    for fields in &kept {
        let made = stage.admin().post("/chatbots", chatbot(fields)).await.expect(201);
        let read = stage.admin().get(&format!("/chatbots/{}", made.id())).await.expect(200).body;
        for (name, value) in fields.as_object().unwrap() {
            assert_eq!((&made.body[name], &read[name]), (value, value), "{fields}");
        }
        let change = stage.admin().patch(&format!("/chatbots/{}", made.id()), fields.clone()).await.expect(200);
        assert_eq!(change.body["version"], 1, "{fields}");
    }
    // The table has one zero.
    stage.admin().post("/chatbots", chatbot(&number(json!(-0.0)))).await.expect(201);
}

#[tokio::test]
async fn settings_that_the_table_cannot_keep_are_refused_by_their_field() {
    let stage = Stage::start().await;
    let path = format!("/chatbots/{}", stage.chatbot().await);
    let origin = |chars: usize| format!("https://{}.example", "o".repeat(chars - "https://.example".len()));
    let number = |number: Value| with_parameters(&json!({ "maximum": number }));
    let refused = [
        ("temperature", json!({ "temperature": 5e-324 })),
        ("temperature", json!({ "temperature": 9.9e-101 })),
        ("temperature", json!({ "temperature": -5e-324 })),
        ("tools[0].parameters", number(json!(5e-324))),
        ("tools[0].parameters", number(json!(-1e-101))),
        ("tools[0].parameters", number(json!(1.1e100))),
        ("tools[0].parameters", number(json!(f64::MAX))),
        ("tools[0].parameters", with_parameters(&json!({ "": 1 }))),
        ("tools[0].parameters", with_parameters(&json!({ "a": [{ "": {} }] }))),
        ("tools[0].parameters", with_parameters(&nested(20))),
        ("tools[0].parameters", with_parameters(&(0..40).fold(json!([]), |inner, _| json!([inner])))),
        ("origins[0]", json!({ "origins": [origin(301)] })),
        ("origins[1]", json!({ "origins": ["https://shop.example", origin(310)] })),
        ("origins", json!({ "origins": (0..14).map(|n| origin(280 + n)).collect::<Vec<_>>() })),
    ];
    for (field, fields) in refused {
        for answer in
            [stage.admin().post("/chatbots", chatbot(&fields)).await, stage.admin().patch(&path, fields.clone()).await]
        {
            let invalid = answer.invalid();
            assert!(invalid.starts_with(&format!("{field}: ")), "{invalid} for {fields}");
        }
    }
    // As numbers that JSON can say and a float cannot.
    for number in ["1e400", "-1e400", &format!("1{}", "0".repeat(400))] {
        let body = format!(r#"{{"name":"Wren","model":"gpt-5-mini","temperature":{number}}}"#);
        stage.admin().sends(reqwest::Method::POST, "/chatbots", body).await.invalid();
    }
}

/// Everything at its longest at once, in an item of the table and in the record of the idempotency key.
#[tokio::test]
async fn the_heaviest_chatbot_fits_into_the_table() {
    let stage = Stage::start().await;
    let ones = vec![1; 31_000];
    let documents: Vec<Value> =
        (0..100).map(|n| json!({ "name": format!("{n:03}{}", "🙂".repeat(97)), "text": "x" })).collect();
    for character in ["\u{1}", "🙂"] {
        let origins: Vec<String> = (0..13).map(|n| format!("https://{}{n:02}.example", "o".repeat(280))).collect();
        let fields = json!({
            "name": format!("x{}", character.repeat(99)), "model": "gpt-5-mini",
            "instructions": character.repeat(32_000), "greeting": format!("x{}", character.repeat(3_999)),
            "documents": documents, "origins": origins,
            "tools": [{ "name": "look", "description": "", "parameters": { "enum": ones }, "strict": false }],
        });
        let key = format!("heavy-{}", character.len());
        let made = stage.admin().posts_under(&key, "/chatbots", fields).await.expect(201);
        let path = format!("/chatbots/{}", made.id());
        stage.admin().patch(&path, json!({ "temperature": 1.5 })).await.expect(200);
        stage.admin().get(&path).await.expect(200);
    }
}
