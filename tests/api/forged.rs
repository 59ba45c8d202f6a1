//! Forged places and ids: cursors that no list made, and ids of things that are not the caller's, or that no id can be.
//! Each is refused as it is due, none fails, and none shows anything of another tenant or customer.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};

use tests::{persona::Answer, stage::Stage};

/// A secret that only the other tenant and the other customer wrote.
const SECRET: &str = "7f3a-secret";

/// Encoded as cursors are.
fn encoded(text: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(text)
}

/// Cursors of every kind that no list made.
fn garbage() -> Vec<String> {
    let mut garbage: Vec<String> = [
        "",
        "%20",
        "%00",
        "x",
        "%FF%FE",
        "AAAA",
        "null",
        "0",
        "-1",
        "..%2F..%2Fetc",
        "%27%20OR%201=1",
        "%E2%80%AE",
        "==",
    ]
    .map(str::to_owned)
    .to_vec();
    let (time, id) = ("2026-01-01T00:00:00.000Z", "thr_01JD0000000000000000000000");
    let decoded = [
        "",
        "{",
        "[]",
        "null",
        "0",
        "\"\"",
        "{}",
        r#"{"after":-1}"#,
        r#"{"after":1.5}"#,
        r#"{"after":"1"}"#,
        r#"{"after":18446744073709551616}"#,
        r#"{"after":1,"before":2}"#,
        r#"{"before":null}"#,
        r#"{"after_note":1}"#,
        r#"{"after_note":[1]}"#,
        r#"{"after_note":[1,"thr_1"]}"#,
        r#"{"before_note":[1,"msg_1"]}"#,
        r#"{"nowhere":1}"#,
        r#""bot_1""#,
        r#""thr_01JD0000000000000000000000""#,
        r#"{"id":"thr_1"}"#,
        r#"{"id":null,"sk":""}"#,
    ];
    garbage.extend(decoded.map(encoded));
    let places = [
        json!({ "id": id, "sk": time }),
        json!({ "id": id, "sk": format!("{time}#thr_01JD0000000000000000000001") }),
        json!({ "id": id, "sk": format!("x#{id}") }),
        json!({ "id": id, "sk": format!("{time}#{id}"), "part": "umbrella#STATUS#bot" }),
        json!({ "id": id, "sk": format!("{time}#{id}"), "pk": "umbrella" }),
        json!({ "id": id, "sk": format!("{time}#{id}"), "part": "nobody" }),
        json!({ "id": id, "sk": ["a"], "part": {} }),
        json!({ "id": id, "sk": "x".repeat(5_000), "part": "bot" }),
    ];
    garbage.extend(places.iter().map(|place| encoded(&place.to_string())));
    garbage.push("A".repeat(6_000));
    garbage.push(encoded(&"[".repeat(3_000)));
    garbage
}

/// The changes of a cursor that its holder could make: cut off at each place, with each bit of it flipped.
fn changes(cursor: &str) -> Vec<String> {
    let mut changes: Vec<String> = (1..cursor.len()).map(|end| cursor[..end].to_owned()).collect();
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        changes.push(BASE64_URL_SAFE_NO_PAD.encode(flipped));
    }
    changes
}

/// Two tenants with the same chatbot, customer and threads; the second one's texts are secret. Returns their threads.
async fn two_tenants(stage: &Stage) -> [String; 2] {
    let mut threads = Vec::new();
    for (tenant, text) in [("acme", "plain"), ("umbrella", SECRET)] {
        let chatbot = json!({ "name": text, "model": "gpt-5-mini" });
        let admin = stage.persona(tenant, "admin", "root");
        let mut thread = String::new();
        for _ in 0..3 {
            let chatbot = admin.post("/chatbots", chatbot.clone()).await.expect(201).id();
            let customer = stage.persona(tenant, "customer", "cus");
            let body = json!({ "chatbot_id": chatbot, "title": text });
            thread = customer.post("/threads", body).await.expect(201).id();
            customer.escalates(&thread).await.expect(200);
            for _ in 0..3 {
                customer.says(&thread, text).await.expect(202);
            }
        }
        threads.push(thread);
    }
    threads.try_into().unwrap()
}

#[track_caller]
fn is_harmless(answer: &Answer, sent: &str) {
    assert!([200, 400].contains(&answer.status), "{}: {sent}", answer.status);
    assert!(!answer.body.to_string().contains(SECRET), "{sent} shows another tenant's data");
}

#[tokio::test]
async fn a_forged_cursor_is_refused_or_leads_to_ones_own() {
    let stage = Stage::start().await;
    let [thread, theirs] = two_tenants(&stage).await;
    let (agent, customer) = (stage.agent(), stage.customer());
    let their_agent = stage.persona("umbrella", "agent", "una");
    let lists = |thread: &str| {
        ["/threads?limit=1", "/threads?limit=1&customer_id=cus", "/threads?limit=1&status=queued", "/chatbots?limit=1"]
            .map(str::to_owned)
            .into_iter()
            .chain([format!("/threads/{thread}/messages?limit=1")])
            .collect::<Vec<_>>()
    };
    let (mut sent, mut refused) = (0, 0);
    let mut made = Vec::new();
    for (list, their_list) in lists(&thread).iter().zip(lists(&theirs)) {
        for cursor in garbage() {
            let answer = agent.get(&format!("{list}&cursor={cursor}")).await;
            answer.problem(400, "invalid");
            (sent, refused) = (sent + 1, refused + 1);
        }
        for (persona, list) in [(&agent, list), (&their_agent, &their_list)] {
            let next = persona.get(list).await.expect(200).body["next_cursor"].clone();
            made.push(next.as_str().unwrap().to_owned());
        }
        for cursor in changes(made.last().unwrap()) {
            let answer = agent.get(&format!("{list}&cursor={cursor}")).await;
            is_harmless(&answer, &format!("{list}&cursor={cursor}"));
            (sent, refused) = (sent + 1, refused + usize::from(answer.status == 400));
        }
    }
    // Every list with every other's cursor, and with the other tenant's.
    for list in lists(&thread) {
        for cursor in &made {
            for persona in [&agent, &customer] {
                if list.starts_with("/chatbots") && persona.token == customer.token {
                    continue;
                }
                is_harmless(&persona.get(&format!("{list}&cursor={cursor}")).await, &format!("{list} {cursor}"));
                sent += 1;
            }
        }
    }
    println!("{sent} forged cursors, {refused} of them refused");
    assert!(sent > 2_000 && refused > 1_000, "{sent}, {refused}");
}

