//! Alerts: conditions, raised and resolved in the transaction that finds them.
//!
//! A condition has a key. Raising a key that is open only notes that it is still there; resolving it
//! ends it. Both decide, in the same transaction, which channels are to be told and when
//! (`crate::notify` does the telling).

use sbh_domain::{AlertId, AlertKind, ConnectionId, DocumentId, RepositoryId, Severity, TenantId};
use sqlx::PgConnection;

use crate::alert_routing;
use crate::text::{shortened, storable};
use crate::{Store, StoreError};

/// The longest detail, in bytes of JSON: messages and pages show it whole.
const DETAIL: usize = 16_384;

/// A condition that was found.
#[derive(Clone, Debug)]
pub struct NewAlert {
    /// Names the condition within the tenant, at most 400 characters: `kind/what it is about`. A part
    /// that names the content makes a changed content another condition.
    pub key: String,
    /// What it is about.
    pub kind: AlertKind,
    /// How grave it is.
    pub severity: Severity,
    /// One sentence for people.
    pub title: String,
    /// More about it: small, without secrets. Texts of `reason`, `counterexample` and `what_to_do` are
    /// shown by messages; `workflow_id` and `run_id` become a link.
    pub detail: serde_json::Value,
    /// The repository that it concerns.
    pub repository: Option<RepositoryId>,
    /// The document that it concerns.
    pub document: Option<DocumentId>,
    /// The connection that it concerns.
    pub connection: Option<ConnectionId>,
    /// The name of the invariant that it concerns.
    pub invariant: Option<String>,
}

impl NewAlert {
    /// A condition with its kind's severity that concerns nothing in particular yet.
    pub fn new(kind: AlertKind, key: impl Into<String>, title: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            kind,
            severity: kind.severity(),
            title: title.into(),
            detail: serde_json::json!({}),
            repository: None,
            document: None,
            connection: None,
            invariant: None,
        }
    }

    /// The detail as it is stored.
    fn detail(&self) -> String {
        let text = storable(&self.detail.to_string());
        if text.len() <= DETAIL { text } else { r#"{"reason":"too long to be kept"}"#.to_owned() }
    }
}

/// An alert that was raised just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raised {
    /// The alert.
    pub id: AlertId,
    /// Whether the condition was not open before.
    pub new: bool,
}

impl Store {
    /// Raises a condition in a transaction of its own; see [`raise`].
    pub async fn raise_alert(
        &self,
        tenant: &TenantId,
        alert: &NewAlert,
    ) -> Result<Raised, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let raised = raise(&mut tx, tenant, alert).await?;
        tx.commit().await?;
        Ok(raised)
    }

    /// Resolves a condition in a transaction of its own; see [`resolve`].
    pub async fn resolve_alert(&self, tenant: &TenantId, key: &str) -> Result<u64, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let resolved = resolve(&mut tx, tenant, key).await?;
        tx.commit().await?;
        Ok(resolved)
    }

    /// Resolves conditions by the beginning of their key, in a transaction of its own; see
    /// [`resolve_under`].
    pub async fn resolve_alerts_under(
        &self,
        tenant: &TenantId,
        prefix: &str,
    ) -> Result<u64, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let resolved = resolve_under(&mut tx, tenant, prefix).await?;
        tx.commit().await?;
        Ok(resolved)
    }
}

/// Raises a condition: opens it, or notes that it is still there, with the newest title and detail. An
/// alert that became graver is told again.
pub(crate) async fn raise(
    tx: &mut PgConnection,
    tenant: &TenantId,
    alert: &NewAlert,
) -> Result<Raised, StoreError> {
    let raised = raise_all(tx, tenant, std::slice::from_ref(alert)).await?;
    raised.first().copied().ok_or_else(|| StoreError::not_found("alert", &alert.key))
}

