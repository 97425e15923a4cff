//! What git shows instead of the private key of a GitHub App.

use sbh_domain::{ConnectionId, TenantId};
use sbh_sources::github::api::Api;

use crate::Parts;
use crate::access::{self, Access};
use crate::error::Failure;
use crate::git::Credential;

/// A token of the App's installation. `None`: the connection names no App.
///
/// # Errors
/// Why there is no token.
pub(crate) async fn git_credential(
    parts: &Parts,
    tenant: &TenantId,
    connection: ConnectionId,
) -> Result<Option<Credential>, Failure> {
    let access = Access::open(parts, tenant, connection).await?;
    if access.source.name() != "github" {
        return Ok(None);
    }
    let session = access.session(parts);
    let of = "a token for git";
    let api = Api::of(&session).map_err(|error| access::failure(of, &error))?;
    if api.settings().app_id.is_none() {
        return Ok(None);
    }
    let token = api.token().await.map_err(|error| access::failure(of, &error))?;
    Credential::parse(token.as_bytes()).map(Some)
}
