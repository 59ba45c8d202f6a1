//! `GET /threads`: a customer's own threads, or all of the tenant.

use local::Options;
use serde_json::{Value, json};
use shared::{
    domain::{Thread, ThreadId, ThreadMetadata},
    store::{Created, Creation},
};
use ulid::Ulid;

use tests::{
    lists::{field, items, sorted},
    persona::Persona,
    recording::Exchange,
    stage::Stage,
    wire::Wire,
};

/// Creates a tenant's threads: three in the queue, two with an agent, four with the bot, two ended. Returns their ids
/// in that order.
async fn office(stage: &Stage) -> [Vec<String>; 4] {
    let (chatbot, agent) = (stage.chatbot().await, stage.agent());
    let mut threads = [(); 4].map(|()| Vec::new());
    for (group, (count, turn)) in [(3, "escalate"), (2, "claim"), (4, ""), (2, "end")].into_iter().enumerate() {
        for n in 0..count {
            let customer = stage.persona("acme", "customer", &format!("cus{}", n % 2));
            let thread = stage.thread_of(&customer, &chatbot).await;
            let path = format!("/threads/{thread}/{turn}");
            match turn {
                "" => {}
                "claim" => _ = agent.posts(&path).await.expect(200),
                _ => _ = customer.posts(&path).await.expect(200),
            }
            threads[group].push(thread);
        }
    }
    threads
}

/// Creates threads of the same customer names in another tenant.
async fn neighbours(stage: &Stage) -> Persona {
    let admin = stage.persona("umbrella", "admin", "root");
    let body = json!({ "name": "Wren", "model": "gpt-5-mini" });
    let chatbot = admin.post("/chatbots", body).await.expect(201).id();
    for customer in ["cus0", "cus1"] {
        stage.thread_of(&stage.persona("umbrella", "customer", customer), &chatbot).await;
    }
    admin
}

#[tokio::test]
async fn all_of_a_tenants_threads_come_once_across_every_page_border() {
    let stage = Stage::start().await;
    let office = office(&stage).await;
    let neighbour = neighbours(&stage).await;
    for limit in 1..=12 {
        let pages = stage.agent().pages(&format!("/threads?limit={limit}")).await;
        assert_eq!(sorted(&field(&pages, "id")), sorted(&office.concat()), "limit {limit}");
        let statuses = field(&pages, "status");
        assert!(statuses.is_sorted_by_key(|word| ["queued", "agent", "bot", "ended"].iter().position(|it| it == word)));
        let sizes: Vec<usize> = pages.iter().map(|page| page["data"].as_array().unwrap().len()).collect();
        assert!(sizes[..sizes.len() - 1].iter().all(|size| *size == limit), "limit {limit}: {sizes:?}");
    }
    assert_eq!(items(&neighbour.pages("/threads?limit=1").await, "data").len(), 2);
}

#[tokio::test]
async fn the_queue_is_shown_from_its_longest_wait_and_the_rest_from_the_newest_change() {
    let stage = Stage::start().await;
    let [queued, agents, bots, ended] = office(&stage).await;
    for (status, threads, oldest_first) in
        [("queued", queued, true), ("agent", agents, false), ("bot", bots, false), ("ended", ended, false)]
    {
        let pages = stage.agent().pages(&format!("/threads?limit=2&status={status}")).await;
        assert_eq!(sorted(&field(&pages, "id")), sorted(&threads), "{status}");
        let times = field(&pages, "status_since");
        assert!(
            if oldest_first { times.is_sorted() } else { times.is_sorted_by(|a, b| a >= b) },
            "{status}: {times:?}"
        );
    }
}

#[tokio::test]
async fn a_customers_list_holds_their_own_threads_newest_first() {
    let stage = Stage::start().await;
    office(&stage).await;
    neighbours(&stage).await;
    for (customer, count) in [("cus0", 6), ("cus1", 5), ("nobody", 0)] {
        let own = stage.persona("acme", "customer", customer).pages("/threads?limit=2").await;
        assert_eq!(items(&own, "data").len(), count);
        assert!(field(&own, "customer_id").iter().all(|it| *it == customer));
        assert!(field(&own, "created_at").is_sorted_by(|a, b| a >= b));
        let asked = stage.agent().pages(&format!("/threads?limit=3&customer_id={customer}")).await;
        assert_eq!(items(&asked, "data"), items(&own, "data"));
    }
}

#[tokio::test]
async fn a_customers_threads_of_one_status_are_found_among_the_others() {
    let stage = Stage::start().await;
    let [queued, ..] = office(&stage).await;
    let pages = stage.persona("acme", "customer", "cus0").pages("/threads?limit=1&status=queued").await;
    assert_eq!(sorted(&field(&pages, "id")), sorted(&[queued[0].clone(), queued[2].clone()]));
    let pages = stage.agent().pages("/threads?limit=2&status=queued&customer_id=cus1").await;
    assert_eq!(field(&pages, "id"), [&queued[1]]);
}

