//! Files: one, a list, and the export of a document.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, Query};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::{ACCOUNT, DOCUMENT, Drive, File, Shared, error};
use crate::service::lock;

/// Bytes of an export at most.
const MAX_EXPORT: usize = 10 * 1024 * 1024;

type Parameters = Query<HashMap<String, String>>;

/// As an answer: four fields, unless more are asked for.
pub(super) fn json(file: &File, fields: Option<&String>) -> Value {
    let mut json = json!({
        "kind": "drive#file", "id": file.id, "name": file.name, "mimeType": file.kind,
    });
    if fields.is_some() {
        let stamp =
            |at: chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        json["parents"] = json!(file.parents);
        json["trashed"] = json!(file.trashed);
        json["version"] = json!(file.version.to_string());
        json["createdTime"] = json!(stamp(file.created));
        json["modifiedTime"] = json!(stamp(file.modified));
        json["webViewLink"] = json!(format!("https://docs.google.com/document/d/{}/edit", file.id));
    }
    json
}

fn find<'a>(drive: &'a Drive, id: &str) -> Result<&'a File, Response> {
    drive
        .files
        .get(id)
        .filter(|file| !file.gone)
        .ok_or_else(|| error(StatusCode::NOT_FOUND, "notFound", &format!("File not found: {id}.")))
}

pub(super) async fn about(query: Parameters) -> Response {
    if !query.contains_key("fields") {
        return error(
            StatusCode::BAD_REQUEST,
            "required",
            "The 'fields' parameter is required for this method.",
        );
    }
    Json(json!({ "kind": "drive#about", "user": { "kind": "drive#user", "emailAddress": ACCOUNT, "displayName": ACCOUNT } }))
        .into_response()
}

pub(super) async fn get(drive: Shared, id: Path<String>, query: Parameters) -> Response {
    match find(&lock(&drive), &id) {
        Ok(file) => Json(json(file, query.get("fields"))).into_response(),
        Err(refused) => refused,
    }
}

pub(super) async fn export(drive: Shared, id: Path<String>, query: Parameters) -> Response {
    let drive = lock(&drive);
    let file = match find(&drive, &id) {
        Ok(file) => file,
        Err(refused) => return refused,
    };
    if file.kind != DOCUMENT {
        return error(
            StatusCode::FORBIDDEN,
            "fileNotExportable",
            "Export only supports Docs Editors files.",
        );
    }
    if file.markdown.len() > MAX_EXPORT {
        return error(
            StatusCode::FORBIDDEN,
            "exportSizeLimitExceeded",
            "This file is too large to be exported.",
        );
    }
    match query.get("mimeType").map(String::as_str) {
        Some(kind @ ("text/markdown" | "text/plain")) => {
            ([(header::CONTENT_TYPE, kind.to_owned())], file.markdown.clone()).into_response()
        }
        _ => error(
            StatusCode::BAD_REQUEST,
            "badRequest",
            "The requested conversion is not supported.",
        ),
    }
}

pub(super) async fn list(drive: Shared, query: Parameters) -> Response {
    let drive = lock(&drive);
    let q = query.get("q").map(String::as_str).unwrap_or_default();
    let mut found = Vec::new();
    'files: for file in drive.files.values().filter(|file| !file.gone) {
        for term in q.split(" and ").map(str::trim).filter(|term| !term.is_empty()) {
            let fits = match term.split_once(" in parents") {
                Some((id, "")) => file.parents.iter().any(|p| *p == id.trim_matches('\'')),
                _ => match term.split_once('=').map(|(name, value)| (name.trim(), value.trim())) {
                    Some(("trashed", value)) => value == file.trashed.to_string(),
                    Some(("mimeType", value)) => value.trim_matches('\'') == file.kind,
                    _ => {
                        return error(StatusCode::BAD_REQUEST, "invalid", "Invalid Value");
                    }
                },
            };
            if !fits {
                continue 'files;
            }
        }
        found.push(file);
    }
    let count =
        query.get("pageSize").and_then(|n| n.parse().ok()).unwrap_or(100usize).clamp(1, 1_000);
    let start =
        query.get("pageToken").and_then(|t| t.strip_prefix('~')?.parse().ok()).unwrap_or(0usize);
    let page: Vec<Value> =
        found.iter().skip(start).take(count).map(|file| json(file, query.get("fields"))).collect();
    let mut answer = json!({ "kind": "drive#fileList", "incompleteSearch": false, "files": page });
    if start + page.len() < found.len() {
        answer["nextPageToken"] = json!(format!("~{}", start + page.len()));
    }
    Json(answer).into_response()
}
