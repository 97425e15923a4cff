//! What a recording says to people: invariants that do not hold, provers that disagree, and that a
//! document drifted.

use sbh_domain::{AlertKind, Digest, DocumentId, RepositoryId, TenantId, Verdict, VerdictCounts};
use serde_json::json;
use sqlx::PgConnection;

use crate::StoreError;
use crate::alert::{self, NewAlert};
use crate::alert_routing::anybody_takes;
use crate::drift::forget_backlog;
use crate::spec_drift::ProofRun;
use crate::text::verdict;

/// Invariants of one document that get an alert of their own at most.
const MOST: i64 = 500;

/// The kinds of alert that a recording raises and resolves.
const KINDS: [AlertKind; 3] =
    [AlertKind::InvariantRefuted, AlertKind::ProverConflict, AlertKind::ProofUnstable];

/// What was recorded, for [`tell`].
pub(crate) struct Told<'a> {
    pub tenant: &'a TenantId,
    pub repository: RepositoryId,
    pub document: DocumentId,
    pub path: &'a str,
    /// What was recorded before, if anything was.
    pub before: Option<(Digest, VerdictCounts)>,
    /// What is recorded now; `None`: the document is gone.
    pub after: Option<(Digest, VerdictCounts)>,
    /// Whether that is what was observed last.
    pub is_current: bool,
    /// The version of the content.
    pub version: i64,
    pub run: &'a ProofRun,
}

/// Raises and resolves what a recording changes, in its transaction.
pub(crate) async fn tell(tx: &mut PgConnection, told: &Told<'_>) -> Result<(), StoreError> {
    let (tenant, document) = (told.tenant, told.document);
    tell_verdicts(tx, tenant, told.repository, Some(document)).await?;
    alert::resolve(tx, tenant, &stuck_key(document)).await?;
    if told.is_current {
        forget_backlog(tx, tenant, document).await?;
    }
    let Some((was, counts_before)) = told.before else { return Ok(()) };
    if told.after.is_some_and(|(is, _)| is == was) {
        return Ok(());
    }
    // An event that nobody wants to hear of is not kept: the history of verdicts has it anyway.
    let kind = AlertKind::DriftDetected;
    if !anybody_takes(tx, tenant, kind, kind.severity()).await? {
        return Ok(());
    }
    let path = told.path;
    let (title, counts) = match told.after {
        Some((_, counts)) => {
            (format!("{path} changed and was proved anew: {}", summary(counts)), counts)
        }
        None => (format!("{path} is gone"), VerdictCounts::default()),
    };
    let mut event =
        NewAlert::new(kind, format!("drift_detected/{document}/{}", told.version), title);
    event.repository = Some(told.repository);
    event.document = Some(document);
    event.detail = json!({
        "before": counts_before, "after": counts,
        "from": was.short(), "to": told.after.map(|(is, _)| is.short()),
        "workflow_id": told.run.workflow_id, "run_id": told.run.run_id,
    });
    alert::raise(tx, tenant, &event).await?;
    Ok(())
}

/// `3 proved, 1 refuted`.
fn summary(counts: VerdictCounts) -> String {
    let parts: Vec<_> = Verdict::ALL
        .into_iter()
        .map(|verdict| (counts.of(verdict), verdict))
        .filter(|(count, _)| *count > 0)
        .map(|(count, verdict)| format!("{count} {verdict}"))
        .collect();
    if parts.is_empty() { "no invariants".to_owned() } else { parts.join(", ") }
}

/// The key of the alert of a document that was given up.
pub(crate) fn stuck_key(document: DocumentId) -> String {
    format!("proof_stuck/{document}")
}

/// The key of an invariant's alert. Long names are named by their digest: a cut one would be another's.
fn key(kind: AlertKind, document: uuid::Uuid, name: &str, occurrence: i32) -> String {
    let name =
        if name.chars().count() <= 150 { name.to_owned() } else { Digest::of(name).to_string() };
    format!("{kind}/{document}/{name}/{occurrence}")
}

