//! `/chatbots`: created, read, listed, changed and deleted, over real HTTP.

mod changes;
mod creation;
mod deletion;
mod knowledge;
mod limits;
mod lists;
mod models;
mod refusals;
