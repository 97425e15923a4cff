//! The first attempt: one solver that takes both questions, within a small share of the limits.
//!
//! Most invariants are small. For them choosing a strategy and building its solver takes far longer
//! than solving, and asking whether the assumptions can hold would take it again. So the assertions
//! go to the plain solver, the goal above a mark, and below the mark the second question finds
//! everything in place. The assumptions have names, so that a proof can say which of them it used.
//!
//! What this solver leaves open is asked again with everything that there is.

use std::time::Duration;

use sbh_domain::{Assumption, Verdict};

use super::config::Limits;
use super::core;
use super::query::{Judgement, Session, begin, options, unexpected};
use super::solver::Failure;
use crate::invariant::Invariant;

/// The most work, in Z3's count: about a tenth of a second.
const RLIMIT: u64 = 1_000_000;

/// What the first attempt found.
pub(crate) enum Quick {
    /// All that is to know.
    Decided(Judgement),
    /// That the claim follows, and from which assumptions; not whether they can hold.
    Follows(Option<Vec<Assumption>>),
    /// Nothing.
    Open,
}

/// A tenth of the work and a quarter of the time at most: the rest is for the thorough attempt.
fn share(limits: &Limits) -> Limits {
    let rlimit = match limits.rlimit {
        0 => RLIMIT,
        most => (most / 10).clamp(1, RLIMIT),
    };
    Limits { rlimit, ..limits.clone() }
}

impl Session<'_> {
    /// Asks both questions of one incremental solver.
    pub(crate) async fn quick(&mut self, invariant: &Invariant) -> Result<Quick, Failure> {
        let limits = share(self.limits);
        let most = self.limits.time / 4;
        let time = |left: Duration| left.min(most).max(Duration::from_millis(1));
        let text = begin(&limits, time(self.left()?), true);
        let named = core::named(&invariant.prelude);
        let goal = invariant.goal.iter().map(|command| (command.line, command.text.as_str()));
        let commands = named
            .iter()
            .map(|(line, text)| (*line, text.as_str()))
            .chain([(0, "(push)")])
            .chain(goal);
        let answer = self.send(text, commands, "(check-sat)\n").await?;
        match answer.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["sat"] => return Ok(Quick::Decided(self.refuted(invariant).await)),
            ["unsat"] => {}
            ["unknown"] => return Ok(Quick::Open),
            _ => return Err(unexpected(&answer)),
        }
        let mut question = "(get-unsat-core)\n".to_owned();
        let assumes = invariant.prelude.iter().any(|command| command.asserts);
        if assumes {
            question += "(pop)\n";
            question += &options(&limits, time(self.left()?));
            question += "(check-sat)\n";
        }
        let answer = self.send(question, std::iter::empty(), "").await?;
        let (check, used) = match answer.split_last() {
            Some((check, used)) if assumes => (check.as_str(), used),
            // Without assumptions there is nothing that could contradict itself.
            _ => ("sat", answer.as_slice()),
        };
        let assumptions = core::read(&used.join(" "), &invariant.prelude);
        match (check, assumptions) {
            (_, None) => Err(unexpected(&answer)),
            ("sat", assumptions) => {
                Ok(Quick::Decided(Judgement { assumptions, ..Judgement::decided(Verdict::Proved) }))
            }
            ("unsat", _) => Ok(Quick::Decided(Judgement::decided(Verdict::Vacuous))),
            ("unknown", assumptions) => Ok(Quick::Follows(assumptions)),
            _ => Err(unexpected(&answer)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thorough_attempt_keeps_nearly_everything() {
        let limits = |rlimit| Limits { rlimit, ..Limits::default() };
        assert_eq!(share(&limits(0)).rlimit, RLIMIT);
        assert_eq!(share(&limits(60_000_000)).rlimit, RLIMIT);
        assert_eq!(share(&limits(100)).rlimit, 10);
        // Zero would mean without limit.
        assert_eq!(share(&limits(1)).rlimit, 1);
    }
}
