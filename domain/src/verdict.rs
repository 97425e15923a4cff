//! What is known about an invariant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::InvalidId;

/// The verdict on one invariant. Only [`Verdict::Proved`] counts as proved, and every verdict is
/// in the denominator of coverage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The claim follows from the assumptions, and these can hold together.
    Proved,
    /// The claim fails in at least one model of the assumptions: the counterexample.
    Refuted,
    /// The assumptions contradict each other, so the claim says nothing.
    Vacuous,
    /// The prover gave up for a reason of its own.
    Unknown,
    /// The prover used up its time or its resource limit.
    Timeout,
    /// Provers disagree.
    Conflict,
    /// The block cannot be judged: malformed, not allowed, defined twice, or the prover failed.
    Error,
    /// Not judged yet.
    NotRun,
}

impl Verdict {
    /// Every verdict, best first: the order of tables and of arrays indexed by verdict.
    pub const ALL: [Self; 8] = [
        Self::Proved,
        Self::Refuted,
        Self::Vacuous,
        Self::Unknown,
        Self::Timeout,
        Self::Conflict,
        Self::Error,
        Self::NotRun,
    ];

    /// The wire name, for example `not_run`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::Refuted => "refuted",
            Self::Vacuous => "vacuous",
            Self::Unknown => "unknown",
            Self::Timeout => "timeout",
            Self::Conflict => "conflict",
            Self::Error => "error",
            Self::NotRun => "not_run",
        }
    }

    /// Whether the verdict is a fact about the statement rather than about one attempt. Only such
    /// verdicts are cached and kept when a statement did not change.
    pub const fn is_decisive(self) -> bool {
        matches!(self, Self::Proved | Self::Refuted | Self::Vacuous)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Verdict {
    type Err = InvalidId;

    fn from_str(value: &str) -> Result<Self, InvalidId> {
        Self::ALL.into_iter().find(|v| v.as_str() == value).ok_or_else(|| InvalidId {
            kind: "verdict",
            value: value.chars().take(80).collect(),
            rule: "use proved, refuted, vacuous, unknown, timeout, conflict, error or not_run",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_ones_on_the_wire() {
        for verdict in Verdict::ALL {
            assert_eq!(verdict.as_str().parse(), Ok(verdict));
        }
        assert!("Proved".parse::<Verdict>().is_err());
    }

    #[test]
    fn an_attempt_is_not_a_fact() {
        let decisive: Vec<_> = Verdict::ALL.into_iter().filter(|v| v.is_decisive()).collect();
        assert_eq!(decisive, [Verdict::Proved, Verdict::Refuted, Verdict::Vacuous]);
    }
}
