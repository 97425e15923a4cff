//! Specs that mean harm, against the real prover.
#![allow(clippy::unwrap_used)]

mod z3;

use std::time::{Duration, Instant};

use sbh_domain::Verdict;
use sbh_prover::{Invariant, Limits};

const TRUE: &str = "(define-fun invariant () Bool true)";

const ENDLESS: &str = "(declare-const x Int)(declare-const y Int)(declare-const z Int)
     (define-fun invariant () Bool (distinct (+ (* x x x) (* y y y) (* z z z)) 114))";

#[test]
fn commands_that_touch_files_options_or_the_frame_are_refused() {
    for command in [
        "(set-option :regular-output-channel \"/tmp/x\")",
        "(set-option :diagnostic-output-channel \"/tmp/x\")",
        "(set-option :timeout 1)",
        "(set-option :dot_proof_file \"/tmp/x\")",
        "(include \"/etc/passwd\")",
        "(|include| \"/etc/passwd\")",
        "(dimacs)",
        "(model-add x () Int 1)",
        "(model-del x)",
        "(echo \"proved\")",
        "(push 1)",
        "(pop 1)",
        "(reset)",
        "(reset-assertions)",
        "(exit)",
        "(eval 1)",
        "(display 1)",
        "(simplify 1)",
        "(apply simplify)",
        "(check-sat-using smt)",
        "(check-sat-assuming (x))",
        "(get-model)",
        "(get-info :version)",
        "(get-value (x))",
        "(get-unsat-core)",
        "(minimize 1)",
        "(assert-soft true)",
        "(define-fun-rec f ((x Int)) Int (+ 1 (f x)))",
        "(define-funs-rec ((f ((x Int)) Int)) ((f x)))",
        "(declare-tactic t skip)",
        "(declare-map f)",
        "(declare-rel r (Int))",
        "(rule true)",
        "(query r)",
        "(help)",
        "(unheard-of)",
    ] {
        let error = Invariant::parse(&format!("\n{command}\n{TRUE}"), 5).unwrap_err();
        let name = command.trim_matches(['(', ')', '|']).split([' ', ')', '|']).next().unwrap();
        assert_eq!(error.line, 6, "{command}: {error}");
        assert!(
            error.message.starts_with(&format!("the command {name} is not allowed: ")),
            "{error}"
        );
    }
}

#[test]
fn names_that_would_change_the_question_are_refused() {
    for block in [
        "(define-fun not ((x Bool)) Bool false)",
        "(declare-fun not (Int) Bool)",
        "(define-sort Bool () Int)",
        "(declare-datatypes ((Int 0)) (((zero))))",
        "(declare-const invariant Bool)",
        "(declare-fun |invariant| (Int) Bool)",
        "(define-const invariant Bool true)",
        "(declare-datatypes ((T 0)) (((invariant))))",
        "(declare-datatypes ((T 0)) (((a (invariant Int)))))",
        "(declare-fun f (Int) Int)(declare-fun f (Bool) Int)",
        "(declare-fun is-a () Bool)(declare-datatype T ((a)))",
        "(assert (forall ((and Bool)) and))",
        "(assert (let ((= 1)) true))",
        "(assert (! true :named invariant))",
        "(assert (! true :named a))",
        "(assert (! true :pattern))",
        "(assert (choice ((x Int)) true))",
        "(assert (par (x) true))",
        "(assert :keyword)",
        "(assert let)",
        "(declare-const |let| Int)",
        "(declare-const |assert| Int)",
        "(declare-const @x Int)",
        "(declare-const -5 Int)",
    ] {
        assert!(Invariant::parse(&format!("{block}{TRUE}"), 1).is_err(), "{block} was allowed");
    }
}

#[tokio::test]
async fn an_endless_proof_ends_and_harms_nobody() {
    let limits = Limits { time: Duration::from_millis(200), rlimit: 0, ..Limits::default() };
    let pool = z3::pool(1, limits).await;
    let outcome = z3::prove(&pool, ENDLESS).await;
    assert_eq!(outcome.verdict, Verdict::Timeout, "{outcome:?}");
    assert_eq!(z3::prove(&pool, TRUE).await.verdict, Verdict::Proved);
    let stats = pool.stats();
    assert_eq!((stats.spawned, stats.replaced, stats.reused), (2, 1, 0));
}

