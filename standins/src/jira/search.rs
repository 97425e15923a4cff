//! Searching by JQL: Cloud's pages go on by a token, Data Center's by a number.

use std::collections::HashMap;

use axum::Json;
use axum::extract::Query;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::routes::{Shared, base, error, names};
use super::{Issue, Site};
use crate::query;
use crate::service::lock;

/// What both ways of asking ask for.
struct Asked {
    jql: String,
    fields: Vec<String>,
    start: usize,
    count: usize,
}

impl Asked {
    fn of_query(query: &HashMap<String, String>, start: &str, fields: &str) -> Self {
        let number =
            |name: &str, default| query.get(name).and_then(|n| n.parse().ok()).unwrap_or(default);
        Self {
            jql: query.get("jql").cloned().unwrap_or_default(),
            fields: names(query.get("fields"), fields),
            start: number(start, 0),
            count: number("maxResults", 50),
        }
    }

    fn of_body(body: &Value, start: &str, fields: &str) -> Self {
        let number = |name: &str| match &body[name] {
            Value::String(text) => text.parse().ok(),
            other => other.as_u64().and_then(|n| n.try_into().ok()),
        };
        let given = body["fields"].as_array().map(|list| {
            list.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect::<Vec<_>>()
        });
        Self {
            jql: body["jql"].as_str().unwrap_or_default().to_owned(),
            fields: given.unwrap_or_else(|| names(None, fields)),
            start: number(start).unwrap_or(0),
            count: number("maxResults").unwrap_or(50),
        }
    }
}

pub(super) async fn cloud_get(
    site: Shared,
    query: Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    cloud(&lock(&site), &Asked::of_query(&query, "nextPageToken", "id"), &base(&headers))
}

pub(super) async fn cloud_post(
    site: Shared,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    cloud(&lock(&site), &Asked::of_body(&body, "nextPageToken", "id"), &base(&headers))
}

pub(super) async fn data_center_get(
    site: Shared,
    query: Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    data_center(&lock(&site), &Asked::of_query(&query, "startAt", "*navigable"), &base(&headers))
}

pub(super) async fn data_center_post(
    site: Shared,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    data_center(&lock(&site), &Asked::of_body(&body, "startAt", "*navigable"), &base(&headers))
}

fn cloud(site: &Site, asked: &Asked, base: &str) -> Response {
    if query::parse(&asked.jql).is_ok_and(|conditions| conditions.is_empty()) {
        return error(
            StatusCode::BAD_REQUEST,
            "Unbounded JQL queries are not allowed here. Please add a search restriction to your query.",
        );
    }
    let found = match find(site, &asked.jql) {
        Ok(found) => found,
        Err(message) => return error(StatusCode::BAD_REQUEST, &message),
    };
    let end = (asked.start + asked.count.clamp(1, 5_000)).min(found.len());
    let page = found.get(asked.start..end).unwrap_or_default();
    let issues: Vec<Value> = page
        .iter()
        .map(|issue| {
            let mut json = issue.json(base, 3, &asked.fields);
            // Nothing but `id` was asked for: nothing but it is answered.
            if asked.fields == ["id"] {
                json = json!({ "id": json["id"] });
            }
            json
        })
        .collect();
    let mut answer = json!({ "issues": issues, "isLast": end >= found.len() });
    if end < found.len() {
        answer["nextPageToken"] = json!(end.to_string());
    }
    Json(answer).into_response()
}

fn data_center(site: &Site, asked: &Asked, base: &str) -> Response {
    let found = match find(site, &asked.jql) {
        Ok(found) => found,
        Err(message) => return error(StatusCode::BAD_REQUEST, &message),
    };
    let count = asked.count.min(1_000);
    let end = (asked.start + count).min(found.len());
    let page = found.get(asked.start..end).unwrap_or_default();
    let issues: Vec<Value> = page.iter().map(|issue| issue.json(base, 2, &asked.fields)).collect();
    Json(json!({
        "expand": "schema,names",
        "startAt": asked.start,
        "maxResults": count,
        "total": found.len(),
        "issues": issues,
    }))
    .into_response()
}

/// The issues that a query names, the longest unchanged first.
fn find<'a>(site: &'a Site, jql: &str) -> Result<Vec<&'a Issue>, String> {
    let conditions = query::parse(jql)?;
    let mut found = Vec::new();
    'issues: for issue in site.issues.values() {
        let id = issue.id.to_string();
        for condition in &conditions {
            let fits = match condition.field.as_str() {
                "project" => condition.names(&[issue.project()]),
                "key" | "issuekey" | "issue" | "id" => condition.names(&[&issue.key, &id]),
                "updated" | "updateddate" => condition.compares(issue.updated)?,
                "created" => condition.compares(issue.created)?,
                "issuetype" => condition.names(&["Story"]),
                other => return Err(format!("Field '{other}' does not exist.")),
            };
            if !fits {
                continue 'issues;
            }
        }
        found.push(issue);
    }
    let ascending = !jql.to_ascii_lowercase().contains(" desc");
    found.sort_by_key(|issue| (issue.updated, issue.id));
    if !ascending {
        found.reverse();
    }
    Ok(found)
}
