//! Atlassian Document Format: the JSON that Jira's and Confluence's Cloud keep texts in.
//! <https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/>
//!
//! Nodes that are not known bear their text and their children. Marks are noise but for links and
//! code.

use serde_json::Value;

use super::inline::Inline;
use super::markdown::{Container, Writer};
use super::{Limits, Unreadable};
use crate::json_depth;

/// How deep the JSON may be nested: a node in another's content counts twice. Below the parser's own
/// limit of 128, so that this one speaks.
pub const DEEPEST: u32 = 120;
/// Bytes of JSON for each byte of text that is allowed, at most.
const OVERHEAD: usize = 8;

/// A document as Markdown.
///
/// # Errors
/// When it is too large, too deep, or no JSON.
pub fn to_markdown(json: &str, limits: Limits) -> Result<String, Unreadable> {
    let document = parse(json, limits)?;
    let mut writer = Writer::new(limits);
    write(&document, &mut writer);
    writer.finish()
}

/// Reads the JSON of a document.
///
/// # Errors
/// When it is too large, too deep, or no JSON.
pub fn parse(json: &str, limits: Limits) -> Result<Value, Unreadable> {
    if json.len() > limits.bytes.saturating_mul(OVERHEAD) {
        return Err(Unreadable::TooLarge(limits.bytes));
    }
    if json_depth::depth(json) > DEEPEST {
        return Err(Unreadable::TooDeep(DEEPEST as usize / 2));
    }
    serde_json::from_str(json)
        .map_err(|error| Unreadable::NotUnderstood(format!("the document is no JSON: {error}")))
}

/// Writes a document, or any of its nodes. Its depth is bounded by the JSON parser.
pub fn write(node: &Value, writer: &mut Writer) {
    block(node, writer);
}

fn kind(node: &Value) -> &str {
    node["type"].as_str().unwrap_or_default()
}

fn content(node: &Value) -> &[Value] {
    node["content"].as_array().map_or(&[], Vec::as_slice)
}

fn attribute<'a>(node: &'a Value, name: &str) -> Option<&'a str> {
    node["attrs"][name].as_str().filter(|text| !text.is_empty())
}

/// Whether a node stands within a line.
fn is_inline(node: &Value) -> bool {
    match kind(node) {
        "text" | "hardBreak" | "mention" | "emoji" | "date" | "status" | "inlineCard"
        | "placeholder" | "inlineExtension" | "mediaInline" => true,
        "paragraph" | "heading" | "codeBlock" | "rule" | "media" | "blockCard" | "embedCard"
        | "extension" => false,
        // One that is not known is what it holds.
        _ => node["text"].is_string() && content(node).is_empty(),
    }
}

fn block(node: &Value, writer: &mut Writer) {
    if writer.is_over() {
        return;
    }
    let container = match kind(node) {
        "paragraph" => return writer.paragraph(&line(content(node))),
        "heading" => {
            let level = node["attrs"]["level"].as_u64().and_then(|level| level.try_into().ok());
            return writer.heading(level.unwrap_or(1), &line(content(node)));
        }
        "codeBlock" => return writer.code(attribute(node, "language"), &code(content(node))),
        "rule" => return writer.rule(),
        "blockCard" | "embedCard" => return writer.paragraph(&card(node)),
        "media" | "extension" => return writer.paragraph(&said(node)),
        "bulletList" | "taskList" | "decisionList" => Container::List,
        "orderedList" => Container::Ordered(node["attrs"]["order"].as_u64().unwrap_or(1)),
        "listItem" | "taskItem" | "blockTaskItem" | "decisionItem" => Container::Item,
        "blockquote" | "panel" | "expand" | "nestedExpand" => Container::Quote,
        "table" => Container::Table,
        "tableRow" => Container::Row,
        "tableCell" | "tableHeader" => Container::Cell,
        _ => return blocks(node, writer),
    };
    writer.begin(container);
    if let Some(title) = attribute(node, "title") {
        writer.paragraph(&Inline::of(title));
    }
    blocks(node, writer);
    writer.end();
}

/// The children of a node: those that stand within lines are paragraphs, run by run.
fn blocks(node: &Value, writer: &mut Writer) {
    let mut rest = content(node);
    let mut state = match (kind(node), attribute(node, "state")) {
        ("taskItem" | "blockTaskItem", Some("DONE")) => "[x] ",
        ("taskItem" | "blockTaskItem", _) => "[ ] ",
        _ => "",
    };
    if rest.is_empty() {
        writer.paragraph(&said(node));
    }
    while let Some(first) = rest.first() {
        let run = rest.iter().take_while(|node| is_inline(node)).count();
        if run == 0 {
            block(first, writer);
            rest = &rest[1..];
            continue;
        }
        let mut text = Inline::of(std::mem::take(&mut state));
        text.append(&line(&rest[..run]));
        writer.paragraph(&text);
        rest = &rest[run..];
    }
}

