//! The stage of the tests and of the benches: a Switchboard in this process, its users, and the wires that can be made to fail.

#![cfg(feature = "stage")]

pub mod churn;
pub mod event_schema;
pub mod meter;
pub mod openai_schema;
pub mod pages;
pub mod personas;
pub mod receiver;
pub mod runtime_api;
pub mod sample;
pub mod schedules;
pub mod stage;
pub mod streams;
pub mod visitors;
pub mod whole;
pub mod wire;