/// Raises an alert for each invariant of a repository, or of one document of it, that is refuted or on
/// which provers disagree, and resolves those that are not any more.
pub(crate) async fn tell_verdicts(
    tx: &mut PgConnection,
    tenant: &TenantId,
    repository: RepositoryId,
    document: Option<DocumentId>,
) -> Result<(), StoreError> {
    let rows = sqlx::query!(
        r#"SELECT invariant.document_id, document.path, document.workflow_id, document.run_id,
                  invariant.name, invariant.occurrence, invariant.title, invariant.story, invariant.line,
                  invariant.verdict, invariant.counterexample, invariant.reason,
                  invariant.detail
           FROM invariants invariant
           JOIN documents document ON document.tenant_id = $1 AND document.id = invariant.document_id
           WHERE invariant.tenant_id = $1 AND invariant.repository_id = $2
             AND ($3::uuid IS NULL OR invariant.document_id = $3)
             AND (invariant.verdict IN ('refuted', 'conflict')
                  OR invariant.detail::text LIKE '%"unstable"%')
           ORDER BY invariant.document_id, invariant.ordinal LIMIT $4"#,
        tenant.as_str(),
        repository.0,
        document.map(|document| document.0),
        MOST,
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let what = match verdict(&row.verdict)? {
            Verdict::Refuted => Some((AlertKind::InvariantRefuted, "does not hold")),
            Verdict::Conflict => {
                Some((AlertKind::ProverConflict, "is judged differently by two provers"))
            }
            _ => None,
        };
        let seeds = row.detail.as_ref().and_then(|detail| detail.get("unstable")?.as_str());
        let unstable =
            seeds.map(|_| (AlertKind::ProofUnstable, "is judged differently by other seeds"));
        for (kind, says) in what.into_iter().chain(unstable) {
            let name = row
                .title
                .as_deref()
                .map_or_else(|| row.name.clone(), |title| format!("{} ({title})", row.name));
            let title = format!("{name} in {} {says}", row.path);
            let mut alert =
                NewAlert::new(kind, key(kind, row.document_id, &row.name, row.occurrence), title);
            alert.repository = Some(repository);
            alert.document = Some(DocumentId(row.document_id));
            alert.invariant = Some(row.name.clone());
            alert.detail = json!({
                "line": row.line, "story": row.story,
                "reason": if kind == AlertKind::ProofUnstable { seeds } else { row.reason.as_deref() },
                "counterexample": row.counterexample,
                "workflow_id": row.workflow_id, "run_id": row.run_id,
            });
            found.push(alert);
        }
    }
    let still: Vec<_> = found.iter().map(|alert| alert.key.clone()).collect();
    alert::raise_all(tx, tenant, &found).await?;
    if let Some(document) = document {
        for kind in KINDS {
            alert::resolve_under_but(tx, tenant, &format!("{kind}/{document}/"), &still).await?;
        }
    }
    Ok(())
}

/// Resolves everything that concerns a repository, which is not tracked any more.
pub(crate) async fn forget_repository(
    tx: &mut PgConnection,
    tenant: &TenantId,
    repository: RepositoryId,
) -> Result<(), StoreError> {
    let keys = sqlx::query_scalar!(
        "SELECT key FROM alerts WHERE tenant_id = $1 AND repository_id = $2 AND state = 'open'",
        tenant.as_str(),
        repository.0,
    )
    .fetch_all(&mut *tx)
    .await?;
    for key in keys {
        alert::resolve(tx, tenant, &key).await?;
    }
    Ok(())
}

/// Raises the alert of a document that was given up.
pub(crate) async fn tell_stuck(
    tx: &mut PgConnection,
    tenant: &TenantId,
    document: DocumentId,
    failures: i32,
    reason: &str,
) -> Result<(), StoreError> {
    let row = sqlx::query!(
        "SELECT path, repository_id FROM documents WHERE tenant_id = $1 AND id = $2",
        tenant.as_str(),
        document.0,
    )
    .fetch_one(&mut *tx)
    .await?;
    let title = format!("{} was given up after {failures} failed proofs", row.path);
    let mut alert = NewAlert::new(AlertKind::ProofStuck, stuck_key(document), title);
    alert.repository = Some(RepositoryId(row.repository_id));
    alert.document = Some(document);
    alert.detail = json!({
        "reason": reason,
        "workflow_id": format!("spec-drift/{tenant}/{document}"),
        "what_to_do": format!("sbh drift reprove {document}, or change the document"),
    });
    alert::raise(tx, tenant, &alert).await?;
    Ok(())
}
