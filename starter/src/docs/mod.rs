//! The API's documentation: a page of this server that shows the OpenAPI document and loads nothing
//! from anywhere else.

use axum::http::header;
use axum::response::{Html, IntoResponse, Response};

/// `GET /docs`.
pub async fn page() -> Html<&'static str> {
    Html(include_str!("viewer.html"))
}

/// `GET /docs/viewer.js`.
pub async fn script() -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("viewer.js"))
        .into_response()
}

/// `GET /docs/viewer.css`.
pub async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("viewer.css"))
        .into_response()
}
