//! The plain event of an asynchronous invocation: answer what waits in a thread. And tokens that end.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_http::http::StatusCode;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::join;

use tests::{clock::Turned, openai::brisk, persona::Answer, stage::World};

/// Hands the function the event itself: no gateway stands before an asynchronous invocation.
async fn invoked(world: &World, event: Value) -> StatusCode {
    let request = lambda_http::request::from_str(&event.to_string()).unwrap();
    chat::handle(world.board.app(), request).await.unwrap().status()
}

async fn due(world: &World, tenant: &str, thread: &str) {
    assert_eq!(invoked(world, json!({ "tenant": tenant, "thread_id": thread })).await, StatusCode::NO_CONTENT);
}

/// A thread that the bot holds again, with a message that nobody has answered.
async fn waiting(world: &World) -> String {
    let (customer, agent, thread) = (world.customer(), world.agent(), world.thread().await);
    agent.claims(&thread).await.expect(200);
    customer.says(&thread, "Anybody?").await.expect(202);
    world.releases_unheard(&thread).await;
    thread
}

#[tokio::test]
async fn what_waits_is_answered_once() {
    let world = World::start().await;
    let (customer, thread) = (world.customer(), waiting(&world).await);
    let mut socket = customer.listens(&thread).await;
    due(&world, "acme", &thread).await;
    assert_eq!(socket.hears_of("message.created").await["message"]["role"], "bot");
    let log = customer.log(&thread).await;
    assert_eq!((log.len(), &log[3]["answers"]["through"]), (4, &json!(2)));
    due(&world, "acme", &thread).await;
    assert_eq!(customer.log(&thread).await.len(), 4);
    assert_eq!(world.asked().len(), 1);
}

#[tokio::test]
async fn two_invocations_at_once_are_one_answer() {
    let world = World::start().await;
    let thread = waiting(&world).await;
    join!(due(&world, "acme", &thread), due(&world, "acme", &thread), due(&world, "acme", &thread));
    assert_eq!(world.customer().log(&thread).await.len(), 4);
    assert_eq!(world.asked().len(), 1);
}

#[tokio::test]
async fn where_nothing_waits_nothing_is_done() {
    let world = World::start().await;
    let (customer, thread) = (world.customer(), world.thread().await);
    due(&world, "acme", &thread).await;
    customer.says(&thread, "Hello").await.expect(200);
    due(&world, "acme", &thread).await;
    customer.escalates(&thread).await.expect(200);
    customer.says(&thread, "Hello?").await.expect(202);
    due(&world, "acme", &thread).await;
    let other = waiting(&world).await;
    due(&world, "other", &other).await;
    due(&world, "acme", "thr_01JD0000000000000000000000").await;
    customer.ends(&other).await.expect(200);
    due(&world, "acme", &other).await;
    assert_eq!(world.asked().len(), 1);
}

#[tokio::test]
async fn a_live_run_is_left_alone_and_a_dead_one_replaced() {
    let turned = Turned::default();
    let world = World::with(local::Options { clock: turned.clock(), ..brisk() }).await;
    let (customer, thread) = (world.customer(), world.thread().await);
    let hold = world.hold();
    join!(customer.says(&thread, "Hello"), async {
        hold.begun().await;
        due(&world, "acme", &thread).await;
        assert_eq!(world.asked().len(), 1);
        turned.by(Duration::from_secs(31));
        due(&world, "acme", &thread).await;
        assert_eq!(world.asked().len(), 2);
        hold.release();
    });
    assert_eq!(customer.transcript(&thread).await.len(), 2);
}

#[tokio::test]
async fn a_thread_taken_over_too_often_goes_to_a_person() {
    let turned = Turned::default();
    let world = World::with(local::Options { clock: turned.clock(), ..brisk() }).await;
    let (customer, thread) = (world.customer(), world.thread().await);
    let holds = [world.hold(), world.hold()];
    let again = async {
        for hold in &holds {
            hold.begun().await;
            turned.by(Duration::from_secs(31));
            if hold.number() < holds[1].number() {
                let (app, event) = (world.board.app().clone(), json!({ "tenant": "acme", "thread_id": thread }));
                let request = lambda_http::request::from_str(&event.to_string()).unwrap();
                tokio::spawn(async move { chat::handle(&app, request).await.map(|_| ()) });
            }
        }
        due(&world, "acme", &thread).await;
        for hold in &holds {
            hold.release();
        }
    };
    let (answer, ()) = join!(customer.says(&thread, "Hello"), again);
    assert_eq!(answer.expect(202).body["thread"]["reason"], "failure");
    assert_eq!(customer.transcript(&thread).await, ["customer: Hello", "[escalated]"]);
    assert_eq!(world.asked().len(), 2);
}

#[tokio::test]
async fn an_event_of_another_shape_is_refused() {
    let world = World::start().await;
    for event in [json!({ "tenant": "acme" }), json!({ "tenant": "acme", "thread_id": "nonsense" })] {
        assert_eq!(invoked(&world, event).await, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn a_token_that_ends_while_its_policy_is_kept_opens_nothing_more() {
    let turned = Turned::default();
    let world = World::with(local::Options { clock: turned.clock(), ..brisk() }).await;
    let thread = world.thread().await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({
        "iss": "switchboard", "aud": "switchboard", "exp": now + 3600, "sub": "root", "tenant": "acme", "role": "admin",
    });
    let admin = world.bearing(Some(world.board.tokens().sign(&claims)));
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
