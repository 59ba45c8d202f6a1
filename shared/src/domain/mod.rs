//! The domain: threads, chatbots, messages and the rules for changing them. Values only, no I/O.

pub mod access;
pub mod audit;
pub mod budget;
pub mod chatbot;
pub mod due;
pub mod erasure;
pub mod id;
pub mod identity;
pub mod message;
pub mod metadata;
pub mod person;
pub mod retry_schedule;
pub mod status;
pub mod thread;
mod thread_budget;
pub mod time;
pub mod usage;
pub mod visible;
pub mod webhook;

pub use access::Act;
pub use chatbot::Chatbot;
pub use due::{DueAction, Timeouts};
pub use erasure::Erasure;
pub use id::{AuditId, ChatbotId, ErasureId, MessageId, RunId, ThreadId};
pub use identity::Identity;
pub use message::{Message, Note};
pub use metadata::ThreadMetadata;
pub use person::{Participant, Person, Role};
pub use retry_schedule::RetrySchedule;
pub use status::{Line, Reason, Status};
pub use thread::Thread;
pub use time::At;
pub use usage::Usage;
pub use webhook::Webhook;
