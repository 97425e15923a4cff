//! Valkey: a cache that may be empty or away at any time.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use prometheus::{IntCounter, Registry};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisResult};

use crate::config::ValkeyConfig;

/// How long one call may take: a cache that is slower than the work that it saves is no cache.
const CALL: Duration = Duration::from_millis(250);
/// How long calls are not even tried after one failed.
const PAUSE: Duration = Duration::from_secs(1);

/// A connection that re-connects by itself. Making it does not need Valkey to be up.
#[derive(Clone)]
pub struct Valkey {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    connection: OnceLock<ConnectionManager>,
    errors: IntCounter,
    started: Instant,
    /// Until when calls are misses without a try, in milliseconds after `started`.
    paused_until_ms: AtomicU64,
}

impl Valkey {
    /// Prepares the connection.
    ///
    /// # Errors
    /// When the address cannot be read.
    pub fn new(config: &ValkeyConfig) -> anyhow::Result<Self> {
        let client = Client::open(config.url.as_str())
            .map_err(|error| anyhow::anyhow!("valkey.url is not usable: {}", error.category()))?;
        let errors = IntCounter::new(
            "sbh_valkey_errors_total",
            "Calls to Valkey that failed or were not tried because it is away.",
        )?;
        Ok(Self {
            inner: Arc::new(Inner {
                client,
                connection: OnceLock::new(),
                errors,
                started: Instant::now(),
                paused_until_ms: AtomicU64::new(0),
            }),
        })
    }

    /// Puts `sbh_valkey_errors_total` into a registry.
    ///
    /// # Errors
    /// When it is there already.
    pub fn register(&self, registry: &Registry) -> anyhow::Result<()> {
        Ok(registry.register(Box::new(self.inner.errors.clone()))?)
    }

    /// Many keys at once, in the order asked; all `None` when Valkey is away (which is counted, not
    /// an error).
    pub async fn get_many(&self, keys: &[String]) -> Vec<Option<String>> {
        let misses = || vec![None; keys.len()];
        if keys.is_empty() || self.is_paused() {
            return misses();
        }
        let mut command = redis::cmd("MGET");
        command.arg(keys);
        let values: Option<Vec<Option<Vec<u8>>>> =
            self.call(async |mut connection| command.query_async(&mut connection).await).await;
        match values {
            Some(values) if values.len() == keys.len() => values
                .into_iter()
                .map(|value| value.and_then(|value| String::from_utf8(value).ok()))
                .collect(),
            _ => misses(),
        }
    }

    /// Sets many keys with one time to live; lost when Valkey is away.
    pub async fn set_many(&self, entries: &[(String, String)], ttl: Duration) {
        if entries.is_empty() || self.is_paused() {
            return;
        }
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut pipeline = redis::pipe();
        for (key, value) in entries {
            pipeline.cmd("SET").arg(key).arg(value).arg("PX").arg(ttl_ms).ignore();
        }
        let _: Option<()> =
            self.call(async |mut connection| pipeline.query_async(&mut connection).await).await;
    }

    /// Whether it answers (PING within a second).
    ///
    /// # Errors
    /// Says why not.
    pub async fn ping(&self) -> anyhow::Result<()> {
        let mut connection = self.connection()?;
        let command = redis::cmd("PING");
        let pong = command.query_async::<String>(&mut connection);
        match tokio::time::timeout(Duration::from_secs(1), pong).await {
            Ok(Ok(_)) => {
                self.inner.paused_until_ms.store(0, Ordering::Relaxed);
                Ok(())
            }
            Ok(Err(error)) => anyhow::bail!("Valkey does not answer: {error}"),
            Err(_) => anyhow::bail!("Valkey does not answer within a second"),
        }
    }

    /// One call within its time; `None` when it failed, which is counted.
    async fn call<T>(
        &self,
        call: impl AsyncFnOnce(ConnectionManager) -> RedisResult<T>,
    ) -> Option<T> {
        let reason = match self.connection() {
            Ok(connection) => match tokio::time::timeout(CALL, call(connection)).await {
                Ok(Ok(value)) => return Some(value),
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("no answer within {} ms", CALL.as_millis()),
            },
            Err(error) => error.to_string(),
        };
        self.inner.errors.inc();
        let until = self.inner.started.elapsed() + PAUSE;
        let until = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
        self.inner.paused_until_ms.store(until, Ordering::Relaxed);
        tracing::warn!(reason, pause_ms = PAUSE.as_millis(), "Valkey is away: going on without it");
        None
    }

    fn is_paused(&self) -> bool {
        let until = Duration::from_millis(self.inner.paused_until_ms.load(Ordering::Relaxed));
        let paused = self.inner.started.elapsed() < until;
        if paused {
            self.inner.errors.inc();
        }
        paused
    }

    /// Made at the first use, because it needs a running tokio.
    fn connection(&self) -> RedisResult<ConnectionManager> {
        if let Some(connection) = self.inner.connection.get() {
            return Ok(connection.clone());
        }
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CALL))
            .set_response_timeout(Some(CALL))
            .set_number_of_retries(1);
        let made = ConnectionManager::new_lazy_with_config(self.inner.client.clone(), config)?;
        Ok(self.inner.connection.get_or_init(|| made).clone())
    }
}

impl fmt::Debug for Valkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Valkey").field("errors", &self.inner.errors.get()).finish_non_exhaustive()
    }
}
