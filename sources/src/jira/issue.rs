//! One issue as a document.
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/>

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use sbh_outbound::OutboundError;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::api::{Api, MAX_ISSUE};
use super::settings::project_of;
use crate::fetch::{FetchError, Fetched, HostedDocument};
use crate::json_depth;
use crate::text::inline::Inline;
use crate::text::markdown::Writer;
use crate::text::{Limits, Unreadable, adf, wiki};

/// What an issue is called, whatever its texts hold.
#[derive(Deserialize)]
struct Head {
    key: String,
    fields: HeadFields,
}

#[derive(Deserialize)]
struct HeadFields {
    #[serde(default)]
    summary: Option<String>,
    #[serde(default)]
    updated: Option<String>,
}

#[derive(Deserialize)]
struct Body {
    fields: BTreeMap<String, Value>,
    #[serde(default)]
    names: BTreeMap<String, String>,
}

pub(super) async fn fetch(api: &Api<'_>, project: &str, key: &str) -> Result<Fetched, FetchError> {
    // Neither in a path nor in an error.
    if project_of(key) != Some(project) {
        return Ok(Fetched::Absent);
    }
    let of = format!("issue {key}");
    let mut fields = "summary,description,updated".to_owned();
    for field in &api.settings.fields {
        fields = fields + "," + field;
    }
    let query = [("fields", fields.as_str()), ("expand", "names")];
    let answer = api.answer(Method::GET, &format!("issue/{key}"), &query, None, MAX_ISSUE).await;
    let answer = match answer {
        Err(OutboundError::TooLarge(_)) => {
            let text = Err(format!("the issue has more than {MAX_ISSUE} bytes; split it"));
            return Ok(Fetched::Present(document(api, key, key, "too large".to_owned(), text)));
        }
        answer => answer?,
    };
    if answer.status == StatusCode::NOT_FOUND {
        // So Jira answers too where the credential may not see the project.
        let path = format!("project/{project}");
        let _: IgnoredAny = api.get(&path, &[], &format!("project {project}")).await?;
        return Ok(Fetched::Absent);
    }
    let head: Head = api.read(&answer, &of)?;
    // It was moved: its old key still finds it.
    if head.key != key {
        return Ok(Fetched::Absent);
    }
    let version = head.fields.updated.unwrap_or_default();
    let title = head.fields.summary.unwrap_or_default();
    let text = std::str::from_utf8(&answer.body)
        .map_err(|_| Unreadable::NotUnderstood("the answer is no UTF-8".to_owned()))
        .and_then(|json| text(api, json))
        .map_err(|why| why.to_string());
    Ok(Fetched::Present(document(api, key, &title, version, text)))
}

fn document(
    api: &Api<'_>,
    key: &str,
    title: &str,
    version: String,
    text: Result<String, String>,
) -> HostedDocument {
    let url = api.settings.base_url.as_ref().map(|site| format!("{site}/browse/{key}"));
    HostedDocument { key: key.to_owned(), title: title.to_owned(), url, version, text }
}

/// The description, and each of the further fields below its name.
fn text(api: &Api<'_>, json: &str) -> Result<String, Unreadable> {
    if json_depth::depth(json) > adf::DEEPEST {
        return Err(Unreadable::TooDeep(adf::DEEPEST as usize / 2));
    }
    let body: Body = serde_json::from_str(json).map_err(|error| {
        Unreadable::NotUnderstood(format!("the issue is not readable: {error}"))
    })?;
    let has_wiki = api.settings.version() == "2";
    let mut writer = Writer::new(Limits::default());
    if let Some(description) = body.fields.get("description") {
        field(description, has_wiki, &mut writer);
    }
    for id in &api.settings.fields {
        let Some(value) = body.fields.get(id).filter(|value| !value.is_null()) else { continue };
        writer.heading(2, &Inline::of(body.names.get(id).unwrap_or(id)));
        field(value, has_wiki, &mut writer);
    }
    writer.finish()
}

/// A field's value: a text in the markup of the interface's version, or something with a name.
fn field(value: &Value, has_wiki: bool, writer: &mut Writer) {
    match value {
        Value::String(text) if has_wiki => wiki::write(text, writer),
        Value::String(text) => {
            for line in text.lines() {
                writer.paragraph(&Inline::of(line));
            }
        }
        Value::Number(number) => writer.paragraph(&Inline::of(&number.to_string())),
        Value::Bool(yes) => writer.paragraph(&Inline::of(if *yes { "yes" } else { "no" })),
        Value::Array(values) => values.iter().for_each(|value| field(value, has_wiki, writer)),
        Value::Object(_) if value["type"].is_string() && value["content"].is_array() => {
            adf::write(value, writer);
        }
        Value::Object(_) => {
            let named = ["value", "displayName", "name", "key"];
            let named = named.iter().find_map(|name| value[*name].as_str());
            writer.paragraph(&Inline::of(named.unwrap_or_default()));
        }
        Value::Null => {}
    }
}
