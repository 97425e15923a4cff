//! `sbh pull`: what pull requests would do to coverage; and the check runs on commits.

use anyhow::Result;
use clap::Subcommand;
use sbh_api::check_run::CheckRun;
use sbh_api::pull_request::{PullRequest, PullRequestWithProofs};
use sbh_domain::Verdict;

use super::{lookup, print_json, verdicts};
use crate::client::Client;
use crate::style::{Style, plain};
use crate::table::{Rows, cell, styled};
use crate::{out, outln};

/// Check runs that are listed.
const CHECKS: usize = 50;

/// `pull`.
#[derive(Debug, Subcommand)]
pub enum PullCommand {
    /// List the judged pull requests of a repository.
    List {
        /// Name or id.
        repository: String,
    },
    /// Show what one would do to coverage, with the verdicts on what it changes.
    Show {
        /// The repository, name or id.
        repository: String,
        /// The pull request's number.
        #[arg(value_parser = clap::value_parser!(i64).range(1..))]
        number: i64,
    },
}

/// Runs it.
pub async fn run(client: &Client, command: PullCommand, as_json: bool) -> Result<()> {
    match command {
        PullCommand::List { repository } => list(client, &repository, as_json).await,
        PullCommand::Show { repository, number } => {
            show(client, &repository, number, as_json).await
        }
    }
}

/// Lists the judged pull requests of a repository.
pub async fn list(client: &Client, repository: &str, as_json: bool) -> Result<()> {
    let repository = lookup::repository(client, repository).await?;
    let path = format!("/api/repositories/{}/pull-requests", repository.id);
    let pulls: Vec<PullRequest> = client.list(&path, usize::MAX).await?;
    if as_json {
        return print_json(&pulls);
    }
    let mut table = Rows::new(&["pull", "head", "documents", "before", "after", "judged"])
        .right(0)
        .right(2)
        .whole(1)
        .whole(5);
    for pull in &pulls {
        table.row([
            cell(pull.number.to_string()),
            cell(short(&pull.head)),
            cell(pull.documents.to_string()),
            cell(share(pull, false)),
            styled(share(pull, true), style(pull)),
            cell(pull.proved_at.format("%m-%d %H:%M").to_string()),
        ]);
    }
    if table.is_empty() {
        outln!("No pull request was judged yet: GitHub announces them by the event pull_request.");
    } else {
        out!("{table}");
    }
    for pull in &pulls {
        if let Some(error) = &pull.last_error {
            outln!("\n{} {}: {}", Style::Bad.paint("✗"), pull.number, plain(error));
        }
    }
    Ok(())
}

async fn show(client: &Client, repository: &str, number: i64, as_json: bool) -> Result<()> {
    let repository = lookup::repository(client, repository).await?;
    let path = format!("/api/repositories/{}/pull-requests/{number}", repository.id);
    let shown: PullRequestWithProofs = client.get(&path).await?;
    if as_json {
        return print_json(&shown);
    }
    let pull = &shown.pull_request;
    let against = match pull.compared_with.as_str() {
        "merge_base" => "since it left the tracked branch",
        _ => "against what is recorded of the tracked branch",
    };
    outln!(
        "{} changes {} documents {against} ({}..{})",
        Style::Strong.paint(format!("{} #{number}", repository.name)),
        pull.documents,
        short(&pull.base),
        short(&pull.head),
    );
    outln!("  before  {}", verdicts::summary(&verdicts::counts(&pull.before)));
    outln!("  after   {}", verdicts::summary(&verdicts::counts(&pull.after)));
    let mut table = Rows::new(&["document", "line", "invariant", "was", "verdict"]).right(1);
    for proof in &shown.proofs {
        let verdict = verdicts::domain(proof.verdict);
        let was = proof.was.map(verdicts::domain);
        table.row([
            cell(&proof.path),
            cell(proof.line.to_string()),
            cell(&proof.name),
            was.map_or_else(|| cell("new"), |was| styled(was.as_str(), Style::of(was))),
            styled(verdict.as_str(), Style::of(verdict)),
        ]);
    }
    if !table.is_empty() {
        outln!("");
        out!("{table}");
    }
    for proof in &shown.proofs {
        let values = proof.counterexample.as_ref().and_then(|json| json.as_array());
        let values = values.into_iter().flatten();
        let values = values
            .filter_map(|one| Some((one.get("name")?.as_str()?, one.get("value")?.as_str()?)));
        let verdict = verdicts::domain(proof.verdict);
        verdicts::explain(&proof.name, verdict, values, proof.reason.as_deref());
    }
    if let Some(error) = &pull.last_error {
        outln!("\n{} {}", Style::Bad.paint("✗"), plain(error));
    }
    outln!("\n{}", Style::Link.paint(&pull.workflow_url));
    Ok(())
}

/// Lists the check runs on the commits of a repository, newest first.
pub async fn checks(client: &Client, repository: &str, as_json: bool) -> Result<()> {
    let repository = lookup::repository(client, repository).await?;
    let path = format!("/api/repositories/{}/check-runs", repository.id);
    let runs: Vec<CheckRun> = client.list(&path, CHECKS).await?;
    if as_json {
        return print_json(&runs);
    }
    let mut table =
        Rows::new(&["commit", "pull", "conclusion", "told", "wanted"]).whole(0).right(1).whole(4);
    for run in &runs {
        let conclusion = run.conclusion.as_deref().unwrap_or("being proved");
        let style = match conclusion {
            "success" => Style::Good,
            "failure" => Style::Bad,
            _ => Style::Warn,
        };
        table.row([
            cell(short(&run.commit)),
            cell(run.pull_request.map(|number| number.to_string()).unwrap_or_default()),
            styled(conclusion, style),
            cell(run.posted.replace('_', " ")),
            cell(run.created_at.format("%m-%d %H:%M").to_string()),
        ]);
    }
    if table.is_empty() {
        outln!("No check run is wanted: the repository's connection posts none (setting checks).");
    } else {
        out!("{table}");
    }
    for run in runs.iter().filter(|run| run.posted == "failed") {
        let reason = run.reason.as_deref().unwrap_or("nobody said why");
        outln!("\n{} {}: {}", Style::Bad.paint("✗"), short(&run.commit), plain(reason));
    }
    Ok(())
}

fn short(commit: &str) -> String {
    commit.chars().take(8).collect()
}

fn share(pull: &PullRequest, after: bool) -> String {
    let counts = verdicts::counts(if after { &pull.after } else { &pull.before });
    format!("{} of {}", counts.proved, counts.total())
}

fn style(pull: &PullRequest) -> Style {
    let (before, after) = (verdicts::counts(&pull.before), verdicts::counts(&pull.after));
    let unproved = |counts: &sbh_domain::VerdictCounts| counts.total() - counts.of(Verdict::Proved);
    if unproved(&after) > unproved(&before) { Style::Bad } else { Style::Good }
}
