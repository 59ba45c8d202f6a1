//! Access control: the acts that each role may perform, and the threads that each caller can see.

use super::{ChatbotId, Identity, Role, Thread};
use crate::Error;

/// An act that requires a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    ThreadCreate,
    ThreadRead,
    ThreadUpdate,
    ThreadDelete,
    ThreadEnd,
    Chat,
    /// Write and read internal notes; subscribe to the tenant's inbox.
    Note,
    Escalate,
    Claim,
    Release,
    ChatbotRead,
    ChatbotWrite,
    /// Read the name and the greeting of a chatbot that the caller may talk to.
    ProfileRead,
    /// Take over the threads of the visitor that the caller has been.
    VisitorMerge,
    /// Read the tenant's usage.
    UsageRead,
    /// Export all data of a customer.
    CustomerExport,
    /// Erase a customer, and read the receipt.
    CustomerErase,
    /// Read the audit trail.
    AuditRead,
}

impl Role {
    /// True if the role permits an act.
    pub const fn may(self, act: Act) -> bool {
        use Act::{
            Chat, ChatbotRead, Claim, Escalate, Note, ProfileRead, Release, ThreadCreate, ThreadDelete, ThreadEnd,
            ThreadRead, ThreadUpdate, UsageRead, VisitorMerge,
        };
        match self {
            // An admin has no threads of their own to take along.
            Self::Admin => !matches!(act, VisitorMerge),
            Self::Agent => {
                matches!(
                    act,
                    ThreadCreate
                        | ThreadRead
                        | ThreadEnd
                        | Chat
                        | Note
                        | Claim
                        | Release
                        | ChatbotRead
                        | ProfileRead
                        | UsageRead
                )
            }
            Self::Customer => {
                matches!(
                    act,
                    ThreadCreate
                        | ThreadRead
                        | ThreadUpdate
                        | ThreadDelete
                        | ThreadEnd
                        | Chat
                        | Escalate
                        | ProfileRead
                        | VisitorMerge
                )
            }
        }
    }
}

impl Identity {
    /// Checks that the caller's role permits an act. [`Identity::sees`] checks the thread.
    pub fn may(&self, act: Act) -> Result<(), Error> {
        use Act::{
            AuditRead, Chat, ChatbotRead, ChatbotWrite, Claim, CustomerErase, CustomerExport, Escalate, Note,
            ProfileRead, Release, ThreadCreate, ThreadDelete, ThreadEnd, ThreadRead, ThreadUpdate, UsageRead,
            VisitorMerge,
        };
        if self.role.may(act) {
            return Ok(());
        }
        Err(Error::Forbidden(match act {
            ChatbotWrite => "only an admin may change chatbots",
            CustomerErase => "only an admin may erase customers",
            CustomerExport => "only an admin may export customers",
            AuditRead => "only an admin may read the audit trail",
            Claim | Release | Note | ChatbotRead | UsageRead => "only agents and admins may do this",
            Escalate => "only the customer or an admin may escalate a thread",
            ThreadUpdate | ThreadDelete => "only the customer or an admin may change a thread",
            VisitorMerge => "only a customer who has signed in may take over a visitor's threads",
            ThreadCreate | ThreadRead | ThreadEnd | Chat | ProfileRead => {
                "the token's role does not permit this request"
            }
        }))
    }

    /// Checks that the caller may use this chatbot in a thread.
    pub fn may_have(&self, chatbot: &ChatbotId) -> Result<(), Error> {
        match &self.chatbot {
            Some(only) if only != chatbot => Err(Error::Forbidden("the token is limited to another chatbot")),
            _ => Ok(()),
        }
    }

    /// True if the thread exists for this caller. Another customer's thread does not: the response is 404, not 403.
    pub fn sees(&self, thread: &Thread) -> bool {
        thread.tenant == self.tenant && (self.is_staff() || thread.customer_id == self.subject)
    }
}
