//! What proving did, for Prometheus.

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, Registry};

/// The metrics of `spec_drift`. Clones share them.
#[derive(Clone)]
pub(crate) struct Metrics {
    /// `sbh_proofs_total{verdict}`: what the solver was asked.
    pub(super) proofs: IntCounterVec,
    /// `sbh_proof_seconds`: time of one proof, waiting for a process included.
    pub(super) proof_seconds: Histogram,
    /// `sbh_verdicts_kept_total`: verdicts of statements that did not change.
    pub(super) kept: IntCounter,
    /// `sbh_cache_hits_total{region,scope}`.
    pub(super) hits: IntCounterVec,
    /// `sbh_cache_miss_total`.
    pub(super) misses: IntCounter,
    /// `sbh_cache_untrusted_total`: cached values without a valid tag, which count as misses.
    pub(super) untrusted: IntCounter,
    /// `sbh_cache_audits_total{result}`: cached verdicts that were proved again: `same`,
    /// `different`, `undecided`.
    pub(super) audits: IntCounterVec,
    /// `sbh_documents_recorded_total{result}`: `proved`, `not_proved`, `no_invariants`, `removed`.
    pub(super) recorded: IntCounterVec,
    /// `sbh_inbox_closed_total`: notices that a recording closed.
    pub(super) closed: IntCounter,
    /// `sbh_documents_superseded_total`: proofs given up because the document changed.
    pub(super) superseded: IntCounter,
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counters.clone()))?;
            Ok::<_, prometheus::Error>(counters)
        };
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let proof = HistogramOpts::new("sbh_proof_seconds", "Time of one proof")
            .buckets(vec![0.002, 0.005, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0]);
        let proof_seconds = Histogram::with_opts(proof)?;
        registry.register(Box::new(proof_seconds.clone()))?;
        Ok(Self {
            proofs: counters("sbh_proofs_total", "Proofs by verdict", &["verdict"])?,
            proof_seconds,
            kept: counter("sbh_verdicts_kept_total", "Verdicts kept for unchanged statements")?,
            hits: counters("sbh_cache_hits_total", "Cache hit counter", &["region", "scope"])?,
            misses: counter("sbh_cache_miss_total", "Cache miss counter")?,
            untrusted: counter("sbh_cache_untrusted_total", "Cached values without a valid tag")?,
            audits: counters(
                "sbh_cache_audits_total",
                "Cached verdicts proved again, by what the new proof says",
                &["result"],
            )?,
            recorded: counters("sbh_documents_recorded_total", "Documents recorded", &["result"])?,
            closed: counter("sbh_inbox_closed_total", "Notices closed by a recorded result")?,
            superseded: counter(
                "sbh_documents_superseded_total",
                "Proofs given up because the document changed again",
            )?,
        })
    }

    /// The counter of verdicts found in the cache.
    pub(super) fn proof_hits(&self) -> IntCounter {
        self.hits.with_label_values(&["local", "proof"])
    }
}
