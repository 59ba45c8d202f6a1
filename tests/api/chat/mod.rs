//! `POST /threads/{thread_id}/chat`: customers, the bot and people, as all are meant, and as all can fail.

mod bursts;
mod capacity;
mod client_id;
mod due;
mod failures;
mod fences;
mod functions;
mod handed_over;
mod memory;
mod people;
mod rebuilt;
mod refusals;
mod run;
mod stream;
mod turn;
mod ui;
