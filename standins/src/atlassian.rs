//! What Atlassian has for all its products: tokens for OAuth apps, one address for their interfaces
//! (whose paths lead to the products' stand-ins), and Forge's public keys.
//!
//! - Tokens: <https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/>; a refresh token is
//!   good for one exchange, which gives the next one.
//! - Keys: <https://developer.atlassian.com/platform/forge/remote/essentials/>

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::service::{Service, lock};
use crate::sign::SigningKey;

/// The issuer of Forge's invocation tokens.
pub const FORGE_ISSUER: &str = "forge/invocation-token";

/// The stand-in.
pub struct Atlassian {
    /// Its server.
    pub service: Service,
    refresh_tokens: Arc<Mutex<BTreeSet<String>>>,
}

impl Atlassian {
    pub(crate) fn start(runtime: &Handle, products: Router) -> io::Result<Self> {
        let refresh_tokens = Arc::new(Mutex::new(BTreeSet::new()));
        let routes = Router::new()
            .route("/oauth/token", post(token))
            .route("/oauth/token/accessible-resources", get(resources))
            .route("/.well-known/jwks.json", get(keys))
            .with_state(Arc::clone(&refresh_tokens))
            .merge(products);
        Ok(Self { service: Service::start(runtime, routes)?, refresh_tokens })
    }

    /// A refresh token that can be exchanged once.
    pub fn refresh_token(&self) -> String {
        fresh(&mut lock(&self.refresh_tokens))
    }

    /// Where Forge's keys are.
    pub fn keys_url(&self) -> String {
        format!("{}/.well-known/jwks.json", self.service.url())
    }
}

fn fresh(tokens: &mut BTreeSet<String>) -> String {
    let token = format!("refresh-{}", Uuid::new_v4().simple());
    tokens.insert(token.clone());
    token
}

async fn token(
    State(tokens): State<Arc<Mutex<BTreeSet<String>>>>,
    Json(asked): Json<Value>,
) -> Response {
    let mut tokens = lock(&tokens);
    let known = asked["refresh_token"].as_str().is_some_and(|token| tokens.remove(token));
    if asked["grant_type"] != "refresh_token" || !known {
        let error = json!({ "error": "invalid_grant", "error_description": "Unknown or invalid refresh token." });
        return (StatusCode::FORBIDDEN, Json(error)).into_response();
    }
    Json(json!({
        "access_token": format!("access-{}", Uuid::new_v4().simple()),
        "refresh_token": fresh(&mut tokens),
        "expires_in": 3_600,
        "scope": "read:jira-work manage:jira-webhook offline_access",
        "token_type": "Bearer",
    }))
    .into_response()
}

async fn resources() -> Json<Value> {
    Json(
        json!([{ "id": "cloud-1", "name": "site", "url": "https://site.atlassian.net", "scopes": [] }]),
    )
}

async fn keys() -> Json<Value> {
    Json(json!({ "keys": [SigningKey::published().jwk()] }))
}
