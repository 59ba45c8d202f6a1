//! The corpus: answers of servers of `/v1/responses`, and the outcome that each must have. `tests/upstream/` has one
//! file a case; its README describes the format.

mod answer;
mod case;
mod conversations;
mod part;
mod peer;
mod refusal;
mod request;
mod stream;

pub use self::{
    answer::{Answer, Form},
    case::{Becomes, Case, Next, QUESTION, Step, case_names},
    peer::{PLAIN_ANSWER, Peer, Seen},
    request::{bytes_of_input, lines},
};
