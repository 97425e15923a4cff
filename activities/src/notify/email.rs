//! A message as an e-mail: HTML and plain text, from the templates beside this file.

use sbh_domain::alert::Told;

use super::content::{Content, mark};

const PAGE: &str = include_str!("templates/page.html");
const ITEM: &str = include_str!("templates/item.html");
const PLAIN: &str = include_str!("templates/page.txt");

/// An e-mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Email {
    /// One line.
    pub subject: String,
    /// The HTML part.
    pub html: String,
    /// The plain part.
    pub text: String,
}

/// The message as an e-mail.
pub(super) fn write(content: &Content) -> Email {
    let bulletin = &content.bulletin;
    let (mut items, mut plain) = (String::new(), String::new());
    for line in &bulletin.lines {
        let item = &line.alert;
        let (word, _) = mark(line.told, line.severity);
        let optional = |before: &str, text: Option<&String>, after: &str| {
            text.map_or_else(String::new, |text| format!("{before}{}{after}", escape(text)))
        };
        let link = item.link.as_deref().map_or_else(String::new, |link| {
            format!(" · <a href=\"{}\">the run</a>", escape(link))
        });
        items += &fill(
            ITEM,
            &[
                ("severity", word),
                ("label", &escape(item.label)),
                ("title", &escape(&item.title)),
                ("place", &optional("<p class=\"place\">", item.place.as_ref(), "</p>")),
                ("reason", &optional("<p>", item.reason.as_ref(), "</p>")),
                ("model", &optional("<pre>", item.counterexample.as_ref(), "</pre>")),
                ("advice", &optional("<p class=\"advice\">", item.advice.as_ref(), "</p>")),
                ("when", &escape(&item.when)),
                ("link", &link),
            ],
        );
        let told = match line.told {
            Told::Resolved => "RESOLVED".to_owned(),
            _ => word.to_uppercase(),
        };
        plain += &format!("{told}  {}: {}\n", item.label, item.title);
        for part in [&item.place, &item.reason].into_iter().flatten() {
            plain += &format!("    {part}\n");
        }
        for model in item.counterexample.iter().flat_map(|model| model.lines()) {
            plain += &format!("      {model}\n");
        }
        if let Some(advice) = &item.advice {
            plain += &format!("    {advice}\n");
        }
        plain += &format!("    {}\n", item.when);
        if let Some(link) = &item.link {
            plain += &format!("    {link}\n");
        }
        plain.push('\n');
    }
    let more = match bulletin.left_out {
        0 => String::new(),
        more => format!("and {more} more: sbh alert list"),
    };
    let worst = bulletin.worst().map_or("resolved", |severity| severity.as_str());
    let html_more = if more.is_empty() {
        String::new()
    } else {
        format!("<p class=\"more\">{}</p>", escape(&more))
    };
    let html = fill(
        PAGE,
        &[
            ("subject", &escape(&content.subject())),
            ("worst", worst),
            ("counts", &escape(&bulletin.counts())),
            ("tenant", &escape(&content.tenant)),
            ("items", &items),
            ("more", &html_more),
            ("reference", &escape(&content.reference)),
        ],
    );
    let more = if more.is_empty() { more } else { format!("{more}\n\n") };
    let text = fill(
        PLAIN,
        &[
            ("counts", &bulletin.counts()),
            ("tenant", &content.tenant),
            ("items", &plain),
            ("more", &more),
            ("reference", &content.reference),
        ],
    );
    Email { subject: content.subject(), html, text }
}

/// Puts values into the places `{{name}}` of a template, in one pass: what a value holds is never taken
/// for a place.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        filled += before;
        let Some((name, after)) = after.split_once("}}") else { break };
        filled += values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value);
        rest = after;
    }
    filled + rest
}

/// Text for HTML, in elements and in quoted attributes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            other => escaped.push(other),
        }
    }
    escaped
}
