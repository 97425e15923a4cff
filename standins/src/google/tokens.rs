//! The exchange of a service account's signed assertion for an access token.

use std::collections::HashMap;

use axum::Json;
use axum::extract::Query;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use chrono::Utc;
use serde_json::json;
use uuid::Uuid;

use super::{ACCOUNT, Shared};
use crate::service::lock;
use crate::sign::{self, SigningKey};

/// The fields of a form, which is written as a query is.
fn fields(body: &str) -> HashMap<String, String> {
    let uri: Option<Uri> = format!("/?{body}").parse().ok();
    uri.and_then(|uri| Query::try_from_uri(&uri).ok())
        .map(|Query(fields)| fields)
        .unwrap_or_default()
}

pub(super) async fn exchange(drive: Shared, body: String) -> Response {
    let form = fields(&body);
    let refused = |why: &str| {
        let body = json!({ "error": "invalid_grant", "error_description": why });
        (StatusCode::BAD_REQUEST, Json(body)).into_response()
    };
    if form.get("grant_type").map(String::as_str)
        != Some("urn:ietf:params:oauth:grant-type:jwt-bearer")
    {
        return refused("unsupported grant type");
    }
    let assertion = form.get("assertion").map(String::as_str).unwrap_or_default();
    let Some(claims) = sign::claims_signed_by(SigningKey::published(), assertion) else {
        return refused("Invalid JWT Signature.");
    };
    let now = Utc::now().timestamp();
    let number = |name: &str| claims[name].as_i64().unwrap_or_default();
    let lasts = number("exp") - number("iat");
    if claims["iss"] != ACCOUNT || number("exp") <= now || !(1..=3_600).contains(&lasts) {
        return refused("Invalid JWT: iss, iat or exp");
    }
    if !claims["aud"].as_str().is_some_and(|aud| aud.ends_with("/token")) {
        return refused("Invalid JWT: aud");
    }
    if !claims["scope"].as_str().is_some_and(|scope| scope.contains("auth/drive")) {
        return refused("Invalid JWT: scope");
    }
    let token = format!("ya29.{}", Uuid::new_v4().simple());
    lock(&drive).tokens.insert(token.clone());
    Json(json!({ "access_token": token, "expires_in": 3_599, "token_type": "Bearer" }))
        .into_response()
}
