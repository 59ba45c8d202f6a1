//! Switchboard on a laptop: what AWS would run around the functions, in one process.

pub mod dynamo;
pub mod gateway;
pub mod standin;
pub mod template;
