//! The base URL of a server.

use reqwest::Url;

/// Parses a base URL (`https://api.openai.com/v1`), and removes slashes at the end of its path. The error completes a
/// sentence that begins with the setting's name.
pub fn parse_base_url(text: &str) -> Result<Url, &'static str> {
    let mut url = Url::parse(text).ok().filter(is_http).ok_or("must be a URL that starts with http:// or https://")?;
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// False for `localhost:8080`, which parses as a URL whose scheme is `localhost`.
fn is_http(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_at_the_end_are_removed_and_a_query_is_kept() {
        for (text, url) in [
            ("https://api.openai.com/v1", "https://api.openai.com/v1"),
            ("http://127.0.0.1:8080/v1/", "http://127.0.0.1:8080/v1"),
            (" http://127.0.0.1:8080/v1// \n", "http://127.0.0.1:8080/v1"),
            ("https://a.example/openai/v1/?api-version=2", "https://a.example/openai/v1?api-version=2"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/"),
        ] {
            assert_eq!(parse_base_url(text).map(String::from), Ok(url.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn an_address_without_http_is_no_url() {
        for text in ["", "api.openai.com/v1", "localhost:8080/v1", "127.0.0.1:8080", "ftp://a.example/v1", "http://"] {
            assert!(parse_base_url(text).is_err(), "{text}");
        }
    }
}
