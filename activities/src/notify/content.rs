//! What a message says, before it is written for Slack or as an e-mail. Everything in it may be hostile
//! text: whoever writes it escapes it.

use sbh_domain::alert::{Bulletin, Line, Told};
use sbh_domain::{Severity, TenantId};
use sbh_runtime::config::TemporalConfig;
use sbh_store::notify::{Entry, Message};
use serde_json::Value;

/// Alerts that get lines of their own in one message; the others are counted.
const MOST: usize = 15;
/// Lines of a counterexample that are shown.
const MODEL_LINES: usize = 12;
/// The longest line of a counterexample, in characters.
const MODEL_WIDTH: usize = 160;
/// The longest of any other text, in characters.
const TEXT: usize = 400;

/// A message.
#[derive(Debug, Clone)]
pub(super) struct Content {
    /// The tenant that it is about.
    pub tenant: String,
    /// The worst first.
    pub bulletin: Bulletin<Item>,
    /// Names the message, so that it can be looked up at the receiver.
    pub reference: String,
}

/// An alert of a message.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// `Invariant refuted`.
    pub label: &'static str,
    /// One sentence.
    pub title: String,
    /// `shop · docs/refunds.md · REFUND-1`.
    pub place: Option<String>,
    /// Why, as far as somebody said so.
    pub reason: Option<String>,
    /// The counterexample, one assignment a line.
    pub counterexample: Option<String>,
    /// What to do about it.
    pub advice: Option<String>,
    /// The page of the run that found it.
    pub link: Option<String>,
    /// When it was raised, and when it was resolved: `2026-11-25 04:12 UTC`.
    pub when: String,
}

impl Content {
    /// The content of a message.
    pub(super) fn of(message: Message, tenant: &TenantId, temporal: &TemporalConfig) -> Self {
        let mut lines: Vec<Line<Item>> = Vec::with_capacity(message.entries.len());
        let mut seen = std::collections::HashMap::new();
        for entry in message.entries {
            let line = Line {
                told: entry.told,
                severity: entry.severity,
                raised: entry.raised_at.timestamp(),
                alert: item(&entry, temporal),
            };
            // What is raised and escalated in one message is told once, as the graver of both.
            match seen.entry(entry.alert) {
                std::collections::hash_map::Entry::Vacant(free) => {
                    free.insert(lines.len());
                    lines.push(line);
                }
                std::collections::hash_map::Entry::Occupied(taken) => {
                    let before = &mut lines[*taken.get()];
                    if (before.told, before.severity) < (line.told, line.severity) {
                        *before = line;
                    }
                }
            }
        }
        Self {
            tenant: tenant.to_string(),
            bulletin: Bulletin::new(lines, MOST),
            reference: message.effect.to_string(),
        }
    }

    /// One line that says all: `acme: 2 critical, 1 warning: the refund never exceeds…`.
    pub(super) fn subject(&self) -> String {
        let first = self.bulletin.lines.first().map_or("", |line| line.alert.title.as_str());
        let subject = format!("[SBH {}] {}: {first}", self.tenant, self.bulletin.counts());
        one_line(&subject, 150)
    }
}

/// The word and the sign before an alert.
pub(super) const fn mark(told: Told, severity: Severity) -> (&'static str, &'static str) {
    match (told, severity) {
        (Told::Resolved, _) => ("resolved", "✅"),
        (_, Severity::Critical) => ("critical", "🔴"),
        (_, Severity::Warning) => ("warning", "🟠"),
        (_, Severity::Info) => ("info", "🔵"),
    }
}

fn item(entry: &Entry, temporal: &TemporalConfig) -> Item {
    let text =
        |name: &str| entry.detail.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let places = [entry.place.0.as_deref(), entry.place.1.as_deref(), entry.invariant.as_deref()];
    let places: Vec<_> = places.into_iter().flatten().map(|part| one_line(part, 120)).collect();
    let stamp = |at: chrono::DateTime<chrono::Utc>| at.format("%F %H:%M UTC").to_string();
    let when = match (entry.told, entry.resolved_at) {
        (Told::Resolved, Some(at)) => format!("{} → {}", stamp(entry.raised_at), stamp(at)),
        (Told::Escalated, _) => format!("open since {}", stamp(entry.raised_at)),
        _ => stamp(entry.raised_at),
    };
    let is_gone = entry.told == Told::Resolved;
    Item {
        label: entry.kind.label(),
        title: one_line(&entry.title, TEXT),
        place: (!places.is_empty()).then(|| places.join(" · ")),
        reason: text("reason").filter(|_| !is_gone).map(|text| one_line(text, TEXT)),
        counterexample: entry
            .detail
            .get("counterexample")
            .filter(|_| !is_gone)
            .and_then(counterexample),
        advice: text("what_to_do").filter(|_| !is_gone).map(|text| one_line(text, TEXT)),
        link: text("workflow_id").map(|id| run_page(temporal, id, text("run_id"))),
        when,
    }
}

/// The page of a run in Temporal's Web UI.
fn run_page(temporal: &TemporalConfig, workflow_id: &str, run_id: Option<&str>) -> String {
    let plain = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                    char::from(byte).to_string()
                }
                other => format!("%{other:02X}"),
            })
            .collect()
    };
    let base = temporal.ui_url.trim_end_matches('/');
    let page = format!(
        "{base}/namespaces/{}/workflows/{}",
        plain(&temporal.namespace),
        plain(workflow_id)
    );
    match run_id {
        Some(run) => format!("{page}/{}/history", plain(run)),
        None => page,
    }
}

/// A counterexample as lines: assignments (`name = value`), or whatever text there is.
fn counterexample(value: &Value) -> Option<String> {
    let mut lines: Vec<String> = match value {
        Value::Array(assignments) => assignments
            .iter()
            .map(|one| match (one.get("name"), one.get("value")) {
                (Some(Value::String(name)), Some(Value::String(value))) => {
                    format!("{name} = {value}")
                }
                _ => one.to_string(),
            })
            .collect(),
        Value::String(text) => text.lines().map(str::to_owned).collect(),
        Value::Null => return None,
        other => vec![other.to_string()],
    };
    let left_out = lines.len().saturating_sub(MODEL_LINES);
    lines.truncate(MODEL_LINES);
    let mut lines: Vec<_> = lines.iter().map(|line| one_line(line, MODEL_WIDTH)).collect();
    if left_out > 0 {
        lines.push(format!("… {left_out} more"));
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Text on one line, without control and direction characters, cut to `most` characters.
pub(super) fn one_line(text: &str, most: usize) -> String {
    let is_hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    let mut line: String =
        text.chars().take(most).map(|c| if is_hidden(c) { ' ' } else { c }).collect();
    if text.chars().nth(most).is_some() {
        line.pop();
        line.push('…');
    }
    line
}
