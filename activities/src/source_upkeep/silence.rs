//! Whether a connection is silent: polls find what its deliveries should have announced.

use sbh_domain::{AlertKind, TenantId};
use sbh_store::alert::NewAlert;
use sbh_store::source_upkeep::ConnectionInUse;

use super::round::{key, raise};
use crate::Parts;
use crate::error::Failure;

/// Raises or resolves the alert of a connection of which `unannounced` polls in succession found
/// changes that no delivery had announced. One that never delivered anything may be meant to be polled.
pub(crate) async fn judge(
    parts: &Parts,
    tenant: &TenantId,
    held: &ConnectionInUse,
    unannounced: i32,
) -> Result<(), Failure> {
    let silent = key(AlertKind::SourceSilent, held.id);
    let most = i32::try_from(parts.config.sources.silent_after_polls).unwrap_or(i32::MAX);
    if unannounced == 0 {
        parts.store.resolve_alert(tenant, &silent).await?;
        return Ok(());
    }
    let Some(last) = held.last_delivery_at.filter(|_| unannounced >= most) else { return Ok(()) };
    let title = format!("Nothing comes from {} any more", held.name);
    let reason = format!(
        "{unannounced} polls in succession found changes that no delivery had announced; the last \
         delivery came at {}. Look at the webhook in the source's settings.",
        last.format("%F %R UTC")
    );
    let alert = NewAlert::new(AlertKind::SourceSilent, silent, title);
    raise(&parts.store, tenant, held, alert, &reason).await
}
