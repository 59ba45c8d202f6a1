//! Phases: commentary, and the answer that is a reply.

use serde_json::{Value, json};
use shared::openai::{Event, Outcome};

use super::{
    deltas, heard_of, outcome_of,
    peer::{call, completed, delta, item_added, item_done, message, phased},
};

/// A message as it streams: begun, two deltas, done.
fn streamed(index: u64, item: &Value) -> Vec<Value> {
    let mut begun = item.clone();
    begun["content"] = json!([]);
    let text = item["content"][0]["text"].as_str().unwrap();
    let (first, second) = text.split_at(text.len() / 2);
    vec![item_added(index, &begun), delta(index, first), delta(index, second), item_done(index, item)]
}

/// A response of these items, as it streams.
fn response(items: &[Value]) -> Vec<Value> {
    let streamed = items.iter().zip(0..).flat_map(|(item, index)| match &item["content"] {
        Value::Array(_) => streamed(index, item),
        _ => vec![item_done(index, item)],
    });
    streamed.chain([completed(&json!(items))]).collect()
}

fn commentary(text: &str) -> Value {
    phased("commentary", text)
}

fn answer(text: &str) -> Value {
    phased("final_answer", text)
}

fn announced(events: &[Event]) -> Vec<&str> {
    let mut texts = Vec::new();
    for event in events {
        if let Event::Commentary { text } = event {
            texts.push(text.as_str());
        }
    }
    texts
}

/// Text, commentary and calls of an outcome.
fn parts(outcome: &Outcome) -> (&str, Vec<&str>, usize) {
    (&outcome.text, outcome.commentary.iter().map(String::as_str).collect(), outcome.calls.len())
}

#[tokio::test]
async fn only_the_final_answers_are_the_text() {
    for (items, text, aside) in [
        (vec![commentary("I'll look."), answer("It ships Monday.")], "It ships Monday.", vec!["I'll look."]),
        (vec![answer("It ships Monday.")], "It ships Monday.", vec![]),
        (vec![answer("It ships Monday."), commentary("Done.")], "It ships Monday.", vec!["Done."]),
        (vec![commentary("One."), commentary("Two."), answer("Three.")], "Three.", vec!["One.", "Two."]),
        (vec![commentary("One."), commentary("One."), answer("Three.")], "Three.", vec!["One."]),
        (vec![answer("One."), commentary("Two."), answer("Three.")], "One.\n\nThree.", vec!["Two."]),
        (vec![commentary("One."), message("Two.")], "Two.", vec!["One."]),
        (vec![phased("a_new_phase", "One.")], "One.", vec![]),
    ] {
        let (heard, outcome) = heard_of(&response(&items)).await;
        assert_eq!(parts(&outcome), (text, aside.clone(), 0), "{items:?}");
        assert_eq!(deltas(&heard), text, "{items:?}");
        assert!(!heard.contains(&Event::Restart), "{items:?}");
        assert!(outcome.is_phased);
        let last_only = outcome_of(&[completed(&json!(items))]).await;
        assert_eq!(last_only, outcome, "{items:?}, from the last event alone");
    }
    assert!(!outcome_of(&response(&[message("One.")])).await.is_phased);
}

#[tokio::test]
async fn each_commentary_is_told_once_and_whole() {
    let items = [commentary("I'll look."), answer("It ships Monday.")];
    let (heard, _) = heard_of(&response(&items)).await;
    assert_eq!(heard[0], Event::Commentary { text: "I'll look.".to_owned() });
    assert_eq!(announced(&heard), ["I'll look."]);

    let (heard, _) = heard_of(&[completed(&json!(items))]).await;
    assert_eq!(announced(&heard), ["I'll look."], "from the last event alone");
}

#[tokio::test]
async fn equal_texts_are_one() {
    for (items, text) in [
        (vec![message("One."), message("One.")], "One."),
        (vec![message("One."), message(" One.\n")], "One."),
        (vec![message("One two."), message("One")], "One two.\n\nOne"),
        (vec![message("One"), message("One two.")], "One\n\nOne two."),
        (vec![message("One."), message("Two."), message("One.")], "One.\n\nTwo."),
        (vec![commentary("One."), answer("One.")], "One."),
        (vec![commentary("One."), answer("One."), answer("One.")], "One."),
    ] {
        let (heard, outcome) = heard_of(&response(&items)).await;
        assert_eq!(parts(&outcome), (text, vec![], 0), "{items:?}");
        assert_eq!(deltas(&heard), text, "{items:?}");
        assert!(!heard.contains(&Event::Restart), "{items:?}");
    }
}

