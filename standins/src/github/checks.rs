//! Check runs. Two with one name, one commit and one `external_id` are two: GitHub compares nothing.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use super::{APP, Shared, error};
use crate::service::lock;

/// Annotations that one request may have.
const MOST_ANNOTATIONS: usize = 50;

/// A check run.
#[derive(Debug, Clone, Serialize)]
pub struct CheckRun {
    /// Its number.
    pub id: u64,
    /// `owner/name`.
    pub repository: String,
    /// The commit.
    pub head_sha: String,
    /// The name of the check.
    pub name: String,
    /// `queued`, `in_progress` or `completed`.
    pub status: String,
    /// How it ended, if it did.
    pub conclusion: Option<String>,
    /// What its maker calls it.
    pub external_id: String,
    /// All annotations: updates add to them.
    pub annotations: Vec<Value>,
    /// Title, summary and text.
    pub output: Value,
    /// How often it was updated.
    pub updates: usize,
    /// When it was made.
    pub made: DateTime<Utc>,
}

impl CheckRun {
    fn json(&self) -> Value {
        json!({
            "id": self.id,
            "head_sha": self.head_sha,
            "external_id": self.external_id,
            "name": self.name,
            "status": self.status,
            "conclusion": self.conclusion,
            "started_at": self.made.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "html_url": format!("https://github.com/{}/runs/{}", self.repository, self.id),
            "output": { "title": self.output["title"], "summary": self.output["summary"],
                        "text": self.output["text"], "annotations_count": self.annotations.len() },
            "app": { "id": APP, "slug": "sbh" },
        })
    }

    /// Takes over what a request says.
    fn take(&mut self, body: &Value) -> Result<(), &'static str> {
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        if let Some(conclusion) = text("conclusion") {
            const KNOWN: [&str; 8] = [
                "action_required",
                "cancelled",
                "failure",
                "neutral",
                "success",
                "skipped",
                "stale",
                "timed_out",
            ];
            if !KNOWN.contains(&conclusion.as_str()) {
                return Err("conclusion is not included in the list");
            }
            // A conclusion completes the run, whatever status is said.
            self.status = "completed".to_owned();
            self.conclusion = Some(conclusion);
        } else if let Some(status) = text("status") {
            if status == "completed" {
                return Err("conclusion is required when status is completed");
            }
            self.status = status;
        }
        if let Some(id) = text("external_id") {
            self.external_id = id;
        }
        let output = &body["output"];
        if !output.is_null() {
            if output["summary"].is_null() {
                return Err("output.summary is required");
            }
            if ["summary", "text"]
                .iter()
                .any(|f| output[f].as_str().is_some_and(|t| t.len() > 65_535))
            {
                return Err("output is too long (maximum is 65535 characters)");
            }
            let annotations = output["annotations"].as_array().cloned().unwrap_or_default();
            if annotations.len() > MOST_ANNOTATIONS {
                return Err("output.annotations has more than 50 items");
            }
            const NEEDED: [&str; 5] =
                ["path", "start_line", "end_line", "annotation_level", "message"];
            if annotations.iter().any(|one| NEEDED.iter().any(|field| one[field].is_null())) {
                return Err("an annotation lacks a field");
            }
            self.annotations.extend(annotations);
            self.output = output.clone();
        }
        Ok(())
    }
}

pub(super) async fn create(
    host: Shared,
    Path((owner, repo)): Path<(String, String)>,
    Json(body): Json<Value>,
) -> Response {
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let mut host = lock(&host);
    let mut run = CheckRun {
        id: 0,
        repository: format!("{owner}/{repo}"),
        head_sha: text("head_sha"),
        name: text("name"),
        status: "queued".to_owned(),
        conclusion: None,
        external_id: String::new(),
        annotations: Vec::new(),
        output: Value::Null,
        updates: 0,
        made: Utc::now(),
    };
    if run.name.is_empty() || run.head_sha.len() != 40 {
        return error(StatusCode::UNPROCESSABLE_ENTITY, "Invalid request: name and head_sha");
    }
    if let Err(why) = run.take(&body) {
        return error(StatusCode::UNPROCESSABLE_ENTITY, why);
    }
    run.id = host.id();
    let answer = run.json();
    host.checks.insert(run.id, run);
    (StatusCode::CREATED, Json(answer)).into_response()
}

pub(super) async fn update(
    host: Shared,
    Path((owner, repo, id)): Path<(String, String, u64)>,
    Json(body): Json<Value>,
) -> Response {
    let mut host = lock(&host);
    let known = host.checks.get_mut(&id).filter(|run| run.repository == format!("{owner}/{repo}"));
    let Some(run) = known else { return error(StatusCode::NOT_FOUND, "Not Found") };
    if let Err(why) = run.take(&body) {
        return error(StatusCode::UNPROCESSABLE_ENTITY, why);
    }
    run.updates += 1;
    Json(run.json()).into_response()
}

pub(super) async fn get(host: Shared, Path((_, _, id)): Path<(String, String, u64)>) -> Response {
    match lock(&host).checks.get(&id) {
        Some(run) => Json(run.json()).into_response(),
        None => error(StatusCode::NOT_FOUND, "Not Found"),
    }
}

pub(super) async fn annotations(
    host: Shared,
    Path((_, _, id)): Path<(String, String, u64)>,
) -> Response {
    match lock(&host).checks.get(&id) {
        Some(run) => Json(run.annotations.clone()).into_response(),
        None => error(StatusCode::NOT_FOUND, "Not Found"),
    }
}

pub(super) async fn list(
    host: Shared,
    Path((owner, repo, sha)): Path<(String, String, String)>,
    query: Query<HashMap<String, String>>,
) -> Json<Value> {
    let host = lock(&host);
    let number =
        |name: &str, default| query.get(name).and_then(|n| n.parse().ok()).unwrap_or(default);
    let (page, per_page) =
        (number("page", 1usize).max(1), number("per_page", 30usize).clamp(1, 100));
    let wanted: Vec<Value> = host
        .checks
        .values()
        .filter(|run| run.repository == format!("{owner}/{repo}") && run.head_sha == sha)
        .filter(|run| query.get("check_name").is_none_or(|name| *name == run.name))
        .filter(|run| query.get("status").is_none_or(|status| *status == run.status))
        .map(CheckRun::json)
        .collect();
    // Newest first.
    let runs: Vec<&Value> =
        wanted.iter().rev().skip((page - 1) * per_page).take(per_page).collect();
    Json(json!({ "total_count": wanted.len(), "check_runs": runs }))
}
