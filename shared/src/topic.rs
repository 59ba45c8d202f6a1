//! The deployment's SNS topic, which is told of threads in the queue, and the forms of its messages.

use aws_calls::{CallError, Publication, Topic};
use serde_json::json;

use crate::{domain::Reason, store::TopicNotice};

/// The type of every event that is published.
const EVENT: &str = "thread.queued";

/// The SNS topic that is told of threads in the queue.
#[derive(Clone)]
pub struct QueuedTopic {
    pub topic: Topic,
    /// The URL of the console, which messages for people lead to.
    pub console_url: Option<String>,
}

impl QueuedTopic {
    /// The topic in an environment, whose variables `var` reads; `None` if it names none. An error names the variable.
    ///
    /// | variable | |
    /// |---|---|
    /// | `QUEUED_TOPIC_ARN` | the topic's ARN |
    /// | `CONSOLE_URL` | [`QueuedTopic::console_url`]; may be absent |
    ///
    /// It is called with the credentials in `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, at
    /// `AWS_ENDPOINT_URL_SNS` if that is set.
    pub fn read(var: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, String> {
        let Some(arn) = var("QUEUED_TOPIC_ARN") else { return Ok(None) };
        let topic = Topic::from_env(&arn).map_err(|error| format!("QUEUED_TOPIC_ARN cannot be used: {error}"))?;
        Ok(Some(Self { topic, console_url: var("CONSOLE_URL") }))
    }

    /// Publishes a notice in the three forms of its subscribers: the event, a text for e-mails, and, as the only one
    /// that Amazon Q Developer takes, its custom notification for chats.
    ///
    /// SNS takes 256 KB. Of what people write, a notice has the title, the metadata and the comment, which are limited:
    /// escaped, they take less than half of that.
    pub(crate) async fn publish(&self, notice: &TopicNotice) -> Result<(), CallError> {
        let subject = subject(notice);
        let (text, chat) = (self.text(notice), self.chat_notification(notice));
        let publication = Publication {
            subject: &subject,
            messages: &[("default", &notice.body), ("email", &text), ("https", &chat)],
            attributes: &[("type", EVENT), ("tenant", &notice.tenant), ("reason", notice.reason.word())],
        };
        self.topic.publish(&publication).await
    }

    /// The text of an e-mail.
    fn text(&self, notice: &TopicNotice) -> String {
        let TopicNotice { thread_id, since, .. } = notice;
        let mut lines = vec![
            format!("{}.", subject(notice)),
            String::new(),
            format!("Reason: {}", explained(notice.reason)),
            format!("Since: {since}"),
            format!("Thread: {thread_id}"),
        ];
        lines.extend(comment(notice).map(|comment| format!("Comment: {comment}")));
        lines.extend(self.thread_url(notice).map(|url| format!("\nOpen it in the console: {url}")));
        lines.join("\n")
    }

    /// A custom notification of Amazon Q Developer in chat applications, which shows it in Slack or Teams.
    /// <https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html>
    fn chat_notification(&self, notice: &TopicNotice) -> String {
        let TopicNotice { tenant, thread_id, since, reason, .. } = notice;
        let mut lines = vec![format!("*Reason:* {}", explained(*reason)), format!("*Since:* {since}")];
        lines.extend(comment(notice).map(|comment| format!("*Comment:* {}", without_markup(&comment))));
        let url = self.thread_url(notice);
        json!({
            "version": "1.0",
            "source": "custom",
            "id": notice.id,
            "content": {
                "textType": "client-markdown",
                "title": subject(notice),
                "description": lines.join("\n"),
                "nextSteps": url.iter().map(|url| format!("Open it in the console: {url}")).collect::<Vec<_>>(),
            },
            "metadata": {
                "threadId": thread_id,
                "summary": subject(notice),
                "eventType": EVENT,
                "relatedResources": [thread_id],
                "additionalContext": { "tenant": tenant, "thread_id": thread_id, "reason": reason },
            },
        })
        .to_string()
    }

    fn thread_url(&self, notice: &TopicNotice) -> Option<String> {
        self.console_url.as_ref().map(|console| format!("{console}#{}", notice.thread_id))
    }
}

/// The subject of an e-mail. SNS takes fewer than 100 characters of ASCII: a tenant has up to 64, and no others.
fn subject(notice: &TopicNotice) -> String {
    format!("A customer of {} waits for a person", notice.tenant)
}

fn explained(reason: Reason) -> &'static str {
    match reason {
        Reason::Asked => "the customer asked for a person",
        Reason::Bot => "the bot asked for a person",
        Reason::Failure => "the bot failed",
        Reason::Budget => "a limit of the bot is used up",
        Reason::Released => "an agent gave the thread back to the queue",
        Reason::Absent => "an agent left the customer's message unanswered",
    }
}

/// The comment on one line, so that it cannot pass for another line of the message.
fn comment(notice: &TopicNotice) -> Option<String> {
    let words: Vec<_> = notice.comment.as_ref()?.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// Text that mentions nobody and hides no link behind other words. Slack's markup is in angle brackets, which are
/// escaped: <https://api.slack.com/reference/surfaces/formatting#escaping>. That of Teams is Markdown, whose links need
/// a square bracket; Slack would show a backslash, so other characters take the brackets' places.
fn without_markup(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('[', "(").replace(']', ")")
}