/// Raises several conditions at once, with distinct keys; answers in no particular order.
pub(crate) async fn raise_all(
    tx: &mut PgConnection,
    tenant: &TenantId,
    alerts: &[NewAlert],
) -> Result<Vec<Raised>, StoreError> {
    if alerts.is_empty() {
        return Ok(Vec::new());
    }
    // In one order everywhere, so that two transactions never wait for each other in a circle.
    let mut alerts: Vec<_> = alerts.iter().collect();
    alerts.sort_by(|a, b| a.key.cmp(&b.key));
    let ids: Vec<_> = alerts.iter().map(|_| uuid::Uuid::now_v7()).collect();
    let texts = |of: &dyn Fn(&NewAlert) -> String| -> Vec<String> {
        alerts.iter().map(|alert| of(alert)).collect()
    };
    let keys = texts(&|alert| shortened(&alert.key, 400));
    let kinds = texts(&|alert| alert.kind.to_string());
    let severities = texts(&|alert| alert.severity.to_string());
    let titles = texts(&|alert| shortened(&alert.title, 300));
    let details = texts(&NewAlert::detail);
    let states = texts(&|alert| if alert.kind.is_event() { "event" } else { "open" }.to_owned());
    let repositories: Vec<_> = alerts.iter().map(|alert| alert.repository.map(|id| id.0)).collect();
    let documents: Vec<_> = alerts.iter().map(|alert| alert.document.map(|id| id.0)).collect();
    let connections: Vec<_> = alerts.iter().map(|alert| alert.connection.map(|id| id.0)).collect();
    let invariants: Vec<_> =
        alerts.iter().map(|a| a.invariant.as_deref().map(|name| shortened(name, 300))).collect();
    let rows = sqlx::query!(
        r#"INSERT INTO alerts AS known
               (id, tenant_id, key, kind, severity, title, detail, state, repository_id, document_id,
                connection_id, invariant)
           SELECT id, $1, key, kind, severity, title, detail::json, state, repository_id, document_id,
                  connection_id, invariant
           FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                       $8::text[], $9::uuid[], $10::uuid[], $11::uuid[], $12::text[])
               AS found (id, key, kind, severity, title, detail, state, repository_id, document_id,
                         connection_id, invariant)
           ORDER BY key
           ON CONFLICT (tenant_id, key) WHERE state <> 'resolved' DO UPDATE SET
               last_seen_at = now(), times_seen = known.times_seen + 1, title = excluded.title,
               detail = excluded.detail, severity = excluded.severity
           RETURNING WITH (OLD AS before) id, key, kind, severity, state, before.severity AS "was?""#,
        tenant.as_str(),
        &ids,
        &keys,
        &kinds,
        &severities,
        &titles,
        &details,
        &states,
        &repositories as &[Option<uuid::Uuid>],
        &documents as &[Option<uuid::Uuid>],
        &connections as &[Option<uuid::Uuid>],
        &invariants as &[Option<String>],
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut raised = Vec::with_capacity(rows.len());
    let mut news = Vec::new();
    for row in rows {
        let severity: Severity = read(&row.severity)?;
        let was: Option<Severity> = row.was.as_deref().map(read).transpose()?;
        let told = alert_routing::told_of_raise(was, severity);
        let id = AlertId(row.id);
        raised.push(Raised { id, new: was.is_none() });
        if let Some(told) = told {
            news.push(alert_routing::News {
                id,
                key: row.key,
                kind: read(&row.kind)?,
                severity,
                told,
            });
        }
    }
    alert_routing::route(tx, tenant, &news).await?;
    Ok(raised)
}

/// Resolves the condition with this key, if it is open. Whoever was told that it is there is told that
/// it is gone; whoever was not told yet is told nothing. Returns how many were open: 0 or 1.
pub(crate) async fn resolve(
    tx: &mut PgConnection,
    tenant: &TenantId,
    key: &str,
) -> Result<u64, StoreError> {
    let rows = sqlx::query!(
        "UPDATE alerts SET state = 'resolved', resolved_at = now()
         WHERE tenant_id = $1 AND key = $2 AND state = 'open' RETURNING id",
        tenant.as_str(),
        shortened(key, 400),
    )
    .fetch_all(&mut *tx)
    .await?;
    let ids: Vec<_> = rows.into_iter().map(|row| row.id).collect();
    alert_routing::route_resolved(tx, tenant, &ids).await?;
    Ok(ids.len() as u64)
}

/// Resolves every open condition whose key begins with `prefix`; end it with `/`.
pub(crate) async fn resolve_under(
    tx: &mut PgConnection,
    tenant: &TenantId,
    prefix: &str,
) -> Result<u64, StoreError> {
    resolve_under_but(tx, tenant, prefix, &[]).await
}

/// Resolves every open condition whose key begins with `prefix`, but those with these keys.
pub(crate) async fn resolve_under_but(
    tx: &mut PgConnection,
    tenant: &TenantId,
    prefix: &str,
    still: &[String],
) -> Result<u64, StoreError> {
    let still: Vec<_> = still.iter().map(|key| shortened(key, 400)).collect();
    let first = shortened(prefix, 399);
    // The least text that is above all with this beginning, byte by byte: the index has that order.
    let beyond = match first.strip_suffix('/') {
        Some(stem) => format!("{stem}0"),
        None => format!("{first}\u{10ffff}"),
    };
    let rows = sqlx::query!(
        "UPDATE alerts SET state = 'resolved', resolved_at = now()
         WHERE tenant_id = $1 AND state = 'open' AND key ~>=~ $2 AND key ~<~ $3
           AND NOT key = ANY($4) RETURNING id",
        tenant.as_str(),
        first,
        beyond,
        &still,
    )
    .fetch_all(&mut *tx)
    .await?;
    let ids: Vec<_> = rows.into_iter().map(|row| row.id).collect();
    alert_routing::route_resolved(tx, tenant, &ids).await?;
    Ok(ids.len() as u64)
}

/// A name of the domain from a column.
pub(crate) fn read<T: std::str::FromStr>(text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|_| StoreError::Unreadable(format!("{text:?} in an alert")))
}
