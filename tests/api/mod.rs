//! The REST and WebSocket APIs, and the one of OpenAI that they stand on, over real connections.

mod authorizer;
mod chat;
mod chat_end;
mod chatbots;
mod handoff;
mod openai_client;
mod openai_schema;
mod sockets;
mod sweep;
mod threads;
mod visitors;
mod webhooks;
