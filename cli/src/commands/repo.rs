//! `sbh repo`: tracked repositories.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sbh_api::coverage::RepositoryCoverage;
use sbh_api::repo_sync::{Acknowledged, RepositoryStatus};
use sbh_api::repository::{NewRepository, Repository, RepositoryChange};
use serde_json::json;
use uuid::Uuid;

use super::{follow, lookup, pull, verdicts};
use crate::args::RepoCommand;
use crate::client::Client;
use crate::failure::Failure;
use crate::home::Home;
use crate::progress::Progress;
use crate::stack::state::State;
use crate::stack::{programs, up};
use crate::style::Style;
use crate::table::{Rows, cell, styled};
use crate::{out, outln};

/// Runs one of them.
pub async fn run(home: &Home, client: &Client, command: RepoCommand, as_json: bool) -> Result<()> {
    let progress = Progress::new(as_json);
    match command {
        RepoCommand::Add { url, space, specs, branch, name, connection, no_wait } => {
            let url = match url {
                Some(url) => address(home, client, &url, &progress).await?,
                None => String::new(),
            };
            let connection_id = match connection {
                Some(connection) => Some(lookup::connection(client, &connection).await?.id),
                None => None,
            };
            let new = NewRepository { url, space, name, branch, specs, connection_id };
            let repository: Repository = client.post("/api/repositories", &new).await?;
            if no_wait {
                return report(&repository, as_json, "is tracked; its specs are being proved");
            }
            wait_and_show(home, client, &progress, &repository, None, as_json).await
        }
        RepoCommand::List { removed } => list(client, removed, as_json).await,
        RepoCommand::Show { repository } => {
            let repository = lookup::repository(client, &repository).await?;
            show(client, repository.id, as_json).await
        }
        RepoCommand::Pulls { repository } => pull::list(client, &repository, as_json).await,
        RepoCommand::Checks { repository } => pull::checks(client, &repository, as_json).await,
        RepoCommand::Sync { repository, no_wait } => {
            let repository = lookup::repository(client, &repository).await?;
            let path = format!("/api/repositories/{}/sync", repository.id);
            let taken: Acknowledged = client.post(&path, &json!({})).await?;
            if no_wait {
                return report(&repository, as_json, "is being looked at");
            }
            wait_and_show(home, client, &progress, &repository, taken.id, as_json).await
        }
        RepoCommand::Update { repository, connection } => {
            let repository = lookup::repository(client, &repository).await?;
            let connection_id = match connection.as_str() {
                "none" => None,
                wanted => Some(lookup::connection(client, wanted).await?.id),
            };
            let path = format!("/api/repositories/{}", repository.id);
            let changed: Repository =
                client.patch(&path, &RepositoryChange { connection_id }).await?;
            report(&changed, as_json, "uses the connection from now on")
        }
        RepoCommand::Remove { repository } => {
            let repository = lookup::repository(client, &repository).await?;
            let removed: Repository =
                client.delete(&format!("/api/repositories/{}", repository.id)).await?;
            let until =
                removed.restorable_until.map(|until| format!(" until {}", until.format("%F")));
            let undo = format!(
                "is removed; undo it{} with ./sbh repo restore {}",
                until.unwrap_or_default(),
                removed.id
            );
            report(&removed, as_json, &undo)
        }
        RepoCommand::Restore { repository } => {
            let repository = lookup::repository(client, &repository).await?;
            if repository.removed_at.is_none() {
                return Err(not_removed(client, &repository).await?.into());
            }
            let path = format!("/api/repositories/{}/restore", repository.id);
            let restored: Repository = client.post(&path, &json!({})).await?;
            report(&restored, as_json, "is tracked again")
        }
    }
}

