//! Due times: the sweep's action on a thread, and the time for it.

use std::time::Duration;

use super::{At, Line, Reason, Status, Thread};

/// The sweep's timeouts. `None` means never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// The longest wait in the queue before the bot takes over again. Does not apply after a bot failure.
    pub queue: Option<Duration>,
    /// The wait in the queue that the sweep reports, once.
    pub long_wait: Option<Duration>,
    /// The longest time that an agent may leave a message unanswered before the thread returns to the queue.
    pub agent: Option<Duration>,
    /// The longest time without a message before a thread is ended.
    pub idle: Option<Duration>,
    /// The time that an ended thread is kept before it is deleted.
    pub retention: Option<Duration>,
    /// The time that entries of the audit trail are kept. `None`: no trail is kept.
    pub audit: Option<Duration>,
}

/// The sweep's action on a thread that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DueAction {
    /// Invoke `chat`: a customer's message waits for the bot, and no run is live.
    Answer,
    /// Change the owner: the queue or the agent timed out.
    TimeOut(Line),
    /// Report a customer who waits in the queue for long.
    TellWait,
    /// Add the thread's last turns to the usage of the day, and give back what nobody uses of the customer's budget.
    ReportUsage,
    /// End the thread: it is idle.
    End,
    /// Delete the thread: its retention is over.
    Delete,
}

/// The time after which the sweep adds a thread's turns to the usage of the day, where no later turn has.
pub const USAGE_REPORTED_WITHIN: Duration = Duration::from_mins(10);

impl Default for Timeouts {
    /// The defaults of `template.yaml`.
    fn default() -> Self {
        Self {
            queue: None,
            long_wait: minutes(10),
            agent: minutes(15),
            idle: days(30),
            retention: days(90),
            audit: days(365),
        }
    }
}

