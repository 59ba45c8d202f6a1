//! Asking the model: the log as input, its stream read to the end, its tool calls executed.

use std::pin::pin;

use futures::future::{Either, select};
use serde_json::{Value, json};
use shared::{
    Error,
    domain::{Chatbot, Reason, chatbot::ESCALATE, message::Origin},
    fingerprint,
    openai::{Call, Event as ModelEvent, Failure, Incomplete, Input, Outcome, ResponseRequest},
};

use super::{MAX_RUNS, Run, RunError};
use crate::history;

/// The most rounds of tool calls before the model has to answer.
const MAX_TOOL_ROUNDS: usize = 4;

/// A reply of the model.
pub(super) struct ModelReply {
    pub(super) text: String,
    pub(super) origin: Origin,
}

impl Run {
    /// Asks the model for a reply. A conversation that turns out to be unusable is replaced by one built from the log,
    /// once.
    pub(super) async fn ask_model(&mut self) -> Result<ModelReply, RunError> {
        if self.thread.run.as_ref().is_some_and(|run| run.attempt > MAX_RUNS) {
            return Err(RunError::HandOver { reason: Reason::Failure, comment: None });
        }
        let conversation = self.conversation().await?;
        match self.reply_in(conversation.as_deref()).await {
            Err(RunError::OpenAi(Failure::Missing | Failure::OrphanCall | Failure::Locked))
                if conversation.is_some() =>
            {
                self.in_doubt = true;
                let rebuilt = self.conversation().await?;
                self.reply_in(rebuilt.as_deref()).await
            }
            reply => reply,
        }
    }

    /// Asks the model, executes the functions that it calls, and asks again until it replies.
    async fn reply_in(&self, conversation: Option<&str>) -> Result<ModelReply, RunError> {
        let chatbot = self.chatbot()?;
        let after = conversation.map_or(0, |_| self.thread.openai.synced_through);
        let mut input = history::input(&self.app, &self.thread, after, &self.log_tail, conversation).await?;
        let tools = self.tools(chatbot, conversation).await?;
        let instructions = self.instructions(chatbot, conversation).await?;
        let customer = fingerprint(&[self.thread.tenant.as_bytes(), self.thread.customer_id.as_bytes()]);
        for _ in 0..=MAX_TOOL_ROUNDS {
            let request = ResponseRequest {
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
            let outcome = self.while_leased(self.listen(&request)).await?;
            if outcome.calls.is_empty() {
                return reply(outcome, conversation);
            }
            if let Some(call) = outcome.calls.iter().find(|call| call.name == ESCALATE) {
                return Err(RunError::HandOver { reason: Reason::Bot, comment: reason_of(call) });
            }
            if conversation.is_some() {
                input.clear();
            }
            for call in outcome.calls {
                let output = self.call_tool(&outcome.response_id, &call).await?;
                let output = Input::CallOutput { call_id: call.call_id.clone(), output };
                if conversation.is_none() {
                    input.push(Input::Call(call));
                }
                input.push(output);
            }
        }
        Err(RunError::HandOver { reason: Reason::Failure, comment: None })
    }

    /// Reads the model's answer to its end, and sends deltas meanwhile. An answer that arrives all at once has no
    /// deltas: the message itself follows.
    async fn listen(&self, request: &ResponseRequest<'_>) -> Result<Outcome, Failure> {
        self.begin_deltas();
        match select(pin!(self.read(request)), pin!(self.send_deltas())).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right((never, _)) => match never {},
        }
    }

    /// Reads the stream of the model's answer to its end.
    async fn read(&self, request: &ResponseRequest<'_>) -> Result<Outcome, Failure> {
        let mut stream = self.app.openai.respond(request).await?;
        while let Some(event) = stream.next().await {
            match event? {
                ModelEvent::Created { response_id } if request.store => {
                    self.progress().unreferenced_responses.push(response_id);
                }
                ModelEvent::Created { .. } | ModelEvent::Commentary { .. } => {}
                ModelEvent::Delta { text } => self.add_delta(&text),
                ModelEvent::Completed(outcome) => return Ok(outcome),
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

    /// The chatbot's instructions. With local memory they carry its documents, as far as they fit: a server without
    /// conversations has no vector stores either.
    async fn instructions(&self, chatbot: &Chatbot, conversation: Option<&str>) -> Result<String, Error> {
        let mut instructions = chatbot.config.instructions.clone();
        if conversation.is_none() && !chatbot.document_names.is_empty() {
            for document in self.app.store.documents_get(chatbot).await? {
                if instructions.len() + document.text.len() > history::MAX_HISTORY_BYTES {
                    break;
                }
                instructions.extend(["\n\n# ", &document.name, "\n\n", &document.text]);
            }
        }
        Ok(instructions)
    }
}

/// The reply in an outcome. A refusal in the model's own words is one; an empty or filtered text is not.
fn reply(outcome: Outcome, conversation: Option<&str>) -> Result<ModelReply, RunError> {
    let text = if outcome.text.trim().is_empty() { outcome.refusal.unwrap_or_default() } else { outcome.text };
    if text.trim().is_empty() || outcome.incomplete == Some(Incomplete::ContentFilter) {
        return Err(RunError::HandOver { reason: Reason::Failure, comment: None });
    }
    let response_id = conversation.map(|_| outcome.response_id);
    Ok(ModelReply {
        text,
        origin: Origin { conversation_id: conversation.map(str::to_owned), response_id, ..Origin::default() },
    })
}

fn escalate() -> Value {
    json!({
        "type": "function",
        "name": ESCALATE,
        "description": "Hand the conversation to a human agent: \
            when the customer asks for one, or when you cannot help.",
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

/// The reason that the model gives for handing over: at most 500 characters, `None` where it cannot be read.
fn reason_of(call: &Call) -> Option<String> {
    let arguments: Value = serde_json::from_str(&call.arguments).ok()?;
    let reason: String = arguments.get("reason")?.as_str()?.chars().take(500).collect();
    Some(reason).filter(|reason| !reason.trim().is_empty())
}
