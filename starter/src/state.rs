//! What all handlers share.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use sbh_domain::TenantId;
use sbh_outbound::Outbound;
use sbh_runtime::valkey::Valkey;
use sbh_runtime::{Config, Keyring};
use sbh_sources::Bases;
use sbh_store::{Store, StoreError};

use crate::acceptor::Acceptor;
use crate::auth::Authority;
use crate::background::Background;
use crate::codec::CodecToken;
use crate::depth::Depth;
use crate::engine::Engine;
use crate::metrics::Metrics;
use crate::wake::Wake;
use crate::webhooks::WebhookState;

/// What all handlers share. Cloning shares it.
pub type Shared = Arc<State>;

/// See [`Shared`].
pub struct State {
    /// The configuration.
    pub config: Config,
    /// The database.
    pub store: Store,
    /// Keys for secrets at rest and payloads.
    pub keyring: Keyring,
    /// Temporal.
    pub engine: Engine,
    /// Valkey.
    pub valkey: Valkey,
    /// Who may call.
    pub authority: Authority,
    /// What the codec server's address holds.
    pub codec_token: CodecToken,
    /// Commits notices together.
    pub acceptor: Acceptor,
    /// How full the inbox is.
    pub depth: Depth,
    /// Wakes dispatchers.
    pub wake: Wake,
    /// Webhooks.
    pub webhooks: WebhookState,
    /// Reaches the services of sources.
    pub outbound: Outbound,
    /// Where the services are that are the same for everybody.
    pub bases: Bases,
    /// The tasks in the background.
    pub background: Background,
    /// Metrics.
    pub metrics: Metrics,
    tenants: Cache<TenantId, ()>,
}

impl State {
    /// Reads keys and prepares caches; reaches nobody yet.
    ///
    /// # Errors
    /// Names the file or field that cannot be used.
    pub fn new(config: Config, store: Store) -> anyhow::Result<Shared> {
        let keyring = Keyring::load_or_create(&config.keyring.file)?;
        let metrics = Metrics::new()?;
        let valkey = Valkey::new(&config.valkey)?;
        valkey.register(metrics.registry())?;
        let outbound = Outbound::allowing(&config.outbound.allow_addresses);
        let outbound = outbound.map_err(anyhow::Error::msg)?;
        Ok(Arc::new(Self {
            engine: Engine::new(&config, &keyring),
            authority: Authority::new(&config.auth)?,
            codec_token: CodecToken::new(config.auth.codec_token_file.clone()),
            acceptor: Acceptor::new(store.clone()),
            depth: Depth::new(store.clone()),
            wake: Wake::default(),
            webhooks: WebhookState::new(store.clone(), keyring.clone(), outbound.clone()),
            outbound,
            bases: Bases::read(|name| config.sources.address(name)).map_err(anyhow::Error::msg)?,
            tenants: Cache::builder()
                .max_capacity(10_000)
                .time_to_live(Duration::from_secs(60))
                .build(),
            background: Background::new(metrics.restarts.clone()),
            config,
            store,
            keyring,
            valkey,
            metrics,
        }))
    }

    /// Whether a tenant exists. That it does is remembered for a minute; that it does not is asked
    /// anew each time, so that a new tenant works at once.
    ///
    /// # Errors
    /// The store's.
    pub async fn knows(&self, tenant: &TenantId) -> Result<bool, StoreError> {
        if self.tenants.contains_key(tenant) {
            return Ok(true);
        }
        for known in self.store.tenants().await? {
            self.tenants.insert(known, ()).await;
        }
        Ok(self.tenants.contains_key(tenant))
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}
