//! `POST /visitors/merge`: a visitor who signs in takes their threads along.

use local::Options;
use reqwest::Method;
use serde_json::json;
use shared::domain::budget::BudgetSettings;
use tests::{
    counters::counters,
    persona::{Answer, Persona},
    stage::Stage,
    visitors::SHOP,
};

const MERGE: &str = "/visitors/merge";

/// A visitor with one thread, to which they have said hello.
struct Visit {
    token: String,
    persona: Persona,
    id: String,
    thread: String,
}

impl Visit {
    async fn of(stage: &Stage, chatbot: &str) -> Self {
        let visit = stage.anon().visits(chatbot).await.expect(201);
        let [token, id] =
            [&visit.body["token"], &visit.body["visitor"]["id"]].map(|it| it.as_str().unwrap().to_owned());
        let persona = stage.visitor(&visit);
        let thread = stage.thread_of(&persona, chatbot).await;
        persona.says_as(&thread, "first", "Hello").await.expect(200);
        Self { token, persona, id, thread }
    }

    async fn merges_into(&self, customer: &Persona) -> Answer {
        customer.post(MERGE, json!({ "visitor_token": self.token })).await
    }
}

#[tokio::test]
async fn a_visitor_who_signs_in_takes_their_threads_along_once() {
    let stage = Stage::start().await;
    let (chatbot, customer) = (stage.public_chatbot().await, stage.customer());
    let visit = Visit::of(&stage, &chatbot).await;
    let ended = stage.thread_of(&visit.persona, &chatbot).await;
    visit.persona.ends(&ended).await.expect(200);
    let mut socket = visit.persona.listens(&visit.thread).await;
    let mut inbox = stage.agent().connects().await;
    inbox.says(json!({ "action": "subscribe", "inbox": true })).await;
    inbox.hears_of("subscribed").await;

    let merged = visit.merges_into(&customer).await.expect(200).body;
    assert_eq!(merged["has_more"], false);
    let mut ids: Vec<_> = merged["threads"].as_array().unwrap().iter().map(|thread| thread["id"].clone()).collect();
    ids.sort_by_key(ToString::to_string);
    assert_eq!(ids, [json!(visit.thread), json!(ended)]);
    assert_eq!(inbox.hears_of("thread.updated").await["thread"]["customer_id"], "cus");

    // The visitor has lost them, on an open socket too.
    visit.persona.get(&format!("/threads/{}", visit.thread)).await.problem(404, "not_found");
    assert_eq!(visit.persona.get("/threads").await.expect(200).body["data"], json!([]));
    socket.until_closed().await;
    // The customer goes on where the visitor was.
    let before = customer.transcript(&visit.thread).await;
    assert_eq!(before[1], "customer: Hello");
    assert!(customer.says(&visit.thread, "It is me").await.expect(200).body["reply"].is_object());
    assert_eq!(customer.transcript(&visit.thread).await[..before.len()], before);
    assert_eq!(visit.merges_into(&customer).await.expect(200).body["threads"], json!([]));
    assert_eq!(
        visit.merges_into(&stage.persona("acme", "customer", "eve")).await.expect(200).body["threads"],
        json!([])
    );
    assert_eq!(customer.reads(&visit.thread).await["customer_id"], "cus");
}

#[tokio::test]
async fn two_who_merge_at_once_share_nothing() {
    let stage = Stage::start().await;
    let visit = Visit::of(&stage, &stage.public_chatbot().await).await;
    let (one, other) = (stage.customer(), stage.persona("acme", "customer", "eve"));
    let (first, second) = tokio::join!(visit.merges_into(&one), visit.merges_into(&other));
    let count = |answer: Answer| answer.expect(200).body["threads"].as_array().unwrap().len();
    assert_eq!(count(first) + count(second), 1);
    let seen = [&one, &other].map(async |who| who.get(&format!("/threads/{}", visit.thread)).await.status);
    let mut seen = futures::future::join_all(seen).await;
    seen.sort_unstable();
    assert_eq!(seen, [200, 404]);
}

