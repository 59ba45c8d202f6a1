//! The states of a stack in which its outputs are those of a whole deployment.

use super::StackError;

/// An error, which says what to do, unless a deployment of the stack is complete and none is under way.
pub(super) fn require_usable(stack: &str, status: &str, reason: Option<&str>) -> Result<(), StackError> {
    let (stack, status) = (stack.to_owned(), status.to_owned());
    match status.as_str() {
        "CREATE_COMPLETE"
        | "UPDATE_COMPLETE"
        | "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
        | "UPDATE_ROLLBACK_COMPLETE"
        | "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"
        | "IMPORT_COMPLETE"
        | "IMPORT_ROLLBACK_COMPLETE" => Ok(()),
        "REVIEW_IN_PROGRESS" => Err(StackError::NotDeployed { stack }),
        "UPDATE_FAILED" | "UPDATE_ROLLBACK_FAILED" => Err(StackError::Stuck { stack, status }),
        _ if status.starts_with("DELETE_") => Err(StackError::Deleted { stack, status }),
        "CREATE_FAILED" => Err(StackError::not_created(stack, status, reason)),
        // ROLLBACK_ alone: of a creation. What is left of it can only be deleted.
        _ if status.starts_with("ROLLBACK_") => Err(StackError::not_created(stack, status, reason)),
        _ => Err(StackError::UnderWay { stack, status }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_is_usable_or_says_what_to_do() {
        let advice = |status: &str| {
            let refused = require_usable("board", status, Some("no bucket")).err();
            refused.map_or_else(String::new, |error| error.to_string())
        };
        for usable in ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"] {
            assert_eq!(advice(usable), "", "{usable}");
        }
        for (status, says) in [
            ("CREATE_IN_PROGRESS", "wait until"),
            ("UPDATE_IN_PROGRESS", "wait until"),
            ("UPDATE_ROLLBACK_IN_PROGRESS", "wait until"),
            ("REVIEW_IN_PROGRESS", "`sam deploy`"),
            ("CREATE_FAILED", "no bucket"),
            ("ROLLBACK_IN_PROGRESS", "no bucket"),
            ("ROLLBACK_COMPLETE", "`sam delete --stack-name board`"),
            ("UPDATE_ROLLBACK_FAILED", "ContinueUpdateRollback"),
            ("DELETE_IN_PROGRESS", "deleted"),
            ("DELETE_FAILED", "deleted"),
        ] {
            assert!(advice(status).contains(says) && advice(status).contains(status), "{status}: {}", advice(status));
        }
    }
}
