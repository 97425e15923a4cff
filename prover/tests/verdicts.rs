//! Every verdict, in both forms, from the real prover.
#![allow(clippy::unwrap_used)]

mod z3;

use std::time::Duration;

use sbh_domain::Verdict;
use sbh_prover::{Counterexample, Limits};

fn assignments(counterexample: Option<&Counterexample>) -> Vec<String> {
    let assignments = counterexample.map(|c| c.0.as_slice()).unwrap_or_default();
    assignments.iter().map(|a| format!("{} = {}", a.name, a.value)).collect()
}

#[tokio::test]
async fn a_claim_is_proved_refuted_or_vacuous() {
    let pool = z3::pool(1, Limits::default()).await;
    let block = |assumption: &str, claim: &str| {
        format!(
            "(declare-const paid Int)(declare-const refund Int){assumption}\
             (define-fun invariant () Bool {claim})"
        )
    };
    let proved =
        z3::prove(&pool, &block("(assert (<= refund paid))", "(>= (- paid refund) 0)")).await;
    assert_eq!((proved.verdict, proved.reason), (Verdict::Proved, None));
    let without_assumptions = z3::prove(&pool, &block("", "(<= refund (+ refund 1))")).await;
    assert_eq!(without_assumptions.verdict, Verdict::Proved);
    let refuted = z3::prove(&pool, &block("(assert (= paid (- 5)))", "(> paid refund)")).await;
    assert_eq!(refuted.verdict, Verdict::Refuted);
    let shown = assignments(refuted.counterexample.as_ref());
    assert_eq!(shown.first().map(String::as_str), Some("paid = -5"), "{shown:?}");
    assert_eq!(shown.len(), 2, "{shown:?}");
    let vacuous =
        z3::prove(&pool, &block("(assert (> paid 0))(assert (< paid 0))", "(= paid 7)")).await;
    assert_eq!((vacuous.verdict, vacuous.counterexample), (Verdict::Vacuous, None));
}

#[tokio::test]
async fn a_refutation_is_read_by_its_last_assertion() {
    let pool = z3::pool(1, Limits::default()).await;
    let block = |assertions: &str| {
        format!("(set-logic QF_LIA)(declare-const x Int){assertions}(check-sat)")
    };
    for (assertions, verdict) in [
        ("(assert (> x 2))(assert (not (> x 1)))", Verdict::Proved),
        ("(assert (> x 0))(assert (not (> x 1)))", Verdict::Refuted),
        ("(assert (> x 2))(assert (< x 1))(assert (not (> x 1)))", Verdict::Vacuous),
        ("(assert (not (= x x)))", Verdict::Proved),
        // What follows the last assertion is part of the block, too.
        ("(assert (> x 2))(assert (not (> x 1)))(declare-const y Int)", Verdict::Proved),
    ] {
        let outcome = z3::prove(&pool, &block(assertions)).await;
        assert_eq!(outcome.verdict, verdict, "{assertions}: {outcome:?}");
    }
}

