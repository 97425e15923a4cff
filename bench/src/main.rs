//! The benchmark suite: figures measured side by side in one run, printed with their ratios.
//! `bench/run` builds everything with optimisations and calls it.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bare;
mod demo;
mod edits;
mod fleet;
mod latency;
mod load;
mod proofs;
mod report;
mod signals;
mod specs;
mod webhooks;

use std::time::Duration;

use clap::{Parser, ValueEnum};
use report::Figure;
use sbh_tests::{Stack, StackOptions};

/// Figures of SBH fleet, measured side by side in one run.
#[derive(Parser)]
#[command(name = "bench/run")]
struct Arguments {
    /// What to measure; everything when nothing is named.
    suites: Vec<Suite>,
    /// Small sizes: shows that the suite works, not how fast the fleet is.
    #[arg(long)]
    short: bool,
    /// Print JSON instead of lines.
    #[arg(long)]
    json: bool,
    /// End with status 1 when a target is missed.
    #[arg(long)]
    strict: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Suite {
    /// Webhooks accepted and acknowledged.
    Webhooks,
    /// Push to verdict, alone and in a burst.
    Edits,
    /// Signal-with-start against the server's own ceiling.
    Signals,
    /// The prover's pool and the cache.
    Proofs,
    /// Idle processor time and memory of the fleet.
    Fleet,
    /// The second `sbh demo`.
    Demo,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let suites = if arguments.suites.is_empty() {
        Suite::value_variants().to_vec()
    } else {
        arguments.suites.clone()
    };
    let mut all = Vec::new();
    for suite in suites {
        let name = suite.to_possible_value().map(|v| v.get_name().to_owned()).unwrap_or_default();
        eprintln!("measuring {name} …");
        let figures = measure(suite, arguments.short).await?;
        if !arguments.json {
            println!("{name}");
            for figure in &figures {
                println!("  {}", figure.line());
            }
        }
        all.extend(figures);
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&all)?);
    }
    let missed = all.iter().filter(|f| f.reached() == Some(false)).count();
    anyhow::ensure!(!(arguments.strict && missed > 0), "{missed} targets are missed");
    Ok(())
}

/// Each suite has a stack of its own, with the settings as shipped: a Temporal server ages.
async fn measure(suite: Suite, short: bool) -> anyhow::Result<Vec<Figure>> {
    let seconds = |full: u64, brief: u64| Duration::from_secs(if short { brief } else { full });
    let stack = || Stack::start(StackOptions::as_shipped());
    match suite {
        Suite::Webhooks => webhooks::run(&stack(), seconds(10, 2), 300.0).await,
        Suite::Edits => {
            let burst = if short {
                edits::Burst { edits: 40, documents: 10, singles: 3 }
            } else {
                edits::Burst { edits: 1_000, documents: 100, singles: 20 }
            };
            edits::run(&stack(), &burst).await
        }
        Suite::Signals => signals::run(seconds(5, 1)).await,
        Suite::Proofs => {
            let stack = stack();
            let z3 = sbh_tests::harness::tools().join("bin/z3");
            proofs::run(z3, &stack.env("valkey_url"), if short { 50 } else { 1_000 }).await
        }
        Suite::Fleet => {
            fleet::run(&stack(), seconds(30, 3), if short { 1_000 } else { 10_000 }).await
        }
        Suite::Demo => demo::run(&stack()),
    }
}
