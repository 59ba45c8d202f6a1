//! Asking the model until it replies: its stream read to the end, its calls executed, its failures that pass asked
//! again.

use std::pin::pin;

use futures::future::{Either, join, select};
use shared::{
    domain::{
        Reason,
        chatbot::{ESCALATE, ModelStatus},
    },
    openai::{Event as ModelEvent, Failure, Incomplete, Input, Outcome, Phase, ResponseRequest, Role},
    sockets::Event,
};
use tokio::{sync::mpsc, time::Instant};

use super::{
    HandOver, MAX_RUNS, Run, RunError, Spent,
    prompt::MAX_TOOL_ROUNDS,
    reply::{self, ModelReply},
    tool_call,
    turn::Turn,
};

/// The reason that listeners are given when the model is asked again.
const ASKED_AGAIN: &str = "the model is asked again";

impl Run {
    /// Asks the model for a reply, and executes the functions that it calls. A conversation that turns out to be
    /// unusable is replaced by one built from the log.
    pub(super) async fn ask_model(&mut self) -> Result<ModelReply, RunError> {
        if self.thread.run.as_ref().is_some_and(|run| run.attempt > MAX_RUNS) {
            return Err(RunError::failed());
        }
        let mut turn = Turn::new(&self.app, self.chatbot()?);
        loop {
            let conversation = if turn.is_stateless { None } else { self.conversation().await? };
            match self.ask(conversation.as_deref(), &mut turn).await {
                Ok(outcome) => {
                    if let Some(reply) = self.take(outcome, conversation.as_deref(), &mut turn).await? {
                        return Ok(reply);
                    }
                }
                Err(RunError::OpenAi(failure)) => self.prepare_again(failure, &mut turn).await?,
                Err(error) => return Err(error),
            }
        }
    }

    /// Asks once.
    async fn ask(&self, conversation: Option<&str>, turn: &mut Turn) -> Result<Outcome, RunError> {
        self.load_prompt(conversation, &mut turn.prompt).await?;
        let request = turn.prompt.request(self.chatbot()?, conversation, &turn.exchanged, turn.rounds);
        let outcome = self.while_leased(self.listen(&request)).await?;
        turn.prompt.was_taken(turn.exchanged.len());
        Ok(outcome)
    }

    /// The reply in an outcome; `None` where the model is to be asked again: with the outputs of its calls, or without
    /// the limit that left it no token for a word.
    async fn take(
        &mut self,
        mut outcome: Outcome,
        conversation: Option<&str>,
        turn: &mut Turn,
    ) -> Result<Option<ModelReply>, RunError> {
        turn.usage += outcome.usage.unwrap_or_default();
        if outcome.usage.is_some() {
            self.progress().spent = Spent::Tokens(turn.usage);
        }
        turn.is_conversation_spoiled |= outcome.is_aborted;
        if turn.prompt.has_reached_limit(self.chatbot()?, &outcome) {
            outcome.incomplete = Some(Incomplete::MaxOutputTokens);
        }
        if let Some(call) = outcome.calls.iter().find(|call| call.name == ESCALATE) {
            let comment = reply::reason_of(call);
            if outcome.text.trim().is_empty() {
                // Some servers mark all words before a call as commentary.
                outcome.text = outcome.commentary.join("\n\n");
            }
            let words = reply::reply(self.chatbot()?, outcome, conversation, turn).map(Box::new);
            return Err(HandOver { words, ..HandOver::new(Reason::Bot, comment) }.into());
        }
        turn.commentary.append(&mut outcome.commentary);
        let may_call = outcome.incomplete.is_none() && turn.rounds < MAX_TOOL_ROUNDS;
        if !outcome.calls.is_empty() && may_call {
            self.execute(outcome, conversation, turn).await?;
            return Ok(None);
        }
        // A call that is half there, or that comes though none was allowed, is not executed.
        turn.is_conversation_spoiled |= !outcome.calls.is_empty();
        let is_cut = outcome.incomplete == Some(Incomplete::MaxOutputTokens);
        if let Some(reply) = reply::reply(self.chatbot()?, outcome, conversation, turn) {
            return Ok(Some(reply));
        }
        if is_cut && turn.prompt.lift_limit(self.chatbot()?) {
            self.in_doubt = conversation.is_some();
            return Ok(None);
        }
        Err(RunError::failed())
    }

