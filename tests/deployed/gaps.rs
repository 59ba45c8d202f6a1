//! The gaps of the emulator, in one place. Each test checks that it is still lacking: one that fails tells that a newer
//! emulator has it, and that the contract's tests can ask for it. The streams are in [`streams`](super::streams).

use reqwest::{
    Method,
    header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE},
};
use serde_json::{Value, json};
use tokio_tungstenite::{connect_async, tungstenite, tungstenite::client::IntoClientRequest};

use super::Cloud;
use tests::persona::Answer;

/// AWS takes alarms that sum the metric of several functions.
#[tokio::test]
async fn no_alarms_with_metric_math() {
    let cloud = Cloud::get();
    let metric = json!({ "Namespace": "AWS/Lambda", "MetricName": "Errors" });
    let template = json!({ "Resources": { "Alarm": { "Type": "AWS::CloudWatch::Alarm", "Properties": {
        "ComparisonOperator": "GreaterThanThreshold", "Threshold": 0, "EvaluationPeriods": 1,
        "Metrics": [
            { "Id": "all", "Expression": "SUM(METRICS())" },
            { "Id": "one", "ReturnData": false, "MetricStat": { "Metric": metric, "Period": 60, "Stat": "Sum" } },
        ],
    } } } });
    let create = ["cloudformation", "create-stack", "--stack-name", "metric-math", "--template-body"];
    cloud.aws(&[&create[..], &[&template.to_string()]].concat()).await.unwrap();
    let describe = ["cloudformation", "describe-stack-events", "--stack-name", "metric-math"];
    let reason = super::eventually(async || {
        let events = cloud.aws(&describe).await.unwrap();
        let mut events = events["StackEvents"].as_array().unwrap().iter();
        // Of the stack: its end. Of the alarm: the reason.
        let end = events.clone().find(|event| event["ResourceType"] == "AWS::CloudFormation::Stack")?;
        let status = end["ResourceStatus"].as_str().filter(|status| status.ends_with("_COMPLETE"))?;
        let reason =
            events.find_map(|event| event["ResourceStatusReason"].as_str().filter(|it| it.contains("metric math")));
        Some((status.to_owned(), reason.map(str::to_owned)))
    });
    let (status, reason) = reason.await;
    assert!(status == "ROLLBACK_COMPLETE" && reason.is_some(), "{status} {reason:?}");
}

/// On AWS the reference of a secret is its ARN; the emulator gives its name.
#[tokio::test]
async fn no_arn_as_the_reference_of_a_secret() {
    let cloud = Cloud::get();
    let template = json!({
        "Resources": { "Key": { "Type": "AWS::SecretsManager::Secret", "Properties": { "SecretString": "text" } } },
        "Outputs": { "Reference": { "Value": { "Ref": "Key" } } },
    });
    let create = ["cloudformation", "create-stack", "--stack-name", "reference", "--template-body"];
    cloud.aws(&[&create[..], &[&template.to_string()]].concat()).await.unwrap();
    let reference = super::eventually(async || {
        let stack = cloud.aws(&["cloudformation", "describe-stacks", "--stack-name", "reference"]).await.unwrap();
        Some(stack["Stacks"][0]["Outputs"][0]["OutputValue"].as_str()?.to_owned())
    });
    let reference = reference.await;
    assert!(!reference.starts_with("arn:"), "{reference}");
}

/// AWS answers the gateway's own refusals as the template's gateway responses say: problem+json, with CORS headers.
#[tokio::test]
async fn no_gateway_responses() {
    let cloud = Cloud::get();
    for (caller, path) in [(cloud.bearing(None), "/threads"), (cloud.customer(), "/nowhere")] {
        let refused = Answer::of_emulator(caller.request(Method::GET, path)).await;
        assert_eq!(refused.headers[CONTENT_TYPE], "application/json", "{}", refused.body);
        assert_eq!(refused.headers.get(ACCESS_CONTROL_ALLOW_ORIGIN), None);
        assert_eq!(refused.body["code"], Value::Null);
    }
}

/// AWS answers a browser's preflight with the template's CORS headers.
#[tokio::test]
async fn no_preflight_headers() {
    let cloud = Cloud::get();
    let preflight = cloud.bearing(None).request(Method::OPTIONS, "/threads");
    let preflight = preflight.header("origin", "https://shop.example").header("access-control-request-method", "POST");
    let answer = preflight.send().await.unwrap();
    assert_eq!(answer.headers().get(ACCESS_CONTROL_ALLOW_ORIGIN), None);
}

/// AWS calls a WebSocket authorizer without identity sources for every client. The emulator asks for the header
/// `Authorization`, so that browsers, which cannot set it, are refused; nor does it pass on a subprotocol.
#[tokio::test]
async fn no_websocket_authorizer_without_identity_source_and_no_subprotocol() {
    let cloud = Cloud::get();
    let customer = cloud.customer();
    let bearer = format!("bearer.{}", customer.token.as_deref().unwrap());
    let mut request = cloud.output("SocketUrl").into_client_request().unwrap();
    let offered = format!("switchboard.v1, {bearer}");
    request.headers_mut().insert("sec-websocket-protocol", offered.parse().unwrap());
    let Err(tungstenite::Error::Http(refused)) = connect_async(request.clone()).await else {
        panic!("the connection was accepted")
    };
    assert_eq!(refused.status(), 401);

    let header = format!("Bearer {}", customer.token.as_deref().unwrap());
    request.headers_mut().insert("authorization", header.parse().unwrap());
    let Err(tungstenite::Error::Protocol(error)) = connect_async(request).await else {
        panic!("a subprotocol was chosen")
    };
    assert_eq!(
        error,
        tungstenite::error::ProtocolError::SecWebSocketSubProtocolError(
            tungstenite::error::SubProtocolError::NoSubProtocol
        )
    );
}
