//! When a thread needs somebody of itself: what the sweep has to do with it, and how long it may wait.

use std::time::Duration;

use super::{At, Line, Reason, Status, Thread};

/// How long things may wait. `None` is for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// A customer in the queue, before the bot has the line again. Not where the bot had failed.
    pub queue: Option<Duration>,
    /// A customer's message before an agent who holds the line, before the queue has it again.
    pub agent: Option<Duration>,
    /// A thread in which nothing is said, before it ends.
    pub idle: Option<Duration>,
    /// An ended thread, before it is deleted.
    pub retention: Option<Duration>,
}

/// What the sweep has to do with a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DueAction {
    /// A customer's message waits for the bot, and no live run is at it.
    Answer,
    /// Nobody did in time what the line was given to them for.
    TimeOut(Line),
    /// It has been quiet for long.
    End,
    /// It ended long ago.
    Delete,
}

impl Default for Timeouts {
    /// The template's.
    fn default() -> Self {
        Self { queue: None, agent: minutes(15), idle: days(30), retention: days(90) }
    }
}

impl Timeouts {
    /// As an environment says, whose variables `var` gives: whole numbers, 0 for never. What is not set is as in
    /// [`Timeouts::default`]. An error names the variable.
    ///
    /// | variable | |
    /// |---|---|
    /// | `QUEUE_TIMEOUT_MINUTES` | [`Timeouts::queue`] |
    /// | `AGENT_TIMEOUT_MINUTES` | [`Timeouts::agent`] |
    /// | `IDLE_DAYS` | [`Timeouts::idle`] |
    /// | `RETENTION_DAYS` | [`Timeouts::retention`] |
    pub fn read(var: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let read = |name: &str, unit: fn(u32) -> Option<Duration>, unset| match var(name) {
            None => Ok(unset),
            Some(number) => number.parse().map(unit).map_err(|_| format!("{name} is not a whole number")),
        };
        let unset = Self::default();
        Ok(Self {
            queue: read("QUEUE_TIMEOUT_MINUTES", minutes, unset.queue)?,
            agent: read("AGENT_TIMEOUT_MINUTES", minutes, unset.agent)?,
            idle: read("IDLE_DAYS", days, unset.idle)?,
            retention: read("RETENTION_DAYS", days, unset.retention)?,
        })
    }
}

fn minutes(count: u32) -> Option<Duration> {
    (count > 0).then(|| Duration::from_mins(count.into()))
}

fn days(count: u32) -> Option<Duration> {
    (count > 0).then(|| Duration::from_hours(24 * u64::from(count)))
}

impl Thread {
    /// What is to be done at `now`, if anything is.
    pub fn due_action(&self, timeouts: &Timeouts, now: At) -> Option<DueAction> {
        let due = self.due_actions(timeouts, self.updated_at).find(|(at, _)| *at <= now);
        due.map(|(_, due_action)| due_action)
    }

    /// When the sweep is to look at this thread, or never: its place in the index. Moves with who has to say something,
    /// not with each word that is said, so it may come before anything is to be done; nor with a lease's renewal.
    pub fn due_at(&self, timeouts: &Timeouts) -> Option<At> {
        let since = self.status.since();
        let stirred_at = self.stirred_at.map_or(since, |at| at.max(since));
        self.due_actions(timeouts, stirred_at).map(|(at, _)| at).min()
    }

