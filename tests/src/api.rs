//! The HTTP API as a caller without any of our types sees it: names on the wire are part of what
//! is tested.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::webhook::Delivery;

/// A caller with a token. Made in the test that uses it: its connections belong to that test's
/// runtime.
#[derive(Debug, Clone)]
pub struct Api {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// `Content-Type`, empty where there is none.
    pub content_type: String,
    /// The body as JSON; a string where it is none.
    pub body: Value,
}

impl Answer {
    /// The body, where the answer is a success.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!(self.status.is_success(), "answered {}: {}", self.status, self.body);
        self.body
    }

    /// Checks that the answer is the problem document (RFC 9457) of a status, and returns it.
    #[track_caller]
    pub fn problem(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        assert_eq!(self.content_type, "application/problem+json", "{}", self.body);
        for field in ["type", "title", "status"] {
            assert!(!self.body[field].is_null(), "a problem has a {field}: {}", self.body);
        }
        assert_eq!(self.body["status"], status);
        self.body
    }
}

impl Api {
    /// A caller of the API at `base` (`http://host:port`).
    pub fn new(base: &str, token: Option<String>) -> Self {
        // Another test of this process may have been first: either way one is installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(60))
            .no_proxy()
            .build()
            .expect("an HTTP client");
        Self { http, base: base.to_owned(), token }
    }

    /// The same caller with another token, or none.
    pub fn with_token(&self, token: Option<String>) -> Self {
        Self { token, ..self.clone() }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// POST with a JSON body; `null` stands for none.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        let request = self.request(Method::POST, path);
        self.send(if body.is_null() { request } else { request.json(body) }).await
    }

    /// POST with a JSON body and an `Idempotency-Key`.
    pub async fn post_once(&self, path: &str, body: &Value, key: &str) -> Answer {
        self.send(self.request(Method::POST, path).header("Idempotency-Key", key).json(body)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// A request to be completed by the test.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request that must be answered.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        self.try_send(request)
            .await
            .unwrap_or_else(|e| panic!("no answer from {}: {e:?}", self.base))
    }

    /// Sends a request; an error when there is no whole answer.
    pub async fn try_send(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<Answer, reqwest::Error> {
        let response = request.send().await?;
        let status = response.status();
        let content_type = response.headers().get("content-type");
        let content_type =
            content_type.and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
        let bytes = response.bytes().await?;
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Ok(Answer { status, content_type, body })
    }

    /// Delivers a webhook, without any token, as GitHub does.
    pub async fn deliver(&self, connection: &str, delivery: &Delivery) -> Answer {
        self.try_deliver(connection, delivery).await.unwrap_or_else(|e| panic!("no answer: {e:?}"))
    }

    /// Delivers a webhook; an error when there is no whole answer.
    pub async fn try_deliver(
        &self,
        connection: &str,
        delivery: &Delivery,
    ) -> Result<Answer, reqwest::Error> {
        let url = format!("{}/webhooks/github/{connection}", self.base);
        let mut request = self
            .http
            .post(url)
            .header("User-Agent", "GitHub-Hookshot/test")
            .header("X-GitHub-Event", &delivery.event)
            .header("X-GitHub-Delivery", &delivery.id)
            .header("Content-Type", &delivery.content_type)
            .body(delivery.body.clone());
        if let Some(signature) = &delivery.signature {
            request = request.header("X-Hub-Signature-256", signature);
        }
        if let Some(traceparent) = &delivery.traceparent {
            request = request.header("traceparent", traceparent);
        }
        self.try_send(request).await
    }
}
