//! Check runs come with the synchronisation that they are about, and end with it.

use std::time::Duration;

use sbh_domain::{RepositoryId, TenantId, Verdict};
use sbh_store::Store;
use sbh_store::check_run::{CheckOutcome, CheckRun};
use sbh_store::connection::NewConnection;
use sbh_store::effect::{Begun, EffectState, NewEffect, Outcome};
use sbh_store::effect_view::Resolution;
use sbh_store::repository::NewRepository;
use serde_json::json;

use crate::fixture::{Fleet, fleet, new_sync, present, verdict};

/// A fleet whose repository's connection posts check runs.
async fn checked() -> Fleet {
    let mut fleet = fleet().await;
    fleet.repository = with_checks(&fleet.store, &fleet.tenant, "checked", true).await;
    fleet.push("c0", &[]).await;
    fleet
}

/// A repository whose connection posts check runs, or does not.
pub async fn with_checks(store: &Store, tenant: &TenantId, name: &str, on: bool) -> RepositoryId {
    let settings = json!({ "checks": on });
    let new = NewConnection {
        source: "github",
        name,
        settings: &settings,
        sealed_secret: b"sealed",
        credential: None,
    };
    let connection = store.create_connection(tenant, "ada", &new).await.unwrap();
    let new = NewRepository {
        connection: Some(connection),
        name: name.to_owned(),
        url: format!("https://github.com/acme/{name}"),
        branch: None,
        hosted: None,
        globs: vec!["**/*.md".to_owned()],
    };
    store.add_repository(tenant, "ada", &new).await.unwrap().id
}

async fn runs(fleet: &Fleet) -> Vec<CheckRun> {
    let mut runs =
        fleet.store.check_runs(&fleet.tenant, fleet.repository, None, 100).await.unwrap();
    runs.reverse();
    runs
}

async fn outcomes(fleet: &Fleet) -> Vec<(String, Option<CheckOutcome>)> {
    runs(fleet).await.into_iter().map(|run| (run.commit, run.outcome)).collect()
}

fn settled(commit: &str) -> (String, Option<CheckOutcome>) {
    (commit.to_owned(), Some(CheckOutcome::Settled))
}

#[tokio::test]
async fn a_commit_without_changes_ends_at_once_and_others_when_all_is_recorded() {
    let fleet = checked().await;
    assert_eq!(outcomes(&fleet).await, [settled("c0")]);
    fleet.push("c1", &[present("a.md", "a"), present("b.md", "b")]).await;
    assert_eq!(outcomes(&fleet).await, [settled("c0"), ("c1".into(), None)]);
    let (a, b) = (fleet.document("a.md").await, fleet.document("b.md").await);
    fleet.prove(a, Some("a"), &[verdict(0, "A", Verdict::Proved)]).await;
    assert_eq!(outcomes(&fleet).await[1].1, None);
    fleet.prove(b, Some("b"), &[verdict(0, "B", Verdict::Refuted)]).await;
    assert_eq!(outcomes(&fleet).await, [settled("c0"), settled("c1")]);
    let state = fleet.store.branch_state(&fleet.tenant, fleet.repository, "c1", 10).await.unwrap();
    assert!(state.current);
    assert_eq!((state.counts.proved, state.counts.refuted), (1, 1));
    assert_eq!((state.unproved.len(), state.unproved[0].name.as_str()), (1, "B"));
    let other = fleet.store.branch_state(&fleet.tenant, fleet.repository, "c0", 10).await.unwrap();
    assert!(!other.current, "what is recorded is about another commit");
    // The same commit again wants nothing more.
    fleet.push("c1", &[]).await;
    assert_eq!(runs(&fleet).await.len(), 2);
}

#[tokio::test]
async fn only_connections_that_say_so_post() {
    let mut fleet = checked().await;
    fleet.repository = with_checks(&fleet.store, &fleet.tenant, "unchecked", false).await;
    fleet.push("c0", &[]).await;
    assert!(runs(&fleet).await.is_empty());
}

