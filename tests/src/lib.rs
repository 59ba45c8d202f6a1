//! The stage shared by the tests and the benches: a Switchboard in this process, its users, and wires that can be made
//! to fail.

#![cfg(feature = "stage")]
#![expect(clippy::missing_panics_doc, reason = "a panic here is a test that fails")]

pub mod aws_signature;
pub mod churn;
pub mod cited_answer;
pub mod clock;
pub mod counters;
pub mod event_schema;
pub mod everything;
pub mod lists;
pub mod log_privacy;
pub mod long_log;
pub mod meter;
pub mod openai;
pub mod openai_schema;
pub mod openapi;
pub mod persona;
pub mod receiver;
pub mod recording;
pub mod runtime_api;
pub mod sample;
pub mod schedules;
pub mod signed;
pub mod stage;
pub mod streams;
pub mod strict_templates;
pub mod table;
pub mod topic;
pub mod upstream;
pub mod visitors;
pub mod web_socket;
pub mod whole;
pub mod wire;
