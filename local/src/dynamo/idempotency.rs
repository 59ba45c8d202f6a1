//! Idempotency tokens of transactions: a repeated token gets the first response, and its transaction is not repeated.
//!
//! Dynoxide does this too, but at each transaction it scans every token of the last ten minutes, which after some
//! thousands costs more than the transaction. Within a process a token is repeated at once or never, so keeping the
//! newest is enough.

use std::{
    collections::{HashMap, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
};

use dynoxide::{
    DynoxideError,
    actions::transact_write_items::{TransactWriteItemsRequest, TransactWriteItemsResponse},
};

/// The number of tokens that are kept.
const MAX_TOKENS: usize = 1_000;

/// The tokens of the newest transactions that were carried out.
#[derive(Debug, Default)]
pub(super) struct IdempotencyTokens {
    /// The digest of each request, by its token.
    digests: HashMap<String, u64>,
    oldest_first: VecDeque<String>,
}

impl IdempotencyTokens {
    /// Carries the transaction out, unless it was carried out before under the same token.
    pub(super) fn once(
        &mut self,
        mut request: TransactWriteItemsRequest,
        body: &[u8],
        carry_out: impl FnOnce(TransactWriteItemsRequest) -> Result<TransactWriteItemsResponse, DynoxideError>,
    ) -> Result<TransactWriteItemsResponse, DynoxideError> {
        let Some(token) = request.client_request_token.take() else { return carry_out(request) };
        let digest = digest(body);
        match self.digests.get(&token) {
            Some(first) if *first == digest => return Ok(TransactWriteItemsResponse::default()),
            Some(_) => {
                let message = "the ClientRequestToken was already used for another transaction";
                return Err(DynoxideError::IdempotentParameterMismatchException(message.into()));
            }
            None => {}
        }
        let response = carry_out(request)?;
        self.digests.insert(token.clone(), digest);
        self.oldest_first.push_back(token);
        if self.oldest_first.len() > MAX_TOKENS
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.digests.remove(&oldest);
        }
        Ok(response)
    }
}

fn digest(body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    hasher.finish()
}
