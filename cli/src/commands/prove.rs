//! `sbh prove`: verdicts for local files at once, without any server.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures::StreamExt as _;
use sbh_domain::canonical::canonical_text;
use sbh_domain::{Assumption, Verdict};
use sbh_prover::{Assignment, Block, Kind, Limits, Outcome, Pool, PoolConfig, parse};
use serde::Serialize;

use crate::args::ProveArgs;
use crate::failure::Failure;
use crate::home::Home;
use crate::progress::{Progress, seconds};
use crate::style::Style;
use crate::table::{Rows, cell, styled};
use crate::tools;
use crate::{out, outln};

/// The exit status for input that cannot be used.
const UNUSABLE: u8 = 2;

/// The largest document, as for documents in repositories.
const MAX_BYTES: u64 = 1 << 20;

/// The answer in JSON.
#[derive(Debug, Serialize)]
struct Answer {
    documents: Vec<Judged>,
}

#[derive(Debug, Serialize)]
struct Judged {
    path: String,
    invariants: Vec<JudgedInvariant>,
}

#[derive(Debug, Clone, Serialize)]
struct JudgedInvariant {
    id: String,
    story: Option<String>,
    title: Option<String>,
    line: u32,
    verdict: Verdict,
    duration_ms: f64,
    counterexample: Option<Vec<Assignment>>,
    reason: Option<String>,
    language: Option<String>,
    prover: Option<String>,
    assumptions: Option<Vec<Assumption>>,
    unstable: Option<String>,
}

/// Judges the files and shows what came out.
pub async fn run(home: &Home, arguments: &ProveArgs, as_json: bool) -> Result<ExitCode> {
    let progress = Progress::new(as_json || arguments.quiet);
    let mut unusable = Vec::new();
    let mut documents = Vec::new();
    let mut seen = HashSet::new();
    for file in collect(&arguments.files, &mut unusable) {
        // Given twice, perhaps once by its folder.
        if !seen.insert(file.canonicalize().unwrap_or_else(|_| file.clone())) {
            continue;
        }
        match read(&file) {
            Ok(document) => documents.push(document),
            Err(reason) => unusable.push(format!("{}: {reason}", file.display())),
        }
    }
    let began = Instant::now();
    let judged = if documents.is_empty() {
        Vec::new()
    } else {
        judge(home, arguments, &progress, documents).await.map_err(|error| cannot_judge(&error))?
    };
    for reason in &unusable {
        eprintln!("{} {reason}", Style::Bad.paint("error:"));
    }
    let all_proved =
        judged.iter().flat_map(|d| &d.invariants).all(|i| i.verdict == Verdict::Proved);
    if as_json {
        outln!("{}", serde_json::to_string_pretty(&Answer { documents: judged })?);
    } else {
        show(&judged, arguments.quiet, began.elapsed());
    }
    Ok(match (unusable.is_empty(), all_proved) {
        (false, _) => ExitCode::from(UNUSABLE),
        (true, false) => ExitCode::from(1),
        (true, true) => ExitCode::SUCCESS,
    })
}

