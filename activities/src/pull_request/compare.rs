//! What a pull request would do to coverage, from verdicts before and after.

use std::collections::{BTreeMap, HashMap};

use sbh_domain::{Verdict, VerdictCounts};
use sbh_store::pull_request::PullProof;

use crate::check_run::report::{self, Finding, Report};

/// What the changed documents have on the tracked branch, and whether other documents have the names.
pub(super) struct Before<'a> {
    /// All of the repository's invariants.
    pub(super) counts: VerdictCounts,
    /// Those of the changed documents: the verdicts that count.
    pub(super) changed: VerdictCounts,
    /// Names of the changed blocks that other documents have, with the verdicts that count there.
    pub(super) elsewhere: &'a [(String, Verdict)],
}

/// The repository's invariants with the pull request merged. Blocks whose name another document has, or
/// another changed one, are errors then: in both, as they are on a branch.
pub(super) fn after(before: &Before<'_>, proofs: &mut [PullProof]) -> VerdictCounts {
    let mut others: BTreeMap<&str, Vec<Verdict>> = BTreeMap::new();
    for (name, verdict) in before.elsewhere {
        others.entry(name).or_default().push(*verdict);
    }
    let mut uses: HashMap<String, usize> = HashMap::new();
    for proof in proofs.iter() {
        *uses.entry(proof.name.clone()).or_default() += 1;
    }
    let mut after = before.counts;
    for verdict in Verdict::ALL {
        after.add(verdict, -before.changed.of(verdict));
    }
    let mut hit: BTreeMap<&str, &Vec<Verdict>> = BTreeMap::new();
    for proof in proofs.iter_mut() {
        let elsewhere = others.get_key_value(proof.name.as_str());
        let twice = uses.get(&proof.name).is_some_and(|uses| *uses > 1);
        if elsewhere.is_some() || twice {
            proof.verdict = Verdict::Error;
            proof.counterexample = None;
            proof.reason = Some(format!(
                "the name {} is used in another document too; give each its own",
                proof.name
            ));
        }
        if let Some((name, verdicts)) = elsewhere {
            hit.insert(name, verdicts);
        }
        after.add(proof.verdict, 1);
    }
    for verdict in hit.into_values().flatten() {
        after.add(*verdict, -1);
        after.add(Verdict::Error, 1);
    }
    after
}

/// What the check run on the head says: the conclusion is about the changed documents, the table about
/// the whole repository.
pub(super) fn report(
    documents: usize,
    before: &VerdictCounts,
    after: &VerdictCounts,
    proofs: &[PullProof],
    note: Option<&str>,
) -> Report {
    let changed: VerdictCounts = proofs.iter().map(|proof| proof.verdict).collect();
    let (conclusion, title) = match documents {
        0 => ("success", "no specs are changed".to_owned()),
        // Removing or emptying a document refutes nothing.
        _ if changed.total() == 0 => ("success", "the changed specs claim nothing".to_owned()),
        _ => (report::conclusion(&changed), report::title(&changed)),
    };
    let mut unproved: Vec<&PullProof> =
        proofs.iter().filter(|proof| proof.verdict != Verdict::Proved).collect();
    let grave = |verdict: Verdict| match verdict {
        Verdict::Refuted => 0,
        Verdict::Vacuous => 1,
        Verdict::Conflict => 2,
        Verdict::Error => 3,
        _ => 4,
    };
    unproved.sort_by(|a, b| {
        (grave(a.verdict), &a.path, a.ordinal).cmp(&(grave(b.verdict), &b.path, b.ordinal))
    });
    let findings: Vec<Finding> =
        unproved.iter().take(report::ANNOTATIONS).map(|proof| finding(proof)).collect();
    let mut summary = format!(
        "What merging would do to the repository's invariants ({documents} changed documents):\n\n{}\n",
        report::table(before, after)
    );
    summary += &report::list(&findings, i64::try_from(unproved.len()).unwrap_or(i64::MAX));
    let lost = proofs
        .iter()
        .filter(|proof| proof.was == Some(Verdict::Proved) && proof.verdict != Verdict::Proved);
    let lost = lost.count();
    if lost > 0 {
        summary += &format!("\n{lost} invariants are proved now and would not be.\n");
    }
    if let Some(note) = note {
        summary += &format!("\n{note}\n");
    }
    Report {
        conclusion: conclusion.to_owned(),
        title,
        summary,
        annotations: findings.iter().map(report::annotation).collect(),
    }
}

