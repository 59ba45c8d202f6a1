//! A turn's events as steps of one assistant message, for protocols that know nothing else.

use serde_json::{Value, json};
use shared::{
    domain::{
        Identity, Message, MessageId, Reason, ThreadId,
        message::{Change, Cut, Role},
        thread,
    },
    sockets::Event,
    ui_message::{UiMetadata, UiPart},
};

use crate::follow::is_heard;

/// A step of the message.
pub(crate) enum Step {
    /// The message begins; with its id where it comes whole from the log.
    Start {
        id: Option<MessageId>,
        metadata: UiMetadata,
    },
    /// A text begins. Its id is the message's in the log, or else names it within the run that writes it.
    TextStart {
        id: String,
        /// The author's name, where it is known from the start.
        name: Option<String>,
    },
    TextDelta {
        text: String,
    },
    /// The text ends; with its message if it was logged.
    TextEnd {
        logged: Option<UiMetadata>,
    },
    /// The last text is void.
    Discarded {
        reason: String,
    },
    Sources {
        sources: Vec<UiPart>,
    },
    /// Metadata that takes the place of what was told before.
    Metadata {
        metadata: UiMetadata,
    },
    /// Words beside the message, such as "Looking up your order".
    Progress {
        text: String,
    },
    /// A thread that is not the bot's, or has just become so.
    Thread {
        thread: Box<thread::View>,
    },
    /// The turn failed, and ends here.
    Error {
        code: &'static str,
        detail: String,
    },
    Done {
        reason: FinishReason,
    },
}

/// The reason that a message ends.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum FinishReason {
    Stop,
    Cut(Cut),
    /// The run failed: a person is asked to answer, or another run will.
    Failure,
}

/// Turns events into steps.
#[derive(Default)]
pub(crate) struct Narrator {
    /// The caller, whose own message is not the assistant's. Without one everything is.
    caller: Option<Identity>,
    /// The metadata as it was last told; `None` until the message has begun.
    metadata: Option<UiMetadata>,
    owner: Option<&'static str>,
    /// The thread as it was last told.
    thread: Option<Value>,
    owner_has_changed: bool,
    /// The text of the part that is open.
    open: Option<String>,
    /// The number of texts so far.
    text_count: usize,
    /// The cut of the last reply.
    cut: Option<Cut>,
    has_failed: bool,
}

impl Narrator {
    pub(crate) fn new(caller: &Identity) -> Self {
        Self { caller: Some(caller.clone()), ..Self::default() }
    }

    pub(crate) fn steps(&mut self, event: &Event) -> Vec<Step> {
        let mut steps = Vec::new();
        match event {
            Event::MessageDelta { thread_id, run_id, index, text } => {
                self.start_writing(thread_id, &mut steps);
                if *index == 0 {
                    self.discard("the answer was started again", &mut steps);
                }
                let id = format!("{run_id}-{}", self.text_count + 1);
                self.write(text, (id, None), &mut steps);
            }
            Event::MessageProgress { thread_id, text, .. } => {
                self.start_writing(thread_id, &mut steps);
                steps.push(Step::Progress { text: text.clone() });
            }
            Event::MessageDiscarded { reason, .. } => self.discard(reason, &mut steps),
            Event::MessageCreated { message, .. } => match &message.event {
                Some(change) => self.change_owner(change, &mut steps),
                None if self.hears(message) => self.conclude(message, &mut steps),
                None => {}
            },
            Event::ThreadUpdated { thread, .. } => self.show(thread, &mut steps),
            Event::Error { code, detail, .. } => steps.push(Step::Error { code, detail: detail.clone() }),
            Event::Done { joined, .. } => {
                self.has_failed |= joined;
                self.discard("the answer was not finished", &mut steps);
                steps.push(Step::Done { reason: self.finish_reason() });
            }
            _ => {}
        }
        steps
    }

    fn hears(&self, message: &Message) -> bool {
        self.caller.as_ref().is_none_or(|caller| is_heard(caller, message))
    }

