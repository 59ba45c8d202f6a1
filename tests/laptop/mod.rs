//! The binary `switchboard`: its gateway, its stand-in for OpenAI, and the process itself.

mod gateway;
mod process;
mod standin;