/// Nodes within a line.
fn line(nodes: &[Value]) -> Inline {
    let mut line = Inline::default();
    put(nodes, &mut line);
    line
}

fn put(nodes: &[Value], line: &mut Inline) {
    for node in nodes {
        match kind(node) {
            "text" => text(node, line),
            "hardBreak" => line.line_break(),
            "inlineCard" => line.append(&card(node)),
            _ => {
                line.append(&said(node));
                put(content(node), line);
            }
        }
    }
}

fn text(node: &Value, line: &mut Inline) {
    let text = node["text"].as_str().unwrap_or_default();
    let marks = node["marks"].as_array().map_or(&[][..], Vec::as_slice);
    let mark = |name| marks.iter().find(|mark| kind(mark) == name);
    if let Some(address) = mark("link").and_then(|link| attribute(link, "href")) {
        line.link(text, address);
    } else if mark("code").is_some() {
        line.code(text);
    } else {
        line.text(text);
    }
}

fn card(node: &Value) -> Inline {
    let mut line = Inline::default();
    let address = attribute(node, "url").or_else(|| node["attrs"]["data"]["url"].as_str());
    match address {
        Some(address) => line.link(address, address),
        None => line.append(&said(node)),
    }
    line
}

/// What a node says besides its children.
fn said(node: &Value) -> Inline {
    let date = |node: &Value| {
        let at = attribute(node, "timestamp")?.parse().ok()?;
        Some(chrono::DateTime::from_timestamp_millis(at)?.format("%Y-%m-%d").to_string())
    };
    let said = match kind(node) {
        "date" => date(node),
        "mention" => attribute(node, "text")
            .map(str::to_owned)
            .or_else(|| Some(format!("@{}", attribute(node, "id")?))),
        _ => None,
    };
    let said = said.as_deref().or_else(|| node["text"].as_str()).or_else(|| {
        ["text", "shortName", "alt", "title"].iter().find_map(|name| attribute(node, name))
    });
    Inline::of(said.unwrap_or_default())
}

