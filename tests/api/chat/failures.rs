//! Failures of OpenAI, of each kind. The customer gets a reply, or the thread goes to a person; never silence.

use std::time::Duration;

use local::standin::{ErrorResponse as Refusal, Failure};
use serde_json::{Value, json};
use shared::openai::RetryPolicy;

use tests::{openai::brisk, stage::Stage};

/// Sends a message while the next `times` responses fail. Returns whether it was answered all the same.
async fn is_answered(stage: &Stage, chatbot: &str, failure: Failure, times: u32) -> bool {
    let customer = stage.customer();
    let thread = customer.post("/threads", json!({ "chatbot_id": chatbot })).await.expect(201).id();
    stage.standin().forget_requests();
    stage.responses(failure.clone(), times);
    let answer = customer.says(&thread, "Hello").await;
    stage.standin().clear_faults();
    let log = customer.log(&thread).await;
    if answer.status == 200 {
        assert_eq!(answer.body["thread"]["status"], "bot", "{failure:?}");
        assert_eq!(log.len(), 2, "{failure:?}");
        assert_eq!(log[1], answer.body["reply"], "{failure:?}");
        return true;
    }
    assert_eq!(answer.status, 202, "{failure:?}: {}", answer.body);
    assert_eq!(answer.body["reply"], json!(null), "{failure:?}");
    assert_eq!(answer.body["thread"]["status"], "queued", "{failure:?}");
    assert_eq!(answer.body["thread"]["reason"], "failure", "{failure:?}");
    assert_eq!(log.len(), 2, "{failure:?}");
    assert_eq!(log[1]["event"], json!({ "type": "escalated", "reason": "failure" }), "{failure:?}");
    assert_eq!(log[1]["text"], "Sorry, I cannot answer right now. A person will take over.");
    assert_eq!(log[1]["author"]["name"], "Robin");
    false
}

fn code(code: &str) -> String {
    code.to_owned()
}

#[tokio::test]
async fn a_failure_that_passes_is_not_noticed() {
    let stage = Stage::with(brisk()).await;
    let chatbot = stage.chatbot().await;
    let passing = [
        (Refusal::status(429).code("rate_limit_exceeded").header("retry-after-ms", "1"), 2),
        (Refusal::status(429).code("slow_down").header("retry-after", "0"), 1),
        (Refusal::status(500).code("server_error"), 2),
        (Refusal::status(500).code("server_error").flat(), 1),
        (Refusal::status(502).body(json!("<h1>Bad gateway</h1>")), 1),
        (Refusal::status(503), 1),
        (Refusal::status(408), 1),
        (Refusal::status(409), 1),
        (Refusal::status(400).header("x-should-retry", "true"), 1),
        (Refusal::status(400).code("conversation_locked"), 2),
    ];
    for (refusal, times) in passing {
        assert!(is_answered(&stage, &chatbot, refusal.clone().into(), times).await, "{refusal:?}");
        assert_eq!(stage.asked().len(), times as usize + 1, "{refusal:?}");
    }
}

#[tokio::test]
async fn a_failure_that_stays_asks_for_a_person() {
    let stage = Stage::with(brisk()).await;
    let chatbot = stage.chatbot().await;
    let staying = [
        (Refusal::status(429).code("rate_limit_exceeded").header("retry-after-ms", "1"), 3),
        // Nobody waits for ten minutes here.
        (Refusal::status(429).header("retry-after", "600"), 1),
        (Refusal::status(429).code("insufficient_quota"), 1),
        (Refusal::status(500), 3),
        (Refusal::status(503).header("x-should-retry", "false"), 1),
        (Refusal::status(400).code("invalid_value"), 1),
        (Refusal::status(401).code("invalid_api_key"), 1),
        (Refusal::status(403), 1),
        (Refusal::status(400).code("content_policy_violation"), 1),
        // Three attempts on the conversation, and three on a new one.
        (Refusal::status(400).code("conversation_locked"), 6),
    ];
    for (refusal, tries) in staying {
        assert!(!is_answered(&stage, &chatbot, refusal.clone().into(), 100).await, "{refusal:?}");
        assert_eq!(stage.asked().len(), tries, "{refusal:?}");
    }
}

#[tokio::test]
async fn a_response_that_fails_once_is_asked_for_again_and_no_more_than_that() {
    let stage = Stage::with(brisk()).await;
    let chatbot = stage.chatbot().await;
    let endings = [
        Failure::Error { after: 0, flat: true, code: code("server_error") },
        Failure::Error { after: 3, flat: true, code: code("server_error") },
        Failure::Error { after: 3, flat: false, code: code("rate_limit_exceeded") },
        Failure::Failed { after: 0, code: code("server_error") },
        Failure::Failed { after: 3, code: code("rate_limit_exceeded") },
        Failure::Cut { after: 0, landed: false, clean: false },
        Failure::Cut { after: 3, landed: false, clean: false },
        Failure::Cut { after: 3, landed: true, clean: false },
        Failure::Cut { after: 3, landed: false, clean: true },
    ];
    for ending in endings {
        assert!(is_answered(&stage, &chatbot, ending.clone(), 1).await, "{ending:?}");
        assert_eq!(stage.asked().len(), 2, "{ending:?}");
        assert!(!is_answered(&stage, &chatbot, ending.clone(), 2).await, "{ending:?}");
        assert_eq!(stage.asked().len(), 2, "{ending:?}");
    }
}