    /// Executes the calls of an outcome. The words before them are commentary: the listeners' text starts over.
    async fn execute(&mut self, outcome: Outcome, conversation: Option<&str>, turn: &mut Turn) -> Result<(), RunError> {
        turn.rounds += 1;
        if outcome.is_phased && conversation.is_none() && !outcome.text.is_empty() {
            let text = outcome.text.clone();
            let phase = Some(Phase::Commentary);
            turn.exchanged.push(Input::Message { role: Role::Assistant, text, phase });
        }
        let (commentary, heard) = mpsc::unbounded_channel();
        if !outcome.text.is_empty() {
            turn.commentary.push(outcome.text.clone());
            let _ = commentary.send(outcome.text.clone());
        }
        drop(commentary);
        let own = self.chatbot()?.config.limits.tool_calls_per_turn;
        let max_tool_calls = own.unwrap_or(self.app.budgets.settings.tool_calls_per_turn);
        let calling = async {
            let mut outputs = Vec::new();
            for call in &outcome.calls {
                turn.tool_calls += 1;
                outputs.push(if max_tool_calls > 0 && turn.tool_calls > max_tool_calls {
                    tool_call::refused(call, max_tool_calls)
                } else {
                    self.call_tool(&outcome.response_id, call).await?
                });
            }
            Ok::<_, RunError>(outputs)
        };
        let (outputs, ()) = join(calling, self.tell_commentary(heard, true)).await;
        for (i, (mut call, output)) in outcome.calls.into_iter().zip(outputs?).enumerate() {
            if call.call_id.is_empty() {
                // The conversation cannot close it. A new one is given the call under an id of ours.
                call.call_id = format!("call_{}_{i}", turn.rounds);
                self.in_doubt |= conversation.is_some();
            }
            let output = Input::CallOutput { call_id: call.call_id.clone(), output };
            turn.exchanged.push(Input::Call(call));
            turn.exchanged.push(output);
        }
        Ok(())
    }

    /// Prepares another request after one that failed. Returns the failure where another would be of no use.
    async fn prepare_again(&mut self, failure: Failure, turn: &mut Turn) -> Result<(), RunError> {
        let chatbot = self.chatbot()?;
        match &failure {
            Failure::Missing | Failure::OrphanCall | Failure::Locked
                if turn.prompt.is_remembered() && !turn.has_replaced_conversation =>
            {
                turn.has_replaced_conversation = true;
                self.in_doubt = true;
            }
            // Its items cannot be put in order, so this turn goes without it.
            Failure::Template if turn.prompt.is_remembered() => turn.is_stateless = true,
            Failure::ContextFull if turn.prompt.shorten() => self.in_doubt = turn.prompt.is_remembered(),
            Failure::UnsupportedParameter { name } if turn.prompt.leave_out(name) => {
                tracing::warn!(chatbot.id = %chatbot.id, parameter = name, "the model takes no such parameter");
                self.app.store.chatbot_refused(chatbot, name).await?;
            }
            Failure::ModelMissing { .. } => self.model_is_missing(turn).await?,
            failure if failure.may_pass() && self.has_time_for_another(turn) => {
                turn.failures += 1;
                tracing::warn!(thread.id = %self.thread.id, %failure, "the model is asked again");
                if !self.renew().await? {
                    return Err(RunError::Lost);
                }
                self.in_doubt |= turn.prompt.is_remembered();
            }
            _ => return Err(RunError::OpenAi(failure)),
        }
        self.withdraw_words().await;
        Ok(())
    }

