//! The audit chain: each sealed entry carries the digest of the one before it.

use crate::digest::Digest;

/// What of an audit entry is sealed, in the order in which it is hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// The place in the tenant's chain, from 1 without gaps.
    pub sequence: i64,
    /// The tenant.
    pub tenant: String,
    /// When it happened, in microseconds since 1970-01-01T00:00:00Z.
    pub at_us: i64,
    /// Who did it: the token's subject, or `system:` and a part's name.
    pub actor: String,
    /// What was done, for example `repository.add`.
    pub action: String,
    /// To what, for example a repository's id.
    pub target: String,
    /// More about it, as canonical JSON text.
    pub detail: String,
}

/// The digest that the first entry of a chain names as its predecessor.
pub const GENESIS: Digest = Digest([0; 32]);

/// The digest of an entry at its place behind `previous`.
pub fn link(previous: Digest, entry: &AuditEntry) -> Digest {
    Digest::of_fields([
        previous.0.as_slice(),
        &entry.sequence.to_be_bytes(),
        entry.tenant.as_bytes(),
        &entry.at_us.to_be_bytes(),
        entry.actor.as_bytes(),
        entry.action.as_bytes(),
        entry.target.as_bytes(),
        entry.detail.as_bytes(),
    ])
}

/// Why a chain does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// An entry is missing, doubled or moved.
    #[error("entry {expected} is missing: found {found} in its place")]
    Gap {
        /// The sequence number that should have come.
        expected: i64,
        /// The one that came.
        found: i64,
    },
    /// An entry was changed after it was sealed.
    #[error("entry {0} was changed after it was sealed")]
    Changed(i64),
}

/// Follows a chain in its order and keeps what the next entry must fit.
#[derive(Debug, Clone)]
pub struct Verifier {
    next: i64,
    previous: Digest,
}

impl Default for Verifier {
    fn default() -> Self {
        Self { next: 1, previous: GENESIS }
    }
}

impl Verifier {
    /// Checks the next entry against the digest stored with it.
    ///
    /// # Errors
    /// [`Broken`] names the first entry that does not fit.
    pub fn follow(&mut self, entry: &AuditEntry, stored: Digest) -> Result<(), Broken> {
        if entry.sequence != self.next {
            return Err(Broken::Gap { expected: self.next, found: entry.sequence });
        }
        if link(self.previous, entry) != stored {
            return Err(Broken::Changed(entry.sequence));
        }
        self.next += 1;
        self.previous = stored;
        Ok(())
    }

    /// How many entries were followed, and the digest of the last.
    pub fn head(&self) -> (i64, Digest) {
        (self.next - 1, self.previous)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chain(details: &[String]) -> Vec<(AuditEntry, Digest)> {
        let mut previous = GENESIS;
        (1..)
            .zip(details)
            .map(|(sequence, detail)| {
                let entry = AuditEntry {
                    sequence,
                    tenant: "demo".into(),
                    at_us: 1_000_000 * sequence,
                    actor: "ada".into(),
                    action: "repository.add".into(),
                    target: "r".into(),
                    detail: detail.clone(),
                };
                previous = link(previous, &entry);
                (entry, previous)
            })
            .collect()
    }

    fn verify(chain: &[(AuditEntry, Digest)]) -> Result<(), Broken> {
        let mut verifier = Verifier::default();
        chain.iter().try_for_each(|(entry, digest)| verifier.follow(entry, *digest))
    }

    proptest! {
        #[test]
        fn the_first_broken_entry_is_named(
            details in proptest::collection::vec("[a-z]{0,8}", 1..20),
            pick in any::<prop::sample::Index>(),
            kind in 0..3,
        ) {
            let whole = chain(&details);
            prop_assert_eq!(verify(&whole), Ok(()));
            let at = pick.index(whole.len());
            let sequence = at as i64 + 1;
            let mut broken = whole.clone();
            match kind {
                0 => broken[at].0.actor.push('x'),
                1 => broken[at].0.detail.push('x'),
                _ => { broken.remove(at); }
            }
            match verify(&broken) {
                // Cutting the end off leaves a shorter chain that holds: the head is kept elsewhere.
                Ok(()) => prop_assert!(kind == 2 && at == whole.len() - 1),
                Err(Broken::Changed(n)) => prop_assert!(kind < 2 && n == sequence),
                Err(Broken::Gap { expected, .. }) => prop_assert!(kind == 2 && expected == sequence),
            }
        }
    }
}
