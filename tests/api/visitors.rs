//! `POST /visitors`: tokens for people who have none, and the limits of such a token.

use std::time::Duration;

use authorizer::{Keys, Refusal, Rules};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};
use shared::domain::At;
use tokio_tungstenite::{
    connect_async,
    tungstenite::{self, client::IntoClientRequest},
};

use tests::{stage::Stage, visitors::SHOP};

#[tokio::test]
async fn a_visitor_talks_to_a_public_chatbot_as_any_customer_does() {
    let stage = Stage::start().await;
    let chatbot = stage.public_chatbot().await;
    let visit = stage.anon().visits(&chatbot).await.expect(201);
    assert_eq!(visit.body["chatbot"], json!({ "id": chatbot, "name": "Robin", "greeting": "Welcome!" }));
    assert!(visit.body["expires_at"].as_str().unwrap().ends_with('Z'));
    let visitor = stage.visitor(&visit);
    let thread = stage.thread_of(&visitor, &chatbot).await;
    assert!(visitor.says(&thread, "Hello").await.expect(200).body["reply"].is_object());
    assert_eq!(visitor.reads(&thread).await["customer_id"], visit.body["visitor"]["id"]);
    let mut socket = visitor.listens(&thread).await;
    stage.agent().says(&thread, "Ana here").await.expect(202);
    assert_eq!(socket.hears_of("message.created").await["thread_id"], thread);
    visitor.escalates(&thread).await.problem(409, "conflict");
}

#[tokio::test]
async fn with_their_old_token_they_stay_who_they_are() {
    let stage = Stage::start().await;
    let (chatbot, other) = (stage.public_chatbot().await, stage.public_chatbot().await);
    let first = stage.anon().visits(&chatbot).await.expect(201);
    let again = stage.visitor(&first).visits(&chatbot).await.expect(201);
    assert_eq!(again.body["visitor"], first.body["visitor"]);
    for (who, chatbot) in [(stage.anon(), &chatbot), (stage.visitor(&first), &other), (stage.customer(), &chatbot)] {
        let new = who.visits(chatbot).await.expect(201);
        assert_ne!(new.body["visitor"], first.body["visitor"]);
        assert!(new.body["visitor"]["id"].as_str().unwrap().starts_with("vis_"));
    }
}

#[tokio::test]
async fn only_where_the_chatbot_is_for_visitors() {
    let stage = Stage::start().await;
    let (private, public) = (stage.chatbot().await, stage.public_chatbot().await);
    let anon = stage.anon();
    assert_eq!(anon.visits(&private).await.problem(403, "forbidden"), "this chatbot is not public");
    for origin in ["https://evil.example", "http://shop.example", "null"] {
        let refused = anon.visits_on(origin, &public).await;
        assert_eq!(refused.problem(403, "forbidden"), "this chatbot is not available on this origin");
    }
    anon.post("/visitors", json!({ "tenant": "acme", "chatbot_id": public })).await.problem(403, "forbidden");
    anon.post("/visitors", json!({ "tenant": "other", "chatbot_id": public })).await.problem(404, "not_found");
    let tenant = anon.post("/visitors", json!({ "tenant": "a#b", "chatbot_id": public })).await;
    assert_eq!(tenant.invalid(), "tenant: is not a valid tenant");
    let anywhere = stage.chatbot_with(json!({ "public": true })).await;
    anon.post("/visitors", json!({ "tenant": "acme", "chatbot_id": anywhere })).await.expect(201);
}

#[tokio::test]
async fn the_token_is_for_that_chatbot_and_for_its_pages() {
    let stage = Stage::start().await;
    let (chatbot, other) = (stage.public_chatbot().await, stage.public_chatbot().await);
    let visitor = stage.visitor(&stage.anon().visits(&chatbot).await.expect(201));
    let refused = visitor.post("/threads", json!({ "chatbot_id": other })).await;
    assert_eq!(refused.problem(403, "forbidden"), "the token is limited to another chatbot");
    let thread = stage.thread_of(&visitor, &chatbot).await;
    visitor.patch(&format!("/threads/{thread}"), json!({ "chatbot_id": other })).await.problem(403, "forbidden");
    let chat = format!("/threads/{thread}/chat");
    let hello = json!({ "text": "Hello", "chatbot_id": other });
    visitor.post(&chat, hello).await.problem(403, "forbidden");
    visitor.get("/chatbots").await.problem(403, "forbidden");

    visitor.posts_on(SHOP, &chat, json!({ "text": "Hello" })).await.expect(200);
    let elsewhere = visitor.posts_on("https://evil.example", &chat, json!({ "text": "Hello" })).await;
    assert_eq!(elsewhere.problem(403, "forbidden"), "the token is not valid for this origin");
    let connects = async |origin: &str| {
        let mut request = stage.board.socket_url().into_client_request().unwrap();
        let bearer = format!("switchboard.v1, bearer.{}", visitor.token.as_deref().unwrap());
        request.headers_mut().insert("sec-websocket-protocol", bearer.parse().unwrap());
        request.headers_mut().insert("origin", origin.parse().unwrap());
        connect_async(request).await.map(|_| ())
    };
    connects(SHOP).await.unwrap();
    let Err(tungstenite::Error::Http(refused)) = connects("https://evil.example").await else {
        panic!("the connection was accepted")
    };
    assert_eq!(refused.status(), 403);
}

