//! How verdicts are shown, wherever they come from.

use std::fmt::Write as _;

use sbh_api::spec_drift::{Document, Invariant};
use sbh_api::{Counts, Verdict as ApiVerdict};
use sbh_domain::{Verdict, VerdictCounts};

use crate::style::{Style, plain};
use crate::table::{Rows, cell, styled};
use crate::{out, outln};

/// Longest list of values that is shown of a counterexample.
const MAX_VALUES: usize = 12;

/// A verdict of the API as a domain's.
pub fn domain(verdict: ApiVerdict) -> Verdict {
    match verdict {
        ApiVerdict::Proved => Verdict::Proved,
        ApiVerdict::Refuted => Verdict::Refuted,
        ApiVerdict::Vacuous => Verdict::Vacuous,
        ApiVerdict::Unknown => Verdict::Unknown,
        ApiVerdict::Timeout => Verdict::Timeout,
        ApiVerdict::Conflict => Verdict::Conflict,
        ApiVerdict::Error => Verdict::Error,
        ApiVerdict::NotRun => Verdict::NotRun,
    }
}

/// Counts of the API as a domain's.
pub fn counts(counts: &Counts) -> VerdictCounts {
    VerdictCounts {
        proved: counts.proved,
        refuted: counts.refuted,
        vacuous: counts.vacuous,
        unknown: counts.unknown,
        timeout: counts.timeout,
        conflict: counts.conflict,
        error: counts.error,
        not_run: counts.not_run,
    }
}

/// `5 proved, 1 refuted`, or `no invariants`.
pub fn summary(counts: &VerdictCounts) -> String {
    let mut text = String::new();
    for verdict in Verdict::ALL {
        let count = counts.of(verdict);
        if count > 0 {
            let separator = if text.is_empty() { "" } else { ", " };
            let words = format!("{count} {}", verdict.as_str().replace('_', " "));
            // A string takes what is written to it.
            let _ = write!(text, "{separator}{}", Style::of(verdict).paint(words));
        }
    }
    if text.is_empty() { Style::Dim.paint("no invariants") } else { text }
}

/// A table of a document's invariants, and below it why some are not proved.
pub fn show_invariants(invariants: &[Invariant]) {
    let mut rows = Rows::new(&["line", "invariant", "verdict", "ms", "title"]).right(0).right(3);
    for invariant in invariants {
        let verdict = domain(invariant.verdict);
        rows.row([
            cell(invariant.line.to_string()),
            cell(&invariant.name),
            styled(verdict.as_str(), Style::of(verdict)),
            cell(format!("{:.1}", invariant.duration_ms)),
            cell(invariant.title.as_deref().unwrap_or_default()),
        ]);
    }
    if rows.is_empty() {
        outln!("{}", Style::Dim.paint("no invariants"));
        return;
    }
    out!("{rows}");
    for invariant in invariants {
        explain(
            &invariant.name,
            domain(invariant.verdict),
            invariant.counterexample.iter().flatten().map(|a| (a.name.as_str(), a.value.as_str())),
            invariant.reason.as_deref(),
        );
        let assumptions = invariant.assumptions.iter().flatten();
        let unused = assumptions.filter(|assumption| !assumption.used);
        remark(
            &invariant.name,
            unused.map(|assumption| assumption.text.as_str()),
            invariant.unstable.as_deref(),
        );
    }
}

/// Says what is worth knowing beside the verdict: assumptions that the proof did without, and that
/// other seeds say something else.
pub fn remark<'a>(name: &str, unused: impl Iterator<Item = &'a str>, unstable: Option<&str>) {
    let unused: Vec<_> = unused.map(plain).collect();
    if !unused.is_empty() {
        let name = Style::Strong.paint(plain(name));
        outln!("\n{} {name} is proved without assuming", Style::Dim.paint("i"));
        for text in unused.iter().take(MAX_VALUES) {
            outln!("    {text}");
        }
        if unused.len() > MAX_VALUES {
            outln!("    … and {} more assumptions", unused.len() - MAX_VALUES);
        }
    }
    if let Some(seeds) = unstable {
        let name = Style::Strong.paint(plain(name));
        let text = "the verdict changes with the seed";
        outln!("\n{} {name}: {text} ({})", Style::Warn.paint("!"), plain(seeds));
    }
}

/// Says why one is not proved.
pub fn explain<'a>(
    name: &str,
    verdict: Verdict,
    values: impl Iterator<Item = (&'a str, &'a str)>,
    reason: Option<&str>,
) {
    if verdict == Verdict::Proved {
        return;
    }
    let values: Vec<_> =
        values.map(|(name, value)| format!("{} = {}", plain(name), plain(value))).collect();
    let style = Style::of(verdict);
    match (verdict, reason) {
        (Verdict::Refuted, _) if !values.is_empty() => {
            outln!("\n{} {} fails for", style.paint("✗"), Style::Strong.paint(plain(name)));
            for value in values.iter().take(MAX_VALUES) {
                outln!("    {value}");
            }
            if values.len() > MAX_VALUES {
                outln!("    … and {} more values", values.len() - MAX_VALUES);
            }
        }
        (Verdict::Vacuous, _) => {
            let text = "its assumptions contradict each other, so it says nothing";
            outln!("\n{} {}: {text}", style.paint("!"), Style::Strong.paint(plain(name)));
        }
        (_, Some(reason)) => {
            outln!(
                "\n{} {}: {}",
                style.paint("!"),
                Style::Strong.paint(plain(name)),
                plain(reason)
            );
        }
        _ => {}
    }
}

/// A table of documents.
pub fn show_documents(documents: &[Document]) {
    let mut rows =
        Rows::new(&["document", "content", "invariants", "proved", "verdicts"]).right(2).right(3);
    for document in documents {
        let counted = counts(&document.counts);
        let rest: Vec<String> = Verdict::ALL
            .into_iter()
            .filter(|verdict| *verdict != Verdict::Proved && counted.of(*verdict) > 0)
            .map(|verdict| {
                format!("{} {}", counted.of(verdict), verdict.as_str().replace('_', " "))
            })
            .collect();
        let worst = Verdict::ALL.into_iter().rev().find(|verdict| counted.of(*verdict) > 0);
        let (text, style) = match (document.drifted_at, worst) {
            (Some(_), _) => ("being proved".to_owned(), Style::Warn),
            (None, None) => ("no invariants".to_owned(), Style::Dim),
            (None, Some(Verdict::Proved)) => ("all proved".to_owned(), Style::Good),
            (None, Some(_)) => (rest.join(", "), Style::Bad),
        };
        rows.row([
            cell(&document.path),
            styled(document.recorded.as_deref().unwrap_or("-"), Style::Dim),
            cell(document.total.to_string()),
            cell(counted.proved.to_string()),
            styled(text, style),
        ]);
    }
    if rows.is_empty() {
        outln!("{}", Style::Dim.paint("no documents"));
    } else {
        out!("{rows}");
    }
}
