//! What is written for an external prover, and what its answer means.

use sbh_domain::{ProofDetail, Verdict};
use std::time::Duration;

use super::config::ProverFile;
use crate::invariant::Invariant;
use crate::pool::{Assignment, Counterexample, Outcome, read_model};

/// The most values of a counterexample that are shown, and the most text of them in bytes.
const MAX_VALUES: usize = 50;
const MAX_TEXT: usize = 4 * 1024;

/// The longest excerpt of an answer in a reason, in characters.
const MAX_EXCERPT: usize = 300;

/// The most files that a block may be cut into.
const MAX_FILES: usize = 16;

/// The verdict of the first rule that fits.
pub(super) fn by_rules(file: &ProverFile, status: i32, output: &str) -> Outcome {
    let Some(rule) = file.verdicts.iter().find(|rule| rule.fits(status, output)) else {
        let reason = format!(
            "{} ended with status {status} and an answer that no rule knows: {}",
            file.name,
            excerpt(output)
        );
        return Outcome::unasked(Verdict::Error, reason);
    };
    let counterexample = (rule.is == Verdict::Refuted).then(|| values(file, output)).flatten();
    Outcome {
        verdict: rule.is,
        duration: Duration::ZERO,
        reason: (!rule.is.is_decisive())
            .then(|| format!("{} says: {}", file.name, excerpt(output))),
        counterexample,
        detail: ProofDetail::default(),
    }
}

/// The values that the prover's pattern finds.
fn values(file: &ProverFile, output: &str) -> Option<Counterexample> {
    let pattern = &file.counterexample.as_ref()?.0;
    let mut shown = Vec::new();
    let mut left = MAX_TEXT;
    for found in pattern.captures_iter(output) {
        let name = found.name("name").map_or("counterexample", |name| name.as_str());
        let value = found.name("value").or_else(|| found.get(0)).map_or("", |value| value.as_str());
        let [name, value] = [name, value].map(|text| clean(text, MAX_TEXT / 2));
        match left.checked_sub(name.len() + value.len()) {
            Some(rest) if shown.len() < MAX_VALUES => {
                left = rest;
                shown.push(Assignment { name, value });
            }
            _ => {
                shown.push(Assignment { name: "…".to_owned(), value: "more".to_owned() });
                break;
            }
        }
    }
    (!shown.is_empty()).then_some(Counterexample(shown))
}

/// The end of an answer, where programs say what matters.
fn excerpt(output: &str) -> String {
    let text = clean(output, usize::MAX);
    let length = text.chars().count();
    if length == 0 {
        return "nothing".to_owned();
    }
    let end: String = text.chars().skip(length.saturating_sub(MAX_EXCERPT)).collect();
    if length > MAX_EXCERPT { format!("…{end}") } else { end }
}

/// One line without control characters, of at most `most` characters.
fn clean(text: &str, most: usize) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let line = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    line.chars().take(most).collect()
}

/// An argument with its places filled.
pub(super) fn fill(argument: &str, file: &ProverFile, seed: u32) -> String {
    let milliseconds = file.limits.time_s.saturating_mul(1_000).to_string();
    argument
        .replace("{file}", &file.file)
        .replace("{time_s}", &file.limits.time_s.to_string())
        .replace("{time_ms}", &milliseconds)
        .replace("{seed}", &seed.to_string())
}

/// Cuts a block into files: a comment line `file: NAME` begins another one. Lines keep their place
/// in the first file, so that messages fit the author's block.
pub(super) fn parts(text: &str, first: &str, comment: &str) -> Vec<(String, String)> {
    let mut parts = vec![(first.to_owned(), String::new())];
    for line in text.split_inclusive('\n') {
        let name = line.trim().strip_prefix(comment).and_then(|rest| {
            let name = rest.trim().strip_prefix("file:")?.trim();
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            let new = !name.starts_with('.') && parts.iter().all(|(other, _)| other != name);
            (!name.is_empty() && name.len() <= 100 && name.chars().all(plain) && new)
                .then_some(name)
        });
        match name {
            Some(name) if parts.len() < MAX_FILES => parts.push((name.to_owned(), String::new())),
            _ => {
                if let Some((_, part)) = parts.last_mut() {
                    part.push_str(line);
                }
            }
        }
    }
    parts
}

/// Both questions about an SMT-LIB invariant as a script: whether the assumptions can hold, then
/// whether the claim fails, and how. (A model of a claim that does not fail is an error, which
/// therefore comes last.)
pub(super) fn script(invariant: &Invariant) -> String {
    let mut text = "(set-option :produce-models true)\n(set-logic ALL)\n".to_owned();
    let mut add = |command: &str| {
        text.push_str(command);
        text.push('\n');
    };
    invariant.prelude.iter().for_each(|command| add(&command.text));
    add("(check-sat)");
    add("(push 1)");
    invariant.goal.iter().for_each(|command| add(&command.text));
    add("(check-sat)");
    add("(get-model)");
    text
}

