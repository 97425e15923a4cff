//! One chunk of a document: kept verdicts, cached verdicts, proofs.

use std::time::{Duration, Instant};

use futures::stream::{FuturesUnordered, StreamExt};
use sbh_domain::{Digest, DocumentId, TenantId};
use sbh_prover::{Block, Invariant, Outcome};
use sbh_store::spec_drift::StagedVerdict;
use tokio::time::{MissedTickBehavior, interval};

use super::SpecDrift;
use super::audit::Audit;
use super::cache::Known;
use super::prove::resume_at;
use super::staging::{self, Recorded};
use crate::error::Failure;
use crate::pulse::Pulse;

/// Proofs of one chunk at most. Each chunk reads and parses the whole document, which takes as long
/// as a few hundred small proofs where it is largest: fewer would be spent on that.
const MAX_PROOFS: usize = 1_024;

/// Time of one chunk; proofs under way are finished.
const MAX_TIME: Duration = Duration::from_secs(30);

/// Invariants looked at together: one look-up in the cache.
const WINDOW: usize = 256;

/// Verdicts staged together, and how long they wait for others.
const BATCH: usize = 64;
const BATCH_AGE: Duration = Duration::from_millis(250);

/// Time between two looks whether the document changed again.
const LOOK: Duration = Duration::from_secs(1);

/// A document in work.
pub(super) struct Chunk<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) document: DocumentId,
    pub(super) hash: Digest,
    pub(super) force: bool,
    pub(super) blocks: &'a [Block],
    pub(super) recorded: Recorded<'a>,
}

/// How a chunk ended.
pub(super) enum End {
    /// Everything is staged.
    Finished,
    /// The chunk is full; the next one begins at this ordinal.
    At(usize),
    /// The document changed again.
    Superseded,
}

/// A proof to make.
pub(super) struct Task<'a> {
    pub(super) ordinal: usize,
    pub(super) block: &'a Block,
    pub(super) invariant: &'a Invariant,
    pub(super) key: String,
    /// What the cache has, when the proof is to audit it.
    pub(super) cached: Option<Known>,
}

/// What is judged and not staged yet.
#[derive(Default)]
struct Pending {
    verdicts: Vec<StagedVerdict>,
    facts: Vec<(String, Known)>,
}

impl SpecDrift {
    /// Judges invariants from an ordinal on, until the document or the chunk ends.
    pub(super) async fn work_off(
        &self,
        pulse: &Pulse,
        chunk: &Chunk<'_>,
        from: usize,
    ) -> Result<End, Failure> {
        let started = Instant::now();
        let (mut at, mut proofs, mut looked) = (from, 0, Instant::now());
        while at < chunk.blocks.len() {
            pulse.note(resume_at(chunk.hash, at));
            let end = (at + WINDOW).min(chunk.blocks.len());
            let (settled, mut tasks) = self.sort(chunk, at, end).await;
            self.stage(chunk, settled).await?;
            let room = MAX_PROOFS - proofs;
            let cut = tasks.get(room).map(|task| task.ordinal);
            tasks.truncate(room);
            proofs += tasks.len();
            match self.solve(chunk, tasks, started, &mut looked).await? {
                End::Finished => {}
                other => return Ok(other),
            }
            if let Some(ordinal) = cut {
                return Ok(End::At(ordinal));
            }
            at = end;
            if at < chunk.blocks.len() && (proofs >= MAX_PROOFS || started.elapsed() >= MAX_TIME) {
                return Ok(End::At(at));
            }
        }
        Ok(End::Finished)
    }

