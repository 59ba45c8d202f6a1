//! A turn: the whole response is decided before its first byte is sent.

use serde_json::json;

use super::{
    account::Account,
    conversation_items::conversation_locked,
    error::ApiError,
    fault::{Failure, MatchedFault},
    handle::Standin,
    item::Item,
    play::ConversationLock,
    prompt_cache::Front,
    reply::{Reply, reply},
    request::{CreateResponse, Reference, check_context},
    response::Response,
    script::Script,
    step::Effects,
    tool::Tool,
};

impl Standin {
    /// Decides the response and locks its conversation. The effects are applied when the script is played.
    pub(super) fn begin(
        &self,
        mut request: CreateResponse,
        fault: Option<MatchedFault>,
    ) -> Result<(Script, Option<ConversationLock>), ApiError> {
        let model = request.check()?;
        let conversation = request.conversation.take().map(Reference::into_id);
        let tools = request.tools.take().unwrap_or_default();
        let mut account = self.account();
        let present = account.present(conversation.as_deref())?;
        let input = request.input.take().map(|input| input.into_items(present));
        let input = input.transpose()?.unwrap_or_default();
        let context: Vec<&Item> = present.iter().chain(&input).collect();
        check_context(&context, &input)?;
        let stores = account.vector_store_ids(&tools)?;

        let reply = ordered_reply(fault.as_ref()).unwrap_or_else(|| {
            let may_call = request.tool_choice != Some(json!("none"));
            let tools = if may_call { &tools[..] } else { &[] };
            Some(reply(&context, tools, |question| account.knowledge(&stores, question)))
        });
        let front = Front {
            cache_key: request.prompt_cache_key.as_deref(),
            model: &model,
            instructions: request.instructions.as_deref().unwrap_or_default(),
            tools: &tools,
        };
        let prompt_tokens = self.prompt_cache().read(&front, &context);

        let lock = match &conversation {
            None => None,
            Some(id) => {
                account.conversation(id)?.running = true;
                Some(ConversationLock::new(self.clone(), id.clone()))
            }
        };
        drop(account);
        let effects = Effects { conversation: conversation.clone(), items: input, stored: None };
        let response = Response::in_progress(request, model, conversation, tools);
        let script = Script::write(response, reply.as_ref(), prompt_tokens, effects, fault, self.pace());
        Ok((script, lock))
    }
}

/// The reply that a fault orders, if there is one; the order may be an empty reply.
#[expect(clippy::option_option, reason = "no order, an order to be silent, an order to say something")]
fn ordered_reply(fault: Option<&MatchedFault>) -> Option<Option<Reply>> {
    match fault?.failure.clone() {
        Failure::Empty => Some(None),
        Failure::Refusal { text } => Some(Some(Reply::Refusal(text))),
        Failure::Say { text } => Some(Some(Reply::Text(text))),
        Failure::Call { name, arguments } => Some(Some(Reply::Call { name, arguments })),
        _ => None,
    }
}

impl Account {
    /// The items of the conversation, if no response is running on it.
    fn present(&self, conversation: Option<&str>) -> Result<&[Item], ApiError> {
        let Some(id) = conversation else {
            return Ok(&[]);
        };
        let found = self.conversations.get(id);
        if found.ok_or_else(|| ApiError::not_found("Conversation", id))?.running {
            return Err(conversation_locked());
        }
        Ok(self.items.get(id).map_or(&[], Vec::as_slice))
    }

    fn vector_store_ids(&self, tools: &[Tool]) -> Result<Vec<String>, ApiError> {
        let mut stores = Vec::new();
        for tool in tools {
            if let Tool::FileSearch { vector_store_ids } = tool {
                stores.extend_from_slice(vector_store_ids);
            }
        }
        match stores.iter().find(|id| !self.vector_stores.contains_key(*id)) {
            Some(id) => Err(ApiError::not_found("Vector store", id)),
            None => Ok(stores),
        }
    }

    fn knowledge(&self, stores: &[String], question: &str) -> Option<String> {
        let (file, line) = self.search(stores, question)?;
        Some(format!("My files say: \"{line}\" ({file})."))
    }

    /// The line of the vector stores' files that shares most words with `question`, with its file's name: a search good
    /// enough to show that the knowledge is there.
    fn search(&self, stores: &[String], question: &str) -> Option<(&str, String)> {
        let words = |text: &str| -> Vec<String> {
            let words = text.split(|c: char| !c.is_alphanumeric());
            words.filter(|word| word.chars().count() > 3).map(str::to_lowercase).collect()
        };
        let question = words(question);
        let shared = |line: &str| words(line).iter().filter(|word| question.contains(word)).count();
        let stores = stores.iter().filter_map(|id| self.vector_stores.get(id));
        let files = stores.flat_map(|store| &store.files).filter_map(|file| self.files.get(&file.id));
        files
            .flat_map(|file| {
                let text = String::from_utf8_lossy(&file.content);
                text.lines().map(|line| (file.name.as_str(), line.trim().to_owned())).collect::<Vec<_>>()
            })
            .map(|(name, line)| (shared(&line), name, line))
            .filter(|(score, ..)| *score > 0)
            .max_by_key(|(score, ..)| *score)
            .map(|(_, name, line)| (name, line))
    }
}
