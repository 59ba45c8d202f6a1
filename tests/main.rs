//! The tests of the whole: one target.

mod runtime_api;
