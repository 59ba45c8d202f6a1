//! The limit of visitors' tokens per IP address, and the address that counts.

use std::net::{IpAddr, SocketAddr};

use lambda_http::{Request, RequestExt, http::HeaderName, request::RequestContext};
use shared::Error;

/// Tokens per address and ten minutes by default: enough for a school whose pupils share one address and all open the
/// page at the beginning of a lesson.
const DEFAULT_MAX_TOKENS: u64 = 300;

/// The limit of visitors' tokens. The default counts the address that connects to API Gateway.
#[derive(Clone, Debug)]
pub struct RateLimit {
    /// Tokens per address and ten minutes.
    pub max_tokens: u64,
    /// Header in which a CDN passes on its client's address. Trusted, so a CDN must set or replace it, and nobody may
    /// reach the API without the CDN.
    pub address_header: Option<HeaderName>,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { max_tokens: DEFAULT_MAX_TOKENS, address_header: None }
    }
}

impl RateLimit {
    /// Reads `VISITOR_LIMIT` (default 300) and `CLIENT_ADDRESS_HEADER` (default: none) through `var`. The error says
    /// which is invalid.
    pub fn read(var: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let max_tokens = var("VISITOR_LIMIT").map_or(Some(DEFAULT_MAX_TOKENS), |number| number.parse().ok());
        let header = var("CLIENT_ADDRESS_HEADER").map(HeaderName::try_from).transpose();
        Ok(Self {
            max_tokens: max_tokens.filter(|max| *max > 0).ok_or("VISITOR_LIMIT must be a whole number, 1 or more")?,
            address_header: header.map_err(|_| "CLIENT_ADDRESS_HEADER must be the name of a header")?,
        })
    }

    /// The address that a request is counted under: that in the CDN's header, else the one that connected. Of an IPv6
    /// address it is the /64 network, for one host has many addresses.
    pub(crate) fn address(&self, request: &Request) -> Result<String, Error> {
        let Some(RequestContext::ApiGatewayV1(context)) = request.request_context_ref() else {
            return Err(Error::internal("the event has no source address"));
        };
        let source = context.identity.source_ip.as_deref().unwrap_or_default();
        // `::ffff:192.0.2.1` is 192.0.2.1. As IPv6 it would share its network with every other IPv4 address.
        let address = self.passed_on(request).or_else(|| source.parse().ok()).map(|address| address.to_canonical());
        Ok(match address {
            Some(IpAddr::V4(address)) => address.to_string(),
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}")
            }
            None => source.to_owned(),
        })
    }

    /// The address in the CDN's header. Of a list it is the last one, which the nearest proxy has added: whatever comes
    /// before it may be the client's invention.
    fn passed_on(&self, request: &Request) -> Option<IpAddr> {
        let values = request.headers().get_all(self.address_header.as_ref()?);
        let last = values.iter().next_back()?.to_str().ok()?;
        address_in(last.rsplit(',').next()?.trim())
    }
}

/// The address in `text`, with or without a port. CloudFront writes a port even after an IPv6 address without brackets.
fn address_in(text: &str) -> Option<IpAddr> {
    let alone = text.parse().ok();
    let with_port = || text.parse().ok().map(|socket: SocketAddr| socket.ip());
    let before_port = || text.rsplit_once(':').and_then(|(address, _)| address.parse().ok());
    alone.or_else(with_port).or_else(before_port)
}
