//! Prose never becomes code, code comes out as it went in, and whatever is written is borne.

use proptest::prelude::*;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use sbh_prover::document::Kind;
use sbh_sources::text::inline::Inline;
use sbh_sources::text::markdown::{Container, Writer};
use sbh_sources::text::{Limits, adf, wiki};
use serde_json::{Value, json};

/// What Markdown would read as structure, and what stands between.
const PIECES: &[&str] = &[
    "```",
    "````",
    "~~~",
    "smt2",
    "; invariant: A",
    "#",
    "# ",
    ">",
    "> ",
    "- ",
    "* ",
    "+ ",
    "1. ",
    "1) ",
    "999",
    ".",
    ")",
    "===",
    "---",
    "***",
    "___",
    "    ",
    "\t",
    "<div>",
    "<!--",
    "-->",
    "<",
    "&lt;",
    "&",
    "[a]: /x",
    "[a](b)",
    "![",
    "]",
    "(",
    "|",
    "| --- |",
    "\\",
    "`",
    "``",
    "*",
    "_",
    "\u{a0}",
    "\u{feff}",
    "\u{0}",
    "\u{b}",
    "\u{2028}",
    "\r",
    "\n",
    "\n\n",
    " ",
    "x",
    "ä",
    "<script>",
    "http://a.example",
    "{code}",
    "{code:smt2}",
    "{noformat}",
    "{quote}",
    "{panel:title=x}",
    "h1. ",
    "bq. ",
    "||",
    "{{",
    "}}",
    "# #",
    "*# ",
    "----",
    "{color:red}",
    "[x|http://y.example]",
    "\\\\",
];

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 0..24).prop_map(|pieces| pieces.concat())
}

/// The code blocks of a Markdown text, as the prover finds them.
fn blocks(markdown: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = false;
    for event in Parser::new_ext(markdown, Options::empty()) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                found.push((info.to_string(), String::new()));
                open = true;
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Indented)) => {
                found.push(("indented".to_owned(), String::new()));
                open = true;
            }
            Event::End(TagEnd::CodeBlock) => open = false,
            Event::Text(text) if open => found.last_mut().unwrap().1.push_str(&text),
            Event::Html(_) | Event::InlineHtml(_) => found.push(("html".to_owned(), String::new())),
            _ => {}
        }
    }
    found
}

/// The text of a paragraph, read back.
fn read(markdown: &str) -> String {
    let mut text = String::new();
    for event in Parser::new_ext(markdown, Options::empty()) {
        match event {
            Event::Start(Tag::Paragraph) | Event::End(TagEnd::Paragraph) => {}
            Event::Text(piece) => text.push_str(&piece),
            other => text.push_str(&format!("{other:?}")),
        }
    }
    text
}

fn collapsed(text: &str) -> String {
    let is_space = |c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}';
    text.split(is_space).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// As code comes out: line ends are those of Markdown, and zeros are replaced.
fn code_of(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "\u{fffd}");
    if text.is_empty() || text.ends_with('\n') { text } else { text + "\n" }
}

#[derive(Debug, Clone)]
enum Step {
    Begin(Container),
    End,
    Paragraph(Vec<(u8, String)>),
    Heading(u8, String),
    Rule,
    Code(String),
}

fn step() -> impl Strategy<Value = Step> {
    const CONTAINERS: &[Container] = &[
        Container::Quote,
        Container::List,
        Container::Ordered(98),
        Container::Item,
        Container::Table,
        Container::Row,
        Container::Cell,
    ];
    prop_oneof![
        4 => prop::sample::select(CONTAINERS).prop_map(Step::Begin),
        3 => Just(Step::End),
        4 => prop::collection::vec((0..4_u8, text()), 1..4).prop_map(Step::Paragraph),
        1 => (0..9_u8, text()).prop_map(|(level, text)| Step::Heading(level, text)),
        1 => Just(Step::Rule),
        2 => text().prop_map(Step::Code),
    ]
}

