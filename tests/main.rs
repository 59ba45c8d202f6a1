//! One test target for the whole of Switchboard.

mod authorizer;
mod events;
