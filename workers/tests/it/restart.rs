//! Temporal goes away and comes back with nothing in it.

use sbh_domain::Verdict;

use crate::ground::{Ground, eventually};
use crate::process::Workers;
use crate::temporal::Temporal;

const EASY: &str = "# Easy
```smt2
; invariant: EASY-1
(declare-const x Int)
(define-fun invariant () Bool (=> (> x 1) (> x 0)))
```
";

#[tokio::test]
async fn workers_poll_again_when_temporal_comes_back_and_tell_the_truth_meanwhile() {
    let ground = Ground::new().await;
    let repository = ground.track(EASY).await;
    let mut workers = Workers::start(&ground, &[]);
    let waiting = workers.ready(503).await;
    assert_eq!(waiting["parts"]["sync"]["status"], "down", "{waiting}");

    let first = Temporal::start(ground.port);
    workers.ready(200).await;
    drop(first);
    let away = eventually("both queues to be down", async || {
        let (status, body) = workers.readyz().await?;
        let down = ["sync", "proof"].iter().all(|queue| body["parts"][queue]["status"] == "down");
        if status == 503 && down { Ok(body) } else { Err(body.to_string()) }
    })
    .await;
    assert_eq!(away["parts"]["database"]["status"], "ok", "{away}");

    let _second = Temporal::start(ground.port);
    workers.ready(200).await;
    ground.notify(repository).await;
    let document = ground.document(repository).await;
    let recorded = ground.recorded(document).await;
    assert_eq!(recorded.counts.of(Verdict::Proved), 1);
    workers.terminate();
    assert_eq!(workers.ended().await.code(), Some(0));
}
