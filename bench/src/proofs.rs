//! Figure (d): invariants proved per second by the pool, against `z3` processes started one by
//! one with the same number at once; and cache hits per second.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures::stream::{self, StreamExt, TryStreamExt};
use sbh_domain::Verdict;
use sbh_prover::{Invariant, Kind, Limits, Pool, PoolConfig};
use sbh_runtime::config::ValkeyConfig;
use sbh_runtime::valkey::Valkey;
use tokio::io::AsyncWriteExt;

use crate::report::{Figure, Target};
use crate::specs;

/// How many solver processes run at once, on both sides.
const AT_ONCE: usize = 2;

/// Measures with `count` distinct invariants.
pub async fn run(z3: PathBuf, valkey_url: &str, count: usize) -> anyhow::Result<Vec<Figure>> {
    let invariants = parse(count)?;
    let pool = Pool::start(PoolConfig { z3: z3.clone(), size: AT_ONCE, limits: Limits::default() })
        .await?;

    // Two short warm-ups, so that neither side pays for cold files.
    prove_all(&pool, &invariants[..count.min(8)]).await?;
    prove_fresh(&z3, count.min(8)).await?;

    let pooled = prove_all(&pool, &invariants).await?;
    let fresh = prove_fresh(&z3, count).await?;
    let per_second = |took: Duration| count as f64 / took.as_secs_f64();

    let hits = cache_hits(&pool, &invariants, valkey_url).await?;
    Ok(vec![
        Figure::new("small invariants proved by the pool", per_second(pooled), "1/s")
            .against("one z3 process per invariant", per_second(fresh))
            .target(Target::RatioAtLeast(4.0)),
        Figure::new("verdicts from the cache", hits, "1/s").against("the pool", per_second(pooled)),
    ])
}

/// How long the pool alone takes for as many distinct invariants.
pub async fn alone(z3: &Path, count: i64) -> anyhow::Result<Duration> {
    let invariants = parse(usize::try_from(count)?)?;
    let config = PoolConfig { z3: z3.to_owned(), size: AT_ONCE, limits: Limits::default() };
    prove_all(&Pool::start(config).await?, &invariants).await
}

fn parse(count: usize) -> anyhow::Result<Vec<Invariant>> {
    let text: String =
        (0..count).map(|i| specs::invariant(&format!("P-{i}"), i as u64) + "\n").collect();
    sbh_prover::parse(Kind::Markdown, &text)
        .invariants
        .into_iter()
        .map(|block| block.parsed.map_err(|e| anyhow::anyhow!("{}: {e}", block.name)))
        .collect()
}

async fn prove_all(pool: &Pool, invariants: &[Invariant]) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    stream::iter(invariants)
        .map(|invariant| async move {
            let outcome = pool.prove("bench", invariant).await;
            ensure!(outcome.verdict == Verdict::Proved, "a true statement became {outcome:?}");
            Ok(())
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<()>>()
        .await?;
    Ok(begun.elapsed())
}

async fn prove_fresh(z3: &Path, count: usize) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    stream::iter(0..count as u64)
        .map(|number| fresh_process(z3, number))
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<()>>()
        .await?;
    Ok(begun.elapsed())
}

async fn fresh_process(z3: &Path, number: u64) -> anyhow::Result<()> {
    let mut child = tokio::process::Command::new(z3)
        .arg("-in")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", z3.display()))?;
    let mut stdin = child.stdin.take().context("z3 has no standard input")?;
    stdin.write_all(specs::plain_script(number).as_bytes()).await?;
    drop(stdin);
    let output = child.wait_with_output().await?;
    ensure!(output.stdout == b"sat\nunsat\n", "z3 answered {output:?}");
    Ok(())
}

/// Looks the verdicts of all invariants up in batches of the workers' size. Workers also check the
/// tag of each, which is not in this figure.
async fn cache_hits(
    pool: &Pool,
    invariants: &[Invariant],
    valkey_url: &str,
) -> anyhow::Result<f64> {
    const BATCH: usize = 64;
    let valkey = Valkey::new(&ValkeyConfig { url: valkey_url.to_owned() })?;
    let entries: Vec<(String, String)> = invariants
        .iter()
        .map(|i| (pool.cache_key("bench", i), r#"{"verdict":"proved"}"#.to_owned()))
        .collect();
    valkey.set_many(&entries, Duration::from_secs(60)).await;
    let begun = Instant::now();
    let mut hits = 0;
    while begun.elapsed() < Duration::from_secs(1) {
        for batch in invariants.chunks(BATCH) {
            // The key is part of a look-up's cost.
            let keys: Vec<_> = batch.iter().map(|i| pool.cache_key("bench", i)).collect();
            let found = valkey.get_many(&keys).await.into_iter().flatten().count();
            ensure!(found == keys.len(), "{found} of {} verdicts were in the cache", keys.len());
            hits += found;
        }
    }
    Ok(hits as f64 / begun.elapsed().as_secs_f64())
}