/// Reads the answers to [`script`].
pub(super) fn of_checks(output: &str, symbols: &[String], name: &str) -> Outcome {
    let mut lines = output.lines();
    let (assumptions, claim) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
    let decided = |verdict| Outcome { reason: None, ..Outcome::unasked(verdict, "") };
    // cvc5's library says why it is unknown in the same line.
    let [assumptions, claim] = [assumptions, claim].map(|line| match line.trim() {
        line if line.starts_with("unknown") => "unknown",
        line => line,
    });
    match (assumptions, claim) {
        ("sat", "unsat") => decided(Verdict::Proved),
        ("unsat", "unsat") => decided(Verdict::Vacuous),
        ("sat" | "unknown", "sat") => {
            let model = lines.collect::<Vec<_>>().join("\n");
            let counterexample = read_model(&model, symbols);
            Outcome { counterexample, ..decided(Verdict::Refuted) }
        }
        ("sat" | "unknown", "unknown") | ("unknown", "unsat") => {
            let reason = format!("{name} gave up: {}", excerpt(output));
            Outcome::unasked(Verdict::Unknown, reason)
        }
        _ => Outcome::unasked(Verdict::Error, format!("{name} answers: {}", excerpt(output))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        name = "toy"
        languages = ["toy"]
        comment = "//"
        program = "toy"
        arguments = ["{file}", "--limit={time_ms}", "--seed={seed}"]
        version = ["--version"]
        version_pattern = '(\d+)'
        file = "block.toy"
        counterexample = '(?m)^(?<name>\w+) = (?<value>.+)$'
        [[verdict]]
        is = "refuted"
        exit = [1]
        pattern = "violated"
        [[verdict]]
        is = "proved"
        exit = [0]
        unless = "warning"
        [[verdict]]
        is = "unknown"
        pattern = "warning"
    "#;

    #[test]
    fn the_first_rule_that_fits_decides_and_none_is_an_error() {
        let file = ProverFile::parse(FILE).unwrap();
        let of = |status, output| by_rules(&file, status, output);
        assert_eq!(of(0, "fine").verdict, Verdict::Proved);
        let refuted = of(1, "violated\nx = 3\ny = a b\n");
        let values = refuted.counterexample.unwrap().0;
        assert_eq!((values[0].name.as_str(), values[1].value.as_str()), ("x", "a b"));
        let unknown = of(0, "warning: sorry");
        assert_eq!((unknown.verdict, unknown.counterexample), (Verdict::Unknown, None));
        assert_eq!(unknown.reason.as_deref(), Some("toy says: warning: sorry"));
        for (status, output) in [(1, "fine"), (2, "violated"), (-1, "")] {
            let error = of(status, output);
            assert_eq!(error.verdict, Verdict::Error, "{status} {output}");
            assert!(error.reason.unwrap().contains("no rule knows"));
        }
        assert_eq!(fill("--limit={time_ms}", &file, 7), "--limit=30000");
        assert_eq!(fill("--seed={seed}", &file, 7), "--seed=7");
    }

    #[test]
    fn a_configuration_that_would_judge_everything_or_lead_out_is_refused() {
        for (from, to) in [
            ("exit = [0]", ""),
            ("\"block.toy\"", "\"../block\""),
            ("name = \"toy\"", "name = \"z3\""),
            ("languages = [\"toy\"]", "languages = [\"smt2\"]"),
            ("languages = [\"toy\"]", "languages = [\"Toy\"]"),
            ("comment = \"//\"", "comment = \" \""),
            ("comment = \"//\"", "comment = \"//\"\nread = [\"x\"]"),
            ("comment = \"//\"", "comment = \"//\"\nlimits = { time_s = 0 }"),
            ("comment = \"//\"", "comment = \"//\"\nnetwork = true"),
            ("'(\\d+)'", "'('"),
        ] {
            let text = FILE.replace(from, to);
            assert_ne!(text, FILE, "{from}");
            assert!(ProverFile::parse(&text).is_err(), "{to}");
        }
    }

    #[test]
    fn a_block_can_hold_several_files() {
        let parts = parts("a\n// file: M.cfg\nb\n// file: ../x\n// file: M.cfg\n", "M.tla", "//");
        assert_eq!(parts[0], ("M.tla".to_owned(), "a\n".to_owned()));
        assert_eq!(parts[1].0, "M.cfg");
        assert_eq!((parts.len(), parts[1].1.lines().count()), (2, 3));
    }

    #[test]
    fn answers_to_both_questions() {
        let of = |output: &str| of_checks(output, &["x".to_owned()], "cvc5").verdict;
        assert_eq!(of("sat\nunsat\n(error \"no model\")\n"), Verdict::Proved);
        assert_eq!(of("unsat\nunsat\n"), Verdict::Vacuous);
        assert_eq!(of("unknown\nunsat\n"), Verdict::Unknown);
        assert_eq!(of("sat\nunknown\n"), Verdict::Unknown);
        for wrong in ["", "sat\n", "unsat\nsat\n", "(error \"x\")\nunsat\n", "sat\n(error)\n"] {
            assert_eq!(of(wrong), Verdict::Error, "{wrong}");
        }
        let refuted =
            of_checks("sat\nsat\n(\n(define-fun x () Int (- 3))\n)\n", &["x".to_owned()], "cvc5");
        assert_eq!(refuted.verdict, Verdict::Refuted);
        assert_eq!(refuted.counterexample.unwrap().0[0].value, "-3");
    }
}
