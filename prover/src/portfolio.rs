//! Several who judge one invariant: the first decisive verdict wins. Waiting for all of them instead
//! finds what no single one can: that they disagree, or that one prover's verdict changes with its seed.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use futures::stream::{FuturesUnordered, StreamExt as _};
use sbh_domain::{Digest, ProofDetail, Verdict};

use crate::external::Provers;
use crate::invariant::Invariant;
use crate::language::Languages;
use crate::pool::{Outcome, Pool};

/// What the pool's own solver is called in a portfolio.
const Z3: &str = "z3";
/// Further seeds that a verdict is tried with where no portfolio names any.
const OTHER_SEEDS: [u32; 2] = [1, 2];

/// One who judges: a prover's name and, behind a colon, a seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    prover: String,
    seed: Option<u32>,
}

impl FromStr for Member {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (prover, seed) = match text.trim().split_once(':') {
            None => (text.trim(), None),
            Some((prover, seed)) => {
                let seed = seed.parse().map_err(|_| {
                    format!("{text:?} has a seed that is no number: write for example z3:7")
                })?;
                (prover, Some(seed))
            }
        };
        if prover.is_empty() {
            return Err("a part of a portfolio is a prover's name, for example z3:7 or cvc5".into());
        }
        Ok(Self { prover: prover.to_owned(), seed })
    }
}

/// All who may judge, and who judges what. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Portfolio {
    pool: Pool,
    provers: Provers,
    members: Arc<[Member]>,
}

impl Portfolio {
    /// `members` judge every SMT-LIB invariant; where there are none, the pool's solver alone does.
    ///
    /// # Errors
    /// Names the member that is not configured, or is no prover of SMT-LIB.
    pub fn new(pool: Pool, provers: Provers, members: Vec<Member>) -> Result<Self, String> {
        let strange = members
            .iter()
            .find(|member| member.prover != Z3 && !provers.reads_smt_lib(&member.prover));
        if let Some(Member { prover, .. }) = strange {
            return Err(format!(
                "{prover} is not configured as a prover of SMT-LIB: its description needs smt_lib = true"
            ));
        }
        Ok(Self { pool, provers, members: members.into() })
    }

    /// The pool's solver alone.
    pub fn of_pool(pool: Pool) -> Self {
        Self { pool, provers: Provers::default(), members: Vec::new().into() }
    }

    /// The languages that blocks may have.
    pub fn languages(&self) -> Languages {
        self.provers.languages()
    }

    /// Judges one invariant for a tenant. `compare`: waits for everybody, with further seeds where no
    /// portfolio names any, and compares what they say.
    ///
    /// Dropping the future kills whatever works on it.
    pub async fn prove(&self, tenant: &str, invariant: &Invariant, compare: bool) -> Outcome {
        if invariant.language().is_some() {
            return self.provers.prove(invariant).await;
        }
        match (compare, self.members.is_empty()) {
            (false, true) => self.pool.prove(tenant, invariant).await,
            (false, false) => self.first(tenant, invariant).await,
            (true, _) => compared(self.all(tenant, invariant).await),
        }
    }

    /// The first decisive verdict; without one the last word of whoever comes first in the portfolio.
    async fn first(&self, tenant: &str, invariant: &Invariant) -> Outcome {
        let mut asked = FuturesUnordered::new();
        for (rank, member) in self.members.iter().enumerate() {
            asked.push(async move { (rank, self.ask(tenant, invariant, member).await) });
        }
        let mut best: Option<(usize, Outcome)> = None;
        while let Some((rank, outcome)) = asked.next().await {
            if outcome.verdict.is_decisive() {
                // The others are given up with their futures.
                return outcome;
            }
            if best.as_ref().is_none_or(|(first, _)| rank < *first) {
                best = Some((rank, outcome));
            }
        }
        best.map_or_else(|| Outcome::unasked(Verdict::NotRun, "the portfolio is empty"), |(_, o)| o)
    }

    /// What everybody says, in the order of the portfolio.
    async fn all(&self, tenant: &str, invariant: &Invariant) -> Vec<(Member, Outcome)> {
        let members: Vec<Member> = if self.members.is_empty() {
            let seeds = std::iter::once(self.pool.seed()).chain(OTHER_SEEDS);
            seeds.map(|seed| Member { prover: Z3.to_owned(), seed: Some(seed) }).collect()
        } else {
            self.members.to_vec()
        };
        let asked = members.into_iter().map(|member| async {
            let outcome = self.ask(tenant, invariant, &member).await;
            (member, outcome)
        });
        futures::future::join_all(asked).await
    }

    async fn ask(&self, tenant: &str, invariant: &Invariant, member: &Member) -> Outcome {
        let seed = member.seed.unwrap_or(self.pool.seed());
        let mut outcome = if member.prover == Z3 {
            self.pool.prove_seeded(tenant, invariant, seed).await
        } else {
            self.provers.prove_smt_lib(&member.prover, seed, invariant).await
        };
        if let (Some(name), Some(seed)) = (&mut outcome.detail.prover, member.seed) {
            name.push_str(&format!(", seed {seed}"));
        }
        outcome
    }

