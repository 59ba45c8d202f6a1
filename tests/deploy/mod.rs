//! The functions as they are deployed: their binaries, their events, and the template that names them.

mod events;
mod runtime_api;
