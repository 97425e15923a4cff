//! Other provers than Z3, by configuration: blocks of other languages, and several who judge one
//! invariant.
#![allow(clippy::unwrap_used, clippy::expect_used)] // Also in what the tests share.

use sbh_tests::documents::{document, proved};
use sbh_tests::{Stack, StackOptions, Tenant, eventually};

/// A prover whose blocks are shell scripts.
const SHELL: &str = r##"
name = "shell"
languages = ["shell"]
comment = "#"
program = "/bin/bash"
arguments = ["{file}"]
version = ["--version"]
version_pattern = 'version (\S+)'
file = "block.sh"
counterexample = '(?m)^(?<name>\w+) = (?<value>.+)$'
[[verdict]]
is = "proved"
exit = [0]
pattern = "held"
[[verdict]]
is = "refuted"
exit = [1]
"##;

/// A prover of SMT-LIB that says of every claim that it fails.
const LIAR: &str = r##"
name = "liar"
comment = ";"
program = "/bin/bash"
arguments = ["-c", "echo sat; echo sat; echo '()'"]
version = ["--version"]
version_pattern = 'version (\S+)'
file = "invariant.smt2"
smt_lib = true
[[verdict]]
is = "error"
exit = [0]
"##;

fn stack(portfolio: &str) -> (Stack, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("shell.toml"), SHELL).unwrap();
    std::fs::write(folder.path().join("liar.toml"), LIAR).unwrap();
    let options = StackOptions::default()
        .set("SBH_PROVER_EXTERNAL_FOLDER", folder.path().display())
        .set("SBH_PROVER_PORTFOLIO", portfolio)
        .set("SBH_PROVER_COMPARE_SHARE", "1.0");
    (tokio::task::block_in_place(|| Stack::start(options)), folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_of_another_language_is_judged_by_its_prover_in_the_sandbox() {
    let (stack, _folder) = stack("");
    let tenant = Tenant::new(&stack, "languages").await;
    let repo = stack.repo("languages");
    let shell =
        |name: &str, script: &str| format!("```shell\n# invariant: {name}\n{script}\n```\n");
    let text = [
        "# Scripts\n".to_owned(),
        shell("HELD-1", "echo held"),
        shell("FAILS-1", "echo balance = 7; exit 1"),
        // The network and the files of others are out of its reach.
        shell("REACHES-1", "(echo > /dev/tcp/127.0.0.1/22) 2>/dev/null && exit 1; echo held"),
        shell("WRITES-1", "touch /etc/sbh-was-here 2>/dev/null && exit 1; echo held"),
        "```dafny\n// invariant: DAFNY-1\nlemma L() {}\n```\n".to_owned(),
        proved("SMT-1", 4),
    ];
    repo.commit_file("specs/a.md", text.join("\n"));
    let repository = tenant.track(&repo, None).await;
    tenant.settled(&repository).await;
    let verdicts = tenant.verdicts(&repository, "specs/a.md").await;
    let wanted = [
        ("HELD-1", "proved"),
        ("FAILS-1", "refuted"),
        ("REACHES-1", "proved"),
        ("WRITES-1", "proved"),
        ("DAFNY-1", "not_run"),
        ("SMT-1", "proved"),
    ];
    let found: Vec<_> = verdicts.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(found, wanted);
    let invariants = tenant.invariants(&repository, "specs/a.md").await;
    assert!(invariants[1].to_string().contains("balance"), "{}", invariants[1]);
    let reason = invariants[4]["reason"].as_str().unwrap();
    assert!(reason.contains("no prover is configured for dafny"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn provers_that_disagree_are_a_conflict_with_an_alert() {
    let (stack, _folder) = stack("z3:0,liar");
    let tenant = Tenant::new(&stack, "portfolio").await;
    let repo = stack.repo("portfolio");
    repo.commit_file("specs/a.md", document("A", [proved("A-1", 4)]));
    let repository = tenant.track(&repo, None).await;
    tenant.settled(&repository).await;
    let invariants = tenant.invariants(&repository, "specs/a.md").await;
    assert_eq!(invariants[0]["verdict"], "conflict", "{}", invariants[0]);
    let reason = invariants[0]["reason"].as_str().unwrap();
    assert!(reason.contains("z3") && reason.contains("liar"), "{reason}");
    eventually(sbh_tests::SHORT, "the alert", async || {
        let alerts = tenant.pages("/api/alerts").await;
        match alerts.iter().find(|alert| alert["kind"] == "prover_conflict") {
            Some(_) => Ok(()),
            None => Err(format!("{alerts:?}")),
        }
    })
    .await;
}
