//! The handle on one stand-in, which tests hold and the routes share.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    account::{Account, Counts},
    fault::{Failure, Fault, Faults},
    hold::Hold,
    request_log::{RecordedRequest, RequestLog},
};

/// What may differ between a test, a bench and a laptop.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The wait before each delta. Zero sends a whole stream in one piece, unless a hold interrupts it.
    pub pace: Duration,
    /// How many of the newest requests [`Standin::requests`] remembers; zero keeps none.
    pub keep_requests: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { pace: Duration::ZERO, keep_requests: 10_000 }
    }
}

/// The handle on one stand-in; clones share its state.
#[derive(Clone)]
pub struct Standin(Arc<Inner>);

struct Inner {
    options: Options,
    account: Mutex<Account>,
    faults: Mutex<Faults>,
    requests: Mutex<RequestLog>,
}

impl Standin {
    pub fn new(options: Options) -> Self {
        Self(Arc::new(Inner {
            options,
            account: Mutex::default(),
            faults: Mutex::default(),
            requests: Mutex::new(RequestLog::new(options.keep_requests)),
        }))
    }

    /// Lets the next requests that match fail (or answer) as told. Faults are taken in the order given.
    pub fn fault(&self, fault: Fault) {
        self.faults().add(fault);
    }

    /// Pauses the next matching response after `after` deltas, until the test releases it.
    pub fn hold(&self, method: &str, path: &str, after: usize) -> Hold {
        self.faults().add(Fault::on(method, path, Failure::Hold { after }))
    }

    /// Leaves the next matching request without any answer until the test releases it, or its client leaves.
    pub fn stall(&self, method: &str, path: &str) -> Hold {
        self.faults().add(Fault::on(method, path, Failure::Stall))
    }

    /// Forgets all faults and cuts whatever is held.
    pub fn clear_faults(&self) {
        self.faults().clear();
    }

    /// How many faults nobody has met yet.
    pub fn faults_left(&self) -> usize {
        self.faults().left()
    }

    /// The requests under `/v1` so far, oldest first, refused ones included.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.request_log().read()
    }

    pub fn forget_requests(&self) {
        self.request_log().clear();
    }

    /// What exists now.
    pub fn counts(&self) -> Counts {
        self.account().counts()
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

    pub(super) fn request_log(&self) -> MutexGuard<'_, RequestLog> {
        locked(&self.0.requests)
    }
}

/// A panic elsewhere must not take the stand-in with it: its state is whole between any two statements that matter.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
