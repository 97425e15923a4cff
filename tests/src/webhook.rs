//! Webhooks as GitHub sends them.

use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::GitRepo;

/// The commit id that GitHub names where there is none.
pub const NO_COMMIT: &str = "0000000000000000000000000000000000000000";

/// A delivery before it is sent: every part can be spoiled.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The body's bytes.
    pub body: Vec<u8>,
    /// `X-GitHub-Event`.
    pub event: String,
    /// `X-GitHub-Delivery`.
    pub id: String,
    /// `X-Hub-Signature-256`; `None` leaves the header out.
    pub signature: Option<String>,
    /// `Content-Type`.
    pub content_type: String,
    /// `traceparent`; `None` leaves the header out.
    pub traceparent: Option<String>,
}

impl Delivery {
    /// A delivery of some bytes, signed with `secret`.
    pub fn signed(event: &str, body: impl Into<Vec<u8>>, secret: &str) -> Self {
        let body = body.into();
        Self {
            signature: Some(signature(secret, &body)),
            body,
            event: event.to_owned(),
            id: uuid::Uuid::new_v4().to_string(),
            content_type: "application/json".to_owned(),
            traceparent: None,
        }
    }

    /// A delivery of a JSON document, signed with `secret`.
    pub fn json(event: &str, body: &Value, secret: &str) -> Self {
        Self::signed(event, body.to_string(), secret)
    }
}

/// The value of `X-Hub-Signature-256` for a body.
pub fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length is a key");
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// The payload of a `push` event: `reference` (such as `refs/heads/main`) went from `before` to
/// `after`; all zeros stand for "not there".
pub fn push(repo: &GitRepo, reference: &str, before: &str, after: &str) -> Value {
    json!({
        "ref": reference,
        "before": before,
        "after": after,
        "created": before == NO_COMMIT,
        "deleted": after == NO_COMMIT,
        "forced": false,
        "commits": [],
        "head_commit": null,
        "pusher": { "name": "test", "email": "test@example.com" },
        "repository": {
            "id": 1,
            "name": repo.name(),
            "full_name": format!("acme/{}", repo.name()),
            "clone_url": repo.url(),
            "git_url": repo.url(),
            "ssh_url": repo.url(),
            "html_url": repo.url(),
            "default_branch": "main",
        },
        "sender": { "login": "test" },
    })
}
