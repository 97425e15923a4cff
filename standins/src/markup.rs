//! One spec in each of the services' markups.

use serde_json::{Value, json};

/// A spec: a heading, a paragraph, and code blocks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpecText {
    /// The heading.
    pub title: String,
    /// The paragraph.
    pub prose: String,
    /// The texts of the SMT-LIB code blocks.
    pub blocks: Vec<String>,
}

impl SpecText {
    /// A spec of some blocks.
    pub fn new(title: &str, blocks: impl IntoIterator<Item = String>) -> Self {
        Self {
            title: title.to_owned(),
            prose: "What must always hold.".to_owned(),
            blocks: blocks.into_iter().collect(),
        }
    }

    /// Markdown, as in git and as Google exports it.
    pub fn markdown(&self) -> String {
        let blocks: String =
            self.blocks.iter().map(|b| format!("\n```smt2\n{}\n```\n", b.trim_end())).collect();
        format!("# {}\n\n{}\n{blocks}", self.title, self.prose)
    }

    /// Atlassian Document Format
    /// (<https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/>).
    pub fn adf(&self) -> Value {
        let text = |text: &str| json!([{ "type": "text", "text": text }]);
        let mut content = vec![
            json!({ "type": "heading", "attrs": { "level": 1 }, "content": text(&self.title) }),
            json!({ "type": "paragraph", "content": text(&self.prose) }),
        ];
        content.extend(self.blocks.iter().map(|block| {
            json!({ "type": "codeBlock", "attrs": { "language": "smt2" }, "content": text(block) })
        }));
        json!({ "type": "doc", "version": 1, "content": content })
    }

    /// Jira's wiki markup
    /// (<https://jira.atlassian.com/secure/WikiRendererHelpAction.jspa?section=all>).
    pub fn wiki(&self) -> String {
        let blocks: String = self
            .blocks
            .iter()
            .map(|b| format!("\n{{code:smt2}}\n{}\n{{code}}\n", b.trim_end()))
            .collect();
        format!("h1. {}\n\n{}\n{blocks}", self.title, self.prose)
    }

    /// Confluence's storage format
    /// (<https://confluence.atlassian.com/doc/confluence-storage-format-790796544.html>).
    pub fn storage(&self) -> String {
        let escape = |text: &str| {
            text.replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('"', "&quot;")
        };
        let macros: String = self
            .blocks
            .iter()
            .map(|block| {
                // The end of a CDATA section within one is written as two sections.
                let text = block.replace("]]>", "]]]]><![CDATA[>");
                format!(
                    "<ac:structured-macro ac:name=\"code\" ac:schema-version=\"1\">\
                     <ac:parameter ac:name=\"language\">smt2</ac:parameter>\
                     <ac:plain-text-body><![CDATA[{text}]]></ac:plain-text-body>\
                     </ac:structured-macro>"
                )
            })
            .collect();
        format!("<h1>{}</h1><p>{}</p>{macros}", escape(&self.title), escape(&self.prose))
    }
}
