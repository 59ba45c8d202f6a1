//! Threads, chatbots, messages and who may do what to them: values and rules, no I/O.

pub mod chatbot;
pub mod due;
pub mod id;
pub mod identity;
pub mod message;
pub mod status;
pub mod thread;
pub mod time;
pub mod tries;
pub mod webhook;

pub use chatbot::Chatbot;
pub use due::{Duty, Timeouts};
pub use id::{ChatbotId, MessageId, RunId, ThreadId};
pub use identity::{Act, Identity, Participant, Person, Role};
pub use message::{Message, Note};
pub use status::{Line, Reason, Status};
pub use thread::{Details, Thread};
pub use time::At;
pub use tries::Tries;
pub use webhook::Webhook;
