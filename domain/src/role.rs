//! Roles and the one table of what they may do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::InvalidId;

/// A person's or program's role in a tenant, weakest first: each may do all that the ones before
/// it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Looks and re-proves.
    Reviewer,
    /// Also changes what is tracked.
    Editor,
    /// Also holds connections and their secrets.
    Maintainer,
    /// Also reads the audit log.
    Owner,
}

/// Something that the API lets a role do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Read repositories, specs, verdicts and coverage.
    Read,
    /// Ask for a proof or a synchronisation.
    Reprove,
    /// Say that one knows of drift or of an alert.
    Acknowledge,
    /// Say what became of an effect, or send it again.
    ResolveEffects,
    /// Make, change, try and remove alert channels.
    EditAlertChannels,
    /// Add, remove and restore repositories; retry parked inbox rows.
    EditRepositories,
    /// Create connections and rotate their secrets.
    EditConnections,
    /// Read and verify the audit log.
    ReadAudit,
}

impl Role {
    /// Every role, weakest first.
    pub const ALL: [Self; 5] =
        [Self::Viewer, Self::Reviewer, Self::Editor, Self::Maintainer, Self::Owner];

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Reviewer => "reviewer",
            Self::Editor => "editor",
            Self::Maintainer => "maintainer",
            Self::Owner => "owner",
        }
    }

    /// The permission table: the weakest role that may do a thing.
    pub fn may(self, permission: Permission) -> bool {
        let weakest = match permission {
            Permission::Read => Self::Viewer,
            Permission::Reprove | Permission::Acknowledge => Self::Reviewer,
            Permission::EditRepositories | Permission::ResolveEffects => Self::Editor,
            Permission::EditConnections | Permission::EditAlertChannels => Self::Maintainer,
            Permission::ReadAudit => Self::Owner,
        };
        self >= weakest
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Role {
    type Err = InvalidId;

    fn from_str(value: &str) -> Result<Self, InvalidId> {
        Self::ALL.into_iter().find(|r| r.as_str() == value).ok_or_else(|| InvalidId {
            kind: "role",
            value: value.chars().take(80).collect(),
            rule: "use owner, maintainer, editor, reviewer or viewer",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stronger_role_may_all_that_a_weaker_one_may() {
        let permissions = [
            Permission::Read,
            Permission::Reprove,
            Permission::Acknowledge,
            Permission::ResolveEffects,
            Permission::EditAlertChannels,
            Permission::EditRepositories,
            Permission::EditConnections,
            Permission::ReadAudit,
        ];
        for permission in permissions {
            let may: Vec<_> = Role::ALL.iter().map(|r| r.may(permission)).collect();
            assert!(may.is_sorted(), "{permission:?}: {may:?}");
            assert!(Role::Owner.may(permission));
        }
        assert!(!Role::Viewer.may(Permission::Reprove));
        assert!(!Role::Maintainer.may(Permission::ReadAudit));
    }
}
