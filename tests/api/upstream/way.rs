//! The ways in which a customer sends a message and is told the answer.

use std::pin::pin;

use futures::future::{Either, select};
use reqwest::Method;
use serde_json::{Value, json};

use super::view::{AiSdkView, View};
use tests::{persona::Persona, upstream::Peer, web_socket::Socket};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// One JSON response.
    Json,
    Sse,
    /// One JSON response, while a socket listens.
    Socket,
    AiSdk,
}

/// The response to a message.
pub(super) struct Told {
    /// The reply's text; `None` if there is no reply.
    pub(super) reply: Option<String>,
    pub(super) view: View,
    pub(super) ai_sdk: Option<AiSdkView>,
    /// Everything that came, for a look at each character.
    pub(super) wire: String,
}

impl Way {
    pub(super) fn listens(self) -> bool {
        self != Self::Json
    }

    /// Sends a message; `socket` listens to the thread.
    pub(super) async fn say(
        self,
        customer: &Persona,
        peer: &Peer,
        thread: &str,
        text: &str,
        socket: Option<&mut Listener>,
    ) -> Told {
        match (self, socket) {
            (Self::Sse, _) => by_sse(customer, peer, thread, text).await,
            (Self::AiSdk, _) => by_ai_sdk(customer, peer, thread, text).await,
            (_, Some(socket)) => socket.during(peer, by_json(customer, thread, text)).await,
            (_, None) => by_json(customer, thread, text).await,
        }
    }
}

async fn by_json(customer: &Persona, thread: &str, text: &str) -> Told {
    let answer = customer.says(thread, text).await;
    let reply = answer.body["reply"]["text"].as_str().map(str::to_owned);
    let expected = if reply.is_some() { 200 } else { 202 };
    let wire = answer.body.to_string();
    answer.expect(expected);
    Told { reply, view: View::default(), ai_sdk: None, wire }
}

async fn by_sse(customer: &Persona, peer: &Peer, thread: &str, text: &str) -> Told {
    let mut events = customer.streams(thread, json!({ "text": text })).await;
    let (mut told, mut wire, mut is_done) = (View::default(), String::new(), false);
    while let Some(event) = events.next().await {
        if told.hear(&event.data) {
            peer.shown();
        }
        wire += &event.data.to_string();
        is_done = event.kind == "done";
    }
    if !is_done {
        told.flaws.push("the stream does not end with `done`".to_owned());
    }
    let reply = told.messages.values().find(|message| message["answers"].is_object());
    let reply = reply.and_then(|reply| reply["text"].as_str().map(str::to_owned));
    Told { reply, view: told, ai_sdk: None, wire }
}

/// Sends a message as the Vercel AI SDK does.
async fn by_ai_sdk(customer: &Persona, peer: &Peer, thread: &str, text: &str) -> Told {
    let message = json!({ "id": text, "role": "user", "parts": [{ "type": "text", "text": text }] });
    let body = json!({ "id": thread, "messages": [message], "trigger": "submit-message" });
    let mut response = customer.request(Method::POST, "/chat").json(&body).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let (mut view, mut wire, mut is_done) = (AiSdkView::default(), String::new(), false);
    let mut rest = Vec::new();
    while let Some(bytes) = response.chunk().await.unwrap() {
        rest.extend_from_slice(&bytes);
        while let Some(end) = rest.windows(2).position(|two| two == b"\n\n") {
            let event: Vec<u8> = rest.drain(..end + 2).collect();
            let event = String::from_utf8(event).unwrap();
            let Some(data) = event.trim_end().strip_prefix("data: ") else { continue };
            is_done = data == "[DONE]";
            if !is_done && view.hear(&serde_json::from_str(data).unwrap()) {
                peer.shown();
            }
            wire += data;
        }
    }
    if !is_done {
        view.flaws.push("the stream does not end with [DONE]".to_owned());
    }
    let texts = view.texts();
    Told { reply: texts.last().cloned(), view: View::default(), ai_sdk: Some(view), wire }
}

/// A customer's socket, and the view of its listener.
pub(super) struct Listener {
    socket: Socket,
    pub(super) view: View,
    wire: String,
}

impl Listener {
    /// A listener who has been told the log so far, the greeting for instance.
    pub(super) async fn start(customer: &Persona, thread: &str) -> Self {
        let socket = customer.connects().await;
        let mut listener = Self { socket, view: View::sampled(), wire: String::new() };
        listener.socket.says(json!({ "action": "subscribe", "thread_id": thread, "after": 0 })).await;
        listener.catch_up().await;
        listener
    }

    /// Listens while the message is sent and answered.
    async fn during(&mut self, peer: &Peer, sending: impl Future<Output = Told>) -> Told {
        let mut sending = pin!(sending);
        let mut told = loop {
            let event = match select(sending.as_mut(), pin!(self.socket.hears_anything())).await {
                Either::Left((told, _)) => break told,
                Either::Right((event, _)) => event,
            };
            if self.hear(&event) {
                peer.shown();
            }
        };
        self.catch_up().await;
        told.wire += &self.wire;
        told
    }

    /// Hears everything that was sent so far.
    pub(super) async fn catch_up(&mut self) {
        for event in self.socket.heard_so_far().await {
            self.hear(&event);
        }
    }

    fn hear(&mut self, event: &Value) -> bool {
        self.wire += &event.to_string();
        self.view.hear(event)
    }
}
