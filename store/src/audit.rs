//! The audit log: appended by every mutation, sealed into a chain per tenant afterwards.

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use sbh_domain::TenantId;
use sbh_domain::audit::{self, AuditEntry, Verifier};
use sqlx::PgConnection;

use crate::text::{digest, storable};
use crate::{Store, StoreError};

/// How many entries one transaction seals at most.
const BATCH: i64 = 1_000;

/// An audit entry as people see it.
#[derive(Clone, Debug)]
pub struct AuditRow {
    /// Its place in the chain; `None` until it is sealed.
    pub sequence: Option<i64>,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// Who did it.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub target: String,
    /// More about it.
    pub detail: serde_json::Value,
    /// The entry's digest in full; `None` until it is sealed.
    pub hash: Option<String>,
}

/// The result of following a chain.
#[derive(Clone, Debug)]
pub struct Verification {
    /// Entries that hold.
    pub entries: i64,
    /// Entries not sealed yet.
    pub unsealed: i64,
    /// The digest of the last entry that holds, in full.
    pub head: String,
    /// The first broken entry and what is wrong with it.
    pub broken: Option<String>,
}

/// Appends an entry to the audit log in the mutation's own transaction; it is sealed later.
pub(crate) async fn append(
    tx: &mut PgConnection,
    tenant: &TenantId,
    actor: &str,
    action: &str,
    target: impl ToString,
    detail: &serde_json::Value,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO audit_log (tenant_id, at, actor, action, target, detail)
         VALUES ($1, clock_timestamp(), $2, $3, $4, $5)",
        tenant.as_str(),
        storable(actor),
        action,
        storable(&target.to_string()),
        storable(&detail.to_string()),
    )
    .execute(tx)
    .await?;
    Ok(())
}

impl Store {
    /// Seals what is not sealed, tenant by tenant, one sealer per tenant at a time. Returns how
    /// many entries were sealed.
    pub async fn seal_audit(&self) -> Result<u64, StoreError> {
        let tenants =
            sqlx::query_scalar!("SELECT DISTINCT tenant_id FROM audit_log WHERE sequence IS NULL")
                .fetch_all(&self.dispatch)
                .await?;
        let mut sealed = 0;
        for tenant in tenants {
            sealed += self.seal_tenant(&crate::tenant::known(tenant)?).await?;
        }
        Ok(sealed)
    }

    async fn seal_tenant(&self, tenant: &TenantId) -> Result<u64, StoreError> {
        let mut sealed = 0;
        loop {
            let batch = self.seal_batch(tenant).await?;
            sealed += batch;
            if batch < BATCH as u64 {
                return Ok(sealed);
            }
        }
    }

