//! `sbh effect`: what was sent outside and cannot be undone.

use anyhow::Result;
use clap::{Subcommand, ValueEnum};
use sbh_api::effect::{Effect, EffectResolution, EffectState, ResolveEffect};
use uuid::Uuid;

use super::print_json;
use crate::client::Client;
use crate::style::{Style, plain};
use crate::table::{Rows, cell, styled};
use crate::{out, outln};

/// `effect`.
#[derive(Debug, Subcommand)]
pub enum EffectCommand {
    /// List effects, the newest first.
    List {
        /// Only those in this state.
        #[arg(long, value_parser = ["intended", "sending", "sent", "unknown", "failed", "dropped"])]
        state: Option<String>,
        /// How many at most.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Say what became of one that is unknown or failed, or send it again.
    Resolve {
        /// Its id.
        id: Uuid,
        /// What is so.
        #[arg(value_enum)]
        resolution: Answer,
        /// Why; the audit log keeps it.
        #[arg(long)]
        reason: String,
    },
}

/// What is so of an effect.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Answer {
    /// It arrived.
    Sent,
    /// It did not arrive: send it again.
    Resend,
    /// It is not to be sent.
    Dropped,
}

/// Runs it.
pub async fn run(client: &Client, command: EffectCommand, as_json: bool) -> Result<()> {
    match command {
        EffectCommand::List { state, limit } => {
            let filter = state.map_or_else(String::new, |state| format!("?state={state}"));
            let found: Vec<Effect> = client.list(&format!("/api/effects{filter}"), limit).await?;
            if as_json {
                return print_json(&found);
            }
            let mut rows = Rows::new(&["effect", "kind", "to", "state", "when"]).whole(0).whole(4);
            for one in &found {
                let style = match one.state {
                    EffectState::Sent => Style::Good,
                    EffectState::Unknown | EffectState::Failed => Style::Bad,
                    _ => Style::Dim,
                };
                rows.row([
                    cell(one.id.to_string()),
                    cell(&one.kind),
                    cell(&one.target),
                    styled(one.state.as_str(), style),
                    cell(one.changed_at.format("%m-%d %H:%M").to_string()),
                ]);
            }
            if rows.is_empty() {
                outln!("There is no such effect.");
            } else {
                out!("{rows}");
            }
            for one in found.iter().filter(|one| one.state != EffectState::Sent) {
                if let Some(reason) = &one.reason {
                    outln!("{} {}: {}", Style::Bad.paint("✗"), one.id, plain(reason));
                }
            }
            Ok(())
        }
        EffectCommand::Resolve { id, resolution, reason } => {
            let resolution = match resolution {
                Answer::Sent => EffectResolution::Sent,
                Answer::Resend => EffectResolution::Resend,
                Answer::Dropped => EffectResolution::Dropped,
            };
            let path = format!("/api/effects/{id}/resolve");
            let now: Effect = client.post(&path, &ResolveEffect { resolution, reason }).await?;
            if as_json {
                return print_json(&now);
            }
            outln!("{} is {}.", now.id, now.state.as_str());
            Ok(())
        }
    }
}
