//! Converters bear whatever is written, and code comes out of them as it went in.

use proptest::prelude::*;
use sbh_sources::google_docs::markdown;
use sbh_sources::text::storage;

/// Pieces of storage format, well-formed or not.
const STORAGE: &[&str] = &[
    "<p>",
    "</p>",
    "<h2>",
    "</h2>",
    "<ul>",
    "</ul>",
    "<li>",
    "</li>",
    "<table>",
    "</table>",
    "<tr>",
    "</tr>",
    "<td>",
    "</td>",
    "<pre>",
    "</pre>",
    "<code>",
    "</code>",
    "<a href=\"https://x/\">",
    "</a>",
    "<br/>",
    "<hr/>",
    "<ac:structured-macro ac:name=\"code\">",
    "<ac:structured-macro ac:name='info'>",
    "</ac:structured-macro>",
    "<ac:parameter ac:name=\"language\">",
    "</ac:parameter>",
    "<ac:plain-text-body>",
    "</ac:plain-text-body>",
    "<ac:rich-text-body>",
    "</ac:rich-text-body>",
    "<ac:link>",
    "</ac:link>",
    "<ri:page ri:content-title=\"t\"/>",
    "<ac:adf-fallback>",
    "</ac:adf-fallback>",
    "<![CDATA[",
    "]]>",
    "&lt;",
    "&#0;",
    "&#xd800;",
    "&#x41;",
    "&no;",
    "&",
    "<",
    ">",
    "\"",
    "smt2",
    "; invariant: A\n",
    "\u{0}",
    "\u{a0}",
    "ä",
    "`",
    "```",
    "|",
    "\n",
    " ",
];

/// Pieces of what Google exports.
const EXPORT: &[&str] = &[
    "```",
    "````",
    "~~~",
    "\\`\\`\\`",
    "\\~\\~\\~",
    "smt2",
    "; invariant: A",
    "\n",
    "\n\n",
    "  \n",
    " ",
    "\\",
    "\\=",
    "x",
    "ä",
    "\u{a0}",
    "\r",
    "\u{b}",
    "\u{0}",
    "[image1]: <data:image/png;base64,AA>",
    "[",
    "]: <data:",
    "(assert x)",
];

fn text_of(pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(pieces), 0..60).prop_map(|pieces| pieces.concat())
}

/// Code as people could write it, with everything that markup could trip over.
fn code() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(
        &[
            "(assert", " x)", "\n", "]]", ">", "]]>", "&lt;", "<p>", "`", "```", "\\", "ä", "\t",
            "  ",
        ][..],
    );
    prop::collection::vec(piece, 1..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn storage_format_of_any_kind_is_borne(text in text_of(STORAGE)) {
        let _ = storage::to_markdown(&text);
    }

    #[test]
    fn exports_of_any_kind_are_borne(text in text_of(EXPORT)) {
        let clean = markdown::clean(&text).unwrap();
        prop_assert!(!clean.contains(['\0', '\r']));
        let _ = markdown::plain(&text).unwrap();
    }

    #[test]
    fn code_macros_keep_every_byte(code in code()) {
        let cdata = code.replace("]]>", "]]]]><![CDATA[>");
        let page = format!(
            "<table><tbody><tr><td><ac:structured-macro ac:name=\"code\"><ac:parameter ac:name=\"language\">smt2</ac:parameter>\
             <ac:plain-text-body><![CDATA[{cdata}]]></ac:plain-text-body></ac:structured-macro></td></tr></tbody></table>"
        );
        let out = storage::to_markdown(&page).unwrap();
        let fence: String = out.trim_start().chars().take_while(|c| *c == '`').collect();
        let end = if code.ends_with('\n') { "" } else { "\n" };
        prop_assert_eq!(out.trim_start(), format!("{fence}smt2\n{code}{end}{fence}\n"));
        prop_assert!(!code.contains(&fence));
    }

    #[test]
    fn typed_fences_give_what_was_typed(lines in prop::collection::vec("[a-z(][ -_a-}]{0,20}[a-z)]", 1..8)) {
        // As Google writes paragraphs: every punctuation with its backslash.
        let escaped = |line: &String| -> String {
            let escape = |c: char| if c.is_ascii_punctuation() { format!("\\{c}") } else { c.to_string() };
            line.chars().map(escape).collect()
        };
        let paragraphs: Vec<String> = lines.iter().map(escaped).collect();
        let export = format!("\\`\\`\\`smt2\n\n{}\n\n\\`\\`\\`\n", paragraphs.join("\n\n"));
        prop_assume!(!lines.iter().any(|line| line.trim_start().starts_with("```")));
        prop_assert_eq!(markdown::clean(&export).unwrap(), format!("```smt2\n{}\n```\n", lines.join("\n")));
    }
}