    fn finish_reason(&self) -> FinishReason {
        match self.cut {
            _ if self.has_failed => FinishReason::Failure,
            Some(cut) => FinishReason::Cut(cut),
            None => FinishReason::Stop,
        }
    }

    fn start(&mut self, id: Option<MessageId>, metadata: UiMetadata, steps: &mut Vec<Step>) {
        if self.metadata.is_none() {
            self.metadata = Some(metadata.clone());
            steps.push(Step::Start { id, metadata });
        }
    }

    /// Begins a message that the bot is writing.
    fn start_writing(&mut self, thread_id: &ThreadId, steps: &mut Vec<Step>) {
        let owner = *self.owner.get_or_insert("bot");
        let metadata = UiMetadata::new(thread_id.clone());
        self.start(None, UiMetadata { role: Some(Role::Bot), owner: Some(owner), ..metadata }, steps);
    }

    fn set_owner(&mut self, owner: &'static str, steps: &mut Vec<Step>) {
        self.owner = Some(owner);
        if let Some(metadata) = self.metadata.as_mut().filter(|metadata| metadata.owner != Some(owner)) {
            metadata.owner = Some(owner);
            steps.push(Step::Metadata { metadata: metadata.clone() });
        }
    }

    fn change_owner(&mut self, change: &Change, steps: &mut Vec<Step>) {
        self.owner_has_changed = true;
        self.has_failed |= matches!(change, Change::Escalated { reason: Reason::Failure, .. });
        self.set_owner(change.status_word(), steps);
    }

    fn show(&mut self, thread: &thread::View, steps: &mut Vec<Step>) {
        self.set_owner(thread.status, steps);
        let told = json!(thread);
        if (thread.status == "bot" && !self.owner_has_changed) || self.thread.as_ref() == Some(&told) {
            return;
        }
        self.thread = Some(told);
        let metadata = UiMetadata { owner: self.owner, ..UiMetadata::new(thread.id.clone()) };
        self.start(None, metadata, steps);
        steps.push(Step::Thread { thread: Box::new(thread.clone()) });
    }

    /// Writes text into the open part, or begins one with it. An empty text begins none.
    fn write(&mut self, text: &str, (id, name): (String, Option<String>), steps: &mut Vec<Step>) {
        if text.is_empty() {
            return;
        }
        if self.open.is_none() {
            self.text_count += 1;
            steps.push(Step::TextStart { id, name });
        }
        self.open.get_or_insert_default().push_str(text);
        steps.push(Step::TextDelta { text: text.to_owned() });
    }

    /// Makes the open part void. No such protocol can withdraw text: it stays, and is said to be void.
    fn discard(&mut self, reason: &str, steps: &mut Vec<Step>) {
        if self.open.take().is_some() {
            steps.extend([Step::TextEnd { logged: None }, Step::Discarded { reason: reason.to_owned() }]);
        }
    }

    /// Completes the message with one of the log: the rest of its text, its sources and its metadata.
    fn conclude(&mut self, message: &Message, steps: &mut Vec<Step>) {
        let owner = *self.owner.get_or_insert(if message.role == Role::Agent { "agent" } else { "bot" });
        let metadata = UiMetadata { owner: Some(owner), ..UiMetadata::of(message) };
        self.start(Some(message.id.clone()), metadata.clone(), steps);
        let written = self.open.clone().unwrap_or_default();
        let rest = message.text.strip_prefix(&written).filter(|_| message.role == Role::Bot);
        if rest.is_none() {
            self.discard("the logged answer differs", steps);
        }
        let author = (message.id.to_string(), message.author.name.clone());
        self.write(rest.unwrap_or(&message.text), author, steps);
        if self.open.take().is_some() {
            steps.push(Step::TextEnd { logged: Some(metadata.clone()) });
        }
        self.cut = message.cut;
        // Whoever failed before, this is an answer.
        self.has_failed = false;
        let sources: Vec<_> = UiPart::sources(message).collect();
        if !sources.is_empty() {
            steps.push(Step::Sources { sources });
        }
        self.metadata = Some(metadata.clone());
        steps.push(Step::Metadata { metadata });
    }
}
