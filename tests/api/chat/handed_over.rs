//! Runs that lose the line, or cannot finish: their partial answers, and who goes on.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::future::join_all;
use lambda_http::{Context, RequestExt, http::StatusCode};
use local::standin::{self, Hold};
use serde_json::json;
use tokio::join;

use tests::{
    clock::Turned,
    openai::{RESPONSES, brisk},
    sample::event,
    stage::Stage,
    web_socket::Socket,
};

/// The next draft that is offered.
async fn draft(socket: &mut Socket) -> String {
    loop {
        let discarded = socket.hears_of("message.discarded").await;
        if let Some(draft) = discarded["draft"].as_str() {
            return draft.to_owned();
        }
    }
}

#[tokio::test]
async fn the_loss_of_the_line_is_noticed_in_mid_answer_and_the_agent_gets_what_was_said() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    let (mut customers, mut agents) = (customer.listens(&thread).await, agent.listens(&thread).await);
    let hold = stage.hold_after(3);
    let (answer, ()) = join!(customer.says(&thread, "Hello"), async {
        hold.begun().await;
        agent.claims(&thread).await.expect(200);
        let claimed = Instant::now();
        // OpenAI's stream has not ended: the run checked the thread itself, before it had to renew its lease.
        assert_eq!(draft(&mut agents).await, "This is OpenAI's");
        assert!(claimed.elapsed() < Duration::from_secs(9), "{:?}", claimed.elapsed());
        hold.release();
    });
    answer.expect(202);
    let heard = customers.heard_so_far().await;
    let discarded: Vec<_> = heard.iter().filter(|event| event["type"] == "message.discarded").collect();
    assert!(discarded.len() >= 2, "discarded by the claim and by the run: {heard:?}");
    assert!(discarded.iter().all(|event| event.get("draft").is_none()), "{discarded:?}");
    // At the end of OpenAI's stream, the rest of the draft.
    assert!(draft(&mut agents).await.starts_with("This is OpenAI's stand-in, not a model."));
}

#[tokio::test]
async fn an_answer_that_was_finished_when_the_line_was_lost_is_a_draft_too() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    let mut agents = agent.listens(&thread).await;
    let hold = stage.hold();
    join!(customer.says(&thread, "Hello"), async {
        hold.begun().await;
        agent.claims(&thread).await.expect(200);
        hold.release();
    });
    assert!(draft(&mut agents).await.starts_with("This is OpenAI's stand-in, not a model. You said: \"Hello\"."));
}

#[tokio::test]
async fn a_line_lost_to_the_end_offers_no_draft() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    let mut agents = agent.listens(&thread).await;
    let hold = stage.hold_after(3);
    join!(customer.says(&thread, "Hello"), async {
        hold.begun().await;
        customer.ends(&thread).await.expect(200);
        hold.release();
    });
    let heard = agents.heard_so_far().await;
    let discarded: Vec<_> = heard.iter().filter(|event| event["type"] == "message.discarded").collect();
    assert_eq!(discarded.len(), 2, "{heard:?}");
    assert!(discarded.iter().all(|event| event.get("draft").is_none()), "{discarded:?}");
}

#[tokio::test]
async fn two_hundred_claims_in_mid_answer_leave_no_bot_message_behind_and_deliver_each_draft() {
    let stage = Stage::start().await;
    let chatbot = stage.chatbot().await;
    for _ in 0..8 {
        claims_in_mid_answer(&stage, &chatbot, 25).await;
    }
}

/// Claims this many threads at once, each between its answer's first word and its last.
async fn claims_in_mid_answer(stage: &Stage, chatbot: &str, threads: usize) {
    let (customer, agent) = (stage.customer(), stage.agent());
    let holds: Vec<_> = (0..threads).map(|number| stage.hold_after(number % 12)).collect();
    let (mut ids, mut sockets) = (Vec::new(), Vec::new());
    for _ in 0..threads {
        let thread = stage.thread_of(&customer, chatbot).await;
        sockets.push(agent.listens(&thread).await);
        ids.push(thread);
    }
    let asked = join_all(ids.iter().map(|thread| customer.says(thread, "Hello")));
    let (answers, claims) = join!(asked, async {
        for hold in &holds {
            hold.begun().await;
        }
        let claims = join_all(ids.iter().map(|thread| agent.claims(thread))).await;
        holds.iter().for_each(Hold::release);
        claims
    });
    for (answer, claim) in answers.into_iter().zip(claims) {
        claim.expect(200);
        answer.expect(202);
    }
    for (thread, socket) in ids.iter().zip(&mut sockets) {
        assert!(draft(socket).await.starts_with("This"));
        assert_eq!(customer.transcript(thread).await, ["customer: Hello", "[claimed]"]);
    }
}