#[tokio::test]
async fn a_commit_that_is_overtaken_ends_with_a_reason() {
    let fleet = checked().await;
    fleet.push("c1", &[present("a.md", "a")]).await;
    fleet.push("c2", &[present("a.md", "b")]).await;
    let all = runs(&fleet).await;
    assert_eq!(all[1].outcome, Some(CheckOutcome::Superseded));
    assert_eq!(all[1].reason.as_deref(), Some("the commit c2 came after it"));
    assert_eq!(all[2].outcome, None);
    let a = fleet.document("a.md").await;
    fleet.prove(a, Some("b"), &[verdict(0, "A", Verdict::Proved)]).await;
    assert_eq!(outcomes(&fleet).await[2], settled("c2"));
}

#[tokio::test]
async fn what_is_given_up_and_what_is_not_tracked_any_more_ends_too() {
    let fleet = checked().await;
    fleet.accept("push").await;
    fleet.push("c1", &[present("a.md", "a")]).await;
    let a = fleet.document("a.md").await;
    fleet.store.fail_document(&fleet.tenant, a, "the prover is broken", 1).await.unwrap();
    let parked = &runs(&fleet).await[1];
    assert_eq!(parked.outcome, Some(CheckOutcome::Parked));
    assert!(parked.reason.as_ref().unwrap().contains("the prover is broken"));

    fleet.push("c2", &[present("b.md", "b")]).await;
    fleet.store.remove_repository(&fleet.tenant, "ada", fleet.repository).await.unwrap();
    assert_eq!(runs(&fleet).await[2].outcome, Some(CheckOutcome::Removed));
}

#[tokio::test]
async fn what_began_again_is_told_as_another_one_only_if_the_first_was_told_whole() {
    let fleet = checked().await;
    fleet.push("c1", &[present("a.md", "a")]).await;
    let first = runs(&fleet).await[1].clone();
    fleet.store.check_run_told(&fleet.tenant, &first, false).await.unwrap();
    fleet.push("c2", &[present("a.md", "b")]).await;
    // A forced push brings it back before its end was told: it goes on.
    fleet.push("c1", &[present("a.md", "a")]).await;
    let back = runs(&fleet).await[1].clone();
    assert_eq!((back.generation, back.outcome, back.posted.as_str()), (1, None, "in_progress"));
    fleet.push("c3", &[present("a.md", "c")]).await;
    let ended = runs(&fleet).await[1].clone();
    fleet.store.report_check_run(&fleet.tenant, &ended, &json!({})).await.unwrap().unwrap();
    fleet.store.check_run_told(&fleet.tenant, &ended, true).await.unwrap();
    fleet.push("c1", &[present("a.md", "a")]).await;
    let again = runs(&fleet).await[1].clone();
    assert_eq!((again.generation, again.posted.as_str(), again.report), (2, "nothing", None));
}

