//! Loads: closed loops (as fast as answers come) and open loops (at a given rate).

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::latency::Latencies;

/// What a load came to.
#[derive(Debug)]
pub struct Load {
    /// Calls that succeeded.
    pub calls: u64,
    /// How long it all took.
    pub took: Duration,
    /// Their latencies. In an open loop they count from the moment the call was due.
    pub latencies: Latencies,
}

impl Load {
    /// Calls per second.
    pub fn per_second(&self) -> f64 {
        self.calls as f64 / self.took.as_secs_f64()
    }
}

/// Calls from `at_once` tasks for a time, each as soon as the one before it is answered.
/// Calls are numbered from 0 without gaps.
pub async fn closed<F, Fut>(at_once: usize, time: Duration, call: F) -> anyhow::Result<Load>
where
    F: Fn(u64) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = anyhow::Result<()>> + Send,
{
    let call = Arc::new(call);
    let next = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let tasks: Vec<_> = (0..at_once)
        .map(|_| {
            let (call, next) = (call.clone(), next.clone());
            tokio::spawn(async move {
                let mut latencies = Latencies::new()?;
                while begun.elapsed() < time {
                    let sent = Instant::now();
                    call(next.fetch_add(1, Ordering::Relaxed)).await?;
                    latencies.add(sent.elapsed());
                }
                anyhow::Ok(latencies)
            })
        })
        .collect();
    finish(begun, tasks).await
}

/// Starts a call every `1 / rate` seconds whatever the answers do.
pub async fn open<F, Fut>(rate: f64, time: Duration, call: F) -> anyhow::Result<Load>
where
    F: Fn(u64) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = anyhow::Result<()>> + Send,
{
    let call = Arc::new(call);
    let begun = Instant::now();
    let calls = (rate * time.as_secs_f64()) as u64;
    let mut tasks = Vec::new();
    for number in 0..calls {
        let due = begun + Duration::from_secs_f64(number as f64 / rate);
        tokio::time::sleep_until(due.into()).await;
        let call = call.clone();
        tasks.push(tokio::spawn(async move {
            call(number).await?;
            let mut latencies = Latencies::new()?;
            latencies.add(due.elapsed());
            anyhow::Ok(latencies)
        }));
    }
    finish(begun, tasks).await
}

async fn finish(
    begun: Instant,
    tasks: Vec<tokio::task::JoinHandle<anyhow::Result<Latencies>>>,
) -> anyhow::Result<Load> {
    let mut latencies = Latencies::new()?;
    for task in tasks {
        latencies.merge(&task.await??)?;
    }
    Ok(Load { calls: latencies.count(), took: begun.elapsed(), latencies })
}