impl Timeouts {
    /// The timeouts in an environment, whose variables `var` reads: whole numbers, 0 for never, [`Timeouts::default`]
    /// where one is not set. An error names the variable.
    ///
    /// | variable | |
    /// |---|---|
    /// | `QUEUE_TIMEOUT_MINUTES` | [`Timeouts::queue`] |
    /// | `LONG_WAIT_MINUTES` | [`Timeouts::long_wait`] |
    /// | `AGENT_TIMEOUT_MINUTES` | [`Timeouts::agent`] |
    /// | `IDLE_DAYS` | [`Timeouts::idle`] |
    /// | `RETENTION_DAYS` | [`Timeouts::retention`] |
    /// | `AUDIT_DAYS` | [`Timeouts::audit`] |
    pub fn read(var: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let read = |name: &str, unit: fn(u32) -> Option<Duration>, unset| match var(name) {
            None => Ok(unset),
            Some(number) => number.parse().map(unit).map_err(|_| format!("{name} must be a whole number, 0 or more")),
        };
        let unset = Self::default();
        Ok(Self {
            queue: read("QUEUE_TIMEOUT_MINUTES", minutes, unset.queue)?,
            long_wait: read("LONG_WAIT_MINUTES", minutes, unset.long_wait)?,
            agent: read("AGENT_TIMEOUT_MINUTES", minutes, unset.agent)?,
            idle: read("IDLE_DAYS", days, unset.idle)?,
            retention: read("RETENTION_DAYS", days, unset.retention)?,
            audit: read("AUDIT_DAYS", days, unset.audit)?,
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
    /// The action that is due at `now`.
    pub fn due_action(&self, timeouts: &Timeouts, now: At) -> Option<DueAction> {
        let due = self.due_actions(timeouts, self.updated_at).find(|(at, _)| *at <= now);
        due.map(|(_, due_action)| due_action)
    }

    /// The time at which the sweep looks at this thread: its place in the `due` index. It moves with the owner and with
    /// the first unanswered message, but neither with each message nor with a lease's renewal, so it may be earlier
    /// than any action.
    pub fn due_at(&self, timeouts: &Timeouts) -> Option<At> {
        let since = self.status.since();
        let stirred_at = self.stirred_at.map_or(since, |at| at.max(since));
        self.due_actions(timeouts, stirred_at).map(|(at, _)| at).min()
    }

    /// The actions and their times, the urgent one first, if no message is posted after `quiet_since`.
    fn due_actions(&self, timeouts: &Timeouts, quiet_since: At) -> impl Iterator<Item = (At, DueAction)> {
        let since = self.status.since();
        let is_unanswered = self.asked_through > self.answered_through;
        let after = |from: At, span: Option<Duration>, due_action| Some((from + span?, due_action));
        let urgent = match &self.status {
            Status::Bot { .. } if is_unanswered => {
                Some((self.run.as_ref().map_or(since, |run| run.lease_until), DueAction::Answer))
            }
            Status::Queued { reason, .. } if !matches!(reason, Reason::Failure | Reason::Budget) => {
                after(since, timeouts.queue, DueAction::TimeOut(Line::Bot))
            }
            // An agent who claims late has the whole time.
            Status::Agent { .. } if is_unanswered => {
                let asked = self.asked_at.map_or(since, |asked| asked.max(since));
                after(asked, timeouts.agent, DueAction::TimeOut(Line::Queue))
            }
            Status::Ended { .. } => after(since, timeouts.retention, DueAction::Delete),
            Status::Bot { .. } | Status::Queued { .. } | Status::Agent { .. } => None,
        };
        let waits_untold = matches!(self.status, Status::Queued { .. }) && !self.is_wait_told;
        let tell = after(since, timeouts.long_wait.filter(|_| waits_untold), DueAction::TellWait);
        let is_running = is_unanswered && matches!(self.status, Status::Bot { .. });
        let since = |since: At| since + USAGE_REPORTED_WITHIN;
        // What is counted ahead changes with each turn, and goes back with the report: it needs no time of its own.
        let report = self.unreported.map(|turns| turns.since).or_else(|| self.counted_ahead_at()).map(since);
        let report = report.into_iter().chain(self.lost_turn_ends_at()).min().filter(|_| !is_running);
        let report = report.map(|at| (at, DueAction::ReportUsage));
        let is_open = !matches!(self.status, Status::Ended { .. });
        let idle = after(quiet_since, timeouts.idle.filter(|_| is_open), DueAction::End);
        urgent.into_iter().chain(tell).chain(report).chain(idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Person;

    const HOUR: Duration = Duration::from_hours(1);
    const NOW: At = At::from_millis(1_795_341_600_000);

    fn timeouts() -> Timeouts {
        Timeouts {
            queue: Some(HOUR),
            long_wait: None,
            agent: Some(HOUR * 2),
            idle: Some(HOUR * 3),
            retention: Some(HOUR * 4),
            audit: None,
        }
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
        let never = Timeouts { queue: None, long_wait: None, agent: None, idle: None, retention: None, audit: None };
        let due = states().map(|status| {
            let mut thread = thread(status);
            thread.asked_through = 1;
            thread.due_at(&never)
        });
        assert_eq!(due, [Some(NOW), None, None, None, None]);
    }

    #[test]
    fn a_long_wait_is_reported_once_unless_the_bot_takes_over_before() {
        let [_, asked, failed, ..] = states();
        let long = |minutes: u64| Timeouts { long_wait: Some(Duration::from_mins(minutes)), ..timeouts() };
        for status in [asked, failed] {
            let mut thread = thread(status);
            let wait = NOW + Duration::from_mins(20);
            assert_eq!(thread.due_at(&long(20)), Some(wait));
            assert_eq!(thread.due_action(&long(20), NOW + Duration::from_mins(19)), None);
            assert_eq!(thread.due_action(&long(20), wait), Some(DueAction::TellWait));
            thread.is_wait_told = true;
            assert_eq!(thread.due_action(&long(20), wait), None);
            assert_eq!(thread.due_at(&long(20)), thread.due_at(&timeouts()));
        }
        let [_, asked, ..] = states();
        let thread = thread(asked);
        assert_eq!(thread.due_action(&long(90), NOW + HOUR * 2), Some(DueAction::TimeOut(Line::Bot)));
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
        // Or from the claim, where that came later.
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
        assert_eq!(read("RETENTION_DAYS", "-1"), Err("RETENTION_DAYS must be a whole number, 0 or more".into()));
    }
}
