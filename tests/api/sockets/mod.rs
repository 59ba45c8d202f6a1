//! Sockets that listen: what they are told, what they may ask for, and when they are told nothing more.

mod ended;
mod fanout;
mod frames;
mod listening;
mod lost;
mod many;
mod people;
mod replay;
