//! What went to the outside: what arrived at the stand-ins, against what the API says was sent.

use anyhow::{Context as _, Result};
use sbh_api::effect::{Effect, EffectState};
use sbh_standins::StandIns;
use serde_json::{Value, json};

use super::ledger::Effects;
use super::witness::{Witness, counted};
use crate::client::Client;

/// Has alerts told by Slack and by e-mail: all of them.
///
/// # Errors
/// What the API refused.
pub async fn have_them_told(client: &Client, standins: &StandIns) -> Result<()> {
    let slack = json!({
        "kind": "slack_webhook", "name": "chaos slack", "secret": standins.slack.webhook(),
        "rules": { "dedup_window_s": 0 },
    });
    let email = json!({
        "kind": "email", "name": "chaos mail", "to": ["chaos@example.com"],
        "rules": { "dedup_window_s": 0 },
    });
    for channel in [slack, email] {
        let made: Result<Value> = client.post("/api/alerts/channels", &channel).await;
        made.with_context(|| format!("the alert channel {} cannot be made", channel["name"]))?;
    }
    Ok(())
}

/// Effects that are neither sent nor given up yet.
pub async fn under_way(witness: &Witness<'_>) -> Result<usize> {
    let all: Vec<Effect> = witness.list("/api/effects").await?;
    let open = |one: &&Effect| matches!(one.state, EffectState::Intended | EffectState::Sending);
    Ok(all.iter().filter(open).count())
}

/// What the API says of the effects, beside what arrived.
///
/// # Errors
/// When the API does not answer.
pub async fn told(witness: &Witness<'_>, standins: &StandIns) -> Result<Effects> {
    let mut effects = arrived(standins);
    for one in witness.list::<Effect>("/api/effects").await? {
        let named = || {
            format!(
                "{} to {}: {}",
                one.kind,
                one.target,
                one.reason.as_deref().unwrap_or("no reason")
            )
        };
        match one.state {
            EffectState::Sent => effects.sent += 1,
            EffectState::Failed | EffectState::Dropped => effects.failed.push(named()),
            EffectState::Unknown => effects.unknown.push(named()),
            EffectState::Intended | EffectState::Sending => {
                effects.unfinished.push(format!("{} ({})", named(), one.state.as_str()));
            }
        }
    }
    // One that is recorded as sent arrived, and one that is unknown may have: no more, no fewer.
    let there = effects.slack + effects.emails + effects.check_runs;
    let may = effects.sent + effects.unknown.len();
    if there < effects.sent || there > may {
        effects.twice.push(format!(
            "{there} effects arrived, {} are recorded as sent and {} as unknown",
            effects.sent,
            effects.unknown.len()
        ));
    }
    Ok(effects)
}

/// Reads the stand-ins' records. They deduplicate nothing.
fn arrived(standins: &StandIns) -> Effects {
    let (messages, mails) = (standins.slack.messages(), standins.ses.mails());
    let runs = standins.github.check_runs();
    let mut twice = Vec::new();
    let mut look = |kind: &str, keys: Vec<String>| {
        for (key, times) in counted(keys).into_iter().filter(|(_, times)| *times > 1) {
            twice.push(format!("{times} times the {kind} {key:?}"));
        }
    };
    // Every message tells of alerts with the times and documents that no other message tells of.
    look("Slack message", messages.iter().map(|m| format!("{} {}", m.channel, m.body)).collect());
    look("e-mail", mails.iter().map(|m| format!("{:?} {} {}", m.to, m.subject, m.text)).collect());
    look(
        "check run",
        runs.iter().map(|r| format!("{} {} {}", r.repository, r.head_sha, r.name)).collect(),
    );
    Effects {
        slack: messages.len(),
        emails: mails.len(),
        check_runs: runs.len(),
        twice,
        ..Effects::default()
    }
}
