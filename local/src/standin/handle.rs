//! The handle of a stand-in, which tests hold and the routes share.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    account::{Account, Counts},
    fault::{Failure, Fault, Faults},
    hold::Hold,
    prompt_cache::{PromptCache, PromptTokens},
    request_log::{RecordedRequest, RequestLog},
};

/// Options of a stand-in.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The pause before each delta. Zero sends a whole stream in one piece, unless a hold interrupts it.
    pub pace: Duration,
    /// The number of the newest requests that [`Standin::requests`] keeps; zero keeps none.
    pub keep_requests: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { pace: Duration::ZERO, keep_requests: 10_000 }
    }
}

/// The handle of a stand-in; clones share its state.
#[derive(Clone)]
pub struct Standin(Arc<Inner>);

struct Inner {
    options: Options,
    account: Mutex<Account>,
    faults: Mutex<Faults>,
    requests: Mutex<RequestLog>,
    prompt_cache: Mutex<PromptCache>,
}

impl Standin {
    pub fn new(options: Options) -> Self {
        Self(Arc::new(Inner {
            options,
            account: Mutex::default(),
            faults: Mutex::default(),
            prompt_cache: Mutex::default(),
            requests: Mutex::new(RequestLog::new(options.keep_requests)),
        }))
    }

    /// Adds a fault for the next requests that match it. Faults apply in the order in which they were added.
    pub fn fault(&self, fault: Fault) {
        self.faults().add(fault);
    }

    /// Pauses the stream of the next matching response after `after` deltas, until the hold is released.
    pub fn hold(&self, method: &str, path: &str, after: usize) -> Hold {
        self.faults().add(Fault::on(method, path, Failure::Hold { after }))
    }

    /// Delays the next matching request until the hold is released, or its client leaves.
    pub fn stall(&self, method: &str, path: &str) -> Hold {
        self.faults().add(Fault::on(method, path, Failure::Stall))
    }

    /// Removes all faults and cuts all holds.
    pub fn clear_faults(&self) {
        self.faults().clear();
    }

    /// The number of faults that no request has met yet.
    pub fn faults_left(&self) -> usize {
        self.faults().left()
    }

    /// The requests under `/v1` so far, oldest first, including refused ones.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.request_log().read()
    }

    pub fn forget_requests(&self) {
        self.request_log().clear();
    }

    /// Sets the shutdown date of a model, `YYYY-MM-DD`; `None` removes it. The model responds after that day too.
    pub fn set_shutdown_date(&self, model: &str, date: Option<&str>) {
        let dates = &mut self.account().shutdown_dates;
        match date {
            Some(date) => dates.insert(model.to_owned(), date.to_owned()),
            None => dates.remove(model),
        };
    }

    /// The number of objects of each kind that exist now.
    pub fn counts(&self) -> Counts {
        self.account().counts()
    }

    /// All that the account keeps, as text: objects, their contents and names.
    pub fn contents(&self) -> String {
        self.account().contents()
    }

    /// The input tokens of all responses so far, and how many of them a prompt cache would have held.
    pub fn prompt_tokens(&self) -> PromptTokens {
        self.prompt_cache().total()
    }

    pub(super) fn pace(&self) -> Duration {
        self.0.options.pace
    }

    pub(super) fn account(&self) -> MutexGuard<'_, Account> {
        locked(&self.0.account)
    }

    pub(super) fn faults(&self) -> MutexGuard<'_, Faults> {
        locked(&self.0.faults)
    }

    pub(super) fn prompt_cache(&self) -> MutexGuard<'_, PromptCache> {
        locked(&self.0.prompt_cache)
    }

    pub(super) fn request_log(&self) -> MutexGuard<'_, RequestLog> {
        locked(&self.0.requests)
    }
}

/// Locks a mutex even if it is poisoned: a panic elsewhere must not stop the stand-in, and no critical section leaves
/// its state incomplete.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
