//! The sample events: they have AWS's format, there is one for every route of the template, and each works.

mod cargo_lambda;
mod payload;
mod permissions;
mod played;
mod player;
mod policies;
mod topic;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use aws_lambda_events::apigw::ApiGatewayCustomAuthorizerRequestTypeRequest;
use lambda_http::{RequestExt as _, request::RequestContext};
use yaml_serde::Value;

use tests::sample::event;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn names(of: impl Fn(&str) -> bool) -> Vec<String> {
    let files = std::fs::read_dir(root().join("events")).expect("events/ is there");
    let names = files.map(|file| file.expect("it is listed").path());
    let names = names.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()));
    names.filter(|name| of(name)).collect()
}

fn template() -> Value {
    let text = std::fs::read_to_string(root().join("template.yaml")).expect("template.yaml is there");
    yaml_serde::from_str(&text).expect("template.yaml is YAML")
}

fn is_rest(name: &str) -> bool {
    !name.starts_with("socket-") && !name.starts_with("authorizer-") && !["chat-run", "sweep"].contains(&name)
}

#[test]
fn every_rest_route_of_the_template_has_an_event_and_no_other() {
    let template = template();
    let resources = template["Resources"].as_mapping().expect("a template has resources");
    let functions = resources.values().filter_map(|resource| resource["Properties"]["Events"].as_mapping());
    let routes: BTreeSet<_> = functions
        .flat_map(|events| events.values())
        .filter(|event| event["Type"] == "Api")
        .map(|event| &event["Properties"])
        .map(|route| format!("{} {}", route["Method"].as_str().unwrap(), route["Path"].as_str().unwrap()))
        .collect();

    let events: BTreeSet<_> = names(is_rest)
        .iter()
        .map(|name| {
            let request = lambda_http::request::from_str(&event(name)).expect("it parses");
            let RequestContext::ApiGatewayV1(context) = request.request_context() else {
                panic!("{name} is not a REST event");
            };
            assert!(!request.path_parameters().iter().any(|(_, value)| value.contains('{')), "{name}");
            if !name.starts_with("visitor-") {
                assert_eq!(context.authorizer.fields["expires"], "4102444800", "{name}");
            }
            format!("{} {}", request.method(), context.resource_path.expect("API Gateway always names it"))
        })
        .collect();

    assert_eq!(events, routes);
}

#[test]
fn every_socket_route_of_the_template_has_an_event_and_no_other() {
    let template = template();
    let routes = template["Resources"]["SocketApi"]["Properties"]["Routes"].as_mapping().expect("it has routes");
    let routes: BTreeSet<_> = routes.keys().map(|route| route.as_str().unwrap().to_owned()).collect();

    let events: BTreeSet<_> = names(|name| name.starts_with("socket-"))
        .iter()
        .map(|name| {
            let request = lambda_http::request::from_str(&event(name)).expect("it parses");
            let RequestContext::WebSocket(context) = request.request_context() else {
                panic!("{name} is not a WebSocket event");
            };
            assert!(context.connection_id.is_some(), "{name}");
            assert_eq!(context.authorizer.fields["tenant"], "acme", "{name}");
            context.route_key.expect("API Gateway always names it")
        })
        .collect();

    assert_eq!(events, routes);
}

#[test]
fn the_plain_events_are_no_http_requests() {
    for name in ["chat-run", "sweep"] {
        let request = lambda_http::request::from_str(&event(name)).expect("it parses");
        assert!(matches!(request.request_context(), RequestContext::PassThrough), "{name}");
    }
}

#[test]
fn both_authorizer_events_parse_and_name_their_stage() {
    for name in ["authorizer-rest", "authorizer-socket"] {
        let request: ApiGatewayCustomAuthorizerRequestTypeRequest =
            serde_json::from_str(&event(name)).expect("it parses");
        assert!(request.method_arn.expect("API Gateway always names it").contains("/v1/"), "{name}");
    }
}
