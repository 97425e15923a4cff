//! The OpenAPI document, made from the handlers.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::{codec, health, routes, webhooks};

/// The document.
#[derive(OpenApi)]
#[openapi(
    info(title = "SBH fleet", description = "Specs stay proved: repositories, documents, invariants, verdicts.\n\n\
        Errors are problem documents (RFC 9457). Mutating calls take `Idempotency-Key`. Long lists are paged by cursor."),
    paths(
        routes::connection::list, routes::connection::create, routes::connection::rotate,
        routes::connection::show, routes::connection::change, routes::connection::remove,
        routes::connection::pause, routes::connection::resume, routes::connection::test,
        routes::repository::list, routes::repository::add, routes::repository::show,
        routes::repository::remove, routes::repository::restore, routes::repository::change,
        routes::upload::put, routes::upload::delete,
        routes::repo_sync::sync, routes::repo_sync::status,
        routes::check_run::list, routes::pull_request::list, routes::pull_request::show,
        routes::spec_drift::list_of, routes::spec_drift::list, routes::spec_drift::show,
        routes::spec_drift::invariants, routes::spec_drift::status, routes::spec_drift::reprove,
        routes::inbox::list, routes::inbox::show, routes::inbox::retry,
        routes::inbox::retry_all,
        routes::coverage::tenant, routes::coverage::repository,
        routes::drift::list, routes::drift::reprove, routes::drift::acknowledge,
        routes::drift::withdraw,
        routes::alert::list, routes::alert::show, routes::alert::acknowledge,
        routes::alert_channel::list, routes::alert_channel::create, routes::alert_channel::show,
        routes::alert_channel::change, routes::alert_channel::remove, routes::alert_channel::test,
        routes::effect::list, routes::effect::show, routes::effect::resolve,
        routes::audit::list, routes::audit::verify,
        webhooks::receive::receive,
        codec::decode_for_ui, codec::encode_for_ui, codec::decode_for_operator,
        health::healthz, health::readyz,
    ),
    security(("bearer" = [])),
    modifiers(&Bearer),
)]
pub struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    }
}

/// The document's text, as it is committed.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn text() -> anyhow::Result<String> {
    Ok(Document::openapi().to_pretty_json()? + "\n")
}

/// `GET /openapi.json`.
pub async fn serve() -> Response {
    let text = text().unwrap_or_default();
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_document_is_the_code_s() {
        let committed = std::fs::read_to_string("../api/openapi.json").unwrap_or_default();
        assert!(
            committed == text().unwrap(),
            "api/openapi.json is not what the code says: write it again with\n\
             cargo run -p sbh-starter -- openapi > api/openapi.json"
        );
    }

    #[test]
    fn it_is_openapi_3_1_with_a_summary_of_every_operation() {
        let document: serde_json::Value = serde_json::from_str(&text().unwrap()).unwrap();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                assert!(operation["summary"].is_string(), "{method} {path} has no summary");
            }
        }
    }
}
