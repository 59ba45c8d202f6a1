//! Faults at every call: a scene is played once to count its calls, then again for each call and each fault.

use std::time::Duration;

use futures::{FutureExt, future::BoxFuture, join};
use local::standin::Failure;
use serde_json::{Value, json};
use tokio::time::sleep;

use tests::schedules::{
    Sights, alone, checks,
    gate::{Call, Fate, Ready},
    mood::WORDS,
    perform, recover,
    schedule::Step,
    sights,
    simulation::Simulation,
    story::{AGENTS, Line, Story},
};

/// A scene in one thread, which always makes the same calls.
trait Scene: Fn(Story, Line) -> BoxFuture<'static, ()> {}

impl<T: Fn(Story, Line) -> BoxFuture<'static, ()>> Scene for T {}

/// The faults that each call meets in turn. A frozen call goes out long after its function's lease has expired.
const FATES: [Fate; 5] =
    [Fate::Refused, Fate::Conflict, Fate::AnswerLost, Fate::KilledAfter, Fate::FrozenBefore(Duration::from_secs(75))];

/// Plays `scene` with a fault at one call, or with none. Returns the calls made, what was seen, and the violated
/// invariant, if any.
fn play(scene: &impl Scene, fault: Option<(usize, Fate)>) -> (Vec<Call>, Sights, Result<(), String>) {
    alone(0, async {
        let story = Story::begin(Simulation::new(0), 1).await;
        let part = scene(story.clone(), story.lines[0].clone());
        let mut calls = Vec::new();
        let in_order = |ready: &[Ready]| {
            calls.push(ready[0].call.clone());
            let fate = fault.filter(|(at, _)| *at == calls.len()).map_or(Fate::Pass, |(_, fate)| fate);
            Step::Call(0, fate)
        };
        perform(&story, vec![part], in_order).await;
        recover(&story).await;
        let checked = checks::check(&story).await;
        let told =
            checked.map_err(|breach| format!("{fault:?}: {breach}\n{}", story.simulation.gate().trace().join("\n")));
        (calls, sights(&story).await, told)
    })
}

/// Checks that no fault at any one call of the scene violates an invariant. Returns what is seen without a fault.
fn survives(scene: impl Scene) -> Sights {
    let (calls, sights, whole) = play(&scene, None);
    whole.unwrap();
    for (before, call) in calls.iter().enumerate() {
        let is_transaction = *call == Call::Table("TransactWriteItems".into());
        for fate in FATES.into_iter().filter(|fate| *fate != Fate::Conflict || is_transaction) {
            if let (.., Err(breach)) = play(&scene, Some((before + 1, fate))) {
                panic!("a fault at call {} ({call:?}) breaks it: {breach}", before + 1);
            }
        }
    }
    sights
}

/// Time after which a turn has begun to stream the model's answer, and has not saved its reply yet.
const MID_ANSWER: Duration = Duration::from_millis(7);

/// The same, in a turn in which the model asks for a person.
const MID_WORDS: Duration = Duration::from_millis(4);

/// A response that breaks off after three words, although it has landed.
const CUT: Failure = Failure::Cut { after: 3, landed: true, clean: false };

/// A message that asks for a person, at which the model says something before it hands over.
async fn asks_for_a_person(story: &Story, line: &Line) {
    story.simulation.next_response(Failure::Words { text: WORDS.to_owned() });
    story.says(line.customer, &line.thread, "one", "I want to talk to a person", false).await;
}

