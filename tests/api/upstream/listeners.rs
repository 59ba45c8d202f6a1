//! Listeners: what they were shown, compared with the log.

use serde_json::{Value, json};

use super::{
    findings::Findings,
    play::{Play, Played},
    way::Way,
};
use tests::upstream::Form;

impl Findings {
    /// Compares what listeners were shown with the log.
    pub(super) fn compare_listeners(&mut self, play: &Play, played: &Played) {
        let becomes = &play.case.becomes;
        let bots = |log: &[Value]| -> Vec<String> {
            let asked = log.iter().rposition(|message| message["role"] == "customer").unwrap_or_default();
            let bots = log[asked..].iter().filter(|message| message["role"] == "bot");
            bots.map(|message| message["text"].as_str().unwrap_or_default().to_owned()).collect()
        };
        if let Some(view) = &played.told.ai_sdk {
            self.same("the text that stands in the AI SDK", &bots(&played.log), &view.texts());
            view.flaws.iter().for_each(|flaw| self.add(flaw.clone()));
            let finish = match becomes.cut.as_deref() {
                _ if becomes.reason.as_deref() == Some("failure") => "error",
                Some("length") => "length",
                Some(_) => "content-filter",
                None => "stop",
            };
            self.same("the AI SDK's reason of the end", &Some(json!(finish)), &view.finish_reason);
            self.look_for_marks("the AI SDK shows", play, &view.shown());
        } else {
            self.same("the reply", &becomes.reply, &played.told.reply);
        }
        if let Some(progress) = becomes.progress.as_ref().filter(|_| play.way != Way::Json) {
            self.same("the commentary", progress, &played.progress);
        }
        let views = [&played.told.view].into_iter().chain(played.listener.as_ref().map(|listener| &listener.view));
        for view in views {
            view.flaws.iter().for_each(|flaw| self.add(flaw.clone()));
            if !view.loose_words().is_empty() {
                self.add(format!("{:?} stands beside the log", view.loose_words()));
            }
            self.look_for_marks("deltas show", play, &view.shown.join("\n"));
            for (seq, seen) in &view.messages {
                let logged = played.log.iter().find(|message| message["seq"] == *seq).unwrap_or(&Value::Null);
                self.same("a message as it was told", logged, seen);
            }
        }
        if play.way == Way::Sse && becomes.reply.is_some() {
            let discarded = if play.form == Form::Whole { 0 } else { becomes.discarded };
            self.same("withdrawals of shown words", &discarded, &played.told.view.discarded);
        }
        if let Some(listener) = &played.listener {
            self.same("messages on the socket", &played.log.len(), &listener.view.messages.len());
            if let Some(status) = &listener.view.status {
                self.same("the status on the socket", &played.view["status"], status);
            }
        }
    }
}
