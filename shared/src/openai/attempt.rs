//! A failed attempt at a request, and the conditions under which it may be repeated.

use std::time::Duration;

use reqwest::{StatusCode, header::HeaderMap};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};

use super::{
    failure::{ErrorBody, Failure},
    wire::TransportError,
};

/// An attempt that did not get a success response.
pub(super) enum FailedAttempt {
    Refused { status: StatusCode, advice: RetryAdvice, body: ErrorBody },
    Transport(TransportError),
}

impl FailedAttempt {
    /// True if the request may have taken effect. A 5xx counts: a proxy sends one when it loses the server behind it.
    pub(super) fn maybe_ran(&self) -> bool {
        match self {
            Self::Refused { status, .. } => *status == StatusCode::REQUEST_TIMEOUT || status.is_server_error(),
            Self::Transport(error) => matches!(error, TransportError::NoResponse | TransportError::TimedOut),
        }
    }

    /// True if another response is running on the conversation.
    pub(super) fn is_locked(&self) -> bool {
        matches!(self, Self::Refused { body, .. } if body.failure() == Some(Failure::Locked))
    }

    /// True if the request may be sent again.
    pub(super) fn is_retryable(&self, idempotent: bool) -> bool {
        match self {
            Self::Refused { status, advice, body } => match body.failure() {
                Some(Failure::Locked) => true,
                // The same request would meet the same limit, policy or model again, whatever the status says.
                Some(_) => false,
                None => advice.should_retry.unwrap_or(is_retryable_status(*status)),
            },
            Self::Transport(TransportError::NotSent) => true,
            Self::Transport(TransportError::NoResponse | TransportError::TimedOut) => idempotent,
            Self::Transport(TransportError::InvalidRequest) => false,
        }
    }

    /// The wait that the server asked for.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { advice, .. } => advice.retry_after,
            Self::Transport(_) => None,
        }
    }

    /// The failure that the caller gets once there are no attempts left. `maybe_ran` covers all of them.
    pub(super) fn into_failure(self, maybe_ran: bool) -> Failure {
        match self {
            Self::Refused { status, body, .. } => match body.failure() {
                Some(failure) => failure,
                None if is_retryable_status(status) => Failure::Unavailable { maybe_ran },
                None => Failure::Refused {
                    status: status.as_u16(),
                    code: body.code,
                    param: body.param,
                    message: body.message,
                },
            },
            // A connection that died unnoticed, in a frozen function, say: the next one may live.
            Self::Transport(TransportError::NoResponse) => Failure::Interrupted { code: None },
            Self::Transport(_) => Failure::Unavailable { maybe_ran },
        }
    }
}

/// True for statuses after which the same request may succeed.
fn is_retryable_status(status: StatusCode) -> bool {
    matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS)
        || status.is_server_error()
}

/// A server's advice on retrying, from its response headers.
#[derive(Default)]
pub(super) struct RetryAdvice {
    /// `retry-after-ms`, else `retry-after` (seconds, or an HTTP date).
    retry_after: Option<Duration>,
    /// `x-should-retry`. It takes precedence over the status.
    should_retry: Option<bool>,
}

impl RetryAdvice {
    pub(super) fn from_headers(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let milliseconds = || text("retry-after-ms")?.parse().ok().and_then(|ms: f64| seconds(ms / 1000.0));
        let after =
            || text("retry-after").and_then(|value| value.parse().ok().map_or_else(|| time_until(value), seconds));
        Self {
            retry_after: milliseconds().or_else(after),
            should_retry: text("x-should-retry").and_then(|value| value.parse().ok()),
        }
    }
}

fn seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}

/// The time left until an HTTP date; zero if it has passed.
fn time_until(date: &str) -> Option<Duration> {
    let at = OffsetDateTime::parse(date, &Rfc2822).ok()?;
    Some((at - OffsetDateTime::now_utc()).try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_in_each_of_its_forms() {
        let retry_after = |name, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            RetryAdvice::from_headers(&headers).retry_after
        };
        assert_eq!(retry_after("retry-after-ms", "1500"), Some(Duration::from_millis(1500)));
        assert_eq!(retry_after("retry-after", "2"), Some(Duration::from_secs(2)));
        assert_eq!(retry_after("retry-after", "0.5"), Some(Duration::from_millis(500)));
        assert_eq!(retry_after("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert!(retry_after("retry-after", "Fri, 31 Dec 2100 23:59:59 GMT").unwrap() > Duration::from_secs(1_000_000));
        for nonsense in ["-1", "NaN", "inf", "1e300", "soon"] {
            assert_eq!(retry_after("retry-after", nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn the_milliseconds_outweigh_the_seconds() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", "7".parse().unwrap());
        headers.insert("retry-after-ms", "3".parse().unwrap());
        assert_eq!(RetryAdvice::from_headers(&headers).retry_after, Some(Duration::from_millis(3)));
    }
}
