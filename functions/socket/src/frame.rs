//! Frames that a client may send on a socket.

use std::collections::BTreeMap;

use lambda_http::{Body, Request};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use shared::{Error, domain::ThreadId, http};

/// The `subscribe` frame: names one thread, several threads or the inbox.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Subscribe {
    #[serde(rename = "action")]
    _action: String,
    thread_id: Option<ThreadId>,
    /// The last `seq` that the client has; the messages after it are replayed. Without it nothing is replayed.
    after: Option<u64>,
    /// Several threads, each with its `after`, or null.
    threads: Option<BTreeMap<ThreadId, Option<u64>>>,
    /// Agents and admins only: every change of owner in the tenant.
    #[serde(default)]
    inbox: bool,
}

/// The `unsubscribe` frame: names one thread or the inbox.
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

/// The `typing` frame: the user has started or stopped writing.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Typing {
    #[serde(rename = "action")]
    _action: String,
    pub(crate) thread_id: ThreadId,
    pub(crate) on: bool,
}

/// The `read` frame: the user has read the thread up to `seq`.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Read {
    #[serde(rename = "action")]
    _action: String,
    pub(crate) thread_id: ThreadId,
    /// The last `seq` that has been read; all before it count as read.
    pub(crate) seq: u64,
}

/// The `ping` frame: asks for a `pong` and for the messages that the client lacks.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Ping {
    #[serde(rename = "action")]
    _action: String,
    /// The last `seq` that the client has in each thread; later messages are replayed.
    #[serde(default)]
    pub(crate) threads: BTreeMap<ThreadId, u64>,
}

/// The target of a subscription.
pub(crate) enum Target {
    Inbox,
    /// Threads, each with the last `seq` that the client has, if later messages are to be replayed.
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
    /// The thread, or `None` for the inbox.
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

/// Thread id in a frame, if it can be read, so that an `error` event can name the thread.
pub(crate) fn thread_id(request: &Request) -> Option<ThreadId> {
    let frame: Value = serde_json::from_slice(request.body().as_ref()).ok()?;
    frame.get("thread_id")?.as_str()?.parse().ok()
}

/// The error for a frame that was routed to `$default`.
pub(crate) fn unknown_action(request: &Request) -> Error {
    if matches!(request.body(), Body::Binary(_)) {
        return Error::invalid("frame", "must be text, not binary");
    }
    match serde_json::from_slice::<Value>(request.body().as_ref()) {
        Ok(Value::Object(frame)) => match frame.get("action") {
            Some(Value::String(_)) => Error::invalid("action", "is not a known action"),
            Some(_) => Error::invalid("action", "must be a string"),
            None => Error::invalid("action", "is required"),
        },
        Ok(_) => Error::invalid("frame", "must be a JSON object"),
        Err(_) => Error::invalid("frame", "is not valid JSON"),
    }
}

/// JSON Schemas of the frames that a client may send, by action.
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
