//! Security headers of every answer.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

/// Nothing may be loaded, framed or sent, unless a page brings a policy of its own.
const POLICY: &str =
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
/// What the pages of this server need: their own style sheet, script and the document.
pub const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
     frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// Layer of all routes.
pub async fn secure(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_page = path.starts_with("/docs") || path.starts_with("/problems/");
    // Answers of the API belong to one caller.
    let is_private = path.starts_with("/api/") || path.starts_with("/codec/");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(header::CONTENT_SECURITY_POLICY, if is_page { PAGE_POLICY } else { POLICY });
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::REFERRER_POLICY, "no-referrer");
    if is_private {
        set(header::CACHE_CONTROL, "no-store");
    }
    response
}
