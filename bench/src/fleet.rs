//! What a running fleet takes: processor time while idle, memory after many proofs.

use std::time::{Duration, Instant};

use anyhow::Context;
use sbh_tests::{LONG, Stack, Tenant, eventually};
use sbh_tests::{documents, eventually::ensure};

use crate::report::{Figure, Target};
use crate::specs;

/// Clock ticks per second of `/proc/<pid>/stat`, which Linux fixes at 100 for user space
/// (proc(5), `sysconf(_SC_CLK_TCK)`).
const TICKS: f64 = 100.0;

/// Measures an idle fleet for `idle`, then its memory after `proofs` proofs.
pub async fn run(stack: &Stack, idle: Duration, proofs: usize) -> anyhow::Result<Vec<Figure>> {
    let mut pids = stack.workers();
    pids.push(stack.starter());
    let before = ticks(&pids)?;
    let begun = Instant::now();
    tokio::time::sleep(idle).await;
    let percent = (ticks(&pids)? - before) / TICKS / begun.elapsed().as_secs_f64() * 100.0;

    let half = prove(stack, "first half", proofs / 2).await?;
    let whole = prove(stack, "second half", proofs / 2).await?;
    Ok(vec![
        Figure::new("idle fleet (workers and starter), processor", percent, "%")
            .target(Target::AtMost(1.0)),
        Figure::new("workers' resident memory after all proofs", whole, "MB")
            .against("after half of them", half)
            .target(Target::AtMost(150.0)),
    ])
}

/// Proves new documents of 500 invariants; the workers' resident memory afterwards, in megabytes.
async fn prove(stack: &Stack, name: &str, proofs: usize) -> anyhow::Result<f64> {
    const PER_DOCUMENT: usize = 500;
    let tenant = Tenant::new(stack, "bench").await;
    let repo = stack.repo("memory");
    for document in 0..proofs.div_ceil(PER_DOCUMENT) {
        let blocks = (0..PER_DOCUMENT).map(|i| {
            let number = (document * PER_DOCUMENT + i) as u64;
            specs::invariant(&format!("M-{document}-{i}"), number)
        });
        repo.write(&format!("specs/{document}.md"), documents::document(name, blocks));
    }
    repo.commit("Write the specs");
    let repository = tenant.track(&repo, None).await;
    tenant.settled_within(LONG * 3, &repository).await;
    let totals = eventually(LONG, "coverage of all proofs", async || {
        let coverage = tenant.api.get("/api/coverage").await.ok();
        let proved = coverage["totals"]["proved"].as_u64().unwrap_or_default();
        ensure(proved as usize >= proofs, &coverage).map(|()| proved)
    })
    .await;
    anyhow::ensure!(totals as usize >= proofs, "only {totals} of {proofs} were proved");
    let mut bytes = 0;
    for pid in stack.workers() {
        bytes += resident_kb(pid)? * 1_024;
    }
    Ok(bytes as f64 / 1e6)
}

fn ticks(pids: &[u32]) -> anyhow::Result<f64> {
    let mut sum = 0.0;
    for pid in pids {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name in parentheses may hold spaces: fields 14 and 15 count from behind it.
        let rest = stat.rsplit_once(')').context("no name in /proc/<pid>/stat")?.1;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        for field in [11, 12] {
            sum += fields.get(field).context("a short /proc/<pid>/stat")?.parse::<f64>()?;
        }
    }
    Ok(sum)
}

fn resident_kb(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).context("no VmRSS")?;
    Ok(line.split_whitespace().nth(1).context("an empty VmRSS")?.parse()?)
}
