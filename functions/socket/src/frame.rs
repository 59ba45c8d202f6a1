//! What a client may say on a socket.

use std::collections::BTreeMap;

use lambda_http::Request;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use shared::{Error, domain::ThreadId, http};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Subscribe {
    #[serde(rename = "action")]
    _action: String,
    thread_id: Option<ThreadId>,
    /// Agents: every change of owner in the tenant.
    #[serde(default)]
    inbox: bool,
    /// The last `seq` that the client has; what follows is sent again. Without it nothing is.
    pub(crate) after: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unsubscribe {
    #[serde(rename = "action")]
    _action: String,
    thread_id: Option<ThreadId>,
    #[serde(default)]
    inbox: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ping {
    #[serde(rename = "action")]
    _action: String,
    /// The last `seq` that the client has of each thread.
    #[serde(default)]
    pub(crate) threads: BTreeMap<ThreadId, u64>,
}

impl Subscribe {
    /// The thread, or the inbox where it is `None`.
    pub(crate) fn target(&self) -> Result<Option<ThreadId>, Error> {
        if self.inbox && self.after.is_some() {
            return Err(Error::invalid("after", "the inbox has no log"));
        }
        target(self.thread_id.as_ref(), self.inbox)
    }
}

impl Unsubscribe {
    pub(crate) fn target(&self) -> Result<Option<ThreadId>, Error> {
        target(self.thread_id.as_ref(), self.inbox)
    }
}

fn target(thread: Option<&ThreadId>, inbox: bool) -> Result<Option<ThreadId>, Error> {
    match (thread, inbox) {
        (Some(id), false) => Ok(Some(id.clone())),
        (None, true) => Ok(None),
        _ => Err(Error::invalid("thread_id", "either this or \"inbox\": true must be given")),
    }
}

pub(crate) fn read<T: DeserializeOwned>(request: &Request) -> Result<T, Error> {
    http::body(request)
}

/// The thread that a frame speaks of, where it can be read: so that an error can say which one it is about.
pub(crate) fn thread_of(request: &Request) -> Option<ThreadId> {
    let frame: Value = serde_json::from_slice(request.body().as_ref()).ok()?;
    frame.get("thread_id")?.as_str()?.parse().ok()
}

/// Why a frame came to `$default`.
pub(crate) fn unknown(request: &Request) -> Error {
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
