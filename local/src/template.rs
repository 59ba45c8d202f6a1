//! The routes, gateway responses, table and time limits of `template.yaml`, the one list of what is deployed.
//!
//! The template is compiled in, so the binary serves the routes that it was built with, wherever it is started.

mod resources;

use std::{collections::HashMap, time::Duration};

use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use bytes::Bytes;
use yaml_serde::Value;

pub use self::resources::Error;
use self::resources::{Resources, literals, members, target, text, unquoted};

/// The template of this checkout.
const TEMPLATE: &str = include_str!("../../template.yaml");

/// API Gateway's default timeout of a function, for routes that set none.
pub(crate) const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(29);
/// API Gateway's default lifetime of a cached authorizer decision.
const AUTHORIZER_TTL: Duration = Duration::from_mins(5);
/// Lambda's default time limit of a function.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(3);

/// The parts of the template that the laptop uses.
#[derive(Debug)]
pub struct Template {
    pub rest: Rest,
    pub sockets: Sockets,
    /// The properties of the `AWS::DynamoDB::Table`, which have the names of the API; without those that parameters
    /// set (encryption, protection from deletion), for which the API's defaults hold.
    pub table: serde_json::Value,
    /// The time limit of every function, by the name of its binary.
    pub functions: HashMap<String, Duration>,
}

/// The `AWS::Serverless::Api`.
#[derive(Debug)]
pub struct Rest {
    pub stage: String,
    pub routes: Vec<Route>,
    pub authorizer: String,
    /// The time for which a decision of the authorizer is cached, by Authorization header.
    pub reauthorize_every: Duration,
    /// The headers of the response to every preflight request.
    pub cors: HeaderMap,
    /// The responses that the gateway gives itself, by `CloudFormation`'s name (`UNAUTHORIZED`, `DEFAULT_4XX`).
    pub responses: HashMap<String, GatewayResponse>,
}

/// One `Api` event of a function.
#[derive(Clone, Debug)]
pub struct Route {
    pub method: Method,
    /// The path as the template has it: `/threads/{thread_id}`.
    pub path: String,
    pub function: String,
    /// The route has no authorizer.
    pub open: bool,
    /// The time after which the caller gets the gateway's response; the function runs on.
    pub timeout: Duration,
    /// The integration streams: it reads streamed payloads only.
    pub streams: bool,
}

/// The `AWS::Serverless::WebSocketApi`.
#[derive(Debug)]
pub struct Sockets {
    pub stage: String,
    /// The function by route key: `$connect`, `$default`, `subscribe`.
    pub routes: HashMap<String, String>,
    /// The field of a message that names its route: `action` in `$request.body.action`.
    pub selector: String,
    pub authorizer: String,
}