/// Returns once words were withdrawn; in a scene in which they never are, a moment later.
async fn withdrawn(story: &Story) {
    for _ in 0..100 {
        if story.simulation.has_withdrawn() {
            return;
        }
        sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn a_turn() {
    survives(|story, line| async move { story.asks_for_help(&line, "one").await }.boxed());
}

#[test]
fn a_burst() {
    survives(|story, line| {
        async move {
            join!(story.asks_for_help(&line, "one"), story.asks_for_help(&line, "two"));
        }
        .boxed()
    });
}

#[test]
fn a_claim_in_mid_answer() {
    survives(|story, line| {
        async move {
            let claim = async {
                sleep(MID_ANSWER).await;
                story.claims(&line).await;
            };
            join!(story.asks_for_help(&line, "one"), claim);
        }
        .boxed()
    });
}

#[test]
fn an_agents_message_that_claims() {
    survives(|story, line| {
        async move {
            story.asks_for_help(&line, "one").await;
            story.says(AGENTS[0], &line.thread, "hers", "A person speaks.", false).await;
        }
        .boxed()
    });
}

#[test]
fn an_escalation() {
    survives(|story, line| {
        async move {
            let escalate = async {
                sleep(MID_ANSWER).await;
                story.hands(line.customer, &line.thread, "escalate", json!({ "reason": "It loops." })).await;
            };
            join!(story.asks_for_help(&line, "one"), escalate);
        }
        .boxed()
    });
}

#[test]
fn a_model_that_asks_for_a_person() {
    survives(|story, line| {
        async move { story.says(line.customer, &line.thread, "one", "I want to talk to a person", false).await }.boxed()
    });
}

#[test]
fn a_release_to_the_bot_with_a_message_unanswered() {
    survives(|story, line| {
        async move {
            story.claims(&line).await;
            story.asks_for_help(&line, "one").await;
            story.hands(AGENTS[0], &line.thread, "release", json!({ "to": "bot", "note": "Over to you." })).await;
        }
        .boxed()
    });
}

#[test]
fn an_end_in_mid_run() {
    survives(|story, line| {
        async move {
            let end = async {
                sleep(MID_ANSWER).await;
                story.hands(line.customer, &line.thread, "end", Value::Null).await;
            };
            join!(story.asks_for_help(&line, "one"), end);
        }
        .boxed()
    });
}

#[test]
fn a_deletion_in_mid_run() {
    survives(|story, line| {
        async move {
            let delete = async {
                sleep(MID_ANSWER).await;
                story.deletes(&line).await;
            };
            join!(story.asks_for_help(&line, "one"), delete);
        }
        .boxed()
    });
}

#[test]
fn a_take_over_of_a_dead_run() {
    survives(|story, line| {
        async move {
            // Its first caller goes away before the answer, and its function is killed half-way.
            let gate = story.simulation.gate().clone();
            let dies = async {
                sleep(MID_ANSWER).await;
                gate.kill_all();
            };
            let asked = story.clone();
            let one = line.clone();
            join!(dies, async move { asked.asks_for_help(&one, "one").await });
            sleep(Duration::from_secs(40)).await;
            story.wakes(&line.thread).await;
        }
        .boxed()
    });
}

#[test]
fn a_turn_whose_first_try_is_cut() {
    let seen = survives(|story, line| {
        async move {
            story.simulation.next_response(CUT);
            story.asks_for_help(&line, "one").await;
        }
        .boxed()
    });
    assert_eq!(seen, Sights { second_tries: 1, ..Sights::default() });
}

#[test]
fn a_turn_whose_tries_both_fail() {
    let seen = survives(|story, line| {
        async move {
            story.simulation.next_response(CUT);
            story.simulation.next_response(Failure::Failed { after: 3, code: "server_error".into() });
            story.asks_for_help(&line, "one").await;
        }
        .boxed()
    });
    assert_eq!(seen, Sights { second_tries: 1, ..Sights::default() });
}

/// A turn whose first try is cut, and a claim after `delay`.
fn a_claim_after(delay: Duration) -> impl Scene {
    move |story, line| {
        async move {
            story.simulation.next_response(CUT);
            let claim = async {
                sleep(delay).await;
                story.claims(&line).await;
            };
            join!(story.asks_for_help(&line, "one"), claim);
        }
        .boxed()
    }
}

#[test]
fn a_claim_between_the_tries() {
    let delays = (1..20).map(Duration::from_millis);
    let between: Vec<Duration> =
        delays.filter(|delay| play(&a_claim_after(*delay), None).1.handed_over_between > 0).collect();
    // Before the run has renewed its lease for the second try, and after.
    let [.., before, after] = between[..] else { panic!("no claim comes between the tries") };
    survives(a_claim_after(before));
    survives(a_claim_after(after));
}

#[test]
fn a_message_between_the_tries() {
    let seen = survives(|story, line| {
        async move {
            story.simulation.next_response(CUT);
            let another = async {
                withdrawn(&story).await;
                story.asks_for_help(&line, "two").await;
            };
            join!(story.asks_for_help(&line, "one"), another);
        }
        .boxed()
    });
    assert_eq!(seen, Sights { second_tries: 1, ..Sights::default() });
}

#[test]
fn words_of_hand_over() {
    let seen = survives(|story, line| {
        async move {
            asks_for_a_person(&story, &line).await;
            // Not after the words: the escalation is there already.
            story.asks_for_help(&line, "two").await;
        }
        .boxed()
    });
    assert_eq!(seen, Sights { words_of_hand_over: 1, ..Sights::default() });
}

#[test]
fn words_of_hand_over_in_the_second_try() {
    let seen = survives(|story, line| {
        async move {
            story.simulation.next_response(CUT);
            asks_for_a_person(&story, &line).await;
        }
        .boxed()
    });
    assert_eq!(seen, Sights { second_tries: 1, words_of_hand_over: 1, ..Sights::default() });
}

#[test]
fn a_claim_before_the_words_of_hand_over() {
    let seen = survives(|story, line| {
        async move {
            let claim = async {
                sleep(MID_WORDS).await;
                story.claims(&line).await;
            };
            join!(asks_for_a_person(&story, &line), claim);
        }
        .boxed()
    });
    assert_eq!(seen, Sights::default());
}
