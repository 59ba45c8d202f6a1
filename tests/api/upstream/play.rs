//! Plays one case in one memory and one way.

use local::{Options, Upstream};
use serde_json::{Map, Value, json};
use shared::domain::chatbot::Memory;
use tokio::join;

use super::{
    findings::Findings,
    way::{Listener, Told, Way},
};
use crate::api::logs::Logs;
use tests::{
    openai::brisk,
    openai_schema::validate_request,
    persona::Persona,
    receiver::{Receiver, Reply, SECRET},
    stage::Stage,
    upstream::{Case, Form, Peer, Step},
};

/// The message of the turn that follows a case's story.
pub(super) const NEXT: &str = "Thanks.";

/// The model of a case's chatbot, unless the case names one.
const MODEL: &str = "some-model";

/// A Switchboard, the server that it asks, and a webhook's server. Cases are played on it one after another.
pub(super) struct World {
    stage: Stage,
    peer: Peer,
}

impl World {
    pub(super) async fn start(memory: Memory) -> Self {
        let peer = Peer::start().await;
        let openai = Upstream::Server { base_url: peer.base_url.clone(), api_key: "a-key".to_owned() };
        let stage = Stage::with(Options { openai, memory, ..brisk() }).await;
        Self { stage, peer }
    }
}

/// A play of a case.
pub(super) struct Play {
    pub(super) case: Case,
    pub(super) memory: Memory,
    pub(super) way: Way,
    pub(super) form: Form,
}

/// The state after a story.
pub(super) struct Played {
    pub(super) customer: Persona,
    pub(super) thread: String,
    /// The log, as the customer and as an agent read it.
    pub(super) log: Vec<Value>,
    pub(super) staff_log: Vec<Value>,
    pub(super) view: Value,
    pub(super) chatbot: Value,
    /// The requests for a response.
    pub(super) asked: Vec<Value>,
    /// The response to the customer's last message.
    pub(super) told: Told,
    /// The commentary that the customer was told.
    pub(super) progress: Vec<String>,
    pub(super) listener: Option<Listener>,
    pub(super) called: Vec<String>,
}

impl Play {
    pub(super) fn name(&self) -> String {
        let Self { case, memory, way, form } = self;
        format!("tests/upstream/{}.json, {} memory, {way:?}, {form:?}", case.name, memory_name(*memory)).to_lowercase()
    }

    /// Plays the case; returns what differs from the outcome that it must have.
    pub(super) async fn run(self, world: &World, logs: &Logs) -> Vec<String> {
        let World { stage, peer } = world;
        peer.play(&self.case, self.form, self.way.listens());
        let receiver = Receiver::start().await;
        receiver.replies(self.case.webhook.iter().map(Reply::json));
        let mut findings = Findings::default();

        let created = stage.admin().post("/chatbots", self.chatbot(&receiver)).await;
        if let Some(field) = &self.case.becomes.refused {
            findings.same("the refused field", &json!(field), &created.body["field"]);
            return findings.all();
        }
        let chatbot = created.expect(201).id();
        let mut played = self.story(stage, peer, &receiver, &chatbot).await;
        findings.compare(&self, peer, &played);
        findings.compare_listeners(&self, &played);
        // The ways make no difference to the turn that follows.
        if findings.is_empty() && (self.way == Way::Json || self.form == Form::Whole) {
            self.next(stage, peer, &mut played, &mut findings).await;
        }
        findings.verify(stage, &played.thread).await;
        for seen in peer.seen() {
            validate_request(&seen.path, &seen.method, &seen.body);
            if self.memory == Memory::Local && seen.path.starts_with("/conversations") {
                findings.add(format!("{} {} with local memory", seen.method, seen.path));
            }
        }
        findings.compare_logs(&self, &played.thread, &logs.take());
        findings.all()
    }

    /// The chatbot of the case. It has a webhook if the case has functions.
    fn chatbot(&self, receiver: &Receiver) -> Value {
        let mut chatbot = json!({ "name": "Robin", "model": MODEL, "instructions": "Be brief." });
        let fields = chatbot.as_object_mut().unwrap();
        if self.case.chatbot.contains_key("tools") {
            fields.insert("webhook".to_owned(), json!({ "url": receiver.url, "secret": SECRET }));
        }
        fields.extend(self.case.chatbot.clone());
        chatbot
    }

