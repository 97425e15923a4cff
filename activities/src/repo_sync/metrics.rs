//! What synchronising did, for Prometheus.

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, Registry};

/// The metrics of `repo_sync`. Clones share them.
#[derive(Clone)]
pub(crate) struct Metrics {
    /// `sbh_repo_syncs_total{result}`: `changed`, `unchanged`, `rate_limited`, or a failure's
    /// type.
    pub(super) syncs: IntCounterVec,
    /// `sbh_repo_sync_fetch_seconds`.
    pub(super) fetch_seconds: Histogram,
    /// `sbh_repo_sync_documents_total{change}`: `present`, `absent`.
    pub(super) documents: IntCounterVec,
    /// `sbh_repo_sync_refused_total{reason}`: what cannot be a document.
    pub(super) refused: IntCounterVec,
    /// `sbh_repo_sync_full_listings_total`: synchronisations that compared everything.
    pub(super) full_listings: IntCounter,
    /// `sbh_source_fetches_total{source,result}`: `present`, `absent`, `unreadable`, `rate_limited`,
    /// `failed`.
    pub(super) fetches: IntCounterVec,
    /// `sbh_documents_announced_total`.
    pub(super) announced: IntCounter,
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counters = |name: &str, help: &str, label: &str| {
            let counters = IntCounterVec::new(Opts::new(name, help), &[label])?;
            registry.register(Box::new(counters.clone()))?;
            Ok::<_, prometheus::Error>(counters)
        };
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let fetch = HistogramOpts::new("sbh_repo_sync_fetch_seconds", "Time of one git fetch")
            .buckets(vec![0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0]);
        let fetch_seconds = Histogram::with_opts(fetch)?;
        registry.register(Box::new(fetch_seconds.clone()))?;
        let fetches = Opts::new("sbh_source_fetches_total", "Hosted documents fetched, by result");
        let fetches = IntCounterVec::new(fetches, &["source", "result"])?;
        registry.register(Box::new(fetches.clone()))?;
        Ok(Self {
            fetches,
            syncs: counters("sbh_repo_syncs_total", "Synchronisations by result", "result")?,
            fetch_seconds,
            documents: counters("sbh_repo_sync_documents_total", "Documents staged", "change")?,
            refused: counters("sbh_repo_sync_refused_total", "Files refused, by reason", "reason")?,
            full_listings: counter(
                "sbh_repo_sync_full_listings_total",
                "Synchronisations that compared the whole tree",
            )?,
            announced: counter("sbh_documents_announced_total", "Document workflows signalled")?,
        })
    }
}
