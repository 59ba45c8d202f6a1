//! Threads, chatbots, messages and who may do what to them: values and rules, no I/O.

pub mod chatbot;
pub mod due;
pub mod id;
pub mod identity;
pub mod message;
pub mod retry_schedule;
pub mod status;
pub mod thread;
pub mod time;
pub mod webhook;

pub use chatbot::Chatbot;
pub use due::{DueAction, Timeouts};
pub use id::{ChatbotId, MessageId, RunId, ThreadId};
pub use identity::{Act, Identity, Participant, Person, Role};
pub use message::{Message, Note};
pub use retry_schedule::RetrySchedule;
pub use status::{Line, Reason, Status};
pub use thread::{Thread, ThreadMetadata};
pub use time::At;
pub use webhook::Webhook;
