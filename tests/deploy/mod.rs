//! The functions as deployed: their binaries, their events, and the template.

mod custom_domain;
mod events;
mod runtime_api;
mod table_requests;