fn finding(proof: &PullProof) -> Finding {
    let line = |line: i32| u32::try_from(line).unwrap_or(1);
    Finding {
        path: proof.path.clone(),
        name: proof.name.clone(),
        title: proof.title.clone(),
        lines: (line(proof.line), line(proof.end_line)),
        verdict: proof.verdict,
        counterexample: proof.counterexample.clone(),
        reason: proof.reason.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(name: &str, verdict: Verdict, was: Option<Verdict>) -> PullProof {
        PullProof {
            path: "specs/a.md".into(),
            ordinal: 0,
            name: name.into(),
            title: None,
            line: 3,
            end_line: 5,
            verdict,
            was,
            counterexample: None,
            reason: None,
            origin: "proved".into(),
        }
    }

    fn counts(verdicts: &[Verdict]) -> VerdictCounts {
        verdicts.iter().copied().collect()
    }

    use Verdict::{Error, Proved, Refuted};

    #[test]
    fn the_changed_documents_are_replaced_and_the_others_stay() {
        let before = Before {
            counts: counts(&[Proved, Proved, Proved, Refuted]),
            changed: counts(&[Proved, Refuted]),
            elsewhere: &[],
        };
        let mut proofs = [proof("A-1", Refuted, Some(Proved)), proof("A-2", Proved, Some(Refuted))];
        assert_eq!(after(&before, &mut proofs), counts(&[Proved, Proved, Proved, Refuted]));
        // All of the document's blocks are gone.
        assert_eq!(after(&before, &mut []), counts(&[Proved, Proved]));
    }

    #[test]
    fn a_name_that_another_document_has_is_an_error_in_both() {
        let elsewhere = [("A-1".to_owned(), Proved)];
        let before = Before {
            counts: counts(&[Proved, Proved]),
            changed: counts(&[]),
            elsewhere: &elsewhere,
        };
        let mut proofs = [proof("A-1", Proved, None), proof("A-2", Proved, None)];
        assert_eq!(after(&before, &mut proofs), counts(&[Proved, Proved, Error, Error]));
        assert_eq!(proofs[0].verdict, Error);
        assert!(proofs[0].reason.as_ref().unwrap().contains("A-1"));
        let mut twice = [proof("B-1", Proved, None), proof("B-1", Proved, None)];
        assert_eq!(after(&before, &mut twice), counts(&[Proved, Proved, Error, Error]));
    }

    #[test]
    fn the_conclusion_is_about_the_change_and_the_table_about_all() {
        let (before, after) = (counts(&[Proved, Refuted]), counts(&[Proved, Refuted]));
        let of = |proofs: &[PullProof], documents| report(documents, &before, &after, proofs, None);
        let good = of(&[proof("A-1", Proved, None)], 1);
        assert_eq!((good.conclusion.as_str(), good.title.as_str()), ("success", "1 of 1 proved"));
        assert!(good.summary.contains("| refuted | 1 | 1 |"));
        let bad = of(&[proof("A-1", Refuted, Some(Proved))], 1);
        assert_eq!(bad.conclusion, "failure");
        assert_eq!(bad.annotations.len(), 1);
        assert!(bad.summary.contains("1 invariants are proved now and would not be"));
        assert_eq!(of(&[], 0).title, "no specs are changed");
        assert_eq!(of(&[], 1).conclusion, "success");
        assert_eq!(of(&[proof("A-1", Error, None)], 1).conclusion, "neutral");
    }
}
