//! Decisive verdicts in Valkey: what was proved once is not proved again, in any document of the
//! tenant.
//!
//! Valkey is not trusted to say what was proved: a value counts only with the keyring's tag over
//! it and its key.

use std::time::Duration;

use sbh_domain::{ProofDetail, TenantId, Verdict};
use sbh_prover::{Invariant, Outcome};
use sbh_runtime::Keyring;
use serde::{Deserialize, Serialize};

use super::SpecDrift;

/// How long a verdict stays unless it is asked for again.
const TTL: Duration = Duration::from_secs(30 * 24 * 3_600);

/// What the keyring's tags on cached verdicts are bound to.
const PURPOSE: &str = "proof cache";

/// What is known about a statement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Known {
    /// Decisive.
    pub(super) verdict: Verdict,
    /// As in [`sbh_prover::Counterexample`]; `None` unless refuted.
    pub(super) counterexample: Option<serde_json::Value>,
    /// How long the proof took, in milliseconds.
    pub(super) duration_ms: f64,
    /// As in [`Outcome`].
    #[serde(default, skip_serializing_if = "ProofDetail::is_empty")]
    pub(super) detail: ProofDetail,
}

impl Known {
    /// What an outcome teaches, if it is a fact about the statement.
    pub(super) fn from_outcome(outcome: &Outcome) -> Option<Self> {
        outcome.verdict.is_decisive().then(|| Self {
            verdict: outcome.verdict,
            counterexample: counterexample(outcome),
            duration_ms: milliseconds(outcome),
            detail: outcome.detail.clone(),
        })
    }

    /// Reads a cached value. Whatever is not exactly such a value counts as not cached.
    fn from_text(text: &str) -> Option<Self> {
        let known: Self = serde_json::from_str(text).ok()?;
        let has_model = known.counterexample.as_ref().is_some_and(serde_json::Value::is_array);
        let fits = match known.verdict {
            Verdict::Refuted => has_model || known.counterexample.is_none(),
            verdict => verdict.is_decisive() && known.counterexample.is_none(),
        };
        (fits && known.duration_ms.is_finite() && known.duration_ms >= 0.0).then_some(known)
    }
}

/// The counterexample of an outcome as JSON.
pub(super) fn counterexample(outcome: &Outcome) -> Option<serde_json::Value> {
    serde_json::to_value(outcome.counterexample.as_ref()?).ok()
}

/// The duration of an outcome.
pub(super) fn milliseconds(outcome: &Outcome) -> f64 {
    outcome.duration.as_secs_f64() * 1_000.0
}

/// A value with its tag in the line before it.
fn tagged(keyring: &Keyring, key: &str, text: &str) -> String {
    format!("{}\n{text}", keyring.tag(PURPOSE, &[key.as_bytes(), text.as_bytes()]))
}

/// The value under a key, if its tag is right.
fn trusted<'a>(keyring: &Keyring, key: &str, value: &'a str) -> Option<&'a str> {
    let (tag, text) = value.rsplit_once('\n')?;
    keyring.is_tag(PURPOSE, &[key.as_bytes(), text.as_bytes()], tag).then_some(text)
}

impl SpecDrift {
    /// The key of a statement. The tenant is in it, and in what the pool hashes.
    /// Empty, which is no key, where nobody is there to judge the block.
    pub(super) async fn cache_key(&self, tenant: &TenantId, invariant: &Invariant) -> String {
        let key = self.parts.portfolio.cache_key(tenant.as_str(), invariant).await;
        key.map(|key| format!("sbh:proof:{tenant}:{key}")).unwrap_or_default()
    }

    /// What the cache knows about the keys, in their order.
    pub(super) async fn look_up(&self, keys: &[String]) -> Vec<Option<Known>> {
        if keys.is_empty() {
            return Vec::new();
        }
        let values = self.parts.valkey.get_many(keys).await;
        let known: Vec<_> = keys
            .iter()
            .zip(&values)
            .map(|(key, value)| {
                let text = trusted(&self.parts.keyring, key, value.as_deref()?);
                if text.is_none() {
                    self.metrics.untrusted.inc();
                }
                Known::from_text(text?)
            })
            .collect();
        let hits = known.iter().flatten().count() as u64;
        self.metrics.proof_hits().inc_by(hits);
        self.metrics.misses.inc_by(keys.len() as u64 - hits);
        known
    }

    /// Puts facts into the cache.
    pub(super) async fn keep(&self, facts: &[(String, Known)]) {
        let entries: Vec<(String, String)> = facts
            .iter()
            .filter(|(key, _)| !key.is_empty())
            .filter_map(|(key, known)| {
                let text = serde_json::to_string(known).ok()?;
                Some((key.clone(), tagged(&self.parts.keyring, key, &text)))
            })
            .collect();
        if !entries.is_empty() {
            self.parts.valkey.set_many(&entries, TTL).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_not_exactly_right_is_a_miss() {
        let good = r#"{"verdict":"refuted","counterexample":[{"name":"x","value":"1"}],"duration_ms":1.5}"#;
        let known = Known::from_text(good).unwrap();
        assert_eq!(serde_json::to_string(&known).unwrap(), good);
        for bad in [
            "",
            "null",
            "garbage",
            r#"{"verdict":"proved"}"#,
            r#"{"verdict":"timeout","counterexample":null,"duration_ms":1}"#,
            r#"{"verdict":"error","counterexample":null,"duration_ms":1}"#,
            r#"{"verdict":"proved","counterexample":[],"duration_ms":1}"#,
            r#"{"verdict":"refuted","counterexample":"x","duration_ms":1}"#,
            r#"{"verdict":"proved","counterexample":null,"duration_ms":-1}"#,
            r#"{"verdict":"proved","counterexample":null,"duration_ms":1,"more":1}"#,
            r#"{"verdict":"Proved","counterexample":null,"duration_ms":1}"#,
        ] {
            assert_eq!(Known::from_text(bad), None, "{bad}");
        }
    }
}
