//! Figure (b): from a push to its verdict, alone and in a burst.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use sbh_tests::{Connection, GitRepo, LONG, Stack, StackOptions, Tenant, eventually};
use sqlx::PgPool;

use crate::bare;
use crate::latency::Latencies;
use crate::proofs;
use crate::report::{Figure, Target};
use crate::specs;

/// The debounce as shipped: quiet time and maximum.
const QUIET: Duration = Duration::from_millis(500);
const MAXIMUM: Duration = Duration::from_secs(3);

/// Invariants of each document; an edit changes one.
const INVARIANTS: usize = 4;

/// How large the burst is.
pub struct Burst {
    /// Edits, each a commit with its own webhook.
    pub edits: usize,
    /// Documents that they are spread over.
    pub documents: usize,
    /// Single edits on the idle stack before it.
    pub singles: usize,
}

/// Measures single edits, then the burst, then the burst's floor.
pub async fn run(stack: &Stack, burst: &Burst) -> anyhow::Result<Vec<Figure>> {
    let database = PgPool::connect(&stack.env("database_url")).await?;
    let tenant = Tenant::new(stack, "bench").await;
    let repo = stack.repo("edits");
    for d in 0..burst.documents {
        repo.write(&path(d), specs::document(d, INVARIANTS, 0));
    }
    repo.commit("Write the specs");
    let connection = tenant.connection().await;
    let repository = tenant.track(&repo, Some(&connection)).await;
    tenant.settled_within(LONG, &repository).await;

    let run = Run { tenant, repo, connection, repository, database };
    let mut salt = 0;
    let mut singles = Latencies::new()?;
    for _ in 0..burst.singles {
        salt += 1;
        singles.add(run.single(salt).await?);
    }

    let before = run.counts().await?;
    let begun = Instant::now();
    for edit in 0..burst.edits {
        salt += 1;
        let document = edit % burst.documents;
        run.repo.commit_file(&path(document), specs::document(document, INVARIANTS, salt));
        run.tenant.announce(&run.connection, &run.repo).await;
    }
    let sent = begun.elapsed();
    let last = Instant::now();
    run.tenant.settled_within(LONG * 2, &run.repository).await;
    let settled = last.elapsed();
    let counts = run.counts().await? - before;
    ensure!(
        counts.proofs >= burst.documents as i64,
        "only {} invariants were proved in the burst",
        counts.proofs
    );

    let solver = proofs::alone(&sbh_tests::harness::tools().join("bin/z3"), counts.proofs).await?;
    // A Temporal server ages: the floor has a fresh one, as the burst had.
    let fresh = Stack::start(StackOptions::as_shipped());
    let engine = bare::run(&fresh, burst.documents, counts.activities()).await?;
    let floor = MAXIMUM + solver + engine;
    let milliseconds = |d: Duration| d.as_secs_f64() * 1_000.0;
    Ok(vec![
        Figure::new(
            "push to verdict on an idle stack beyond the debounce, p50",
            singles.ms(0.5) - milliseconds(QUIET),
            "ms",
        )
        .target(Target::AtMost(500.0)),
        Figure::new(
            "burst: edits pushed and acknowledged",
            burst.edits as f64 / sent.as_secs_f64(),
            "1/s",
        ),
        Figure::new("burst: all proved after the last edit", settled.as_secs_f64(), "s")
            .against("floor", floor.as_secs_f64())
            .target(Target::RatioAtMost(2.0)),
        Figure::new("burst: all proved after the last edit (absolute)", settled.as_secs_f64(), "s")
            .target(Target::AtMost(20.0)),
        Figure::new("burst: distinct invariants proved", counts.proofs as f64, ""),
        Figure::new("burst: documents recorded", counts.records as f64, ""),
        Figure::new("burst: floor, the solver alone", solver.as_secs_f64(), "s"),
        Figure::new("burst: floor, bare workflows and activities", engine.as_secs_f64(), "s"),
    ])
}

fn path(document: usize) -> String {
    format!("specs/{document}.md")
}

struct Run<'a> {
    tenant: Tenant<'a>,
    repo: GitRepo,
    connection: Connection,
    repository: String,
    database: PgPool,
}

/// What the store has recorded for the tenant.
#[derive(Debug, Clone, Copy)]
struct Counts {
    /// Verdicts that a solver gave.
    proofs: i64,
    /// Documents recorded, once per distinct content.
    records: i64,
    /// Synchronisations.
    syncs: i64,
}

impl Counts {
    /// Activities that passed through the server: two per synchronisation, one proof per record.
    fn activities(self) -> usize {
        usize::try_from(2 * self.syncs + self.records).unwrap_or_default()
    }
}

impl std::ops::Sub for Counts {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            proofs: self.proofs - other.proofs,
            records: self.records - other.records,
            syncs: self.syncs - other.syncs,
        }
    }
}

impl Run<'_> {
    /// One edit of the first document, from its commit being there to its verdict being recorded.
    async fn single(&self, salt: u64) -> anyhow::Result<Duration> {
        self.repo.commit_file(&path(0), specs::document(0, INVARIANTS, salt));
        let begun = Instant::now();
        let notice = self.tenant.announce(&self.connection, &self.repo).await;
        let id: uuid::Uuid = notice.parse().context("the notice's id")?;
        eventually(LONG, "the edit to be recorded", async || {
            let closed: Option<bool> =
                sqlx::query_scalar("SELECT state = 'closed' FROM inbox WHERE id = $1")
                    .bind(id)
                    .fetch_optional(&self.database)
                    .await
                    .map_err(|e| e.to_string())?;
            if closed == Some(true) { Ok(()) } else { Err("the notice is open".to_owned()) }
        })
        .await;
        Ok(begun.elapsed())
    }

    async fn counts(&self) -> anyhow::Result<Counts> {
        let (proofs, records) = sqlx::query_as::<_, (i64, i64)>(
            "SELECT count(*) FILTER (WHERE origin = 'proved'), \
             count(DISTINCT (document_id, hash)) FROM proof_results WHERE tenant_id = $1",
        )
        .bind(&self.tenant.id)
        .fetch_one(&self.database)
        .await?;
        let syncs = sqlx::query_scalar("SELECT count(*) FROM syncs WHERE tenant_id = $1")
            .bind(&self.tenant.id)
            .fetch_one(&self.database)
            .await?;
        Ok(Counts { proofs, records, syncs })
    }
}
