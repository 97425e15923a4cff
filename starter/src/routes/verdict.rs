//! Verdicts and counts as callers see them.

use sbh_api::{Counts, Verdict};
use sbh_domain::VerdictCounts;

/// A verdict as callers see it.
pub(super) fn shown(verdict: sbh_domain::Verdict) -> Verdict {
    use sbh_domain::Verdict as V;
    match verdict {
        V::Proved => Verdict::Proved,
        V::Refuted => Verdict::Refuted,
        V::Vacuous => Verdict::Vacuous,
        V::Unknown => Verdict::Unknown,
        V::Timeout => Verdict::Timeout,
        V::Conflict => Verdict::Conflict,
        V::Error => Verdict::Error,
        V::NotRun => Verdict::NotRun,
    }
}

/// Counts as callers see them.
pub(super) fn counts(counts: VerdictCounts) -> Counts {
    let VerdictCounts { proved, refuted, vacuous, unknown, timeout, conflict, error, not_run } =
        counts;
    Counts { proved, refuted, vacuous, unknown, timeout, conflict, error, not_run }
}
