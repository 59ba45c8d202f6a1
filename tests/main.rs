//! One test target for the whole of Switchboard.

mod api;
mod deploy;
mod deployed;
mod fuzz;
mod laptop;
mod proof;
mod web;
