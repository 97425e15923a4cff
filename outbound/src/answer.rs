//! An answer, and how long its sender asks to be left alone.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use chrono::DateTime;
use http::{HeaderMap, StatusCode};

/// What a pause is when a service asks for one without saying how long.
const UNSAID: Duration = Duration::from_secs(60);
/// The longest pause that is believed; a service that asks for more is asked again after this.
const LONGEST: Duration = Duration::from_secs(3_600);

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, within the limit that was set for it.
    pub body: Bytes,
}

impl Answer {
    /// How long the service asks to be left alone; see [`retry_after`].
    pub fn retry_after(&self, now: SystemTime) -> Option<Duration> {
        retry_after(self.status, &self.headers, now)
    }

    /// The body as JSON of the expected shape.
    ///
    /// # Errors
    /// Says where it does not fit, without quoting it.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, String> {
        serde_json::from_slice(&self.body).map_err(|error| {
            format!(
                "the answer is not the JSON that was expected (line {}, column {})",
                error.line(),
                error.column()
            )
        })
    }
}

/// How long a service asks to be left alone: `Retry-After` in seconds or as a date (RFC 9110,
/// section 10.2.3), or, where a limit is used up, the time in `X-RateLimit-Reset` (seconds since 1970
/// at GitHub, ISO 8601 at Atlassian). `None` where the answer is no request to wait.
pub fn retry_after(status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let used_up = text("x-ratelimit-remaining") == Some("0");
    let asks = match status {
        StatusCode::TOO_MANY_REQUESTS => true,
        // GitHub answers 403 for its limits; a 403 without these headers is about permissions.
        StatusCode::FORBIDDEN => used_up || text("retry-after").is_some(),
        StatusCode::SERVICE_UNAVAILABLE => text("retry-after").is_some(),
        _ => false,
    };
    if !asks {
        return None;
    }
    let until = |at: SystemTime| at.duration_since(now).unwrap_or_default();
    let said = text("retry-after")
        .and_then(|value| match value.parse::<u64>() {
            Ok(seconds) => Some(Duration::from_secs(seconds)),
            Err(_) => httpdate::parse_http_date(value).ok().map(until),
        })
        .or_else(|| {
            let reset = text("x-ratelimit-reset")?;
            match reset.parse::<u64>() {
                Ok(seconds) => {
                    Some(until(SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?))
                }
                Err(_) => DateTime::parse_from_rfc3339(reset).ok().map(|at| until(at.into())),
            }
        });
    Some(said.unwrap_or(UNSAID).clamp(Duration::from_secs(1), LONGEST))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn asked(status: u16, headers: &[(&'static str, &'static str)]) -> Option<u64> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let headers = headers
            .iter()
            .map(|(n, v)| (http::HeaderName::from_static(n), HeaderValue::from_static(v)));
        let status = StatusCode::from_u16(status).unwrap();
        retry_after(status, &headers.collect(), now).map(|wait| wait.as_secs())
    }

    #[test]
    fn every_way_of_asking_is_understood() {
        assert_eq!(asked(429, &[("retry-after", "7")]), Some(7));
        assert_eq!(asked(429, &[("retry-after", "Sun, 09 Sep 2001 01:46:50 GMT")]), Some(10));
        assert_eq!(asked(503, &[("retry-after", "3")]), Some(3));
        let github = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1000000030")];
        assert_eq!(asked(403, &github), Some(30));
        assert_eq!(asked(429, &[("x-ratelimit-reset", "2001-09-09T01:47:10Z")]), Some(30));
        assert_eq!(asked(429, &[]), Some(60), "a limit without a time");
    }

    #[test]
    fn what_is_no_request_to_wait_is_none() {
        assert_eq!(asked(403, &[]), None, "a missing permission");
        assert_eq!(asked(503, &[]), None);
        assert_eq!(asked(200, &[("x-ratelimit-remaining", "0")]), None);
        assert_eq!(asked(500, &[("retry-after", "5")]), None);
    }

    #[test]
    fn no_service_can_stop_us_for_ever_or_make_us_spin() {
        assert_eq!(asked(429, &[("retry-after", "99999999999")]), Some(3_600));
        assert_eq!(asked(429, &[("retry-after", "18446744073709551616")]), Some(60));
        assert_eq!(asked(429, &[("retry-after", "0")]), Some(1));
        assert_eq!(asked(429, &[("x-ratelimit-reset", "18446744073709551615")]), Some(60));
        assert_eq!(asked(429, &[("retry-after", "Sun, 09 Sep 2001 01:00:00 GMT")]), Some(1));
    }
}
