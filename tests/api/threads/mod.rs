//! `/threads`: created, read, listed, changed and deleted, over real HTTP.

mod changes;
mod creation;
mod cursors;
mod deletion;
mod heavy_pages;
mod idempotency;
mod lists;
mod messages;
mod refusals;
mod ui_messages;
mod usage;
mod verified;
mod waiting;
