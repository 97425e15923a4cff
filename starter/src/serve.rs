//! The running server: HTTP, dispatcher and reconciler, until it is told to stop.

use std::time::Duration;

use anyhow::Context;
use sbh_runtime::Config;
use sbh_store::{Store, StoreError, StoreOptions};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::listen::Limits;
use crate::router::router;
use crate::state::{Shared, State};
use crate::{checks, dispatcher, listen, notify, reconciler};

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// When the database is not set up, a key file cannot be used, or the address is taken.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    tokio::spawn(stop_on_signal(stop.clone())?);
    // The address is taken first: that it is in use is better known before anything is done.
    let address = config.starter.listen;
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address} (starter.listen): is another program there?")
    })?;
    let Some(store) = stop.run_until_cancelled(connect(&config)).await.transpose()? else {
        return Ok(());
    };
    serve(State::new(config, store)?, listener, Limits::of_process(), stop).await
}

/// Serves on a listener until `stop`, then finishes open requests within `starter.drain_s`.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    state: Shared,
    listener: TcpListener,
    limits: Limits,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    tracing::info!(%address, "listening");
    let drain = Duration::from_secs(state.config.starter.drain_s);
    // Background work goes on until the last request is answered: that may still ask for it.
    let background = CancellationToken::new();
    let work = {
        let (state, stop) = (state.clone(), background.clone());
        tokio::spawn(async move {
            let shared = || (state.clone(), stop.clone());
            let dispatch = || {
                let (state, stop) = shared();
                async move { dispatcher::run(&state, &stop).await }
            };
            let reconcile = || {
                let (state, stop) = shared();
                async move { reconciler::run(&state, &stop).await }
            };
            let wake = || {
                let (state, stop) = shared();
                async move { state.wake.run(&state.store, &stop).await }
            };
            let tell = || {
                let (state, stop) = shared();
                async move { notify::run(&state, &stop).await }
            };
            let check = || {
                let (state, stop) = shared();
                async move { checks::run(&state, &stop).await }
            };
            tokio::join!(
                state.background.keep("dispatcher", &stop, dispatch),
                state.background.keep("reconciler", &stop, reconcile),
                state.background.keep("notify", &stop, tell),
                state.background.keep("checks", &stop, check),
                state.background.keep("wake", &stop, wake),
            );
        })
    };
    listen::run(listener, router(&state), limits, &stop, drain).await;
    background.cancel();
    if tokio::time::timeout(drain, work).await.is_err() {
        tracing::warn!("background work was given up: what it held is taken up again elsewhere");
    }
    state.webhooks.flush_counts(&state.store).await;
    tracing::info!("stopped");
    Ok(())
}

/// Connects to the database, and waits for one that is away; a wrong set-up is an error at once.
///
/// # Errors
/// What is wrong with the set-up.
pub async fn connect(config: &Config) -> Result<Store, StoreError> {
    let database = &config.database;
    let options = StoreOptions {
        app_url: database.app_url.clone(),
        dispatch_url: database.dispatch_url.clone(),
        max_connections: database.max_connections,
    };
    loop {
        match Store::connect(&options).await {
            Err(error) if error.is_retryable() => {
                tracing::warn!(%error, "the database is away: trying again");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            other => return other,
        }
    }
}

/// Cancels `stop` at the first SIGTERM or SIGINT.
fn stop_on_signal(stop: CancellationToken) -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: open requests are finished first");
        stop.cancel();
    })
}
