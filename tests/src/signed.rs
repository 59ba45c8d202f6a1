//! Requests that are signed with a laptop's access key, as an SDK signs them.

use local::AccessKey;
use reqwest::{Client, Method, RequestBuilder, Url};

/// A request to a `service` of AWS that the laptop has, with headers in lower case.
pub fn signed(
    key: &AccessKey,
    service: &str,
    (method, url): (Method, &str),
    headers: &[(&'static str, &str)],
    body: impl Into<Vec<u8>>,
) -> RequestBuilder {
    let (parsed, body): (Url, Vec<u8>) = (url.parse().unwrap(), body.into());
    let host = format!("{}:{}", parsed.host_str().unwrap(), parsed.port().unwrap());
    let covered = [headers, &[("host", &host)]].concat();
    let signature = key.sign(service, (&method, &url.parse().unwrap(), &covered), &body);
    let mut request = Client::new().request(method, url).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    signature.into_iter().fold(request, |request, (name, value)| request.header(name, value))
}
