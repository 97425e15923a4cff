//! `sbh inbox`: acknowledged notices.

use anyhow::Result;
use sbh_api::inbox::{InboxRow, InboxState};
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
            let filter = state.map_or_else(String::new, |state| format!("?state={state}"));
            let rows: Vec<InboxRow> = client.list(&format!("/api/inbox{filter}"), limit).await?;
            if as_json {
                return print_json(&rows);
            }
            let mut table =
                Rows::new(&["notice", "state", "source", "received", "tries"]).right(4).whole(0);
            for row in &rows {
                let (state, style) = match (row.state, row.reason.as_deref()) {
                    (InboxState::Open, _) => ("open", Style::Warn),
                    (InboxState::Closed, reason) => (reason.unwrap_or("closed"), Style::Good),
                    (InboxState::Parked, _) => ("parked", Style::Bad),
                };
                table.row([
                    cell(row.id.to_string()),
                    styled(state, style),
                    cell(&row.source),
                    cell(row.received_at.format("%F %T").to_string()),
                    cell(row.attempts.to_string()),
                ]);
            }
            if table.is_empty() {
                outln!("The inbox holds no such notice.");
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
        InboxCommand::Retry { id } => {
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
