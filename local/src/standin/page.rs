//! Pages of a list, in OpenAI's format.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::ApiError;

/// The query parameters of a list; the default order is newest first.
#[derive(Deserialize)]
pub(super) struct Paging {
    limit: Option<usize>,
    order: Option<Order>,
    after: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Order {
    Asc,
    Desc,
}

/// The page of `all` (oldest first) that `paging` asks for. 404 if `after` names no object of the list.
pub(super) fn page<'a, T: Serialize + 'a>(
    all: impl DoubleEndedIterator<Item = &'a T>,
    id: impl Fn(&T) -> &str,
    paging: &Paging,
) -> Result<Value, ApiError> {
    let limit = paging.limit.unwrap_or(20);
    if !(1..=100).contains(&limit) {
        return Err(ApiError::invalid("Invalid 'limit': must be from 1 to 100.").param("limit").code("invalid_value"));
    }
    let mut ordered: Vec<&T> = all.collect();
    if paging.order != Some(Order::Asc) {
        ordered.reverse();
    }
    let start = match &paging.after {
        None => 0,
        Some(after) => {
            let found = ordered.iter().position(|one| id(one) == after);
            1 + found.ok_or_else(|| ApiError::not_found("Item", after).param("after"))?
        }
    };
    let rest = &ordered[start..];
    let data = &rest[..limit.min(rest.len())];
    Ok(json!({
        "object": "list",
        "data": data,
        "first_id": data.first().map(|one| id(one)),
        "last_id": data.last().map(|one| id(one)),
        "has_more": rest.len() > data.len(),
    }))
}
