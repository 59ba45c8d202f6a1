//! Who may use a chatbot: `audience`, and what a change of it does to visitors' tokens.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use local::{DynamoWire, Options};
use serde_json::{Value, json};
use shared::{
    App, ChatbotCache,
    domain::{Identity, Role, identity::VisitorAccess},
};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{self, client::IntoClientRequest},
};

use tests::{
    clock::Turned,
    meter::{Meter, Metered},
    persona::Persona,
    stage::Stage,
    visitors::SHOP,
};

async fn changes(stage: &Stage, chatbot: &str, change: Value) -> Value {
    stage.admin().patch(&format!("/chatbots/{chatbot}"), change).await.expect(200).body
}

/// A stage whose clock can be moved, a public chatbot, a visitor of it and their thread.
async fn visited() -> (Stage, Turned, String, Persona, String) {
    let turned = Turned::default();
    let stage = Stage::with(Options { clock: turned.clock(), ..Options::default() }).await;
    let chatbot = stage.public_chatbot().await;
    let visitor = stage.visitor(&stage.anon().visits(&chatbot).await.expect(201));
    let thread = stage.thread_of(&visitor, &chatbot).await;
    (stage, turned, chatbot, visitor, thread)
}

#[tokio::test]
async fn public_is_the_older_name_of_an_audience() {
    let stage = Stage::start().await;
    let made = async |fields: Value| {
        let mut body = json!({ "name": "Robin", "model": "gpt-5-mini" });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        stage.admin().post("/chatbots", body).await
    };
    for (fields, audience) in [
        (json!({}), "customers"),
        (json!({ "public": false }), "customers"),
        (json!({ "public": true }), "public"),
        (json!({ "audience": "public" }), "public"),
        (json!({ "audience": "public", "public": true }), "public"),
        (json!({ "audience": "customers", "public": false }), "customers"),
        (json!({ "audience": "staff", "public": false }), "staff"),
    ] {
        let chatbot = made(fields.clone()).await.expect(201).body;
        let is_public = audience == "public";
        assert_eq!((&chatbot["audience"], &chatbot["public"]), (&json!(audience), &json!(is_public)), "{fields}");
        let path = format!("/chatbots/{}", chatbot["id"].as_str().unwrap());
        assert_eq!(stage.admin().get(&path).await.expect(200).body, chatbot);
    }
    for (audience, public) in [("public", false), ("customers", true), ("staff", true)] {
        let refused = made(json!({ "audience": audience, "public": public })).await.invalid();
        assert_eq!(refused, "public: contradicts `audience`, which is enough");
    }
    made(json!({ "audience": "everyone" })).await.expect(400);

    let chatbot = stage.chatbot_with(json!({ "audience": "staff" })).await;
    // A client that knows only `public` leaves a chatbot for staff alone.
    assert_eq!(changes(&stage, &chatbot, json!({ "public": false })).await["audience"], "staff");
    assert_eq!(changes(&stage, &chatbot, json!({ "public": true })).await["audience"], "public");
    assert_eq!(changes(&stage, &chatbot, json!({ "public": false })).await["audience"], "customers");
    let contradiction = json!({ "audience": "staff", "public": true });
    stage.admin().patch(&format!("/chatbots/{chatbot}"), contradiction).await.invalid();
}

#[tokio::test]
async fn customers_cannot_use_a_chatbot_for_staff() {
    let stage = Stage::start().await;
    let (customer, open) = (stage.customer(), stage.chatbot().await);
    let staff = stage.chatbot_with(json!({ "audience": "staff", "greeting": "Welcome!" })).await;
    let forbidden = "this chatbot is for staff only";
    let refused = customer.post("/threads", json!({ "chatbot_id": staff })).await;
    assert_eq!(refused.problem(403, "forbidden"), forbidden);
    let thread = stage.thread_of(&customer, &open).await;
    let path = format!("/threads/{thread}");
    let refused = customer.patch(&path, json!({ "chatbot_id": staff })).await;
    assert_eq!(refused.problem(403, "forbidden"), forbidden);
    let refused = customer.post(&format!("{path}/chat"), json!({ "text": "Hi", "chatbot_id": staff })).await;
    assert_eq!(refused.problem(403, "forbidden"), forbidden);
    assert_eq!(customer.log(&thread).await.len(), 0);
    assert_eq!(customer.reads(&thread).await["chatbot_id"], open);
    stage.anon().visits(&staff).await.problem(403, "forbidden");

    // Staff try it, as visitors.
    let trial = stage.agent().post(&format!("/chatbots/{staff}/visitors"), json!({})).await.expect(201);
    let visitor = stage.visitor(&trial);
    let thread = stage.thread_of(&visitor, &staff).await;
    assert!(visitor.says(&thread, "Hello").await.expect(200).body["reply"].is_object());
}

