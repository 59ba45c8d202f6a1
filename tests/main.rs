//! One test target for the whole of Switchboard.

mod api;
mod cloud;
mod deploy;
mod laptop;
mod proof;
mod web;
