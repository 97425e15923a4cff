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

/// The largest body that is kept, in bytes of JSON. Answers to mutating requests are far smaller.
pub const MAX_BODY: usize = 256 * 1024;

impl Store {
    /// Takes a key for a request with this fingerprint (method, path, body). A key held for more
    /// than a minute by a request that never finished is free again.
    pub async fn begin_idempotent(
        &self,
        tenant: &TenantId,
        key: &str,
        fingerprint: Digest,
    ) -> Result<Idempotency, StoreError> {
        if key.chars().count() > 300 || key.contains('\0') {
            return Err(StoreError::Conflict(
                "an Idempotency-Key has at most 300 characters".to_owned(),
            ));
        }
        let mut tx = self.scope(tenant).await?;
        let taken = sqlx::query!(
            "INSERT INTO idempotency_keys AS held (tenant_id, key, fingerprint) VALUES ($1, $2, $3)
             ON CONFLICT (tenant_id, key) DO UPDATE SET
                 fingerprint = excluded.fingerprint, created_at = now(),
                 status = NULL, body = NULL, secret_id = NULL
             WHERE held.created_at < now() - interval '24 hours'
                OR (held.created_at < now() - interval '1 minute'
                    AND held.status IS NULL AND held.secret_id IS NULL)",
            tenant.as_str(),
            key,
            fingerprint.0.as_slice(),
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if taken > 0 {
            tx.commit().await?;
            return Ok(Idempotency::Started);
        }
        let row = sqlx::query!(
            "SELECT fingerprint, status, body, secret_id FROM idempotency_keys
             WHERE tenant_id = $1 AND key = $2",
            tenant.as_str(),
            key,
        )
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        // Freed between the two statements: the request that held it failed this very moment.
        let Some(row) = row else { return Ok(Idempotency::InProgress) };
        Ok(if row.fingerprint != fingerprint.0 {
            Idempotency::Mismatch
        } else if let Some(id) = row.secret_id {
            Idempotency::Withheld { id }
        } else if let Some(status) = row.status {
            let status = u16::try_from(status)
                .map_err(|_| StoreError::Unreadable(format!("the HTTP status {status}")))?;
            Idempotency::Replay { status, body: row.body.unwrap_or_default() }
        } else {
            Idempotency::InProgress
        })
    }

    /// Keeps the answer; `None` frees the key, because the request failed and may be repeated.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] for a body above [`MAX_BODY`].
    pub async fn finish_idempotent(
        &self,
        tenant: &TenantId,
        key: &str,
        answer: Option<Answer<'_>>,
    ) -> Result<(), StoreError> {
        let (status, body, secret) = match answer {
            None => {
                let mut tx = self.scope(tenant).await?;
                sqlx::query!(
                    "DELETE FROM idempotency_keys
                     WHERE tenant_id = $1 AND key = $2 AND status IS NULL AND secret_id IS NULL",
                    tenant.as_str(),
                    key,
                )
                .execute(&mut *tx)
                .await?;
                tx.commit().await?;
                return Ok(());
            }
            Some(Answer::Body { status, body }) => (Some(status), Some(body), None),
            Some(Answer::Secret { id }) => (None, None, Some(id)),
        };
        // As text: sqlx sends JSON values as `jsonb`, which refuses NUL characters.
        let body = body.map(serde_json::Value::to_string);
        let size = body.as_ref().map_or(0, String::len);
        if size > MAX_BODY {
            return Err(StoreError::Conflict(format!(
                "an answer of {size} bytes is too large to be kept for its Idempotency-Key: at most {MAX_BODY}"
            )));
        }
        let status = status
            .map(i16::try_from)
            .transpose()
            .map_err(|_| StoreError::Conflict("an HTTP status has three digits".to_owned()))?;
        let mut tx = self.scope(tenant).await?;
        sqlx::query!(
            "UPDATE idempotency_keys SET status = $3, body = $4::text::json, secret_id = $5
             WHERE tenant_id = $1 AND key = $2 AND status IS NULL AND secret_id IS NULL",
            tenant.as_str(),
            key,
            status,
            body,
            secret,
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Forgets keys older than 24 hours, of every tenant.
    pub async fn expire_idempotent(&self) -> Result<u64, StoreError> {
        let tenants = sqlx::query_scalar!(
            "SELECT DISTINCT tenant_id FROM idempotency_keys WHERE created_at < now() - interval '24 hours'"
        )
        .fetch_all(&self.dispatch)
        .await?;
        let mut expired = 0;
        for tenant in tenants {
            let mut tx = self.scope(&crate::tenant::known(tenant.clone())?).await?;
            expired += sqlx::query!(
                "DELETE FROM idempotency_keys
                 WHERE tenant_id = $1 AND created_at < now() - interval '24 hours'",
                tenant,
            )
            .execute(&mut *tx)
            .await?
            .rows_affected();
            tx.commit().await?;
        }
        Ok(expired)
    }
}
