//! The starter's HTTP API.

use std::time::Duration;

use anyhow::{Context as _, Result};
use reqwest::{Method, RequestBuilder, Response};
use sbh_api::health::{PartState, Readiness};
use sbh_api::{Page, Problem, routes};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::args::Cli;
use crate::demo::record::DemoRecord;
use crate::failure::Failure;
use crate::home::Home;
use crate::stack::plan::Plan;
use crate::stack::secrets::Secrets;
use crate::stack::state::State;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Items asked for at once.
const PAGE: usize = 500;

/// A connection to the API with a token.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
    local: bool,
}

impl Client {
    /// The API that the arguments name, else the local stack's as the owner of the tenant `demo`.
    pub async fn find(home: &Home, cli: &Cli) -> Result<Self> {
        let base = match &cli.api_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => {
                State::required(home)?;
                Plan::read(home)?.context("the running stack has no plan")?.api_url()
            }
        };
        let token = match (&cli.token, &cli.api_url) {
            (Some(token), _) => token.clone(),
            (None, None) => {
                crate::commands::ensure_tenant(home, crate::demo::record::TENANT).await?;
                DemoRecord::token(&Secrets::load_or_create(home)?)?
            }
            (None, Some(_)) => {
                let what = "an API was named, but no token to talk to it with";
                return Err(Failure::new(what).hint("give --token, or set SBH_TOKEN").into());
            }
        };
        Self::new(base, token, cli.api_url.is_none())
    }

    /// A client for an address and a token.
    pub fn new(base: String, token: String, local: bool) -> Result<Self> {
        // Only the first call in a process can set it.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .connect_timeout(Duration::from_secs(5))
            .user_agent(concat!("sbh/", env!("CARGO_PKG_VERSION")));
        // A proxy has no business between this program and its own machine.
        let http = if local { http.no_proxy() } else { http };
        Ok(Self { http: http.build().context("cannot prepare HTTP")?, base, token, local })
    }

    /// The API's address.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Whether it is the local stack's.
    pub fn is_local(&self) -> bool {
        self.local
    }

    /// Reads one thing.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.answer(self.request(Method::GET, path)).await
    }

    /// Reads a list to its end, or to `most` items.
    pub async fn list<T: DeserializeOwned>(&self, path: &str, most: usize) -> Result<Vec<T>> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        let separator = if path.contains('?') { '&' } else { '?' };
        loop {
            let limit = PAGE.min(most - items.len()).max(1);
            let mut request = self.request(Method::GET, &format!("{path}{separator}limit={limit}"));
            if let Some(cursor) = &cursor {
                request = request.query(&[("cursor", cursor)]);
            }
            let page: Page<T> = self.answer(request).await?;
            items.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() || items.len() >= most {
                items.truncate(most);
                return Ok(items);
            }
        }
    }

    /// Changes something. The key makes it safe for the network to deliver it twice.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T> {
        let request = self.request(Method::POST, path).json(body);
        self.answer(request.header(routes::IDEMPOTENCY_KEY, Uuid::new_v4().to_string())).await
    }

    /// Changes something.
    pub async fn patch<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T> {
        let request = self.request(Method::PATCH, path).json(body);
        self.answer(request.header(routes::IDEMPOTENCY_KEY, Uuid::new_v4().to_string())).await
    }

    /// Removes something.
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let request = self.request(Method::DELETE, path);
        self.answer(request.header(routes::IDEMPOTENCY_KEY, Uuid::new_v4().to_string())).await
    }

    /// Puts a text.
    pub async fn put_text<T: DeserializeOwned>(
        &self,
        path: &str,
        media_type: &str,
        text: String,
    ) -> Result<T> {
        let request = self.request(Method::PUT, path).header("content-type", media_type).body(text);
        self.answer(request.header(routes::IDEMPOTENCY_KEY, Uuid::new_v4().to_string())).await
    }

    /// Reads a text.
    pub async fn text(&self, path: &str) -> Result<String> {
        let request = self.request(Method::GET, path);
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if !response.status().is_success() {
            return Err(refusal(response).await.into());
        }
        response.text().await.context("the answer was cut")
    }

    /// Delivers a webhook as its source would: without a token, with the source's headers.
    pub async fn deliver<T: DeserializeOwned>(
        &self,
        address: &str,
        headers: &[(&str, String)],
        body: Vec<u8>,
    ) -> Result<T> {
        let mut request = self.http.post(address).body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        self.answer(request).await
    }

    /// The part that the server says is away and that delays work.
    pub async fn away(&self) -> Option<String> {
        let answer = self.http.get(format!("{}/readyz", self.base)).send().await.ok()?;
        let readiness: Readiness = answer.json().await.ok()?;
        let away = |part: &sbh_api::health::Part| part.status != PartState::Ok;
        readiness.parts.into_iter().find(|(_, part)| away(part)).map(|(name, _)| name)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token)
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if !response.status().is_success() {
            return Err(refusal(response).await.into());
        }
        let other =
            || format!("{} answers something else than this version of sbh expects", self.base);
        let body = response.bytes().await.with_context(other)?;
        // 204 has no body: it is read as nothing.
        let body = if body.is_empty() { b"null" } else { &body[..] };
        serde_json::from_slice(body).with_context(other)
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let how = if error.is_timeout() { "does not answer in time" } else { "is not reachable" };
        let hint =
            if self.local { "look at ./sbh status" } else { "check the address and the network" };
        Failure::new(format!("the API at {} {how}", self.base)).hint(hint)
    }
}

/// A problem document as a sentence.
async fn refusal(response: Response) -> Failure {
    let status = response.status();
    let text = response.text().await.unwrap_or_default();
    let Ok(problem) = serde_json::from_str::<Problem>(&text) else {
        return Failure::new(format!("the API answers {status}"));
    };
    sentence(&problem)
}

fn sentence(problem: &Problem) -> Failure {
    let what = match &problem.detail {
        Some(detail) => crate::style::plain(detail.trim_end_matches('.')),
        None => crate::style::plain(&problem.title),
    };
    let failure = Failure::new(what);
    match problem.status {
        401 => failure.hint("make a token with ./sbh token --tenant T --role R, and give it as --token or SBH_TOKEN"),
        403 => failure.hint("use a token of a stronger role"),
        409 if problem.id.is_some() => {
            failure.hint(format!("it was made already: {}", problem.id.as_deref().unwrap_or_default()))
        }
        429 | 503 => failure.hint("try again in a moment"),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_becomes_a_sentence_with_a_way_out() {
        let problem = Problem {
            kind: "/problems/unauthorised".into(),
            title: "The token is not valid".into(),
            status: 401,
            detail: Some("The token has expired.".into()),
            instance: None,
            id: None,
        };
        let failure: anyhow::Error = sentence(&problem).into();
        assert_eq!(failure.to_string(), "The token has expired");
        assert!(Failure::hint_of(&failure).unwrap().contains("sbh token"));
        let without = sentence(&Problem { detail: None, status: 404, ..problem });
        assert_eq!(without.to_string(), "The token is not valid");
    }
}
