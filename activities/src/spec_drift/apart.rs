//! Judging blocks that stand in no document of the store: by what is recorded, by the cache and by the
//! solvers, as [`super::chunk`] does, and with nothing staged.

use futures::stream::{FuturesUnordered, StreamExt};
use sbh_domain::TenantId;
use sbh_prover::{Block, Kind};
use sbh_store::spec_drift::{RecordedInvariant, StagedVerdict};

use super::SpecDrift;
use super::cache::Known;
use super::chunk::Task;
use super::staging::{self, Recorded};
use crate::error::{Failure, FailureKind};

impl SpecDrift {
    /// The blocks of a text, found off the threads that serve everything else.
    pub(crate) async fn blocks_of(&self, path: &str, text: String) -> Result<Vec<Block>, Failure> {
        let kind = Kind::of_path(path).unwrap_or(Kind::Markdown);
        let languages = self.parts.portfolio.languages();
        let parsing =
            tokio::task::spawn_blocking(move || sbh_prover::parse_with(kind, &text, &languages));
        let document = parsing.await.map_err(|error| {
            Failure::new(FailureKind::Refused, format!("the document cannot be parsed: {error}"))
        })?;
        Ok(document.invariants)
    }

    /// Judges some blocks; `first` is the ordinal of the first. In their order.
    pub(crate) async fn judge_apart(
        &self,
        tenant: &TenantId,
        blocks: &[Block],
        first: usize,
        recorded: &[RecordedInvariant],
    ) -> Vec<StagedVerdict> {
        let recorded = Recorded::of(recorded);
        let (mut judged, mut open) = (Vec::with_capacity(blocks.len()), Vec::new());
        for (ordinal, block) in (first..).zip(blocks) {
            if let Some(kept) = recorded.kept(ordinal, block) {
                judged.push(kept);
            } else if let Some(malformed) = staging::malformed(ordinal, block) {
                judged.push(malformed);
            } else if let Ok(invariant) = &block.parsed {
                let key = self.cache_key(tenant, invariant).await;
                open.push(Task { ordinal, block, invariant, key, cached: None });
            }
        }
        let keys: Vec<String> = open.iter().map(|task| task.key.clone()).collect();
        let known = self.look_up(&keys).await;
        let mut waiting = Vec::new();
        for (task, known) in open.into_iter().zip(known) {
            match known {
                Some(known) => judged.push(staging::cached(task.ordinal, task.block, known)),
                None => waiting.push(task),
            }
        }
        let (mut waiting, mut running) = (waiting.into_iter(), FuturesUnordered::new());
        let mut facts = Vec::new();
        loop {
            while running.len() < self.parts.config.prover.processes.max(1)
                && let Some(task) = waiting.next()
            {
                running.push(self.prove_one(tenant, task));
            }
            let Some((task, outcome)) = running.next().await else { break };
            judged.push(staging::proved(task.ordinal, task.block, &outcome));
            facts.extend(Known::from_outcome(&outcome).map(|known| (task.key, known)));
        }
        self.keep(&facts).await;
        judged.sort_by_key(|verdict| verdict.ordinal);
        judged
    }
}