/// Why a tracked one cannot be restored, and what was perhaps meant.
async fn not_removed(client: &Client, tracked: &Repository) -> Result<Failure> {
    let what = format!("{} is tracked and was not removed", tracked.name);
    let all: Vec<Repository> = client.list("/api/repositories?removed=true", usize::MAX).await?;
    let removed = all.iter().find(|one| one.removed_at.is_some() && one.name == tracked.name);
    Ok(match removed {
        None => Failure::new(what),
        Some(removed) => Failure::new(what).hint(format!(
            "an earlier one of that name was: remove this one first, then ./sbh repo restore {}",
            removed.id
        )),
    })
}

fn report(repository: &Repository, as_json: bool, what: &str) -> Result<()> {
    if as_json {
        outln!("{}", serde_json::to_string_pretty(repository)?);
    } else {
        outln!("{} {what}", Style::Strong.paint(&repository.name));
    }
    Ok(())
}

async fn wait_and_show(
    home: &Home,
    client: &Client,
    progress: &Progress,
    repository: &Repository,
    row: Option<Uuid>,
    as_json: bool,
) -> Result<()> {
    let step = progress.step(&repository.name);
    step.say("fetching and proving");
    match follow::follow(home, client, repository.id, row, &step).await {
        Ok(status) => {
            step.done(counted(status.documents, "document"));
            if status.documents == 0 {
                progress.say(format!(
                    "No file of the branch matches {}. Other files: ./sbh repo remove {}, then ./sbh repo add … --specs '<glob>'",
                    status.repository.specs.join(" "),
                    status.repository.name
                ));
            }
        }
        Err(error) => {
            step.failed("not proved");
            return Err(error);
        }
    }
    show(client, repository.id, as_json).await
}

/// A number of things, `1 document` or `2 documents`.
pub fn counted(count: i64, of: &str) -> String {
    if count == 1 { format!("1 {of}") } else { format!("{count} {of}s") }
}

async fn list(client: &Client, removed: bool, as_json: bool) -> Result<()> {
    let all: Vec<Repository> =
        client.list(&format!("/api/repositories?removed={removed}"), usize::MAX).await?;
    if as_json {
        outln!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(());
    }
    let mut rows = Rows::new(&["repository", "branch", "commit", "state", "address"]);
    for repository in &all {
        let (state, style) =
            match (&repository.removed_at, &repository.last_error, &repository.baseline) {
                (Some(_), ..) => ("removed", Style::Dim),
                (None, Some(_), _) => ("failing", Style::Bad),
                (None, None, None) => ("new", Style::Warn),
                (None, None, Some(_)) => ("tracked", Style::Good),
            };
        let commit: String = repository.baseline.iter().flat_map(|c| c.chars()).take(8).collect();
        rows.row([
            cell(&repository.name),
            cell(repository.branch.as_deref().unwrap_or("default")),
            styled(commit, Style::Dim),
            styled(state, style),
            cell(&repository.url),
        ]);
    }
    if rows.is_empty() {
        outln!(
            "No repository is tracked. Add one: ./sbh repo add <git-url> --specs 'specs/**/*.md'"
        );
    } else {
        out!("{rows}");
    }
    for repository in all.iter().filter(|repository| repository.removed_at.is_none()) {
        if let Some(error) = &repository.last_error {
            outln!(
                "\n{} {}: {}",
                Style::Bad.paint("✗"),
                repository.name,
                crate::style::plain(error)
            );
        }
    }
    Ok(())
}

