//! The services of AWS that a laptop has for other processes: closed until asked for, and then only for signed requests
//! that no web page sent.

use std::time::{Duration, SystemTime};

use aws_sdk_apigatewaymanagement::primitives::Blob;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use futures::StreamExt;
use local::{AccessKey, Options, TABLE};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use tests::{signed::signed, stage::Stage};

const TARGET: &str = "x-amz-target";
const SCAN: &str = "DynamoDB_20120810.Scan";
const BODY: &str = "{\"TableName\": \"switchboard\"}";

/// The status and the error's name of a response.
async fn outcome(request: RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    let error = response.headers().get("x-amzn-errortype").map(|name| name.to_str().unwrap().to_owned());
    (response.status().as_u16(), error.unwrap_or_default())
}

fn refused(error: &str) -> (u16, String) {
    (403, error.to_owned())
}

/// A scan of the table by its own port, signed with this key.
fn scan(url: &str, key: &AccessKey) -> RequestBuilder {
    signed(key, "dynamodb", (Method::POST, url), &[(TARGET, SCAN)], BODY)
}

async fn open() -> (Stage, AccessKey, String) {
    let stage = Stage::with(Options { share: true, ..Options::default() }).await;
    let (key, url) = (stage.board.tokens().access_key(), stage.board.endpoints().database_url.clone().unwrap());
    (stage, key, format!("{url}/"))
}

#[tokio::test]
async fn nothing_is_open_before_it_is_asked_for() {
    let stage = Stage::start().await;
    let (key, url) = (stage.board.tokens().access_key(), stage.board.url());
    assert_eq!(stage.board.endpoints().database_url, None);
    let invocation = format!("{url}/2015-03-31/functions/chat/invocations");
    let invoke = signed(&key, "lambda", (Method::POST, &invocation), &[("x-amz-invocation-type", "Event")], "{}");
    assert_eq!(outcome(invoke).await, refused("AccessDeniedException"));
    let connection = format!("{url}/@connections/any");
    let post = signed(&key, "execute-api", (Method::POST, &connection), &[], "hello");
    assert_eq!(outcome(post).await, refused("AccessDeniedException"));
    // The door that opens the others asks for the key too.
    let ask = format!("{url}/@share");
    assert_eq!(outcome(Client::new().post(&ask).body("{}")).await, refused("MissingAuthenticationTokenException"));
    let opened = signed(&key, "switchboard", (Method::POST, &ask), &[], "{}").send().await.unwrap();
    let opened: Value = opened.json().await.unwrap();
    let table = format!("{}/", opened["database_url"].as_str().unwrap());
    assert_eq!(outcome(scan(&table, &key)).await, (200, String::new()));
    let post = signed(&key, "execute-api", (Method::POST, &connection), &[], "hello");
    assert_eq!(outcome(post).await, (410, "GoneException".to_owned()));
}

#[tokio::test]
async fn a_request_is_taken_only_as_it_was_signed() {
    let (stage, key, url) = open().await;
    let other = Stage::start().await;
    let built = |request: RequestBuilder| request.build().unwrap();
    let sent = |request: reqwest::Request| outcome(RequestBuilder::from_parts(Client::new(), request));
    assert_eq!(outcome(scan(&url, &key)).await, (200, String::new()));

    let unsigned = Client::new().post(&url).header(TARGET, SCAN).body(BODY);
    assert_eq!(outcome(unsigned).await, refused("MissingAuthenticationTokenException"));
    let bearer = Client::new().post(&url).header(TARGET, SCAN).bearer_auth(stage.board.token("acme", "admin", "root"));
    assert_eq!(outcome(bearer.body(BODY)).await, refused("MissingAuthenticationTokenException"));
    let foreign = scan(&url, &other.board.tokens().access_key());
    assert_eq!(outcome(foreign).await, refused("UnrecognizedClientException"));

    let mut changes = Vec::new();
    let mut change = |name: &'static str, change: &dyn Fn(&mut reqwest::Request)| {
        let mut request = built(scan(&url, &key));
        change(&mut request);
        changes.push((name, request));
    };
    let replaced = |request: &mut reqwest::Request, name: &'static str, from: &str, to: &str| {
        let value = request.headers()[name].to_str().unwrap().replacen(from, to, 1);
        request.headers_mut().insert(name, value.parse().unwrap());
    };
    change("the body", &|request| *request.body_mut() = Some("{\"TableName\": \"others\"}".into()));
    change("the operation", &|request| replaced(request, TARGET, "Scan", "DeleteTable"));
    change("the path", &|request| request.url_mut().set_path("/x"));
    change("the query", &|request| request.url_mut().set_query(Some("a=b")));
    change("the method", &|request| *request.method_mut() = Method::PUT);
    change("the operation, unsigned", &|request| replaced(request, "authorization", ";x-amz-target", ""));
    change("the host, unsigned", &|request| replaced(request, "authorization", "host;", ""));
    change("the region", &|request| replaced(request, "authorization", "eu-central-1", "us-east-1"));
    change("the service", &|request| replaced(request, "authorization", "/dynamodb/", "/lambda/"));
    change("the signature", &|request| replaced(request, "authorization", "Signature=", "Signature=00"));
    change("no signature", &|request| replaced(request, "authorization", "Signature=", "Signature=zz"));
    change("the date", &|request| replaced(request, "x-amz-date", "20", "19"));
    assert_eq!(changes.len(), 12);
    for (name, request) in changes {
        assert_eq!(sent(request).await, refused("InvalidSignatureException"), "{name}");
    }
    let mut twice = built(scan(&url, &key));
    let authorization = twice.headers()["authorization"].clone();
    twice.headers_mut().append("authorization", authorization);
    assert_eq!(sent(twice).await, refused("MissingAuthenticationTokenException"));
}

