//! `sbh audit`: the audit log.

use std::process::ExitCode;

use anyhow::Result;
use sbh_api::audit::{AuditEntry, AuditVerification};

use super::print_json;
use crate::args::AuditCommand;
use crate::client::Client;
use crate::failure::Failure;
use crate::style::Style;
use crate::table::{Rows, cell};
use crate::{out, outln};

/// Runs it.
pub async fn run(client: &Client, command: AuditCommand, as_json: bool) -> Result<ExitCode> {
    match command {
        AuditCommand::List { limit } => {
            let entries: Vec<AuditEntry> = client.list("/api/audit", limit).await?;
            if as_json {
                print_json(&entries)?;
                return Ok(ExitCode::SUCCESS);
            }
            let mut rows =
                Rows::new(&["#", "time", "who", "what", "to"]).right(0).whole(2).whole(3);
            for entry in &entries {
                rows.row([
                    cell(entry.sequence.map_or_else(|| "–".to_owned(), |n| n.to_string())),
                    cell(entry.at.format("%F %T").to_string()),
                    cell(&entry.actor),
                    cell(&entry.action),
                    cell(&entry.target),
                ]);
            }
            out!("{rows}");
            Ok(ExitCode::SUCCESS)
        }
        AuditCommand::Verify => {
            let found: AuditVerification = client.get("/api/audit/verify").await?;
            if as_json {
                print_json(&found)?;
            } else if let Some(broken) = found.broken.as_ref().filter(|_| !found.valid) {
                let what = format!("the audit log does not hold: {broken}");
                return Err(Failure::new(what)
                    .hint("compare with an export or a backup from before")
                    .into());
            } else {
                outln!(
                    "{} {} entries hold, {} are not sealed yet",
                    Style::Good.paint("✓"),
                    found.entries,
                    found.unsealed
                );
                outln!("head {}", found.head);
            }
            Ok(if found.valid { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}
