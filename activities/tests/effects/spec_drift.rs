//! `spec_drift.prove` and `spec_drift.record`: only what changed is proved, and recorded once.

use sbh_activities::SpecDrift;
use sbh_domain::{Digest, SyncId, Verdict};
use sbh_store::reprove::NewReprove;
use sbh_workflows::spec_drift::{ProveOutcome, ProveResume};
use uuid::Uuid;

use crate::origin::{document, refuted};
use crate::valkey::ValkeyServer;
use crate::world::World;

#[tokio::test]
async fn only_changed_invariants_are_proved() {
    let world = World::new().await;
    let origin = world.origin("a");
    origin.write("specs/a.md", document("a", [1, 2, 3])).commit();
    let repository = world.track_origin(&origin).await;
    world.sync(repository).await;
    let id = world.document(repository, "specs/a.md").await.id;

    let outcome = world.prove(id, false).await;
    assert!(matches!(outcome, ProveOutcome::Staged { total: 3, .. }));
    let recorded = world.record(id, &outcome).await;
    assert_eq!((recorded.before.total(), recorded.after.proved, recorded.stale), (0, 3, false));
    assert_eq!(world.metric("sbh_proofs_total"), 3);
    assert!(matches!(world.prove(id, false).await, ProveOutcome::Unchanged));

    origin.write("specs/a.md", document("a", [1, 20, 3]) + "\nA sentence.\n").commit();
    world.sync(repository).await;
    world.settle(repository).await;
    assert_eq!(world.metric("sbh_proofs_total"), 4);
    assert_eq!(world.metric("sbh_verdicts_kept_total"), 2);

    // On request everything is proved anew.
    let outcome = world.prove(id, true).await;
    world.record(id, &outcome).await;
    assert_eq!(world.metric("sbh_proofs_total"), 7);
    assert_eq!(world.invariants(repository, "specs/a.md").await.len(), 3);
}

#[tokio::test]
async fn every_kind_of_block_gets_its_verdict() {
    let world = World::new().await;
    let origin = world.origin("a");
    let mut text = refuted("R") + &document("P", [1]);
    text.push_str(
        "\n```smt2\n; invariant: V\n(assert false)\n(define-fun invariant () Bool true)\n```\n",
    );
    text.push_str("\n```smt2\n; invariant: E\n(check-sat-using qe)\n```\n");
    origin.write("specs/a.md", text).write("specs/none.md", "# Nothing claimed\n").commit();
    let repository = world.track_origin(&origin).await;
    world.sync(repository).await;
    world.settle(repository).await;

    let invariants = world.invariants(repository, "specs/a.md").await;
    let verdicts: Vec<_> = invariants.iter().map(|i| (i.name.as_str(), i.verdict)).collect();
    assert_eq!(
        verdicts,
        [
            ("R", Verdict::Refuted),
            ("P-0", Verdict::Proved),
            ("V", Verdict::Vacuous),
            ("E", Verdict::Error)
        ]
    );
    let model = invariants[0].counterexample.as_ref().unwrap();
    assert_eq!(*model, serde_json::json!([{ "name": "x", "value": "2" }]));
    assert!(invariants[3].reason.as_ref().unwrap().starts_with("line "));
    assert!(world.invariants(repository, "specs/none.md").await.is_empty());
    assert_eq!(world.notices(repository).await[0].0, "closed");
}

#[tokio::test]
async fn every_step_can_be_repeated() {
    let world = World::new().await;
    let origin = world.origin("a");
    origin.write("specs/a.md", document("a", [1, 2])).commit();
    let repository = world.track_origin(&origin).await;
    world.sync(repository).await;
    let id = world.document(repository, "specs/a.md").await.id;
    let first = world.prove(id, false).await;
    let again = world.prove(id, false).await;
    assert_eq!(first, again);
    let recorded = world.record(id, &first).await;
    let state = format!("{:?}", world.invariants(repository, "specs/a.md").await);
    let coverage = world.store.coverage_of(&world.tenant, repository).await.unwrap().counts;
    let repeated = world.record(id, &first).await;
    assert_eq!(repeated.after, recorded.after);
    assert_eq!(format!("{:?}", world.invariants(repository, "specs/a.md").await), state);
    assert_eq!(world.store.coverage_of(&world.tenant, repository).await.unwrap().counts, coverage);
    assert_eq!(coverage.proved, 2);
}

