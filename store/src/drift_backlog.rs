//! Drift that nobody proves: one alert per document and content.

use std::time::Duration;

use sbh_domain::{AlertKind, DocumentId, RepositoryId, TenantId};
use serde_json::json;

use crate::alert::{NewAlert, raise_all, resolve_under_but};
use crate::drift::backlog_prefix;
use crate::{Store, StoreError};

/// Documents of which one transaction raises alerts at most.
const BATCH: i64 = 500;

/// What one look at a tenant's backlog found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Documents whose drift has been un-proved for too long.
    pub overdue: u64,
    /// Alerts raised just now.
    pub raised: u64,
    /// Alerts resolved just now.
    pub resolved: u64,
}

impl Store {
    /// Raises an alert for each document whose drift is older than `age` and that nobody acknowledged:
    /// once per content, since the key names it. Resolves the alerts of all others.
    pub async fn scan_backlog(
        &self,
        tenant: &TenantId,
        age: Duration,
    ) -> Result<Backlog, StoreError> {
        let mut backlog = Backlog::default();
        let mut still = Vec::new();
        let mut after = uuid::Uuid::nil();
        loop {
            let mut tx = self.scope(tenant).await?;
            let rows = sqlx::query!(
                r#"SELECT document.id, document.path, document.repository_id, repository.name,
                          document.observed_version, document.failure,
                          document.drifted_at AS "drifted_at!",
                          document.nudged_at = 'infinity' AS "stuck!"
                   FROM documents document
                   JOIN repositories repository
                     ON repository.tenant_id = $1 AND repository.id = document.repository_id
                    AND repository.removed_at IS NULL
                   WHERE document.tenant_id = $1 AND document.id > $3
                     AND document.drifted_at <= now() - make_interval(secs => $2)
                     AND NOT EXISTS (SELECT FROM drift_acknowledgements known
                                     WHERE known.tenant_id = $1 AND known.document_id = document.id
                                       AND known.version = document.observed_version)
                   ORDER BY document.id LIMIT $4"#,
                tenant.as_str(),
                age.as_secs_f64(),
                after,
                BATCH,
            )
            .fetch_all(&mut *tx)
            .await?;
            let last = rows.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
            let mut found = Vec::with_capacity(rows.len());
            for row in rows {
                after = row.id;
                let document = DocumentId(row.id);
                let key = format!("{}{}", backlog_prefix(document), row.observed_version);
                let since = row.drifted_at.format("%F %H:%M UTC");
                let title = format!("{} in {} is un-proved since {since}", row.path, row.name);
                let mut alert = NewAlert::new(AlertKind::DriftBacklog, &key, title);
                alert.repository = Some(RepositoryId(row.repository_id));
                alert.document = Some(document);
                alert.detail = json!({
                    "since": row.drifted_at, "reason": row.failure, "stuck": row.stuck,
                    "workflow_id": format!("spec-drift/{tenant}/{document}"),
                    "what_to_do": format!(
                        "sbh drift reprove {document}, or sbh drift acknowledge {document} --reason …"),
                });
                still.push(key);
                found.push(alert);
            }
            backlog.overdue += found.len() as u64;
            let raised = raise_all(&mut tx, tenant, &found).await?;
            backlog.raised += raised.iter().filter(|raised| raised.new).count() as u64;
            tx.commit().await?;
            if last {
                break;
            }
        }
        let mut tx = self.scope(tenant).await?;
        backlog.resolved = resolve_under_but(&mut tx, tenant, "drift_backlog/", &still).await?;
        tx.commit().await?;
        Ok(backlog)
    }
}