    /// Separates the blocks whose verdict is known from those to prove.
    async fn sort<'a>(
        &self,
        chunk: &Chunk<'a>,
        from: usize,
        end: usize,
    ) -> (Vec<StagedVerdict>, Vec<Task<'a>>) {
        let (mut settled, mut open) = (Vec::new(), Vec::new());
        for (ordinal, block) in chunk.blocks.iter().enumerate().take(end).skip(from) {
            if let Some(kept) = chunk.recorded.kept(ordinal, block) {
                self.metrics.kept.inc();
                settled.push(kept);
            } else if let Some(malformed) = staging::malformed(ordinal, block) {
                settled.push(malformed);
            } else if let Ok(invariant) = &block.parsed {
                let key = self.cache_key(chunk.tenant, invariant).await;
                open.push(Task { ordinal, block, invariant, key, cached: None });
            }
        }
        if chunk.force {
            return (settled, open);
        }
        let keys: Vec<String> = open.iter().map(|task| task.key.clone()).collect();
        let known = self.look_up(&keys).await;
        let mut tasks = Vec::new();
        for (task, known) in open.into_iter().zip(known) {
            match known {
                Some(known) if self.is_to_audit(&task.key) => {
                    tasks.push(Task { cached: Some(known), ..task });
                }
                Some(known) => settled.push(staging::cached(task.ordinal, task.block, known)),
                None => tasks.push(task),
            }
        }
        (settled, tasks)
    }

    /// Proves as many at once as the pool has processes, and stages verdicts as they come.
    async fn solve(
        &self,
        chunk: &Chunk<'_>,
        tasks: Vec<Task<'_>>,
        started: Instant,
        looked: &mut Instant,
    ) -> Result<End, Failure> {
        let mut waiting = tasks.into_iter().peekable();
        let mut running = FuturesUnordered::new();
        let mut pending = Pending::default();
        let mut ticks = interval(BATCH_AGE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            while running.len() < self.parts.config.prover.processes.max(1)
                && started.elapsed() < MAX_TIME
                && let Some(task) = waiting.next()
            {
                running.push(self.prove_one(chunk.tenant, task));
            }
            tokio::select! {
                biased;
                next = running.next() => match next {
                    Some((task, outcome)) => self.take(chunk.tenant, &mut pending, task, &outcome),
                    None => break,
                },
                _ = ticks.tick() => {
                    self.flush(chunk, &mut pending).await?;
                }
            }
            if pending.verdicts.len() >= BATCH {
                self.flush(chunk, &mut pending).await?;
            }
            if looked.elapsed() >= LOOK {
                *looked = Instant::now();
                if !self.is_current(chunk).await? {
                    return Ok(End::Superseded);
                }
            }
        }
        self.flush(chunk, &mut pending).await?;
        Ok(waiting.peek().map_or(End::Finished, |task| End::At(task.ordinal)))
    }

    pub(super) async fn prove_one<'a>(
        &self,
        tenant: &TenantId,
        task: Task<'a>,
    ) -> (Task<'a>, Outcome) {
        let compare = self.is_to_compare(&task.key);
        let judged = self.parts.portfolio.prove(tenant.as_str(), task.invariant, compare);
        let outcome = judged.await;
        self.metrics.proofs.with_label_values(&[outcome.verdict.as_str()]).inc();
        self.metrics.proof_seconds.observe(outcome.duration.as_secs_f64());
        (task, outcome)
    }

    fn take(&self, tenant: &TenantId, pending: &mut Pending, task: Task<'_>, outcome: &Outcome) {
        if let Some(cached) = task.cached
            && self.audit(tenant, &task.key, &cached, outcome) == Audit::Undecided
        {
            pending.verdicts.push(staging::cached(task.ordinal, task.block, cached));
            return;
        }
        pending.verdicts.push(staging::proved(task.ordinal, task.block, outcome));
        if let Some(known) = Known::from_outcome(outcome) {
            pending.facts.push((task.key, known));
        }
    }

    async fn flush(&self, chunk: &Chunk<'_>, pending: &mut Pending) -> Result<(), Failure> {
        let Pending { verdicts, facts } = std::mem::take(pending);
        self.keep(&facts).await;
        self.stage(chunk, verdicts).await
    }

    async fn stage(&self, chunk: &Chunk<'_>, verdicts: Vec<StagedVerdict>) -> Result<(), Failure> {
        if verdicts.is_empty() {
            return Ok(());
        }
        let Chunk { tenant, document, hash, .. } = chunk;
        Ok(self.parts.store.stage_verdicts(tenant, *document, *hash, &verdicts).await?)
    }

    async fn is_current(&self, chunk: &Chunk<'_>) -> Result<bool, Failure> {
        let observed = self.parts.store.observed_hash(chunk.tenant, chunk.document).await?;
        Ok(observed == Some(chunk.hash))
    }
}
