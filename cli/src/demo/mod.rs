//! `sbh demo`: the main job, shown on a small product.

pub mod record;
mod repository;
mod run;
mod specs;
mod webhook;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use sbh_domain::Verdict;
use serde_json::json;

use crate::client::Client;
use crate::commands::coverage::percent;
use crate::commands::{ensure_tenant, lookup, verdicts};
use crate::home::Home;
use crate::outln;
use crate::progress::{Progress, seconds};
use crate::stack::plan::Plan;
use crate::stack::secrets::Secrets;
use crate::stack::state::State;
use crate::stack::up;
use crate::style::Style;
use record::{DemoRecord, TENANT};
use run::{Run, Stage};

/// Runs it and leaves the stack running.
pub async fn run(home: &Home, as_json: bool) -> Result<ExitCode> {
    let began = Instant::now();
    let progress = Progress::new(as_json);
    let runs = State::running(home).is_some_and(|state| state.is_whole());
    let title = if runs { "The local stack runs already" } else { "Starting the local stack" };
    progress.say(Style::Strong.paint(title));
    let plan = up::up(home, &progress).await?;
    ensure_tenant(home, TENANT).await?;
    let token = DemoRecord::token(&Secrets::load_or_create(home)?)?;
    let client = Client::new(plan.api_url(), token, true)?;

    progress.say(format!("\n{}", Style::Strong.paint("A repository with specs")));
    let (stage, repository) = Stage::set(home, &client, &progress).await?;
    let documents = lookup::documents(&client, stage.repository()?).await?;
    if !as_json {
        outln!();
        verdicts::show_documents(&documents);
    }

    progress.say(format!("\n{}", Style::Strong.paint("Somebody edits a spec and pushes")));
    let run = stage.run(&repository).await?;
    if as_json {
        outln!("{}", serde_json::to_string_pretty(&as_value(&run, &plan, began))?);
    } else {
        show(&run, &plan, began);
    }
    Ok(ExitCode::SUCCESS)
}

fn show(run: &Run, plan: &Plan, began: Instant) {
    outln!("\n{}\n", Style::Strong.paint(format!("Verdicts on {}", run.document.path)));
    verdicts::show_invariants(&run.invariants);
    let share = |coverage: &sbh_api::coverage::RepositoryCoverage| {
        let totals = &coverage.totals;
        format!(
            "{} ({} of {})",
            percent(totals.percentage_proved),
            totals.counts.proved,
            totals.total
        )
    };
    outln!("\n{}", Style::Strong.paint("Coverage"));
    outln!("  before   {}", share(&run.before));
    outln!("  after    {}", share(&run.after));
    outln!("\n{}", Style::Strong.paint("Time"));
    outln!("  push → accepted   {}", seconds(run.acknowledged));
    let debounce = Style::Dim.paint("(with the wait for the repository to be quiet)");
    outln!("  push → verdict    {}  {debounce}", seconds(run.proved));
    outln!("  the whole demo    {}", seconds(began.elapsed()));
    outln!("\n{}", Style::Strong.paint("Look around"));
    let api = plan.api_url();
    let run_url = run.document.run_url.clone().unwrap_or_else(|| plan.workflows_url());
    for (name, url) in [
        ("the run", run_url),
        ("API docs", format!("{api}/docs")),
        ("metrics", format!("{api}/metrics")),
        ("API", api),
    ] {
        outln!("  {name:<9} {}", Style::Link.paint(url));
    }
    outln!(
        "  {:<9} ./sbh spec show {} · ./sbh coverage · ./sbh status",
        "commands",
        run.document.path
    );
    outln!("\nThe stack keeps running. Again: ./sbh demo   Stop: ./sbh down");
}

fn as_value(run: &Run, plan: &Plan, began: Instant) -> serde_json::Value {
    let refuted: Vec<_> =
        run.invariants.iter().filter(|i| verdicts::domain(i.verdict) == Verdict::Refuted).collect();
    let lines = |sign| -> Vec<_> {
        run.edit.difference.iter().filter(|(of, _)| *of == sign).map(|(_, line)| line).collect()
    };
    json!({
        "edit": { "removed": lines('-'), "added": lines('+') },
        "document": run.document,
        "invariants": run.invariants,
        "refuted": refuted,
        "commit": { "before": run.commit.before, "after": run.commit.after, "message": run.commit.message },
        "coverage": { "before": run.before, "after": run.after },
        "push_to_accepted_ms": run.acknowledged.as_secs_f64() * 1e3,
        "push_to_verdict_ms": run.proved.as_secs_f64() * 1e3,
        "total_ms": began.elapsed().as_secs_f64() * 1e3,
        "api_url": plan.api_url(),
        "docs_url": format!("{}/docs", plan.api_url()),
        "metrics_url": format!("{}/metrics", plan.api_url()),
        "temporal_ui_url": plan.temporal_ui_url(),
        "run_url": run.document.run_url,
    })
}
