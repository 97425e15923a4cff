//! `sbh spec`: documents and their verdicts.

use anyhow::Result;
use sbh_api::inbox::{InboxRow, InboxState};
use sbh_api::spec_drift::{
    Document, DocumentStatus, Invariant, Reprove, ReproveAnswer, SpecDriftPhase,
};
use serde_json::json;
use uuid::Uuid;

use super::obstacle::Watch;
use super::{lookup, upload, verdicts};
use crate::args::SpecCommand;
use crate::client::Client;
use crate::home::Home;
use crate::outln;
use crate::progress::Progress;
use crate::style::{Style, plain};

/// Runs one of them.
pub async fn run(home: &Home, client: &Client, command: SpecCommand, as_json: bool) -> Result<()> {
    match command {
        SpecCommand::List { repository } => {
            let mut all = Vec::new();
            for repository in lookup::repositories(client, repository.as_deref()).await? {
                let documents = lookup::documents(client, repository.id).await?;
                all.push((repository, documents));
            }
            if as_json {
                let documents: Vec<&Document> =
                    all.iter().flat_map(|(_, documents)| documents).collect();
                outln!("{}", serde_json::to_string_pretty(&documents)?);
                return Ok(());
            }
            if all.is_empty() {
                outln!("No repository is tracked. Add one: ./sbh repo add <git-url>");
            }
            for (repository, documents) in all {
                outln!("{}", Style::Strong.paint(&repository.name));
                verdicts::show_documents(&documents);
                outln!();
            }
            Ok(())
        }
        SpecCommand::Show { document, repository } => {
            let id = lookup::document(client, &document, repository.as_deref()).await?;
            show(client, id, as_json).await
        }
        SpecCommand::Reprove { document, repository, force } => {
            let id = lookup::document(client, &document, repository.as_deref()).await?;
            reprove(home, client, id, force, as_json).await
        }
        SpecCommand::Put { file, id, repository, no_wait } => {
            let put = upload::Put { file, id, repository, no_wait };
            upload::put(home, client, put, as_json).await
        }
        SpecCommand::Get { id, repository } => {
            upload::get(client, &id, repository.as_deref()).await
        }
        SpecCommand::Delete { id, repository } => {
            upload::delete(client, &id, repository.as_deref(), as_json).await
        }
    }
}

async fn show(client: &Client, id: Uuid, as_json: bool) -> Result<()> {
    let document: Document = client.get(&format!("/api/specs/{id}")).await?;
    let invariants: Vec<Invariant> =
        client.list(&format!("/api/specs/{id}/invariants"), usize::MAX).await?;
    if as_json {
        let all = json!({ "document": document, "invariants": invariants });
        outln!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(());
    }
    outln!("{}", Style::Strong.paint(plain(&document.path)));
    if document.drifted_at.is_some() {
        outln!("{}", Style::Warn.paint("changed since; a proof is due or under way"));
    }
    verdicts::show_invariants(&invariants);
    outln!("\n{}", verdicts::summary(&verdicts::counts(&document.counts)));
    if let Some(url) = &document.run_url {
        outln!("Web UI: {}", Style::Link.paint(url));
    }
    Ok(())
}

async fn reprove(home: &Home, client: &Client, id: Uuid, force: bool, as_json: bool) -> Result<()> {
    let before: Document = client.get(&format!("/api/specs/{id}")).await?;
    let answer: ReproveAnswer =
        client.post(&format!("/api/specs/{id}/reprove"), &Reprove { force }).await?;
    let progress = Progress::new(as_json);
    let step = progress.step("proving");
    step.say(plain(&before.path));
    let mut watch = Watch::new(home, client);
    loop {
        let status: DocumentStatus = client.get(&format!("/api/specs/{id}/status")).await?;
        let of = status.of.map_or_else(String::new, |of| format!(" of {of}"));
        let now = format!("{}{of} invariants", status.done);
        step.tick(&now);
        let recorded = status.document.recorded_at > before.recorded_at;
        let row: Option<InboxRow> = match answer.inbox_id {
            Some(inbox) => Some(client.get(&format!("/api/inbox/{inbox}")).await?),
            None => None,
        };
        let (closed, parked) = row.as_ref().map_or((false, false), |row| {
            (row.state == InboxState::Closed, row.state == InboxState::Parked)
        });
        if let Some(row) = row.filter(|_| parked) {
            step.failed("not proved");
            let reason = row.reason.unwrap_or_default();
            anyhow::bail!(
                "the proof was tried too often: {}; see ./sbh inbox list",
                plain(&reason)
            );
        }
        if recorded
            || closed
            || (answer.accepted
                && status.live
                && status.phase == SpecDriftPhase::Idle
                && !status.pending)
        {
            break;
        }
        if let Some(error) = status.last_error.filter(|_| status.phase == SpecDriftPhase::Idle) {
            step.failed("not proved");
            anyhow::bail!("the proof failed: {error}");
        }
        watch.look(&now, &step).await?;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    step.done("recorded");
    show(client, id, as_json).await
}
