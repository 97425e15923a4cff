//! Identifiers. Each kind is a type of its own, so that one can never be passed for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// An identifier that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {value:?} is not valid: {rule}")]
pub struct InvalidId {
    /// Which identifier was expected, for example `tenant`.
    pub kind: &'static str,
    /// What was given, cut to 80 characters.
    pub value: String,
    /// The rule that it breaks.
    pub rule: &'static str,
}

/// A tenant: 1 to 63 lower-case letters, digits and dashes, starting with a letter or digit.
///
/// It is part of workflow ids, cache keys and row-level security, so its alphabet is narrow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantId(String);

impl TenantId {
    /// The tenant as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TenantId {
    type Err = InvalidId;

    fn from_str(value: &str) -> Result<Self, InvalidId> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let valid = (1..=63).contains(&value.len())
            && value.starts_with(allowed)
            && value.chars().all(|c| allowed(c) || c == '-');
        if valid {
            Ok(Self(value.to_owned()))
        } else {
            Err(InvalidId {
                kind: "tenant",
                value: value.chars().take(80).collect(),
                rule: "use 1 to 63 of a-z, 0-9 and '-', starting with a letter or digit",
            })
        }
    }
}

impl TryFrom<String> for TenantId {
    type Error = InvalidId;

    fn try_from(value: String) -> Result<Self, InvalidId> {
        value.parse()
    }
}

impl From<TenantId> for String {
    fn from(value: TenantId) -> Self {
        value.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! uuid_id {
    ($(#[doc = $doc:literal] $name:ident as $kind:literal;)*) => {$(
        #[doc = $doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(value: &str) -> Result<Self, InvalidId> {
                Uuid::parse_str(value).map(Self).map_err(|_| InvalidId {
                    kind: $kind,
                    value: value.chars().take(80).collect(),
                    rule: "use a UUID such as 01938f3e-1111-7abc-8def-0123456789ab",
                })
            }
        }
    )*};
}

uuid_id! {
    #[doc = "A connection: one source of webhooks of one tenant, with its secrets and credentials."]
    ConnectionId as "connection";
    #[doc = "A git repository that a tenant tracks."]
    RepositoryId as "repository";
    #[doc = "A spec document in a repository. It survives a rename."]
    DocumentId as "document";
    #[doc = "A row of the inbox: one acknowledged notice."]
    InboxId as "inbox row";
    #[doc = "One synchronisation of a repository's documents with its tracked branch."]
    SyncId as "sync";
    #[doc = "An alert: one condition, from when it is found until it is gone."]
    AlertId as "alert";
    #[doc = "A channel that a tenant's alerts are told to."]
    ChannelId as "alert channel";
    #[doc = "An outgoing effect: something done outside that cannot be undone."]
    EffectId as "effect";
    #[doc = "A check run that is wanted on a commit."]
    CheckRunId as "check run";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_a_narrow_slug() {
        for good in ["demo", "a", "0", "acme-2"] {
            assert_eq!(good.parse::<TenantId>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", "A", "a/b", "a b", "ä", &"x".repeat(64)] {
            assert!(bad.parse::<TenantId>().is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn an_id_says_what_it_wanted() {
        let error = "nonsense".parse::<RepositoryId>().unwrap_err();
        assert!(error.to_string().starts_with("repository \"nonsense\" is not valid"));
    }
}
