//! A run that hands its thread over to a person, in place of a reply.

use shared::{
    Error, LINE_LOST,
    domain::{Person, Reason, status},
    openai::Failure,
    sockets::Event,
    store::Commit,
};

use super::{Run, RunError, RunOutcome, author, reply::ModelReply};

/// A hand-over to a person.
pub(super) struct HandOver {
    pub(super) reason: Reason,
    pub(super) comment: Option<String>,
    /// The bot's own words, which are logged before the escalation.
    pub(super) words: Option<Box<ModelReply>>,
    /// A note for the agents.
    pub(super) note: Option<String>,
}

impl HandOver {
    pub(super) fn new(reason: Reason, comment: Option<String>) -> Self {
        Self { reason, comment, words: None, note: None }
    }
}

impl From<HandOver> for RunError {
    fn from(hand_over: HandOver) -> Self {
        Self::HandOver(Box::new(hand_over))
    }
}

impl Run {
    /// Logs why the model gave no answer. What does not pass by itself is an error: somebody has to act.
    pub(super) fn log_failure(&self, failure: &Failure) {
        let thread = &self.thread.id;
        match failure {
            Failure::Quota { code } | Failure::ContentFilter { code } => {
                tracing::error!(thread.id = %thread, code, %failure, "the model refused; the thread goes to a person");
            }
            _ => tracing::warn!(thread.id = %thread, %failure, "the model failed; the thread goes to a person"),
        }
    }

    /// Hands the thread over to a person, in place of a reply.
    pub(super) async fn hand_over(&mut self, hand_over: HandOver) -> Result<RunOutcome, Error> {
        let HandOver { reason, comment, words, note } = hand_over;
        let (id, at) = (self.app.message_id(), self.app.now());
        let by = match &self.chatbot {
            Ok(Some(bot)) => author(bot),
            _ => Person { id: self.thread.chatbot_id.to_string(), name: None },
        };
        let mut words = words.map(|words| self.message(self.app.message_id(), by.clone(), *words));
        let note_id = self.app.message_id();
        // A chatbot that could not be read may have a webhook: each attempt to deliver looks again.
        let may_have_webhook =
            self.chatbot.as_ref().map_or(true, |bot| bot.as_ref().is_some_and(|bot| bot.webhook.is_some()));
        let (mut changed, mut outbox) = (None, Vec::new());
        let (app, metadata) = (self.app.clone(), self.metadata.clone());
        let (run, taken) = (self.id.clone(), self.taken());
        let written = self.save(|mut thread| {
            thread.settle(&run, taken);
            let before = thread.clone();
            if let Some(words) = &mut words {
                thread.say(words);
            }
            let event = status::Event::Escalate { at, reason, comment: comment.clone() };
            changed = thread.change(event, by.clone(), id.clone()).ok().flatten();
            let Some(changed) = &mut changed else { return Commit::new(before) };
            changed.note = note.clone().map(|text| changed.note(note_id.clone(), text));
            let mut commit = Commit::of_change(changed, app.outbox_where(changed, &metadata, may_have_webhook));
            commit.messages.splice(..0, words.clone());
            outbox.clone_from(&commit.outbox);
            commit
        });
        if written.await?.is_none() {
            self.lost().await;
            return Ok(RunOutcome::Lost);
        }
        self.settle_shares().await;
        if let Some(mut changed) = changed {
            changed.thread = self.thread.clone();
            if words.is_none() && !self.progress().text.is_empty() {
                // The sockets are told with the change.
                self.sink.send(Event::discarded(&self.thread, &self.id, LINE_LOST));
            }
            if let Some(words) = &words {
                self.sink.send(Event::message(words));
                self.app.broadcast(&self.thread, &[Event::message(words)]).await;
            }
            self.sink.announce(&self.app, &changed, &self.metadata, None, &outbox).await;
        }
        Ok(RunOutcome::HandedOver { thread: Box::new(self.thread.clone()) })
    }
}