    async fn story(&self, stage: &Stage, peer: &Peer, receiver: &Receiver, chatbot: &str) -> Played {
        let (customer, agent) = (stage.customer(), stage.agent());
        let thread = stage.thread_of(&customer, chatbot).await;
        let mut listener = match self.way {
            Way::Socket => Some(Listener::start(&customer, &thread).await),
            _ => None,
        };
        let (mut last, mut progress) = (None, Vec::new());
        for step in &self.case.story {
            let told = match step {
                Step::Customer(text) => Some(self.way.say(&customer, peer, &thread, text, listener.as_mut()).await),
                Step::Burst(texts) => Some(self.burst(&customer, peer, &thread, texts, listener.as_mut()).await),
                Step::Agent(text) => {
                    agent.says(&thread, text).await.expect(202);
                    None
                }
                Step::Claims => {
                    agent.claims(&thread).await.expect(200);
                    None
                }
                Step::ReleasesToBot => {
                    stage.releases_unheard(&thread).await;
                    None
                }
                Step::Escalates => {
                    customer.escalates(&thread).await.expect(200);
                    None
                }
            };
            if let Some(told) = told {
                progress.extend(told.view.progress.iter().cloned());
                progress.extend(told.ai_sdk.iter().flat_map(|view| view.progress.iter().cloned()));
                last = Some(told);
            }
        }
        if let Some(listener) = &mut listener {
            listener.catch_up().await;
            progress.extend(listener.view.progress.iter().cloned());
        }
        let told = last.expect("a customer says something in every story");
        let (log, staff_log) = (customer.log(&thread).await, agent.log(&thread).await);
        let view = customer.reads(&thread).await;
        let chatbot = stage.admin().get(&format!("/chatbots/{chatbot}")).await.expect(200).body;
        let (asked, called) = (peer.asked(), called(receiver));
        Played { customer, thread, log, staff_log, view, chatbot, asked, told, progress, listener, called }
    }

    /// Says the first text, and the others while the server holds its answer back.
    async fn burst(
        &self,
        customer: &Persona,
        peer: &Peer,
        thread: &str,
        texts: &[String],
        listener: Option<&mut Listener>,
    ) -> Told {
        let asked = peer.asked().len();
        peer.hold(true);
        let (told, ()) = join!(self.way.say(customer, peer, thread, &texts[0], listener), async {
            peer.until_asked(asked + 1).await;
            for text in &texts[1..] {
                customer.says(thread, text).await.expect(202);
            }
            peer.hold(false);
        });
        told
    }

    /// A plain turn after the story: no answer may leave anything behind that spoils the next one.
    async fn next(&self, stage: &Stage, peer: &Peer, played: &mut Played, findings: &mut Findings) {
        let asked = peer.asked().len();
        if played.view["status"] != "bot" {
            stage.releases_unheard(&played.thread).await;
        }
        let answer = played.customer.says(&played.thread, NEXT).await;
        findings.compare_next(self, peer, &answer.body, asked);
        if let Some(listener) = &mut played.listener {
            listener.catch_up().await;
            findings.same("words that stand beside the log after the next turn", "", listener.view.loose_words());
        }
    }
}

/// The calls that the webhook got, as `name arguments`.
fn called(receiver: &Receiver) -> Vec<String> {
    let told = receiver.told().into_iter().filter(|told| told.body["type"] == "function.called");
    told.map(|told| format!("{} {}", told.body["name"].as_str().unwrap_or("?"), told.body["arguments"])).collect()
}

pub(super) fn memory_name(memory: Memory) -> &'static str {
    match memory {
        Memory::Local => "local",
        Memory::Conversation => "conversation",
    }
}

/// The fields of `expected` that a request lacks or has otherwise. `null` means that it must lack the field.
pub(super) fn differing(expected: &Map<String, Value>, request: &Value) -> Vec<String> {
    let differs = |(name, value): &(&String, &Value)| {
        let found = request.pointer(&format!("/{}", name.replace('.', "/"))).unwrap_or(&Value::Null);
        found != *value
    };
    let write = |(name, value): (&String, &Value)| {
        let found = request.pointer(&format!("/{}", name.replace('.', "/"))).unwrap_or(&Value::Null);
        format!("`{name}` is {found}, not {value}")
    };
    expected.iter().filter(differs).map(write).collect()
}
