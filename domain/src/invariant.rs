//! The two ways of writing an invariant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::InvalidId;

/// How a block states its claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// The block defines a Boolean function `invariant` that must follow from its assertions.
    Claim,
    /// The block is a script with one `(check-sat)` whose last assertion negates the claim.
    Refutation,
}

impl Form {
    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::Refutation => "refutation",
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Form {
    type Err = InvalidId;

    fn from_str(value: &str) -> Result<Self, InvalidId> {
        match value {
            "claim" => Ok(Self::Claim),
            "refutation" => Ok(Self::Refutation),
            _ => Err(InvalidId {
                kind: "form",
                value: value.chars().take(80).collect(),
                rule: "use claim or refutation",
            }),
        }
    }
}
