//! `POST /threads/{thread_id}/chat`: customers, the bot and people, in success and in every kind of failure.

mod agui;
mod bursts;
mod capacity;
mod client_id;
mod due;
mod failures;
mod fences;
mod functions;
mod handed_over;
mod handing_over;
mod joined;
mod memory;
mod people;
mod rebuilt;
mod refusals;
mod resume;
mod run;
mod second_try;
mod stream;
mod templates;
mod turn;
mod ui;
mod visible;