/// A page examines a bounded number of threads, so it may be empty and still have a next one.
#[tokio::test]
async fn one_status_among_many_threads_costs_198_items_a_page() {
    let wire = Wire::recording();
    let stage = Stage::with(Options { dynamo: wire.transport(), ..Options::default() }).await;
    let (customer, chatbot) = (stage.customer(), stage.chatbot().await);
    let oldest = stage.thread_of(&customer, &chatbot).await;
    customer.escalates(&oldest).await.expect(200);
    let app = stage.board.app();
    for _ in 0..299 {
        let thread =
            Thread::new("acme", ThreadId::new(Ulid::generate()), chatbot.parse().unwrap(), "cus".into(), app.now());
        let created = app.store.thread_create(&thread, &ThreadMetadata::default(), None, &Creation { key: None }).await;
        assert!(matches!(created, Ok(Created::New)));
    }
    for (path, pages) in [("/threads?limit=1&status=queued", 5), ("/threads?limit=2&status=ended", 5)] {
        let before = wire.recorded().len();
        let listed = customer.pages(path).await;
        assert_eq!(listed.len(), pages, "{path}");
        let read: Vec<usize> = wire.recorded()[before..].iter().map(items_read).collect();
        assert!(read.iter().sum::<usize>() <= 3 * 301, "{path}: {read:?}");
        // A query of the index, and a batch of the threads.
        assert!(read.chunks(2).all(|page| page.iter().sum::<usize>() <= 200), "{path}: {read:?}");
        let expected: &[String] = if path.ends_with("queued") { std::slice::from_ref(&oldest) } else { &[] };
        assert_eq!(field(&listed, "id"), expected, "{path}");
    }
    // A page that is full before its last examined thread continues after the last one shown.
    let of_bot = customer.pages("/threads?limit=40&status=bot").await;
    let mut ids = field(&of_bot, "id");
    assert_eq!(ids.len(), 299);
    ids.dedup();
    assert_eq!(ids.len(), 299);
}

/// The items that a request to the table returned.
fn items_read(exchange: &Exchange) -> usize {
    let listed = exchange.response["Items"].as_array().map_or(0, Vec::len);
    let tables = exchange.response["Responses"].as_object();
    listed + tables.into_iter().flatten().map(|(_, items)| items.as_array().map_or(0, Vec::len)).sum::<usize>()
}

#[tokio::test]
async fn a_list_shows_on_request_what_was_said_last() {
    let stage = Stage::start().await;
    let (customer, agent, chatbot) = (stage.customer(), stage.agent(), stage.chatbot().await);
    let silent = stage.thread_of(&customer, &chatbot).await;
    let answered = stage.thread_of(&customer, &chatbot).await;
    let reply = customer.says(&answered, "Hello").await.expect(200).body["reply"].clone();
    let waiting = stage.thread_of(&customer, &chatbot).await;
    customer.escalates(&waiting).await.expect(200);
    customer.says(&waiting, &"é".repeat(300)).await.expect(202);
    // After the agent's message: a note, which is no message, and every change of owner.
    let over = stage.thread_of(&customer, &chatbot).await;
    agent.says(&over, "Ana here.").await.expect(202);
    agent.post(&format!("/threads/{over}/chat"), json!({ "text": "Rude.", "internal": true })).await.expect(200);
    agent.releases(&over, "queue").await.expect(200);
    agent.posts(&format!("/threads/{over}/end")).await.expect(200);

    for who in [&agent, &customer] {
        let pages = who.pages("/threads?limit=3&with=last_message").await;
        let rows = items(&pages, "data");
        let last = |id: &str| &rows.iter().find(|row| row["id"] == id).unwrap()["last_message"];
        assert_eq!(*last(&silent), Value::Null);
        for part in ["seq", "role", "author", "text", "at"] {
            assert_eq!(last(&answered)[part], reply[part]);
        }
        assert_eq!(last(&waiting)["text"], "é".repeat(200));
        let customers = |id: &str| &rows.iter().find(|row| row["id"] == id).unwrap()["last_customer_message"];
        assert_eq!((customers(&silent), customers(&over)), (&Value::Null, &Value::Null));
        assert_eq!(customers(&answered)["role"], "customer");
        assert_eq!(customers(&waiting), last(&waiting));
        let said = last(&over);
        assert_eq!(
            (&said["role"], &said["text"], &said["author"]["id"]),
            (&json!("agent"), &json!("Ana here."), &json!("ana"))
        );
        let plain = who.pages("/threads").await;
        assert!(items(&plain, "data").iter().all(|row| row.get("last_message").is_none()));
    }
}
