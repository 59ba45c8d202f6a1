//! The time that Lambda leaves a function.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_http::{Request, RequestExt};

/// The time until Lambda stops the function. `None` where nothing stops it: without a Lambda context, and under a
/// deadline in the past, such as that of `cargo lambda watch`, which lies in 1970.
pub fn time_left(request: &Request) -> Option<Duration> {
    let deadline = Duration::from_millis(request.lambda_context_ref()?.deadline);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    deadline.checked_sub(now).filter(|left| !left.is_zero())
}