#[tokio::test]
async fn both_tokens_have_to_be_proven() {
    let stage = Stage::start().await;
    let visit = Visit::of(&stage, &stage.public_chatbot().await).await;
    let not_signed_in = "only a customer who has signed in may take over a visitor's threads";
    for who in [&visit.persona, &stage.agent(), &stage.admin()] {
        assert_eq!(visit.merges_into(who).await.problem(403, "forbidden"), not_signed_in);
    }
    visit.merges_into(&stage.anon()).await.problem(401, "unauthenticated");
    let unproven = "visitor_token: is not the token of a visitor of this tenant on this origin";
    let customer = stage.customer();
    let (head, signature) = visit.token.rsplit_once('.').unwrap();
    let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
    for token in ["", "a.b.c", &forged, customer.token.as_deref().unwrap()] {
        assert_eq!(customer.post(MERGE, json!({ "visitor_token": token })).await.invalid(), unproven);
    }
    assert_eq!(visit.merges_into(&stage.persona("rival", "customer", "cus")).await.invalid(), unproven);
    let body = json!({ "visitor_token": visit.token });
    assert_eq!(customer.posts_on("https://evil.example", MERGE, body.clone()).await.invalid(), unproven);
    assert_eq!(customer.post(MERGE, json!({})).await.invalid(), "visitor_token: is required");
    assert_eq!(visit.persona.reads(&visit.thread).await["customer_id"], visit.id);
    customer.posts_on(SHOP, MERGE, body).await.expect(200);
}

/// Uses that the visitor's account has counted do not become room in the customer's.
#[tokio::test]
async fn an_answer_that_is_being_written_lands_in_the_customers_thread() {
    let stage = Stage::with(Options { budgets: BudgetSettings::default(), ..Options::default() }).await;
    let (chatbot, customer) = (stage.public_chatbot().await, stage.customer());
    let visit = Visit::of(&stage, &chatbot).await;
    let hold = stage.hold_after(2);
    let (answered, ()) = tokio::join!(visit.persona.says_as(&visit.thread, "second", "And now?"), async {
        hold.begun().await;
        visit.merges_into(&customer).await.expect(200);
        hold.release();
    });
    assert!(answered.expect(200).body["reply"].is_object());
    let log = customer.log(&visit.thread).await;
    let answers: Vec<_> = log.iter().filter(|message| message["answers"].is_object()).collect();
    assert_eq!(answers.len(), 2);
    // What a thread has counted ahead goes back when it ends.
    customer.ends(&visit.thread).await.expect(200);
    assert_eq!(counters(&stage.board.table(), "acme#CUSTOMER#cus").await, (0, 0));
}

#[tokio::test]
async fn a_visitor_who_is_being_erased_cannot_be_merged() {
    let stage = Stage::start().await;
    let visit = Visit::of(&stage, &stage.public_chatbot().await).await;
    stage.admin().delete(&format!("/customers/{}", visit.id)).await.expect(202);
    assert_eq!(visit.merges_into(&stage.customer()).await.problem(409, "conflict"), "the visitor is being erased");
    // Nor into a customer who is: the threads would be erased with the others.
    let (other, eve) =
        (Visit::of(&stage, &stage.public_chatbot().await).await, stage.persona("acme", "customer", "eve"));
    stage.admin().delete("/customers/eve").await.expect(202);
    assert_eq!(other.merges_into(&eve).await.problem(409, "conflict"), "the customer is being erased");
    assert_eq!(other.persona.reads(&other.thread).await["customer_id"], other.id);
}

#[tokio::test]
async fn the_profile_is_for_whom_may_talk_to_the_chatbot() {
    let stage = Stage::start().await;
    let chatbot = stage.public_chatbot().await;
    let path = format!("/chatbots/{chatbot}/profile");
    let visit = stage.anon().visits(&chatbot).await.expect(201);
    let profile = json!({ "id": chatbot, "name": "Robin", "greeting": "Welcome!" });
    assert_eq!(visit.body["chatbot"], profile);
    for who in [stage.visitor(&visit), stage.customer(), stage.agent(), stage.admin()] {
        assert_eq!(who.get(&path).await.expect(200).body, profile);
    }
    stage.anon().get(&path).await.problem(401, "unauthenticated");
    stage.persona("rival", "customer", "cus").get(&path).await.problem(404, "not_found");
    let other = format!("/chatbots/{}/profile", stage.public_chatbot().await);
    stage.visitor(&visit).get(&other).await.problem(403, "forbidden");
    let staffs = format!("/chatbots/{}/profile", stage.chatbot_with(json!({ "audience": "staff" })).await);
    stage.customer().get(&staffs).await.problem(403, "forbidden");
    stage.agent().sends(Method::GET, &staffs, "").await.expect(200);
}