    /// The key under which a tenant's decisive verdict may be cached: it changes with everybody who
    /// could change it. `None` when nobody is there to judge the block.
    pub async fn cache_key(&self, tenant: &str, invariant: &Invariant) -> Option<String> {
        if invariant.language().is_some() {
            return self.provers.cache_key(tenant, invariant).await;
        }
        let alone = self.pool.cache_key(tenant, invariant);
        if self.members.is_empty() {
            return Some(alone);
        }
        let mut parts = vec![alone.into_bytes()];
        for Member { prover, seed } in self.members.iter() {
            let identity = match prover.as_str() {
                Z3 => Some((self.pool.prover().to_owned(), Digest::of(""))),
                _ => self.provers.identity(prover).await,
            };
            let (name, digest) = identity.unwrap_or_else(|| (prover.clone(), Digest::of("away")));
            parts.push(format!("{name}:{seed:?}:{digest}").into_bytes());
        }
        Some(Digest::of_fields(parts.iter().map(Vec::as_slice)).to_string())
    }
}

/// One outcome out of what everybody said.
fn compared(all: Vec<(Member, Outcome)>) -> Outcome {
    let said = |of: &dyn Fn(&Member) -> bool| -> Vec<String> {
        let some = all.iter().filter(|(member, _)| of(member));
        some.map(|(member, outcome)| {
            let name = outcome.detail.prover.as_deref().unwrap_or(&member.prover);
            format!("{name}: {}", outcome.verdict.as_str())
        })
        .collect()
    };
    let decisive: Vec<Verdict> =
        all.iter().map(|(_, outcome)| outcome.verdict).filter(|v| v.is_decisive()).collect();
    let unstable = unstable(&all, &said);
    if decisive.iter().any(|verdict| *verdict != decisive[0]) {
        let reason = format!("provers disagree: {}", said(&|_| true).join("; "));
        let outcome = Outcome::unasked(Verdict::Conflict, reason);
        let duration = all.iter().map(|(_, outcome)| outcome.duration).max().unwrap_or_default();
        return Outcome {
            duration,
            detail: ProofDetail { unstable, ..ProofDetail::default() },
            ..outcome
        };
    }
    let first = all.iter().position(|(_, outcome)| outcome.verdict.is_decisive()).unwrap_or(0);
    match all.into_iter().nth(first) {
        Some((_, outcome)) => {
            Outcome { detail: ProofDetail { unstable, ..outcome.detail }, ..outcome }
        }
        None => Outcome::unasked(Verdict::NotRun, "the portfolio is empty"),
    }
}

/// What those say whom a predicate names.
type Said<'a> = dyn Fn(&dyn Fn(&Member) -> bool) -> Vec<String> + 'a;

/// Where one prover's verdict changes with its seed: which seeds said what.
fn unstable(all: &[(Member, Outcome)], said: &Said<'_>) -> Option<String> {
    let mut verdicts: BTreeMap<&str, Vec<Verdict>> = BTreeMap::new();
    for (member, outcome) in all {
        verdicts.entry(&member.prover).or_default().push(outcome.verdict);
    }
    let (prover, _) = verdicts.iter().find(|(_, v)| v.iter().any(|verdict| *verdict != v[0]))?;
    Some(said(&|member| member.prover == *prover).join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(all: &[(&str, Verdict)]) -> Outcome {
        let outcome = |(name, verdict): &(&str, Verdict)| {
            let mut outcome = Outcome::unasked(*verdict, "");
            outcome.detail.prover = Some((*name).to_owned());
            (name.parse().unwrap(), outcome)
        };
        compared(all.iter().map(outcome).collect())
    }

    #[test]
    fn members_are_written_as_a_name_and_a_seed() {
        assert_eq!("z3:7".parse(), Ok(Member { prover: "z3".into(), seed: Some(7) }));
        assert_eq!(" cvc5 ".parse(), Ok(Member { prover: "cvc5".into(), seed: None }));
        for bad in ["", ":1", "z3:x", "z3:-1"] {
            assert!(bad.parse::<Member>().is_err(), "{bad}");
        }
    }

    #[test]
    fn two_decisive_verdicts_that_differ_are_a_conflict_that_names_both() {
        let outcome = said(&[("z3", Verdict::Proved), ("cvc5", Verdict::Refuted)]);
        assert_eq!(outcome.verdict, Verdict::Conflict);
        let reason = outcome.reason.unwrap();
        assert!(reason.contains("z3: proved") && reason.contains("cvc5: refuted"), "{reason}");
        assert_eq!(outcome.detail.unstable, None);
        // One that gave up contradicts nobody.
        let outcome = said(&[("z3", Verdict::Unknown), ("cvc5", Verdict::Refuted)]);
        assert_eq!((outcome.verdict, outcome.detail.unstable), (Verdict::Refuted, None));
    }

    #[test]
    fn a_verdict_that_changes_with_the_seed_is_flagged() {
        let outcome = said(&[("z3:0", Verdict::Proved), ("z3:1", Verdict::Timeout)]);
        assert_eq!(outcome.verdict, Verdict::Proved);
        let unstable = outcome.detail.unstable.unwrap();
        assert!(unstable.contains("z3:0: proved") && unstable.contains("z3:1: timeout"));
        let steady = said(&[("z3:0", Verdict::Proved), ("z3:1", Verdict::Proved)]);
        assert_eq!(steady.detail.unstable, None);
        let nobody = said(&[("z3:0", Verdict::Unknown), ("z3:1", Verdict::Unknown)]);
        assert_eq!((nobody.verdict, nobody.detail.unstable), (Verdict::Unknown, None));
    }
}
