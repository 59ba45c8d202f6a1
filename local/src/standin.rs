//! The stand-in for OpenAI: the same wire as its `/v1`, in one process, out of memory.
//!
//! It answers at once, always alike, and says that it is no model. It keeps conversations, responses, files and
//! vector stores as OpenAI does, refuses what OpenAI refuses, and can be told to fail ([`Standin::fault`],
//! [`Standin::hold`]). Everything a test can do through the handle, another process can do under `/standin`.
//!
//! **Architecture Invariant.** The routes know nothing of Switchboard: any client of OpenAI's API may use them. Only
//! `in_process.rs` imports `shared`, to serve Switchboard's own OpenAI client without a socket.

mod control;
mod conversation;
mod conversation_item;
mod event;
mod fault;
mod file;
mod front;
mod hold;
mod in_process;
mod item;
mod model;
mod page;
mod play;
mod refused;
mod reply;
mod request;
mod request_log;
mod response;
mod script;
mod turn;
mod vector_store;
mod world;

use std::{
    future::Future,
    io,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{Router, extract::DefaultBodyLimit, middleware};
use tokio::net::TcpListener;
use ulid::Ulid;

use self::{fault::Faults, request_log::RequestLog, world::World};
pub use self::{
    fault::{Answer, Failure, Fault},
    hold::{Hold, Stage},
    in_process::InProcess,
    request_log::Recorded,
    world::Counts,
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
    world: Mutex<World>,
    faults: Mutex<Faults>,
    requests: Mutex<RequestLog>,
}

/// Serves `standin` on `listener` until `shutdown`, which also cuts whatever is held.
pub async fn serve(
    listener: TcpListener,
    standin: Standin,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let router = standin.router();
    axum::serve(listener, router)
        .with_graceful_shutdown(async move {
            shutdown.await;
            standin.clear_faults();
        })
        .await
}

impl Standin {
    pub fn new(options: Options) -> Self {
        Self(Arc::new(Inner {
            options,
            world: Mutex::default(),
            faults: Mutex::default(),
            requests: Mutex::new(RequestLog::keeping(options.keep_requests)),
        }))
    }

    /// Lets the next requests that match fail (or answer) as told. Faults are taken in the order given.
    pub fn fault(&self, fault: Fault) {
        locked(&self.0.faults).add(fault);
    }

    /// Pauses the next matching response after `after` deltas, until the test releases it.
    pub fn hold(&self, method: &str, path: &str, after: usize) -> Hold {
        locked(&self.0.faults).add(Fault::on(method, path, Failure::Hold { after }))
    }

    /// Leaves the next matching request without any answer until the test releases it, or its client leaves.
    pub fn stall(&self, method: &str, path: &str) -> Hold {
        locked(&self.0.faults).add(Fault::on(method, path, Failure::Stall))
    }

    /// Forgets all faults and cuts whatever is held.
    pub fn clear_faults(&self) {
        locked(&self.0.faults).clear();
    }

    /// How many faults nobody has met yet.
    pub fn faults_left(&self) -> usize {
        locked(&self.0.faults).left()
    }

    /// The requests under `/v1` so far, oldest first, refused ones included.
    pub fn requests(&self) -> Vec<Recorded> {
        locked(&self.0.requests).read()
    }

    pub fn forget_requests(&self) {
        locked(&self.0.requests).clear();
    }

    /// What exists now.
    pub fn counts(&self) -> Counts {
        self.world().counts()
    }

    /// The routes, for whoever serves them another way than [`serve`].
    pub fn router(&self) -> Router {
        Router::new()
            .merge(response::routes())
            .merge(conversation::routes())
            .merge(conversation_item::routes())
            .merge(model::routes())
            .merge(file::routes())
            .merge(vector_store::routes())
            .merge(control::routes())
            .fallback(refused::unknown_url)
            .method_not_allowed_fallback(refused::unknown_url)
            .layer(middleware::from_fn_with_state(self.clone(), front::front))
            .layer(DefaultBodyLimit::disable())
            .with_state(self.clone())
    }

    fn world(&self) -> MutexGuard<'_, World> {
        locked(&self.0.world)
    }
}

/// A panic elsewhere must not take the stand-in with it: its state is whole between any two statements that matter.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An id that no other start of the stand-in gives: a laptop's table outlives this memory and must not meet its ids
/// again. Later ones are greater, within a millisecond too.
fn new_id(prefix: &str) -> String {
    static LAST: LazyLock<Mutex<Ulid>> = LazyLock::new(|| Mutex::new(Ulid::generate()));
    let mut last = locked(&LAST);
    *last = last.increment().unwrap_or_else(|carried| carried);
    format!("{prefix}_{}", last.to_string().to_lowercase())
}

/// Now, in seconds since 1970, as the wire has it.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
