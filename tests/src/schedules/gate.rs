//! The gate that every call of every function passes on its way to a server, and on its way back.
//!
//! A call arrives and waits. Somebody else (a schedule, or a plan of faults) decides its fate. So the order of all
//! events in a simulation is decided here and nowhere else, and is the same whenever the decisions are.

use std::{
    fmt,
    future::pending,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, oneshot},
    time::{Instant, sleep_until},
};

/// One execution environment of a function, alive until it is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct InstanceId(pub usize);

/// The target of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// The DynamoDB operation.
    Table(String),
    /// Method and path, without ids.
    OpenAi(String),
    /// The next chunk of a response's stream.
    Stream,
    /// A frame to a socket.
    Socket,
    /// An asynchronous invocation of `chat`.
    Invoke,
}

/// The fate of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Pass,
    /// A throttle or a 5xx, without effect.
    Refused,
    /// A conflict of a transaction with another one, without effect.
    Conflict,
    /// Carried out, but the connection breaks before the response. A stream breaks after half of the rest.
    AnswerLost,
    /// The connection breaks before the call is carried out.
    NeverSent,
    /// The function is killed: before the call, or after it was carried out.
    KilledBefore,
    KilledAfter,
    /// The function freezes for this long: before the call, or after it was carried out.
    FrozenBefore(Duration),
    FrozenAfter(Duration),
}

#[derive(Clone)]
pub struct Gate(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    /// Notified when a call arrives, or when [`Gate::nudge`] is called.
    changed: Notify,
    begun: Instant,
}

#[derive(Default)]
struct State {
    /// True while every call passes at once.
    open: bool,
    waiting: Vec<Waiting>,
    instances: Vec<Life>,
    trace: Vec<String>,
    calls: usize,
    faults: usize,
}

struct Waiting {
    number: usize,
    instance: InstanceId,
    call: Call,
    fate: oneshot::Sender<Fate>,
}

struct Life {
    dead: bool,
    thaws: Option<Instant>,
    died: Arc<Notify>,
}

/// A waiting call, as the schedule sees it.
#[derive(Clone, Debug)]
pub struct Ready {
    pub number: usize,
    pub call: Call,
}

impl Gate {
    /// A gate that is open until it is closed.
    pub(super) fn new() -> Self {
        let state = State { open: true, ..State::default() };
        Self(Arc::new(Inner { state: Mutex::new(state), changed: Notify::new(), begun: Instant::now() }))
    }

    pub(super) fn close(&self) {
        self.state().open = false;
    }

    /// Lets all calls pass from now on; a frozen instance still thaws at its time.
    pub(super) fn open(&self) {
        let waiting = {
            let mut state = self.state();
            state.open = true;
            std::mem::take(&mut state.waiting)
        };
        for call in waiting {
            let _ = call.fate.send(Fate::Pass);
        }
    }

    pub(super) fn instance(&self) -> InstanceId {
        let mut state = self.state();
        state.instances.push(Life { dead: false, thaws: None, died: Arc::default() });
        InstanceId(state.instances.len() - 1)
    }

    /// Waits on a call's way out. Returns the call's fate once it is decided and the instance can go on.
    pub(super) async fn out(&self, instance: InstanceId, call: Call) -> Fate {
        let decided = {
            let mut state = self.state();
            state.calls += 1;
            let (sender, decided) = oneshot::channel();
            if state.open {
                let _ = sender.send(Fate::Pass);
            } else {
                let number = state.calls;
                state.waiting.push(Waiting { number, instance, call, fate: sender });
                self.0.changed.notify_one();
            }
            decided
        };
        // The calls of a killed instance are never decided.
        let Ok(fate) = decided.await else { return pending().await };
        match fate {
            Fate::KilledBefore => self.kill(instance),
            Fate::FrozenBefore(span) => self.freeze(instance, span),
            _ => {}
        }
        self.back(instance).await;
        match fate {
            Fate::KilledAfter => self.kill(instance),
            Fate::FrozenAfter(span) => self.freeze(instance, span),
            _ => {}
        }
        fate
    }

    /// Waits on a call's way back: a frozen instance goes on when it thaws, a dead one never.
    pub(super) async fn back(&self, instance: InstanceId) {
        loop {
            let thaws = {
                let state = self.state();
                let life = &state.instances[instance.0];
                if life.dead { None } else { Some(life.thaws) }
            };
            match thaws {
                None => pending().await,
                Some(Some(at)) if at > Instant::now() => sleep_until(at).await,
                Some(_) => return,
            }
        }
    }

    pub(super) fn is_alive(&self, instance: InstanceId) -> bool {
        !self.state().instances[instance.0].dead
    }

    /// Returns once the instance is dead.
    pub(super) async fn death(&self, instance: InstanceId) {
        let died = Arc::clone(&self.state().instances[instance.0].died);
        died.notified().await;
    }

    /// Kills all instances, which counts as a fault.
    pub fn kill_all(&self) {
        self.count_fault();
        let instances = self.state().instances.len();
        (0..instances).for_each(|instance| self.kill(InstanceId(instance)));
    }

    fn kill(&self, instance: InstanceId) {
        let mut state = self.state();
        state.instances[instance.0].dead = true;
        state.instances[instance.0].died.notify_one();
        state.waiting.retain(|call| call.instance != instance);
    }

    fn freeze(&self, instance: InstanceId, span: Duration) {
        self.state().instances[instance.0].thaws = Some(Instant::now() + span);
    }

    /// The calls that can be decided now. Calls whose callers have given up are dropped.
    pub fn ready(&self) -> Vec<Ready> {
        let mut state = self.state();
        state.waiting.retain(|call| !call.fate.is_closed());
        let now = Instant::now();
        let awake = |instance: InstanceId| {
            let life = &state.instances[instance.0];
            !life.dead && life.thaws.is_none_or(|at| at <= now)
        };
        let ready = state.waiting.iter().filter(|call| awake(call.instance));
        ready.map(|call| Ready { number: call.number, call: call.call.clone() }).collect()
    }

    /// The time at which the next frozen instance thaws.
    pub(super) fn next_thaw(&self) -> Option<Instant> {
        let now = Instant::now();
        let state = self.state();
        state.instances.iter().filter(|life| !life.dead).filter_map(|life| life.thaws).filter(|at| *at > now).min()
    }

    pub(super) fn decide(&self, ready: &Ready, fate: Fate) {
        let call = {
            let mut state = self.state();
            let at = state.waiting.iter().position(|call| call.number == ready.number);
            at.map(|at| state.waiting.remove(at))
        };
        if let Some(call) = call {
            if fate != Fate::Pass {
                self.count_fault();
            }
            let line = format!("#{} {:?}{}", call.instance.0, call.call, fate);
            self.note(&line);
            let _ = call.fate.send(fate);
        }
    }

    pub(super) fn count_fault(&self) {
        self.state().faults += 1;
    }

    /// The number of calls so far that met a fault, or whose callers gave up; and of [`Gate::kill_all`].
    pub(super) fn faults(&self) -> usize {
        self.state().faults
    }

    /// Returns once a call has arrived, or [`Gate::nudge`] was called.
    pub(super) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    pub(super) fn nudge(&self) {
        self.0.changed.notify_one();
    }

    /// Appends a line to the trace, with the time.
    pub fn note(&self, line: &str) {
        let at = self.0.begun.elapsed().as_millis();
        self.state().trace.push(format!("{at:>7} ms  {line}"));
    }

    pub fn trace(&self) -> Vec<String> {
        self.state().trace.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gate")
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::Pass { Ok(()) } else { write!(f, "  ==> {self:?}") }
    }
}
