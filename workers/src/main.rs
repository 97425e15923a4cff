//! `sbh-workers`: runs the workflows and activities of SBH fleet.

use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use prometheus::Registry;
use sbh_runtime::{Config, telemetry, temporal};
use sbh_workers::fleet::Queue;
use sbh_workers::health::Queues;
use sbh_workers::http::{Sight, router};
use sbh_workers::metrics::{self, SdkMetrics};
use sbh_workers::parts;
use sbh_workers::supervision::{self, Shared};
use temporalio_common::telemetry::TelemetryOptions;
use temporalio_sdk::runtime::RuntimeOptions;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Runs the workflows and activities of SBH fleet. Configured by the file that SBH_CONFIG names and
/// by SBH_… variables.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The queues to serve; all of them when not given.
    #[arg(long, value_delimiter = ',')]
    queues: Vec<Queue>,
}

fn main() -> ExitCode {
    // External provers run in a sandbox that this very program becomes.
    if let Some(code) = sbh_prover::sandbox::run_if_asked() {
        return code;
    }
    let arguments = Arguments::parse();
    match set_up(arguments) {
        Ok(code) => code,
        // Before logging is set up there is nothing else to say it with.
        #[allow(clippy::print_stderr)]
        Err(error) => {
            eprintln!("sbh-workers: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn set_up(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let config = Config::load()?;
    telemetry::init("sbh-workers", &config.telemetry)?;
    temporal::install_crypto_provider();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let code = runtime.block_on(serve(arguments, config));
    // What did not end by its deadline is not waited for.
    runtime.shutdown_background();
    code
}

async fn serve(arguments: Arguments, config: Config) -> anyhow::Result<ExitCode> {
    let mut queues = arguments.queues;
    if queues.is_empty() {
        queues = Queue::ALL.to_vec();
    }
    let queues: Queues = queues.into_iter().map(|queue| (queue, Default::default())).collect();
    let listener = TcpListener::bind(config.workers.listen)
        .await
        .with_context(|| format!("workers.listen {} cannot be used", config.workers.listen))?;
    let registry = Registry::new();
    metrics::register(&registry, &queues)?;
    let sdk = SdkMetrics::start()?;
    let store = Arc::new(OnceLock::new());
    let sight = Sight {
        queues: queues.clone(),
        store: store.clone(),
        registry: registry.clone(),
        sdk: sdk.clone(),
    };
    tokio::spawn(async move { axum::serve(listener, router(sight)).await });
    tracing::info!(listen = %config.workers.listen, "started");

    let stop = CancellationToken::new();
    let mut threads = Vec::new();
    let ready = tokio::select! {
        ready = parts::ready(&config, &registry, sdk.meter()) => ready?,
        () = asked_to_stop() => return Ok(ExitCode::SUCCESS),
    };
    let _ = store.set(ready.store);
    let telemetry = TelemetryOptions::builder().metrics(sdk.core()).build();
    let options = RuntimeOptions::builder()
        .telemetry_options(telemetry)
        .build()
        .map_err(anyhow::Error::msg)?;
    let drain = Duration::from_secs(config.workers.drain_s);
    let shared = Arc::new(Shared {
        config,
        keyring: ready.keyring,
        activities: ready.activities,
        runtime: temporalio_sdk::Runtime::from_current_tokio(options)?,
        meter: sdk.meter(),
    });
    for (queue, health) in queues {
        threads.push(supervision::spawn(queue, shared.clone(), health, stop.clone())?);
    }
    asked_to_stop().await;
    tracing::info!(drain_s = drain.as_secs(), "stopping");
    stop.cancel();
    let ended = tokio::task::spawn_blocking(move || {
        threads.into_iter().map(std::thread::JoinHandle::join).all(|ended| ended.is_ok())
    });
    tokio::select! {
        ended = tokio::time::timeout(drain, ended) => match ended {
            Ok(Ok(true)) => Ok(ExitCode::SUCCESS),
            Ok(_) => anyhow::bail!("a worker's thread ended by a panic"),
            Err(_) => {
                tracing::error!("what still runs is abandoned: Temporal gives it to another worker");
                Ok(ExitCode::FAILURE)
            }
        },
        () = asked_to_stop() => {
            tracing::warn!("asked twice to stop: ending at once");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// SIGTERM or SIGINT.
async fn asked_to_stop() {
    let (Ok(mut term), Ok(mut int)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("cannot listen to signals");
        return;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}
