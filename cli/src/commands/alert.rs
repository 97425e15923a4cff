//! `sbh alert`: conditions that somebody should know of.

use anyhow::Result;
use clap::Subcommand;
use sbh_api::alert::{Alert, AlertState, AlertWithTellings, Severity};
use sbh_api::drift::Acknowledge;
use serde_json::json;
use uuid::Uuid;

use super::alert_channel::{self, ChannelCommand};
use super::print_json;
use crate::client::Client;
use crate::style::{Style, plain};
use crate::table::{Rows, cell, styled};
use crate::{out, outln};

/// `alert`.
#[derive(Debug, Subcommand)]
pub enum AlertCommand {
    /// List alerts, the newest first.
    List {
        /// Only those in this state; open ones unless said.
        #[arg(long, default_value = "open", value_parser = ["open", "event", "resolved", "all"])]
        state: String,
        /// How many at most.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show one, and what each channel was told of it.
    Show {
        /// Its id.
        id: Uuid,
    },
    /// Say that somebody knows of it: it is not escalated any more.
    Ack {
        /// Its id.
        id: Uuid,
        /// Why it is as it is; the audit log keeps it.
        #[arg(long)]
        reason: String,
    },
    /// Where alerts are told.
    #[command(subcommand)]
    Channel(ChannelCommand),
}

/// Runs it.
pub async fn run(client: &Client, command: AlertCommand, as_json: bool) -> Result<()> {
    match command {
        AlertCommand::List { state, limit } => {
            let filter = if state == "all" { String::new() } else { format!("?state={state}") };
            let found: Vec<Alert> = client.list(&format!("/api/alerts{filter}"), limit).await?;
            if as_json {
                return print_json(&found);
            }
            let mut rows = Rows::new(&["alert", "severity", "since", "what"]).whole(0).whole(2);
            for one in &found {
                rows.row([
                    cell(one.id.to_string()),
                    styled(one.severity.as_str(), style(one)),
                    cell(one.raised_at.format("%m-%d %H:%M").to_string()),
                    cell(&one.title),
                ]);
            }
            if rows.is_empty() {
                outln!("There is no such alert.");
            } else {
                out!("{rows}");
            }
            Ok(())
        }
        AlertCommand::Show { id } => {
            let shown: AlertWithTellings = client.get(&format!("/api/alerts/{id}")).await?;
            if as_json { print_json(&shown) } else { show(&shown) }
        }
        AlertCommand::Ack { id, reason } => {
            let path = format!("/api/alerts/{id}/acknowledge");
            client.post::<()>(&path, &Acknowledge { reason }).await?;
            if as_json {
                return print_json(&json!({ "alert": id }));
            }
            outln!("Noted.");
            Ok(())
        }
        AlertCommand::Channel(command) => alert_channel::run(client, command, as_json).await,
    }
}

fn style(alert: &Alert) -> Style {
    match (alert.state, alert.severity) {
        (AlertState::Resolved, _) => Style::Good,
        (_, Severity::Critical) => Style::Bad,
        (_, Severity::Warning) => Style::Warn,
        (_, Severity::Info) => Style::Dim,
    }
}

fn show(shown: &AlertWithTellings) -> Result<()> {
    let alert = &shown.alert;
    outln!("{}  {}", style(alert).paint(alert.severity.as_str()), plain(&alert.title));
    outln!(
        "  {}  {}  raised {}",
        alert.kind,
        alert.state.as_str(),
        alert.raised_at.format("%F %T UTC")
    );
    if let Some(url) = &alert.run_url {
        outln!("  {}", Style::Link.paint(url));
    }
    if let Some(known) = &alert.acknowledged {
        outln!("  {} knows: {}", plain(&known.by), plain(&known.reason));
    }
    outln!("  {}", plain(&serde_json::to_string(&alert.detail)?));
    for telling in &shown.tellings {
        outln!("  {}: {} ({})", plain(&telling.channel_name), telling.told, telling.state);
    }
    Ok(())
}
