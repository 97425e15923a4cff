//! RS256 and ES256 keys from a JWKS address.

use std::time::{Duration, Instant};

use jsonwebtoken::{Algorithm, DecodingKey};
use sbh_sources::key_set::{self, KeySet, MAX_BYTES};
use tokio::sync::Mutex;

/// How often at most the address is asked, whatever tokens name.
const REFRESH_AFTER: Duration = Duration::from_secs(10);
/// How long keys are used without asking again, so that a withdrawn one ends.
const TRUST_FOR: Duration = Duration::from_secs(600);
/// How long asking may take.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The keys of an issuer, cached.
pub struct Keys {
    url: String,
    client: reqwest::Client,
    refresh_after: Duration,
    trust_for: Duration,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    keys: KeySet,
    /// When the address was last asked, whatever it said.
    asked: Option<Instant>,
    /// When it last answered.
    answered: Option<Instant>,
}

impl Keys {
    /// The keys at an address; it is asked when the first token needs it.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub fn new(url: &str) -> anyhow::Result<Self> {
        sbh_runtime::temporal::install_crypto_provider();
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self {
            url: url.to_owned(),
            client,
            refresh_after: REFRESH_AFTER,
            trust_for: TRUST_FOR,
            held: Mutex::default(),
        })
    }

    /// The key with this id and the algorithm that its type fixes.
    pub async fn find(&self, kid: &str) -> Option<(DecodingKey, Algorithm)> {
        let mut held = self.held.lock().await;
        let fresh = held.answered.is_some_and(|at| at.elapsed() < self.trust_for);
        if fresh && let Some(found) = held.keys.get(kid) {
            return Some(found.clone());
        }
        if held.asked.is_none_or(|at| at.elapsed() >= self.refresh_after) {
            held.asked = Some(Instant::now());
            match self.fetch().await {
                Ok(keys) => {
                    held.keys = keys;
                    held.answered = Some(Instant::now());
                }
                Err(reason) => tracing::warn!(reason, "the keys at auth.jwks_url cannot be read"),
            }
        }
        // While the address is away, its last answer stays good.
        held.keys.get(kid).cloned()
    }

    async fn fetch(&self) -> Result<KeySet, String> {
        let say = |error: reqwest::Error| error.without_url().to_string();
        let mut response = self.client.get(&self.url).send().await.map_err(say)?;
        response = response.error_for_status().map_err(say)?;
        let mut text = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(say)? {
            if text.len() + chunk.len() > MAX_BYTES {
                return Err(format!("more than {MAX_BYTES} bytes"));
            }
            text.extend_from_slice(&chunk);
        }
        key_set::parse(&text)
    }
}

#[cfg(test)]
mod tests;
