//! The event of an asynchronous invocation, which answers the waiting messages of a thread; and tokens that expire.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_http::http::StatusCode;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::join;

use tests::{clock::Turned, openai::brisk, persona::Answer, stage::Stage};

/// Calls the function with the event itself: no gateway stands before an asynchronous invocation.
async fn invoked(stage: &Stage, event: Value) -> StatusCode {
    let request = lambda_http::request::from_str(&event.to_string()).unwrap();
    chat::handle(stage.board.app(), request).await.unwrap().status()
}

async fn due(stage: &Stage, tenant: &str, thread: &str) {
    assert_eq!(invoked(stage, json!({ "tenant": tenant, "thread_id": thread })).await, StatusCode::NO_CONTENT);
}

/// A thread that the bot holds again, with an unanswered message.
async fn waiting(stage: &Stage) -> String {
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    agent.claims(&thread).await.expect(200);
    customer.says(&thread, "Anybody?").await.expect(202);
    stage.releases_unheard(&thread).await;
    thread
}

#[tokio::test]
async fn what_waits_is_answered_once() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), waiting(&stage).await);
    let mut socket = customer.listens(&thread).await;
    due(&stage, "acme", &thread).await;
    assert_eq!(socket.hears_of("message.created").await["message"]["role"], "bot");
    let log = customer.log(&thread).await;
    assert_eq!((log.len(), &log[3]["answers"]["through"]), (4, &json!(2)));
    due(&stage, "acme", &thread).await;
    assert_eq!(customer.log(&thread).await.len(), 4);
    assert_eq!(stage.asked().len(), 1);
}

#[tokio::test]
async fn two_invocations_at_once_are_one_answer() {
    let stage = Stage::start().await;
    let thread = waiting(&stage).await;
    join!(due(&stage, "acme", &thread), due(&stage, "acme", &thread), due(&stage, "acme", &thread));
    assert_eq!(stage.customer().log(&thread).await.len(), 4);
    assert_eq!(stage.asked().len(), 1);
}

#[tokio::test]
async fn where_nothing_waits_nothing_is_done() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    due(&stage, "acme", &thread).await;
    customer.says(&thread, "Hello").await.expect(200);
    due(&stage, "acme", &thread).await;
    customer.escalates(&thread).await.expect(200);
    customer.says(&thread, "Hello?").await.expect(202);
    due(&stage, "acme", &thread).await;
    let other = waiting(&stage).await;
    due(&stage, "other", &other).await;
    due(&stage, "acme", "thr_01JD0000000000000000000000").await;
    customer.ends(&other).await.expect(200);
    due(&stage, "acme", &other).await;
    assert_eq!(stage.asked().len(), 1);
}

#[tokio::test]
async fn a_live_run_is_left_alone_and_a_dead_one_replaced() {
    let turned = Turned::default();
    let stage = Stage::with(local::Options { clock: turned.clock(), ..brisk() }).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let hold = stage.hold();
    join!(customer.says(&thread, "Hello"), async {
        hold.begun().await;
        due(&stage, "acme", &thread).await;
        assert_eq!(stage.asked().len(), 1);
        turned.by(Duration::from_secs(31));
        due(&stage, "acme", &thread).await;
        assert_eq!(stage.asked().len(), 2);
        hold.release();
    });
    assert_eq!(customer.transcript(&thread).await.len(), 2);
}

#[tokio::test]
async fn a_thread_taken_over_too_often_goes_to_a_person() {
    let turned = Turned::default();
    let stage = Stage::with(local::Options { clock: turned.clock(), ..brisk() }).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let holds = [stage.hold(), stage.hold()];
    let again = async {
        for hold in &holds {
            hold.begun().await;
            turned.by(Duration::from_secs(31));
            if hold.number() < holds[1].number() {
                let (app, event) = (stage.board.app().clone(), json!({ "tenant": "acme", "thread_id": thread }));
                let request = lambda_http::request::from_str(&event.to_string()).unwrap();
                tokio::spawn(async move { chat::handle(&app, request).await.map(|_| ()) });
            }
        }
        due(&stage, "acme", &thread).await;
        for hold in &holds {
            hold.release();
        }
    };
    let (answer, ()) = join!(customer.says(&thread, "Hello"), again);
    assert_eq!(answer.expect(202).body["thread"]["reason"], "failure");
    assert_eq!(customer.transcript(&thread).await, ["customer: Hello", "[escalated]"]);
    assert_eq!(stage.asked().len(), 2);
}

#[tokio::test]
async fn an_event_of_another_shape_is_refused() {
    let stage = Stage::start().await;
    for event in [json!({ "tenant": "acme" }), json!({ "tenant": "acme", "thread_id": "nonsense" })] {
        assert_eq!(invoked(&stage, event).await, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn a_token_that_ends_while_its_policy_is_kept_opens_nothing_more() {
    let turned = Turned::default();
    let stage = Stage::with(local::Options { clock: turned.clock(), ..brisk() }).await;
    let thread = stage.thread().await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({
        "iss": "switchboard", "aud": "switchboard", "exp": now + 3600, "sub": "root", "tenant": "acme", "role": "admin",
    });
    let admin = stage.bearing(Some(stage.board.tokens().sign(&claims)));
    admin.get("/threads").await.expect(200);
    turned.by(Duration::from_hours(1));
    let routes = [
        (Method::GET, "/threads".to_owned()),
        (Method::GET, format!("/threads/{thread}/messages")),
        (Method::GET, "/chatbots".into()),
        (Method::POST, format!("/threads/{thread}/chat")),
        (Method::POST, format!("/threads/{thread}/claim")),
        (Method::POST, format!("/threads/{thread}/end")),
    ];
    for (method, path) in routes {
        let answer = Answer::of(admin.request(method, &path).json(&json!({ "text": "Hello" }))).await;
        assert_eq!(answer.problem(401, "unauthenticated"), "the token has expired", "{path}");
    }
}