fn inline(parts: &[(u8, String)]) -> Inline {
    let mut line = Inline::default();
    for (kind, text) in parts {
        match kind {
            0 => line.text(text),
            1 => line.code(text),
            2 => line.link(text, "https://a.example/b?c=d&copy;"),
            _ => {
                line.line_break();
                line.append(&Inline::of(text));
            }
        }
    }
    line
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_paragraph_is_read_as_it_was_written(text in text()) {
        let mut writer = Writer::new(Limits::default());
        writer.paragraph(&Inline::of(&text));
        let markdown = writer.finish().unwrap();
        prop_assert_eq!(read(&sbh_domain::canonical::canonical_text(&markdown)), collapsed(&text), "{}", markdown);
    }

    #[test]
    fn only_code_is_code_and_it_stays_as_it_was(steps in prop::collection::vec(step(), 0..30)) {
        let mut writer = Writer::new(Limits::default());
        let mut written = Vec::new();
        for step in &steps {
            match step {
                Step::Begin(container) => writer.begin(*container),
                Step::End => writer.end(),
                Step::Paragraph(parts) => writer.paragraph(&inline(parts)),
                Step::Heading(level, text) => writer.heading(*level, &Inline::of(text)),
                Step::Rule => writer.rule(),
                Step::Code(text) => {
                    written.push(code_of(text));
                    writer.code(Some("smt2"), text);
                }
            }
        }
        let markdown = writer.finish().unwrap();
        let found = blocks(&markdown);
        let wanted: Vec<_> = written.into_iter().map(|code| ("smt2".to_owned(), code)).collect();
        prop_assert_eq!(found, wanted, "{}", markdown);
    }

    #[test]
    fn prose_of_wiki_markup_is_never_code(text in text()) {
        let prose = text.replace("{code", "{cod").replace("{noformat", "{noform");
        let markdown = wiki::to_markdown(&prose, Limits::default()).unwrap();
        prop_assert_eq!(blocks(&sbh_domain::canonical::canonical_text(&markdown)), [], "{}", markdown);
    }

    #[test]
    fn code_of_wiki_markup_is_kept(before in text(), code in text(), after in text()) {
        let plain = |text: &str| text.replace("{code", "{cod").replace("{noformat", "{noform");
        let (before, code, after) = (plain(&before), plain(&code), plain(&after));
        // A backslash before a macro makes it text.
        let before = before.trim_end_matches('\\');
        let markup = format!("{before}{{code:smt2}}\n{code}{{code}}{after}");
        let markdown = wiki::to_markdown(&markup, Limits::default()).unwrap();
        prop_assert_eq!(blocks(&markdown), [("smt2".to_owned(), code_of(&code))], "{}", markdown);
    }

    #[test]
    fn wiki_markup_of_any_kind_is_borne(text in text()) {
        let _ = wiki::to_markdown(&text, Limits { bytes: 300, depth: 4 });
    }

    #[test]
    fn adf_of_any_kind_is_borne_and_its_prose_is_never_code(node in node()) {
        let markdown = adf::to_markdown(&node.to_string(), Limits::default()).unwrap();
        let found = blocks(&sbh_domain::canonical::canonical_text(&markdown));
        prop_assert_eq!(found, [], "{}", markdown);
        let _ = adf::to_markdown(&node.to_string(), Limits { bytes: 100, depth: 3 });
    }
}

/// Nodes as they should not be, without code blocks.
fn node() -> impl Strategy<Value = Value> {
    let kinds = &[
        "doc",
        "paragraph",
        "heading",
        "text",
        "bulletList",
        "orderedList",
        "listItem",
        "taskList",
        "taskItem",
        "table",
        "tableRow",
        "tableCell",
        "panel",
        "expand",
        "mention",
        "emoji",
        "date",
        "hardBreak",
        "inlineCard",
        "rule",
        "media",
        "novel",
        "status",
        "",
    ][..];
    let leaf = (prop::sample::select(kinds), text()).prop_map(|(kind, text)| {
        json!({ "type": kind, "text": text, "attrs": { "text": text, "title": text, "order": 7, "level": 3,
                "timestamp": "99999999999999999", "url": text, "language": "smt2" },
                "marks": [{ "type": "code" }, { "type": text }] })
    });
    leaf.prop_recursive(6, 40, 6, move |inner| {
        (prop::sample::select(kinds), prop::collection::vec(inner, 0..6), text()).prop_map(
            |(kind, content, title)| json!({ "type": kind, "content": content, "attrs": { "title": title } }),
        )
    })
}

#[test]
fn limits_hold_without_running_out_of_anything() {
    let mut writer = Writer::new(Limits { bytes: 1_000_000, depth: 100 });
    for _ in 0..10_000 {
        writer.begin(Container::Quote);
        writer.paragraph(&Inline::of("x"));
    }
    assert!(writer.finish().unwrap_err().to_string().contains("deep"));
    for hostile in
        ["{", "[", "{{", "\\", "|", "*", "{code", "{quote}", "{panel}", "|a", "\n", "* x\n", "`"]
    {
        let text = hostile.repeat(1_000_000 / hostile.len());
        let _ = wiki::to_markdown(&text, Limits::default());
        let _ = wiki::to_markdown(&format!("{text}}}]"), Limits::default());
    }
}

#[test]
fn an_invariant_reaches_the_prover_from_every_markup() {
    let block = "; invariant: REFUND-1\n; story: PAY-1\n(declare-const x Int)\n(define-fun invariant () Bool (=> (> x 1) (> x 0)))\n";
    let from_adf = json!({ "type": "doc", "content": [{ "type": "table", "content": [{ "type": "tableRow", "content": [
        { "type": "tableCell", "content": [{ "type": "codeBlock", "content": [{ "type": "text", "text": block }] }] }] }] }] });
    let from_wiki =
        format!("h1. T\n* a\n* b {{code:smt2}}\n{block}{{code}}\n|c|{{noformat}}x{{noformat}}|");
    for markdown in [
        adf::to_markdown(&from_adf.to_string(), Limits::default()).unwrap(),
        wiki::to_markdown(&from_wiki, Limits::default()).unwrap(),
    ] {
        let canonical = sbh_domain::canonical::canonical_text(&markdown);
        let document = sbh_prover::document::parse(Kind::Markdown, &canonical);
        let [found] = &document.invariants[..] else { panic!("{markdown}") };
        assert_eq!((found.name.as_str(), found.story.as_deref()), ("REFUND-1", Some("PAY-1")));
        assert!(found.parsed.is_ok(), "{:?}", found.parsed);
    }
    // A block that nobody marked as SMT-LIB and that is none says nothing.
    let other = "{code:java}\n; invariant: A\n{code}\n; invariant: B\n\n    ; invariant: C\n";
    let markdown = wiki::to_markdown(other, Limits::default()).unwrap();
    assert!(sbh_prover::document::parse(Kind::Markdown, &markdown).invariants.is_empty());
}
