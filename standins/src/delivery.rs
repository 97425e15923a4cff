//! A delivery that a service makes, and how patiently it makes it.

use std::time::Duration;

/// A delivery before it is sent: every part can be spoiled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Delivery {
    /// A delivery of a JSON document.
    pub fn json(body: &serde_json::Value) -> Self {
        Self { headers: Vec::new(), body: body.to_string().into_bytes() }
            .with("content-type", "application/json")
    }

    /// With a header, in the place of one of this name.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self = self.without(name);
        self.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// Without a header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }
}

/// How a service goes on with a delivery that was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How often it is sent at most.
    pub attempts: u32,
    /// How long each may take.
    pub timeout: Duration,
}

impl Patience {
    /// GitHub waits 10 s and never sends again by itself
    /// (<https://docs.github.com/en/webhooks/using-webhooks/handling-failed-webhook-deliveries>).
    pub const GITHUB: Self = Self { attempts: 1, timeout: Duration::from_secs(10) };
    /// Jira Cloud tries again up to five times
    /// (<https://developer.atlassian.com/cloud/jira/platform/webhooks/>).
    pub const JIRA_CLOUD: Self = Self { attempts: 6, timeout: Duration::from_secs(20) };
    /// Forge Remote waits 5 s; events are tried again up to four times
    /// (<https://developer.atlassian.com/platform/forge/remote/>).
    pub const FORGE: Self = Self { attempts: 5, timeout: Duration::from_secs(5) };
    /// Data Center products send once
    /// (<https://confluence.atlassian.com/doc/managing-webhooks-1021225606.html>).
    pub const DATA_CENTER: Self = Self { attempts: 1, timeout: Duration::from_secs(20) };
    /// Google tries again after 500, 502, 503 and 504, with growing pauses
    /// (<https://developers.google.com/workspace/drive/api/guides/push>).
    pub const GOOGLE: Self = Self { attempts: 5, timeout: Duration::from_secs(20) };

    /// Whether a delivery that was answered so is sent again, attempts permitting. `None`: there was no
    /// answer.
    pub fn tries_again_after(self, status: Option<u16>) -> bool {
        self.attempts > 1 && status.is_none_or(|s| matches!(s, 408 | 409 | 425 | 429 | 500..))
    }
}