#[tokio::test]
async fn a_removed_document_leaves_coverage() {
    let world = World::new().await;
    let origin = world.origin("a");
    origin
        .write("specs/a.md", document("a", [1, 2]))
        .write("specs/b.md", document("b", [1]))
        .commit();
    let repository = world.track_origin(&origin).await;
    world.sync(repository).await;
    world.settle(repository).await;
    let id = world.document(repository, "specs/a.md").await.id;

    origin.remove("specs/a.md").commit();
    world.notice(repository, "push").await;
    world.sync(repository).await;
    assert_eq!(world.announce(repository).await.unwrap(), 1);
    let outcome = world.prove(id, false).await;
    assert_eq!(outcome, ProveOutcome::Removed);
    let recorded = world.record(id, &outcome).await;
    assert_eq!((recorded.content, recorded.before.proved, recorded.after.total()), (None, 2, 0));
    assert_eq!(world.store.coverage_of(&world.tenant, repository).await.unwrap().counts.total(), 1);
    assert_eq!(world.notices(repository).await[1].0, "closed");
    assert_eq!(world.prove(id, false).await, ProveOutcome::Unchanged);
}

#[tokio::test]
async fn facts_are_found_in_the_cache_and_nothing_else_is_believed() {
    let valkey = ValkeyServer::start();
    let url = valkey.url();
    let world = World::with(|config| config.valkey.url = url).await;
    let origin = world.origin("a");
    origin.write("specs/a.md", refuted("R")).commit();
    let repository = world.track_origin(&origin).await;
    world.sync(repository).await;
    world.settle(repository).await;
    assert_eq!(world.metric("sbh_proofs_total"), 1);
    let counts =
        |world: &World| (world.metric("sbh_proofs_total"), world.metric("sbh_cache_hits_total"));
    // The same statement in another document, and so on.
    let next = async |name: &str| {
        origin.write(&format!("specs/{name}.md"), refuted(name)).commit();
        world.sync(repository).await;
        world.settle(repository).await;
        let invariants = world.invariants(repository, &format!("specs/{name}.md")).await;
        assert_eq!(invariants[0].verdict, Verdict::Refuted);
        assert_eq!(invariants[0].counterexample.as_ref().unwrap()[0]["value"], "2");
        counts(&world)
    };
    assert_eq!(next("b").await, (1, 1));
    valkey.spoil("garbage");
    assert_eq!(next("c").await, (2, 1));
    valkey.spoil(r#"{"verdict":"timeout","counterexample":null,"duration_ms":1.0}"#);
    assert_eq!(next("d").await, (3, 1));
    assert_eq!(next("e").await, (3, 2), "the value was repaired");
    assert_eq!(valkey.command(&["FLUSHALL"]), "+OK");
    assert_eq!(next("f").await, (4, 2));
    // A forced proof asks nobody.
    let id = world.document(repository, "specs/f.md").await.id;
    world.prove(id, true).await;
    assert_eq!(counts(&world), (5, 2));
    drop(valkey);
    assert_eq!(next("g").await, (6, 2), "without a cache everything goes on");
}

#[tokio::test]
async fn a_document_of_ten_thousand_invariants_is_proved_in_chunks() {
    let world = World::with(|config| config.git.max_document_bytes = 8 << 20).await;
    let origin = world.origin("a");
    // 1,100 different ones first; the others are malformed, which costs no proof.
    let mut text = document("a", 0..1_100);
    for index in 1_100..10_000 {
        text.push_str(&format!("\n```smt2\n; invariant: a-{index}\n(nonsense)\n```\n"));
    }
    origin.write("specs/a.md", &text).commit();
    let repository = world.track_origin(&origin).await;
    world.sync(repository).await;
    let id = world.document(repository, "specs/a.md").await.id;

    let mut input = world.prove_input(id, false);
    let mut chunks = 0;
    let outcome = loop {
        let before = world.metric("sbh_proofs_total");
        let outcome = world.prove_once(input.clone()).await;
        chunks += 1;
        assert!(world.metric("sbh_proofs_total") - before <= 1_024);
        match outcome {
            ProveOutcome::More { resume, total } => {
                assert_eq!(total, 10_000);
                assert!(world.store.document(&world.tenant, id).await.unwrap().staged > 0);
                input.resume = Some(resume);
            }
            outcome => break outcome,
        }
    };
    assert!(chunks >= 2);
    assert_eq!(world.metric("sbh_proofs_total"), 1_100);
    let recorded = world.record(id, &outcome).await;
    assert_eq!((recorded.after.proved, recorded.after.error), (1_100, 8_900));
    assert_eq!(world.invariants(repository, "specs/a.md").await.len(), 10_000);

    // One edit in it costs one proof.
    origin.write("specs/a.md", text.replacen("(> x 7)", "(> x 70000)", 1)).commit();
    world.sync(repository).await;
    world.settle(repository).await;
    assert_eq!(world.metric("sbh_proofs_total"), 1_101);
}

#[tokio::test]
async fn a_change_in_the_middle_begins_anew() {
    let world = World::new().await;
    let origin = world.origin("a");
    origin.write("specs/a.md", document("a", 0..1_050)).commit();
    let repository = world.track_origin(&origin).await;
    world.sync(repository).await;
    let id = world.document(repository, "specs/a.md").await.id;
    let ProveOutcome::More { resume, .. } = world.prove_once(world.prove_input(id, false)).await
    else {
        panic!("more than one chunk");
    };

    let text = document("a", [7]);
    origin.write("specs/a.md", &text).commit();
    world.sync(repository).await;
    let mut input = world.prove_input(id, false);
    input.resume = Some(resume.clone());
    assert_eq!(world.prove_once(input.clone()).await, ProveOutcome::Superseded);
    // Of the old content nothing is left.
    let outcome = world.prove(id, false).await;
    assert_eq!(outcome, ProveOutcome::Staged { hash: Digest::of(&text), total: 1 });
    assert_eq!(world.record(id, &outcome).await.after.proved, 1);

    // A resumption that nobody asked for begins where it says, and misses nothing in the end.
    let foreign = ProveResume { hash: Digest::of("other"), from: 3 };
    input.resume = Some(foreign);
    assert_eq!(world.prove_once(input).await, ProveOutcome::Superseded);
}

#[tokio::test]
async fn verdicts_that_are_not_staged_are_not_recorded() {
    use sbh_workflows::spec_drift::RecordInput;
    let world = World::new().await;
    let origin = world.origin("a");
    origin.write("specs/a.md", document("a", [1, 2])).commit();
    let repository = world.track_origin(&origin).await;
    let sync = SyncId(Uuid::new_v4());
    world.sync_as(repository, sync).await.unwrap();
    let document = world.document(repository, "specs/a.md").await;
    let input = RecordInput {
        tenant: world.tenant.clone(),
        document: document.id,
        hash: document.observed,
        total: 2,
        workflow_id: "w".into(),
        run_id: "r".into(),
        traces: sbh_domain::Traces::new(),
    };
    let error = world.environment.run(SpecDrift::record, input).await.unwrap_err();
    let (kind, is_final, message) = crate::world::failure(error);
    assert_eq!((kind.as_str(), is_final), ("DatabaseRefused", true));
    assert!(message.contains("0 of 2"), "{message}");
}

#[tokio::test]
async fn a_cancelled_proof_ends_at_once_and_kills_its_solver() {
    let world = World::new().await;
    let origin = world.origin("a");
    // Bounded integers that Z3 does not settle within its ten seconds.
    let hard = "# h\n\n```smt2\n; invariant: H\n(declare-const a Int)(declare-const b Int)(declare-const c Int)\n\
                (assert (and (> a 2) (> b 2) (> c 2)))\n\
                (define-fun invariant () Bool (not (= (+ (* a a a) (* b b b)) (* c c c))))\n```\n";
    origin.write("specs/a.md", hard).commit();
    let repository = world.track_origin(&origin).await;
    world.sync(repository).await;
    let id = world.document(repository, "specs/a.md").await.id;
    let proving = world.environment.run(SpecDrift::prove, world.prove_input(id, false));
    let cancel = async {
        while world.pool.stats().running == 0 {
            tokio::task::yield_now().await;
        }
        world.environment.cancel();
    };
    let (result, ()) = tokio::join!(proving, cancel);
    let error = result.unwrap_err();
    assert!(format!("{error:?}").contains("Cancelled"), "{error:?}");
    assert_eq!(world.pool.stats().running, 0);
}

#[tokio::test]
async fn requests_in_the_inbox_are_answered_by_the_next_proof() {
    let world = World::new().await;
    let origin = world.origin("a");
    origin.write("specs/a.md", document("a", [1, 2])).commit();
    let repository = world.track_origin(&origin).await;
    world.sync(repository).await;
    world.settle(repository).await;
    let id = world.document(repository, "specs/a.md").await.id;
    let proofs = world.metric("sbh_proofs_total");
    let request = async |force: bool| {
        let new = NewReprove {
            tenant: world.tenant.clone(),
            document: id,
            actor: "ada".to_owned(),
            force,
            trace: None,
        };
        world.store.request_reprove(&new).await.unwrap()
    };
    let state = async |row| {
        let row = world.store.inbox_row(&world.tenant, row).await.unwrap();
        (row.state, row.reason)
    };
    let ended = |how: &str| ("closed".to_owned(), Some(how.to_owned()));

    // The workflow is only signalled: what is wanted stands in the inbox.
    let row = request(true).await;
    let outcome = world.prove(id, false).await;
    assert!(matches!(outcome, ProveOutcome::Staged { total: 2, .. }), "{outcome:?}");
    assert_eq!(state(row).await.0, "open");
    world.record(id, &outcome).await;
    assert_eq!(state(row).await, ended("recorded"));
    assert_eq!(world.metric("sbh_proofs_total"), proofs + 2);
    assert!(matches!(world.prove(id, false).await, ProveOutcome::Unchanged));

    let row = request(false).await;
    assert!(matches!(world.prove(id, false).await, ProveOutcome::Unchanged));
    assert_eq!(state(row).await, ended("unchanged"));
}
