//! GitHub's REST interface: check runs, pull requests, webhook deliveries, and a GitHub App's tokens.
//!
//! - Check runs: <https://docs.github.com/en/rest/checks/runs>
//! - Deliveries: <https://docs.github.com/en/rest/repos/webhooks> and <https://docs.github.com/en/rest/apps/webhooks>
//! - Tokens: <https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app>
//! - Events: <https://docs.github.com/en/webhooks/webhook-events-and-payloads>

mod apps;
mod checks;
mod deliveries;
mod routes;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::runtime::Handle;

pub use checks::CheckRun;
pub use deliveries::{Made, NO_COMMIT, delivery, pull_request, push};

use crate::service::{Service, lock};
use crate::sign::{self, SigningKey};

/// The number of the App.
pub const APP: u64 = 7;
/// The number of the App's installation.
pub const INSTALLATION: u64 = 77;
/// The number of the repository's webhook.
pub const HOOK: u64 = 777;

/// The stand-in.
pub struct GitHub {
    /// Its server.
    pub service: Service,
    host: Arc<Mutex<Host>>,
}

type Shared = State<Arc<Mutex<Host>>>;

/// What GitHub knows.
#[derive(Debug, Default)]
struct Host {
    tokens: BTreeSet<String>,
    checks: BTreeMap<u64, CheckRun>,
    made: Vec<Made>,
    /// Pull requests by repository and number, as they are answered.
    pulls: BTreeMap<(String, u64), Value>,
    next_id: u64,
    /// Deliveries of which another attempt was asked for.
    asked_again: Vec<u64>,
}

impl Host {
    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }
}

impl GitHub {
    pub(crate) fn start(runtime: &Handle) -> io::Result<Self> {
        let host = Arc::new(Mutex::new(Host { next_id: 1_000, ..Host::default() }));
        let service = Service::start(runtime, routes::all(Arc::clone(&host)))?;
        Ok(Self { service, host })
    }

    /// A personal access token that is taken everywhere but at the App's own paths.
    pub fn token(&self) -> String {
        let token = format!("ghp_{}", uuid::Uuid::new_v4().simple());
        lock(&self.host).tokens.insert(token.clone());
        token
    }

    /// The App's private key, as a person would give it to a connection.
    pub fn app_key(&self) -> &'static str {
        SigningKey::published().pem
    }

    /// Ends every token.
    pub fn revoke_tokens(&self) {
        lock(&self.host).tokens.clear();
    }

    /// Every check run, in the order in which they were made.
    pub fn check_runs(&self) -> Vec<CheckRun> {
        lock(&self.host).checks.values().cloned().collect()
    }

    /// What a pull request is answered as.
    pub fn put_pull_request(&self, repository: &str, number: u64, pull: Value) {
        lock(&self.host).pulls.insert((repository.to_owned(), number), pull);
    }

    /// The deliveries of which another attempt was asked for.
    pub fn asked_again(&self) -> Vec<u64> {
        lock(&self.host).asked_again.clone()
    }
}

/// An error as GitHub writes it.
fn error(status: StatusCode, message: &str) -> Response {
    let body = json!({ "message": message, "documentation_url": "https://docs.github.com/rest",
                       "status": status.as_u16().to_string() });
    (status, Json(body)).into_response()
}

fn bearer(request: &Request) -> Option<&str> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("token "))
}

/// Repositories are reached with a token that was given here.
async fn needs_a_token(State(host): Shared, request: Request, next: Next) -> Response {
    let known = bearer(&request).is_some_and(|token| lock(&host).tokens.contains(token));
    if !known {
        return error(StatusCode::UNAUTHORIZED, "Bad credentials");
    }
    next.run(request).await
}

/// The App's own paths are reached with a JWT that its key signed, of ten minutes at most.
async fn needs_the_app(request: Request, next: Next) -> Response {
    let claims = bearer(&request).and_then(|t| sign::claims_signed_by(SigningKey::published(), t));
    let fits = claims.is_some_and(|claims| {
        let number = |name: &str| claims[name].as_i64().unwrap_or_default();
        let now = chrono::Utc::now().timestamp();
        let issuer = claims["iss"] == APP || claims["iss"].as_str() == Some(&APP.to_string());
        issuer && number("iat") <= now && number("exp") > now && number("exp") <= now + 600
    });
    if !fits {
        return error(StatusCode::UNAUTHORIZED, "A JSON web token could not be decoded");
    }
    next.run(request).await
}
