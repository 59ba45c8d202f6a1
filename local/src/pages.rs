//! The pages of `web/`, as S3 and CloudFront serve them: the demo page at `/`, the agents' console at `/console`,
//! the API's reference at `/docs`, scripts and styles by their names, and `/config.json` with the URLs of the APIs.

use axum::{
    body::Body,
    extract::Request,
    http::{
        HeaderMap, HeaderName, Method, Response, StatusCode,
        header::{
            ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HOST,
            IF_NONE_MATCH, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
        },
    },
};
use rust_embed::Embed;
use serde_json::{Value, json};
use shared::fingerprint;

use crate::gateway::route::SOCKET_PATH;

#[derive(Embed)]
#[folder = "../web"]
struct Web;

/// The content security policy of the pages, the same as CloudFront's in `template.yaml`.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self' https: wss: http://127.0.0.1:* ws://127.0.0.1:*; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// The path at which the scripts read the URLs of the APIs.
const CONFIG_PATH: &str = "/config.json";

/// The path at which the console asks for tokens, on a laptop.
pub(crate) const ENTRANCE_PATH: &str = "/enter";

/// The chatbot that the demo page talks to.
pub(crate) struct Demo {
    pub(crate) tenant: String,
    pub(crate) chatbot: String,
}

impl Demo {
    /// Its part of `config.json`, under the key `demo`.
    pub(crate) fn config(&self) -> Value {
        json!({ "tenant": self.tenant, "chatbot_id": self.chatbot })
    }
}

/// A file of the pages, as it is uploaded.
pub(crate) struct Page {
    /// Its path below the pages' URL: `widget.js`.
    pub(crate) name: String,
    pub(crate) content: Vec<u8>,
}

#[cfg_attr(not(feature = "stack"), expect(dead_code, reason = "nothing is uploaded without the feature"))]
impl Page {
    /// The name of the file that tells the scripts the URLs of the APIs.
    pub(crate) const CONFIG: &str = "config.json";

    /// Browsers, and a CDN, ask each time whether the file has changed.
    pub(crate) const CACHE_CONTROL: &str = "no-cache";

    /// All files of `web/`.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Web::iter().filter_map(|name| {
            let content = Web::get(&name)?.data.into_owned();
            Some(Self { name: name.into_owned(), content })
        })
    }

    pub(crate) fn content_type(&self) -> &'static str {
        content_type(&self.name)
    }

    /// A fingerprint of the content and its headers.
    pub(crate) fn fingerprint(&self) -> String {
        fingerprint(&[&self.content, self.content_type().as_bytes(), Self::CACHE_CONTROL.as_bytes()])
    }
}

/// The page or file that the request asks for, if there is one. With `has_entrance` the scripts are told its path.
pub(crate) fn page(request: &Request, demo: Option<&Demo>, has_entrance: bool) -> Option<Response<Body>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let (path, headers) = (request.uri().path(), request.headers());
    let name = match path {
        CONFIG_PATH => {
            return Some(response(CONFIG_PATH, headers, config(headers, demo, has_entrance).into_bytes()));
        }
        "/" => "index.html",
        "/console" => "console.html",
        "/docs" => "docs.html",
        _ => path.strip_prefix('/')?,
    };
    Some(response(name, headers, Web::get(name)?.data.into_owned()))
}

/// The configuration of the scripts: the APIs have the page's own host.
fn config(headers: &HeaderMap, demo: Option<&Demo>, has_entrance: bool) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
    let mut config = json!({ "url": format!("http://{host}"), "socketUrl": format!("ws://{host}{SOCKET_PATH}") });
    if let Some(demo) = demo {
        config["demo"] = demo.config();
    }
    if has_entrance {
        config["enter"] = json!(ENTRANCE_PATH);
    }
    config.to_string()
}

/// A file as a response that browsers revalidate each time: 304 unless it has changed.
fn response(name: &str, headers: &HeaderMap, content: Vec<u8>) -> Response<Body> {
    let tag = format!("\"{}\"", &fingerprint(&[&content])[..32]);
    let is_known = headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut response = Response::new(if is_known { Body::empty() } else { Body::from(content) });
    *response.status_mut() = if is_known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let values: [(HeaderName, &str); 7] = [
        (CONTENT_TYPE, content_type(name)),
        (CACHE_CONTROL, Page::CACHE_CONTROL),
        (ETAG, &tag),
        (CONTENT_SECURITY_POLICY, PAGE_POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "strict-origin-when-cross-origin"),
        // Other sites embed the widget, whose script is a module.
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    for (name, value) in values {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, kind)| kind) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}
