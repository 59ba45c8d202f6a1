//! The topic that a function's environment names.

use super::player::{Player, Way};
use tests::{
    aws_signature::{ACCESS_KEY, SECRET_KEY, SESSION_TOKEN},
    runtime_api::FunctionProcess,
    topic::{ARN, TopicServer},
};

#[tokio::test]
async fn a_function_publishes_to_the_topic_of_its_environment() {
    let mut player = Player::new(Way::Binaries).await;
    // The same key signs the requests to the table, which knows it.
    let server =
        TopicServer::start_with(player.variable("AWS_ACCESS_KEY_ID"), player.variable("AWS_SECRET_ACCESS_KEY")).await;
    for (name, value) in [
        ("QUEUED_TOPIC_ARN", ARN),
        ("CONSOLE_URL", "https://pages.example.com/console"),
        ("AWS_ENDPOINT_URL_SNS", &server.url),
        ("AWS_SESSION_TOKEN", SESSION_TOKEN),
    ] {
        player.set_variable(name, value);
    }
    let chatbot = player.plays("chatbot-create").await;
    player.replace("bot_01JD0000000000000000000000", chatbot.body["id"].as_str().unwrap());
    let thread = player.plays("thread-create").await.body["id"].as_str().unwrap().to_owned();
    player.replace("thr_01JD0000000000000000000000", &thread);
    assert_eq!(player.plays("handoff-escalate").await.status, 200);
    let [published] = server.published().try_into().unwrap();
    assert_eq!(published.attributes["reason"], "asked");
    let link = format!("https://pages.example.com/console#{thread}");
    assert!(published.messages["email"].ends_with(&link), "{}", published.messages["email"]);
}

#[tokio::test]
async fn a_function_with_another_arn_ends_before_its_first_event() {
    let environment = [
        ("TABLE", "switchboard"),
        ("QUEUED_TOPIC_ARN", "arn:aws:sqs:eu-north-1:123456789012:queued"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1"),
        ("CHAT_FUNCTION", "chat"),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
    ];
    let mut handoff = FunctionProcess::start("handoff", environment).await;
    assert!(handoff.invoke(&serde_json::json!({})).await.is_err());
    let logs = handoff.logs();
    assert!(logs.contains("QUEUED_TOPIC_ARN cannot be used: it is not the ARN of an SNS topic"), "{logs}");
}