#[tokio::test]
async fn nothing_but_commentary_is_the_answer() {
    for (items, text) in [
        (vec![commentary("It ships Monday.")], "It ships Monday."),
        (vec![commentary("It ships Monday."), commentary("Or Tuesday.")], "It ships Monday.\n\nOr Tuesday."),
    ] {
        let outcome = outcome_of(&response(&items)).await;
        assert_eq!(parts(&outcome), (text, vec![], 0), "{items:?}");
        assert!(outcome.is_phased);
    }
}

#[tokio::test]
async fn commentary_beside_a_call_or_a_refusal_stays_commentary() {
    let outcome = outcome_of(&response(&[commentary("I'll look."), call("call_1", "look_up")])).await;
    assert_eq!(parts(&outcome), ("", vec!["I'll look."], 1));

    let refusal = json!({ "type": "message", "content": [{ "type": "refusal", "refusal": "I'd rather not." }] });
    let stream = [item_done(0, &commentary("I'll look.")), item_done(1, &refusal), completed(&json!([]))];
    let outcome = outcome_of(&stream).await;
    assert_eq!(parts(&outcome), ("", vec!["I'll look."], 0));
    assert_eq!(outcome.refusal.as_deref(), Some("I'd rather not."));
}

#[tokio::test]
async fn a_text_before_a_call_is_a_text() {
    let outcome = outcome_of(&response(&[message("A colleague comes."), call("call_1", "escalate")])).await;
    assert_eq!(parts(&outcome), ("A colleague comes.", vec![], 1));
}

#[tokio::test]
async fn deltas_that_turn_out_to_be_commentary_are_taken_back() {
    let begun = [item_added(0, &message("")), delta(0, "I'll "), delta(0, "look.")];
    let items = json!([commentary("I'll look."), answer("It ships Monday.")]);
    let rest = [delta(1, "It ships"), delta(1, " Monday."), completed(&items)];

    // At the end of its item.
    let at_item = [&begun[..], &[item_done(0, &commentary("I'll look."))], &rest].concat();
    let (heard, outcome) = heard_of(&at_item).await;
    assert_eq!(parts(&outcome), ("It ships Monday.", vec!["I'll look."], 0));
    let text = |text: &str| text.to_owned();
    assert_eq!(
        heard,
        [
            Event::Delta { text: text("I'll") },
            Event::Delta { text: text(" look.") },
            Event::Restart,
            Event::Commentary { text: text("I'll look.") },
            Event::Delta { text: text("It ships") },
            Event::Delta { text: text(" Monday.") },
        ]
    );

    // In the last event.
    let (heard, outcome) = heard_of(&[&begun[..], &rest].concat()).await;
    assert_eq!(parts(&outcome), ("It ships Monday.", vec!["I'll look."], 0));
    assert_eq!(heard.iter().filter(|event| **event == Event::Restart).count(), 1);
    assert_eq!(announced(&heard), ["I'll look."]);
}

#[tokio::test]
async fn an_answer_before_late_commentary_is_said_again() {
    let late = item_done(1, &commentary("Done."));
    let stream = [delta(0, "It ships."), item_done(0, &message("It ships.")), delta(1, "Done."), late];
    let (heard, outcome) = heard_of(&[&stream[..], &[completed(&json!([]))]].concat()).await;
    assert_eq!(parts(&outcome), ("It ships.", vec!["Done."], 0));
    let restart = heard.iter().position(|event| *event == Event::Restart).unwrap();
    assert_eq!(deltas(&heard[restart..]), "It ships.");
}

#[tokio::test]
async fn messages_are_told_apart_without_their_places() {
    let without_index = |mut event: Value| {
        event.as_object_mut().unwrap().remove("output_index");
        event
    };
    let items = [commentary("I'll look."), answer("It ships Monday."), answer("Or Tuesday.")];
    let stream: Vec<Value> = response(&items).into_iter().map(without_index).collect();
    let outcome = outcome_of(&stream).await;
    assert_eq!(parts(&outcome), ("It ships Monday.\n\nOr Tuesday.", vec!["I'll look."], 0));

    let all_at_zero = |mut event: Value| {
        event["output_index"] = 0.into();
        event
    };
    let stream: Vec<Value> = response(&items).into_iter().map(all_at_zero).collect();
    assert_eq!(outcome_of(&stream).await, outcome);
}
