//! The corpus, played: every case in both memories and in every way that a customer can be answered, once with a server
//! that streams and once with one that answers whole.

mod findings;
mod listeners;
mod next_turn;
mod play;
mod view;
mod way;

use std::{env, sync::Arc};

use shared::domain::chatbot::Memory;
use tokio::task::JoinError;

use super::logs::Logs;
use play::{Play, World, memory_name};
use tests::upstream::{Case, Form, case_names};
use way::Way;

/// Everything that is logged, but for the SDK's finest levels, which hold whole items.
const LOGGED: &str = "info,shared=trace,chat=trace,chatbot=trace,local=trace";

/// Parts of the names of the cases to play, with commas between them; all if it is not set.
const CASES: &str = "CASES";

/// Plays all cases; panics with everything that differs from their outcomes.
async fn play_all(memory: Memory, way: Way, form: Form) {
    let (logs, _logging) = Logs::kept(LOGGED);
    let mut world = Arc::new(World::start(memory).await);
    let mut failures = Vec::new();
    let names = wanted_cases();
    for name in names {
        let case = match Case::read(&name, memory_name(memory)) {
            Ok(case) => case,
            Err(error) => {
                failures.push(format!("tests/upstream/{name}.json: {error}"));
                continue;
            }
        };
        if !case.concerns(memory_name(memory)) || (form == Form::Whole && !case.can_be_whole()) {
            continue;
        }
        let play = Play { case, memory, way, form };
        let (name, here, logs) = (play.name(), Arc::clone(&world), logs.clone());
        // A task of its own, so that a panic is a finding too.
        let findings = match tokio::spawn(async move { Box::pin(play.run(&here, &logs)).await }).await {
            Ok(findings) => findings,
            Err(died) => {
                world = Arc::new(World::start(memory).await);
                vec![message(died)]
            }
        };
        failures.extend(findings.into_iter().map(|finding| format!("{name}: {finding}")));
    }
    assert!(failures.is_empty(), "{} findings:\n{}", failures.len(), failures.join("\n"));
}

fn wanted_cases() -> Vec<String> {
    let wanted = env::var(CASES).unwrap_or_default();
    let is_wanted = |name: &String| wanted.split(',').any(|part| name.contains(part));
    let names: Vec<String> = case_names().into_iter().filter(is_wanted).collect();
    assert!(!names.is_empty(), "no case is named {wanted}");
    names
}

/// The message of a panic.
fn message(died: JoinError) -> String {
    let cause = died.into_panic();
    let text = cause.downcast_ref::<String>().cloned();
    text.or_else(|| cause.downcast_ref().map(|text: &&str| (*text).to_owned())).unwrap_or_default()
}

#[tokio::test]
async fn local_memory_json() {
    play_all(Memory::Local, Way::Json, Form::Streamed).await;
}

#[tokio::test]
async fn local_memory_sse() {
    play_all(Memory::Local, Way::Sse, Form::Streamed).await;
}

#[tokio::test]
async fn local_memory_socket() {
    play_all(Memory::Local, Way::Socket, Form::Streamed).await;
}

#[tokio::test]
async fn local_memory_ai_sdk() {
    play_all(Memory::Local, Way::AiSdk, Form::Streamed).await;
}

#[tokio::test]
async fn local_memory_with_a_server_that_answers_whole() {
    play_all(Memory::Local, Way::Sse, Form::Whole).await;
}

#[tokio::test]
async fn conversation_memory_json() {
    play_all(Memory::Conversation, Way::Json, Form::Streamed).await;
}

#[tokio::test]
async fn conversation_memory_sse() {
    play_all(Memory::Conversation, Way::Sse, Form::Streamed).await;
}

#[tokio::test]
async fn conversation_memory_socket() {
    play_all(Memory::Conversation, Way::Socket, Form::Streamed).await;
}

#[tokio::test]
async fn conversation_memory_ai_sdk() {
    play_all(Memory::Conversation, Way::AiSdk, Form::Streamed).await;
}

#[tokio::test]
async fn conversation_memory_with_a_server_that_answers_whole() {
    play_all(Memory::Conversation, Way::Sse, Form::Whole).await;
}

/// Every file is a case, and every case is played: in both memories, or in the one that it names.
#[test]
fn the_corpus_has_at_least_sixty_cases() {
    let names = case_names();
    assert!(names.len() >= 60, "{}", names.len());
    for name in names {
        let played = [Memory::Local, Memory::Conversation].map(|memory| {
            let case = Case::read(&name, memory_name(memory)).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(!case.about.is_empty() && case.about.len() <= 160, "{name}: `about` is one line");
            case.concerns(memory_name(memory))
        });
        assert!(played.contains(&true), "{name} is never played");
    }
}
