//! The benchmark suite: figures measured side by side in one run, printed with their ratios.
#![allow(clippy::print_stdout)]

mod latency;
mod proofs;
mod report;
mod specs;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Figures of SBH fleet, measured side by side in one run")]
struct Arguments {
    #[command(subcommand)]
    figure: Which,
    /// Print JSON instead of lines.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Which {
    /// Invariants proved per second, pooled against one process each; cache hits per second.
    Proofs {
        /// The `z3` binary.
        #[arg(long)]
        z3: PathBuf,
        /// Address of Valkey.
        #[arg(long)]
        valkey: String,
        /// Distinct invariants.
        #[arg(long, default_value_t = 500)]
        count: usize,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let figures = match arguments.figure {
        Which::Proofs { z3, valkey, count } => proofs::run(z3, &valkey, count).await?,
    };
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&figures)?);
    } else {
        for figure in &figures {
            println!("{}", figure.line());
        }
    }
    Ok(())
}
