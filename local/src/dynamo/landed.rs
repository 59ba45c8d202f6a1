//! Which transactions have landed: one that is sent again under its token is answered, not carried out again.
//!
//! Dynoxide does this too, but looks through every token of the last ten minutes at each transaction, which after some
//! thousands costs more than the transaction. Within a process a token comes again at once or never, so the newest do.

use std::{
    collections::{HashMap, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
};

use dynoxide::{
    DynoxideError,
    actions::transact_write_items::{TransactWriteItemsRequest, TransactWriteItemsResponse},
};

/// How many tokens are remembered.
const NEWEST: usize = 1_000;

#[derive(Debug, Default)]
pub(super) struct Landed {
    /// By token, a digest of what was asked for.
    requests: HashMap<String, u64>,
    oldest_first: VecDeque<String>,
}

impl Landed {
    /// Carries the transaction out, unless it has landed before under the same token.
    pub(super) fn once(
        &mut self,
        mut request: TransactWriteItemsRequest,
        body: &[u8],
        carry_out: impl FnOnce(TransactWriteItemsRequest) -> Result<TransactWriteItemsResponse, DynoxideError>,
    ) -> Result<TransactWriteItemsResponse, DynoxideError> {
        let Some(token) = request.client_request_token.take() else { return carry_out(request) };
        let digest = digest(body);
        match self.requests.get(&token) {
            Some(known) if *known == digest => return Ok(TransactWriteItemsResponse::default()),
            Some(_) => {
                let why = "the ClientRequestToken was used for another transaction";
                return Err(DynoxideError::IdempotentParameterMismatchException(why.into()));
            }
            None => {}
        }
        let answer = carry_out(request)?;
        self.requests.insert(token.clone(), digest);
        self.oldest_first.push_back(token);
        if self.oldest_first.len() > NEWEST
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.requests.remove(&oldest);
        }
        Ok(answer)
    }
}

fn digest(body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    hasher.finish()
}
