//! The contract of the REST and WebSocket APIs, and of the client of OpenAI's API, over real connections.

mod audience;
mod authorizer;
mod budgets;
mod chat;
mod chat_end;
mod chatbots;
mod check_order;
mod customers;
mod forged;
mod handoff;
mod headers;
mod logs;
mod matrix;
mod metrics;
mod openai_client;
mod openai_schema;
mod secrets;
mod snippets;
mod sockets;
mod sweep;
mod threads;
mod topic;
mod upstream;
mod visitor_limit;
mod visitors;
mod webhooks;
