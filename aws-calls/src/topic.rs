//! The one call to Amazon SNS: `Publish`, of its Query API.
//! <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>

use std::{borrow::Cow, sync::Arc};

use aws_credential_types::Credentials;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::CONTENT_TYPE;
use serde_json::{Map, Value};

use crate::signed::{CallError, MAX_ATTEMPTS, Misconfigured, Service, SignedClient};

static SNS: Service =
    Service { id: "sns", name: "SNS", resource: "an SNS topic", endpoint_variable: "AWS_ENDPOINT_URL_SNS" };

/// An SNS topic. Clones share everything.
#[derive(Clone)]
pub struct Topic {
    client: SignedClient,
    arn: Arc<str>,
}

/// A message to a topic's subscribers. SNS takes 256 KB in all.
#[derive(Clone, Copy, Debug)]
pub struct Publication<'a> {
    /// The subject of e-mails: fewer than 100 characters of ASCII, without line breaks, the first one no space.
    pub subject: &'a str,
    /// The message for each protocol (`email`, `https` …); `default` is that of all others, and required.
    pub messages: &'a [(&'a str, &'a str)],
    /// The attributes that subscriptions are filtered by. None is empty.
    pub attributes: &'a [(&'a str, &'a str)],
}

impl Topic {
    /// The topic with this ARN, called with the environment's credentials, at `AWS_ENDPOINT_URL_SNS` if that is set.
    /// The error says that there are no credentials, or that this is no topic's ARN.
    pub fn from_env(arn: &str) -> Result<Self, Misconfigured> {
        Self::over(SignedClient::from_env(&SNS)?, arn)
    }

    /// The topic with this ARN at `endpoint`, or at that of its own region. The error says that this is no topic's ARN.
    pub fn new(credentials: Credentials, endpoint: Option<String>, arn: &str) -> Result<Self, Misconfigured> {
        Self::over(SignedClient::new(&SNS, credentials, endpoint), arn)
    }

    fn over(client: SignedClient, arn: &str) -> Result<Self, Misconfigured> {
        SNS.place(arn).map_err(|_| Misconfigured::NotATopic)?;
        Ok(Self { client, arn: arn.into() })
    }

    /// Publishes a message, in up to three attempts. After an error it may have been published all the same.
    pub async fn publish(&self, publication: &Publication<'_>) -> Result<(), CallError> {
        let headers = [(CONTENT_TYPE, "application/x-www-form-urlencoded; charset=utf-8")];
        self.client.post(&self.arn, &headers, &self.form(publication), MAX_ATTEMPTS).await.map(|_| ())
    }

    fn form(&self, publication: &Publication<'_>) -> String {
        let messages = publication.messages.iter();
        let messages: Map<_, _> = messages.map(|(name, text)| ((*name).to_owned(), Value::from(*text))).collect();
        let messages = Value::from(messages).to_string();
        let mut fields: Vec<(Cow<'_, str>, &str)> = vec![
            ("Action".into(), "Publish"),
            ("Version".into(), "2010-03-31"),
            ("TopicArn".into(), &self.arn),
            ("Subject".into(), publication.subject),
            ("MessageStructure".into(), "json"),
            ("Message".into(), &messages),
        ];
        for (number, (name, value)) in (1..).zip(publication.attributes) {
            let field = |of: &str| Cow::from(format!("MessageAttributes.entry.{number}.{of}"));
            let entry = [("Name", *name), ("Value.DataType", "String"), ("Value.StringValue", *value)];
            fields.extend(entry.map(|(of, value)| (field(of), value)));
        }
        let encoded =
            |(name, value): &(Cow<'_, str>, &str)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
        fields.iter().map(encoded).collect::<Vec<_>>().join("&")
    }
}
