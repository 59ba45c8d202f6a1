//! The requests that the functions make of the table, replayed on emulators of DynamoDB by other authors.
//!
//! The embedded database is one reading of DynamoDB's documentation; moto and ministack are two others. A story is
//! played on the embedded one, and each of its requests, in the same order, then has to mean the same on the others.

mod deviation;
mod meaning;
mod story;

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
};

use local::{TABLE, template::Template};
use serde_json::{Value, json};
use tests::recording::Exchange;

use self::{deviation::Deviation, meaning::Meaning};
use super::emulator::Emulator;

/// The operations that functions and commands use.
const OPERATIONS: [&str; 9] = [
    "BatchGetItem",
    "BatchWriteItem",
    "DeleteItem",
    "GetItem",
    "PutItem",
    "Query",
    "Scan",
    "TransactWriteItems",
    "UpdateItem",
];

/// `MOTO_SERVER` names the program of that name; without it the test does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_means_the_same_on_moto() {
    let Some(program) = env::var_os("MOTO_SERVER") else { return };
    let replayed = Replayed::on(&Emulator::moto(&program).await, &story::played().await).await;
    assert_eq!(replayed.differences, Vec::<String>::new());
    assert_eq!(replayed.explained, BTreeSet::from([Deviation::LastFullPage, Deviation::RepeatedToken]));
}

/// `MINISTACK` names the program of that name; without it the test does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_means_the_same_on_ministack() {
    let Some(program) = env::var_os("MINISTACK") else { return };
    let replayed = Replayed::on(&Emulator::ministack(&program, "dynamodb").await, &story::played().await).await;
    assert_eq!(replayed.differences, Vec::<String>::new());
    assert_eq!(replayed.explained, BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_story_makes_requests_of_every_kind() {
    let recorded = story::played().await;
    let different: BTreeSet<String> =
        recorded.iter().map(|made| format!("{} {}", made.operation, made.request)).collect();
    let kinds: BTreeSet<String> = recorded.iter().map(kind).collect();
    println!("{} requests, {} different ones, of {} kinds", recorded.len(), different.len(), kinds.len());
    assert!(different.len() >= 400, "{}", different.len());
    assert!(kinds.len() >= 30, "{}", kinds.len());

    let operations: BTreeSet<&str> = recorded.iter().map(|made| made.operation.as_str()).collect();
    assert_eq!(operations, BTreeSet::from(OPERATIONS));

    let mut refusals = BTreeMap::<String, usize>::new();
    for made in recorded.iter().filter(|made| made.status != 200) {
        *refusals.entry(Meaning::of(made.status, &made.response).error()).or_default() += 1;
    }
    println!("{refusals:#?}");
    let named: Vec<_> = refusals.keys().map(String::as_str).collect();
    assert!(named.iter().any(|error| error.starts_with("ConditionalCheckFailedException")), "{named:?}");
    assert!(named.iter().any(|error| error.contains("[None, ConditionalCheckFailed")), "{named:?}");
    assert!(named.iter().any(|error| error.contains("[ConditionalCheckFailed")), "{named:?}");
    let pages = recorded.iter().filter(|made| made.response.get("LastEvaluatedKey").is_some()).count();
    let cursors = recorded.iter().filter(|made| made.request.get("ExclusiveStartKey").is_some()).count();
    assert!(pages > 10 && cursors > 10, "{pages} pages, {cursors} cursors");
}

/// A request without its values: two of one kind differ in ids, texts and times alone.
fn kind(made: &Exchange) -> String {
    fn blank(value: &Value) -> Value {
        match value {
            Value::Object(fields) if fields.len() == 1 && fields.keys().all(|name| name.len() <= 4) => json!(null),
            Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), blank(value))).collect(),
            // However many of them there are.
            Value::Array(items) => {
                items.iter().map(|item| blank(item).to_string()).collect::<BTreeSet<_>>().into_iter().collect()
            }
            Value::Number(_) => json!(0),
            other => other.clone(),
        }
    }
    let mut request = made.request.clone();
    request.as_object_mut().unwrap().remove("ClientRequestToken");
    format!("{} {}", made.operation, blank(&request))
}

/// The outcome of a replay.
struct Replayed {
    /// A line for each response that means something else.
    differences: Vec<String>,
    /// The known deviations of the emulator that were met instead.
    explained: BTreeSet<Deviation>,
}

impl Replayed {
    /// Replays the requests on a new table of the emulator.
    async fn on(emulator: &Emulator, recorded: &[Exchange]) -> Self {
        create_table(emulator).await;
        let (mut differences, mut explained) = (Vec::new(), BTreeSet::new());
        for (number, made) in recorded.iter().enumerate() {
            let (status, response) = emulator.asks(&made.operation, &made.request).await;
            let [here, there] = [Meaning::of(made.status, &made.response), Meaning::of(status, &response)];
            if here == there {
                continue;
            }
            if let Some(deviation) = Deviation::of(&recorded[..=number], &here, &there) {
                explained.insert(deviation);
            } else {
                let Exchange { operation, request, .. } = made;
                differences.push(format!("{number} {operation} {request}\n   here: {here}\n  there: {there}\n"));
            }
        }
        println!("{} requests replayed, {} differences, {explained:?}", recorded.len(), differences.len());
        Self { differences, explained }
    }
}

/// Creates the table as the template describes it.
async fn create_table(emulator: &Emulator) {
    let mut request = Template::built_in().unwrap().table;
    let create = request.as_object_mut().unwrap();
    create.retain(|name, _| ["AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes"].contains(&name.as_str()));
    create.insert("TableName".to_owned(), json!(TABLE));
    create.insert("BillingMode".to_owned(), json!("PAY_PER_REQUEST"));
    let (status, response) = emulator.asks("CreateTable", &request).await;
    assert_eq!(status, 200, "{response}");
}
