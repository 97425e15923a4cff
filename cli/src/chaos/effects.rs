//! What went to the outside: what arrived at the stand-ins, against what the API says was sent.

use sbh_standins::StandIns;

use super::ledger::Effects;
use super::witness::counted;

/// Reads the stand-ins' records. They deduplicate nothing.
pub fn arrived(standins: &StandIns) -> Effects {
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
    look("check run", runs.iter().map(|r| format!("{} {} {}", r.repository, r.head_sha, r.name)).collect());
    Effects {
        slack: messages.len(),
        emails: mails.len(),
        check_runs: runs.len(),
        twice,
        ..Effects::default()
    }
}
