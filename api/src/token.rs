//! What a bearer token says.

use serde::{Deserialize, Serialize};

/// The claims of a bearer token (JWT).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who calls: a person or a program.
    pub sub: String,
    /// The tenant.
    pub tenant: String,
    /// `owner`, `maintainer`, `editor`, `reviewer` or `viewer`.
    pub role: String,
    /// The issuer: `auth.issuer` of the configuration.
    pub iss: String,
    /// The audience: `auth.audience` of the configuration.
    pub aud: String,
    /// Until when it is valid, in seconds since 1970.
    pub exp: i64,
    /// Since when it is valid, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
}

/// The file that `auth.hs256_keys_file` names.
#[derive(Clone, Serialize, Deserialize)]
pub struct Hs256Keys {
    /// The keys that are accepted. New tokens are signed with the last one.
    pub keys: Vec<Hs256Key>,
}

/// One HS256 key.
#[derive(Clone, Serialize, Deserialize)]
pub struct Hs256Key {
    /// What a token's header names it by.
    pub kid: String,
    /// The key: at least 32 bytes in base64.
    pub secret: String,
}

impl std::fmt::Debug for Hs256Keys {
    /// Without the keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.kid)).finish()
    }
}

impl std::fmt::Debug for Hs256Key {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hs256Key").field("kid", &self.kid).finish_non_exhaustive()
    }
}
