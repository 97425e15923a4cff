//! What the targets have in common: inputs that are cut into parts, and what must hold of outputs.

use http::{HeaderMap, HeaderName, HeaderValue};
use sbh_prover::{Document, Kind};
use sbh_sources::{Delivery, Reading, Source};
use serde_json::{Value, json};

/// A delivery out of the fuzzer's bytes: lines `name: value` up to an empty line, then the body.
pub fn delivery(data: &[u8]) -> (HeaderMap, &[u8]) {
    let mut headers = HeaderMap::new();
    let mut rest = data;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let line = &rest[..end];
        rest = &rest[end + 1..];
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { break };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        {
            headers.append(name, value);
        }
    }
    (headers, rest)
}

/// Reads a delivery as a source does. What it says must be small, whoever wrote it: it is stored and
/// shown.
pub fn parse(source: &str, data: &[u8], settings: &Value) {
    let source: &dyn Source = sbh_sources::by_name(source).expect("the source");
    let (headers, body) = delivery(data);
    let delivery = Delivery { headers: &headers, body };
    let Ok(reading) = source.parse(&delivery, settings) else { return };
    let again = source.parse(&delivery, settings).expect("the same once more");
    assert_eq!(reading, again, "one delivery says one thing");
    if let Reading::Changed { dedup_key, hint, events } = reading {
        assert!(
            !dedup_key.is_empty() && dedup_key.len() <= 1_000,
            "a key of {} bytes",
            dedup_key.len()
        );
        let hint = hint.to_string();
        assert!(hint.len() <= 16 * 1_024, "a hint of {} bytes", hint.len());
        assert!(!events.is_empty(), "something changed, and nothing did");
        for event in &events {
            let longest = event.spaces.iter().chain(&event.document).map(String::len).max();
            assert!(longest.unwrap_or_default() <= 64 * 1_024, "a name of {longest:?} bytes");
        }
    }
}

/// The invariant blocks of a Markdown text, as the prover will read it.
pub fn blocks(markdown: &str) -> Document {
    sbh_prover::parse(Kind::Markdown, markdown)
}

/// Prose must never become code: a text has at most as many invariants as its source had code blocks.
pub fn no_more_than(code_blocks: usize, markdown: &str) {
    // Code that HTML hides is told as an error, and is no invariant.
    let found = blocks(markdown).invariants.iter().filter(|block| block.parsed.is_ok()).count();
    // One code block can hold several invariants: each but the first begins with its own heading.
    let most = code_blocks * (markdown.matches("invariant").count() + 1);
    assert!(found <= most, "{found} invariants out of {code_blocks} code blocks:\n{markdown}");
}

/// Settings of a connection to a source, with every default filled in.
pub fn settings(source: &str) -> Value {
    let (source, given) = match source {
        "jira" => (source, json!({ "variant": "cloud", "base_url": "https://site.atlassian.net" })),
        "confluence" => (
            source,
            json!({
                "variant": "cloud_forge", "base_url": "https://site.atlassian.net",
                "app_id": "app-1", "cloud_id": "cloud-1",
            }),
        ),
        "confluence_data_center" => (
            "confluence",
            json!({ "variant": "data_center", "base_url": "https://confluence.example.com" }),
        ),
        _ => (source, Value::Null),
    };
    let source = sbh_sources::by_name(source).expect("the source");
    source.check_settings(&given).expect("usable settings")
}
