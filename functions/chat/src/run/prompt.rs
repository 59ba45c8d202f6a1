//! The request to the model: the log as input, the chatbot's settings, and what the server has refused of them.

use std::mem;

use serde_json::{Value, json};
use shared::{
    App, Error,
    domain::{Chatbot, chatbot::ESCALATE},
    fingerprint,
    openai::{ContextManagement, Input, Outcome, Reasoning, ResponseRequest, TextFormat, ToolChoice},
};

use super::{Run, RunError};
use crate::history::{self, TokenBudget, estimate_tokens};

/// The most rounds of calls. In the round after them no tool may be called, so that the model has to answer.
pub(super) const MAX_TOOL_ROUNDS: usize = 4;

/// The factor of the deployment's limit of output tokens where the model had no token left for a word.
const LIFTED_LIMIT: u32 = 4;

/// The length, in tokens, from which OpenAI sums up the oldest part of a conversation: well below the smallest context
/// of its models (128,000), so that the instructions, tools and the answer have room.
const COMPACTION: &[ContextManagement] = &[ContextManagement::Compaction { compact_threshold: 64_000 }];

/// The parts of a request that outlast it.
pub(super) struct Prompt {
    /// The conversation that the parts below were made for; `None` with local memory, or before the first request.
    conversation: Option<String>,
    content: Option<Content>,
    /// The number of exchanged items that the conversation holds, once it has taken a request of this turn.
    taken: Option<usize>,
    refused: Vec<String>,
    customer: String,
    cache_key: String,
    falls_back: bool,
    budget: TokenBudget,
    is_shortened: bool,
    /// The limit of chatbots that set none, if there is one.
    max_output_tokens: Option<u32>,
    /// The model had no token left for a word, so the limit is lifted.
    is_lifted: bool,
}

/// The part of a request that is read from the table.
struct Content {
    history: Vec<Input>,
    instructions: String,
    tools: Vec<Value>,
}

impl Prompt {
    pub(super) fn new(app: &App, chatbot: &Chatbot) -> Self {
        Self {
            conversation: None,
            content: None,
            taken: None,
            refused: chatbot.refused_parameters.clone(),
            customer: String::new(),
            // The chatbot, not the thread: its instructions, tools and documents are what the threads share.
            cache_key: format!("{}.{}", chatbot.id, chatbot.version),
            falls_back: chatbot.model_status.is_missing && chatbot.config.fallback_model.is_some(),
            budget: TokenBudget::new(app.history_tokens),
            is_shortened: false,
            max_output_tokens: Some(app.budgets.settings.max_output_tokens).filter(|limit| *limit > 0),
            is_lifted: false,
        }
    }

    /// True where the requests so far went to a conversation at OpenAI.
    pub(super) fn is_remembered(&self) -> bool {
        self.conversation.is_some()
    }