async fn show(client: &Client, id: Uuid, as_json: bool) -> Result<()> {
    let status: RepositoryStatus = client.get(&format!("/api/repositories/{id}/status")).await?;
    let documents = lookup::documents(client, id).await?;
    let coverage: Option<RepositoryCoverage> = match status.repository.removed_at {
        None => Some(client.get(&format!("/api/coverage/repository/{id}")).await?),
        Some(_) => None,
    };
    if as_json {
        let all = json!({ "status": status, "documents": documents, "coverage": coverage });
        outln!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(());
    }
    let repository = &status.repository;
    outln!("{}  {}", Style::Strong.paint(&repository.name), Style::Dim.paint(&repository.url));
    outln!("specs {}  ·  {}", repository.specs.join(" "), follow::describe(&status));
    if let Some(until) = repository.restorable_until {
        outln!(
            "Undo the removal until {}: ./sbh repo restore {}",
            until.format("%F"),
            repository.id
        );
    }
    if let Some(error) = repository.last_error.as_ref().or(status.last_error.as_ref()) {
        outln!("{} {}", Style::Bad.paint("✗"), crate::style::plain(error));
    }
    outln!();
    verdicts::show_documents(&documents);
    if let Some(coverage) = coverage {
        let counts = verdicts::counts(&coverage.totals.counts);
        let share = coverage
            .totals
            .percentage_proved
            .map_or_else(|| "–".to_owned(), |p| format!("{p:.1} %"));
        outln!("\n{} proved: {}", Style::Strong.paint(share), verdicts::summary(&counts));
    }
    outln!("Web UI: {}", Style::Link.paint(&status.workflow_url));
    Ok(())
}

/// The git address of what was given: a local path becomes a `file` address, and the local stack is
/// told that it may read there.
async fn address(home: &Home, client: &Client, given: &str, progress: &Progress) -> Result<String> {
    let Some(path) = local_path(given) else {
        let known = ["https://", "ssh://"].iter().any(|scheme| given.starts_with(scheme));
        if known || (!given.contains("://") && given.contains(':')) {
            return Ok(given.to_owned());
        }
        let what = if given.contains("://") {
            format!("{given} is an address that repositories are not fetched from")
        } else {
            format!("{given} is neither a folder here nor a git address")
        };
        let hint = "give https://…, ssh://…, git@host:path, or the path of a repository";
        return Err(Failure::new(what).hint(hint).into());
    };
    let path = std::fs::canonicalize(&path).map_err(|_| {
        Failure::new(format!("there is no folder {}", path.display()))
            .hint("give a git address or the path of a repository")
    })?;
    if !is_repository(&path) {
        let what = format!("{} is not a git repository", path.display());
        return Err(Failure::new(what)
            .hint("give the folder that git init or git clone made")
            .into());
    }
    if !client.is_local() {
        let what = "a path of this machine means nothing to another one";
        return Err(Failure::new(what).hint("give an https or ssh address").into());
    }
    if programs::allow_file_root(home, &path)? {
        let state = State::required(home)?;
        let own = state
            .parts
            .iter()
            .filter(|part| part.name == "starter" || part.name.starts_with("workers"));
        let own: Vec<String> = own.map(|part| part.name.clone()).collect();
        progress.say(format!(
            "Allowing the stack to read {} (its programs start anew)",
            path.display()
        ));
        up::restart(home, progress, &own).await.context("the stack does not come back")?;
    }
    Ok(format!("file://{}", path.display()))
}

/// The path, if a path is what was given.
fn local_path(given: &str) -> Option<PathBuf> {
    if let Some(path) = given.strip_prefix("file://") {
        return Some(PathBuf::from(path));
    }
    if given.contains("://") {
        return None;
    }
    // `host:path` is an ssh address unless such a folder exists.
    let looks_like_path = given.starts_with(['/', '.', '~']) || Path::new(given).is_dir();
    match (given.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => Some(home.join(rest)),
        _ => looks_like_path.then(|| PathBuf::from(given)),
    }
}

fn is_repository(path: &Path) -> bool {
    path.join(".git").exists() || (path.join("HEAD").is_file() && path.join("objects").is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_from_addresses() {
        for address in
            ["https://github.com/a/b.git", "git@github.com:a/b.git", "ssh://git@host/a", "host:a/b"]
        {
            assert_eq!(local_path(address), None, "{address}");
        }
        for path in ["./a", "../a", "/srv/a", "file:///srv/a", "src"] {
            assert!(local_path(path).is_some(), "{path}");
        }
        assert_eq!(local_path("file:///srv/a"), Some(PathBuf::from("/srv/a")));
    }
}
