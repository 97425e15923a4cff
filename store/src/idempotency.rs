//! `Idempotency-Key`: the same request gets the same answer for 24 hours.

use sbh_domain::{Digest, TenantId};

use crate::{Store, StoreError};

/// What is known of a key.
#[derive(Clone, Debug)]
pub enum Idempotency {
    /// The key is new and now held by this request.
    Started,
    /// The request was answered: here is the answer.
    Replay {
        /// The status.
        status: u16,
        /// The body.
        body: serde_json::Value,
    },
    /// The request was answered with a secret shown once, which is never stored: the id of what was made.
    Withheld {
        /// The id.
        id: String,
    },
    /// The same key came with another request.
    Mismatch,
    /// The same request is being answered now.
    InProgress,
}

/// The answer to keep.
#[derive(Clone, Debug)]
pub enum Answer<'a> {
    /// An ordinary answer.
    Body {
        /// The status.
        status: u16,
        /// The body.
        body: &'a serde_json::Value,
    },
    /// An answer that holds a secret: only the id is kept.
    Secret {
        /// The id of what was made.
        id: &'a str,
    },
}

impl Store {
    /// Takes a key for a request with this fingerprint (method, path, body). A key held for more
    /// than a minute by a request that never finished is free again.
    pub async fn begin_idempotent(
        &self,
        tenant: &TenantId,
        key: &str,
        fingerprint: Digest,
    ) -> Result<Idempotency, StoreError> {
        let _ = (tenant, key, fingerprint);
        todo!()
    }

    /// Keeps the answer; `None` frees the key, because the request failed and may be repeated.
    pub async fn finish_idempotent(
        &self,
        tenant: &TenantId,
        key: &str,
        answer: Option<Answer<'_>>,
    ) -> Result<(), StoreError> {
        let _ = (tenant, key, answer);
        todo!()
    }

    /// Forgets keys older than 24 hours, of every tenant.
    pub async fn expire_idempotent(&self) -> Result<u64, StoreError> {
        todo!()
    }
}
