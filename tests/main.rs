//! Every test that speaks over a wire: one target.

mod openai_schema;
mod standin;
