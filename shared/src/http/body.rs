//! Parsing of JSON bodies.

use lambda_http::Request;
use serde::de::DeserializeOwned;

use super::by_name::ByName;
use crate::Error;

/// The size limit of a request body.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Parses the JSON body. An error names the field that is invalid.
pub fn body<T: DeserializeOwned>(request: &Request) -> Result<T, Error> {
    let bytes = request.body().as_ref();
    if bytes.len() > MAX_BODY_BYTES {
        return Err(Error::TooLarge(format!("the body must be at most {MAX_BODY_BYTES} bytes")));
    }
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Error::invalid("body", "must be a JSON object"));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(ByName(&mut json)).map_err(|error| invalid(&error))?;
    json.end().map_err(|_| Error::invalid("body", "must be a single JSON object"))?;
    Ok(value)
}

/// Parses the body of a route that requires none. An absent body counts as `{}`.
pub fn optional_body<T: DeserializeOwned + Default>(request: &Request) -> Result<T, Error> {
    if request.body().as_ref().is_empty() { Ok(T::default()) } else { body(request) }
}

fn invalid(error: &serde_path_to_error::Error<serde_json::Error>) -> Error {
    let path = error.path().to_string();
    let message = error.inner().to_string();
    // serde_json appends the line and column, which are of little use once the field is named.
    let reason = message.rsplit_once(" at line ").map_or(message.as_str(), |(reason, _)| reason);
    if error.inner().is_syntax() || error.inner().is_eof() {
        return Error::invalid("body", format!("is not valid JSON: {message}"));
    }
    // A caller does not know the names of our types.
    if let Some((found, _)) = reason.split_once(", expected struct ") {
        return Error::invalid(path, format!("{found}, expected an object"));
    }
    let named = ["unknown field `", "missing field `", "duplicate field `"].iter().find_map(|start| {
        let name = reason.strip_prefix(start)?.split('`').next()?;
        Some((name, start.trim_end_matches(" `")))
    });
    match named {
        Some((name, problem)) => {
            let parent = path.trim_end_matches('.').strip_suffix(name).unwrap_or(&path).trim_end_matches('.');
            let field = if parent.is_empty() || parent == "?" { name.into() } else { format!("{parent}.{name}") };
            Error::invalid(
                field,
                match problem {
                    "unknown field" => "is not a known field",
                    "missing field" => "is required",
                    _ => "is given twice",
                },
            )
        }
        None if path == "." => Error::invalid("body", reason),
        None => Error::invalid(path, reason),
    }
}
