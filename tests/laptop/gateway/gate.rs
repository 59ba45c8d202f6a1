//! A gateway on a free port, with functions that return the events that they get.

use std::net::{Ipv4Addr, SocketAddr};

use aws_lambda_events::{
    apigw::{ApiGatewayCustomAuthorizerRequestTypeRequest, ApiGatewayCustomAuthorizerResponse},
    iam::{IamPolicyEffect, IamPolicyStatement},
};
use futures::{FutureExt, future::BoxFuture};
use lambda_http::{
    Body, Error, LambdaEvent, Request, RequestExt, Response,
    request::{LambdaRequest, RequestContext},
};
use local::{
    AccessKey, Share, Tokens, dynamo,
    gateway::{Connections, Functions, Gateway, Invocations, Limits},
    template::Template,
};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{self, client::IntoClientRequest, handshake::client},
};

pub(crate) type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A gateway that runs until it is dropped.
pub(crate) struct Gate {
    pub(crate) address: SocketAddr,
    pub(crate) connections: Connections,
    pub(crate) http: reqwest::Client,
    pub(crate) key: AccessKey,
    pub(crate) share: Share,
    stop: watch::Sender<bool>,
}

impl Gate {
    /// A gateway with AWS's limits and functions that echo.
    pub(crate) async fn echoing() -> Self {
        Self::open(Limits::default(), |functions| functions).await
    }

    /// A gateway on which `change` replaces functions; all others echo.
    pub(crate) async fn open(limits: Limits, change: impl FnOnce(Functions) -> Functions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Connections::new(limits);
        let functions = ["thread", "chatbot", "chat-end", "handoff", "sweep", "visitor"]
            .into_iter()
            .fold(Functions::guarded_by("authorizer", authorize), |functions, name| functions.with(name, echo))
            .streaming("chat", echo)
            .streaming("customer", echo)
            .plain("socket", on_socket(echo));
        let (stop, stopped) = watch::channel(false);
        let key = Tokens::random().unwrap().access_key();
        let share = Share::new(key.clone(), Ipv4Addr::LOCALHOST.into(), &dynamo::memory().unwrap(), stopped.clone());
        let (template, functions) = (Template::built_in().unwrap(), change(functions));
        let gateway =
            Gateway::new(template, functions, connections.clone(), Invocations::default(), share.clone()).unwrap();
        tokio::spawn(gateway.serve(listener, stopped));
        Self { address, connections, http: reqwest::Client::new(), key, share, stop }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.get(self.url(path)).header("authorization", "Bearer ana")
    }

    pub(crate) fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.post(self.url(path)).header("authorization", "Bearer ana")
    }

    /// Opens a WebSocket with one more header.
    pub(crate) async fn socket(
        &self,
        header: &'static str,
        value: &str,
    ) -> Result<(Client, client::Response), tungstenite::Error> {
        let mut request = format!("ws://{}/ws", self.address).into_client_request().unwrap();
        request.headers_mut().insert(header, value.parse().unwrap());
        connect_async(request).await
    }

    /// A socket of `ana`, with the header that only a client other than a browser can set.
    pub(crate) async fn ana(&self) -> Client {
        self.socket("authorization", "Bearer ana").await.unwrap().0
    }

    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }
}

/// Allows `ana`, denies `eve` by policy, fails for `bug`, and responds 401 to everybody else.
async fn authorize(
    event: ApiGatewayCustomAuthorizerRequestTypeRequest,
) -> Result<ApiGatewayCustomAuthorizerResponse, Error> {
    let header = |name: &str| event.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let token = format!("{} {}", header("authorization"), header("sec-websocket-protocol"));
    let effect = match () {
        () if token.contains("ana") => IamPolicyEffect::Allow,
        () if token.contains("eve") => IamPolicyEffect::Deny,
        () if token.contains("bug") => return Err("the key set cannot be read".into()),
        () => return Err("Unauthorized".into()),
    };
    let mut statement = IamPolicyStatement::default();
    statement.effect = effect;
    statement.action = vec!["execute-api:Invoke".to_owned()];
    statement.resource = vec!["arn:aws:execute-api:*:*:*/v1/*".to_owned()];
    let mut response = ApiGatewayCustomAuthorizerResponse::default();
    response.principal_id = Some("ana".to_owned());
    response.policy_document.statement = vec![statement];
    response.context = json!({"tenant": "acme", "role": "agent", "expires": 4_102_444_800_u64});
    Ok(response)
}

/// A handler as the function `socket` runs it: with its headers in `headers`.
pub(crate) fn on_socket<Handle, Call>(
    handle: Handle,
) -> impl Fn(LambdaEvent<LambdaRequest>) -> BoxFuture<'static, Result<Value, Error>> + Send + Sync
where
    Handle: Fn(Request) -> Call + Send + Sync,
    Call: Future<Output = Result<Response<Body>, Error>> + Send + 'static,
{
    move |event| {
        let call = handle(Request::from(event.payload));
        async move {
            let response = call.await?;
            let headers = response.headers().iter().map(|(name, value)| Ok((name.to_string(), value.to_str()?.into())));
            let headers = headers.collect::<Result<serde_json::Map<_, _>, Error>>()?;
            Ok(json!({ "statusCode": response.status().as_u16(), "headers": headers }))
        }
        .boxed()
    }
}

/// The parts of an event that its handler sees.
pub(crate) fn seen(request: &Request) -> Value {
    let headers: serde_json::Map<_, _> =
        request.headers().iter().map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap()))).collect();
    let context = match request.request_context() {
        RequestContext::ApiGatewayV1(context) => serde_json::to_value(context),
        RequestContext::WebSocket(context) => serde_json::to_value(context),
        other => panic!("{other:?}"),
    };
    let mut context = context.unwrap();
    context["identity"].as_object_mut().unwrap().retain(|_, value| !value.is_null());
    context.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    let mut query: Vec<_> =
        request.query_string_parameters().iter().map(|(name, value)| format!("{name}={value}")).collect();
    query.sort();
    json!({
        "method": request.method().as_str(),
        "rawPath": request.raw_http_path(),
        "headers": headers,
        "query": query,
        "path": request.path_parameters().iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(),
        "body": String::from_utf8_lossy(request.body()),
        "context": context,
    })
}

/// The same without the values that differ from run to run.
pub(crate) fn settled(mut seen: Value) -> Value {
    for (pointer, mark) in [
        ("/headers/host", "[host]"),
        ("/headers/sec-websocket-key", "[key]"),
        ("/context/domainName", "[host]"),
        ("/context/connectionId", "[id]"),
        ("/context/requestId", "[id]"),
        ("/context/extendedRequestId", "[id]"),
        ("/context/messageId", "[id]"),
        ("/context/connectedAt", "[time]"),
        ("/context/requestTime", "[time]"),
        ("/context/requestTimeEpoch", "[time]"),
    ] {
        if let Some(value) = seen.pointer_mut(pointer) {
            *value = json!(mark);
        }
    }
    seen
}

pub(crate) async fn echo(request: Request) -> Result<Response<Body>, Error> {
    let mut response = Response::builder().header("content-type", "application/json");
    // The first of the offered subprotocols is chosen.
    if let Some(offered) = request.headers().get("sec-websocket-protocol") {
        let first = offered.to_str()?.split(',').next().unwrap_or_default().to_owned();
        response = response.header("sec-websocket-protocol", first);
    }
    Ok(response.body(seen(&request).to_string().into())?)
}
