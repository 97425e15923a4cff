//! A message in Slack's Block Kit.
//!
//! Text from outside stands in `plain_text`, where Slack knows no markup, or in a code block. The three
//! characters that control Slack's text are written as entities everywhere
//! (<https://docs.slack.dev/messaging/formatting-message-text#escaping>), so that no text can mention
//! anybody or make a link. A message has at most 50 blocks, a section 3,000 characters, a header 150
//! (<https://docs.slack.dev/reference/block-kit/blocks>).

use serde_json::{Value, json};

use super::content::{Content, mark, one_line};

/// The message as `text` (for notifications) and `blocks`.
pub(super) fn write(content: &Content) -> Value {
    let bulletin = &content.bulletin;
    let sign = match (bulletin.worst(), bulletin.lines.first()) {
        (Some(_), Some(first)) => mark(first.told, first.severity).1,
        _ => "✅",
    };
    let header = format!("{sign} {} — {}", bulletin.counts(), content.tenant);
    let mut blocks = vec![json!({
        "type": "header", "text": { "type": "plain_text", "text": escape(&one_line(&header, 140)), "emoji": true },
    })];
    for line in &bulletin.lines {
        let item = &line.alert;
        let (word, sign) = mark(line.told, line.severity);
        let mut text = format!("{sign} {} ({word}): {}", item.label, item.title);
        for part in [&item.place, &item.reason, &item.advice].into_iter().flatten() {
            text += "\n";
            text += part;
        }
        blocks.push(json!({
            "type": "section", "text": { "type": "plain_text", "text": escape(&text), "emoji": false },
        }));
        if let Some(model) = &item.counterexample {
            // Three backticks would end the code block.
            let model = escape(&model.replace('`', "'"));
            blocks.push(section(&format!("```{model}```")));
        }
        let when = escape(&item.when);
        let about = match &item.link {
            // Made by this program and percent-encoded: it cannot hold `>` or `|`.
            Some(link) => format!("{when} · <{link}|the run>"),
            None => when,
        };
        blocks.push(json!({
            "type": "context", "elements": [{ "type": "mrkdwn", "text": about, "verbatim": true }],
        }));
    }
    let mut foot = format!("SBH · message {}", content.reference);
    if bulletin.left_out > 0 {
        foot = format!("and {} more: sbh alert list · {foot}", bulletin.left_out);
    }
    blocks.push(json!({
        "type": "context", "elements": [{ "type": "plain_text", "text": escape(&foot), "emoji": false }],
    }));
    json!({ "text": escape(&content.subject()), "blocks": blocks })
}

fn section(markdown: &str) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": markdown, "verbatim": true } })
}

/// The three characters that control Slack's text, as entities.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