    fn has_time_for_another(&self, turn: &Turn) -> bool {
        let policy = self.app.openai.retry_policy();
        let has_time = self.deadline.is_none_or(|deadline| Instant::now() + policy.least_reply_time <= deadline);
        turn.failures + 1 < policy.replies && has_time
    }

    /// Goes on with the fallback model, or hands over to a person.
    async fn model_is_missing(&self, turn: &mut Turn) -> Result<(), RunError> {
        let (chatbot, model) = (self.chatbot()?, turn.prompt.model(self.chatbot()?).to_owned());
        let falls_back = turn.prompt.fall_back(chatbot);
        tracing::error!(
            chatbot.id = %chatbot.id, thread.id = %self.thread.id, model, falls_back, code = "model_not_found",
            "the server does not have the model"
        );
        if *model == chatbot.config.model {
            // From now on the fallback model is asked at once, until the daily check finds the model again.
            let status = ModelStatus { is_missing: true, ..chatbot.model_status.clone() };
            self.app.store.chatbot_set_model_status(chatbot, &status).await?;
        }
        if falls_back {
            return Ok(());
        }
        let note = format!("The bot cannot answer: the server does not have its model {model}.");
        Err(HandOver { note: Some(note), ..HandOver::new(Reason::Failure, None) }.into())
    }

    /// Tells the listeners that the words so far are void, if there are any: the reply starts over.
    async fn withdraw_words(&self) {
        if self.progress().text.is_empty() {
            return;
        }
        self.begin_deltas();
        let discarded = Event::discarded(&self.thread, &self.id, ASKED_AGAIN);
        self.sink.send(discarded.clone());
        self.app.broadcast(&self.thread, &[discarded]).await;
    }

    /// Reads the model's answer to its end, and sends deltas and commentary meanwhile. An answer that arrives all at
    /// once has no deltas: the message itself follows.
    async fn listen(&self, request: &ResponseRequest<'_>) -> Result<Outcome, Failure> {
        self.begin_deltas();
        let (commentary, heard) = mpsc::unbounded_channel();
        let reading = async {
            match select(pin!(self.read(request, commentary)), pin!(self.send_deltas())).await {
                Either::Left((outcome, _)) => outcome,
                Either::Right((never, _)) => match never {},
            }
        };
        join(reading, self.tell_commentary(heard, false)).await.0
    }

    /// Reads the stream of the model's answer to its end.
    async fn read(
        &self,
        request: &ResponseRequest<'_>,
        commentary: mpsc::UnboundedSender<String>,
    ) -> Result<Outcome, Failure> {
        let mut stream = self.app.openai.respond(request).await?;
        self.note_answer();
        while let Some(event) = stream.next().await {
            match event? {
                ModelEvent::Created { response_id } if request.store => {
                    self.progress().unreferenced_responses.push(response_id);
                }
                ModelEvent::Created { .. } => {}
                ModelEvent::Delta { text } => self.add_delta(&text),
                ModelEvent::Restart => self.restart_deltas(),
                ModelEvent::Commentary { text } => {
                    // The receiver lives as long as this loop.
                    let _ = commentary.send(text);
                }
                ModelEvent::Completed(outcome) => return Ok(outcome),
            }
        }
        Err(Failure::Interrupted { code: None })
    }

    /// Tells the listeners what the model says beside its reply, each text once and whole. `starts_over`: the text was
    /// taken for the reply until now, so the reply starts over.
    async fn tell_commentary(&self, mut commentary: mpsc::UnboundedReceiver<String>, starts_over: bool) {
        while let Some(text) = commentary.recv().await {
            let (thread_id, run_id) = (self.thread.id.clone(), self.id.clone());
            let mut events = Vec::new();
            if starts_over && !self.progress().text.is_empty() {
                self.begin_deltas();
                events.push(self.delta(0, String::new()));
            }
            events.push(Event::MessageProgress { thread_id, run_id, text });
            for event in &events {
                self.sink.send(event.clone());
            }
            self.app.broadcast(&self.thread, &events).await;
        }
    }
}
