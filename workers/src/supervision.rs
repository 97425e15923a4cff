//! Workers end, sometimes with an error: they are started again until somebody wants them to stop.

use std::fmt::Display;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use sbh_activities::Activities;
use sbh_runtime::{Config, Keyring, temporal};
use temporalio_common::telemetry::metrics::TemporalMeter;
use temporalio_sdk::{Runtime, Worker};
use tokio_util::sync::CancellationToken;

use crate::fleet::{self, Queue};
use crate::health::QueueHealth;
use crate::queue;

/// What all workers of the process share.
pub struct Shared {
    /// The configuration.
    pub config: Config,
    /// The keys.
    pub keyring: Keyring,
    /// The activities.
    pub activities: Activities,
    /// The SDK's runtime.
    pub runtime: Runtime,
    /// Counts the calls of the connections.
    pub meter: TemporalMeter,
}

/// Pauses between tries that grow: a part that is away is not hammered.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: Self::FIRST }
    }
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(200);
    const LONGEST: Duration = Duration::from_secs(10);

    /// Logs why, and waits.
    pub async fn wait(&mut self, part: &str, error: &impl Display) {
        tracing::warn!(part, %error, retry_in_ms = self.next.as_millis(), "not usable yet");
        tokio::time::sleep(self.next).await;
        self.next = (self.next * 2).min(Self::LONGEST);
    }

    /// Begins with the shortest pause again.
    pub fn reset(&mut self) {
        self.next = Self::FIRST;
    }
}

/// How long a worker whose server forgot it gets to end.
const ABANDON: Duration = Duration::from_secs(5);

/// Runs the worker of a queue on a thread of its own (its workflows cannot leave one) until `stop`.
///
/// # Errors
/// When no thread can be made.
pub fn spawn(
    queue: Queue,
    shared: Arc<Shared>,
    health: QueueHealth,
    stop: CancellationToken,
) -> anyhow::Result<JoinHandle<()>> {
    let tokio = tokio::runtime::Handle::current();
    std::thread::Builder::new()
        .name(format!("queue-{}", queue.name()))
        .spawn(move || tokio.block_on(supervise(queue, &shared, &health, &stop)))
        .context("cannot start a thread for a worker")
}

async fn supervise(queue: Queue, shared: &Shared, health: &QueueHealth, stop: &CancellationToken) {
    let mut backoff = Backoff::default();
    while !stop.is_cancelled() {
        let started = std::time::Instant::now();
        let ended = run(queue, shared, health, stop).await;
        health.ended();
        match ended {
            Ok(()) if stop.is_cancelled() => break,
            Ok(()) => tracing::warn!(queue = queue.name(), "a worker ended unasked"),
            Err(error) => {
                health.restarted();
                if started.elapsed() > Backoff::LONGEST {
                    backoff.reset();
                }
                let error = format!("{error:#}");
                tokio::select! {
                    () = backoff.wait(queue.name(), &error) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
    }
    tracing::info!(queue = queue.name(), "stopped");
}

/// One worker, from connecting to its end.
async fn run(
    queue: Queue,
    shared: &Shared,
    health: &QueueHealth,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let meter = Some(shared.meter.clone());
    let connecting = temporal::connect_with_meter(&shared.config.temporal, &shared.keyring, meter);
    let client = tokio::select! {
        client = connecting => client?,
        () = stop.cancelled() => return Ok(()),
    };
    // A server that is new, or that lost its database, does not know the namespace yet.
    let applied = temporal::apply(&client, &shared.config).await?;
    if applied != temporal::Applied::default() {
        tracing::info!(?applied, "set up the Temporal server");
    }
    let mut options = fleet::options(queue, &shared.activities, &shared.config)?;
    // What still runs half-way to the deadline is cancelled, so that it can end before it.
    options.graceful_shutdown_period = Some(Duration::from_secs(shared.config.workers.drain_s) / 2);
    let mut worker = Worker::new(&shared.runtime, client.clone(), options)?;
    let (shut_down, end) = (worker.shutdown_handle(), worker.shutdown_handle());
    let stopping = async {
        stop.cancelled().await;
        shut_down();
        // The worker's end ends the run.
        std::future::pending::<()>().await;
    };
    health.started();
    tracing::info!(queue = queue.name(), "polling");
    let forgotten = {
        let mut running = std::pin::pin!(worker.run());
        let forgotten = tokio::select! {
            ended = &mut running => return Ok(ended?),
            () = stopping => return Ok(()),
            forgotten = queue::watch(&client, queue, health) => forgotten,
        };
        health.ended();
        end();
        // Its activities have nobody to report to. What they did is found in the database.
        if tokio::time::timeout(ABANDON, running).await.is_err() {
            tracing::warn!(queue = queue.name(), "a worker that polls in vain is given up");
        }
        forgotten
    };
    Err(forgotten.into())
}
