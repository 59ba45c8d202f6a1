//! The permissions that a function's calls to AWS need, in the terms of its policy.

use std::{
    collections::BTreeSet,
    fmt::Debug,
    sync::{Arc, Mutex, PoisonError},
};

use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::HttpRequest,
    runtime_components::RuntimeComponents,
};
use local::{
    Switchboard, TABLE, dynamo,
    gateway::{
        invocations,
        management::{self, InProcess},
    },
};
use serde_json::Value;
use shared::{App, Invoker, sockets::Sockets, store::Store};
use tests::topic::TopicServer;

/// An action and its resource: the `table`, one of its indexes (`index/status`), sockets (`POST/@connections/*`), a
/// function (`chat`), or the `topic`.
pub(super) type Permission = (String, String);

/// The permissions needed so far; clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Needed(Arc<Mutex<BTreeSet<Permission>>>);

/// The app of one function, on wires that record the permissions that it needs.
pub(super) struct Watched {
    pub(super) app: App,
    /// The topic as this function alone sees it.
    pub(super) topic: TopicServer,
    needed: Needed,
}

impl Watched {
    pub(super) async fn on(board: &Switchboard, database: &dynamo::InProcess) -> Self {
        let needed = Needed::default();
        let table = dynamo::client_over(Wire { end: database.clone(), needed: needed.clone() });
        let sockets =
            management::client_over(Wire { end: InProcess::new(board.connections()), needed: needed.clone() });
        let functions = invocations::InProcess::new(board.invocations());
        let lambda = invocations::client_over(Wire { end: functions, needed: needed.clone() });
        let (store, sockets) = (Store::new(table, TABLE.into()), Sockets::new(sockets));
        let invoker = Some(Invoker::new(lambda, "chat".into()));
        let topic = TopicServer::start().await;
        let queued_topic = Some(topic.topic());
        let app = App { store, sockets, invoker, queued_topic, ..board.app().as_ref().clone() };
        // As `App::from_env` does at a cold start.
        app.store.connect().await;
        Self { app, topic, needed }
    }

    pub(super) fn needed(&self) -> BTreeSet<Permission> {
        let mut needed = self.needed.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        needed.extend((self.topic.requests() > 0).then(|| ("sns:Publish".into(), "topic".into())));
        needed
    }
}

#[derive(Clone, Debug)]
struct Wire<End> {
    end: End,
    needed: Needed,
}

impl<End: HttpConnector + Clone + Debug + 'static> HttpClient for Wire<End> {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl<End: HttpConnector> HttpConnector for Wire<End> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let needs = match request.headers().get("x-amz-target") {
            Some(target) => of_table(target, request.body().bytes().unwrap_or_default()),
            None if request.uri().ends_with("/functions/chat/invocations") => {
                vec![("lambda:InvokeFunction".into(), "chat".into())]
            }
            None => vec![of_sockets(&request)],
        };
        self.needed.0.lock().unwrap_or_else(PoisonError::into_inner).extend(needs);
        self.end.call(request)
    }
}

/// The permissions of a call to DynamoDB: a transaction needs those of its members one by one; every other operation
/// has the name of its action.
fn of_table(target: &str, body: &[u8]) -> Vec<Permission> {
    let asked: Value = serde_json::from_slice(body).expect("the SDK sends JSON");
    let action = |name: &str| format!("dynamodb:{name}");
    match target.rsplit('.').next().unwrap_or_default() {
        "TransactWriteItems" => {
            let members = asked["TransactItems"].as_array().expect("a transaction has members");
            let kinds = members.iter().flat_map(|member| member.as_object().expect("a member is named").keys());
            let name = |kind: &String| {
                if kind == "ConditionCheck" { "ConditionCheckItem".into() } else { kind.clone() + "Item" }
            };
            kinds.map(|kind| (action(&name(kind)), "table".into())).collect()
        }
        operation => {
            let place = asked["IndexName"].as_str().map_or("table".into(), |index| format!("index/{index}"));
            vec![(action(operation), place)]
        }
    }
}

fn of_sockets(request: &HttpRequest) -> Permission {
    ("execute-api:ManageConnections".into(), format!("{}/@connections/*", request.method()))
}
