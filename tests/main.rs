//! One test target for the whole of Switchboard.

mod authorizer;
mod events;
mod gateway;
mod openai_client;
mod openai_schema;
mod runtime_api;
mod standin;
