//! SIGTERM: what runs is finished, or handed back, and nothing is lost.

use sbh_domain::Verdict;

use crate::ground::{Ground, TRACE};
use crate::process::Workers;
use crate::temporal::Temporal;

/// A claim that Z3 works on for as long as it may: whether 114 is a sum of three cubes.
const HARD: &str = "# Hard
```smt2
; invariant: HARD-1
(declare-const x Int)
(declare-const y Int)
(declare-const z Int)
(define-fun invariant () Bool (not (= (+ (* x x x) (* y y y) (* z z z)) 114)))
```
";

const NO_LIMIT: (&str, &str) = ("SBH_PROVER_RLIMIT", "4000000000");

#[tokio::test]
async fn a_proof_that_can_end_in_time_ends_and_is_not_repeated() {
    let ground = Ground::new().await;
    let _temporal = Temporal::start(ground.port);
    let settings = [("SBH_PROVER_TIME_MS", "4000"), NO_LIMIT, ("SBH_WORKERS_DRAIN_S", "60")];
    let mut workers = Workers::start(&ground, &settings);
    workers.ready(200).await;
    let repository = ground.track(HARD).await;
    ground.notify(repository).await;
    let document = ground.document(repository).await;
    ground.is_being_proved(document).await;
    assert_eq!(ground.staged().await, 0, "it runs");
    workers.terminate();
    assert_eq!(workers.ended().await.code(), Some(0));
    assert_eq!(ground.staged().await, 1, "the proof was finished before the end");

    // Another one records what was staged, and proves nothing.
    let mut next = Workers::start(&ground, &settings);
    let recorded = ground.recorded(document).await;
    assert_eq!(recorded.counts.of(Verdict::Timeout), 1);
    let judged = |workers: &Workers| {
        workers.log().iter().any(|line| line["fields"]["message"] == "a document is judged")
    };
    assert!(judged(&workers) && !judged(&next));
    next.terminate();
    assert_eq!(next.ended().await.code(), Some(0), "idle workers end well too");
    for (workers, message) in [
        (&workers, "a repository is synchronised"),
        (&workers, "a document is judged"),
        (&next, "verdicts are recorded"),
    ] {
        let log = workers.log();
        let line = log.iter().find(|line| line["fields"]["message"] == message).unwrap();
        assert_eq!(line["trace_id"], TRACE[3..35], "{line}");
    }
}

#[tokio::test]
async fn a_proof_that_cannot_end_in_time_is_handed_back() {
    let ground = Ground::new().await;
    let _temporal = Temporal::start(ground.port);
    let long = [("SBH_PROVER_TIME_MS", "600000"), NO_LIMIT, ("SBH_WORKERS_DRAIN_S", "6")];
    let mut workers = Workers::start(&ground, &long);
    workers.ready(200).await;
    let repository = ground.track(HARD).await;
    ground.notify(repository).await;
    let document = ground.document(repository).await;
    ground.is_being_proved(document).await;
    workers.terminate();
    assert_eq!(workers.ended().await.code(), Some(0), "within the deadline");
    assert_eq!(ground.staged().await, 0);

    let short = [("SBH_PROVER_TIME_MS", "200")];
    let _next = Workers::start(&ground, &short);
    let recorded = ground.recorded(document).await;
    assert_eq!(recorded.counts.of(Verdict::Timeout), 1);
}