    pub(super) fn model<'a>(&self, chatbot: &'a Chatbot) -> &'a str {
        let fallback = chatbot.config.fallback_model.as_deref().filter(|_| self.falls_back);
        fallback.unwrap_or(&chatbot.config.model)
    }

    /// Uses the fallback model from now on. `false` where there is none, or it is in use already.
    pub(super) fn fall_back(&mut self, chatbot: &Chatbot) -> bool {
        let has_another = chatbot.config.fallback_model.is_some() && !self.falls_back;
        self.falls_back |= has_another;
        has_another
    }

    /// Leaves a parameter out from now on. `false` where it was left out already.
    pub(super) fn leave_out(&mut self, parameter: &str) -> bool {
        let is_new = !self.refused.iter().any(|refused| refused == parameter);
        if is_new {
            self.refused.push(parameter.to_owned());
        }
        is_new
    }

    /// Lifts the limit of output tokens: the chatbot's to the deployment's four times over, which stays. `false` where
    /// there is none to lift.
    pub(super) fn lift_limit(&mut self, chatbot: &Chatbot) -> bool {
        let has_limit = self.output_limit(chatbot).is_some() && !self.is_lifted;
        self.is_lifted |= has_limit;
        has_limit
    }

    /// The limit of output tokens: the chatbot's, or else the deployment's.
    fn output_limit(&self, chatbot: &Chatbot) -> Option<u32> {
        let own = chatbot.config.max_output_tokens;
        if self.is_lifted {
            let lifted = self.max_output_tokens.map(|limit| limit.saturating_mul(LIFTED_LIMIT));
            return lifted.map(|lifted| lifted.max(own.unwrap_or_default()));
        }
        own.or(self.max_output_tokens)
    }

    /// True where an outcome took as many tokens as the chatbot allows. Some servers call such a response complete.
    pub(super) fn has_reached_limit(&self, chatbot: &Chatbot, outcome: &Outcome) -> bool {
        let limit = self.output_limit(chatbot);
        let taken = outcome.usage.map(|usage| usage.output);
        outcome.incomplete.is_none() && limit.zip(taken).is_some_and(|(limit, taken)| taken >= limit.into())
    }

    /// Sends a shorter history from now on: half of what was allowed, and of what was sent where that was less. `false`
    /// where it was shortened already.
    pub(super) fn shorten(&mut self) -> bool {
        if mem::replace(&mut self.is_shortened, true) {
            return false;
        }
        let sent = self.content.take().filter(|_| !self.is_remembered());
        let sent = sent.map(|content| content.history.iter().map(text).map(estimate_tokens).sum());
        self.budget = self.budget.at_most(sent.unwrap_or(usize::MAX)).halved();
        true
    }

    /// A request was answered: the conversation holds the history and `exchanged` items of this turn.
    pub(super) fn was_taken(&mut self, exchanged: usize) {
        self.taken = Some(exchanged);
    }

    pub(super) fn request<'a>(
        &'a self,
        chatbot: &'a Chatbot,
        conversation: Option<&'a str>,
        exchanged: &'a [Input],
        rounds: usize,
    ) -> ResponseRequest<'a> {
        let config = &chatbot.config;
        let content = self.content.as_ref();
        let input = match (conversation, self.taken) {
            // The conversation made the calls itself, so it lacks their outputs alone.
            (Some(_), Some(taken)) => {
                let is_output = |item: &&Input| matches!(item, Input::CallOutput { .. });
                exchanged[taken..].iter().filter(is_output).cloned().collect()
            }
            _ if exchanged.is_empty() => content.map(|it| it.history.as_slice()).unwrap_or_default().into(),
            _ => content.iter().flat_map(|it| &it.history).chain(exchanged).cloned().collect(),
        };
        ResponseRequest {
            model: self.model(chatbot),
            conversation,
            instructions: content.map_or("", |it| &it.instructions),
            input,
            tools: content.map(|it| it.tools.as_slice()).unwrap_or_default(),
            temperature: config.temperature,
            max_output_tokens: self.output_limit(chatbot),
            reasoning: config.reasoning_effort.as_deref().map(|effort| Reasoning { effort }),
            text_format: config.verbosity.as_deref().map(|verbosity| TextFormat { verbosity }),
            tool_choice: (rounds == MAX_TOOL_ROUNDS).then_some(ToolChoice::None),
            context_management: if conversation.is_some() { COMPACTION } else { &[] },
            store: conversation.is_some(),
            safety_identifier: Some(&self.customer),
            prompt_cache_key: Some(&self.cache_key),
            refused: &self.refused,
        }
    }
}

impl Run {
    /// Reads what the next request needs, unless it was read for the same conversation.
    pub(super) async fn load_prompt(&self, conversation: Option<&str>, prompt: &mut Prompt) -> Result<(), RunError> {
        if prompt.content.is_some() && prompt.conversation.as_deref() == conversation {
            return Ok(());
        }
        let chatbot = self.chatbot()?;
        let after = conversation.map_or(0, |_| self.thread.openai.synced_through);
        let mut budget = prompt.budget;
        let mut instructions = self.instructions(chatbot, conversation, &mut budget).await?;
        let history = history::input(&self.app, &self.thread, after, &self.log_tail, conversation, &budget).await?;
        if let Some(more) = history.instructions {
            instructions.extend(["\n\n", &more]);
        }
        let tools = self.tools(chatbot, conversation).await?;
        prompt.customer = fingerprint(&[self.thread.tenant.as_bytes(), self.thread.customer_id.as_bytes()]);
        prompt.conversation = conversation.map(str::to_owned);
        prompt.content = Some(Content { history: history.input, instructions, tools });
        prompt.taken = None;
        Ok(())
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
    async fn instructions(
        &self,
        chatbot: &Chatbot,
        conversation: Option<&str>,
        budget: &mut TokenBudget,
    ) -> Result<String, Error> {
        let mut instructions = chatbot.config.instructions.clone();
        if conversation.is_none() && !chatbot.document_names.is_empty() {
            for document in self.app.store.documents_get(chatbot).await? {
                if !budget.take(&document.text) {
                    break;
                }
                instructions.extend(["\n\n# ", &document.name, "\n\n", &document.text]);
            }
        }
        Ok(instructions)
    }
}

fn text(item: &Input) -> &str {
    match item {
        Input::Message { text, .. } => text,
        Input::Call(call) => &call.arguments,
        Input::CallOutput { output, .. } => output,
    }
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
