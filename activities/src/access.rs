//! A connection opened: its source, and a session with its service.

use std::time::SystemTime;

use sbh_domain::{ConnectionId, TenantId};
use sbh_sources::github::settings::Settings;
use sbh_sources::{FetchError, Session, Source};
use sbh_store::source_upkeep::ConnectionInUse;
use serde_json::Value;

use crate::Parts;
use crate::error::{Failure, FailureKind};
use crate::git::credential;

/// What a secret of a connection is sealed for.
const SECRET_PURPOSE: &str = "connection-secret";

/// A connection opened.
pub(crate) struct Access {
    /// The connection as it is kept.
    pub(crate) held: ConnectionInUse,
    /// Its source.
    pub(crate) source: &'static dyn Source,
    settings: Value,
    credential: Option<String>,
    secret: Vec<u8>,
    webhook_url: String,
}

impl Access {
    /// Opens a connection.
    ///
    /// # Errors
    /// When it is gone, or when its settings, its secret or its credential cannot be used.
    pub(crate) async fn open(
        parts: &Parts,
        tenant: &TenantId,
        connection: ConnectionId,
    ) -> Result<Self, Failure> {
        let held = parts.store.connection_in_use(tenant, connection).await?;
        let source = sbh_sources::by_name(&held.source).ok_or_else(|| {
            let message = format!("{} is a source that this program does not know", held.source);
            Failure::new(FailureKind::Address, message)
        })?;
        let settings = source.check_settings(&held.settings).map_err(|why| {
            let message = format!("the settings of the connection {}: {why}", held.name);
            Failure::new(FailureKind::Address, message)
        })?;
        let unusable = |why: String| {
            let message = format!("the connection {}: {why}", held.name);
            Failure::new(FailureKind::Credential, message)
        };
        let open = |purpose: &str, sealed: &[u8]| {
            parts
                .keyring
                .open(purpose, sealed)
                .map_err(|error| unusable(format!("a secret of it cannot be opened: {error}")))
        };
        let secret = open(SECRET_PURPOSE, &held.sealed_secret)?.to_vec();
        let credential = match &held.sealed_credential {
            None => None,
            Some(sealed) => {
                let plain = String::from_utf8(open(credential::PURPOSE, sealed)?.to_vec());
                Some(plain.map_err(|_| unusable("its credential is not text".to_owned()))?)
            }
        };
        if credential.is_some() && source.name() == "github" {
            // It may be shown to one host alone, whatever the settings say.
            let stored = parts.store.connection_credential(tenant, connection).await?;
            let host = stored.and_then(|stored| stored.host);
            let read = Settings::check(&settings).map_err(unusable)?;
            read.check_host(host.as_ref()).map_err(unusable)?;
        }
        let public_url = parts.config.starter.public_url.trim_end_matches('/');
        let webhook_url = format!("{public_url}/webhooks/{}/{connection}", source.name());
        Ok(Self { held, source, settings, credential, secret, webhook_url })
    }

    /// Uses another credential from now on.
    pub(crate) fn go_on_with(&mut self, credential: &str) {
        self.credential = Some(credential.to_owned());
    }

    /// A session with its service now.
    pub(crate) fn session<'a>(&'a self, parts: &'a Parts) -> Session<'a> {
        Session {
            http: &parts.outbound,
            bases: &parts.bases,
            settings: &self.settings,
            credential: self.credential.as_deref(),
            secret: &self.secret,
            connection: self.held.id.0,
            webhook_url: &self.webhook_url,
            now: SystemTime::now(),
        }
    }
}

/// What a failure to ask a service means for an activity. (That it asks to be left alone, and that a
/// listing must begin anew, is dealt with before.)
pub(crate) fn failure(of: &str, error: &FetchError) -> Failure {
    let kind = match error {
        FetchError::Credential(_) => FailureKind::Authentication,
        FetchError::Address(_) => FailureKind::Address,
        FetchError::NotFound(_) => FailureKind::SpaceMissing,
        FetchError::Unexpected(_) | FetchError::StaleCursor => FailureKind::Unexpected,
        FetchError::Unavailable(_) | FetchError::RateLimited { .. } => FailureKind::Unreachable,
    };
    Failure::new(kind, format!("{of}: {error}"))
}
