//! The functions as deployed: their binaries, their events, and the template.

mod events;
mod runtime_api;
