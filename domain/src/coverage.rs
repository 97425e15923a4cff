//! Coverage: how many invariants have which verdict.

use serde::{Deserialize, Serialize};

use crate::verdict::Verdict;

/// Invariants counted by verdict. All fields are numbers of invariants, never negative once all
/// deltas are in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VerdictCounts {
    /// See [`Verdict::Proved`].
    pub proved: i64,
    /// See [`Verdict::Refuted`].
    pub refuted: i64,
    /// See [`Verdict::Vacuous`].
    pub vacuous: i64,
    /// See [`Verdict::Unknown`].
    pub unknown: i64,
    /// See [`Verdict::Timeout`].
    pub timeout: i64,
    /// See [`Verdict::Conflict`].
    pub conflict: i64,
    /// See [`Verdict::Error`].
    pub error: i64,
    /// See [`Verdict::NotRun`].
    pub not_run: i64,
}

impl VerdictCounts {
    /// The count of one verdict.
    pub fn of(&self, verdict: Verdict) -> i64 {
        match verdict {
            Verdict::Proved => self.proved,
            Verdict::Refuted => self.refuted,
            Verdict::Vacuous => self.vacuous,
            Verdict::Unknown => self.unknown,
            Verdict::Timeout => self.timeout,
            Verdict::Conflict => self.conflict,
            Verdict::Error => self.error,
            Verdict::NotRun => self.not_run,
        }
    }

    /// Adds `delta`, which may be negative, to the count of one verdict.
    pub fn add(&mut self, verdict: Verdict, delta: i64) {
        let count = match verdict {
            Verdict::Proved => &mut self.proved,
            Verdict::Refuted => &mut self.refuted,
            Verdict::Vacuous => &mut self.vacuous,
            Verdict::Unknown => &mut self.unknown,
            Verdict::Timeout => &mut self.timeout,
            Verdict::Conflict => &mut self.conflict,
            Verdict::Error => &mut self.error,
            Verdict::NotRun => &mut self.not_run,
        };
        *count += delta;
    }

    /// All invariants, whatever their verdict.
    pub fn total(&self) -> i64 {
        Verdict::ALL.into_iter().map(|v| self.of(v)).sum()
    }

    /// The share proved in percent (0 to 100), or `None` where there is no invariant: nothing
    /// claimed is not everything proved.
    pub fn percentage_proved(&self) -> Option<f64> {
        let total = self.total();
        (total > 0).then(|| self.proved as f64 * 100.0 / total as f64)
    }
}

impl FromIterator<Verdict> for VerdictCounts {
    fn from_iter<I: IntoIterator<Item = Verdict>>(verdicts: I) -> Self {
        let mut counts = Self::default();
        for verdict in verdicts {
            counts.add(verdict, 1);
        }
        counts
    }
}

impl std::ops::AddAssign for VerdictCounts {
    fn add_assign(&mut self, other: Self) {
        for verdict in Verdict::ALL {
            self.add(verdict, other.of(verdict));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_in_the_denominator() {
        let counts: VerdictCounts = Verdict::ALL.into_iter().collect();
        assert_eq!(counts.total(), 8);
        assert_eq!(counts.percentage_proved(), Some(12.5));
    }

    #[test]
    fn nothing_claimed_is_not_everything_proved() {
        assert_eq!(VerdictCounts::default().percentage_proved(), None);
    }
}
