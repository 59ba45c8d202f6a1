//! One turn: what a response will be, decided whole before its first byte.

use serde_json::json;

use super::{
    Failure, Standin,
    conversation_item::locked_by_a_response,
    front::Taken,
    item::Item,
    play::Lock,
    refused::Refused,
    reply::{Reply, reply},
    request::{CreateResponse, Reference, Tool, check_context},
    response::Response,
    script::{Landing, Script},
    world::World,
};

impl Standin {
    /// Decides the response and locks its conversation. Nothing of it has happened yet: the play does that.
    pub(super) fn begin(
        &self,
        mut request: CreateResponse,
        taken: Option<Taken>,
    ) -> Result<(Script, Option<Lock>), Refused> {
        let model = request.check()?;
        let conversation = request.conversation.take().map(Reference::into_id);
        let tools = request.tools.take().unwrap_or_default();
        let mut world = self.world();
        let present = world.present(conversation.as_deref())?;
        let input = request.input.take().map(|input| input.into_items(present));
        let input = input.transpose()?.unwrap_or_default();
        let context: Vec<&Item> = present.iter().chain(&input).collect();
        check_context(&context, &input)?;
        let stores = world.known_stores(&tools)?;

        let reply = ordered(taken.as_ref()).unwrap_or_else(|| {
            let may_call = request.tool_choice != Some(json!("none"));
            let tools = if may_call { &tools[..] } else { &[] };
            Some(reply(&context, tools, |question| world.known(&stores, question)))
        });
        let instructions = request.instructions.as_ref().map_or(0, String::len);
        let asked = context.iter().map(|item| item.tokens()).sum::<usize>() + instructions / 4;

        let lock = match &conversation {
            None => None,
            Some(id) => {
                world.conversation(id)?.running = true;
                Some(Lock::new(self.clone(), id.clone()))
            }
        };
        drop(world);
        let landing = Landing { conversation: conversation.clone(), items: input, stored: None };
        let response = Response::begun(request, model, conversation, tools);
        let pace = self.0.options.pace;
        let script = Script::write(response, reply.as_ref(), asked, landing, taken, pace);
        Ok((script, lock))
    }
}

/// The reply that a fault ordered, if one did; it may be none at all.
#[expect(clippy::option_option, reason = "no order, an order to be silent, an order to say something")]
fn ordered(taken: Option<&Taken>) -> Option<Option<Reply>> {
    match taken?.0.clone() {
        Failure::Empty => Some(None),
        Failure::Refusal { text } => Some(Some(Reply::Refusal(text))),
        Failure::Say { text } => Some(Some(Reply::Text(text))),
        Failure::Call { name, arguments } => Some(Some(Reply::Call { name, arguments })),
        _ => None,
    }
}

impl World {
    /// The items that the response will see, of a conversation on which none is running.
    fn present(&self, conversation: Option<&str>) -> Result<&[Item], Refused> {
        let Some(id) = conversation else {
            return Ok(&[]);
        };
        let found = self.conversations.get(id);
        if found.ok_or_else(|| Refused::not_found("Conversation", id))?.running {
            return Err(locked_by_a_response());
        }
        Ok(self.items.get(id).map_or(&[], Vec::as_slice))
    }

    fn known_stores(&self, tools: &[Tool]) -> Result<Vec<String>, Refused> {
        let mut stores = Vec::new();
        for tool in tools {
            if let Tool::FileSearch { vector_store_ids } = tool {
                stores.extend_from_slice(vector_store_ids);
            }
        }
        match stores.iter().find(|id| !self.vector_stores.contains_key(*id)) {
            Some(id) => Err(Refused::not_found("Vector store", id)),
            None => Ok(stores),
        }
    }

    fn known(&self, stores: &[String], question: &str) -> Option<String> {
        let (file, line) = self.search(stores, question)?;
        Some(format!("My files say: \"{line}\" ({file})."))
    }
}