#[tokio::test]
async fn a_forged_id_is_one_that_does_not_exist() {
    let stage = Stage::start().await;
    let [thread, theirs] = two_tenants(&stage).await;
    let chatbot = stage.agent().reads(&thread).await["chatbot_id"].as_str().unwrap().to_owned();
    let their_agent = stage.persona("umbrella", "agent", "una");
    let their_chatbot = their_agent.reads(&theirs).await["chatbot_id"].as_str().unwrap().to_owned();
    // (what stands for a thread's id, and what for a chatbot's)
    let mut forged: Vec<String> = vec![theirs.clone(), their_chatbot.clone()];
    for own in [&thread, &chatbot] {
        let (prefix, ulid) = own.split_once('_').unwrap();
        forged.extend([
            own.to_lowercase(),
            own.to_uppercase(),
            ulid.to_owned(),
            format!("{prefix}{ulid}"),
            format!("{prefix}_{ulid}0"),
            format!("{prefix}_{}", &ulid[..25]),
            format!("{prefix}_8{}", &ulid[1..]),
            format!("{prefix}_{}", ulid.replace('0', "O")),
            format!("{prefix}_{}", "I".repeat(26)),
            format!("{own}%00"),
            format!("{own}%20"),
            format!("%20{own}"),
            format!("{own}%0A"),
            format!("{own}%23"),
            format!("{own}%2F..%2F{own}"),
            format!("..%2F{own}"),
            format!("%2e%2e%2f{own}"),
            format!("{own}%3Fx=1"),
            format!("umbrella%23THREAD%23{theirs}"),
            format!("{own}%E2%80%8B"),
            format!("msg_{ulid}"),
            format!("run_{ulid}"),
            "x".repeat(2_000),
            "%F0%9F%99%82".into(),
            "*".into(),
            "-1".into(),
            "null".into(),
        ]);
    }
    forged.push(chatbot.clone());
    let of_threads = |id: &str| {
        let (path, at) = (format!("/threads/{id}"), |rest: &str| format!("/threads/{id}/{rest}"));
        vec![
            (Method::GET, path.clone(), Value::Null),
            (Method::PATCH, path.clone(), json!({ "title": "taken" })),
            (Method::GET, at("messages"), Value::Null),
            (Method::POST, at("chat"), json!({ "text": "Hello" })),
            (Method::POST, at("claim"), json!({})),
            (Method::POST, at("release"), json!({ "to": "bot" })),
            (Method::POST, at("escalate"), json!({})),
            (Method::POST, at("end"), json!({})),
            (Method::GET, format!("/chat/{id}/stream"), Value::Null),
            (Method::DELETE, path, Value::Null),
        ]
    };
    let of_chatbots = |id: &str| {
        let path = format!("/chatbots/{id}");
        vec![
            (Method::GET, path.clone(), Value::Null),
            (Method::PATCH, path.clone(), json!({ "name": "taken" })),
            (Method::POST, format!("{path}/visitors"), json!({})),
            (Method::DELETE, path, Value::Null),
        ]
    };
    let mut sent = 0;
    let admin = stage.admin();
    for id in &forged {
        let mut routes = of_threads(id);
        if *id != chatbot {
            routes.extend(of_chatbots(id));
        }
        for (method, path, body) in routes {
            let request = admin.request(method.clone(), &path);
            let request = if body.is_null() { request } else { request.json(&body) };
            let answer = Answer::of(request).await;
            assert!(!answer.body.to_string().contains(SECRET), "{method} {path} shows another tenant's data");
            answer.problem(404, "not_found");
            sent += 1;
        }
    }
    // In bodies: there is no such chatbot, and no such thread.
    for id in forged.iter().filter(|id| **id != chatbot) {
        let body = json!({ "chatbot_id": id, "customer_id": "cus" });
        assert!(admin.post("/threads", body).await.invalid().starts_with("chatbot_id: "), "{id}");
        let said = json!({ "text": "Hello", "chatbot_id": id });
        let path = format!("/threads/{thread}/chat");
        assert!(admin.post(&path, said).await.invalid().starts_with("chatbot_id: "), "{id}");
        sent += 2;
    }
    // Another customer of the same tenant.
    let stranger = stage.persona("acme", "customer", "stranger");
    for (method, path, body) in of_threads(&thread) {
        let request = stranger.request(method, &path);
        let answer = Answer::of(if body.is_null() { request } else { request.json(&body) }).await;
        assert!([403, 404].contains(&answer.status), "{path}: {}", answer.body);
        sent += 1;
    }
    println!("{sent} requests with forged ids");
    assert_eq!(stage.agent().log(&thread).await.len(), 4, "nothing was done");
    assert_eq!(their_agent.log(&theirs).await.len(), 4, "nothing was done to the other tenant");
}
