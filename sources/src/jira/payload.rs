//! What Jira's deliveries say. <https://developer.atlassian.com/cloud/jira/platform/webhooks/>

use serde::Deserialize;
use serde_json::json;

use super::settings::project_of;
use crate::delivery::{Event, Malformed, Reading};

/// The part of a payload that matters. The rest of it is skipped, however deep.
#[derive(Deserialize)]
struct Payload {
    #[serde(rename = "webhookEvent")]
    event: String,
    issue: Option<Issue>,
    changelog: Option<Changelog>,
}

#[derive(Deserialize)]
struct Issue {
    key: String,
}

#[derive(Deserialize)]
struct Changelog {
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    field: Option<String>,
    #[serde(rename = "fromString", default)]
    from: Option<String>,
}

/// Reads a delivery's body; `dedup_key` is what its signature covers.
///
/// # Errors
/// When it is no event of Jira, or names an issue as Jira does not.
pub fn parse(body: &[u8], dedup_key: impl FnOnce() -> String) -> Result<Reading, Malformed> {
    let payload: Payload = serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Malformed(format!("the body is no event of Jira (line {line}, column {column})"))
    })?;
    if !matches!(
        payload.event.as_str(),
        "jira:issue_created" | "jira:issue_updated" | "jira:issue_deleted"
    ) {
        return Ok(Reading::Ignored("only created, updated and deleted issues are used"));
    }
    let issue = payload.issue.ok_or_else(|| Malformed("the event names no issue".to_owned()))?;
    let mut events = vec![about(&issue.key)?];
    // A move to another project: the issue is gone where it was.
    for item in payload.changelog.into_iter().flat_map(|changelog| changelog.items) {
        if item.field.is_some_and(|field| field.eq_ignore_ascii_case("key"))
            && let Some(old) = item.from.filter(|old| *old != issue.key)
        {
            let event = about(&old)?;
            if !events.contains(&event) {
                events.push(event);
            }
        }
        if events.len() > 10 {
            return Err(Malformed("the event tells of too many keys".to_owned()));
        }
    }
    let hint = json!({ "event": payload.event, "issue": issue.key });
    Ok(Reading::Changed { dedup_key: dedup_key(), hint, events })
}

fn about(key: &str) -> Result<Event, Malformed> {
    let project =
        project_of(key).ok_or_else(|| Malformed("the issue's key is none of Jira's".to_owned()))?;
    Ok(Event {
        spaces: vec![project.to_owned()],
        document: Some(key.to_owned()),
        ..Event::default()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn read(body: &str) -> Result<Reading, Malformed> {
        parse(body.as_bytes(), || "jira:x".to_owned())
    }

    fn event(name: &str, key: &str) -> Value {
        json!({ "timestamp": 1, "webhookEvent": name, "issue": { "id": "1", "key": key,
                "fields": { "summary": "S", "description": "x" } } })
    }

    fn named(reading: Reading) -> Vec<(String, String)> {
        let Reading::Changed { events, .. } = reading else { panic!("{reading:?}") };
        events.into_iter().map(|event| (event.spaces.concat(), event.document.unwrap())).collect()
    }

    #[test]
    fn created_updated_and_deleted_issues_are_read() {
        for name in ["jira:issue_created", "jira:issue_updated", "jira:issue_deleted"] {
            let reading = read(&event(name, "PAY-1").to_string()).unwrap();
            assert_eq!(named(reading), [("PAY".to_owned(), "PAY-1".to_owned())]);
        }
        for name in ["comment_created", "jira:worklog_updated", "sprint_started"] {
            let text = json!({ "webhookEvent": name }).to_string();
            assert!(matches!(read(&text), Ok(Reading::Ignored(_))), "{name}");
        }
    }

    #[test]
    fn a_moved_issue_is_told_in_both_projects() {
        let mut moved = event("jira:issue_updated", "SHOP-3");
        moved["changelog"] = json!({ "items": [
            { "field": "project", "fromString": "Payments", "toString": "Shop" },
            { "field": "Key", "from": null, "fromString": "PAY-12", "toString": "SHOP-3" },
            { "field": "description", "fromString": null, "toString": null },
        ] });
        let both = [("SHOP", "SHOP-3"), ("PAY", "PAY-12")];
        let both = both.map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(named(read(&moved.to_string()).unwrap()), both);
    }

    #[test]
    fn hostile_bodies_are_refused_or_skipped() {
        for key in ["../../x", "PAY-1 OR 1=1", "PAY-1\"", "pay-1", "PAY-1/../..", ""] {
            assert!(read(&event("jira:issue_updated", key).to_string()).is_err(), "{key}");
        }
        for wrong in [
            "",
            "[]",
            "{}",
            r#"{"webhookEvent":1}"#,
            r#"{"webhookEvent":"jira:issue_updated"}"#,
            r#"{"webhookEvent":"a","webhookEvent":"jira:issue_updated","issue":{"key":"PAY-1"}}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        let deep = format!(
            r#"{{"webhookEvent":"jira:issue_updated","issue":{{"key":"PAY-1","fields":{}{}}}}}"#,
            "[".repeat(1_000_000),
            "]".repeat(1_000_000),
        );
        assert_eq!(named(read(&deep).unwrap()).len(), 1);
        let mut many = event("jira:issue_updated", "PAY-1");
        let item = |n: u32| json!({ "field": "Key", "fromString": format!("OLD-{}", n + 1) });
        many["changelog"] = json!({ "items": (0..20).map(item).collect::<Vec<_>>() });
        assert!(read(&many.to_string()).is_err());
    }
}