#[tokio::test]
async fn a_customers_thread_goes_to_a_person_where_its_chatbot_is_for_staff_by_now() {
    let stage = Stage::start().await;
    let (customer, chatbot) = (stage.customer(), stage.chatbot().await);
    let thread = stage.thread_of(&customer, &chatbot).await;
    customer.says(&thread, "Hello").await.expect(200);
    changes(&stage, &chatbot, json!({ "audience": "staff" })).await;
    let asked = stage.asked_of_openai("POST", "/v1/responses").len();
    let answer = customer.says(&thread, "Anybody?").await.expect(202).body;
    assert_eq!((&answer["thread"]["status"], &answer["thread"]["reason"]), (&json!("queued"), &json!("failure")));
    // Nor does it answer where the line comes back to it.
    stage.admin().releases(&thread, "bot").await.expect(200);
    stage.board.invocations().finished().await;
    assert_eq!(customer.reads(&thread).await["status"], "queued");
    assert_eq!(stage.asked_of_openai("POST", "/v1/responses").len(), asked);
}

#[tokio::test]
async fn a_chatbot_that_is_no_longer_public_stops_its_visitors_at_their_next_turn() {
    for change in [json!({ "audience": "customers" }), json!({ "public": false }), json!({ "audience": "staff" })] {
        let (stage, _, chatbot, visitor, thread) = visited().await;
        visitor.says(&thread, "Hello").await.expect(200);
        changes(&stage, &chatbot, change).await;
        let asked = stage.asked_of_openai("POST", "/v1/").len();
        let before = stage.agent().log(&thread).await;
        let detail = "the chatbot's visitors need a new token: its audience or its origins have changed";
        let refused = visitor.says(&thread, "Still there?").await;
        assert_eq!(refused.problem(401, "unauthenticated"), detail);
        visitor.post("/threads", json!({ "chatbot_id": chatbot })).await.problem(401, "unauthenticated");
        let patch = visitor.patch(&format!("/threads/{thread}"), json!({ "chatbot_id": chatbot })).await;
        patch.problem(401, "unauthenticated");
        visitor.visits(&chatbot).await.problem(403, "forbidden");
        assert_eq!(stage.agent().log(&thread).await, before);
        assert_eq!(stage.asked_of_openai("POST", "/v1/").len(), asked);
    }
}

