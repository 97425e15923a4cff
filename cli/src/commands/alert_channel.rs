//! `sbh alert channel`: where alerts are told.

use std::io::Read as _;

use anyhow::{Context as _, Result};
use clap::{Subcommand, ValueEnum};
use sbh_api::alert::{
    ChangeChannel, Channel, ChannelKind, ChannelRules, ChannelTested, NewChannel, Severity,
};
use serde_json::json;
use uuid::Uuid;

use super::print_json;
use crate::client::Client;
use crate::failure::Failure;
use crate::style::{Style, plain};
use crate::table::{Rows, cell};
use crate::{out, outln};

/// `alert channel`.
#[derive(Debug, Subcommand)]
pub enum ChannelCommand {
    /// Make one. The webhook's address or the bot's token is read from standard input.
    Add {
        /// What to call it.
        name: String,
        /// How it is reached.
        #[arg(long, value_enum)]
        kind: Kind,
        /// The Slack channel's id, for a bot.
        #[arg(long)]
        slack_channel: Option<String>,
        /// An address, for e-mail; may be repeated.
        #[arg(long)]
        to: Vec<String>,
        /// The least severity that it is told.
        #[arg(long, value_enum)]
        floor: Option<Floor>,
        /// Hours in which it is told only what is critical: 22:00-07:00.
        #[arg(long)]
        quiet_hours: Option<String>,
        /// How far its time is ahead of UTC: +02:00.
        #[arg(long, allow_hyphen_values = true)]
        utc_offset: Option<String>,
        /// Seconds after which an unacknowledged alert is told again, one step graver.
        #[arg(long)]
        escalate_after_s: Option<u32>,
    },
    /// List them.
    List,
    /// Tell one that somebody tries it.
    Test {
        /// Name or id.
        channel: String,
    },
    /// Send nothing for now; what it misses is kept.
    Pause {
        /// Name or id.
        channel: String,
        /// Go on sending.
        #[arg(long)]
        resume: bool,
    },
    /// Remove one, with its secret.
    Remove {
        /// Name or id.
        channel: String,
    },
}

/// How a channel is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// One of Slack's incoming webhooks.
    SlackWebhook,
    /// A bot in a Slack workspace.
    SlackBot,
    /// E-mail.
    Email,
}

/// The least severity.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Floor {
    /// Everything.
    Info,
    /// What should be looked at today.
    Warning,
    /// What should be looked at now.
    Critical,
}

/// Runs it.
pub async fn run(client: &Client, command: ChannelCommand, as_json: bool) -> Result<()> {
    match command {
        ChannelCommand::Add {
            name,
            kind,
            slack_channel,
            to,
            floor,
            quiet_hours,
            utc_offset,
            escalate_after_s,
        } => {
            let rules = ChannelRules {
                floor: floor.map(|floor| match floor {
                    Floor::Info => Severity::Info,
                    Floor::Warning => Severity::Warning,
                    Floor::Critical => Severity::Critical,
                }),
                quiet_hours,
                utc_offset,
                escalate_after_s,
                ..ChannelRules::default()
            };
            let secret = if kind == Kind::Email { None } else { Some(secret()?) };
            let kind = match kind {
                Kind::SlackWebhook => ChannelKind::SlackWebhook,
                Kind::SlackBot => ChannelKind::SlackBot,
                Kind::Email => ChannelKind::Email,
            };
            let new = NewChannel { kind, name, secret, slack_channel, to, rules };
            let made: Channel = client.post("/api/alerts/channels", &new).await?;
            if as_json {
                return print_json(&made);
            }
            outln!("{} is made.", Style::Strong.paint(plain(&made.name)));
            outln!("Try it: ./sbh alert channel test {}", plain(&made.name));
        }
        ChannelCommand::List => {
            let all: Vec<Channel> = client.list("/api/alerts/channels", usize::MAX).await?;
            if as_json {
                return print_json(&all);
            }
            list(&all);
        }
        ChannelCommand::Test { channel } => {
            let id = find(client, &channel).await?;
            let path = format!("/api/alerts/channels/{id}/test");
            let tested: ChannelTested = client.post(&path, &json!({})).await?;
            if as_json {
                return print_json(&tested);
            }
            outln!("It is being told. What becomes of it: ./sbh alert show {}", tested.alert);
        }
        ChannelCommand::Pause { channel, resume } => {
            let path = format!("/api/alerts/channels/{}", find(client, &channel).await?);
            let change = ChangeChannel { paused: Some(!resume), ..ChangeChannel::default() };
            let now: Channel = client.patch(&path, &change).await?;
            if as_json {
                return print_json(&now);
            }
            outln!("{} {}.", plain(&now.name), if now.paused { "is paused" } else { "goes on" });
        }
        ChannelCommand::Remove { channel } => {
            let id = find(client, &channel).await?;
            client.delete::<()>(&format!("/api/alerts/channels/{id}")).await?;
            if as_json {
                return print_json(&json!({ "channel": id }));
            }
            outln!("{} is removed.", plain(&channel));
        }
    }
    Ok(())
}

/// A secret from standard input: arguments can be seen by other users of the machine.
fn secret() -> Result<String> {
    let mut secret = String::new();
    let read = std::io::stdin().take(16 << 10).read_to_string(&mut secret);
    read.context("cannot read the secret from standard input")?;
    if secret.trim().is_empty() {
        let hint = "pipe the webhook's address or the bot's token in: … < secret.txt";
        return Err(Failure::new("standard input holds no secret").hint(hint).into());
    }
    Ok(secret.trim().to_owned())
}

async fn find(client: &Client, wanted: &str) -> Result<Uuid> {
    let all: Vec<Channel> = client.list("/api/alerts/channels", usize::MAX).await?;
    let id = wanted.parse::<Uuid>().ok();
    let found = all.into_iter().find(|one| Some(one.id) == id || one.name == wanted);
    found.map(|one| one.id).ok_or_else(|| {
        let what = format!("there is no alert channel {wanted:?}");
        Failure::new(what).hint("./sbh alert channel list shows them").into()
    })
}

fn list(all: &[Channel]) {
    let mut rows =
        Rows::new(&["channel", "kind", "from", "quiet", "sent", "waiting"]).right(4).right(5);
    for one in all {
        let quiet = one.rules.quiet_hours.clone().unwrap_or_default();
        rows.row([
            cell(if one.paused { format!("{} (paused)", one.name) } else { one.name.clone() }),
            cell(one.kind.as_str()),
            cell(one.rules.floor.map_or("–", Severity::as_str)),
            cell(quiet),
            cell(one.sent.to_string()),
            cell(one.waiting.to_string()),
        ]);
    }
    if rows.is_empty() {
        outln!("Nobody is told anything. Make a channel: ./sbh alert channel add <name> --kind …");
        return;
    }
    out!("{rows}");
    for one in all {
        if let Some(error) = &one.last_error {
            outln!("{} {}: {}", Style::Bad.paint("✗"), plain(&one.name), plain(error));
        }
    }
}
