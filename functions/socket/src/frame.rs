//! What a client may say on a socket.

use std::collections::BTreeMap;

use lambda_http::{Body, Request};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use shared::{Error, domain::ThreadId, http};

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Subscribe {
    #[serde(rename = "action")]
    _action: String,
    thread_id: Option<ThreadId>,
    /// The last `seq` that the client has; what follows is sent again. Without it nothing is.
    after: Option<u64>,
    /// Many threads at once, each with its `after`, or null.
    threads: Option<BTreeMap<ThreadId, Option<u64>>>,
    /// Agents: every change of owner in the tenant.
    #[serde(default)]
    inbox: bool,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Unsubscribe {
    #[serde(rename = "action")]
    _action: String,
    thread_id: Option<ThreadId>,
    #[serde(default)]
    inbox: bool,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Typing {
    #[serde(rename = "action")]
    _action: String,
    pub(crate) thread_id: ThreadId,
    pub(crate) on: bool,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Read {
    #[serde(rename = "action")]
    _action: String,
    pub(crate) thread_id: ThreadId,
    /// Everything through here has been read.
    pub(crate) seq: u64,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Ping {
    #[serde(rename = "action")]
    _action: String,
    /// The last `seq` that the client has of each thread.
    #[serde(default)]
    pub(crate) threads: BTreeMap<ThreadId, u64>,
}

/// What is to be listened to.
pub(crate) enum Target {
    Inbox,
    /// Each with the last `seq` that the client has, where something is to be sent again.
    Threads(BTreeMap<ThreadId, Option<u64>>),
}

impl Subscribe {
    pub(crate) fn target(self) -> Result<Target, Error> {
        if self.after.is_some() && self.thread_id.is_none() {
            return Err(Error::invalid("after", "is valid only with \"thread_id\""));
        }
        match (self.thread_id, self.threads, self.inbox) {
            (Some(id), None, false) => Ok(Target::Threads(BTreeMap::from([(id, self.after)]))),
            (None, Some(threads), false) if threads.is_empty() => Err(Error::invalid("threads", "must not be empty")),
            (None, Some(threads), false) => Ok(Target::Threads(threads)),
            (None, None, true) => Ok(Target::Inbox),
            _ => Err(Error::invalid("thread_id", "give exactly one of \"thread_id\", \"threads\" and \"inbox\": true")),
        }
    }
}

impl Unsubscribe {
    /// The thread, or the inbox where it is `None`.
    pub(crate) fn target(self) -> Result<Option<ThreadId>, Error> {
        match (self.thread_id, self.inbox) {
            (Some(id), false) => Ok(Some(id)),
            (None, true) => Ok(None),
            _ => Err(Error::invalid("thread_id", "give exactly one of \"thread_id\" and \"inbox\": true")),
        }
    }
}

pub(crate) fn parse<T: DeserializeOwned>(request: &Request) -> Result<T, Error> {
    http::body(request)
}

/// The thread that a frame speaks of, where it can be read: so that an error can say which one it is about.
pub(crate) fn thread_id(request: &Request) -> Option<ThreadId> {
    let frame: Value = serde_json::from_slice(request.body().as_ref()).ok()?;
    frame.get("thread_id")?.as_str()?.parse().ok()
}

/// Why a frame came to `$default`.
pub(crate) fn unknown_action(request: &Request) -> Error {
    if matches!(request.body(), Body::Binary(_)) {
        return Error::invalid("frame", "must be text, not binary");
    }
    match serde_json::from_slice::<Value>(request.body().as_ref()) {
        Ok(Value::Object(frame)) => match frame.get("action") {
            Some(Value::String(_)) => Error::invalid("action", "there is no such action"),
            Some(_) => Error::invalid("action", "must be a string"),
            None => Error::invalid("action", "is missing"),
        },
        Ok(_) => Error::invalid("frame", "must be a JSON object"),
        Err(_) => Error::invalid("frame", "is not JSON"),
    }
}

/// Describes what a client may say, by its action.
#[cfg(feature = "schema")]
pub(crate) fn schemas(generator: &mut schemars::SchemaGenerator) -> [(&'static str, schemars::Schema); 5] {
    [
        ("subscribe", generator.subschema_for::<Subscribe>()),
        ("unsubscribe", generator.subschema_for::<Unsubscribe>()),
        ("typing", generator.subschema_for::<Typing>()),
        ("read", generator.subschema_for::<Read>()),
        ("ping", generator.subschema_for::<Ping>()),
    ]
}
