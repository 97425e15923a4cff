//! `sbh inbox`: acknowledged notices.

use std::collections::HashMap;

use anyhow::Result;
use sbh_api::inbox::{InboxRetried, InboxRow, InboxState};
use sbh_api::repository::Repository;
use serde_json::json;

use super::print_json;
use crate::args::InboxCommand;
use crate::client::Client;
use crate::style::{Style, plain};
use crate::table::{Rows, cell, styled};
use crate::{out, outln};

/// Runs it.
pub async fn run(client: &Client, command: InboxCommand, as_json: bool) -> Result<()> {
    match command {
        InboxCommand::List { state, limit } => {
            let none = match &state {
                Some(state) => format!("No notice is {state}."),
                None => "The inbox is empty: nothing was announced yet.".to_owned(),
            };
            let filter = state.map_or_else(String::new, |state| format!("?state={state}"));
            let rows: Vec<InboxRow> = client.list(&format!("/api/inbox{filter}"), limit).await?;
            if as_json {
                return print_json(&rows);
            }
            let all: Vec<Repository> =
                client.list("/api/repositories?removed=true", usize::MAX).await?;
            let names: HashMap<_, _> = all.into_iter().map(|one| (one.id, one.name)).collect();
            let mut table =
                Rows::new(&["notice", "repository", "state", "from", "received"]).whole(0).whole(4);
            for row in &rows {
                let (state, style) = match (row.state, row.reason.as_deref()) {
                    (InboxState::Open, _) => ("open", Style::Warn),
                    (InboxState::Closed, reason) => (reason.unwrap_or("closed"), Style::Good),
                    (InboxState::Parked, _) => ("parked", Style::Bad),
                };
                table.row([
                    cell(row.id.to_string()),
                    cell(names.get(&row.repository).map_or("–", String::as_str)),
                    styled(state, style),
                    cell(&row.source),
                    cell(row.received_at.format("%m-%d %H:%M").to_string()),
                ]);
            }
            if table.is_empty() {
                outln!("{none}");
            } else {
                out!("{table}");
            }
            for row in rows.iter().filter(|row| row.state != InboxState::Closed) {
                if let Some(reason) = &row.reason {
                    outln!("\n{} {}: {}", Style::Bad.paint("✗"), row.id, plain(reason));
                }
            }
            Ok(())
        }
        InboxCommand::Show { id } => {
            let row: InboxRow = client.get(&format!("/api/inbox/{id}")).await?;
            show_row(&row, as_json)
        }
        InboxCommand::Retry { id: None, .. } => {
            let answer: InboxRetried = client.post("/api/inbox/retry", &json!({})).await?;
            if as_json {
                return print_json(&answer);
            }
            outln!("{} notices are tried again.", answer.retried);
            Ok(())
        }
        InboxCommand::Retry { id: Some(id), .. } => {
            let row: InboxRow = client.post(&format!("/api/inbox/{id}/retry"), &json!({})).await?;
            show_row(&row, as_json)
        }
    }
}

fn show_row(row: &InboxRow, as_json: bool) -> Result<()> {
    if as_json {
        return print_json(row);
    }
    outln!("{}  {}", Style::Strong.paint(row.id.to_string()), row.state.as_str());
    let time = |at: Option<chrono::DateTime<chrono::Utc>>| {
        at.map_or_else(|| "–".to_owned(), |at| at.format("%F %T UTC").to_string())
    };
    for (name, value) in [
        ("source", row.source.clone()),
        ("repository", row.repository.to_string()),
        ("received", time(Some(row.received_at))),
        ("signalled", time(row.signalled_at)),
        ("closed", time(row.closed_at)),
        ("attempts", row.attempts.to_string()),
        ("reason", row.reason.clone().unwrap_or_else(|| "–".to_owned())),
        ("said", row.hint.to_string()),
    ] {
        outln!("  {name:<11} {}", plain(&value));
    }
    Ok(())
}
