//! `GET /customers/{customer_id}/export`: all of a customer, in lines.

use futures::StreamExt;
use lambda_http::Request;
use reqwest::Method;
use serde_json::{Value, json};

use super::life::{Customer, stage};
use tests::{
    long_log::fill,
    persona::{Persona, opened},
    sample::event,
    stage::Stage,
    table::id,
};

/// The lines of an export.
async fn export(admin: &Persona, path: &str) -> Vec<Value> {
    let answer = opened(admin.request(Method::GET, path)).await;
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["content-type"].to_str().unwrap()),
        (200, "application/x-ndjson")
    );
    let text = answer.text().await.unwrap();
    assert!(text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What the lines of one type hold.
fn of(lines: &[Value], kind: &str) -> Vec<Value> {
    lines.iter().filter(|line| line["type"] == kind).map(|line| line[kind].clone()).collect()
}

#[tokio::test]
async fn an_export_holds_all_of_one_customer_and_nothing_of_another() {
    let (stage, _, _) = stage().await;
    let chatbot = stage.chatbot().await;
    let (mut cleo, mut dora) = (Customer::of(&stage, "marchetti"), Customer::of(&stage, "lindqvist"));
    cleo.lives(&stage, &chatbot).await;
    dora.lives(&stage, &chatbot).await;
    let lines = export(&stage.admin(), &format!("{}/export", cleo.path())).await;
    assert_eq!((&lines[0]["type"], &lines[0]["id"]), (&json!("customer"), &json!(cleo.id)));
    let end = json!({ "type": "end", "threads": 5, "messages": cleo.messages, "notes": cleo.notes });
    assert_eq!(lines.last(), Some(&end));
    assert!(!json!(lines).to_string().contains(dora.word));

    let threads = of(&lines, "thread");
    let newest_first: Vec<_> = cleo.threads.iter().rev().map(|thread| json!(thread)).collect();
    assert_eq!(threads.iter().map(|thread| thread["id"].clone()).collect::<Vec<_>>(), newest_first);
    assert_eq!(threads[4]["metadata"], json!({ "who": "marchetti" }));
    let mut logs = Vec::new();
    for thread in cleo.threads.iter().rev() {
        logs.extend(cleo.persona.log(thread).await);
    }
    assert_eq!(of(&lines, "message"), logs);
    assert_eq!(of(&lines, "note")[0]["text"], "marchetti is a regular");
    let markers: Vec<_> = lines.iter().filter(|line| line["type"] == "read_marker").collect();
    assert_eq!(markers, [&json!({ "type": "read_marker", "thread_id": cleo.threads[1], "seq": 2 })]);
}

#[tokio::test]
async fn an_export_goes_on_after_each_of_its_cursors() {
    let (stage, _, _) = stage().await;
    let chatbot = stage.chatbot().await;
    let mut cleo = Customer::of(&stage, "marchetti");
    cleo.lives(&stage, &chatbot).await;
    fill(stage.board.app(), &id(&cleo.threads[0]), 180).await;
    let path = format!("{}/export", cleo.path());
    let whole = export(&stage.admin(), &path).await;
    let cursors: Vec<_> = (0..whole.len()).filter(|at| whole[*at]["type"] == "cursor").collect();
    // A page of four, and one of each other thread.
    assert_eq!(cursors.len(), 8);
    for at in cursors {
        let cursor = whole[at]["cursor"].as_str().unwrap();
        assert_eq!(export(&stage.admin(), &format!("{path}?cursor={cursor}")).await, whole[at + 1..]);
    }
}

#[tokio::test]
async fn a_customer_without_threads_is_exported_as_nothing() {
    let stage = Stage::start().await;
    let lines = export(&stage.admin(), "/customers/nobody/export").await;
    assert_eq!(lines[1..], [json!({ "type": "end", "threads": 0, "messages": 0, "notes": 0 })]);
}

#[tokio::test]
async fn only_admins_export_and_only_from_their_tenant() {
    let (stage, _, _) = stage().await;
    let chatbot = stage.chatbot().await;
    let mut cleo = Customer::of(&stage, "marchetti");
    let thread = cleo.creates(&chatbot).await;
    cleo.says(&thread).await;
    let path = format!("{}/export", cleo.path());
    for persona in [stage.agent(), cleo.persona.clone()] {
        persona.get(&path).await.problem(403, "forbidden");
    }
    let admin = stage.admin();
    assert_eq!(admin.get(&format!("{path}?cursor=odd")).await.invalid(), "cursor: is not a valid cursor for this list");
    assert_eq!(admin.get(&format!("{path}?from=1")).await.invalid(), "from: is not a known query parameter");
    let stranger = stage.persona("globex", "admin", "gus");
    assert_eq!(export(&stranger, &path).await.len(), 2);
    // A cursor of one customer leads into no thread of theirs from another.
    let lines = export(&admin, &path).await;
    let cursor = of(&lines, "cursor")[0].as_str().unwrap().to_owned();
    let elsewhere = export(&admin, &format!("/customers/nobody/export?cursor={cursor}")).await;
    assert_eq!(elsewhere.len(), 1, "{elsewhere:?}");
}

/// The table is read a page at a time, and no page before its reader asks for it.
#[tokio::test]
async fn ten_thousand_messages_are_exported_as_the_log_has_them_and_never_held() {
    const MESSAGES: u64 = 10_000;
    const PAGES: usize = 200;
    let (stage, _, wire) = stage().await;
    let thread = stage.thread().await;
    fill(stage.board.app(), &id(&thread), MESSAGES).await;
    let asks = event("customer-export").replace("cara", "cus");
    let request: Request = lambda_http::request::from_str(&asks).unwrap();
    let mut queries = wire.calls("Query");
    let answer = Box::pin(customer::handle(stage.board.app(), request)).await.unwrap();
    let mut body = axum::body::Body::new(answer.into_body()).into_data_stream();

    let (mut text, mut largest, mut pages) = (Vec::new(), 0, 0);
    while let Some(page) = body.next().await {
        let page = page.unwrap();
        let read = wire.calls("Query") - queries;
        // The first page also lists the threads and reads the thread.
        assert!(read <= if pages == 0 { 3 } else { 1 }, "{read} queries for page {pages}");
        queries += read;
        pages += 1;
        largest = largest.max(page.len());
        text.extend_from_slice(&page);
    }
    println!("{} bytes in {pages} pages, of at most {largest} bytes", text.len());
    assert_eq!(pages, PAGES + 1, "the last has the end alone");
    assert!(largest < 2 * text.len() / PAGES, "{largest} of {} bytes in one page", text.len());
    let lines = String::from_utf8(text).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let end = json!({ "type": "end", "threads": 1, "messages": MESSAGES, "notes": 0 });
    assert_eq!(lines.last(), Some(&end));
    let log = stage.board.app().store.log_after("acme", &id(&thread), 0, 20_000).await.unwrap().messages;
    assert!(json!(of(&lines, "message")) == json!(log), "it is the log");
}