    /// Seals up to [`BATCH`] entries. Whatever is unsealed is sealed, in the order of ids: an entry
    /// that was committed late comes later in the chain than its id tells, but is never skipped.
    async fn seal_batch(&self, tenant: &TenantId) -> Result<u64, StoreError> {
        let mut tx = self.scope(tenant).await?;
        sqlx::query!(
            "SELECT pg_advisory_xact_lock(hashtextextended('audit/' || $1, 0))",
            tenant.as_str()
        )
        .execute(&mut *tx)
        .await?;
        let head = sqlx::query!(
            "SELECT sequence, hash FROM audit_heads WHERE tenant_id = $1",
            tenant.as_str()
        )
        .fetch_optional(&mut *tx)
        .await?;
        let (mut sequence, mut hash) = match head {
            Some(head) => (head.sequence, digest(head.hash)?),
            None => (0, audit::GENESIS),
        };
        let entries = sqlx::query!(
            "SELECT id, at, actor, action, target, detail FROM audit_log
             WHERE tenant_id = $1 AND sequence IS NULL ORDER BY id LIMIT $2",
            tenant.as_str(),
            BATCH,
        )
        .fetch_all(&mut *tx)
        .await?;
        if entries.is_empty() {
            return Ok(0);
        }
        let (mut ids, mut sequences, mut hashes) = (Vec::new(), Vec::new(), Vec::new());
        for row in entries {
            sequence += 1;
            let entry = AuditEntry {
                sequence,
                tenant: tenant.to_string(),
                at_us: row.at.timestamp_micros(),
                actor: row.actor,
                action: row.action,
                target: row.target,
                detail: row.detail,
            };
            hash = audit::link(hash, &entry);
            ids.push(row.id);
            sequences.push(sequence);
            hashes.push(hash.0.to_vec());
        }
        sqlx::query!(
            "UPDATE audit_log SET sequence = sealed.sequence, hash = sealed.hash
             FROM unnest($2::bigint[], $3::bigint[], $4::bytea[]) AS sealed (id, sequence, hash)
             WHERE audit_log.tenant_id = $1 AND audit_log.id = sealed.id",
            tenant.as_str(),
            &ids,
            &sequences,
            &hashes,
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "INSERT INTO audit_heads (tenant_id, sequence, hash) VALUES ($1, $2, $3)
             ON CONFLICT (tenant_id) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash",
            tenant.as_str(),
            sequence,
            hash.0.as_slice(),
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(ids.len() as u64)
    }

    /// Follows a tenant's chain from its beginning, past the head that the sealer noted: the chain
    /// alone could not tell that its end was cut off.
    pub async fn verify_audit(&self, tenant: &TenantId) -> Result<Verification, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let noted = sqlx::query!(
            "SELECT sequence, hash FROM audit_heads WHERE tenant_id = $1",
            tenant.as_str()
        )
        .fetch_optional(&mut *tx)
        .await?;
        let mut verifier = Verifier::default();
        let (mut unsealed, mut broken) = (0, None);
        // Entries that are sealed between the two statements come after the noted head.
        let mut rows = sqlx::query!(
            "SELECT sequence, at, actor, action, target, detail, hash FROM audit_log
             WHERE tenant_id = $1 ORDER BY sequence NULLS LAST",
            tenant.as_str(),
        )
        .fetch(&mut *tx);
        while let Some(row) = rows.try_next().await? {
            let (Some(sequence), Some(hash)) = (row.sequence, row.hash) else {
                unsealed += 1;
                continue;
            };
            if broken.is_some() {
                continue;
            }
            let entry = AuditEntry {
                sequence,
                tenant: tenant.to_string(),
                at_us: row.at.timestamp_micros(),
                actor: row.actor,
                action: row.action,
                target: row.target,
                detail: row.detail,
            };
            let other_head =
                noted.as_ref().is_some_and(|head| head.sequence == sequence && head.hash != hash);
            broken = match verifier.follow(&entry, digest(hash)?) {
                Err(error) => Some(error.to_string()),
                Ok(()) if other_head => {
                    Some(format!("entry {sequence} is not the one that was sealed as the last"))
                }
                Ok(()) => None,
            };
        }
        drop(rows);
        tx.commit().await?;
        let (entries, head) = verifier.head();
        if let (None, Some(noted)) = (&broken, noted)
            && noted.sequence > entries
        {
            broken =
                Some(format!("entry {} is missing: {} were sealed", entries + 1, noted.sequence));
        }
        Ok(Verification { entries, unsealed, head: head.to_string(), broken })
    }

    /// A page of a tenant's entries, newest first; `before` is the sequence of the last entry of the
    /// page before. Seals first, so that every entry of a page has its sequence and pages join.
    pub async fn audit(
        &self,
        tenant: &TenantId,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<AuditRow>, StoreError> {
        self.seal_tenant(tenant).await?;
        let mut tx = self.scope(tenant).await?;
        let rows = sqlx::query!(
            "SELECT sequence, at, actor, action, target, detail, hash FROM audit_log
             WHERE tenant_id = $1 AND sequence < coalesce($2, 9223372036854775807)
             ORDER BY sequence DESC LIMIT $3",
            tenant.as_str(),
            before,
            limit,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        rows.into_iter()
            .map(|row| {
                Ok(AuditRow {
                    sequence: row.sequence,
                    at: row.at,
                    actor: row.actor,
                    action: row.action,
                    target: row.target,
                    detail: serde_json::from_str(&row.detail).map_err(|error| {
                        StoreError::Unreadable(format!("an audit entry's detail: {error}"))
                    })?,
                    hash: row.hash.map(digest).transpose()?.map(|hash| hash.to_string()),
                })
            })
            .collect()
    }
}
