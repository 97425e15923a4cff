//! `sbh prove` as an editor or a hook runs it, with the real prover.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const PROVED: &str =
    "(declare-const x Int)\n(assert (> x 0))\n(define-fun invariant () Bool (>= x 1))\n";
const REFUTED: &str =
    "(declare-const x Int)\n(assert (> x 0))\n(define-fun invariant () Bool (> x 1))\n";

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn tools() -> PathBuf {
    std::env::var_os("SBH_TOOLS").map_or_else(|| workspace().join(".sbh/tools"), PathBuf::from)
}

fn prove(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sbh"))
        .arg("prove")
        .args(arguments)
        .current_dir(folder)
        .env("SBH_HOME", folder.join("home"))
        .env("SBH_TOOLS", tools())
        .output()
        .unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!(
            "{error}: {} {}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

fn block(name: &str, text: &str) -> String {
    format!("```smt2\n; invariant: {name}\n; story: S-1\n; title: A title\n{text}```\n")
}

#[test]
fn everything_proved_is_zero_and_the_shape_is_the_promised_one() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.md"), format!("# A\n\n{}", block("A-1", PROVED))).unwrap();
    let output = prove(folder.path(), &["--json", "a.md"]);
    assert_eq!(output.status.code(), Some(0));
    let answer = json(&output);
    assert_eq!(answer["documents"][0]["path"], "a.md");
    let invariant = &answer["documents"][0]["invariants"][0];
    let keys: Vec<_> = invariant.as_object().unwrap().keys().map(String::as_str).collect();
    let mut wanted = [
        "id",
        "story",
        "title",
        "line",
        "verdict",
        "duration_ms",
        "counterexample",
        "reason",
        "language",
        "prover",
        "assumptions",
        "unstable",
    ];
    wanted.sort_unstable();
    let mut keys_sorted = keys.clone();
    keys_sorted.sort_unstable();
    assert_eq!(keys_sorted, wanted);
    assert_eq!(invariant["id"], "A-1");
    assert_eq!(invariant["story"], "S-1");
    assert_eq!(invariant["title"], "A title");
    assert_eq!(invariant["line"], 4);
    assert_eq!(invariant["verdict"], "proved");
    assert!(invariant["duration_ms"].as_f64().unwrap() > 0.0);
}

#[test]
fn something_not_proved_is_one_and_has_its_counterexample() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("b.smt2"), format!("; invariant: B-1\n{REFUTED}")).unwrap();
    let output = prove(folder.path(), &["--json", "b.smt2"]);
    assert_eq!(output.status.code(), Some(1));
    let answer = json(&output);
    let invariant = &answer["documents"][0]["invariants"][0];
    assert_eq!(invariant["verdict"], "refuted");
    assert_eq!(invariant["counterexample"][0]["name"], "x");
    assert_eq!(invariant["counterexample"][0]["value"], "1");
    let text = prove(folder.path(), &["b.smt2"]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("x = 1"));
    assert!(!text.stdout.contains(&0x1b), "no colours outside of a terminal");
}

#[test]
fn malformed_blocks_and_names_given_twice_are_errors_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let text = [
        block("C-1", PROVED),
        block("C-1", PROVED),
        block("C-2", "(assert\n"),
        block("C-3", PROVED),
    ]
    .concat();
    std::fs::write(folder.path().join("c.md"), text).unwrap();
    let output = prove(folder.path(), &["--json", "c.md"]);
    assert_eq!(output.status.code(), Some(1));
    let answer = json(&output);
    let all = answer["documents"][0]["invariants"].as_array().unwrap();
    let verdicts: Vec<_> = all.iter().map(|one| one["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["error", "error", "error", "proved"]);
    assert!(all[0]["reason"].as_str().unwrap().contains("C-1"));
    assert!(all[2]["reason"].as_str().unwrap().contains("line"));
}

#[test]
fn a_name_of_two_files_is_an_error_in_both_as_for_a_repository() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.md"), block("N-1", PROVED)).unwrap();
    std::fs::write(folder.path().join("b.md"), block("N-1", PROVED) + &block("N-2", PROVED))
        .unwrap();
    let output = prove(folder.path(), &["--json", "a.md", "b.md"]);
    assert_eq!(output.status.code(), Some(1));
    let answer = json(&output);
    let of = |document: usize, index: usize| &answer["documents"][document]["invariants"][index];
    assert_eq!(of(0, 0)["verdict"], "error");
    assert!(of(0, 0)["reason"].as_str().unwrap().contains("b.md"));
    assert!(of(1, 0)["reason"].as_str().unwrap().contains("a.md"));
    assert_eq!(of(1, 1)["verdict"], "proved");
    let twice = prove(folder.path(), &["--json", "a.md", "./a.md", "."]);
    assert_eq!(json(&twice)["documents"].as_array().unwrap().len(), 2, "each file once");
}

#[test]
fn unusable_input_is_two_with_a_sentence_and_the_rest_is_judged() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.md"), block("A-1", PROVED)).unwrap();
    std::fs::write(folder.path().join("latin.md"), b"caf\xe9").unwrap();
    std::fs::write(folder.path().join("a.txt"), "").unwrap();
    for (bad, why) in [("none.md", "No such file"), ("latin.md", "UTF-8"), ("a.txt", "not a spec")]
    {
        let output = prove(folder.path(), &["--json", "a.md", bad]);
        assert_eq!(output.status.code(), Some(2), "{bad}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(bad) && said.contains(why), "{said}");
        assert_eq!(json(&output)["documents"].as_array().unwrap().len(), 1);
    }
    assert_eq!(prove(folder.path(), &[]).status.code(), Some(2));
}

#[test]
fn the_demos_documents_hold_but_for_one_that_says_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let specs = workspace().join("demo/specs");
    let output = prove(folder.path(), &["--json", specs.to_str().unwrap()]);
    let answer = json(&output);
    let documents = answer["documents"].as_array().unwrap();
    let all: Vec<_> =
        documents.iter().flat_map(|one| one["invariants"].as_array().unwrap()).collect();
    assert!(documents.len() >= 6 && all.len() >= 30, "{} {}", documents.len(), all.len());
    let not_proved: Vec<_> = all.iter().filter(|one| one["verdict"] != "proved").collect();
    assert_eq!(not_proved.len(), 1, "{not_proved:?}");
    assert_eq!(not_proved[0]["verdict"], "vacuous");
}

#[test]
fn the_demos_edit_refutes_one() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(workspace().join("demo/specs/refunds.md")).unwrap();
    let edited = text.replacen(
        "(assert (<= amount (- captured refunded)))",
        "(assert (<= amount captured))",
        1,
    );
    assert_ne!(text, edited);
    std::fs::write(folder.path().join("refunds.md"), edited).unwrap();
    let answer = json(&prove(folder.path(), &["--json", "refunds.md"]));
    let all = answer["documents"][0]["invariants"].as_array().unwrap();
    let refuted: Vec<_> =
        all.iter().filter(|one| one["verdict"] == "refuted").map(|one| &one["id"]).collect();
    assert_eq!(refuted, ["REFUND-1"]);
}
