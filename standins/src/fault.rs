//! What a stand-in does wrong when told to.

use serde::Deserialize;

/// Requests that go wrong.
#[derive(Debug, Clone, Deserialize)]
pub struct Fault {
    /// Their method; `None`: any.
    #[serde(default)]
    pub method: Option<String>,
    /// What their path contains; empty: any.
    #[serde(default)]
    pub path: String,
    /// How many of them; `None`: all until [`crate::Service::mend`].
    #[serde(default)]
    pub times: Option<usize>,
    /// Whether the service does what was asked before it fails: then its caller cannot know.
    #[serde(default)]
    pub acts: bool,
    /// How they go wrong.
    pub what: What,
}

/// How a request goes wrong.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// It is answered with this instead.
    Answer {
        /// The status.
        status: u16,
        /// Headers.
        #[serde(default)]
        headers: Vec<(String, String)>,
        /// The body.
        #[serde(default)]
        body: String,
    },
    /// It is never answered; the connection stays open.
    Hang,
    /// The connection is closed without an answer, after the request was read whole.
    Cut,
}

impl Fault {
    /// Requests that are answered with a status.
    pub fn status(path: &str, status: u16) -> Self {
        let body = format!("{{\"message\":\"made to fail with {status}\"}}");
        Self::of(path, What::Answer { status, headers: Vec::new(), body })
    }

    /// Requests that are told to come again after so many seconds (429 with `Retry-After`).
    pub fn rate_limited(path: &str, after_s: u64) -> Self {
        let headers = vec![("retry-after".to_owned(), after_s.to_string())];
        Self::of(path, What::Answer { status: 429, headers, body: String::new() })
    }

    /// Requests that are never answered.
    pub fn hang(path: &str) -> Self {
        Self::of(path, What::Hang)
    }

    /// Requests whose connection is cut.
    pub fn cut(path: &str) -> Self {
        Self::of(path, What::Cut)
    }

    /// The next `times` requests only.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = Some(times);
        self
    }

    /// Requests with this method only.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// The service does what was asked, and fails then.
    #[must_use]
    pub fn after_acting(mut self) -> Self {
        self.acts = true;
        self
    }

    fn of(path: &str, what: What) -> Self {
        Self { method: None, path: path.to_owned(), times: None, acts: false, what }
    }

    pub(crate) fn hits(&self, method: &str, path: &str) -> bool {
        self.times != Some(0)
            && self.method.as_deref().is_none_or(|wanted| wanted == method)
            && path.contains(&self.path)
    }
}
