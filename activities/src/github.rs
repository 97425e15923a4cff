//! GitHub's REST interface with the credential of a repository's connection.
//!
//! The credential is one: a token, or an App's private key with its ids in the settings. It is for one
//! host, and the interface that it is shown to must be that host's: whoever may change settings must
//! not be able to have it sent elsewhere.

use std::time::SystemTime;

use sbh_domain::{ConnectionId, TenantId};
use sbh_sources::Session;
use sbh_sources::github::api::Api;
use sbh_sources::github::settings::Settings;
use sbh_store::StoreError;
use serde_json::Value;

use crate::Parts;
use crate::error::{Failure, FailureKind};
use crate::git::{Credential, credential};

/// A connection opened.
pub(crate) struct Access {
    connection: ConnectionId,
    /// Its settings.
    pub(crate) settings: Settings,
    raw: Value,
    credential: Option<String>,
}

impl Access {
    /// Opens a connection of GitHub. `None`: it is of another source, or removed.
    ///
    /// # Errors
    /// When its settings or its credential cannot be used.
    pub(crate) async fn open(
        parts: &Parts,
        tenant: &TenantId,
        connection: ConnectionId,
    ) -> Result<Option<Self>, Failure> {
        let found = match parts.store.connection_in_use(tenant, connection).await {
            Ok(found) if found.source == "github" => found,
            Ok(_) | Err(StoreError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let unusable = |why: String| Failure::new(FailureKind::Credential, why);
        let settings = Settings::check(&found.settings).map_err(unusable)?;
        let stored = parts.store.connection_credential(tenant, connection).await?;
        let credential = match stored {
            None => None,
            Some(stored) => {
                settings.check_host(stored.host.as_ref()).map_err(unusable)?;
                let plain = parts.keyring.open(credential::PURPOSE, &stored.sealed);
                let plain = plain.map_err(|error| {
                    unusable(format!("the connection's credential cannot be opened: {error}"))
                })?;
                let text = String::from_utf8(plain.to_vec());
                Some(text.map_err(|_| unusable("the connection's credential is not text".into()))?)
            }
        };
        Ok(Some(Self { connection, settings, raw: found.settings, credential }))
    }

    /// A session with it now.
    pub(crate) fn session<'a>(&'a self, parts: &'a Parts) -> Session<'a> {
        Session {
            http: &parts.outbound,
            bases: &parts.bases,
            settings: &self.raw,
            credential: self.credential.as_deref(),
            // Nothing is registered through this session.
            secret: &[],
            connection: self.connection.0,
            webhook_url: "",
            now: SystemTime::now(),
        }
    }
}

/// What git shows instead of the private key of a GitHub App: a token of its installation. `None`: the
/// connection names no App.
///
/// # Errors
/// Why there is no token.
pub(crate) async fn git_credential(
    parts: &Parts,
    tenant: &TenantId,
    connection: ConnectionId,
) -> Result<Option<Credential>, Failure> {
    let access = Access::open(parts, tenant, connection).await?;
    let Some(access) = access.filter(|access| access.settings.app_id.is_some()) else {
        return Ok(None);
    };
    let session = access.session(parts);
    let token = Api::of(&session).map_err(|error| failure(&error))?.token().await;
    let token = token.map_err(|error| failure(&error))?;
    Credential::parse(token.as_bytes()).map(Some)
}

/// What a failure to ask GitHub means for an activity.
fn failure(error: &sbh_sources::FetchError) -> Failure {
    use sbh_sources::FetchError;
    let kind = match error {
        FetchError::Credential(_) => FailureKind::Authentication,
        FetchError::Address(_) => FailureKind::Address,
        FetchError::NotFound(_) => FailureKind::RepositoryMissing,
        _ => FailureKind::Unreachable,
    };
    Failure::new(kind, error.to_string())
}