#[tokio::test]
async fn whoever_makes_a_chatbot_tries_it_out_as_a_visitor_without_letting_any_in() {
    let stage = Stage::start().await;
    let private = stage.chatbot_with(json!({ "greeting": "Welcome!", "origins": [SHOP] })).await;
    let path = format!("/chatbots/{private}/visitors");
    for staff in [stage.agent(), stage.admin()] {
        let visit = staff.post(&path, json!({})).await.expect(201);
        assert_eq!(visit.body["chatbot"], json!({ "id": private, "name": "Robin", "greeting": "Welcome!" }));
        let ends: At = visit.body["expires_at"].as_str().unwrap().parse().unwrap();
        assert!(ends <= stage.board.app().now() + Duration::from_hours(1));
        let visitor = stage.visitor(&visit);
        let thread = visitor.posts_on("https://console.example", "/threads", json!({ "chatbot_id": private })).await;
        let thread = thread.expect(201);
        assert_eq!(thread.body["customer_id"], visit.body["visitor"]["id"]);
        assert!(visitor.says(&thread.id(), "Hello").await.expect(200).body["reply"].is_object());
        let other = json!({ "chatbot_id": stage.chatbot().await });
        visitor.post("/threads", other).await.problem(403, "forbidden");
        // An admin's try-out token is not renewed: renewal is for visitors.
        visitor.visits_on(SHOP, &private).await.problem(403, "forbidden");
    }
    stage.customer().post(&path, json!({})).await.problem(403, "forbidden");
    stage.anon().post(&path, json!({})).await.problem(401, "unauthenticated");
    stage.persona("other", "admin", "root").post(&path, json!({})).await.problem(404, "not_found");
    assert_eq!(stage.admin().post(&path, json!({ "tenant": "acme" })).await.invalid(), "tenant: is not a known field");
}

#[tokio::test]
async fn origins_are_origins() {
    let stage = Stage::start().await;
    let chatbot = stage.public_chatbot().await;
    for origin in ["shop.example", "https://shop.example/", "https://shop.example/page", "ftp://shop.example", "*"] {
        let origins = json!({ "origins": [SHOP, origin] });
        let refused = stage.admin().patch(&format!("/chatbots/{chatbot}"), origins).await.invalid();
        assert_eq!(refused, "origins[1]: must be an origin like https://shop.example");
    }
    let local = json!({ "origins": ["http://localhost:8080"], "public": false });
    let changed = stage.admin().patch(&format!("/chatbots/{chatbot}"), local).await.expect(200).body;
    assert_eq!((&changed["public"], &changed["origins"]), (&json!(false), &json!(["http://localhost:8080"])));
}

/// The visitors' secret makes its holder neither an agent nor a customer with access to other chatbots.
#[tokio::test]
async fn the_visitors_key_makes_nobody_an_agent() {
    let secret = "visitors-visitors-visitors-visitors";
    let keys = Keys::secret("another-secret-another-secret-another", Rules::new("switchboard", "switchboard")).unwrap();
    let keys = keys.with_visitors(secret).unwrap();
    let token = |changes: Value| {
        let mut claims = json!({
            "iss": visitor::ISSUER, "aud": visitor::ISSUER, "exp": 4_102_444_800_u64, "sub": "vis_1", "tenant": "acme",
            "role": "customer", "chatbot": "bot_01JD0000000000000000000000", "origins": [SHOP],
        });
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let header = Header { kid: Some(visitor::KEY_ID.into()), ..Header::default() };
        encode(&header, &claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    };
    assert_eq!(keys.verify(&token(json!({}))).await.unwrap().origins, [SHOP]);
    for (changes, refusal) in [
        (json!({ "role": "agent" }), Refusal::Claim("role")),
        (json!({ "chatbot": null }), Refusal::Claim("role")),
        (json!({ "origins": ["https://a.example https://b.example"] }), Refusal::Claim("origins")),
        (json!({ "iss": "switchboard" }), Refusal::WrongIssuer),
        (json!({ "aud": "switchboard" }), Refusal::WrongAudience),
    ] {
        assert_eq!(keys.verify(&token(changes)).await.unwrap_err(), refusal);
    }
}
