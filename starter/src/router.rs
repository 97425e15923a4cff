//! All routes with the layers around them.

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;

use crate::middleware::{headers, limits, request};
use crate::problem::{Failure, Kind};
use crate::state::Shared;
use crate::{
    auth, codec, docs, extract, health, idempotency, metrics, openapi, problem, routes, webhooks,
};

/// The whole server.
pub fn router(state: &Shared) -> Router {
    let authenticated = |routes: Router<Shared>| {
        routes
            .route_layer(from_fn_with_state(state.clone(), idempotency::once))
            .route_layer(from_fn_with_state(state.clone(), auth::authenticate))
    };
    let api = authenticated(routes::router()).layer(CompressionLayer::new());
    let codec = Router::new()
        .route("/codec/{token}/decode", post(codec::decode_for_ui))
        .route("/codec/{token}/encode", post(codec::encode_for_ui))
        .route("/codec/decode", post(codec::decode_for_operator))
        // Before the layer, so that a browser's preflight (OPTIONS) passes through it.
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(codec::cors(&state.config.temporal.ui_url));
    let pages = Router::new()
        .route("/openapi.json", get(openapi::serve))
        .route("/docs", get(docs::page))
        .route("/docs/viewer.js", get(docs::script))
        .route("/docs/viewer.css", get(docs::style))
        .route("/problems/{slug}", get(problem::page));
    let bounded = |routes: Router<Shared>| {
        routes.layer(from_fn_with_state(limits::Limits::default(), limits::bounded))
    };
    let limited =
        bounded(api.merge(codec).merge(pages).layer(RequestBodyLimitLayer::new(extract::MAX_BODY)));
    // The places of webhooks and the limits of their bodies are their own.
    let webhooks = bounded(
        Router::new().route("/webhooks/{source}/{connection}", post(webhooks::receive::receive)),
    );
    // Health is told also by a server that has too much to do.
    limited
        .merge(webhooks)
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(metrics::serve))
        .fallback(problem::no_such_address)
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(headers::secure))
        .layer(from_fn_with_state(state.clone(), request::observe))
        .with_state(state.clone())
}

/// What a caller sees of a panic. The panic's own words are in the log.
fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Response {
    tracing::error!("a handler panicked");
    Failure::new(Kind::Internal, "the request could not be answered").into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_problem_that_says_nothing_of_it() {
        let broken: Router = Router::new()
            .route(
                "/",
                get(async || {
                    if true {
                        panic!("swordfish")
                    }
                }),
            )
            .layer(CatchPanicLayer::custom(panicked));
        let request = Request::get("/").body(Body::empty()).unwrap();
        let response = broken.oneshot(request).await.unwrap();
        assert_eq!(response.status(), 500);
        assert_eq!(response.headers()["content-type"], problem::MEDIA_TYPE);
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(body.contains("/problems/internal") && !body.contains("swordfish"), "{body}");
    }
}
