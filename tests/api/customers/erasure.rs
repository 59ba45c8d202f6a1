//! `DELETE /customers/{customer_id}`: nothing is left of a customer, and all is left of the others.

use lambda_http::Request;
use serde_json::{Value, json};

use super::life::{Customer, MINUTE, settled, stage};
use tests::{receiver::Receiver, receiver::Reply, sample::event, whole::whole};

#[tokio::test]
async fn an_erased_customer_is_nowhere_and_the_others_are_untouched() {
    let (stage, turned, _) = stage().await;
    // One whose webhook fails: its deliveries stay, and hold what was said.
    let receiver = Receiver::start().await;
    receiver.replies((0..20).map(|_| Reply::Status(500, String::new())));
    let webhook = json!({ "url": receiver.url, "secret": tests::receiver::SECRET });
    let documents = json!([{ "name": "Hours", "text": "From nine to five." }]);
    let failing = stage.chatbot_with(json!({ "webhook": webhook, "documents": documents })).await;
    let quiet = stage.chatbot_with(json!({ "documents": documents })).await;
    let (mut cleo, mut dora) = (Customer::of(&stage, "marchetti"), Customer::of(&stage, "lindqvist"));
    dora.lives(&stage, &quiet).await;
    cleo.lives(&stage, &failing).await;
    assert!(stage.items().await.keys().any(|(_, sk)| sk.starts_with("NOTICE#")));
    // A thread whose deletion could not be finished.
    let deleted = cleo.creates(&failing).await;
    cleo.says(&deleted).await;
    stage.openai_goes_down();
    stage.admin().delete(&format!("/threads/{deleted}")).await.expect(204);
    stage.openai_comes_back();
    let before = stage.items().await;

    let answer = stage.admin().delete(&cleo.path()).await.expect(202);
    let receipt = &answer.body;
    assert_eq!(answer.headers["location"], format!("/erasures/{}", receipt["id"].as_str().unwrap()));
    assert_eq!(receipt["status"], "pending");
    assert_eq!(cleo.persona.get("/threads").await.expect(200).body["data"], json!([]));

    let receipt = settled(&stage, &turned, receipt).await;
    assert_eq!(receipt["status"], "done", "{receipt}");
    let counts = json!({
        "threads": 5, "messages": cleo.messages, "notes": cleo.notes, "connections": 2, "idempotency_records": 6,
        "openai_objects": 4,
    });
    assert_eq!(receipt["counts"], counts);
    assert_eq!(stage.traces_of(cleo.word).await, [""; 0]);
    let after = stage.items().await;
    // The usage of chatbots counts the turns of her threads, maybe in an item that was there before.
    let is_usage = |pk: &str| pk.starts_with("acme#USAGE");
    for (key, item) in before.iter().filter(|((pk, _), _)| !is_usage(pk)) {
        let is_hers = cleo.owns(&key.0, &format!("{item:?}"));
        assert_eq!(after.get(key), Some(item).filter(|_| !is_hers), "{key:?}");
    }
    let new: Vec<_> = after.keys().filter(|key| !before.contains_key(key)).map(|(pk, _)| pk).collect();
    let is_trail = |pk: &str| pk.starts_with("acme#AUDIT#") || pk.starts_with("acme#ERASURE#era_");
    assert!(new.len() >= 2 && new.iter().all(|pk| is_trail(pk) || is_usage(pk)), "{new:?}");
    // The other customer's conversations, and the chatbots' documents.
    let openai = stage.standin().contents();
    assert!(openai.contains(dora.word) && openai.contains("From nine to five."));
    dora.says(&dora.threads[0]).await;
}

