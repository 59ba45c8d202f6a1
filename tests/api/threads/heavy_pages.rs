//! Pages that would be heavier than Lambda's response may be: they end early, with a cursor.

use serde_json::{Value, json};

use tests::{
    lists::{field, items, sorted},
    persona::Persona,
    stage::Stage,
};

/// The most bytes that Lambda takes as a response; the body is a JSON string in it.
const MAX_LAMBDA_BYTES: usize = 6_291_556;

/// Checks that each page is one that Lambda can answer, and that this took several of them.
#[track_caller]
fn fit(pages: &[Value]) {
    for page in pages {
        let bytes = serde_json::to_string(&page.to_string()).unwrap().len();
        assert!(bytes < MAX_LAMBDA_BYTES - 1_000, "{bytes} bytes");
        let entries = ["data", "notes"].map(|name| page[name].as_array().map_or(0, Vec::len));
        assert_ne!(entries, [0, 0], "an empty page");
    }
    assert!(pages.len() > 1, "all in one page");
}

fn seqs(pages: &[Value]) -> Vec<u64> {
    items(pages, "data").iter().map(|message| message["seq"].as_u64().unwrap()).collect()
}

/// A thread of the customer's that waits for a person, with 33 messages of the longest text that JSON makes the most
/// of: a control character becomes `\u0001`, and its backslash counts twice in Lambda's response.
async fn heavy_thread(stage: &Stage) -> String {
    let (customer, thread) = (stage.customer(), stage.thread().await);
    customer.escalates(&thread).await.expect(200);
    for _ in 0..33 {
        let text = format!("x{}", "\u{1}".repeat(31_999));
        customer.says(&thread, &text).await.expect(202);
    }
    thread
}

#[tokio::test]
async fn a_heavy_log_is_read_in_pages_that_lambda_can_answer() {
    let stage = Stage::start().await;
    let thread = heavy_thread(&stage).await;
    let path = format!("/threads/{thread}/messages?limit=100");
    let onward = stage.agent().pages(&format!("{path}&after=0")).await;
    fit(&onward);
    assert_eq!(seqs(&onward), (1..=34).collect::<Vec<u64>>());
    let mut back = stage.customer().pages(&path).await;
    fit(&back);
    back.reverse();
    assert_eq!(seqs(&back), (1..=34).collect::<Vec<u64>>());
    let ui = stage.customer().pages(&format!("{path}&as=ui&after=0")).await;
    fit(&ui);
    assert_eq!(items(&ui, "data").len(), 33);
    // By `seq`, as clients go on that know no cursor.
    assert_eq!(stage.customer().log(&thread).await.len(), 34);
}

#[tokio::test]
async fn heavy_notes_after_one_message_are_read_in_pages_too() {
    let stage = Stage::start().await;
    let (agent, thread) = (stage.agent(), stage.thread().await);
    stage.customer().escalates(&thread).await.expect(200);
    let mut written = Vec::new();
    for n in 0..25 {
        written.push(format!("{n}{}", "\u{1}".repeat(31_990)));
        agent.notes(&thread, &written[n]).await.expect(200);
    }
    stage.customer().says(&thread, "Anybody there?").await.expect(202);
    for query in ["limit=1&after=0", "limit=1", "limit=100"] {
        let pages = agent.pages(&format!("/threads/{thread}/messages?{query}")).await;
        fit(&pages);
        let notes = items(&pages, "notes").into_iter().map(|note| note["text"].as_str().unwrap());
        assert_eq!(sorted(&notes.collect::<Vec<_>>()), sorted(&written), "{query}");
        let mut seqs = seqs(&pages);
        seqs.sort_unstable();
        assert_eq!(seqs, [1, 2], "{query}");
    }
    // A customer's pages are not shortened by what they must not know of.
    let page = stage.customer().get(&format!("/threads/{thread}/messages")).await.expect(200).body;
    assert_eq!((page["data"].as_array().unwrap().len(), &page["next_cursor"]), (2, &Value::Null));
}

/// Each of these lists, page by page, has all of these ids.
async fn lists_all(persona: &Persona, path: &str, ids: &[String]) {
    let pages = persona.pages(path).await;
    fit(&pages);
    assert_eq!(sorted(&field(&pages, "id")), sorted(ids), "{path}");
}

#[tokio::test]
async fn lists_of_heavy_threads_and_chatbots_end_early_too() {
    let stage = Stage::start().await;
    let heavy = |chars| "\u{1}".repeat(chars);
    let metadata: serde_json::Map<String, Value> =
        (0..14).map(|n| (format!("{n:02}{}", heavy(62)), json!(heavy(512)))).collect();
    let (chatbot, mut threads, mut chatbots) = (stage.chatbot().await, Vec::new(), Vec::new());
    for _ in 0..90 {
        let body = json!({ "chatbot_id": chatbot, "title": heavy(200), "metadata": metadata });
        threads.push(stage.customer().post("/threads", body).await.expect(201).id());
    }
    lists_all(&stage.customer(), "/threads?limit=100", &threads).await;
    lists_all(&stage.agent(), "/threads?limit=100", &threads).await;
    lists_all(&stage.agent(), "/threads?limit=100&status=bot&with=last_message", &threads).await;
    chatbots.push(chatbot);
    for _ in 0..20 {
        let fields = json!({ "instructions": heavy(32_000), "greeting": format!("x{}", heavy(3_999)) });
        chatbots.push(stage.chatbot_with(fields).await);
    }
    lists_all(&stage.agent(), "/chatbots?limit=100", &chatbots).await;
}