/// A response that the gateway gives itself.
#[derive(Clone, Debug)]
pub struct GatewayResponse {
    /// The status that the template sets; `None` for the gateway's default.
    pub status: Option<StatusCode>,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Template {
    /// The template this binary was built with.
    pub fn built_in() -> Result<Self, Error> {
        Self::parse(TEMPLATE)
    }

    pub fn parse(text: &str) -> Result<Self, Error> {
        let document: Value = yaml_serde::from_str(text).map_err(|error| Error::new(error.to_string()))?;
        let resources = Resources(&document);
        let functions = resources
            .of("AWS::Serverless::Function")
            .map(|(id, function)| Ok((resources.function(id)?, timeout(&document, function))))
            .collect::<Result<_, Error>>()?;
        let (_, table) = resources.only("AWS::DynamoDB::Table")?;
        Ok(Self {
            rest: rest(&resources)?,
            sockets: sockets(&resources)?,
            table: yaml_serde::from_value(literals(&table["Properties"]))
                .map_err(|error| Error::new(error.to_string()))?,
            functions,
        })
    }
}

fn timeout(document: &Value, function: &Value) -> Duration {
    let own = function["Properties"]["Timeout"].as_u64();
    let shared = document["Globals"]["Function"]["Timeout"].as_u64();
    own.or(shared).map_or(FUNCTION_TIMEOUT, Duration::from_secs)
}

fn rest(resources: &Resources) -> Result<Rest, Error> {
    let (id, api) = resources.only("AWS::Serverless::Api")?;
    let api = &api["Properties"];
    let authorizer = &api["Auth"]["Authorizers"][text(&api["Auth"]["DefaultAuthorizer"], "the default authorizer")?];
    let cors = [
        ("access-control-allow-origin", "AllowOrigin"),
        ("access-control-allow-methods", "AllowMethods"),
        ("access-control-allow-headers", "AllowHeaders"),
        ("access-control-max-age", "MaxAge"),
    ];
    Ok(Rest {
        stage: text(&api["StageName"], "the REST API's stage")?.to_owned(),
        routes: routes(resources, id)?,
        authorizer: resources.function(target(&authorizer["FunctionArn"])?)?,
        reauthorize_every: authorizer["Identity"]["ReauthorizeEvery"]
            .as_u64()
            .map_or(AUTHORIZER_TTL, Duration::from_secs),
        cors: cors
            .into_iter()
            .filter_map(|(header, property)| Some((header, api["Cors"][property].as_str()?)))
            .map(|(header, quoted)| Ok((HeaderName::from_static(header), unquoted(quoted)?)))
            .collect::<Result<_, Error>>()?,
        responses: members(&api["GatewayResponses"])
            .map(|(name, response)| Ok((name.to_owned(), gateway_response(response)?)))
            .collect::<Result<_, Error>>()?,
    })
}

fn routes(resources: &Resources, api: &str) -> Result<Vec<Route>, Error> {
    let mut routes = Vec::new();
    for (id, function) in resources.of("AWS::Serverless::Function") {
        for (_, event) in members(&function["Properties"]["Events"]) {
            let properties = &event["Properties"];
            if event["Type"].as_str() != Some("Api") || target(&properties["RestApiId"])? != api {
                continue;
            }
            let method = text(&properties["Method"], "an event's method")?.to_ascii_uppercase();
            routes.push(Route {
                method: Method::from_bytes(method.as_bytes())
                    .map_err(|_| Error::new(format!("{method} is not an HTTP method")))?,
                path: text(&properties["Path"], "an event's path")?.to_owned(),
                function: resources.function(id)?,
                open: properties["Auth"]["Authorizer"].as_str() == Some("NONE"),
                timeout: properties["TimeoutInMillis"].as_u64().map_or(INTEGRATION_TIMEOUT, Duration::from_millis),
                // SAM's word. It takes any other for a buffered integration.
                streams: properties["ResponseTransferMode"].as_str() == Some("RESPONSE_STREAM"),
            });
        }
    }
    Ok(routes)
}

fn sockets(resources: &Resources) -> Result<Sockets, Error> {
    let (_, api) = resources.only("AWS::Serverless::WebSocketApi")?;
    let api = &api["Properties"];
    let expression = text(&api["RouteSelectionExpression"], "the route selection")?;
    let selector = expression
        .strip_prefix("$request.body.")
        .ok_or_else(|| Error::new(format!("{expression} does not begin with $request.body.")))?;
    Ok(Sockets {
        stage: text(&api["StageName"], "the WebSocket API's stage")?.to_owned(),
        routes: members(&api["Routes"])
            .map(|(key, route)| Ok((key.to_owned(), resources.function(target(&route["FunctionArn"])?)?)))
            .collect::<Result<_, Error>>()?,
        selector: selector.to_owned(),
        authorizer: resources.function(target(&api["Auth"]["AuthArn"])?)?,
    })
}

fn gateway_response(response: &Value) -> Result<GatewayResponse, Error> {
    let status = response["StatusCode"].as_u64().map(|code| {
        u16::try_from(code)
            .ok()
            .and_then(|code| StatusCode::from_u16(code).ok())
            .ok_or_else(|| Error::new(format!("{code} is not an HTTP status")))
    });
    Ok(GatewayResponse {
        status: status.transpose()?,
        headers: members(&response["ResponseParameters"]["Headers"])
            .map(|(name, value)| {
                let header =
                    HeaderName::try_from(name).map_err(|_| Error::new(format!("{name} is not a header name")))?;
                Ok((header, unquoted(text(value, name)?)?))
            })
            .collect::<Result<_, Error>>()?,
        body: response["ResponseTemplates"]["application/json"]
            .as_str()
            .map(|body| Bytes::copy_from_slice(body.as_bytes()))
            .unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_of_the_template_leads_to_a_function_of_the_template() {
        let template = Template::built_in().unwrap();
        let named = template.rest.routes.iter().map(|route| &route.function);
        for function in named.chain(template.sockets.routes.values()).chain([&template.rest.authorizer]) {
            assert!(template.functions.contains_key(function), "{function}");
        }
    }

    #[test]
    fn chat_and_customer_alone_may_take_a_quarter_of_an_hour() {
        let template = Template::built_in().unwrap();
        let slow: Vec<_> = template.rest.routes.iter().filter(|route| route.timeout > INTEGRATION_TIMEOUT).collect();
        let mut slow: Vec<_> = slow.into_iter().map(|route| (route.path.as_str(), route.timeout.as_secs())).collect();
        slow.sort_unstable();
        let streams = [
            "/agui",
            "/audit",
            "/chat",
            "/chat/{thread_id}/stream",
            "/customers/{customer_id}",
            "/customers/{customer_id}/export",
            "/erasures/{erasure_id}",
            "/threads/{thread_id}/chat",
            "/usage",
        ];
        assert_eq!(slow, streams.map(|path| (path, 900)));
    }

    #[test]
    fn a_tagged_name_is_read_as_the_resource_it_names() {
        let template = Template::built_in().unwrap();
        assert_eq!(template.sockets.routes["$connect"], "socket");
        assert_eq!(template.sockets.selector, "action");
        assert_eq!(template.table["KeySchema"][0]["AttributeName"], "pk");
        assert!(template.table.get("SSESpecification").is_none(), "a parameter sets it");
    }
}