#[tokio::test]
async fn a_response_without_words_and_a_failure_for_good_ask_for_a_person_at_once() {
    let stage = Stage::with(brisk()).await;
    let chatbot = stage.chatbot().await;
    let endings = [
        Failure::Error { after: 3, flat: false, code: code("insufficient_quota") },
        Failure::Failed { after: 0, code: code("project_spend_limit_exceeded") },
        Failure::Failed { after: 0, code: code("invalid_prompt") },
        Failure::Incomplete { after: 0, reason: code("content_filter") },
        Failure::Incomplete { after: 0, reason: code("max_output_tokens") },
        Failure::Empty,
        Failure::Say { text: code(" \n") },
    ];
    for ending in endings {
        assert!(!is_answered(&stage, &chatbot, ending.clone(), 1).await, "{ending:?}");
        assert_eq!(stage.asked().len(), 1, "{ending:?}");
    }
}

#[tokio::test]
async fn an_odd_answer_is_an_answer() {
    let stage = Stage::with(brisk()).await;
    let chatbot = stage.chatbot().await;
    for odd in [
        Failure::Incomplete { after: 3, reason: code("max_output_tokens") },
        Failure::Refusal { text: code("I will not say.") },
        Failure::Noise,
    ] {
        assert!(is_answered(&stage, &chatbot, odd.clone(), 1).await, "{odd:?}");
    }
}

#[tokio::test]
async fn a_reply_holds_what_the_model_came_to_say() {
    let stage = Stage::with(brisk()).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    stage.next_response(Failure::Incomplete { after: 3, reason: code("max_output_tokens") });
    assert_eq!(customer.says(&thread, "Hello").await.expect(200).reply(), "This is OpenAI's ");
    stage.next_response(Failure::Refusal { text: code("I will not say.") });
    assert_eq!(customer.says(&thread, "Why?").await.expect(200).reply(), "I will not say.");
    // Neither failure broke the conversation.
    customer.says(&thread, "Hm.").await.expect(200);
    assert_eq!(stage.standin().counts().conversations, 1);
}

#[tokio::test]
async fn an_openai_that_says_nothing_is_given_up() {
    let mut options = brisk();
    options.retry_policy = RetryPolicy { first_byte: Duration::from_millis(200), ..options.retry_policy };
    let stage = Stage::with(options).await;
    let chatbot = stage.chatbot().await;
    assert!(!is_answered(&stage, &chatbot, Failure::Stall, 100).await);
}

#[tokio::test]
async fn without_any_openai_a_thread_is_made_and_its_first_message_goes_to_a_person() {
    let stage = Stage::with(brisk()).await;
    let (customer, chatbot) = (stage.customer(), stage.chatbot().await);
    stage.standin().fault(local::standin::Fault::on("POST", "/v1/", Refusal::status(503)).times(100));
    let thread = customer.post("/threads", json!({ "chatbot_id": chatbot })).await.expect(201).id();
    let answer = customer.says(&thread, "Hello").await.expect(202);
    assert_eq!(answer.body["thread"]["reason"], "failure");
    // After recovery, the bot is given the whole log.
    stage.standin().clear_faults();
    stage.releases_unheard(&thread).await;
    let answer = customer.says(&thread, "Better?").await.expect(200);
    assert!(answer.reply().contains("Earlier messages I can see: 3."), "{}", answer.reply());
    assert_eq!(answer.body["reply"]["answers"], json!({ "from": 1, "through": 4 }));
}

#[tokio::test]
async fn a_failure_of_openai_is_told_to_listeners_and_inbox() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    let mut socket = customer.listens(&thread).await;
    let mut inbox = agent.connects().await;
    inbox.says(json!({ "action": "subscribe", "inbox": true })).await;
    inbox.hears_of("subscribed").await;
    stage.next_response(Refusal::status(400));
    customer.says(&thread, "Hello").await.expect(202);
    let heard = socket.heard_so_far().await;
    let types: Vec<_> = heard.iter().map(|event| &event["type"]).collect::<Vec<&Value>>();
    assert_eq!(types, ["message.created", "message.discarded", "message.created", "thread.updated"]);
    assert_eq!(inbox.hears_of("thread.updated").await["thread"]["status"], "queued");
}