#[tokio::test]
async fn a_visitor_can_be_erased() {
    let (stage, turned, _) = stage().await;
    let chatbot = stage.public_chatbot().await;
    let visit = stage.anon().visits(&chatbot).await.expect(201);
    let visitor = stage.visitor(&visit);
    let thread = stage.thread_of(&visitor, &chatbot).await;
    visitor.says(&thread, "My name is Marchetti").await.expect(200);
    let id = visitor.reads(&thread).await["customer_id"].as_str().unwrap().to_owned();
    let receipt = stage.admin().delete(&format!("/customers/{id}")).await.expect(202).body;
    assert_eq!(settled(&stage, &turned, &receipt).await["status"], "done");
    for word in ["marchetti".to_owned(), id.to_lowercase()] {
        assert_eq!(stage.traces_of(&word).await, [""; 0]);
    }
}

#[tokio::test]
async fn what_a_customer_begins_after_the_erasure_stays() {
    let (stage, turned, _) = stage().await;
    let chatbot = stage.chatbot().await;
    let mut cleo = Customer::of(&stage, "marchetti");
    let old = cleo.creates(&chatbot).await;
    let receipt = stage.admin().delete(&cleo.path()).await.expect(202).body;
    turned.by(MINUTE / 60);
    let new = cleo.creates(&chatbot).await;
    let mut socket = cleo.persona.listens(&new).await;
    let receipt = settled(&stage, &turned, &receipt).await;
    assert_eq!((&receipt["status"], &receipt["counts"]["threads"]), (&json!("done"), &json!(1)));
    cleo.says(&new).await;
    socket.hears_of("message.created").await;
    cleo.persona.get(&format!("/threads/{old}")).await.problem(404, "not_found");
    let ids = |list: &Value| list["data"].as_array().unwrap().iter().map(|it| it["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&cleo.persona.get("/threads").await.expect(200).body), [json!(new)]);
    // The same key creates a thread, for its first use is forgotten.
    let key = format!("{}-0", cleo.word);
    cleo.persona.posts_under(&key, "/threads", json!({ "chatbot_id": chatbot })).await.expect(201);
}

#[tokio::test]
async fn a_repeat_under_way_gets_the_same_receipt_and_a_later_one_its_own() {
    let (stage, turned, _) = stage().await;
    let admin = stage.admin();
    let erase = || async { admin.delete("/customers/nobody").await.expect(202).body };
    let first = erase().await;
    assert_eq!(erase().await["id"], first["id"]);
    let done = settled(&stage, &turned, &first).await;
    assert_eq!((&done["status"], &done["counts"]["threads"]), (&json!("done"), &json!(0)));
    assert_ne!(erase().await["id"], first["id"]);
    assert_eq!(admin.get(&format!("/erasures/{}", first["id"].as_str().unwrap())).await.expect(200).body, done);
}

/// The admin who repeats it has been told that what exists now will be erased.
#[tokio::test]
async fn a_repeat_erases_what_was_begun_since_the_first() {
    let (stage, turned, _) = stage().await;
    let (root, rita) = (stage.admin(), stage.persona("acme", "admin", "rita"));
    let chatbot = stage.chatbot().await;
    let mut cleo = Customer::of(&stage, "marchetti");
    cleo.creates(&chatbot).await;
    let first = root.delete(&cleo.path()).await.expect(202).body;
    turned.by(MINUTE / 2);
    let second = cleo.creates(&chatbot).await;
    cleo.says(&second).await;
    turned.by(MINUTE / 4);
    let joined = rita.delete(&cleo.path()).await.expect(202).body;
    let at = |receipt: &Value| receipt["requested_at"].as_str().unwrap().to_owned();
    assert!(joined["id"] == first["id"] && at(&joined) > at(&first), "{first} {joined}");
    // It settles by the later request: its threads may still be written to.
    turned.by(MINUTE * 3 / 4);
    stage.sweeps().await;
    let path = format!("/erasures/{}", first["id"].as_str().unwrap());
    assert_eq!(root.get(&path).await.expect(200).body["status"], "pending");
    let receipt = settled(&stage, &turned, &first).await;
    assert_eq!((&receipt["status"], &receipt["counts"]["threads"]), (&json!("done"), &json!(2)));
    assert_eq!(receipt["requested_at"], joined["requested_at"]);
    assert_eq!(stage.traces_of(cleo.word).await, [""; 0]);
    let trail = root.get("/audit").await.expect(200).body["data"].clone();
    let erasures = trail.as_array().unwrap().iter().filter(|entry| entry["act"] == "customer.erased");
    let erasures: Vec<_> = erasures.map(|entry| (&entry["actor"]["id"], &entry["erasure_id"])).collect();
    assert_eq!(erasures, [(&json!("rita"), &first["id"]), (&json!("root"), &first["id"])]);
}

#[tokio::test]
async fn only_admins_erase_and_only_in_their_tenant() {
    let (stage, turned, _) = stage().await;
    let chatbot = stage.chatbot().await;
    let mut cleo = Customer::of(&stage, "marchetti");
    let thread = cleo.creates(&chatbot).await;
    for persona in [stage.agent(), cleo.persona.clone()] {
        persona.delete(&cleo.path()).await.problem(403, "forbidden");
    }
    let stranger = stage.persona("globex", "admin", "gus");
    let receipt = stranger.delete(&cleo.path()).await.expect(202).body;
    let path = format!("/erasures/{}", receipt["id"].as_str().unwrap());
    stage.admin().get(&path).await.problem(404, "not_found");
    stage.agent().get(&path).await.problem(403, "forbidden");
    for _ in 0..2 {
        turned.by(MINUTE);
        stage.sweeps().await;
    }
    assert_eq!(stranger.get(&path).await.expect(200).body["status"], "done");
    cleo.persona.get(&format!("/threads/{thread}")).await.expect(200);
}

#[tokio::test]
async fn agents_see_an_erased_thread_end_and_the_customer_is_disconnected() {
    let (stage, _, _) = stage().await;
    let chatbot = stage.chatbot().await;
    let mut cleo = Customer::of(&stage, "marchetti");
    let thread = cleo.creates(&chatbot).await;
    let mut theirs = cleo.persona.listens(&thread).await;
    let mut ana = stage.agent().listens(&thread).await;
    let mut inbox = stage.agent().connects().await;
    inbox.says(json!({ "action": "subscribe", "inbox": true })).await;
    inbox.hears_of("subscribed").await;
    stage.admin().delete(&cleo.path()).await.expect(202);
    for socket in [&mut ana, &mut inbox] {
        let updated = socket.hears_of("thread.updated").await["thread"].clone();
        assert_eq!(
            (&updated["status"], &updated["title"], &updated["metadata"]),
            (&json!("ended"), &json!(null), &json!({}))
        );
    }
    theirs.until_closed().await;
    stage.agent().claims(&thread).await.problem(404, "not_found");
}

/// An emulator may pass the parameter on as it stands in the path; API Gateway decodes it.
#[tokio::test]
async fn an_encoded_id_is_decoded_once_whoever_decodes_it() {
    let (stage, turned, _) = stage().await;
    let chatbot = stage.chatbot().await;
    for (id, segment, parameter) in [
        ("auth0|c/6 ö", "auth0%7Cc%2F6%20%C3%B6", "auth0%7Cc%2F6%20%C3%B6"),
        ("auth0|d/6 ö", "auth0%7Cd%2F6%20%C3%B6", "auth0|d/6 ö"),
        ("a%41", "a%2541", "a%41"),
    ] {
        let customer = stage.persona("acme", "customer", id);
        stage.thread_of(&customer, &chatbot).await;
        let mut erase: Value = serde_json::from_str(&event("customer-erase")).unwrap();
        erase["path"] = json!(format!("/customers/{segment}"));
        erase["pathParameters"]["customer_id"] = json!(parameter);
        let request: Request = lambda_http::request::from_str(&erase.to_string()).unwrap();
        let answer = whole(Box::pin(customer::handle(stage.board.app(), request)).await).await.unwrap();
        let receipt: Value = serde_json::from_slice(answer.body().as_ref()).unwrap();
        assert_eq!(receipt["counts"]["threads"], 1, "{id}: {receipt}");
        assert_eq!(settled(&stage, &turned, &receipt).await["status"], "done");
    }
}
