//! `sbh drift`: documents whose content is not the proved one.

use anyhow::Result;
use clap::Subcommand;
use sbh_api::drift::{Acknowledge, Drift, DriftState};
use sbh_api::spec_drift::{Reprove, ReproveAnswer};
use serde_json::json;

use super::{lookup, print_json};
use crate::client::Client;
use crate::style::{Style, plain};
use crate::table::{Rows, cell, styled};
use crate::{out, outln};

/// `drift`.
#[derive(Debug, Subcommand)]
pub enum DriftCommand {
    /// List drift, the oldest first.
    List {
        /// Only of this repository (name or id).
        #[arg(long)]
        repository: Option<String>,
        /// Only in this state.
        #[arg(long, value_parser = ["waiting", "proving", "failing", "stuck"])]
        state: Option<String>,
        /// How many at most.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Ask for a document to be proved.
    Reprove {
        /// The document's id, or its path.
        document: String,
        /// The repository (name or id), where several have that path.
        #[arg(long)]
        repository: Option<String>,
        /// Everything anew, whatever is recorded or cached.
        #[arg(long)]
        force: bool,
    },
    /// Say that somebody knows: no backlog alert until the document changes.
    Acknowledge {
        /// The document's id, or its path.
        document: String,
        /// The repository (name or id), where several have that path.
        #[arg(long)]
        repository: Option<String>,
        /// Why it is as it is; the audit log keeps it.
        #[arg(long, required_unless_present = "undo")]
        reason: Option<String>,
        /// Take an acknowledgement back.
        #[arg(long, conflicts_with = "reason")]
        undo: bool,
    },
}

/// Runs it.
pub async fn run(client: &Client, command: DriftCommand, as_json: bool) -> Result<()> {
    match command {
        DriftCommand::List { repository, state, limit } => {
            let mut query = String::from("/api/drift?");
            if let Some(repository) = &repository {
                let id = lookup::repository(client, repository).await?.id;
                query += &format!("repository={id}&");
            }
            if let Some(state) = &state {
                query += &format!("state={state}&");
            }
            let found: Vec<Drift> = client.list(query.trim_end_matches(['?', '&']), limit).await?;
            if as_json {
                return print_json(&found);
            }
            list(&found);
            Ok(())
        }
        DriftCommand::Reprove { document, repository, force } => {
            let id = lookup::document(client, &document, repository.as_deref()).await?;
            let path = format!("/api/drift/{id}/reprove");
            let answer: ReproveAnswer = client.post(&path, &Reprove { force }).await?;
            if as_json {
                return print_json(&answer);
            }
            let how = if answer.accepted { "is being proved" } else { "will be proved" };
            outln!("{} {how}: {}", plain(&document), Style::Link.paint(&answer.workflow_url));
            Ok(())
        }
        DriftCommand::Acknowledge { document, repository, reason, undo: _ } => {
            let id = lookup::document(client, &document, repository.as_deref()).await?;
            let path = format!("/api/drift/{id}/acknowledge");
            match reason {
                Some(reason) => client.post::<()>(&path, &Acknowledge { reason }).await?,
                None => client.delete::<()>(&path).await?,
            }
            if as_json {
                return print_json(&json!({ "document": id }));
            }
            outln!("Noted.");
            Ok(())
        }
    }
}

fn list(found: &[Drift]) {
    let mut rows = Rows::new(&["document", "repository", "age", "cause", "state"]).right(2);
    for one in found {
        let style = match one.state {
            DriftState::Stuck => Style::Bad,
            DriftState::Failing => Style::Warn,
            DriftState::Waiting | DriftState::Proving => Style::Dim,
        };
        rows.row([
            cell(&one.path),
            cell(&one.repository_name),
            cell(age(one.age_s)),
            cell(one.cause.as_str()),
            styled(one.state.as_str(), style),
        ]);
    }
    if rows.is_empty() {
        outln!("Nothing has drifted: what was seen is what is proved.");
        return;
    }
    out!("{rows}");
    for one in found {
        if let Some(failure) = &one.last_failure {
            outln!("{} {}: {}", Style::Bad.paint("✗"), plain(&one.path), plain(failure));
        }
        if let Some(known) = &one.acknowledged {
            outln!("{}: {} knows: {}", plain(&one.path), plain(&known.by), plain(&known.reason));
        }
    }
}

/// `3d 4h`, `5m`.
fn age(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h {}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}