#[tokio::test]
async fn no_web_page_gets_in_even_with_the_key() {
    let (stage, key, table) = open().await;
    let gateway = stage.board.url();
    let services = [
        (table.clone(), "dynamodb"),
        (format!("{gateway}/2015-03-31/functions/chat/invocations"), "lambda"),
        (format!("{gateway}/@connections/any"), "execute-api"),
        (format!("{gateway}/@share"), "switchboard"),
    ];
    for (url, service) in services {
        for origin in ["https://evil.example", "null", stage.board.url()] {
            let request = signed(&key, service, (Method::POST, &url), &[], "{}").header("origin", origin);
            assert_eq!(outcome(request).await, refused("AccessDeniedException"), "{service} from {origin}");
        }
        // A name of the attacker's that leads to 127.0.0.1.
        for host in ["evil.example", "evil.example:80", "192.0.2.1:3000", "localhost.evil.example", ""] {
            let request = signed(&key, service, (Method::POST, &url), &[], "{}").header("host", host);
            assert_eq!(outcome(request).await, refused("AccessDeniedException"), "{service} as {host}");
        }
    }
    let port = table.trim_end_matches('/').rsplit(':').next().unwrap();
    let by_name = format!("http://localhost:{port}/");
    assert_eq!(outcome(scan(&by_name, &key)).await, (200, String::new()));
    // `switchboard env --host` makes a name known.
    let ask = json!({ "host": "laptop.docker.internal" }).to_string();
    let url = format!("{gateway}/@share");
    signed(&key, "switchboard", (Method::POST, &url), &[], ask).send().await.unwrap().error_for_status().unwrap();
    let known = scan(&table, &key).header("host", "laptop.docker.internal:8000");
    // Known, but not what was signed.
    assert_eq!(outcome(known).await, refused("InvalidSignatureException"));
}

#[tokio::test]
async fn the_sdks_get_in_with_the_key_that_env_prints() {
    let (stage, key, table) = open().await;
    let credentials = Credentials::new(key.id(), key.secret(), None, None, "test");
    // Any region: `sam local` sets one of its own.
    let region = Region::new("us-east-1");
    let dynamo = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(region.clone())
        .credentials_provider(credentials.clone())
        .endpoint_url(&table);
    let dynamo = aws_sdk_dynamodb::Client::from_conf(dynamo.build());
    let thread = stage.thread().await;
    assert!(dynamo.scan().table_name(TABLE).send().await.unwrap().count() > 2);
    assert_eq!(dynamo.list_tables().send().await.unwrap().table_names(), [TABLE]);

    let lambda = aws_sdk_lambda::Config::builder()
        .behavior_version(aws_sdk_lambda::config::BehaviorVersion::latest())
        .region(region.clone())
        .credentials_provider(credentials.clone())
        .endpoint_url(stage.board.url());
    let invoke = aws_sdk_lambda::Client::from_conf(lambda.build()).invoke().function_name("chat");
    let event = json!({ "tenant": "acme", "thread_id": thread }).to_string();
    let invoke = invoke.invocation_type(aws_sdk_lambda::types::InvocationType::Event);
    let invoked = invoke.payload(aws_sdk_lambda::primitives::Blob::new(event)).send().await.unwrap();
    assert_eq!(invoked.status_code(), 202);
    stage.board.invocations().finished().await;

    let mut socket = stage.customer().connects().await;
    let management = aws_sdk_apigatewaymanagement::Config::builder()
        .behavior_version(aws_sdk_apigatewaymanagement::config::BehaviorVersion::latest())
        .region(region)
        .credentials_provider(credentials)
        .endpoint_url(stage.board.url());
    let management = aws_sdk_apigatewaymanagement::Client::from_conf(management.build());
    // The id ends with `=`, which the path escapes and the signature escapes once more.
    let id = stage.board.connections().ids().remove(0);
    management.post_to_connection().connection_id(id).data(Blob::new("{\"hello\": 1}")).send().await.unwrap();
    assert_eq!(socket.0.next().await.unwrap().unwrap().to_text().unwrap(), "{\"hello\": 1}");
}

/// A head that never ends, and one that never begins: both are hung up on.
#[tokio::test]
async fn a_head_that_does_not_come_in_ten_seconds_is_not_waited_for() {
    let (stage, _, table) = open().await;
    let address = |url: &str| url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let ends = [address(stage.board.url()), address(&table)].into_iter().flat_map(|address| {
        ["GET /threads HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: ", ""].map(|start| {
            let address = address.clone();
            async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.write_all(start.as_bytes()).await.unwrap();
                let began = SystemTime::now();
                let mut rest = Vec::new();
                // Reset or closed.
                let _ = stream.read_to_end(&mut rest).await;
                began.elapsed().unwrap()
            }
        })
    });
    for waited in futures::future::join_all(ends).await {
        assert!(waited < Duration::from_secs(20), "{waited:?}");
    }
}
