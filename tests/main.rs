//! One test target for the whole of Switchboard.

mod authorizer;
mod conversation;
mod events;
mod gateway;
mod openai_client;
mod openai_schema;
mod personas;
mod process;
mod runtime_api;
mod standin;
