//! What the model says: asked with the log, listened to until its end, its calls answered.

use std::pin::pin;

use futures::future::{Either, select};
use serde_json::{Value, json};
use shared::{
    Error,
    domain::{Chatbot, Reason, chatbot::ESCALATE, message::Origin},
    http,
    openai::{Ask, Call, Event as Heard, Failure, Incomplete, Input, Outcome},
};

use super::{MAX_ATTEMPTS, Run, RunError};
use crate::history;

/// How often a model may call functions before it has to answer.
const MAX_TOOL_ROUNDS: usize = 4;

/// What the model said.
pub(super) struct ModelReply {
    pub(super) text: String,
    pub(super) origin: Origin,
}

impl Run {
    /// Lets the model speak. A conversation that turns out to be unusable is built anew from the log, once.
    pub(super) async fn speak(&mut self) -> Result<ModelReply, RunError> {
        if self.thread.run.as_ref().is_some_and(|run| run.attempt > MAX_ATTEMPTS) {
            return Err(RunError::HandOver { reason: Reason::Failure, comment: None });
        }
        let conversation = self.conversation().await?;
        match self.converse(conversation.as_deref()).await {
            Err(RunError::OpenAi(Failure::Missing | Failure::OrphanCall | Failure::Locked))
                if conversation.is_some() =>
            {
                self.in_doubt = true;
                let anew = self.conversation().await?;
                self.converse(anew.as_deref()).await
            }
            spoken => spoken,
        }
    }

    /// Asks the model, answers the functions it calls, and asks again.
    async fn converse(&self, conversation: Option<&str>) -> Result<ModelReply, RunError> {
        let chatbot = self.chatbot()?;
        let after = conversation.map_or(0, |_| self.thread.openai.synced_through);
        let mut input = history::input(&self.app, &self.thread, after, &self.known, conversation).await?;
        let tools = self.tools(chatbot, conversation).await?;
        let instructions = self.instructions(chatbot, conversation).await?;
        let customer = http::fingerprint(&[self.thread.tenant.as_bytes(), self.thread.customer_id.as_bytes()]);
        for _ in 0..=MAX_TOOL_ROUNDS {
            let ask = Ask {
                model: &chatbot.config.model,
                conversation,
                instructions: &instructions,
                input: input.clone(),
                tools: tools.clone(),
                temperature: chatbot.config.temperature,
                max_output_tokens: chatbot.config.max_output_tokens,
                store: conversation.is_some(),
                safety_identifier: Some(&customer),
                prompt_cache_key: Some(self.thread.id.as_str()),
            };
            let outcome = self.while_leased(self.listen(&ask)).await?;
            if outcome.calls.is_empty() {
                return spoken(outcome, conversation);
            }
            if let Some(call) = outcome.calls.iter().find(|call| call.name == ESCALATE) {
                return Err(RunError::HandOver { reason: Reason::Bot, comment: reason_of(call) });
            }
            if conversation.is_some() {
                input.clear();
            }
            for call in outcome.calls {
                let output = self.function(&outcome.response_id, &call).await?;
                let output = Input::CallOutput { call_id: call.call_id.clone(), output };
                if conversation.is_none() {
                    input.push(Input::Call(call));
                }
                input.push(output);
            }
        }
        Err(RunError::HandOver { reason: Reason::Failure, comment: None })
    }

    /// Hears the model out, and tells those who listen as it speaks. What has all come at once is told at once, as the
    /// message that it becomes.
    async fn listen(&self, ask: &Ask<'_>) -> Result<Outcome, Failure> {
        self.begin_deltas();
        match select(pin!(self.read(ask)), pin!(self.send_deltas())).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right((never, _)) => match never {},
        }
    }

    /// Reads the model's answer to its end.
    async fn read(&self, ask: &Ask<'_>) -> Result<Outcome, Failure> {
        let mut answer = self.app.openai.respond(ask).await?;
        while let Some(heard) = answer.next().await {
            match heard? {
                Heard::Created { response_id } if ask.store => self.progress().unkept.push(response_id),
                Heard::Created { .. } => {}
                Heard::Delta { text } => self.add_delta(&text),
                Heard::Completed(outcome) => return Ok(outcome),
            }
        }
        Err(Failure::Interrupted { code: None })
    }

    async fn tools(&self, chatbot: &Chatbot, conversation: Option<&str>) -> Result<Vec<Value>, Error> {
        let mut tools = vec![escalate()];
        tools.extend(chatbot.config.tools.iter().map(|tool| {
            json!({
                "type": "function", "name": tool.name, "description": tool.description,
                "parameters": tool.parameters, "strict": tool.strict,
            })
        }));
        if conversation.is_some()
            && let Some(knowledge) = self.app.knowledge_of(chatbot).await?
        {
            tools.push(json!({ "type": "file_search", "vector_store_ids": [knowledge.vector_store_id] }));
        }
        Ok(tools)
    }

    /// A server without conversations has no vector stores either: there the documents go along, as far as they fit.
    async fn instructions(&self, chatbot: &Chatbot, conversation: Option<&str>) -> Result<String, Error> {
        let mut instructions = chatbot.config.instructions.clone();
        if conversation.is_none() && !chatbot.document_names.is_empty() {
            for document in self.app.store.documents_get(chatbot).await? {
                if instructions.len() + document.text.len() > history::BUDGET_BYTES {
                    break;
                }
                instructions.extend(["\n\n# ", &document.name, "\n\n", &document.text]);
            }
        }
        Ok(instructions)
    }
}

/// A refusal in the model's own words is an answer; silence and filtered words are not.
fn spoken(outcome: Outcome, conversation: Option<&str>) -> Result<ModelReply, RunError> {
    let text = if outcome.text.trim().is_empty() { outcome.refusal.unwrap_or_default() } else { outcome.text };
    if text.trim().is_empty() || outcome.incomplete == Some(Incomplete::ContentFilter) {
        return Err(RunError::HandOver { reason: Reason::Failure, comment: None });
    }
    let response_id = conversation.map(|_| outcome.response_id);
    Ok(ModelReply { text, origin: Origin { conversation_id: conversation.map(str::to_owned), response_id } })
}

fn escalate() -> Value {
    json!({
        "type": "function",
        "name": ESCALATE,
        "description": "Hand the conversation to a human agent: when the customer asks for one, or when you cannot help.",
        "parameters": {
            "type": "object",
            "properties": {
                "reason": { "type": "string", "description": "Why, in one short sentence for the agent." },
            },
            "required": ["reason"],
            "additionalProperties": false,
        },
        "strict": true,
    })
}

/// The model's reason, as far as it can be read: at most 500 characters.
fn reason_of(call: &Call) -> Option<String> {
    let arguments: Value = serde_json::from_str(&call.arguments).ok()?;
    let reason: String = arguments.get("reason")?.as_str()?.chars().take(500).collect();
    Some(reason).filter(|reason| !reason.trim().is_empty())
}
