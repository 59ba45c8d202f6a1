//! The `metadata` that OpenAI keeps with a conversation, a response or a vector store.

use serde_json::{Map, Value};

use super::error::ApiError;

/// Validates metadata: at most 16 pairs, keys of up to 64 characters, string values of up to 512.
pub(super) fn validate(metadata: Map<String, Value>) -> Result<Map<String, Value>, ApiError> {
    let error = |message: String, code| ApiError::invalid(message).param("metadata").code(code);
    if metadata.len() > 16 {
        return Err(error("Invalid 'metadata': at most 16 pairs.".into(), "object_above_max_properties"));
    }
    for (key, value) in &metadata {
        let Some(text) = value.as_str() else {
            return Err(error(format!("Invalid 'metadata.{key}': not a string."), "invalid_type"));
        };
        if key.chars().count() > 64 || text.chars().count() > 512 {
            return Err(error(format!("Invalid 'metadata.{key}': too long."), "string_above_max_length"));
        }
    }
    Ok(metadata)
}
