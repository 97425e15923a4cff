//! A starter in this process, over a database of the test's own.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use jsonwebtoken::{EncodingKey, Header, encode};
use reqwest::{Method, RequestBuilder};
use sbh_api::token::Claims;
use sbh_runtime::Config;
use sbh_starter::listen::Limits;
use sbh_starter::serve::serve;
use sbh_starter::state::State;
use sbh_store::Store;
use sbh_store::testing::{TestDatabase, database};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const KEY: &[u8; 32] = b"0123456789abcdef0123456789abcdef";
/// The token of the codec server's address.
pub const CODEC_TOKEN: &str = "codec-token-of-the-test";

/// What starters of one test share: the database and the key files.
pub struct Ground {
    pub database: TestDatabase,
    pub config: Config,
    _folder: tempfile::TempDir,
}

impl Ground {
    /// A database with the tenant `demo`, and keys. Temporal and Valkey are where nobody listens.
    pub async fn new() -> Self {
        let database = database().await;
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.database.app_url = database.app_url.clone();
        config.database.dispatch_url = database.dispatch_url.clone();
        config.database.max_connections = 12;
        let nobody = free_port().await;
        config.temporal.address = format!("http://127.0.0.1:{nobody}");
        config.valkey.url = format!("redis://127.0.0.1:{nobody}");
        config.keyring.file = folder.path().join("keyring.json");
        let keys = folder.path().join("hs256.json");
        let key = json!({ "keys": [{ "kid": "test", "secret": STANDARD.encode(KEY) }] });
        std::fs::write(&keys, key.to_string()).unwrap();
        config.auth.hs256_keys_file = Some(keys);
        let token = folder.path().join("codec-token");
        std::fs::write(&token, CODEC_TOKEN).unwrap();
        config.auth.codec_token_file = Some(token);
        config.starter.reconcile_after_s = 1;
        config.starter.drain_s = 2;
        let store = database.store().await;
        store.ensure_tenant(&"demo".parse().unwrap()).await.unwrap();
        Self { database, config, _folder: folder }
    }

    /// Starts one more starter.
    pub async fn start(&self) -> Server {
        self.start_with(Limits::default()).await
    }

    /// The same, with other limits of connections.
    pub async fn start_with(&self, limits: Limits) -> Server {
        sbh_runtime::temporal::install_crypto_provider();
        let store = self.database.store().await;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let state = State::new(self.config.clone(), store.clone()).unwrap();
        let task = tokio::spawn(serve(state, listener, limits, stop.clone()));
        let http =
            reqwest::Client::builder().timeout(Duration::from_secs(30)).no_proxy().build().unwrap();
        Server { address, store, stop, task, http }
    }
}

/// A running starter.
pub struct Server {
    pub address: SocketAddr,
    pub store: Store,

    pub http: reqwest::Client,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<anyhow::Result<()>>,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Answer {
    /// The body of an answer with this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.body
    }

    /// Checks that it is the problem document of this status and kind.
    #[track_caller]
    pub fn problem(self, status: u16, slug: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.text);
        assert_eq!(self.body["type"], format!("/problems/{slug}"), "{}", self.text);
        assert_eq!(self.body["status"], status);
        assert_eq!(self.body["instance"], self.headers["x-request-id"].to_str().unwrap());
        self.body
    }
}

impl Server {
    /// A request without a token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("http://{}{path}", self.address))
    }

    /// Sends a request.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status, headers, text, body }
    }

    /// GET as an owner of `demo`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path).bearer_auth(token("demo", "owner"))).await
    }

    /// POST as an owner of `demo`.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).bearer_auth(token("demo", "owner")).json(body))
            .await
    }

    /// Makes a connection of `demo`: its id and secret.
    pub async fn connection(&self, name: &str) -> (String, String) {
        let made = self.post("/api/connections", &json!({ "name": name })).await.expect(201);
        (made["id"].as_str().unwrap().to_owned(), made["secret"].as_str().unwrap().to_owned())
    }

    /// Tracks a repository of `demo`; its id.
    pub async fn repository(&self, url: &str, connection: Option<&str>) -> String {
        let body = json!({ "url": url, "connection_id": connection });
        let made = self.post("/api/repositories", &body).await.expect(201);
        made["id"].as_str().unwrap().to_owned()
    }

    /// Delivers a signed event.
    pub async fn deliver(&self, connection: &str, secret: &str, event: &str, body: &str) -> Answer {
        let signature = signature(secret, body.as_bytes());
        self.send(self.delivery(connection, Some(&signature), event, body.to_owned())).await
    }

    /// A delivery of JSON.
    pub fn delivery(
        &self,
        connection: &str,
        signature: Option<&str>,
        event: &str,
        body: impl Into<reqwest::Body>,
    ) -> RequestBuilder {
        let request = self
            .request(Method::POST, &format!("/webhooks/github/{connection}"))
            .header("X-GitHub-Event", event)
            .header("Content-Type", "application/json")
            .body(body);
        match signature {
            Some(signature) => request.header("X-Hub-Signature-256", signature),
            None => request,
        }
    }

    /// The value of a metric's series, 0 where there is none.
    pub async fn metric(&self, series: &str) -> f64 {
        let text = self.send(self.request(Method::GET, "/metrics")).await.text;
        let line = text.lines().find_map(|line| line.strip_prefix(series));
        line.map_or(0.0, |value| value.trim().parse().unwrap())
    }

    /// Stops it as SIGTERM does.
    pub async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }
}

/// The value of `X-Hub-Signature-256`.
pub fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// A push to a repository, different for each `after`.
pub fn push(url: &str, after: &str) -> String {
    json!({
        "ref": "refs/heads/main", "before": "0", "after": after, "forced": false, "deleted": false,
        "commits": [], "pusher": { "name": "ada" }, "repository": { "clone_url": url },
    })
    .to_string()
}

/// A token of a tenant and role.
pub fn token(tenant: &str, role: &str) -> String {
    let claims = Claims {
        sub: "ada".into(),
        tenant: tenant.into(),
        role: role.into(),
        iss: "sbh".into(),
        aud: "sbh-api".into(),
        exp: chrono::Utc::now().timestamp() + 600,
        iat: None,
    };
    let header = Header { kid: Some("test".into()), ..Default::default() };
    encode(&header, &claims, &EncodingKey::from_secret(KEY)).unwrap()
}

/// A port that nobody listens on.
pub async fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap().port()
}

/// Looks until something holds, at most 30 s.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
    let begin = Instant::now();
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) if begin.elapsed() > Duration::from_secs(30) => {
                panic!("waited for {what}: {seen}")
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}
