//! WebSockets: events, and their broadcast to the connections that are subscribed.
//!
//! Delivery is at least once and unordered, and a failed delivery changes nothing: what matters was saved before. A
//! client orders events by `seq` and asks again for those that it misses.

mod client;
mod event;
mod fanout;
mod presence;

pub use client::{Posted, Sockets};
pub use event::Event;
