//! `GET /threads/{thread_id}/messages?as=ui`: the log as the Vercel AI SDK's messages.

use insta::assert_json_snapshot;
use serde_json::{Value, json};

use tests::{
    cited_answer::{ANSWER, QUESTION},
    lists::items,
    persona::redacted,
    stage::Stage,
};

#[tokio::test]
async fn what_was_said_is_listed_as_the_sdks_messages() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    customer.says_as(&thread, "Ln1Y0kRJ3NLOyEKE", "Hello").await.expect(200);
    agent.says(&thread, "Ana here.").await.expect(202);
    agent.notes(&thread, "Rude").await.expect(200);
    let page = agent.get(&format!("/threads/{thread}/messages?as=ui")).await.expect(200).body;
    redacted().bind(|| {
        assert_json_snapshot!(page, @r#"
    {
      "data": [
        {
          "id": "Ln1Y0kRJ3NLOyEKE",
          "metadata": {
            "at": "[time]",
            "message_id": "[message]",
            "role": "customer",
            "seq": 1,
            "thread_id": "[thread]"
          },
          "parts": [
            {
              "state": "done",
              "text": "Hello",
              "type": "text"
            }
          ],
          "role": "user"
        },
        {
          "id": "[message]",
          "metadata": {
            "at": "[time]",
            "message_id": "[message]",
            "name": "Robin",
            "role": "bot",
            "seq": 2,
            "thread_id": "[thread]"
          },
          "parts": [
            {
              "state": "done",
              "text": "This is OpenAI's stand-in, not a model. You said: \"Hello\". Earlier messages I can see: 0.",
              "type": "text"
            }
          ],
          "role": "assistant"
        },
        {
          "id": "[message]",
          "metadata": {
            "at": "[time]",
            "message_id": "[message]",
            "role": "agent",
            "seq": 4,
            "thread_id": "[thread]"
          },
          "parts": [
            {
              "state": "done",
              "text": "Ana here.",
              "type": "text"
            }
          ],
          "role": "assistant"
        }
      ],
      "next_cursor": null
    }
    "#);
    });
    let theirs = customer.get(&format!("/threads/{thread}/messages?as=ui")).await.expect(200).body;
    assert_eq!(theirs, page);
}

#[tokio::test]
async fn documents_are_sources_as_in_the_stream() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread_with_cited_answer().await);
    let page = customer.get(&format!("/threads/{thread}/messages?as=ui")).await.expect(200).body;
    let streamed = customer.chats(&tests::streams::asked(&thread, QUESTION.0, QUESTION.1)).await;
    let sources: Vec<Value> = streamed.into_iter().filter(|chunk| chunk["type"] == "source-document").collect();
    assert_eq!(sources.len(), 2);
    assert_eq!(page["data"][1]["parts"][0]["text"], ANSWER);
    assert_eq!(page["data"][1]["parts"].as_array().unwrap()[1..], sources);
}

#[tokio::test]
async fn pages_lead_over_changes_of_owner() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    customer.says(&thread, "one").await.expect(200);
    for _ in 0..3 {
        agent.claims(&thread).await.expect(200);
        agent.releases(&thread, "queue").await.expect(200);
    }
    customer.says(&thread, "two").await.expect(202);
    for query in ["after=0", "before=99"] {
        let pages = customer.pages(&format!("/threads/{thread}/messages?as=ui&limit=2&{query}")).await;
        let mut seqs: Vec<_> = items(&pages, "data").iter().map(|it| it["metadata"]["seq"].as_u64().unwrap()).collect();
        seqs.sort_unstable();
        assert_eq!(seqs, [1, 2, 9], "{query}");
    }
}

#[tokio::test]
async fn another_form_is_refused() {
    let stage = Stage::start().await;
    let thread = stage.thread().await;
    let refused = stage.customer().get(&format!("/threads/{thread}/messages?as=html")).await.invalid();
    assert_eq!(refused, "as: must be ui");
}

/// A `client_id` is unique among the messages of one author.
#[tokio::test]
async fn two_authors_with_one_client_id_have_two_ids() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    agent.says_as(&thread, "m1", "Ana here.").await.expect(202);
    customer.says_as(&thread, "m1", "Hello, Ana").await.expect(202);
    let page = customer.get(&format!("/threads/{thread}/messages?as=ui")).await.expect(200).body;
    let log = customer.log(&thread).await;
    let ids: Vec<_> = page["data"].as_array().unwrap().iter().map(|message| &message["id"]).collect();
    assert_eq!(ids, [&log[1]["id"], &json!("m1")]);
}
