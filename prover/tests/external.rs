//! External provers in their sandbox: what their configuration makes of them, and a real one.
//! Linux only, like the sandbox.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

#[path = "external/shell.rs"]
mod shell;
mod z3;

use std::ffi::OsString;
use std::path::Path;

use sbh_domain::Verdict;
use sbh_prover::Kind;
use sbh_prover::external::Provers;
use shell::{SHELL, block, cvc5, provers, runners, sandbox, shell};

#[tokio::test]
async fn a_rule_decides_and_the_answer_is_kept() {
    for runner in runners() {
        let outcome = shell(runner.clone(), "echo held").await;
        assert_eq!(outcome.verdict, Verdict::Proved, "{outcome:?}");
        assert_eq!(outcome.detail.language.as_deref(), Some("shell"));
        assert!(outcome.detail.prover.unwrap().starts_with("shell "));
        let outcome = shell(runner.clone(), "echo x = 3; echo y = 4 >&2; exit 1").await;
        let values = outcome.counterexample.unwrap().0;
        assert_eq!((outcome.verdict, values[0].value.as_str()), (Verdict::Refuted, "3"));
        assert_eq!(values[1].name, "y");
        let outcome = shell(runner, "echo strange; exit 3").await;
        assert_eq!(outcome.verdict, Verdict::Error);
        assert!(outcome.reason.unwrap().contains("status 3"));
    }
}

#[tokio::test]
async fn without_namespaces_nothing_runs_and_the_verdict_says_so() {
    // Root of a user namespace that may have no further ones and has no rights of its own.
    let forbid = "echo 0 > /proc/sys/user/max_user_namespaces && \
                  exec setpriv --bounding-set=-all --inh-caps=-all \"$@\"";
    let runner = ["unshare", "--user", "--map-root-user", "bash", "-c", forbid, "bash"];
    let runner = runner.map(OsString::from).into_iter().chain([sandbox()]).collect();
    let outcome = shell(runner, "echo held").await;
    assert_eq!(outcome.verdict, Verdict::NotRun, "{outcome:?}");
    assert!(outcome.reason.unwrap().contains("namespaces"));
}

#[tokio::test]
async fn a_prover_that_is_not_there_is_not_run_with_a_reason() {
    let none = Provers::default();
    let text = "```dafny\n// invariant: A\nlemma L() {}\n```\n";
    let dafny = sbh_prover::parse(Kind::Markdown, text).invariants[0].parsed.clone().unwrap();
    let outcome = none.prove(&dafny).await;
    assert_eq!(outcome.verdict, Verdict::NotRun);
    assert!(outcome.reason.unwrap().contains("no prover is configured for dafny"));
    let provers = provers(&SHELL.replace("/bin/bash", "/no/such/program"), vec![sandbox()]);
    let outcome = provers.prove(&block(&provers, "shell", "true")).await;
    assert_eq!(outcome.verdict, Verdict::NotRun);
    assert!(outcome.reason.unwrap().contains("is not installed"));
    assert_eq!(provers.cache_key("a", &block(&provers, "shell", "true")).await, None);
}

#[tokio::test]
async fn keys_change_with_all_that_can_change_a_verdict() {
    let key = |description: String, tenant: &'static str, script: &'static str| async move {
        let provers = provers(&description, vec![sandbox()]);
        provers.cache_key(tenant, &block(&provers, "shell", script)).await.unwrap()
    };
    let first = key(SHELL.to_owned(), "a", "true").await;
    assert_eq!(first, key(SHELL.to_owned(), "a", "true").await);
    for other in [
        key(SHELL.to_owned(), "b", "true").await,
        key(SHELL.to_owned(), "a", "false").await,
        key(SHELL.replace("exit = [1]", "exit = [2]"), "a", "true").await,
    ] {
        assert_ne!(first, other);
    }
}

#[tokio::test]
async fn cvc5_proves_and_refutes_in_its_own_words() {
    let provers = provers(&cvc5(), vec![sandbox()]);
    let ask = |text: &str| {
        let block = block(&provers, "cvc5", text);
        let provers = provers.clone();
        async move { provers.prove(&block).await }
    };
    // Sets are cvc5's own: the solver behind ```smt2 has none of this kind.
    let sets = "(set-logic ALL)(declare-const a (Set Int))(declare-const b (Set Int))\n";
    let proved =
        ask(&format!("{sets}(assert (not (set.subset (set.inter a b) a)))\n(check-sat)")).await;
    assert_eq!(proved.verdict, Verdict::Proved, "{proved:?}");
    assert_eq!(proved.detail.prover.as_deref(), Some("cvc5 1.4.2"));
    let refuted = ask("(set-logic ALL)(declare-const x Int)(assert (> x 3))(assert (< x 5))\n\
                       (check-sat)\n(get-model)")
    .await;
    assert_eq!(refuted.verdict, Verdict::Refuted, "{refuted:?}");
    let values = refuted.counterexample.unwrap().0;
    assert_eq!((values[0].name.as_str(), values[0].value.as_str()), ("x", "4"));
    let wrong = ask("(set-logic ALL)(assert (> y 3))(check-sat)").await;
    assert_eq!(wrong.verdict, Verdict::Error, "{wrong:?}");
    let twice = ask("(set-logic ALL)(check-sat)(assert false)\n(check-sat)").await;
    assert_eq!(twice.verdict, Verdict::Error, "two answers are none: {twice:?}");
}

#[test]
fn every_shipped_description_can_be_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../provers");
    let provers = Provers::open(&folder, vec![sandbox()], 1).unwrap();
    let text = "```rust\n// invariant: A\n#[kani::proof] fn f() {}\n```\n";
    let found = sbh_prover::parse_with(Kind::Markdown, text, &provers.languages());
    assert_eq!(found.invariants[0].parsed.as_ref().unwrap().language(), Some("rust"));
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 6);
}
