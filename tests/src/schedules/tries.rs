//! The tries of a turn, as the wires see them: failed responses, second requests, and the events between.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use serde_json::Value;
use shared::store::key;

use super::gate::InstanceId;
use crate::wire::lock;

/// Things that a story is to show now and then. Without them its invariants prove little.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sights {
    /// Responses that were asked for again after one that failed.
    pub second_tries: usize,
    /// Changes of owner between the two tries.
    pub handed_over_between: usize,
    /// Runs that lost the line to another run between the two tries.
    pub taken_over_between: usize,
    /// Escalations that the bot announced in its own words.
    pub words_of_hand_over: usize,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Tries(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// The instances whose last response failed, until they ask again and are answered.
    failed: HashMap<InstanceId, Failed>,
    /// The thread of each conversation, by their keys.
    threads: HashMap<String, String>,
    holders: HashMap<String, Holder>,
    /// The run of each reply, by the reply's id.
    replies: HashMap<String, String>,
    sights: Sights,
    breach: Option<String>,
}

#[derive(Debug)]
struct Failed {
    thread: Option<String>,
    times: u32,
    is_asking: bool,
}

/// The holder of a thread's line.
#[derive(Debug, PartialEq)]
struct Holder {
    epoch: String,
    run: Option<String>,
}

impl Tries {
    /// An instance begins or ends an invocation.
    pub(super) fn forget(&self, instance: InstanceId) {
        lock(&self.0).failed.remove(&instance);
    }

    /// A response begins.
    pub(super) fn asks(&self, instance: InstanceId) {
        let mut state = lock(&self.0);
        let Some(failed) = state.failed.get_mut(&instance) else { return };
        failed.is_asking = true;
        let times = failed.times;
        state.sights.second_tries += usize::from(times == 1);
        if times > 1 {
            state.breach.get_or_insert_with(|| format!("#{} asks again after {times} failures", instance.0));
        }
    }

    /// A response failed in a way that may pass.
    pub(super) fn fails(&self, instance: InstanceId, conversation: &Value) {
        let mut state = lock(&self.0);
        let thread = conversation.as_str().and_then(|conversation| state.threads.get(conversation)).cloned();
        let failed = state.failed.entry(instance).or_insert(Failed { thread: None, times: 0, is_asking: false });
        (failed.thread, failed.is_asking) = (thread, false);
        failed.times += 1;
    }

    /// Reads a thread's item that was written.
    pub(super) fn wrote(&self, asked: &Value) {
        for item in asked["TransactItems"].as_array().into_iter().flatten() {
            let item = &item["Put"]["Item"];
            if item["sk"]["S"] == key::THREAD {
                lock(&self.0).read(item);
            }
        }
    }

    /// The run that gave a reply.
    pub(super) fn run_of(&self, reply: &str) -> Option<String> {
        lock(&self.0).replies.get(reply).cloned()
    }

    pub(super) fn sights(&self) -> Sights {
        lock(&self.0).sights
    }

    /// The first violation: a third request in one turn.
    pub(super) fn breach(&self) -> Option<String> {
        lock(&self.0).breach.clone()
    }
}

impl State {
    fn read(&mut self, item: &Value) {
        let Some(thread) = item["pk"]["S"].as_str().map(str::to_owned) else { return };
        let text = |attribute: &Value| attribute["S"].as_str().map(str::to_owned);
        let now = Holder {
            epoch: item["epoch"]["N"].as_str().unwrap_or_default().to_owned(),
            run: text(&item["run"]["M"]["id"]),
        };
        if let Some(conversation) = text(&item["openai"]["M"]["conversation_id"]) {
            self.threads.insert(conversation, thread.clone());
        }
        let reply = &item["last_reply"]["M"];
        if let (Some(message), Some(run)) = (text(&reply["message_id"]), text(&reply["run_id"])) {
            self.replies.insert(message, run);
        }
        let is_between = |it: &&Failed| it.thread.as_ref() == Some(&thread) && it.times == 1 && !it.is_asking;
        let between = self.failed.values().filter(is_between).count();
        let Some(before) = self.holders.get(&thread).filter(|_| between > 0) else {
            self.holders.insert(thread, now);
            return;
        };
        self.sights.handed_over_between += usize::from(before.epoch != now.epoch);
        let is_taken_over = before.epoch == now.epoch && now.run.is_some() && before.run != now.run;
        self.sights.taken_over_between += usize::from(is_taken_over);
        self.holders.insert(thread, now);
    }
}
