//! Who calls: bearer tokens (JWT), and what their role may do.

mod hs256;
mod jwks;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use sbh_domain::{Permission, Role, TenantId};
use sbh_runtime::config::AuthConfig;
use serde::Deserialize;

use crate::problem::{Failure, Kind};
use crate::state::Shared;

/// Seconds by which the issuer's clock and ours may differ.
const LEEWAY_S: u64 = 30;
/// The longest token that is looked at.
const MAX_TOKEN: usize = 8 * 1024;

/// The caller of an API request.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The tenant whose data the request sees.
    pub tenant: TenantId,
    /// Who: the token's subject, for the audit log.
    pub subject: String,
    /// What the caller may do.
    pub role: Role,
}

impl Caller {
    /// Refuses a caller whose role may not do something.
    ///
    /// # Errors
    /// Names the role and the permission.
    pub fn may(&self, permission: Permission) -> Result<(), Failure> {
        if self.role.may(permission) {
            return Ok(());
        }
        let needed = match permission {
            Permission::Read => "read",
            Permission::Reprove => "ask for proofs",
            Permission::Acknowledge => "acknowledge drift or alerts",
            Permission::ResolveEffects => "resolve effects",
            Permission::EditAlertChannels => "change alert channels",
            Permission::EditRepositories => "change repositories",
            Permission::EditConnections => "change connections",
            Permission::ReadAudit => "read what only owners read",
        };
        Err(Failure::new(Kind::Forbidden, format!("the role {} may not {needed}", self.role)))
    }
}

/// Checks tokens.
pub struct Authority {
    hs256: hs256::Keys,
    jwks: Option<jwks::Keys>,
    issuer: String,
    audience: String,
}

/// The claims that are read; `exp`, `iss` and `aud` are checked before.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    tenant: String,
    role: String,
}

impl Authority {
    /// Prepares the check.
    ///
    /// # Errors
    /// When the client for the JWKS address cannot be made.
    pub fn new(config: &AuthConfig) -> anyhow::Result<Self> {
        Ok(Self {
            hs256: hs256::Keys::new(config.hs256_keys_file.clone()),
            jwks: config.jwks_url.as_deref().map(jwks::Keys::new).transpose()?,
            issuer: config.issuer.clone(),
            audience: config.audience.clone(),
        })
    }

    /// The caller that a token names.
    ///
    /// The key decides which algorithm is right, never the token: HS256 for keys of the file, RS256
    /// or ES256 for keys of the JWKS document according to the key's own type.
    ///
    /// # Errors
    /// [`Kind::Unauthorized`] without telling more than the caller needs.
    pub async fn check(&self, token: &str) -> Result<Caller, Failure> {
        let refuse = |why: &str| Failure::new(Kind::Unauthorized, why.to_owned());
        if token.len() > MAX_TOKEN {
            return Err(refuse("the token is too long"));
        }
        let header =
            jsonwebtoken::decode_header(token).map_err(|_| refuse("the token is no JWT"))?;
        let kid = header.kid.ok_or_else(|| refuse("the token's header names no key (kid)"))?;
        let (key, algorithm) = self
            .key(header.alg, &kid)
            .await
            .ok_or_else(|| refuse("the token's key is not known"))?;
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY_S;
        validation.validate_nbf = true;
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation)
            .map_err(|error| {
                use jsonwebtoken::errors::ErrorKind::{
                    ExpiredSignature, InvalidAudience, InvalidIssuer,
                };
                refuse(match error.kind() {
                    ExpiredSignature => "the token has expired",
                    InvalidAudience => "the token is for another audience",
                    InvalidIssuer => "the token is of another issuer",
                    _ => "the token is not valid",
                })
            })?
            .claims;
        if claims.sub.is_empty() || claims.sub.len() > 200 {
            return Err(refuse("the token's subject must have 1 to 200 characters"));
        }
        Ok(Caller {
            tenant: claims.tenant.parse().map_err(|_| refuse("the token names no tenant"))?,
            role: claims.role.parse().map_err(|_| refuse("the token names no role"))?,
            subject: claims.sub,
        })
    }

    async fn key(&self, algorithm: Algorithm, kid: &str) -> Option<(DecodingKey, Algorithm)> {
        match algorithm {
            Algorithm::HS256 => self.hs256.find(kid).map(|key| (key, Algorithm::HS256)),
            Algorithm::RS256 | Algorithm::ES256 => self.jwks.as_ref()?.find(kid).await,
            _ => None,
        }
    }
}

/// The bearer token of a request.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Layer of `/api`: finds the caller, or answers 401 or 403.
pub async fn authenticate(
    State(state): State<Shared>,
    mut request: Request,
    next: Next,
) -> Result<Response, Failure> {
    let token = bearer(request.headers())
        .ok_or_else(|| Failure::new(Kind::Unauthorized, "the request has no bearer token"))?;
    let caller = state.authority.check(token).await?;
    if !state.knows(&caller.tenant).await? {
        return Err(Failure::new(Kind::UnknownTenant, format!("no tenant {}", caller.tenant)));
    }
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        // Absent only where a route was put outside of the layer: refuse rather than trust.
        let caller = parts.extensions.get::<Self>();
        caller
            .cloned()
            .ok_or_else(|| Failure::new(Kind::Unauthorized, "the request has no bearer token"))
    }
}

#[cfg(test)]
mod tests;