#[tokio::test]
async fn a_solver_that_does_not_keep_its_time_limit_is_killed() {
    // Multiplying these numbers out takes the solver longer than any patience, and it does not look
    // at its clock meanwhile.
    let limits = Limits { time: Duration::from_millis(200), rlimit: 0, memory_mb: 2_000, seed: 0 };
    let pool = z3::pool(1, limits).await;
    let mut block = String::from("(define-fun x0 () Int 3)");
    for n in 1..60 {
        block += &format!("(define-fun x{n} () Int (* x{p} x{p}))", p = n - 1);
    }
    block += "(define-fun invariant () Bool (> x59 0))";
    let started = Instant::now();
    let outcome = z3::prove(&pool, &block).await;
    assert!(matches!(outcome.verdict, Verdict::Timeout | Verdict::Error), "{outcome:?}");
    assert!(started.elapsed() < Duration::from_secs(20), "{outcome:?}");
    assert_eq!(pool.stats().replaced, 1);
    assert_eq!(z3::prove(&pool, TRUE).await.verdict, Verdict::Proved);
}

#[tokio::test]
async fn a_memory_eater_is_stopped_and_says_so() {
    let limits = Limits { memory_mb: 100, ..Limits::default() };
    let pool = z3::pool(1, limits).await;
    for block in [
        "(declare-const x (_ BitVec 32))
         (define-fun invariant () Bool
           (= ((_ repeat 100000000) x) ((_ repeat 100000000) (bvadd x x))))",
        "(declare-const x (_ BitVec 4000))(declare-const y (_ BitVec 4000))
         (define-fun invariant () Bool (distinct (bvmul x y) (bvudiv y x)))",
    ] {
        let outcome = z3::prove(&pool, block).await;
        assert_eq!(outcome.verdict, Verdict::Error, "{outcome:?}");
        assert_eq!(outcome.reason.as_deref(), Some("memory limit of 100 MB reached"));
    }
    assert_eq!(z3::prove(&pool, TRUE).await.verdict, Verdict::Proved);
}

#[tokio::test]
async fn a_verdict_after_an_error_is_not_believed() {
    // Left alone, z3 drops the assertion that it cannot read and answers for the rest.
    let pool = z3::pool(1, Limits::default()).await;
    let outcome = z3::prove(
        &pool,
        "(declare-const x Int)(assert (> x \"one\"))(define-fun invariant () Bool (= x x))",
    )
    .await;
    assert_eq!(outcome.verdict, Verdict::Error, "{outcome:?}");
    assert_eq!(pool.stats().replaced, 1);
}

#[tokio::test]
async fn nothing_leaks_from_one_proof_into_the_next() {
    let pool = z3::pool(1, Limits::default()).await;
    let declared = z3::prove(
        &pool,
        "(declare-const x Int)(assert (= x 1))(define-fun invariant () Bool (= x 1))",
    )
    .await;
    assert_eq!(declared.verdict, Verdict::Proved);
    // The same name with another sort, and without the assertion.
    let other =
        z3::prove(&pool, "(declare-const x Real)(define-fun invariant () Bool (= x 1.0))").await;
    assert_eq!(other.verdict, Verdict::Refuted, "{other:?}");
    let gone = z3::prove(&pool, "(define-fun invariant () Bool (= x x))").await;
    assert_eq!(gone.verdict, Verdict::Error, "{gone:?}");
    let stats = pool.stats();
    assert_eq!((stats.spawned, stats.reused), (1, 2));
}

#[tokio::test]
async fn a_huge_answer_does_not_undo_the_verdict() {
    let pool = z3::pool(1, Limits::default()).await;
    let mut block: String = (0..600)
        .map(|n| format!("(declare-const |{n:0>190}| Int)(assert (> |{n:0>190}| {n}))\n"))
        .collect();
    block += "(define-fun invariant () Bool false)";
    let outcome = z3::prove(&pool, &block).await;
    assert_eq!(outcome.verdict, Verdict::Refuted, "{outcome:?}");
    let shown = outcome.counterexample.unwrap().0;
    assert!(shown.len() <= 50, "{}", shown.len());
    assert_eq!(shown.last().unwrap().name, "…");
}

#[tokio::test]
async fn a_model_that_grows_without_bound_is_cut_off() {
    // Each value holds the one before it twice: printed out, the last has 2^60 leaves.
    let limits = Limits { time: Duration::from_secs(2), ..Limits::default() };
    let pool = z3::pool(1, limits).await;
    let mut block = String::from(
        "(declare-datatype Tree ((leaf) (node (left Tree) (right Tree))))(declare-const t0 Tree)",
    );
    for n in 1..=60 {
        let p = n - 1;
        block += &format!("(declare-const t{n} Tree)(assert (= t{n} (node t{p} t{p})))");
    }
    block += "(define-fun invariant () Bool (= t60 leaf))";
    let outcome = z3::prove(&pool, &block).await;
    assert_eq!(outcome.verdict, Verdict::Refuted, "{outcome:?}");
    assert_eq!(outcome.counterexample, None);
    assert!(
        outcome.reason.as_deref().unwrap().starts_with("the counterexample could not be read: ")
    );
    assert_eq!(z3::prove(&pool, TRUE).await.verdict, Verdict::Proved);
}
