//! What a check run says at its end. Names, titles and reasons are the authors' of specs: they are
//! shown as code, cut, and on one line.

use sbh_domain::{Verdict, VerdictCounts};
use sbh_sources::github::checks::Annotation;
use serde::{Deserialize, Serialize};

/// Annotations of a check run at most.
pub(crate) const ANNOTATIONS: usize = 200;
/// Invariants that the summary names.
const NAMED: usize = 20;
/// Assignments of a counterexample that are shown.
const ASSIGNMENTS: usize = 20;
/// Characters of a text of an author.
const TEXT: usize = 200;

/// What is told of a check run's end; stored, so that telling it again says the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// `success`, `failure`, `neutral`.
    pub(crate) conclusion: String,
    /// In one line.
    pub(crate) title: String,
    /// In Markdown.
    pub(crate) summary: String,
    /// Remarks on the blocks that are not proved.
    pub(crate) annotations: Vec<Annotation>,
}

/// An invariant that is not proved.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) title: Option<String>,
    /// First and last line of the block.
    pub(crate) lines: (u32, u32),
    pub(crate) verdict: Verdict,
    pub(crate) counterexample: Option<serde_json::Value>,
    pub(crate) reason: Option<String>,
}

/// How a state of affairs is concluded. Refuted, vacuous and contradictory claims are failures;
/// whatever nobody could decide, and nothing at all, is neutral; only proved is a success.
pub(crate) fn conclusion(counts: &VerdictCounts) -> &'static str {
    if counts.refuted + counts.vacuous + counts.conflict > 0 {
        "failure"
    } else if counts.total() > 0 && counts.proved == counts.total() {
        "success"
    } else {
        "neutral"
    }
}

/// The title of a state of affairs.
pub(crate) fn title(counts: &VerdictCounts) -> String {
    if counts.total() == 0 {
        return "no invariants".to_owned();
    }
    let mut title = format!("{} of {} proved", counts.proved, counts.total());
    for verdict in Verdict::ALL.into_iter().filter(|verdict| *verdict != Verdict::Proved) {
        if counts.of(verdict) > 0 {
            title += &format!(", {} {}", counts.of(verdict), word(verdict));
        }
    }
    title
}

/// The verdicts before and after as a table.
pub(crate) fn table(before: &VerdictCounts, after: &VerdictCounts) -> String {
    let mut table = "| invariants | before | after |\n|---|---:|---:|\n".to_owned();
    for verdict in Verdict::ALL {
        let (was, is) = (before.of(verdict), after.of(verdict));
        if was != 0 || is != 0 || verdict == Verdict::Proved {
            table += &format!("| {} | {was} | {is} |\n", word(verdict));
        }
    }
    let share = |counts: &VerdictCounts| {
        counts.percentage_proved().map_or_else(|| "–".to_owned(), |share| format!("{share:.1} %"))
    };
    table += &format!("| all | {} | {} |\n", before.total(), after.total());
    table += &format!("| **proved** | {} | {} |\n", share(before), share(after));
    table
}

/// The invariants that are not proved as a list; `all` is how many there are.
pub(crate) fn list(findings: &[Finding], all: i64) -> String {
    let mut list = String::new();
    for finding in findings.iter().take(NAMED) {
        list += &format!(
            "- {} is **{}** ({}:{})",
            code(&finding.name),
            word(finding.verdict),
            code(&finding.path),
            finding.lines.0
        );
        if let Some(why) = told(finding).first() {
            list += &format!(": {}", code(why));
        }
        list.push('\n');
    }
    let more = all.saturating_sub(findings.len().min(NAMED) as i64);
    if more > 0 {
        list += &format!("- … and {more} more\n");
    }
    list
}

/// The remark on a block.
pub(crate) fn annotation(finding: &Finding) -> Annotation {
    let failure =
        matches!(finding.verdict, Verdict::Refuted | Verdict::Vacuous | Verdict::Conflict);
    let mut message = told(finding).join("\n");
    if message.is_empty() {
        message = explained(finding.verdict).to_owned();
    }
    if let Some(title) = &finding.title {
        message = format!("{}\n{message}", one_line(title));
    }
    Annotation {
        path: finding.path.clone(),
        start_line: finding.lines.0.max(1),
        end_line: finding.lines.1.max(finding.lines.0).max(1),
        annotation_level: if failure { "failure" } else { "warning" }.to_owned(),
        title: format!("{} is {}", one_line(&finding.name), word(finding.verdict)),
        message,
    }
}

/// The counterexample, an assignment a line, or the reason.
fn told(finding: &Finding) -> Vec<String> {
    let assignments = finding.counterexample.as_ref().and_then(|json| json.as_array());
    let mut lines: Vec<String> = assignments
        .into_iter()
        .flatten()
        .take(ASSIGNMENTS)
        .filter_map(|one| Some((one.get("name")?.as_str()?, one.get("value")?.as_str()?)))
        .map(|(name, value)| one_line(&format!("{name} = {value}")))
        .collect();
    if let Some(more) = assignments.map(|all| all.len().saturating_sub(ASSIGNMENTS))
        && more > 0
    {
        lines.push(format!("… and {more} more"));
    }
    if lines.is_empty() {
        lines.extend(finding.reason.as_deref().map(one_line));
    }
    lines
}

/// A verdict as people read it.
fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::NotRun => "not run",
        Verdict::Timeout => "timed out",
        other => other.as_str(),
    }
}

