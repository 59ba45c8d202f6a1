//! The functions as deployed: their binaries, their events, and the template.

mod custom_domain;
mod emulator;
mod events;
mod runtime_api;
mod stack;
mod table_requests;
