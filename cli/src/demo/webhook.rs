//! The push webhook, as GitHub delivers it.

use anyhow::{Context as _, Result};
use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use uuid::Uuid;

use super::repository::{AUTHOR, BRANCH, Commit, NAME, Repository};
use super::specs::EDITED;

/// A delivery: headers and the raw body that they sign.
pub struct Delivery {
    /// The headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// The delivery of a push of one commit, signed with the connection's secret.
pub fn push(repository: &Repository, commit: &Commit, secret: &str) -> Result<Delivery> {
    let body = serde_json::to_vec(&payload(repository, commit))?;
    let headers = vec![
        ("content-type", "application/json".to_owned()),
        ("user-agent", "GitHub-Hookshot/0c1a2b3".to_owned()),
        ("accept", "*/*".to_owned()),
        ("x-github-event", "push".to_owned()),
        ("x-github-delivery", Uuid::new_v4().to_string()),
        ("x-github-hook-id", "480153042".to_owned()),
        ("x-github-hook-installation-target-id", "812345678".to_owned()),
        ("x-github-hook-installation-target-type", "repository".to_owned()),
        ("x-hub-signature-256", signature(secret, &body)?),
    ];
    Ok(Delivery { headers, body })
}

/// `sha256=` and the HMAC of the raw body.
fn signature(secret: &str, body: &[u8]) -> Result<String> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).context("the secret is not usable")?;
    mac.update(body);
    Ok(format!("sha256={}", hex::encode(mac.finalize().into_bytes())))
}

/// The event in GitHub's shape. The addresses are the repository's own.
fn payload(repository: &Repository, commit: &Commit) -> Value {
    let (name, email) = AUTHOR;
    let url = repository.url();
    let person = json!({ "name": name, "email": email, "username": "demo-author" });
    let head = json!({
        "id": commit.after,
        "tree_id": commit.tree,
        "distinct": true,
        "message": commit.message,
        "timestamp": commit.at,
        "url": format!("{url}/commit/{}", commit.after),
        "author": person,
        "committer": person,
        "added": [],
        "removed": [],
        "modified": [EDITED],
    });
    json!({
        "ref": format!("refs/heads/{BRANCH}"),
        "before": commit.before,
        "after": commit.after,
        "base_ref": null,
        "created": false,
        "deleted": false,
        "forced": false,
        "compare": format!("{url}/compare/{}...{}", commit.before, commit.after),
        "repository": {
            "id": 812_345_678,
            "node_id": "R_kgDOMGs6Tg",
            "name": NAME,
            "full_name": format!("demo/{NAME}"),
            "private": true,
            "owner": { "name": "demo", "login": "demo", "id": 9_001, "type": "Organization" },
            "html_url": url,
            "url": url,
            "git_url": url,
            "ssh_url": url,
            "clone_url": url,
            "default_branch": BRANCH,
            "master_branch": BRANCH,
        },
        "pusher": { "name": "demo-author", "email": email },
        "sender": { "login": "demo-author", "id": 9_002, "type": "User" },
        "commits": [head],
        "head_commit": head,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_githubs() {
        // The example of GitHub's documentation.
        let signed = signature("It's a Secret to Everybody", b"Hello, World!").unwrap();
        assert_eq!(
            signed,
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
    }
}
