//! Items of the table: a serialised value, its key, and its index attributes.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue::{self, N, S};
use serde::{Serialize, de::DeserializeOwned};

use super::key::{self, Key};
use crate::{
    Error,
    domain::{At, Chatbot, Message, Thread, Timeouts},
};

pub(super) type Item = HashMap<String, AttributeValue>;

pub(super) fn row(key: Key, value: impl Serialize) -> Result<Item, Error> {
    let mut item: Item = serde_dynamo::to_item(value).map_err(Error::internal)?;
    item.extend(key.attributes());
    Ok(item)
}

pub(super) fn read<T: DeserializeOwned>(item: Item) -> Result<T, Error> {
    serde_dynamo::from_item(item).map_err(Error::internal)
}

pub(super) fn thread(thread: &Thread, timeouts: &Timeouts) -> Result<Item, Error> {
    let mut item = row(key::thread(&thread.tenant, &thread.id), thread)?;
    item.extend(key::thread_indexes(thread, timeouts).into_iter().map(|(name, value)| (name.to_owned(), S(value))));
    Ok(item)
}

/// A chatbot's item, which is due at its next model check.
pub(super) fn chatbot(chatbot: &Chatbot) -> Result<Item, Error> {
    let mut item = row(key::chatbot(&chatbot.tenant, &chatbot.id), chatbot)?;
    if let Some(at) = chatbot.model_check_due {
        make_due(&mut item, &key::chatbot_partition(&chatbot.tenant, &chatbot.id), at);
    }
    Ok(item)
}

pub(super) fn message(tenant: &str, message: &Message) -> Result<Item, Error> {
    let mut item = row(key::message(tenant, &message.thread_id, message.seq), message)?;
    if let Some(origin) = &message.origin {
        item.insert("origin".into(), serde_dynamo::to_attribute_value(origin).map_err(Error::internal)?);
    }
    if let Some(usage) = &message.usage {
        item.insert("usage".into(), S(usage.to_string()));
    }
    Ok(item)
}

pub(super) fn read_message(mut item: Item) -> Result<Message, Error> {
    let (origin, usage) = (attribute(&mut item, "origin")?, attribute::<String>(&mut item, "usage")?);
    let usage = usage.map(|usage| usage.parse()).transpose().map_err(Error::internal)?;
    Ok(Message { usage, origin, ..read(item)? })
}

/// Takes an attribute out of an item. `None` if the item has none of this name.
fn attribute<T: DeserializeOwned>(item: &mut Item, name: &str) -> Result<Option<T>, Error> {
    item.remove(name).map(serde_dynamo::from_attribute_value).transpose().map_err(Error::internal)
}

/// Adds an item to the index `due`.
pub(super) fn make_due(item: &mut Item, partition: &str, at: At) {
    item.insert("due_pk".into(), S(key::due(partition)));
    item.insert("due_sk".into(), S(at.to_string()));
}

pub(super) fn number(n: impl Into<i128>) -> AttributeValue {
    N(n.into().to_string())
}

impl Key {
    pub(super) fn attributes(self) -> Item {
        HashMap::from([("pk".to_owned(), S(self.pk)), ("sk".to_owned(), S(self.sk))])
    }
}

/// True if the item is the tombstone of a deleted thread.
pub(super) fn is_tombstone(item: &Item) -> bool {
    item.contains_key("tombstone")
}

/// A string attribute of an item, or an empty text if there is none.
pub(super) fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    match item.get(name) {
        Some(S(text)) => text,
        _ => "",
    }
}
