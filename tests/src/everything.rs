//! Everything that is kept of anybody: the whole table, and all that OpenAI has.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use local::TABLE;

use crate::stage::Stage;

/// The items of a table by partition and sort key, each with all its attributes.
pub type Items = BTreeMap<(String, String), HashMap<String, AttributeValue>>;

impl Stage {
    /// Every item of the table.
    pub async fn items(&self) -> Items {
        let mut items = Items::new();
        let mut scan = self.board.table().scan().table_name(TABLE).into_paginator().items().send();
        while let Some(item) = scan.next().await {
            let item = item.unwrap();
            let [pk, sk] = ["pk", "sk"].map(|name| item[name].as_s().unwrap().clone());
            items.insert((pk, sk), item);
        }
        items
    }

    /// The places that hold `word`, in any case: keys of items, and `OpenAI`.
    pub async fn traces_of(&self, word: &str) -> Vec<String> {
        let holds = |text: &str| text.to_lowercase().contains(word);
        let items = self.items().await.into_iter().filter(|(_, item)| holds(&format!("{item:?}")));
        let mut traces: Vec<_> = items.map(|((pk, sk), _)| format!("{pk} | {sk}")).collect();
        traces.extend(holds(&self.standin().contents()).then(|| "OpenAI".to_owned()));
        traces
    }
}
