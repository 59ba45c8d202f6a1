//! Citation marks and thinking, which reach nobody.

use serde_json::{Value, json};
use shared::openai::Event;

use super::{
    deltas, heard_of, outcome_of,
    peer::{completed, delta, item_done, message},
};

/// A stream with a delta for each character, and the text in the last event.
fn by_character(text: &str) -> Vec<Value> {
    let mut stream: Vec<Value> = text.chars().map(|next| delta(0, next.encode_utf8(&mut [0; 4]))).collect();
    stream.push(item_done(0, &message(text)));
    stream.push(completed(&json!([message(text)])));
    stream
}

#[tokio::test]
async fn marks_and_thinking_are_in_no_delta_and_in_no_text() {
    for (raw, shown) in [
        ("It ships Monday. \u{e200}filecite\u{e202}turn0file0\u{e201}", "It ships Monday."),
        ("It ships Monday【4:0†shipping.md】. 【Note】", "It ships Monday. 【Note】"),
        ("<think>A date.</think>\n\nIt ships Monday.", "It ships Monday."),
        ("<think>A date.", ""),
    ] {
        let (heard, outcome) = heard_of(&by_character(raw)).await;
        assert_eq!(outcome.text, shown, "{raw:?}");
        assert_eq!(deltas(&heard), shown, "{raw:?}");
        let whole = outcome_of(&[completed(&json!([message(raw)]))]).await;
        assert_eq!(whole.text, shown, "{raw:?}, from the last event alone");
    }
}

#[tokio::test]
async fn thinking_that_the_template_opened_is_taken_back() {
    let (heard, outcome) = heard_of(&by_character("A date.\n</think>\n\nIt ships Monday.")).await;
    assert_eq!(outcome.text, "It ships Monday.");
    let restart = heard.iter().position(|event| *event == Event::Restart).unwrap();
    assert_eq!(deltas(&heard[..restart]), "A date.");
    assert_eq!(deltas(&heard[restart..]), "It ships Monday.");
}

#[tokio::test]
async fn marks_are_read_message_by_message() {
    let stream = [delta(0, "One 【4:0†a"), item_done(0, &message("One 【4:0†a")), delta(1, ".md】 two.")];
    let (heard, outcome) = heard_of(&[&stream[..], &[completed(&json!([]))]].concat()).await;
    assert_eq!(outcome.text, "One\n\n.md】 two.");
    assert_eq!(deltas(&heard), outcome.text);
}

#[tokio::test]
async fn the_cited_files_are_named_once_each_in_their_order() {
    let annotated = |annotations: Value| {
        let mut item = message("It ships Monday【4:0†prices.md】.");
        item["content"][0]["annotations"] = annotations;
        item
    };
    let named = |name: &str| json!({ "type": "file_citation", "index": 1, "file_id": "file_1", "filename": name });
    let added = json!({
        "type": "response.output_text.annotation.added", "output_index": 0, "annotation": named("shipping.md"),
    });
    let item = annotated(json!([
        named("shipping.md"),
        { "type": "file_citation", "index": 2, "file_id": "file_2", "filename": "" },
        { "type": "file_citation", "index": 2, "file_id": null, "filename": null },
        { "type": "url_citation", "url": "https://example.com", "title": "A page", "filename": "page.html" },
        null,
    ]));
    let last = completed(&json!([annotated(json!([named("shipping.md"), named("returns.md")]))]));

    let outcome = outcome_of(&[delta(0, "It ships"), added, item_done(0, &item), last]).await;

    assert_eq!(outcome.cited_files, ["shipping.md", "file_2", "returns.md", "prices.md"]);
    assert_eq!(outcome.text, "It ships Monday.");
}
