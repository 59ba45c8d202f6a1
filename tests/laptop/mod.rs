//! The binary `switchboard`: its gateway, its stand-in for OpenAI, the process itself, and what the docs say of it.

mod docs;
mod gateway;
mod process;
mod standin;
