//! A run's requests to the model, and how their responses end.

use super::{
    fence::Fence,
    protocol::{Memory, Protocol},
    state::{Ending, Heard, Phase, Request, State},
    thread::{Entry, Words},
};

/// The failures of a turn after which the model is asked again.
const RETRIES: u8 = 1;

impl Protocol {
    /// Gives the model the log that its conversation does not have yet, and shows its words to the listeners. However
    /// the response ends, the conversation holds the input and the words: if it was cut, that is the worst case.
    fn ask(&self, state: &mut State, id: u8, ending: Ending) -> Option<Words> {
        let run = state.runs[id as usize].as_mut()?;
        let conversation = run.thread.openai.id;
        let words = Words { run: id, turn: run.turn, failures: run.failures, conversation };
        // In the order of the runs, not of time: which of two runs asked first makes no difference.
        let at = state.asked.partition_point(|earlier| earlier.words < words);
        state.asked.insert(at, Request { words, ending });
        if ending == Ending::Failed {
            return Some(words);
        }
        let (after, through) = (run.thread.openai.synced_through, run.thread.seq);
        if !self.without.has(Fence::Input) {
            (run.input_through, run.asked_through) = (through, run.thread.asked_through);
        }
        run.shown |= 1 << run.failures;
        if let Some(conversation) = conversation {
            let is_ours =
                |entry: &Entry| matches!(entry, Entry::Bot { words, .. } if words.conversation == Some(conversation));
            let input = state.log.iter().filter(|(seq, entry)| (after + 1..=through).contains(seq) && !is_ours(entry));
            let heard = &mut state.heard[conversation as usize];
            heard.extend(input.map(|(seq, _)| Heard::Item(*seq)));
            heard.push(Heard::Said(words));
        }
        Some(words)
    }

    fn go_on(state: &mut State, id: u8, phase: Phase) {
        if let Some(run) = &mut state.runs[id as usize] {
            run.phase = phase;
        }
    }

    pub(super) fn run_is_answered(&self, state: &mut State, id: u8) {
        let Some(words) = self.ask(state, id, Ending::Answered) else { return };
        Self::go_on(state, id, Phase::Reply(words));
    }

    pub(super) fn run_is_told_to_hand_over(&self, state: &mut State, id: u8) {
        state.left.hand_overs -= 1;
        let Some(words) = self.ask(state, id, Ending::Answered) else { return };
        if let Some(conversation) = words.conversation {
            state.heard[conversation as usize].push(Heard::OpenCall);
        }
        Self::go_on(state, id, Phase::HandOver(Some(words)));
    }

    pub(super) fn run_is_cut(&self, state: &mut State, id: u8) {
        state.left.mishaps -= 1;
        let Some(words) = self.ask(state, id, Ending::Cut) else { return };
        let may_try_again = words.failures < RETRIES || self.without.has(Fence::Tries);
        Self::go_on(state, id, if may_try_again { Phase::Again } else { Phase::HandOver(None) });
        if let Some(run) = &mut state.runs[id as usize] {
            run.failures += 1;
        }
    }

    pub(super) fn run_fails(&self, state: &mut State, id: u8) {
        state.left.mishaps -= 1;
        self.ask(state, id, Ending::Failed);
        Self::go_on(state, id, Phase::HandOver(None));
    }

    pub(super) fn run_tries_again(&self, state: &mut State, id: u8) {
        self.renew(state, id);
        let Some(run) = &mut state.runs[id as usize] else { return };
        if !self.without.has(Fence::Withdrawn) {
            run.shown = 0;
        }
        let is_afresh = self.memory == Memory::Conversation && !self.without.has(Fence::Afresh);
        run.phase = if is_afresh { Phase::Open } else { Phase::Ask };
    }
}
