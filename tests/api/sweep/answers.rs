//! Messages of customers that wait for the bot.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::HttpRequest,
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use local::gateway::invocations;
use shared::{App, Invoker};
use tokio::{join, runtime};

use super::stage;
use tests::{sample::event, stage::Stage};

const LEASE: Duration = Duration::from_secs(31);

/// A thread held by `ana`, with a question that she has not answered.
async fn asked(stage: &Stage) -> String {
    let thread = stage.thread().await;
    stage.agent().claims(&thread).await.expect(200);
    stage.customer().says(&thread, "Anybody?").await.expect(202);
    thread
}

async fn last_role(stage: &Stage, thread: &str) -> String {
    stage.customer().log(thread).await.last().unwrap()["role"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_release_to_the_bot_answers_the_customer_who_waits() {
    let (stage, _) = stage().await;
    let thread = asked(&stage).await;
    stage.agent().releases(&thread, "bot").await.expect(200);
    stage.board.invocations().finished().await;
    assert_eq!(last_role(&stage, &thread).await, "bot");
    // A repeated release is not another question.
    stage.agent().releases(&thread, "bot").await.expect(200);
    stage.sweeps().await;
    assert_eq!((stage.asked().len(), stage.customer().log(&thread).await.len()), (1, 4));
}

#[tokio::test]
async fn an_invocation_that_got_lost_is_made_up_for_by_the_sweep() {
    let (stage, _) = stage().await;
    let thread = asked(&stage).await;
    stage.releases_unheard(&thread).await;
    assert_eq!(stage.asked().len(), 0);
    join!(stage.sweeps(), stage.sweeps(), stage.sweeps());
    assert_eq!(last_role(&stage, &thread).await, "bot");
    assert_eq!((stage.asked().len(), stage.customer().log(&thread).await.len()), (1, 4));
}

/// A wire to Lambda on which every call fails, and is counted.
#[derive(Clone, Debug, Default)]
struct Cut(Arc<AtomicUsize>);

impl HttpClient for Cut {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Cut {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        self.0.fetch_add(1, SeqCst);
        HttpConnectorFuture::ready(Err(ConnectorError::io("the connection was refused".into())))
    }
}

/// Releases the thread to the bot as `ana` while Lambda cannot be reached. Returns the number of attempts.
async fn releases_out_of_reach(stage: &Stage, thread: &str) -> usize {
    let cut = Cut::default();
    let invoker = Some(Invoker::new(invocations::client_over(cut.clone()), "chat".into()));
    let app = App { invoker, ..stage.board.app().as_ref().clone() };
    let release = event("handoff-release").replace("thr_01JD0000000000000000000000", thread);
    let answer = handoff::handle(&app, lambda_http::request::from_str(&release).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200);
    cut.0.load(SeqCst)
}

#[tokio::test]
async fn a_release_is_done_even_where_chat_cannot_be_invoked() {
    let (stage, _) = stage().await;
    let thread = asked(&stage).await;
    assert_eq!(Box::pin(releases_out_of_reach(&stage, &thread)).await, 1);
    stage.sweeps().await;
    assert_eq!(last_role(&stage, &thread).await, "bot");
}

#[tokio::test]
async fn where_nobody_waits_a_release_invokes_nobody() {
    let (stage, _) = stage().await;
    let thread = stage.thread().await;
    stage.agent().claims(&thread).await.expect(200);
    assert_eq!(Box::pin(releases_out_of_reach(&stage, &thread)).await, 0);
    stage.sweeps().await;
    assert_eq!(stage.asked().len(), 0);
}

#[tokio::test]
async fn a_run_that_crashed_is_answered_after_its_lease() {
    let (stage, turned) = stage().await;
    let customer = stage.persona("acme", "customer", "cara");
    let thread = stage.thread_of(&customer, &stage.chatbot().await).await;
    let hold = stage.hold();
    let chat = event("chat").replace("thr_01JD0000000000000000000000", &thread);
    let (app, request) = (stage.board.app().clone(), lambda_http::request::from_str(&chat).unwrap());
    // Everything that runs in this runtime dies with it, at any point.
    let sandbox = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    sandbox.spawn(async move { chat::handle(&app, request).await.map(|_| ()) });
    hold.begun().await;
    tokio::task::spawn_blocking(move || drop(sandbox)).await.unwrap();
    hold.release();

    stage.sweeps().await;
    assert_eq!((stage.asked().len(), customer.log(&thread).await.len()), (1, 1));
    turned.by(LEASE);
    stage.sweeps().await;
    stage.sweeps().await;
    let log = customer.log(&thread).await;
    assert_eq!((stage.asked().len(), log.len(), &log[1]["role"]), (2, 2, &"bot".into()));
    assert_eq!(stage.standin().counts().conversations, 1, "the conversation in doubt is deleted");
}

#[tokio::test]
async fn a_run_that_has_renewed_its_lease_is_left_alone() {
    let (stage, turned) = stage().await;
    let (customer, thread, store) = (stage.customer(), stage.thread().await, &stage.board.app().store);
    let hold = stage.hold();
    let (answer, ()) = join!(customer.says(&thread, "Hello"), async {
        hold.begun().await;
        let begun = stage.stored(&thread).await;
        let run = begun.run.clone().unwrap();
        store.run_renew(&begun, &run.id, run.lease_until + LEASE).await.unwrap();
        turned.by(LEASE);
        let before = stage.stored(&thread).await;
        stage.sweeps().await;
        assert_eq!(stage.stored(&thread).await, before);
        hold.release();
    });
    answer.expect(200);
    assert_eq!(stage.asked().len(), 1);
}
