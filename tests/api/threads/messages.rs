//! `GET /threads/{thread_id}/messages`: the log, with the notes.

use insta::assert_json_snapshot;
use serde_json::{Value, json};

use tests::{
    lists::{items, sorted},
    persona::{Persona, redacted},
    stage::Stage,
};

/// A log of seven entries: the customer escalated, then sent six messages.
async fn seven(stage: &Stage) -> String {
    let (customer, thread) = (stage.customer(), stage.thread().await);
    customer.posts(&format!("/threads/{thread}/escalate")).await.expect(200);
    for n in 2..=7 {
        customer.says(&thread, &format!("number {n}")).await.expect(202);
    }
    thread
}

async fn notes(agent: &Persona, thread: &str, text: &str) {
    agent.post(&format!("/threads/{thread}/chat"), json!({ "text": text, "internal": true })).await.expect(200);
}

fn seqs(page: &Value) -> Vec<u64> {
    page["data"].as_array().unwrap().iter().map(|message| message["seq"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn the_log_tells_who_said_what() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let say = json!({ "text": "It is late", "client_id": "c-1" });
    customer.post(&format!("/threads/{thread}/chat"), say).await.expect(200);
    customer.post(&format!("/threads/{thread}/escalate"), json!({ "reason": "too slow" })).await.expect(200);
    notes(&stage.agent(), &thread, "Check the depot").await;
    let mut page = stage.agent().get(&format!("/threads/{thread}/messages")).await.expect(200).body;
    // The stand-in counts tokens by the length of what it is told.
    let usage = page["data"][1].as_object_mut().unwrap().remove("usage").unwrap();
    let counts = ["input", "cached", "output", "reasoning"].map(|kind| usage[kind].as_u64().unwrap());
    assert!(counts[0] > 0 && counts[2] > 0, "{usage}");
    redacted().bind(|| {
        assert_json_snapshot!(page, @r#"
    {
      "data": [
        {
          "at": "[time]",
          "author": {
            "id": "cus"
          },
          "client_id": "c-1",
          "id": "[message]",
          "role": "customer",
          "seq": 1,
          "text": "It is late",
          "thread_id": "[thread]"
        },
        {
          "answers": {
            "from": 1,
            "through": 1
          },
          "at": "[time]",
          "author": {
            "id": "[chatbot]",
            "name": "Robin"
          },
          "id": "[message]",
          "role": "bot",
          "seq": 2,
          "text": "This is OpenAI's stand-in, not a model. You said: \"It is late\". Earlier messages I can see: 0.",
          "thread_id": "[thread]"
        },
        {
          "at": "[time]",
          "author": {
            "id": "cus"
          },
          "event": {
            "comment": "too slow",
            "reason": "asked",
            "type": "escalated"
          },
          "id": "[message]",
          "role": "system",
          "seq": 3,
          "text": "",
          "thread_id": "[thread]"
        }
      ],
      "next_cursor": null,
      "notes": [
        {
          "after": 3,
          "at": "[time]",
          "author": {
            "id": "ana"
          },
          "id": "[message]",
          "text": "Check the depot",
          "thread_id": "[thread]"
        }
      ]
    }
    "#);
    });
}

#[tokio::test]
async fn a_log_is_read_in_both_directions_with_every_message_once() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), seven(&stage).await);
    let messages = format!("/threads/{thread}/messages");
    for limit in 1..=8 {
        let onward = customer.pages(&format!("{messages}?limit={limit}&after=0")).await;
        assert_eq!(onward.iter().flat_map(seqs).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7], "limit {limit}");
        for back in ["", "&before=8"] {
            let pages = customer.pages(&format!("{messages}?limit={limit}{back}")).await;
            let oldest_first: Vec<u64> = pages.iter().rev().flat_map(seqs).collect();
            assert_eq!(oldest_first, [1, 2, 3, 4, 5, 6, 7], "limit {limit}");
        }
    }
}

#[tokio::test]
async fn after_and_before_say_where_a_page_begins() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), seven(&stage).await);
    for (query, expected, more) in [
        ("limit=3", vec![5, 6, 7], true),
        ("limit=3&after=2", vec![3, 4, 5], true),
        ("limit=3&after=4", vec![5, 6, 7], false),
        ("after=7", vec![], false),
        ("after=99999999999999", vec![], false),
        ("limit=3&before=5", vec![2, 3, 4], true),
        ("limit=3&before=4", vec![1, 2, 3], false),
        ("before=1", vec![], false),
        ("before=0", vec![], false),
        ("before=18446744073709551615", vec![1, 2, 3, 4, 5, 6, 7], false),
    ] {
        let page = customer.get(&format!("/threads/{thread}/messages?{query}")).await.expect(200).body;
        assert_eq!((seqs(&page), page["next_cursor"].is_string()), (expected, more), "{query}");
    }
}

#[tokio::test]
async fn notes_come_once_with_the_pages_they_lie_in() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    let mut written = vec!["before all".to_owned()];
    notes(&agent, &thread, &written[0]).await;
    customer.posts(&format!("/threads/{thread}/escalate")).await.expect(200);
    for n in 2..=6 {
        customer.says(&thread, &format!("number {n}")).await.expect(202);
        for behind in 0..n % 3 {
            written.push(format!("{behind} behind {n}"));
            notes(&agent, &thread, &written[written.len() - 1]).await;
        }
    }
    let messages = format!("/threads/{thread}/messages");
    for limit in 1..=7 {
        for start in ["&after=0", "", "&before=99"] {
            let pages = agent.pages(&format!("{messages}?limit={limit}{start}")).await;
            let texts: Vec<&str> = items(&pages, "notes").iter().map(|note| note["text"].as_str().unwrap()).collect();
            assert_eq!(sorted(&texts), sorted(&written), "limit {limit}{start}");
            assert_eq!(items(&pages, "data").len(), 6);
        }
    }
}

#[tokio::test]
async fn a_customer_sees_no_notes_and_no_holes() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), seven(&stage).await);
    notes(&stage.agent(), &thread, "Rude").await;
    customer.says(&thread, "number 8").await.expect(202);
    let page = customer.get(&format!("/threads/{thread}/messages")).await.expect(200).body;
    assert_eq!(seqs(&page), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(page.get("notes").is_none() && !page.to_string().contains("Rude"), "{page}");
}

#[tokio::test]
async fn only_agents_write_notes() {
    let stage = Stage::start().await;
    let thread = stage.thread().await;
    let note = json!({ "text": "psst", "internal": true });
    stage.customer().post(&format!("/threads/{thread}/chat"), note).await.problem(403, "forbidden");
}
