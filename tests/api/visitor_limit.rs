//! The limit of visitors' tokens per address, through the real handler: which address counts, and how it is written.

use std::net::{IpAddr, Ipv4Addr};

use lambda_http::Request;
use local::Options;
use reqwest::header::ORIGIN;
use serde_json::{Value, json};
use visitor::{RateLimit, VisitorTokens, Visitors};

use tests::{persona::Answer, sample::event, stage::Stage, visitors::SHOP};

/// A stage whose limit is one token per address.
async fn strict_stage(header: Option<&str>) -> Stage {
    let visitor_rate_limit = rate_limit(header);
    Stage::with(Options { visitor_rate_limit, ..Options::default() }).await
}

fn rate_limit(header: Option<&str>) -> RateLimit {
    RateLimit { max_tokens: 1, address_header: header.map(|name| name.parse().unwrap()) }
}

#[tokio::test]
async fn each_address_is_counted_for_itself() {
    let stage = strict_stage(None).await;
    let chatbot = stage.public_chatbot().await;
    stage.anon().visits(&chatbot).await.expect(201);
    let refused = stage.anon().visits(&chatbot).await;
    let after: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=600).contains(&after), "{after}");
    let exposed = refused.headers["access-control-expose-headers"].to_str().unwrap();
    assert!(exposed.split(", ").any(|name| name == "retry-after"), "{exposed}");
    refused.problem(429, "over_budget");
    let neighbour = IpAddr::from(Ipv4Addr::new(127, 0, 0, 2));
    let neighbour = reqwest::Client::builder().local_address(neighbour).build().unwrap();
    let ask = json!({ "tenant": "acme", "chatbot_id": chatbot });
    let url = format!("{}/visitors", stage.board.url());
    Answer::of(neighbour.post(url).header(ORIGIN, SHOP).json(&ask)).await.expect(201);
}

#[tokio::test]
async fn behind_a_cdn_its_header_counts_and_without_one_the_header_is_the_clients_invention() {
    let stage = strict_stage(Some("CF-Connecting-IP")).await;
    let chatbot = stage.public_chatbot().await;
    let visits = async |address: &str| {
        let ask = json!({ "tenant": "acme", "chatbot_id": chatbot });
        let request = stage.anon().request(reqwest::Method::POST, "/visitors").header(ORIGIN, SHOP);
        Answer::of(request.header("cf-connecting-ip", address).json(&ask)).await
    };
    visits("198.51.100.1").await.expect(201);
    visits("198.51.100.2").await.expect(201);
    visits("198.51.100.1").await.problem(429, "over_budget");

    let stage = strict_stage(None).await;
    let chatbot = stage.public_chatbot().await;
    let visits = async |address: &str| {
        let ask = json!({ "tenant": "acme", "chatbot_id": chatbot });
        let request = stage.anon().request(reqwest::Method::POST, "/visitors").header(ORIGIN, SHOP);
        Answer::of(request.header("cf-connecting-ip", address).json(&ask)).await
    };
    visits("198.51.100.1").await.expect(201);
    visits("198.51.100.2").await.problem(429, "over_budget");
}

/// Two events count as one address if the second gets no token.
#[tokio::test]
async fn an_address_counts_once_in_whatever_form_it_is_written() {
    let same = [
        (from("192.0.2.10"), from("::ffff:192.0.2.10")),
        (from("::FFFF:C000:20A"), from("192.0.2.10")),
        (from("2001:db8:1:2::1"), from("2001:0db8:0001:0002:ffff:0:0:9")),
        (through("192.0.2.10:46532"), through("::ffff:192.0.2.10")),
        (through("2001:db8:1:2:3:4:5:6:46532"), through("[2001:db8:1:2::1]:80")),
        // Only the last of a list is the proxy's own word.
        (through("198.51.100.1, 192.0.2.10"), through("198.51.100.2, 192.0.2.10")),
        // No address in the header: the connection's counts.
        (through("unknown"), from("203.0.113.9")),
    ];
    for (first, second) in same {
        assert_eq!(visits_of(&first, &second).await, [201, 429], "{first} and {second}");
    }
}

#[tokio::test]
async fn other_addresses_count_for_themselves() {
    let different = [
        (from("::ffff:192.0.2.10"), from("::ffff:192.0.2.11")),
        (from("2001:db8:1:2::1"), from("2001:db8:1:3::1")),
        (through("192.0.2.10"), through("192.0.2.11")),
        (through("192.0.2.11, 192.0.2.10"), through("192.0.2.10, 192.0.2.11")),
    ];
    for (first, second) in different {
        assert_eq!(visits_of(&first, &second).await, [201, 201], "{first} and {second}");
    }
}

/// Changes of the sample event: it comes from this address.
fn from(address: &str) -> Value {
    json!({ "source": address })
}

/// It comes from a CDN at 203.0.113.9, which passes on this address.
fn through(address: &str) -> Value {
    json!({ "source": "203.0.113.9", "header": address })
}

/// The statuses of two requests for a token, to the function as API Gateway calls it.
async fn visits_of(first: &Value, second: &Value) -> [u16; 2] {
    let stage = strict_stage(None).await;
    let chatbot = stage.public_chatbot().await;
    let tokens = VisitorTokens::new("visitors-visitors-visitors-visitors");
    let visitors = Visitors { tokens, rate_limit: rate_limit(Some("CloudFront-Viewer-Address")) };
    let mut statuses = [0; 2];
    for (status, visit) in statuses.iter_mut().zip([first, second]) {
        let text = event("visitor-create").replace("bot_01JD0000000000000000000000", &chatbot);
        let mut event: Value = serde_json::from_str(&text).unwrap();
        event["requestContext"]["identity"]["sourceIp"] = visit["source"].clone();
        if let Some(address) = visit.get("header") {
            event["multiValueHeaders"]["CloudFront-Viewer-Address"] = json!([address]);
        }
        let request: Request = lambda_http::request::from_str(&event.to_string()).unwrap();
        let response = Box::pin(visitor::handle(stage.board.app(), &visitors, request)).await.unwrap();
        *status = response.status().as_u16();
    }
    statuses
}

#[test]
fn the_limit_is_for_a_school_unless_the_environment_says_otherwise() {
    let read = |limit: &str, header: &str| {
        let set = [("VISITOR_LIMIT", limit.to_owned()), ("CLIENT_ADDRESS_HEADER", header.to_owned())];
        RateLimit::read(|name| {
            set.iter().find(|(known, value)| *known == name && !value.is_empty()).map(|it| it.1.clone())
        })
    };
    assert_eq!(read("", "").unwrap().max_tokens, 300);
    assert!(read("", "").unwrap().address_header.is_none());
    let set = read("7", "True-Client-IP").unwrap();
    assert_eq!((set.max_tokens, set.address_header.unwrap().as_str()), (7, "true-client-ip"));
    for limit in ["0", "-1", "many"] {
        assert_eq!(read(limit, "").unwrap_err(), "VISITOR_LIMIT must be a whole number, 1 or more");
    }
    assert_eq!(read("", "two words").unwrap_err(), "CLIENT_ADDRESS_HEADER must be the name of a header");
}
