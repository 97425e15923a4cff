//! The audit of the cache: a share of the hits is proved again and compared.

use chrono::Utc;
use sbh_domain::{Digest, TenantId, Verdict};
use sbh_prover::Outcome;

use super::SpecDrift;
use super::cache::Known;

/// What a new proof says about a cached verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audit {
    /// The same.
    Same,
    /// The opposite. The new verdict counts.
    Different,
    /// Nothing: the proof timed out, for example. The cached verdict stays.
    Undecided,
}

impl Audit {
    fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Different => "different",
            Self::Undecided => "undecided",
        }
    }
}

/// The verdicts alone are compared: a claim can fail in many situations, and take more time or less.
fn compare(cached: &Known, outcome: &Outcome) -> Audit {
    if outcome.verdict == Verdict::Conflict {
        // Provers disagree about it: what the cache has is no fact.
        Audit::Different
    } else if !outcome.verdict.is_decisive() {
        Audit::Undecided
    } else if outcome.verdict == cached.verdict {
        Audit::Same
    } else {
        Audit::Different
    }
}

/// Whether a key is in a day's sample. A repeated attempt decides alike, another day differently.
fn is_sampled(key: &str, day: i64, share: f64) -> bool {
    let [a, b, c, d, e, f, g, ..] = Digest::of_fields([key.as_bytes(), &day.to_be_bytes()]).0;
    // 53 bits, as many as a double holds: from 0 to less than 1.
    let draw = u64::from_be_bytes([0, a, b, c, d, e, f, g]) >> 3;
    let draw = draw as f64 / (1_u64 << 53) as f64;
    draw < share
}

impl SpecDrift {
    /// Whether to prove a cached verdict again.
    pub(super) fn is_to_audit(&self, key: &str) -> bool {
        let day = Utc::now().timestamp().div_euclid(24 * 3_600);
        is_sampled(key, day, self.parts.config.prover.audit_share)
    }

    /// Whether everybody is asked about an invariant, rather than only waited for who is first.
    pub(super) fn is_to_compare(&self, key: &str) -> bool {
        // Another sample than the audit's: what is compared is no hit of the cache.
        let day = Utc::now().timestamp().div_euclid(24 * 3_600);
        is_sampled(&format!("compare {key}"), day, self.parts.config.prover.compare_share)
    }

    /// Compares, counts, and reports a contradiction.
    pub(super) fn audit(
        &self,
        tenant: &TenantId,
        key: &str,
        cached: &Known,
        outcome: &Outcome,
    ) -> Audit {
        let audit = compare(cached, outcome);
        self.metrics.audits.with_label_values(&[audit.as_str()]).inc();
        if audit == Audit::Different {
            tracing::error!(
                %tenant,
                key,
                cached = cached.verdict.as_str(),
                proved = outcome.verdict.as_str(),
                "a cached verdict is wrong: the new one counts and replaces it; prove documents \
                 that took the old one again, with force"
            );
        }
        audit
    }
}

#[cfg(test)]
mod tests {
    use sbh_domain::ProofDetail;

    use super::*;

    #[test]
    fn the_sample_is_as_large_as_its_share_and_changes_by_the_day() {
        let sample = |day, share| {
            let keys = (0..4_000).map(|index| format!("key-{index}"));
            keys.filter(|key| is_sampled(key, day, share)).collect::<Vec<_>>()
        };
        assert_eq!((sample(1, 0.0).len(), sample(1, 1.0).len()), (0, 4_000));
        assert!((800..1_200).contains(&sample(1, 0.25).len()));
        assert_eq!(sample(1, 0.25), sample(1, 0.25));
        assert_ne!(sample(1, 0.25), sample(2, 0.25));
    }

    #[test]
    fn only_facts_contradict_facts() {
        let known = |verdict| Known {
            verdict,
            counterexample: None,
            duration_ms: 1.0,
            detail: ProofDetail::default(),
        };
        let outcome = |verdict| Outcome { reason: None, ..Outcome::unasked(verdict, "") };
        for (cached, proved, expected) in [
            (Verdict::Proved, Verdict::Proved, Audit::Same),
            (Verdict::Proved, Verdict::Refuted, Audit::Different),
            (Verdict::Refuted, Verdict::Vacuous, Audit::Different),
            (Verdict::Proved, Verdict::Conflict, Audit::Different),
            (Verdict::Proved, Verdict::Timeout, Audit::Undecided),
            (Verdict::Proved, Verdict::Error, Audit::Undecided),
        ] {
            assert_eq!(
                compare(&known(cached), &outcome(proved)),
                expected,
                "{cached:?} {proved:?}"
            );
        }
    }
}