#[tokio::test]
async fn a_run_that_cannot_end_before_its_functions_deadline_asks_for_a_person() {
    let turned = Turned::default();
    let stage = Stage::with(local::Options { clock: turned.clock(), ..brisk() }).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let stalls = [stage.standin().stall("POST", RESPONSES), stage.standin().stall("POST", RESPONSES)];
    let (dead, ()) = join!(customer.says(&thread, "Anybody?"), async {
        stalls[0].begun().await;
        turned.by(Duration::from_secs(31));
        // Twenty seconds are reserved for handing over.
        let stopped_at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(21);
        let mut context = Context::default();
        context.deadline = u64::try_from(stopped_at.as_millis()).unwrap();
        let event = json!({ "tenant": "acme", "thread_id": thread });
        let request = lambda_http::request::from_str(&event.to_string()).unwrap().with_lambda_context(context);
        let answered = chat::handle(stage.board.app(), request).await.unwrap();
        assert_eq!(answered.status(), StatusCode::NO_CONTENT);
        assert_eq!(stalls[1].stage(), standin::Stage::Left);
        stalls[0].cut();
    });
    assert_eq!(dead.expect(202).body["thread"]["reason"], "failure");
    let log = customer.log(&thread).await;
    assert_eq!(log.last().unwrap()["text"], "Sorry, I cannot answer right now. A person will take over.");
    assert_eq!(log.len(), 2);
}

/// `cargo lambda watch` sends a deadline in 1970.
#[tokio::test]
async fn under_a_deadline_in_the_past_the_bot_answers() {
    let stage = Stage::with(brisk()).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let mut context = Context::default();
    context.deadline = 600_000;
    let text = event("chat").replace("thr_01JD0000000000000000000000", &thread).replace("cara", "cus");
    let request = lambda_http::request::from_str(&text).unwrap().with_lambda_context(context);
    let answered = chat::handle(stage.board.app(), request).await.unwrap();
    assert_eq!(answered.status(), StatusCode::OK);
    assert_eq!(customer.log(&thread).await.last().unwrap()["role"], "bot");
}

#[tokio::test]
async fn what_a_dead_run_had_said_is_withdrawn_by_the_one_that_takes_over() {
    let turned = Turned::default();
    let stage = Stage::with(local::Options { clock: turned.clock(), ..brisk() }).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let mut socket = customer.listens(&thread).await;
    let hold = stage.hold_after(3);
    let (stalled, ()) = join!(customer.says(&thread, "First"), async {
        hold.begun().await;
        let dead = stage.stored(&thread).await.run.unwrap().id.to_string();
        turned.by(Duration::from_secs(31));
        customer.says(&thread, "Second").await.expect(200);
        let discarded = socket.hears_of("message.discarded").await;
        assert_eq!((&discarded["run_id"], &discarded["reason"]), (&json!(dead), &json!("another run took over")));
        hold.release();
    });
    stalled.expect(202);
    // The bot holds the line, so the stalled run's text is not offered as a draft when it wakes up.
    let discarded = socket.hears_of("message.discarded").await;
    assert_eq!((&discarded["reason"], discarded.get("draft")), (&json!("the line changed hands"), None));
    assert_eq!(customer.log(&thread).await.len(), 3);
}

#[tokio::test]
async fn a_run_that_thaws_after_the_sweep_had_its_message_answered_does_nothing_more() {
    let turned = Turned::default();
    let stage = Stage::with(local::Options { clock: turned.clock(), ..brisk() }).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let hold = stage.hold_after(3);
    let (frozen, log) = join!(customer.says(&thread, "Hello"), async {
        hold.begun().await;
        let frozen = stage.stored(&thread).await.run.unwrap().id.to_string();
        let mut socket = customer.listens(&thread).await;
        turned.by(Duration::from_mins(1));
        assert!(stage.board.sweep().await);
        stage.board.invocations().finished().await;
        let log = customer.log(&thread).await;
        assert_eq!((log.len(), &log[1]["answers"]), (2, &json!({ "from": 1, "through": 1 })));
        assert_eq!(socket.hears_of("message.discarded").await["run_id"], json!(frozen));
        hold.release();
        log
    });
    // The run learns that it lost the line, and its caller that another run answered.
    assert_eq!(frozen.expect(202).body["reply"], json!(null));
    assert!(stage.board.sweep().await);
    stage.board.invocations().finished().await;
    assert_eq!(customer.log(&thread).await, log);
    assert_eq!(customer.reads(&thread).await["status"], "bot");
    assert_eq!(stage.asked().len(), 2);
}
