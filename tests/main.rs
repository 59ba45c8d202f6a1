//! Stub.
mod openai_client;