/// The text of a code block as it is.
fn code(nodes: &[Value]) -> String {
    let mut code = String::new();
    for node in nodes {
        match kind(node) {
            "hardBreak" => code.push('\n'),
            _ => code.push_str(node["text"].as_str().unwrap_or_default()),
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn markdown(content: &Value) -> String {
        let document = json!({ "type": "doc", "version": 1, "content": content });
        to_markdown(&document.to_string(), Limits::default()).unwrap()
    }

    fn said_in(node: &Value) -> String {
        markdown(&json!([{ "type": "paragraph", "content": [node] }])).trim_end().to_owned()
    }

    #[test]
    fn code_comes_out_as_it_is_and_says_its_language() {
        let text = "; invariant: A\n(x \"```\")\n  \ty  \n";
        let block = json!({ "type": "codeBlock", "attrs": { "language": "smt2" },
                            "content": [{ "type": "text", "text": text }] });
        assert_eq!(markdown(&json!([block])), format!("````smt2\n{text}````\n"));
        // Wherever it stands.
        let cell = json!([{ "type": "table", "content": [{ "type": "tableRow", "content": [
            { "type": "tableHeader", "content": [{ "type": "paragraph", "content": [{ "type": "text", "text": "H" }] }] },
            { "type": "tableCell", "content": [block] }] }] }]);
        assert_eq!(markdown(&cell), format!("| H |  |\n| --- | --- |\n\n````smt2\n{text}````\n"));
        for outer in ["panel", "expand", "blockquote", "layoutSection", "bodiedExtension", "novel"]
        {
            let nested = json!([{ "type": outer, "content": [block] }]);
            assert_eq!(markdown(&nested), format!("````smt2\n{text}````\n"), "{outer}");
        }
    }

    #[test]
    fn a_block_that_says_no_language_is_what_it_begins_with() {
        let block = |text: &str| json!([{ "type": "codeBlock", "content": [{ "type": "text", "text": text }] }]);
        assert!(markdown(&block("\n ; invariant: A\nx")).starts_with("```smt2\n"));
        assert!(markdown(&block("x\n; invariant: A")).starts_with("```\n"));
        assert!(markdown(&block("# invariant: A")).starts_with("```\n"));
    }

    #[test]
    fn lists_tables_and_panels_have_their_shape() {
        let text = |text: &str| json!({ "type": "paragraph", "content": [{ "type": "text", "text": text }] });
        let item = |content: Value| json!({ "type": "listItem", "content": content });
        let list = json!([{ "type": "orderedList", "attrs": { "order": 9 }, "content": [
            item(json!([text("a"), { "type": "bulletList", "content": [item(json!([text("b")]))] }])),
            item(json!([text("1. c")])),
        ] }]);
        assert_eq!(markdown(&list), "9. a\n\n   - b\n\n10. 1\\. c\n");
        let tasks = json!([{ "type": "taskList", "attrs": { "localId": "" }, "content": [
            { "type": "taskItem", "attrs": { "state": "DONE" }, "content": [{ "type": "text", "text": "x" }] },
            { "type": "taskItem", "attrs": { "state": "TODO" }, "content": [{ "type": "text", "text": "y" }] },
        ] }]);
        assert_eq!(markdown(&tasks), "- \\[x\\] x\n- \\[ \\] y\n");
        let expand = json!([{ "type": "expand", "attrs": { "title": "More" }, "content": [text("a"), text("b")] },
                            { "type": "rule" }, { "type": "heading", "attrs": { "level": 3 }, "content": [{ "type": "text", "text": "H #" }] }]);
        assert_eq!(markdown(&expand), "> More\n>\n> a\n>\n> b\n\n***\n\n### H \\#\n");
    }

    #[test]
    fn what_stands_in_lines_is_said() {
        for (node, said) in [
            (json!({ "type": "mention", "attrs": { "id": "7", "text": "@Ann" } }), "@Ann"),
            (json!({ "type": "mention", "attrs": { "id": "7" } }), "@7"),
            (json!({ "type": "emoji", "attrs": { "shortName": ":x:", "text": "❌" } }), "❌"),
            (json!({ "type": "date", "attrs": { "timestamp": "1582152559000" } }), "2020-02-19"),
            (json!({ "type": "status", "attrs": { "text": "DONE" } }), "DONE"),
            (
                json!({ "type": "inlineCard", "attrs": { "url": "https://a.example/b" } }),
                "[https://a.example/b](<https://a.example/b>)",
            ),
            (
                json!({ "type": "text", "text": "x", "marks": [{ "type": "link", "attrs": { "href": "javascript:x" } }] }),
                "x",
            ),
            (
                json!({ "type": "text", "text": "a_b`", "marks": [{ "type": "strong" }, { "type": "code" }] }),
                "`` a_b` ``",
            ),
            (json!({ "type": "novel", "text": "kept" }), "kept"),
            (json!({ "type": "novel", "attrs": { "text": "kept" } }), "kept"),
            (json!({ "type": "novel", "content": [{ "type": "text", "text": "kept" }] }), "kept"),
        ] {
            assert_eq!(said_in(&node), said, "{node}");
        }
        let two = json!([{ "type": "paragraph", "content": [{ "type": "text", "text": "a" }, { "type": "hardBreak" }, { "type": "text", "text": "# b" }] }]);
        assert_eq!(markdown(&two), "a\\\n\\# b\n");
    }

    #[test]
    fn what_is_too_deep_or_too_large_or_nonsense_is_an_error() {
        for depth in [61, 10_000, 1_000_000] {
            let open = r#"{"type":"panel","content":["#.repeat(depth);
            let deep = format!("{open}{}", "]}".repeat(depth));
            let error = to_markdown(&deep, Limits::default()).unwrap_err();
            assert_eq!(error, Unreadable::TooDeep(60), "{depth}");
        }
        let open = r#"{"type":"panel","content":["#.repeat(58);
        let text = r#"{"type":"text","text":"x"}"#;
        let deep = format!("{open}{text}{}", "]}".repeat(58));
        assert!(to_markdown(&deep, Limits::default()).unwrap().ends_with("> x\n"));
        let limits = Limits { bytes: 1_000, depth: 100 };
        let large = format!(r#"{{"type":"text","text":"{}"}}"#, "x".repeat(1_001));
        assert_eq!(to_markdown(&large, limits), Err(Unreadable::TooLarge(1_000)));
        assert_eq!(to_markdown(&" ".repeat(9_000), limits), Err(Unreadable::TooLarge(1_000)));
        for nonsense in ["", "{", "[1,", "nul"] {
            assert!(matches!(to_markdown(nonsense, limits), Err(Unreadable::NotUnderstood(_))));
        }
        for odd in ["null", "1", "[]", r#"{"content":{}}"#, r#"{"type":1,"content":[null,[]]}"#] {
            assert_eq!(to_markdown(odd, limits).as_deref(), Ok(""), "{odd}");
        }
    }
}