    /// What has to be done and when, the urgent first, where nothing is said after `quiet_since`.
    fn due_actions(&self, timeouts: &Timeouts, quiet_since: At) -> impl Iterator<Item = (At, DueAction)> {
        let since = self.status.since();
        let is_unanswered = self.asked_through > self.answered_through;
        let after = |from: At, span: Option<Duration>, due_action| Some((from + span?, due_action));
        let urgent = match &self.status {
            Status::Bot { .. } if is_unanswered => {
                Some((self.run.as_ref().map_or(since, |run| run.lease_until), DueAction::Answer))
            }
            Status::Queued { reason, .. } if *reason != Reason::Failure => {
                after(since, timeouts.queue, DueAction::TimeOut(Line::Bot))
            }
            // Whoever takes the line late has all of the time.
            Status::Agent { .. } if is_unanswered => {
                let asked = self.asked_at.map_or(since, |asked| asked.max(since));
                after(asked, timeouts.agent, DueAction::TimeOut(Line::Queue))
            }
            Status::Ended { .. } => after(since, timeouts.retention, DueAction::Delete),
            Status::Bot { .. } | Status::Queued { .. } | Status::Agent { .. } => None,
        };
        let is_open = !matches!(self.status, Status::Ended { .. });
        let idle = after(quiet_since, timeouts.idle.filter(|_| is_open), DueAction::End);
        urgent.into_iter().chain(idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Person;

    const HOUR: Duration = Duration::from_hours(1);
    const NOW: At = At::from_millis(1_795_341_600_000);

    fn timeouts() -> Timeouts {
        Timeouts { queue: Some(HOUR), agent: Some(HOUR * 2), idle: Some(HOUR * 3), retention: Some(HOUR * 4) }
    }

    fn thread(status: Status) -> Thread {
        let [id, bot] = ["thr_01JD0000000000000000000000", "bot_01JD0000000000000000000000"];
        let mut thread = Thread::new("acme", id.parse().unwrap(), bot.parse().unwrap(), "cus".into(), NOW);
        thread.status = status;
        thread
    }

    fn states() -> [Status; 5] {
        let ana = || Person { id: "ana".into(), name: None };
        [
            Status::Bot { since: NOW },
            Status::Queued { since: NOW, reason: Reason::Asked },
            Status::Queued { since: NOW, reason: Reason::Failure },
            Status::Agent { since: NOW, agent: ana() },
            Status::Ended { since: NOW, by: ana() },
        ]
    }

    #[test]
    fn each_line_has_its_own_patience() {
        let waits = |asked: u64| {
            states().map(|status| {
                let mut thread = thread(status);
                thread.asked_through = asked;
                let due_action = |hours: u32| thread.due_action(&timeouts(), NOW + HOUR * hours);
                let first = (0..9).find(|hours| due_action(*hours).is_some());
                assert_eq!(thread.due_at(&timeouts()), first.map(|hours| NOW + HOUR * hours));
                first.and_then(|hours| Some((hours, due_action(hours)?)))
            })
        };
        let (to_bot, to_queue) = (DueAction::TimeOut(Line::Bot), DueAction::TimeOut(Line::Queue));
        let quiet =
            [(3, DueAction::End), (1, to_bot), (3, DueAction::End), (3, DueAction::End), (4, DueAction::Delete)];
        assert_eq!(waits(0), quiet.map(Some));
        let asked = [(0, DueAction::Answer), (1, to_bot), (3, DueAction::End), (2, to_queue), (4, DueAction::Delete)];
        assert_eq!(waits(1), asked.map(Some));
    }

    #[test]
    fn without_timeouts_only_an_answer_is_ever_due() {
        let never = Timeouts { queue: None, agent: None, idle: None, retention: None };
        let due = states().map(|status| {
            let mut thread = thread(status);
            thread.asked_through = 1;
            thread.due_at(&never)
        });
        assert_eq!(due, [Some(NOW), None, None, None, None]);
    }

    #[test]
    fn what_is_said_puts_off_the_end_but_moves_nothing_in_the_index() {
        let mut thread = thread(Status::Bot { since: NOW });
        thread.updated_at = NOW + HOUR;
        assert_eq!(thread.due_at(&timeouts()), Some(NOW + HOUR * 3));
        assert_eq!(thread.due_action(&timeouts(), NOW + HOUR * 3), None);
        assert_eq!(thread.due_action(&timeouts(), NOW + HOUR * 4), Some(DueAction::End));
        thread.stirred_at = Some(thread.updated_at);
        assert_eq!(thread.due_at(&timeouts()), Some(NOW + HOUR * 4));
    }

    #[test]
    fn an_agents_time_begins_with_the_first_unanswered_message() {
        let [.., held, _] = states();
        let mut thread = thread(held);
        thread.asked_through = 2;
        thread.asked_at = Some(NOW + HOUR);
        assert_eq!(thread.due_action(&timeouts(), NOW + HOUR * 2), None);
        assert_eq!(thread.due_at(&timeouts()), Some(NOW + HOUR * 3));
        // Or with the claim, where that came after.
        thread.asked_at = Some(At::from_millis(0));
        assert_eq!(thread.due_at(&timeouts()), Some(NOW + HOUR * 2));
    }

    #[test]
    fn zero_is_never_and_what_is_not_set_is_as_in_the_template() {
        let read =
            |name: &'static str, value: &'static str| Timeouts::read(|asked| (asked == name).then(|| value.to_owned()));
        assert_eq!(read("", ""), Ok(Timeouts::default()));
        assert_eq!(read("QUEUE_TIMEOUT_MINUTES", "60").unwrap().queue, Some(HOUR));
        assert_eq!(read("IDLE_DAYS", "0").unwrap().idle, None);
        assert_eq!(read("RETENTION_DAYS", "-1"), Err("RETENTION_DAYS is not a whole number".into()));
    }
}
