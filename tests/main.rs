//! One test target for the whole of Switchboard.

mod asyncapi;
mod authorizer;
mod chat;
mod chat_end;
mod chatbots;
mod churn;
mod crash;
mod events;
mod gateway;
mod handoff;
#[expect(dead_code, reason = "the bench reads the rest of it")]
mod meter;
mod model;
mod openai_client;
mod openai_schema;
mod pages;
mod personas;
mod process;
mod runtime_api;
mod schedules;
mod sockets;
mod stage;
mod standin;
mod sweep;
mod table;
mod threads;
mod visitors;
mod web;
mod webhooks;
mod whole;
mod wire;
