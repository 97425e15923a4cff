//! What is known about a verdict besides the verdict.

use serde::{Deserialize, Serialize};

/// What is known about a verdict besides the verdict. Every field is absent where it has nothing
/// to say, so that nothing at all is an empty object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProofDetail {
    /// The language of a block that is not SMT-LIB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Who said so: a prover's name and version, and its seed where several are asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prover: Option<String>,
    /// For a proved invariant, its assumptions in their order; at most 200 and 16 KB of text.
    /// Absent where the prover cannot tell which of them it used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assumptions: Option<Vec<Assumption>>,
    /// Where the verdict changes with the seed: which seeds said what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unstable: Option<String>,
}

/// An assumption of an invariant. A proof that does not use it holds without it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assumption {
    /// The asserted term on one line, cut after 300 characters.
    pub text: String,
    /// Whether the proof used it.
    pub used: bool,
}

impl ProofDetail {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_is_not_written_and_what_is_new_is_read_over() {
        let detail = ProofDetail { prover: Some("z3 5.4.0".into()), ..ProofDetail::default() };
        assert_eq!(serde_json::to_string(&detail).unwrap(), r#"{"prover":"z3 5.4.0"}"#);
        let read: ProofDetail = serde_json::from_str(r#"{"later":1,"unstable":"x"}"#).unwrap();
        assert_eq!(read.unstable.as_deref(), Some("x"));
        assert!(!detail.is_empty() && ProofDetail::default().is_empty());
    }
}