#[tokio::test]
async fn counterexamples_are_readable() {
    let pool = z3::pool(1, Limits::default()).await;
    let outcome = z3::prove(
        &pool,
        "(declare-datatypes ((Plan 0)) (((free) (paid (seats Int)))))
         (declare-const plan Plan)
         (declare-const rate Real)
         (declare-const |monthly fee| Int)
         (declare-fun quota (Int) Int)
         (declare-const stock (Array Int Int))
         (define-fun hidden () Int 3)
         (assert (= plan (paid (- 2))))
         (assert (= rate (/ (- 3) 2)))
         (assert (= |monthly fee| 7))
         (assert (= (quota 1) 10))
         (assert (= (quota 2) 20))
         (assert (= stock (store ((as const (Array Int Int)) 0) 4 (- 1))))
         (define-fun invariant () Bool (and (> rate hidden) (< (quota 1) (quota 2)) (= plan free)))",
    )
    .await;
    assert_eq!(outcome.verdict, Verdict::Refuted, "{outcome:?}");
    let shown = assignments(outcome.counterexample.as_ref());
    let expected = [
        "plan = (paid -2)",
        "rate = -3/2",
        "monthly fee = 7",
        "quota = {2: 20, else: 10}",
        "stock = {4: -1, else: 0}",
    ];
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn what_the_prover_cannot_decide_is_not_proved() {
    let pool = z3::pool(1, Limits::default()).await;
    // Whether the assumption can hold is beyond the prover, so the claim must not count as proved
    // although it follows.
    let outcome = z3::prove(
        &pool,
        "(declare-const x Real)(declare-const y Real)
         (assert (= (^ 2.0 x) (+ y (^ x y))))
         (assert (> y 1.0))
         (define-fun invariant () Bool (> y 0.0))",
    )
    .await;
    assert_eq!(outcome.verdict, Verdict::Unknown, "{outcome:?}");
    assert!(outcome.reason.unwrap().starts_with("the claim follows, but it is open"));
}

#[tokio::test]
async fn a_proof_names_the_assumptions_that_it_used() {
    let pool = z3::pool(1, Limits::default()).await;
    let assumptions = "(declare-const x Int)(declare-const y Int)
         (assert (> x 2))
         (assert (> y 7))
         (assert (forall ((n Int)) (! (=> (> n 0) (> (* n n) 0)) :pattern ((* n n)))))";
    let outcome =
        z3::prove(&pool, &format!("{assumptions}(define-fun invariant () Bool (> x 1))")).await;
    let shown: Vec<_> = outcome.detail.assumptions.as_ref().unwrap().iter().collect();
    let used: Vec<_> = shown.iter().map(|assumption| assumption.used).collect();
    assert_eq!((outcome.verdict, used), (Verdict::Proved, vec![true, false, false]));
    assert_eq!(shown[1].text, "(> y 7)");
    assert!(outcome.detail.prover.as_deref().unwrap().starts_with("z3 "));
    // In the other form the last assertion is the claim and no assumption.
    let outcome =
        z3::prove(&pool, &format!("{assumptions}(assert (not (> y 1)))(check-sat)")).await;
    let shown = outcome.detail.assumptions.unwrap();
    assert_eq!(shown.iter().map(|a| a.used).collect::<Vec<_>>(), [false, true, false]);
    let refuted =
        z3::prove(&pool, &format!("{assumptions}(define-fun invariant () Bool (> x 5))")).await;
    assert_eq!((refuted.verdict, refuted.detail.assumptions), (Verdict::Refuted, None));
}

#[tokio::test]
async fn what_the_first_attempt_leaves_open_is_asked_thoroughly() {
    // Motzkin's polynomial is nowhere negative, and no sum of squares. A tenth of the limit does not
    // do for it.
    let limits = Limits { rlimit: 1_000_000, ..Limits::default() };
    let pool = z3::pool(1, limits).await;
    let outcome = z3::prove(
        &pool,
        "(declare-const x Real)(declare-const y Real)(declare-const z Real)
         (define-fun invariant () Bool
           (>= (+ (* x x x x y y) (* x x y y y y) (* z z z z z z)) (* 3.0 x x y y z z)))",
    )
    .await;
    assert_eq!(outcome.detail.assumptions, None, "{outcome:?}");
    assert_eq!(outcome.verdict, Verdict::Proved, "{outcome:?}");
}

/// Sums of three cubes: endless for the prover, and quick to say so.
const ENDLESS: &str = "(declare-const x Int)(declare-const y Int)(declare-const z Int)
     (define-fun invariant () Bool (distinct (+ (* x x x) (* y y y) (* z z z)) 114))";

#[tokio::test]
async fn time_and_resources_run_out_apart() {
    let limits = Limits { time: Duration::from_millis(300), ..Limits::default() };
    let outcome = z3::prove(&z3::pool(1, limits).await, ENDLESS).await;
    assert_eq!(outcome.verdict, Verdict::Timeout);
    assert_eq!(outcome.reason.as_deref(), Some("time limit of 300ms reached"));

    let limits = Limits { rlimit: 100_000, ..Limits::default() };
    let outcome = z3::prove(&z3::pool(1, limits).await, ENDLESS).await;
    assert_eq!(outcome.verdict, Verdict::Timeout);
    assert_eq!(outcome.reason.as_deref(), Some("resource limit of 100000 reached"));
}

#[tokio::test]
async fn the_prover_s_errors_are_verdicts_with_the_author_s_line() {
    let pool = z3::pool(1, Limits::default()).await;
    // `locate` must hold for a warm process, too, whose lines go on counting.
    for _ in 0..2 {
        let outcome = z3::prove(
            &pool,
            "(declare-const x Int)\n; a note\n\n(assert\n  (> x\n    1))\n(assert (> y 0))\n\
             (define-fun invariant () Bool true)",
        )
        .await;
        assert_eq!(outcome.verdict, Verdict::Error);
        assert_eq!(outcome.reason.as_deref(), Some("line 7: unknown constant y"));
        let fine = z3::prove(&pool, "(define-fun invariant () Bool true)").await;
        assert_eq!(fine.verdict, Verdict::Proved);
    }
    assert_eq!(pool.stats().verdicts.error, 2);
}
