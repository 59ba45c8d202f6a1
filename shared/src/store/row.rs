//! Items of the table: a serialised value, its key, and its index attributes.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue::{self, N, S};
use serde::{Serialize, de::DeserializeOwned};

use super::key::{self, Key};
use crate::{
    Error,
    domain::{At, Chatbot, Message, Thread, Timeouts, usage::InTable},
};

pub(super) type Item = HashMap<String, AttributeValue>;

pub(super) fn row(key: Key, value: impl Serialize) -> Result<Item, Error> {
    let mut item: Item = serde_dynamo::to_item(value).map_err(Error::internal)?;
    // An absent attribute reads the same, and each one has its price at every read.
    item.retain(|_, value| !value.is_null());
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
        let usage = serde_dynamo::to_attribute_value(InTable(*usage)).map_err(Error::internal)?;
        item.insert("usage".into(), usage);
    }
    Ok(item)
}

pub(super) fn read_message(mut item: Item) -> Result<Message, Error> {
    let (origin, usage) = (attribute(&mut item, "origin")?, attribute(&mut item, "usage")?);
    let usage = usage.map(|InTable(usage)| usage);
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::{Person, Usage, message::Role};

    #[test]
    fn a_setting_that_is_not_made_takes_no_attribute_and_older_rows_have_a_null() {
        let id = "bot_01JD0000000000000000000000";
        let stored = json!({
            "tenant": "acme", "id": id, "version": 1, "documents_set": "", "document_names": [],
            "name": "Robin", "model": "gpt-5-mini", "instructions": "", "greeting": "", "tools": [], "memory": "local",
            "temperature": null, "created_at": At::from_seconds(1), "updated_at": At::from_seconds(1),
        });
        let stored: Chatbot = serde_json::from_value(stored).unwrap();
        let mut item = chatbot(&stored).unwrap();
        assert!(item.values().all(|value| !value.is_null()), "{item:?}");
        assert_eq!(read::<Chatbot>(item.clone()).unwrap(), stored);
        item.insert("temperature".into(), AttributeValue::Null(true));
        assert_eq!(read::<Chatbot>(item).unwrap(), stored);
    }

    #[test]
    fn counts_are_one_text_and_older_rows_have_a_map() {
        let counts = Usage { input: 9, cached: 4, output: 3, reasoning: 1 };
        let map: AttributeValue = serde_dynamo::to_attribute_value(counts).unwrap();
        let [id, bot] = ["thr_01JD0000000000000000000000", "bot_01JD0000000000000000000000"];
        let at = At::from_seconds(1);
        let mut before = Thread::new("acme", id.parse().unwrap(), bot.parse().unwrap(), "cus".into(), at);
        before.usage = Some(counts);
        let mut item = thread(&before, &Timeouts::default()).unwrap();
        assert_eq!(item["usage"], S("9 4 3 1".into()));
        assert_eq!(read::<Thread>(item.clone()).unwrap(), before);
        item.insert("usage".into(), map.clone());
        assert_eq!(read::<Thread>(item).unwrap(), before);

        let said = json!({
            "id": "msg_01JD0000000000000000000000", "thread_id": id, "seq": 1, "role": Role::Bot,
            "author": Person { id: bot.into(), name: None }, "text": "Hello", "at": at,
        });
        let said = Message { usage: Some(counts), ..serde_json::from_value(said).unwrap() };
        let mut item = message("acme", &said).unwrap();
        assert_eq!(item["usage"], S("9 4 3 1".into()));
        assert_eq!(read_message(item.clone()).unwrap(), said);
        item.insert("usage".into(), map);
        assert_eq!(read_message(item).unwrap(), said);
    }
}
