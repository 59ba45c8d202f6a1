//! Stub.
pub mod standin;