/// Files as given, folders as the specs below them, in the order of their names.
fn collect(given: &[PathBuf], unusable: &mut Vec<String>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in given {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let before = files.len();
        if let Err(error) = walk(path, &mut files) {
            unusable.push(format!("{}: {error}", path.display()));
        } else if files.len() == before {
            unusable.push(format!("{}: no Markdown or .smt2 file below it", path.display()));
        }
    }
    files
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let mut entries: Vec<_> = std::fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        let kind = entry.file_type()?;
        if kind.is_dir() && !hidden {
            walk(&entry.path(), files)?;
        } else if kind.is_file() && Kind::of_path(&entry.path().to_string_lossy()).is_some() {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<(String, Vec<Block>), String> {
    let shown = path.to_string_lossy().into_owned();
    let kind = Kind::of_path(&shown)
        .ok_or("not a spec; give Markdown (.md, .markdown) or SMT-LIB (.smt2)")?;
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > MAX_BYTES {
        return Err(format!("{size} bytes are more than a document may have ({MAX_BYTES})"));
    }
    let content = std::fs::read(path).map_err(|error| error.to_string())?;
    let text = String::from_utf8(content).map_err(|_| "not UTF-8 text")?;
    Ok((shown, parse(kind, &canonical_text(&text)).invariants))
}

async fn judge(
    home: &Home,
    arguments: &ProveArgs,
    progress: &Progress,
    documents: Vec<(String, Vec<Block>)>,
) -> Result<Vec<Judged>> {
    let size = std::thread::available_parallelism().map_or(2, usize::from);
    let limits = Limits {
        time: Duration::from_secs(arguments.timeout),
        memory_mb: arguments.memory,
        ..Limits::default()
    };
    let z3 = tools::z3(home, progress)?;
    let pool = Pool::start(PoolConfig { z3, size, limits }).await;
    let pool = pool.map_err(|error| Failure::new(error.to_string()))?;
    let total: usize = documents.iter().map(|(_, blocks)| blocks.len()).sum();
    let step = progress.step("proving");
    let elsewhere = holders(&documents);
    let paths: Vec<&String> = documents.iter().map(|(path, _)| path).collect();
    let paths = &paths;
    let work = documents.iter().enumerate().flat_map(|(index, (_, blocks))| {
        let copies = copies(blocks);
        let elsewhere = &elsewhere;
        blocks.iter().map(move |block| {
            let copies = copies.get(&block.name).copied().unwrap_or(1);
            let other =
                elsewhere.get(&block.name).and_then(|all| all.iter().find(|at| **at != index));
            (index, block, copies, other.and_then(|at| paths.get(*at)).map(|path| path.as_str()))
        })
    });
    let pool = &pool;
    let mut outcomes = futures::stream::iter(work)
        .map(|(index, block, copies, other)| async move {
            (index, judge_block(pool, block, copies, other).await)
        })
        .buffered(size);
    let mut judged: Vec<_> = documents
        .iter()
        .map(|(path, _)| Judged { path: path.clone(), invariants: Vec::new() })
        .collect();
    let mut done = 0;
    while let Some((index, invariant)) = outcomes.next().await {
        done += 1;
        step.tick(format!("{done} of {total}"));
        judged.get_mut(index).context("a document was lost")?.invariants.push(invariant);
    }
    drop(step);
    Ok(judged)
}

/// Without a prover no input is usable.
fn cannot_judge(error: &anyhow::Error) -> Failure {
    let failure = Failure::new(format!("{error:#}")).status(UNUSABLE);
    match Failure::hint_of(error) {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// How often each name is given in a document.
fn copies(blocks: &[Block]) -> HashMap<String, usize> {
    let mut copies = HashMap::new();
    for block in blocks {
        *copies.entry(block.name.clone()).or_insert(0) += 1;
    }
    copies
}

/// In which documents each name is given: among the documents of a repository it must be unique.
fn holders(documents: &[(String, Vec<Block>)]) -> HashMap<String, Vec<usize>> {
    let mut holders: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, (_, blocks)) in documents.iter().enumerate() {
        for block in blocks {
            let all = holders.entry(block.name.clone()).or_default();
            if all.last() != Some(&index) {
                all.push(index);
            }
        }
    }
    holders
}

async fn judge_block(
    pool: &Pool,
    block: &Block,
    copies: usize,
    other: Option<&str>,
) -> JudgedInvariant {
    let not_judged = |reason: String| Outcome::unasked(Verdict::Error, reason);
    let outcome = match &block.parsed {
        _ if copies > 1 => not_judged(format!(
            "{copies} blocks of this document are called {}; give each a name of its own",
            block.name
        )),
        Ok(_) if other.is_some() => not_judged(format!(
            "{} is also the name of an invariant in {}; give each a name of its own",
            block.name,
            other.unwrap_or_default()
        )),
        Ok(invariant) => pool.prove("local", invariant).await,
        Err(error) => not_judged(error.to_string()),
    };
    JudgedInvariant {
        id: block.name.clone(),
        story: block.story.clone(),
        title: block.title.clone(),
        line: block.line,
        verdict: outcome.verdict,
        duration_ms: (outcome.duration.as_secs_f64() * 1e5).round() / 1e2,
        counterexample: outcome.counterexample.map(|model| model.0),
        reason: outcome.reason,
        language: outcome.detail.language,
        prover: outcome.detail.prover,
        assumptions: outcome.detail.assumptions,
        unstable: outcome.detail.unstable,
    }
}

fn show(judged: &[Judged], quiet: bool, took: Duration) {
    for document in judged {
        let shown: Vec<_> = document
            .invariants
            .iter()
            .filter(|invariant| !quiet || invariant.verdict != Verdict::Proved)
            .collect();
        if shown.is_empty() && (quiet || !document.invariants.is_empty()) {
            continue;
        }
        outln!("{}", Style::Strong.paint(&document.path));
        if shown.is_empty() {
            outln!("  {}\n", Style::Dim.paint("no invariants"));
            continue;
        }
        let mut rows =
            Rows::new(&["line", "invariant", "verdict", "ms", "title"]).right(0).right(3);
        for invariant in &shown {
            rows.row([
                cell(invariant.line.to_string()),
                cell(&invariant.id),
                styled(invariant.verdict.as_str(), Style::of(invariant.verdict)),
                cell(format!("{:.1}", invariant.duration_ms)),
                cell(invariant.title.as_deref().unwrap_or_default()),
            ]);
        }
        out!("{rows}");
        for invariant in shown {
            super::verdicts::explain(
                &invariant.id,
                invariant.verdict,
                invariant
                    .counterexample
                    .iter()
                    .flatten()
                    .map(|a| (a.name.as_str(), a.value.as_str())),
                invariant.reason.as_deref(),
            );
            super::verdicts::remark(
                &invariant.id,
                invariant
                    .assumptions
                    .iter()
                    .flatten()
                    .filter(|assumption| !assumption.used)
                    .map(|assumption| assumption.text.as_str()),
                invariant.unstable.as_deref(),
            );
        }
        outln!();
    }
    let all = || judged.iter().flat_map(|document| &document.invariants);
    let proved = all().filter(|invariant| invariant.verdict == Verdict::Proved).count();
    let total = all().count();
    let style = if proved == total { Style::Good } else { Style::Bad };
    if total > 0 && !(quiet && proved == total) {
        outln!("{} in {}", style.paint(format!("{proved} of {total} proved")), seconds(took));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The server's defaults are the ones in that table, which a test of theirs compares.
    #[test]
    fn limits_are_those_of_the_server() {
        let table = include_str!("../../../docs/CONFIGURATION.md");
        let Limits { time, memory_mb, rlimit, .. } = Limits::default();
        for (field, value) in [
            ("TIME_MS", time.as_millis().to_string()),
            ("MEMORY_MB", memory_mb.to_string()),
            ("RLIMIT", rlimit.to_string()),
        ] {
            let row = format!("| `SBH_PROVER_{field}` | `{value}` |");
            assert!(table.contains(&row), "{row}");
        }
    }
}
