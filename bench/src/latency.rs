//! Latencies, in microseconds.

use std::time::Duration;

use hdrhistogram::Histogram;

/// A histogram of latencies with two significant digits, up to a minute.
#[derive(Debug)]
pub struct Latencies(Histogram<u64>);

impl Latencies {
    /// An empty histogram.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self(Histogram::new_with_max(60_000_000, 2)?))
    }

    /// Adds one latency.
    pub fn add(&mut self, latency: Duration) {
        self.0.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
    }

    /// Adds all of another histogram.
    pub fn merge(&mut self, other: &Self) -> anyhow::Result<()> {
        Ok(self.0.add(&other.0)?)
    }

    /// A quantile (0 to 1) in milliseconds.
    pub fn ms(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1_000.0
    }

    /// How many latencies there are.
    pub fn count(&self) -> u64 {
        self.0.len()
    }
}
