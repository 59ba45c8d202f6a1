//! Every test of the workspace that speaks over a wire.

mod gateway;