#[tokio::test]
async fn other_origins_ask_for_a_new_token_and_the_visitor_stays_who_they_are() {
    let (stage, _, chatbot, visitor, thread) = visited().await;
    let origins = json!({ "origins": [SHOP, "https://other.example"] });
    changes(&stage, &chatbot, origins.clone()).await;
    visitor.says(&thread, "Hello").await.problem(401, "unauthenticated");
    let again = stage.visitor(&visitor.visits(&chatbot).await.expect(201));
    again.says(&thread, "Hello").await.expect(200);
    // Other changes, and the same origins again, leave tokens alone.
    for change in
        [json!({ "name": "Robyn" }), origins, json!({ "public": true }), json!({ "instructions": "Be kind." })]
    {
        changes(&stage, &chatbot, change).await;
        again.says(&thread, "And now?").await.expect(200);
    }
    // Back and forth is a change too: the token from before does not come to life again.
    changes(&stage, &chatbot, json!({ "public": false })).await;
    changes(&stage, &chatbot, json!({ "public": true })).await;
    again.says(&thread, "Hello?").await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn reads_and_sockets_stop_within_five_minutes() {
    let (stage, turned, chatbot, visitor, thread) = visited().await;
    let path = format!("/threads/{thread}");
    visitor.get(&path).await.expect(200);
    let mut socket = visitor.listens(&thread).await;
    changes(&stage, &chatbot, json!({ "audience": "customers" })).await;
    turned.by(Duration::from_mins(5));
    for path in ["/threads".to_owned(), path.clone(), format!("{path}/messages")] {
        visitor.get(&path).await.problem(401, "unauthenticated");
    }
    visitor.ends(&thread).await.problem(401, "unauthenticated");
    visitor.escalates(&thread).await.problem(401, "unauthenticated");
    socket.says(json!({ "action": "ping" })).await;
    assert_eq!(socket.hears_of("error").await["code"], "token_expired");
    let mut connect = stage.board.socket_url().into_client_request().unwrap();
    let protocols = format!("switchboard.v1, bearer.{}", visitor.token.as_deref().unwrap());
    connect.headers_mut().insert("sec-websocket-protocol", protocols.parse().unwrap());
    let Err(tungstenite::Error::Http(refused)) = connect_async(connect).await else { panic!("it was accepted") };
    assert_eq!(refused.status(), 401);
    assert_eq!(stage.customer().get("/threads").await.expect(200).body["data"], json!([]));
}

#[tokio::test]
async fn a_new_token_counts_at_once_wherever_the_access_from_before_was_read() {
    let (stage, _, chatbot, mut visitor, thread) = visited().await;
    let path = format!("/threads/{thread}");
    let messages = format!("{path}/messages");
    for (i, used) in ["/threads", &path, &messages, "a socket", "a title"].into_iter().enumerate() {
        visitor.get("/threads").await.expect(200);
        changes(&stage, &chatbot, json!({ "origins": [SHOP, format!("https://{i}.example")] })).await;
        let before = visitor;
        visitor = stage.visitor(&before.visits(&chatbot).await.expect(201));
        match used {
            "a socket" => {
                let mut socket = visitor.listens(&thread).await;
                socket.says(json!({ "action": "ping" })).await;
                socket.hears_of("pong").await;
            }
            "a title" => _ = visitor.patch(&path, json!({ "title": "Shoes" })).await.expect(200),
            read => _ = visitor.get(read).await.expect(200),
        }
        // What was read for the new token counts for the one from before.
        before.get(&path).await.problem(401, "unauthenticated");
    }
    visitor.escalates(&thread).await.expect(200);
}

#[tokio::test]
async fn each_process_reads_the_chatbot_again_once_for_a_newer_token() {
    let meter = Arc::<Meter>::default();
    let metered = Arc::clone(&meter);
    let dynamo = DynamoWire::new(move |inner| Metered::new(inner, metered));
    let stage = Stage::with(Options { dynamo, ..Options::default() }).await;
    let chatbot = stage.public_chatbot().await;
    let of_version = |version| Identity {
        tenant: "acme".into(),
        subject: "vis_01".into(),
        role: Role::Customer,
        name: None,
        verified: BTreeMap::new(),
        chatbot: Some(chatbot.parse().unwrap()),
        access: Some(VisitorAccess::Version(version)),
        expires: stage.board.app().now() + Duration::from_hours(1),
    };
    let process = || App { chatbot_cache: ChatbotCache::default(), ..App::clone(stage.board.app()) };
    // The verdict, and the reads that it took.
    let checks = async |process: &App, version| {
        let before = meter.calls();
        (process.check_access(&of_version(version)).await.is_ok(), meter.calls() - before)
    };
    let processes = [process(), process()];
    for process in &processes {
        assert_eq!(checks(process, 0).await, (true, 1));
        assert_eq!(checks(process, 0).await, (true, 0));
    }
    changes(&stage, &chatbot, json!({ "origins": ["https://other.example"] })).await;
    for process in &processes {
        assert_eq!(checks(process, 0).await, (true, 0), "it has heard of no change");
        assert_eq!(checks(process, 1).await, (true, 1));
        assert_eq!(checks(process, 1).await, (true, 0));
        assert_eq!(checks(process, 0).await, (false, 0));
    }
    // A newer token than the one that was read is no newer than the chatbot's access.
    changes(&stage, &chatbot, json!({ "origins": [SHOP] })).await;
    changes(&stage, &chatbot, json!({ "audience": "customers" })).await;
    for process in &processes {
        assert_eq!(checks(process, 2).await, (false, 1));
        assert_eq!(checks(process, 2).await, (false, 0));
    }
}

#[tokio::test]
async fn a_trial_outlasts_changes_of_the_audience() {
    let stage = Stage::start().await;
    let chatbot = stage.public_chatbot().await;
    let trial = stage.admin().post(&format!("/chatbots/{chatbot}/visitors"), json!({})).await.expect(201);
    let visitor = stage.visitor(&trial);
    let thread = stage.thread_of(&visitor, &chatbot).await;
    for audience in ["staff", "customers", "public"] {
        changes(&stage, &chatbot, json!({ "audience": audience, "origins": ["https://new.example"] })).await;
        assert!(visitor.says(&thread, "Hello").await.expect(200).body["reply"].is_object());
    }
}
