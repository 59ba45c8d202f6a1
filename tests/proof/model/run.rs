//! Runs, and the asynchronous invocations that take over from dead ones.

use super::{
    action::{Action, Who},
    commit::Condition,
    fence::Fence,
    protocol::{Memory, Protocol},
    state::{Phase, Run, State},
    thread::{Entry, Event, Thread},
};

/// Adds the actions that a run may take next.
pub(super) fn run_may(state: &State, id: u8, actions: &mut Vec<Action>) {
    let (run, who) = (state.runs[id as usize], Who::Run(id));
    let mishap = state.left.mishaps > 0;
    if state.live & 1 << id != 0 && (run.is_none() || state.left.stalls > 0) {
        actions.push(Action::LeaseRunsOut(id));
    }
    let Some(run) = run else { return };
    match run.phase {
        _ if run.refused => actions.push(Action::Reads(who)),
        Phase::Ask => {
            actions.push(Action::Asks(id));
            actions.extend((state.left.hand_overs > 0).then_some(Action::AsksForPerson(id)));
            if mishap {
                actions.extend([Action::IsCut(id), Action::Fails(id)]);
            }
        }
        Phase::Again => actions.push(Action::TriesAgain(id)),
        Phase::Open | Phase::Reply(_) | Phase::HandOver(_) => {
            actions.push(Action::Writes(who));
            actions.extend(mishap.then_some(Action::WritesUnanswered(who)));
        }
    }
    if state.left.renewals > 0 && matches!(run.phase, Phase::Open | Phase::Ask) {
        actions.push(Action::Renews(id));
    }
    actions.extend(mishap.then_some(Action::Crashes(who)));
}

impl State {
    pub(super) fn next_run(&self) -> u8 {
        self.runs.len() as u8
    }

    /// Starts the run that the thread now names, unless its function dies at once.
    pub(super) fn begin(&mut self, before: &Thread, alive: bool, memory: Memory) {
        self.live |= 1 << self.next_run();
        self.runs.push(alive.then(|| Run::new(self.thread, before.openai.dirty, 0, memory)));
    }
}

impl Run {
    fn new(thread: Thread, in_doubt: bool, turn: u8, memory: Memory) -> Self {
        let phase = if thread.is_spent() {
            Phase::HandOver(None)
        } else if memory == Memory::Conversation && (in_doubt || thread.openai.id.is_none()) {
            Phase::Open
        } else {
            Phase::Ask
        };
        let (input_through, asked_through) = (thread.seq, thread.asked_through);
        Self { thread, phase, refused: false, turn, failures: 0, shown: 0, input_through, asked_through }
    }

    /// True between a try that was cut and the next one.
    pub(super) fn is_between_tries(&self) -> bool {
        self.failures > 0 && matches!(self.phase, Phase::Again | Phase::Open | Phase::Ask)
    }
}

impl Protocol {
    pub(super) fn due_may(&self, state: &State, actions: &mut Vec<Action>) {
        let thread = &state.thread;
        let is_due = thread.awaits_bot() && (!state.is_live(thread) || self.without.has(Fence::LeaseRespected));
        if state.due.is_some() {
            actions.push(Action::Writes(Who::Due));
            if state.left.mishaps > 0 {
                actions.extend([Action::WritesUnanswered(Who::Due), Action::Crashes(Who::Due)]);
            }
        } else if is_due && !self.without.has(Fence::Sweep) {
            actions.push(Action::Reads(Who::Due));
        }
    }

    pub(super) fn due_writes(&self, state: &mut State, answered: bool) {
        let Some(read) = state.due.take() else { return };
        let mut thread = read.thread;
        thread.begin_run(state.next_run(), self.without);
        if self.commit(state, &read.thread, Condition::AsRead, thread, &[]) {
            state.begin(&read.thread, answered, self.memory);
        }
    }

    pub(super) fn run_writes(&self, state: &mut State, id: u8, answered: bool) {
        let Some(mut run) = state.runs[id as usize] else { return };
        let mut thread = run.thread;
        let mut entries = Vec::new();
        match run.phase {
            Phase::Open => {
                thread.openai.id = Some(state.heard.len() as u8);
                thread.openai.synced_through = 0;
            }
            Phase::Reply(words) => entries.push(thread.reply(words, run.input_through, run.asked_through)),
            Phase::HandOver(words) => {
                entries.extend(words.map(|words| thread.log(Entry::HandsOver { words })));
                if words.is_none() || !self.without.has(Fence::Together) {
                    entries.extend(thread.change(Event::Escalate, self.without));
                }
            }
            Phase::Ask | Phase::Again => return,
        }
        let lease = state.thread.run.map_or(0, |run| run.lease);
        if !self.commit(state, &run.thread, Condition::HeldBy(id), thread, &entries) {
            run.refused = true;
            state.runs[id as usize] = Some(run);
            return;
        }
        if run.phase == Phase::Open {
            state.heard.push(Vec::new());
        }
        // A run's write renews its lease.
        if let Some(held) = &mut state.thread.run {
            held.lease = lease + 1;
            state.live |= 1 << held.id;
        } else {
            state.live &= !(1 << id);
        }
        run.refused = !answered;
        if answered {
            run.thread = state.thread;
        }
        state.runs[id as usize] = if answered { self.next(run, id) } else { Some(run) };
    }

    /// Reads the thread again after a write that was refused or got no response.
    pub(super) fn run_reads(&self, state: &mut State, id: u8) {
        let Some(mut run) = state.runs[id as usize] else { return };
        let now = state.thread;
        (run.thread, run.refused) = (now, false);
        let landed = matches!(run.phase, Phase::Reply(words)
            if now.last_reply == Some(words) && !self.without.has(Fence::LastReply));
        state.runs[id as usize] =
            if landed { self.next(run, id) } else { now.is_held_by(id, self.without).then_some(run) };
    }

    /// The run after a write that landed: its next phase, if it still holds the line.
    fn next(&self, run: Run, id: u8) -> Option<Run> {
        match run.phase {
            Phase::Open => Some(Run { phase: Phase::Ask, ..run }),
            Phase::Reply(_) => {
                let goes_on = if self.without.has(Fence::StillHeld) {
                    run.thread.run.is_some()
                } else {
                    run.thread.is_held_by(id, self.without)
                };
                goes_on.then(|| Run::new(run.thread, false, run.turn + 1, self.memory))
            }
            Phase::HandOver(Some(_)) if self.without.has(Fence::Together) => {
                Some(Run { phase: Phase::HandOver(None), ..run })
            }
            Phase::HandOver(_) | Phase::Ask | Phase::Again => None,
        }
    }

    pub(super) fn run_renews(&self, state: &mut State, id: u8) {
        state.left.renewals -= 1;
        self.renew(state, id);
    }

    /// Renews the lease of a run. One that has lost the line ends.
    pub(super) fn renew(&self, state: &mut State, id: u8) {
        let Some(run) = state.runs[id as usize] else { return };
        let (epoch, without) = (state.thread.epoch, self.without);
        let held = state.thread.run.as_mut().filter(|held| {
            (without.has(Fence::RunId) || held.id == id) && (without.has(Fence::Epoch) || epoch == run.thread.epoch)
        });
        match held {
            Some(held) => {
                held.lease += 1;
                state.live |= 1 << held.id;
            }
            None => state.runs[id as usize] = None,
        }
    }
}
