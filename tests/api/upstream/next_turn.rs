//! The plain turn that follows a story.

use serde_json::{Value, json};
use shared::domain::chatbot::Memory;

use super::{
    findings::Findings,
    play::{NEXT, Play, differing},
};
use tests::upstream::{PLAIN_ANSWER, Peer, Step, lines};

impl Findings {
    /// Compares the plain turn that follows.
    pub(super) fn compare_next(&mut self, play: &Play, peer: &Peer, answer: &Value, asked_before: usize) {
        let next = &play.case.becomes.next;
        self.same("the reply of the next turn", &json!(PLAIN_ANSWER), &answer["reply"]["text"]);
        let asked = peer.asked();
        self.same("requests of the next turn", &next.asked.unwrap_or(1), &(asked.len() - asked_before));
        let last = asked.last().unwrap_or(&Value::Null);
        for field in differing(&next.request, last) {
            self.add(format!("in the next turn's request, {field}"));
        }
        if let Some(expected) = next.input.clone().or_else(|| usual_input(play, &asked)) {
            self.same("the next turn's input", &expected, &lines(last));
        }
        let text = last.to_string();
        for words in next.holds.iter().filter(|words| !text.contains(*words)) {
            self.add(format!("the next turn's request does not hold {words:?}"));
        }
        for words in next.lacks.iter().filter(|words| text.contains(*words)) {
            self.add(format!("the next turn's request holds {words:?}"));
        }
        self.look_for_marks("the next turn's request holds", play, &text);
        if peer.conversations().len() > 1 {
            self.add(format!("more than one conversation is left: {:?}", peer.conversations()));
        }
    }
}

/// The input of the last request after a story of one question and its reply: the log, or what is new to the
/// conversation. `None` for other stories.
fn usual_input(play: &Play, asked: &[Value]) -> Option<Vec<String>> {
    let becomes = &play.case.becomes;
    let ([Step::Customer(question)], Some(reply)) = (play.case.story.as_slice(), &becomes.reply) else { return None };
    let is_silent = becomes.progress.as_ref().is_some_and(Vec::is_empty);
    if becomes.status.is_some() || becomes.log.is_some() || !is_silent {
        return None;
    }
    let conversation = &asked.last()?["conversation"];
    let is_new = asked.iter().filter(|request| request["conversation"] == *conversation).count() == 1;
    let mut input = vec![format!("user: {NEXT}")];
    if play.memory == Memory::Local || is_new {
        input.splice(0..0, [format!("user: {question}"), format!("assistant: {reply}")]);
    }
    Some(input)
}
