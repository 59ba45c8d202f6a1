//! `POST /enter`: ready-made tokens, with which the console of a laptop lets anybody who sits at it sign in by a click.
//!
//! They open the instance to whoever reads them, so `config.json`, which pages of any origin may read, has this path
//! and not the tokens. Answered are the instance's own pages alone, on this machine: a page of another site sends its
//! own `Origin`, and one whose name was pointed at this machine (DNS rebinding) sends that name as `Host`.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::Request,
    http::{
        HeaderMap, HeaderName, Method, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, HOST, ORIGIN},
        uri::Authority,
    },
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::{Tokens, demo::TENANT};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The people as whom one enters: label, role and subject.
const PEOPLE: [(&str, &str, &str); 2] = [("Ana (agent)", "agent", "ana"), ("Ada (admin)", "admin", "ada")];

/// The signer of the tokens.
pub(crate) struct Entrance(pub(crate) Tokens);

impl Entrance {
    /// The response to a request from `source`.
    pub(crate) fn serve(&self, request: &Request, source: SocketAddr) -> Response {
        if request.method() != Method::POST {
            return refusal(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "send a POST");
        }
        if !source.ip().is_loopback() || !is_from_own_page(request.headers()) {
            return refusal(StatusCode::FORBIDDEN, "forbidden", "only this instance's own console gets these tokens");
        }
        let person = |(label, role, subject)| json!({ "label": label, "token": self.0.token(TENANT, role, subject) });
        response(StatusCode::OK, &Value::from(PEOPLE.map(person).to_vec()))
    }
}

/// True if a page that this instance served from a loopback address sent the request.
fn is_from_own_page(headers: &HeaderMap) -> bool {
    let only = |name: &HeaderName| {
        let mut sent = headers.get_all(name).iter();
        let (Some(value), None) = (sent.next(), sent.next()) else { return None };
        value.to_str().ok()
    };
    let (Some(host), Some(origin)) = (only(&HOST), only(&ORIGIN)) else { return false };
    let is_same_site = !headers.contains_key(SEC_FETCH_SITE) || only(&SEC_FETCH_SITE) == Some("same-origin");
    is_loopback(host) && is_same_site && origin == format!("http://{host}")
}

fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().trim_matches(['[', ']']);
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

fn refusal(status: StatusCode, code: &str, detail: &str) -> Response {
    response(status, &json!({ "status": status.as_u16(), "code": code, "detail": detail }))
}

fn response(status: StatusCode, body: &Value) -> Response {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    (status, headers, body.to_string()).into_response()
}
