//! The process's metrics: our own registry, and what the SDK's exporter says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use prometheus::Registry;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use temporalio_common::telemetry::metrics::{CoreMeter, NewAttributes, TemporalMeter};
use temporalio_common::telemetry::{
    PrometheusExporterOptions, TaskQueueLabelStrategy, start_prometheus_metric_exporter,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::health::Queues;

/// How long the SDK's exporter may take; it is in this process.
const SCRAPE: Duration = Duration::from_secs(2);

/// The SDK's metrics. Its exporter only speaks HTTP, so it gets a port on the loopback interface,
/// and what it says is passed on.
#[derive(Debug, Clone)]
pub struct SdkMetrics {
    meter: Arc<dyn CoreMeter>,
    address: SocketAddr,
}

impl SdkMetrics {
    /// Starts the exporter on a free port.
    ///
    /// # Errors
    /// When there is no free port.
    pub fn start() -> anyhow::Result<Self> {
        let options = PrometheusExporterOptions::builder()
            .socket_addr(SocketAddr::from(([127, 0, 0, 1], 0)))
            .counters_total_suffix(true)
            .unit_suffix(true)
            .use_seconds_for_durations(true)
            .build();
        let server = start_prometheus_metric_exporter(options)
            .context("cannot start the exporter of the SDK's metrics")?;
        Ok(Self { meter: server.meter, address: server.bound_addr })
    }

    /// What workers record into.
    pub fn core(&self) -> Arc<dyn CoreMeter> {
        self.meter.clone()
    }

    /// What connections record into.
    pub fn meter(&self) -> TemporalMeter {
        TemporalMeter::new(
            self.meter.clone(),
            NewAttributes::default(),
            TaskQueueLabelStrategy::UseNormal,
        )
    }

    /// The metrics as text.
    ///
    /// # Errors
    /// When the exporter does not answer.
    pub async fn render(&self) -> anyhow::Result<String> {
        let answer = tokio::time::timeout(SCRAPE, get(self.address)).await??;
        match answer.split_once("\r\n\r\n") {
            Some((head, body))
                if head.starts_with("HTTP/1.0 200") || head.starts_with("HTTP/1.1 200") =>
            {
                Ok(body.to_owned())
            }
            _ => bail!("the exporter of the SDK's metrics answers strangely"),
        }
    }
}

/// HTTP/1.0, so that the answer is neither chunked nor kept alive.
async fn get(address: SocketAddr) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// Registers what the workers themselves know.
///
/// # Errors
/// When it is registered already.
pub fn register(registry: &Registry, queues: &Queues) -> anyhow::Result<()> {
    Ok(registry.register(Box::new(WorkerHealth::new(queues.clone())?))?)
}

/// `sbh_worker_up` and `sbh_worker_restarts`, by queue, read when asked.
struct WorkerHealth {
    queues: Queues,
    up: prometheus::IntGaugeVec,
    restarts: prometheus::IntGaugeVec,
}

impl WorkerHealth {
    fn new(queues: Queues) -> prometheus::Result<Self> {
        let up =
            prometheus::Opts::new("sbh_worker_up", "Whether the queue's worker can take work.");
        let restarts = prometheus::Opts::new(
            "sbh_worker_restarts",
            "How often the queue's worker ended with an error and was started again.",
        );
        Ok(Self {
            queues,
            up: prometheus::IntGaugeVec::new(up, &["queue"])?,
            restarts: prometheus::IntGaugeVec::new(restarts, &["queue"])?,
        })
    }
}

impl Collector for WorkerHealth {
    fn desc(&self) -> Vec<&Desc> {
        self.up.desc().into_iter().chain(self.restarts.desc()).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        for (queue, health) in &self.queues {
            let labels = [queue.name()];
            self.up.with_label_values(&labels).set(health.problem().is_none().into());
            let restarts = i64::try_from(health.restarts()).unwrap_or(i64::MAX);
            self.restarts.with_label_values(&labels).set(restarts);
        }
        self.up.collect().into_iter().chain(self.restarts.collect()).collect()
    }
}
