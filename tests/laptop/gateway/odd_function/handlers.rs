//! Responses that are hard to write or to read, one for each value of the query parameter `odd`.

use axum::body::Body as Stream;
use bytes::Bytes;
use futures::stream;
use lambda_http::{Body, Error, Request, RequestExt, Response};

/// Bytes that are no text, with a delimiter of preludes in them.
pub(crate) const BINARY: &[u8] = b"\xff\x00\x00\x00\x00\x00\x00\x00\x00\xfe";

/// The handler of a function that does not stream.
pub(crate) async fn whole(request: Request) -> Result<Response<Body>, Error> {
    let response = Response::builder().header("content-type", "text/plain");
    Ok(match odd(&request).as_str() {
        "repeated" => response
            .header("set-cookie", "a=1")
            .header("set-cookie", "b=2")
            .header("vary", "origin")
            .header("vary", "accept")
            .body("twice".into())?,
        // `lambda_http` makes text of a body that is said to be text.
        "binary" => Response::builder().header("content-type", "image/png").body(Body::Binary(BINARY.to_vec()))?,
        "empty" => Response::builder().status(204).body(Body::Empty)?,
        "quotes" => response.body("\"\u{0}\u{2028}\\\u{1f600}".into())?,
        "large" => response.body("x".repeat(6_291_556).into())?,
        "error" => return Err("the secret of the house".into()),
        "panic" => panic!("on purpose"),
        other => response.body(other.into())?,
    })
}

/// The handler of a function that streams.
pub(crate) async fn streaming(request: Request) -> Result<Response<Stream>, Error> {
    let response = Response::builder().header("content-type", "text/plain");
    let hel = Ok::<_, Error>(Bytes::from_static(b"hel"));
    Ok(match odd(&request).as_str() {
        "cookies" => {
            response.header("set-cookie", "a=1").header("set-cookie", "b=2").body(Stream::from("two cookies"))?
        }
        "repeated" => response.header("vary", "origin").header("vary", "accept").body(Stream::from("twice"))?,
        "binary" => response.body(Stream::from(BINARY))?,
        "empty" => Response::builder().status(204).body(Stream::empty())?,
        "untyped" => Response::new(Stream::from("bytes")),
        "error" => return Err("the secret of the house".into()),
        "panic" => panic!("on purpose"),
        "error-later" => response.body(Stream::from_stream(stream::iter([hel, Err("gone".into())])))?,
        "panic-later" => {
            let rest = stream::once(async { panic!("on purpose") });
            response.body(Stream::from_stream(futures::StreamExt::chain(stream::iter([hel]), rest)))?
        }
        other => response.body(Stream::from(other.to_owned()))?,
    })
}

fn odd(request: &Request) -> String {
    request.query_string_parameters_ref().and_then(|query| query.first("odd")).unwrap_or_default().to_owned()
}
