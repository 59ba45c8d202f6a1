//! One test target for the whole of Switchboard.

mod authorizer;
mod chatbots;
mod conversation;
mod events;
mod gateway;
mod openai_client;
mod openai_schema;
mod pages;
mod personas;
mod runtime_api;
mod standin;
mod table;
mod threads;
mod wire;