#[tokio::test]
async fn due_ones_are_claimed_once_wait_when_told_to_and_come_again() {
    let fleet = checked().await;
    let claim = async || {
        let due = fleet.store.claim_check_runs(Duration::from_secs(60), 10).await.unwrap();
        due.into_iter().map(|due| due.repository).collect::<Vec<_>>()
    };
    assert_eq!(claim().await, [fleet.repository]);
    assert!(claim().await.is_empty(), "announced a moment ago");
    let again = fleet.store.claim_check_runs(Duration::ZERO, 10).await.unwrap();
    assert_eq!(again.len(), 1, "and not told yet");
    let (tenant, repository) = (&fleet.tenant, fleet.repository);
    fleet.store.defer_check_runs(tenant, repository, Duration::from_secs(600)).await.unwrap();
    assert!(claim().await.is_empty());
    assert!(fleet.store.due_check_runs(tenant, repository, 10).await.unwrap().is_empty());
    fleet.push("c1", &[]).await;
    let due = fleet.store.due_check_runs(tenant, repository, 10).await.unwrap();
    assert_eq!((due.len(), due[0].commit.as_str()), (1, "c1"));
    // Its end is told: nothing more is due of it.
    let report = fleet.store.report_check_run(tenant, &due[0], &json!({ "n": 1 })).await.unwrap();
    assert_eq!(report, Some(json!({ "n": 1 })));
    let second = fleet.store.report_check_run(tenant, &due[0], &json!({ "n": 2 })).await.unwrap();
    assert_eq!(second, Some(json!({ "n": 1 })), "what was written first is told");
    fleet.store.check_run_told(tenant, &due[0], true).await.unwrap();
    assert!(fleet.store.due_check_runs(tenant, repository, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_end_that_comes_while_the_beginning_is_told_is_due_at_once() {
    let fleet = checked().await;
    fleet.push("c1", &[present("a.md", "a")]).await;
    let run = runs(&fleet).await[1].clone();
    let a = fleet.document("a.md").await;
    fleet.prove(a, Some("a"), &[verdict(0, "A", Verdict::Proved)]).await;
    fleet.store.check_run_told(&fleet.tenant, &run, false).await.unwrap();
    let due = fleet.store.due_check_runs(&fleet.tenant, fleet.repository, 10).await.unwrap();
    assert!(due.iter().any(|due| due.id == run.id && due.outcome.is_some()));
}

#[tokio::test]
async fn one_that_was_refused_is_due_again_when_somebody_wants_its_effect_sent() {
    let fleet = checked().await;
    let (store, tenant) = (&fleet.store, &fleet.tenant);
    let run = runs(&fleet).await[0].clone();
    let effect = NewEffect {
        kind: "check_run",
        idempotency_key: run.external_id(),
        target: "acme/checked@c0".to_owned(),
        channel: None,
        payload: json!({}),
    };
    let effect = store.intend_effect(tenant, &effect).await.unwrap().id();
    let lease = Duration::from_secs(60);
    let Begun::Yours(sending) = store.begin_effect(tenant, effect, lease).await.unwrap() else {
        panic!("it was not begun")
    };
    let failed = Outcome::Failed { why: "no permission".to_owned() };
    store.end_effect(tenant, sending, &failed).await.unwrap();
    store.check_run_refused(tenant, &run, "no permission").await.unwrap();
    assert_eq!(store.revive_check_run(tenant, effect).await.unwrap(), 0);
    let resend = Resolution::Resend;
    store.resolve_effect(tenant, "ada", effect, resend, "it has it now").await.unwrap();
    assert_eq!(store.effect(tenant, effect).await.unwrap().state, EffectState::Intended);
    assert_eq!(store.revive_check_run(tenant, effect).await.unwrap(), 1);
    let due = store.due_check_runs(tenant, fleet.repository, 10).await.unwrap();
    assert_eq!(due.len(), 1);
}

#[tokio::test]
async fn a_synchronisation_that_is_asked_for_by_a_check_begins_it_again() {
    let fleet = checked().await;
    let told = runs(&fleet).await[0].clone();
    fleet.store.report_check_run(&fleet.tenant, &told, &json!({})).await.unwrap();
    fleet.store.check_run_told(&fleet.tenant, &told, true).await.unwrap();
    let mut notice = fleet.notice("again");
    notice.hint = json!({ "event": "check_run", "action": "rerequested" });
    fleet.store.accept(&notice).await.unwrap();
    let start = fleet.store.start_sync(&fleet.tenant, fleet.repository).await.unwrap();
    let finished =
        fleet.store.finish_sync(&fleet.tenant, fleet.repository, new_sync(), "c0", &start.notices);
    finished.await.unwrap();
    let again = runs(&fleet).await[0].clone();
    assert_eq!((again.generation, again.outcome), (2, Some(CheckOutcome::Settled)));
}
