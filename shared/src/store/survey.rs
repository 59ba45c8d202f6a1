//! Reads across all tenants, for an operator who looks for what needs attention.

use super::{Store, outcome::into_error, row};
use crate::{Error, domain::Chatbot};

impl Store {
    /// The chatbots of all tenants, in no order. Reads the whole table, since no index has them.
    pub async fn chatbots_of_all_tenants(&self) -> Result<Vec<Chatbot>, Error> {
        let (mut chatbots, mut start) = (Vec::new(), None);
        loop {
            let page = self
                .dynamo
                .scan()
                .table_name(&self.table)
                // Every chatbot has this attribute, and no other item.
                .filter_expression("attribute_exists(#documents)")
                .expression_attribute_names("#documents", "documents_set")
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(into_error)?;
            for item in page.items.unwrap_or_default() {
                chatbots.push(row::read(item)?);
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(chatbots);
            }
        }
    }
}
