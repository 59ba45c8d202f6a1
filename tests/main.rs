//! One test target for the whole of Switchboard.

mod authorizer;
mod events;
mod openai_client;
mod openai_schema;
mod runtime_api;
mod standin;
