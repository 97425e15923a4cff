//! What deliveries say. Both kinds name a page and its space; a moved page also concerns the space
//! that it was in.
//!
//! - Cloud: <https://developer.atlassian.com/platform/forge/events-reference/confluence/>
//! - Data Center: <https://confluence.atlassian.com/doc/managing-webhooks-1021225606.html>

use serde::Deserialize;
use serde_json::{Value, json};

use super::settings::Variant;
use crate::delivery::{Event, Malformed, Reading};

/// Bytes of a delivery at most. It names a page and never holds its text.
pub const MAX_BYTES: usize = 1 << 20;
/// How deep a delivery may be nested.
const DEPTH: u32 = 64;

/// What stands in [`Event::spaces`] where a delivery does not say which spaces it is about: any of
/// the connection's may be. No key of a space looks like it.
pub const ANY: &str = "*";

/// Cloud's word for what happened to a page, between `avi:confluence:` and `:page`.
const CLOUD: &[&str] = &[
    "created",
    "updated",
    "moved",
    "trashed",
    "deleted",
    "restored",
    "archived",
    "unarchived",
    "copied",
    "initialized",
    "started",
    "snapshotted",
    "published",
];
/// Data Center's words.
const DATA_CENTER: &[&str] = &[
    "page_created",
    "page_updated",
    "page_moved",
    "page_removed",
    "page_trashed",
    "page_restored",
    "page_archived",
    "page_unarchived",
    "page_copied",
];

#[derive(Deserialize)]
struct CloudBody {
    #[serde(rename = "eventType")]
    event: String,
    #[serde(default)]
    content: Option<Content>,
    /// What a moved page was before.
    #[serde(rename = "prevContent", default)]
    before: Option<Content>,
}

#[derive(Deserialize)]
struct Content {
    id: Id,
    #[serde(default)]
    space: Option<Space>,
}

#[derive(Deserialize)]
struct Space {
    #[serde(default)]
    key: Option<String>,
}

#[derive(Deserialize)]
struct DataCenterBody {
    /// Absent in some releases, where the header says it.
    #[serde(default)]
    event: Option<String>,
    #[serde(default)]
    page: Option<Page>,
    /// Set by the button that tests a webhook.
    #[serde(default)]
    test: bool,
}

#[derive(Deserialize)]
struct Page {
    id: Id,
    #[serde(rename = "spaceKey", default)]
    space: Option<String>,
}

/// An id, which is written as a number here and as text there.
#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Number(u64),
    Text(String),
}

impl Id {
    fn text(&self) -> Result<String, Malformed> {
        let text = match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        };
        if is_page_id(&text) {
            return Ok(text);
        }
        Err(Malformed("the page's id is not a number".to_owned()))
    }
}

/// Whether it is the id of a page.
pub(super) fn is_page_id(id: &str) -> bool {
    (1..=20).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reads the body of a genuine delivery.
///
/// # Errors
/// When it is not of the shape that the vendor publishes.
pub fn parse(
    variant: Variant,
    event_header: Option<&str>,
    dedup_key: String,
    body: &[u8],
) -> Result<Reading, Malformed> {
    if body.len() > MAX_BYTES {
        return Err(Malformed(format!("the body has more than {MAX_BYTES} bytes")));
    }
    let text =
        std::str::from_utf8(body).map_err(|_| Malformed("the body is not UTF-8".to_owned()))?;
    if crate::json_depth::depth(text) > DEPTH {
        return Err(Malformed("the body is nested too deep".to_owned()));
    }
    let (what, page, mut spaces) = match variant {
        Variant::CloudForge => {
            let body: CloudBody = read(text)?;
            let kind = body.event.strip_prefix("avi:confluence:");
            let what = kind.and_then(|kind| kind.strip_suffix(":page")).unwrap_or_default();
            if !CLOUD.contains(&what) {
                return Ok(Reading::Ignored("only what happens to pages is used"));
            }
            let content =
                body.content.ok_or_else(|| Malformed("the event names no page".to_owned()))?;
            let key = |content: &Content| content.space.as_ref()?.key.clone();
            let moved = what == "moved";
            let before = moved.then(|| body.before.as_ref().and_then(key).unwrap_or(ANY.into()));
            let now = key(&content).unwrap_or(ANY.into());
            (what.to_owned(), content.id.text()?, vec![Some(now), before])
        }
        Variant::DataCenter => {
            let body: DataCenterBody = read(text)?;
            let what = body.event.or(event_header.map(str::to_owned)).unwrap_or_default();
            if body.test || what == "diagnostics:ping" {
                return Ok(Reading::Ignored("ping"));
            }
            if what.is_empty() || !DATA_CENTER.contains(&what.as_str()) {
                return Ok(Reading::Ignored("only what happens to pages is used"));
            }
            let page = body.page.ok_or_else(|| Malformed("the event names no page".to_owned()))?;
            // It never says where a moved page was.
            let before = (what == "page_moved").then(|| ANY.to_owned());
            let now = page.space.unwrap_or(ANY.into());
            (what, page.id.text()?, vec![Some(now), before])
        }
    };
    let mut spaces: Vec<String> = spaces.drain(..).flatten().collect();
    spaces.iter_mut().for_each(|space| *space = cut(space));
    spaces.dedup();
    let hint: Value = json!({ "event": what, "page": page, "space": spaces[0] });
    let events = vec![Event { spaces, document: Some(page), ..Event::default() }];
    Ok(Reading::Changed { dedup_key, hint, events })
}

fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Malformed> {
    serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Malformed(format!(
            "the body is not the JSON of a Confluence event (line {line}, column {column})"
        ))
    })
}

/// A key as people may see it.
fn cut(key: &str) -> String {
    key.chars().filter(|c| !c.is_control()).take(255).collect()
}
