//! Listening sockets: the events that they get, the frames that they send, and the end of a connection.

mod ended;
mod fanout;
mod frames;
mod hostile;
mod listening;
mod lost;
mod many;
mod people;
mod python_client;
mod replay;
mod replay_limits;
