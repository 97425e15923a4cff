//! The outermost layer: request ids, log lines, metrics.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use sbh_api::Problem;
use sbh_domain::TraceParent;
use sbh_runtime::trace;
use tracing::Instrument;

use crate::problem;
use crate::state::Shared;

/// The header with the request's id, taken from the caller when it is usable.
const REQUEST_ID: &str = "x-request-id";

/// Layer of all routes. Logs the route's template, never the address: that may hold a token.
pub async fn observe(State(state): State<Shared>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    let route =
        request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!(
        "request",
        request_id = id,
        %method,
        route,
    );
    let trace = trace::join(&span, &traceparent(request.headers()).into_iter().collect());
    if let Some(trace) = trace.first() {
        request.extensions_mut().insert(trace);
    }
    let mut response = next.run(request).instrument(span.clone()).await;
    if let Some(mut problem) = response.extensions_mut().remove::<Problem>() {
        problem.instance = Some(id.clone());
        let rendered = problem::render(&problem);
        *response.body_mut() = rendered.into_body();
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let took = started.elapsed();
    let status = response.status();
    // Methods that no route takes are strangers' words: they must not make series.
    let known = if status == StatusCode::METHOD_NOT_ALLOWED { "other" } else { method.as_str() };
    state
        .metrics
        .requests
        .with_label_values(&[known, &route, status.as_str()])
        .observe(took.as_secs_f64());
    span.in_scope(|| {
        let (status, took_ms) = (status.as_u16(), took.as_millis());
        if status >= 500 {
            tracing::warn!(status, took_ms, "answered");
        } else {
            tracing::debug!(status, took_ms, "answered");
        }
    });
    response
}

/// The caller's id when it is short and plain, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let plain = |id: &&str| {
        (1..=64).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(plain);
    given.map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned)
}

/// The caller's trace. One that is given twice, or that nobody can read, is none.
fn traceparent(headers: &HeaderMap) -> Option<TraceParent> {
    let mut given = headers.get_all("traceparent").iter();
    let (first, None) = (given.next()?, given.next()) else { return None };
    first.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::HeaderName::from_static(name), value.parse().unwrap())])
    }

    #[test]
    fn only_plain_ids_are_taken_over() {
        assert_eq!(request_id(&with(REQUEST_ID, "abc-1.2_3")), "abc-1.2_3");
        for strange in ["", "a b", "a\tb", "<script>", &"x".repeat(65)] {
            assert_ne!(request_id(&with(REQUEST_ID, strange)), strange);
        }
    }

    #[test]
    fn only_a_trace_parent_is_one() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(traceparent(&with("traceparent", good)), good.parse().ok());
        let mut twice = with("traceparent", good);
        twice.append("traceparent", good.parse().unwrap());
        assert_eq!(traceparent(&twice), None);
        for bad in ["", "00", "00-xyz-00f067aa0ba902b7-01", &good[1..], &good.replace('4', "g")] {
            assert_eq!(traceparent(&with("traceparent", bad)), None, "{bad}");
        }
    }
}
