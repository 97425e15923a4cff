//! Waiting for a repository's verdicts, with progress.

use std::time::{Duration, Instant};

use anyhow::Result;
use sbh_api::inbox::{InboxRow, InboxState};
use sbh_api::repo_sync::{RepoSyncPhase, RepositoryStatus};
use uuid::Uuid;

use super::obstacle::Watch;
use crate::client::Client;
use crate::failure::Failure;
use crate::home::Home;
use crate::progress::Step;

/// How often to look.
const GLANCE: Duration = Duration::from_millis(100);

/// How long a synchronisation may go on failing before nobody waits any longer.
const STUBBORN: Duration = Duration::from_secs(8);

/// Waits until nothing of a repository is open. With `row`, until that notice is closed.
///
/// # Errors
/// [`Failure`] when it is parked, goes on failing, or a part that it needs is away.
pub async fn follow(
    home: &Home,
    client: &Client,
    repository: Uuid,
    row: Option<Uuid>,
    step: &Step,
) -> Result<RepositoryStatus> {
    let mut failing_since: Option<Instant> = None;
    let mut watch = Watch::new(home, client);
    loop {
        let status: RepositoryStatus =
            client.get(&format!("/api/repositories/{repository}/status")).await?;
        let now = describe(&status);
        step.tick(&now);
        let closed = match row {
            Some(row) => is_closed(client, row).await?,
            None => status.repository.baseline.is_some() && status.open_notices == 0,
        };
        if closed && status.open_documents == 0 {
            return Ok(status);
        }
        let error = status.last_error.as_ref().or(status.repository.last_error.as_ref());
        match error {
            None => failing_since = None,
            Some(error) => {
                let since = *failing_since.get_or_insert_with(Instant::now);
                let given_up = status.open_notices == 0 && status.repository.baseline.is_none();
                if given_up || since.elapsed() > STUBBORN {
                    let what =
                        format!("{} cannot be synchronised: {error}", status.repository.name);
                    let hint =
                        format!("when it is mended: ./sbh repo sync {}", status.repository.name);
                    return Err(Failure::new(what).hint(hint).into());
                }
            }
        }
        watch.look(&now, step).await?;
        tokio::time::sleep(GLANCE).await;
    }
}

async fn is_closed(client: &Client, row: Uuid) -> Result<bool> {
    let row: InboxRow = client.get(&format!("/api/inbox/{row}")).await?;
    match row.state {
        InboxState::Open => Ok(false),
        InboxState::Closed => Ok(true),
        InboxState::Parked => {
            let reason = row.reason.unwrap_or_else(|| "no reason given".to_owned());
            let hint = format!("when it is mended: ./sbh inbox retry {}", row.id);
            Err(Failure::new(format!("the notice was parked: {reason}")).hint(hint).into())
        }
    }
}

/// What is going on, for people.
pub fn describe(status: &RepositoryStatus) -> String {
    if status.repository.removed_at.is_some() {
        return "removed".into();
    }
    if status.open_documents > 0 {
        let done = status.documents - status.open_documents;
        return format!("proving: {done} of {} documents", status.documents);
    }
    match status.phase {
        RepoSyncPhase::Idle if status.open_notices > 0 => "waiting for its turn".into(),
        RepoSyncPhase::Idle if status.repository.last_error.is_some() => "failing".into(),
        RepoSyncPhase::Idle if status.repository.baseline.is_none() => "not looked at yet".into(),
        RepoSyncPhase::Idle => "up to date".into(),
        RepoSyncPhase::Debouncing => "collecting notices".into(),
        RepoSyncPhase::Syncing => "fetching".into(),
        RepoSyncPhase::Announcing => "announcing changed documents".into(),
        RepoSyncPhase::Waiting => "leaving its service alone for a while".into(),
    }
}
