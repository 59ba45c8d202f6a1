//! Faults of the table's file: a full disk, a damaged, locked or read-only file.
//!
//! DynamoDB has no such errors. They get one of their own, `StorageException`, whose message reaches the caller of the
//! API: on a laptop that is who can do something about it.

use axum::http::StatusCode;
use dynoxide::DynoxideError;
use serde_json::json;

/// `SQLite`'s messages, and what a developer needs to know. The embedded database hands on no codes.
const FAULTS: [(&str, &str); 9] = [
    ("disk is full", "the disk is full: free some space, then send the request again"),
    ("disk I/O error", "the table's file cannot be read or written (disk I/O error); the disk may be full"),
    ("malformed", "the table's file is damaged; `--reset` starts with an empty one"),
    ("not a valid SQLite database", "the table's file is no database; `--reset` starts with an empty one"),
    ("not a database", "the table's file is no database; `--reset` starts with an empty one"),
    ("readonly", "the table's file cannot be written: it is read-only"),
    ("locked", "another program has locked the table's file"),
    ("unable to open", "the table's file cannot be opened"),
    ("out of memory", "there is not enough memory for the table"),
];

/// The fault of the file behind an error, if there is one.
pub(crate) fn fault(error: &DynoxideError) -> Option<&'static str> {
    let text = (error.status_code() == 500).then(|| error.to_string())?;
    FAULTS.into_iter().find(|(message, _)| text.contains(message)).map(|(_, fault)| fault)
}

/// The response to a call that met this error. Its status is none that an SDK tries again.
pub(super) fn response(error: &DynoxideError) -> (StatusCode, String) {
    let Some(fault) = fault(error) else {
        let status = StatusCode::from_u16(error.status_code()).unwrap_or(StatusCode::BAD_REQUEST);
        return (status, error.to_json());
    };
    tracing::error!(%error, "{fault}");
    let body = json!({ "__type": "com.amazonaws.dynamodb.v20120810#StorageException", "message": fault });
    (StatusCode::INSUFFICIENT_STORAGE, body.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_the_file_is_told_from_other_errors() {
        let failed = |text: &str| DynoxideError::InternalServerError(text.to_owned());
        let (status, body) = response(&failed("Internal error: database or disk is full"));
        assert_eq!(status, StatusCode::INSUFFICIENT_STORAGE);
        assert!(body.contains("#StorageException") && body.contains("the disk is full"), "{body}");
        assert!(response(&failed("database disk image is malformed")).1.contains("damaged"));
        assert!(response(&failed("attempt to write a readonly database")).1.contains("read-only"));
        assert_eq!(response(&failed("a bug")).0, StatusCode::INTERNAL_SERVER_ERROR);
        // A caller's own words are no fault of the disk's.
        let invalid = DynoxideError::ValidationException("the disk is full is no expression".to_owned());
        assert_eq!(response(&invalid).0, StatusCode::BAD_REQUEST);
    }
}
