//! What the workers need of the outside, brought up one after the other: each is waited for, since
//! all of them are started at once.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use prometheus::Registry;
use sbh_activities::{Activities, Parts};
use sbh_outbound::Outbound;
use sbh_prover::external::Provers;
use sbh_prover::{Limits, Pool, PoolConfig, Portfolio};
use sbh_runtime::entity::Entities;
use sbh_runtime::valkey::Valkey;
use sbh_runtime::{Config, Keyring, temporal};
use sbh_sources::Bases;
use sbh_store::{Store, StoreError, StoreOptions};
use temporalio_common::telemetry::metrics::TemporalMeter;

use crate::supervision::Backoff;

/// Everything that the activities work with.
pub struct Ready {
    /// The activities.
    pub activities: Activities,
    /// The database, to be asked whether it answers.
    pub store: Store,
    /// The keys, for further connections.
    pub keyring: Keyring,
}

/// Brings everything up. What can be mended by waiting is waited for; what cannot is an error.
///
/// # Errors
/// Names the part that can never work as configured.
pub async fn ready(
    config: &Config,
    registry: &Registry,
    meter: TemporalMeter,
) -> anyhow::Result<Ready> {
    let keyring = Keyring::load_or_create(&config.keyring.file)?;
    let pool = Pool::start(PoolConfig {
        z3: config.prover.z3.clone(),
        size: config.prover.processes,
        limits: Limits {
            time: Duration::from_millis(config.prover.time_ms),
            memory_mb: config.prover.memory_mb,
            rlimit: config.prover.rlimit,
            ..Limits::default()
        },
    })
    .await
    .context("prover.z3")?;
    let outbound = Outbound::allowing(&config.outbound.allow_addresses);
    let outbound = outbound.map_err(anyhow::Error::msg)?;
    let bases = Bases::read(|name| config.sources.address(name)).map_err(anyhow::Error::msg)?;
    let valkey = Valkey::new(&config.valkey)?;
    valkey.register(registry)?;
    let store = store(config).await?;
    let client = client(config, &keyring, meter).await;
    let entities = Entities::new(client, config.workers.idle_s, config.debounce);
    let parts = Parts {
        config: config.clone(),
        store: store.clone(),
        keyring: keyring.clone(),
        valkey,
        portfolio: portfolio(config, pool.clone())?,
        pool,
        documents: Arc::new(entities),
        outbound,
        bases: Arc::new(bases),
    };
    let activities = Activities::new(parts, registry)?;
    Ok(Ready { activities, store, keyring })
}

/// The pool's solver, and the external provers that the configuration names.
fn portfolio(config: &Config, pool: Pool) -> anyhow::Result<Portfolio> {
    let provers = match &config.prover.external_folder {
        Some(folder) => {
            let size = config.prover.processes.max(1);
            Provers::open(folder, Provers::this_program()?, size)
                .context("prover.external_folder")?
        }
        None => Provers::default(),
    };
    let members: Result<Vec<_>, _> =
        config.prover.portfolio.iter().map(|member| member.parse()).collect();
    members
        .and_then(|members| Portfolio::new(pool, provers, members))
        .map_err(|reason| anyhow::anyhow!("prover.portfolio: {reason}"))
}

/// The database, as soon as it answers and is migrated. A role that it must not have is final.
async fn store(config: &Config) -> anyhow::Result<Store> {
    let options = StoreOptions {
        app_url: config.database.app_url.clone(),
        dispatch_url: config.database.dispatch_url.clone(),
        max_connections: config.database.max_connections,
    };
    let mut backoff = Backoff::default();
    loop {
        match Store::connect(&options).await {
            Ok(store) => return Ok(store),
            Err(error @ StoreError::Setup(_)) => return Err(error.into()),
            Err(error) => backoff.wait("database", &error).await,
        }
    }
}

/// A connection to Temporal, as soon as it answers. It reconnects by itself from then on.
async fn client(
    config: &Config,
    keyring: &Keyring,
    meter: TemporalMeter,
) -> temporalio_client::Client {
    let mut backoff = Backoff::default();
    loop {
        let meter = Some(meter.clone());
        match temporal::connect_with_meter(&config.temporal, keyring, meter).await {
            Ok(client) => return client,
            Err(error) => backoff.wait("temporal", &format!("{error:#}")).await,
        }
    }
}