fn explained(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Refuted => "The claim does not follow from the assumptions.",
        Verdict::Vacuous => "The assumptions contradict each other, so the claim says nothing.",
        Verdict::Conflict => "Provers disagree.",
        Verdict::Timeout => "The prover used up its time.",
        _ => "Nobody could decide it.",
    }
}

/// A text of an author on one line.
pub(crate) fn one_line(text: &str) -> String {
    let mut line: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TEXT + 1).collect();
    if line.chars().count() > TEXT {
        line.pop();
        line.push('…');
    }
    line
}

/// A text of an author as code, which nothing in it ends: no mention, no link, no image.
pub(crate) fn code(text: &str) -> String {
    format!("`{}`", one_line(text).replace('`', "'"))
}

/// The last line of the block that begins at a line: that before the fence that closes it, or before
/// the next block of a script.
pub(crate) fn last_line(path: &str, text: &str, first: u32) -> u32 {
    /// Lines of a block that are looked through.
    const MOST: usize = 2_000;
    let is_markdown = !path.to_ascii_lowercase().ends_with(".smt2");
    let ends = |line: &str| match is_markdown {
        true => line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~"),
        false => line.trim_start_matches([';', ' ']).starts_with("invariant:"),
    };
    let lines = text.lines().skip(first.saturating_sub(1) as usize);
    let mut last = first;
    for (index, line) in lines.take(MOST).enumerate() {
        if index > 0 && ends(line) {
            break;
        }
        if !line.trim().is_empty() {
            last = first.saturating_add(u32::try_from(index).unwrap_or(u32::MAX));
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn finding(verdict: Verdict) -> Finding {
        Finding {
            path: "specs/a.md".into(),
            name: "A-1".into(),
            title: None,
            lines: (3, 7),
            verdict,
            counterexample: None,
            reason: None,
        }
    }

    #[test]
    fn only_proved_is_a_success() {
        let of = |verdicts: &[Verdict]| conclusion(&verdicts.iter().copied().collect());
        assert_eq!(of(&[Verdict::Proved, Verdict::Proved]), "success");
        assert_eq!(of(&[]), "neutral");
        for bad in [Verdict::Refuted, Verdict::Vacuous, Verdict::Conflict] {
            assert_eq!(of(&[Verdict::Proved, Verdict::Timeout, bad]), "failure");
        }
        for unclear in [Verdict::Unknown, Verdict::Timeout, Verdict::Error, Verdict::NotRun] {
            assert_eq!(of(&[Verdict::Proved, unclear]), "neutral");
        }
    }

    #[test]
    fn the_table_shows_what_changed_and_nothing_empty() {
        let before = [Verdict::Proved, Verdict::Proved].into_iter().collect();
        let after = [Verdict::Proved, Verdict::Refuted].into_iter().collect();
        assert_eq!(
            table(&before, &after),
            "| invariants | before | after |\n|---|---:|---:|\n| proved | 2 | 1 |\n| refuted | 0 | 1 |\n\
             | all | 2 | 2 |\n| **proved** | 100.0 % | 50.0 % |\n"
        );
        assert_eq!(title(&after), "1 of 2 proved, 1 refuted");
    }

    #[test]
    fn a_remark_shows_the_counterexample_on_the_block_s_lines() {
        let refuted = Finding {
            counterexample: Some(json!([{"name": "balance", "value": "41"}])),
            title: Some("never\nnegative".into()),
            ..finding(Verdict::Refuted)
        };
        let shown = annotation(&refuted);
        assert_eq!((shown.start_line, shown.end_line), (3, 7));
        assert_eq!(shown.annotation_level, "failure");
        assert_eq!(shown.title, "A-1 is refuted");
        assert_eq!(shown.message, "never negative\nbalance = 41");
        let timeout = annotation(&finding(Verdict::Timeout));
        assert_eq!(timeout.annotation_level, "warning");
        assert_eq!(timeout.message, "The prover used up its time.");
    }

    #[test]
    fn an_author_s_text_stays_within_its_place() {
        let hostile = Finding {
            name: "`@acme/all` ![x](https://evil.example)\n# big".into(),
            reason: Some("x".repeat(10_000)),
            ..finding(Verdict::Error)
        };
        let list = list(std::slice::from_ref(&hostile), 3);
        assert!(list.starts_with("- `'@acme/all' ![x](https://evil.example) # big` is **error**"));
        assert_eq!(list.lines().count(), 2);
        assert!(list.ends_with("- … and 2 more\n") && list.len() < 1_000);
        let message = annotation(&hostile).message;
        assert!(message.lines().count() <= 2, "its title and its reason");
        // What is cut ends in a mark of one character.
        assert!(message.lines().all(|line| line.chars().count() <= TEXT + 1), "{message}");
    }

    #[test]
    fn a_block_ends_at_its_fence_or_where_the_next_begins() {
        let markdown = "# A\n\n```smt2\n; invariant: A-1\n(assert true)\n\n```\nmore\n";
        assert_eq!(last_line("a.md", markdown, 4), 5);
        let script = "; invariant: A-1\n(assert true)\n\n; invariant: A-2\n(assert false)";
        assert_eq!(last_line("a.smt2", script, 1), 2);
        assert_eq!(last_line("a.smt2", script, 4), 5);
        assert_eq!(last_line("a.md", "", 9), 9);
    }
}
