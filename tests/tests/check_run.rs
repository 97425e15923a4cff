//! Every commit that is followed gets one check run at GitHub, and every check run a conclusion,
//! whatever happens between.
#![allow(clippy::unwrap_used, clippy::expect_used)] // Also in what the tests share.

use std::sync::OnceLock;

use sbh_standins::Fault;
use sbh_tests::documents::{document, endless, proved, refuted, vacuous};
use sbh_tests::github::{AtGitHub, World};
use sbh_tests::processes::kill_at_once;
use sbh_tests::webhook::Delivery;
use sbh_tests::{LONG, SHORT, StackOptions, eventually};
use serde_json::json;
use tokio::sync::{Mutex, MutexGuard};

/// The tests share the stand-ins, whose faults are for all.
async fn world() -> (&'static World, MutexGuard<'static, ()>) {
    static WORLD: OnceLock<World> = OnceLock::new();
    static ALONE: Mutex<()> = Mutex::const_new(());
    let alone = ALONE.lock().await;
    let world =
        tokio::task::block_in_place(|| WORLD.get_or_init(|| World::start(StackOptions::default())));
    (world, alone)
}

/// The effects of a tenant: states in the order of their intentions.
async fn effects(scene: &AtGitHub<'_>) -> Vec<(String, i32)> {
    sqlx::query_as(
        "SELECT state, attempt FROM effects WHERE tenant_id = $1 AND kind = 'check_run' ORDER BY id",
    )
    .bind(&scene.tenant.id)
    .fetch_all(scene.tenant.ledger.pool())
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_commit_gets_one_check_run_that_says_what_it_is_worth() {
    let (world, _alone) = world().await;
    let mut scene = AtGitHub::new(world, "checks").await;
    let first =
        scene.repo.commit_file("specs/a.md", document("A", [proved("A-1", 1), proved("A-2", 2)]));
    scene.track().await;
    let run = scene.concluded(&first).await;
    assert_eq!((run.name.as_str(), run.conclusion.as_deref()), ("sbh / specs", Some("success")));
    assert_eq!(run.output["title"], "2 of 2 proved");

    let second =
        scene.repo.commit_file("specs/a.md", document("A", [proved("A-1", 1), refuted("A-2", 40)]));
    scene.announce().await;
    let run = scene.concluded(&second).await;
    assert_eq!(run.conclusion.as_deref(), Some("failure"));
    let summary = run.output["summary"].as_str().unwrap();
    assert!(
        summary.contains("| proved | 2 | 1 |") && summary.contains("| refuted | 0 | 1 |"),
        "{summary}"
    );
    assert_eq!(run.annotations.len(), 1);
    let remark = &run.annotations[0];
    assert_eq!(
        (&remark["path"], &remark["annotation_level"]),
        (&json!("specs/a.md"), &json!("failure"))
    );
    assert_eq!(remark["message"], "The rule A-2\nbalance = 41");
    let text = String::from_utf8(scene.repo.files_at("main")["specs/a.md"].clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let (from, to) = (remark["start_line"].as_u64().unwrap(), remark["end_line"].as_u64().unwrap());
    assert!(lines[from as usize - 1].contains("A-2"), "{remark}");
    assert!(
        lines[to as usize].starts_with("```"),
        "the block's last line is before its fence: {remark}"
    );

    // Nothing of what is claimed changed, and what nobody can decide is neutral.
    scene.repo.commit_file("README.md", "words");
    scene.announce().await;
    let third = scene.concluded(&scene.repo.head()).await;
    assert_eq!(third.conclusion.as_deref(), Some("failure"), "the commit still holds A-2");
    scene.repo.commit_file("specs/a.md", document("A", [proved("A-1", 1), vacuous("A-3")]));
    scene.announce().await;
    assert_eq!(scene.concluded(&scene.repo.head()).await.conclusion.as_deref(), Some("failure"));
    scene.repo.commit_file("specs/a.md", "# Words alone\n");
    scene.announce().await;
    let none = scene.concluded(&scene.repo.head()).await;
    assert_eq!(none.conclusion.as_deref(), Some("neutral"));
    assert_eq!(none.output["title"], "no invariants");

    assert_eq!(scene.runs().len(), 5);
    assert!(effects(&scene).await.iter().all(|effect| *effect == ("sent".to_owned(), 1)));
    let path = format!("/api/repositories/{}/check-runs", scene.repository);
    let listed = scene.tenant.api.get(&path).await.ok();
    assert_eq!(listed["items"].as_array().unwrap().len(), 5);
    assert_eq!(listed["items"][0]["conclusion"], "neutral");
    assert_eq!(listed["items"][0]["posted"], "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_remarks_than_one_request_takes_are_added_by_further_ones() {
    let (world, _alone) = world().await;
    let mut scene = AtGitHub::new(world, "many").await;
    let blocks: Vec<_> = (1..=120).map(|n| refuted(&format!("A-{n}"), n)).collect();
    let commit = scene.repo.commit_file("specs/a.md", document("A", blocks));
    // One of the requests is done, and nobody hears of it.
    world
        .services
        .github
        .service
        .fail(Fault::cut("/check-runs/").method("PATCH").after_acting().times(1));
    scene.track().await;
    scene.concluded(&commit).await;
    scene.told().await;
    let run = scene.concluded(&commit).await;
    let mut names: Vec<_> = run.annotations.iter().map(|a| a["title"].to_string()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!((run.annotations.len(), names.len()), (120, 120), "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_waited_for() {
    let (world, _alone) = world().await;
    let mut scene = AtGitHub::new(world, "limit").await;
    let commit = scene.repo.commit_file("specs/a.md", document("A", [proved("A-1", 1)]));
    let service = &world.services.github.service;
    service.fail(Fault::rate_limited("/check-runs", 2).method("POST").times(2));
    scene.track().await;
    assert_eq!(scene.concluded(&commit).await.conclusion.as_deref(), Some("success"));
    scene.told().await;
    assert_eq!(
        effects(&scene).await,
        [("sent".to_owned(), 3)],
        "two in vain, and one that arrived"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_that_nobody_heard_of_is_looked_up_before_it_is_made_again() {
    let (world, _alone) = world().await;
    for acts in [true, false] {
        let name = if acts { "unheard" } else { "unmade" };
        let mut scene = AtGitHub::new(world, name).await;
        let commit = scene.repo.commit_file("specs/a.md", document("A", [proved("A-1", 1)]));
        let fault = Fault::cut("/check-runs").method("POST").times(1);
        let fault = if acts { fault.after_acting() } else { fault };
        world.services.github.service.fail(fault);
        scene.track().await;
        assert_eq!(scene.concluded(&commit).await.conclusion.as_deref(), Some("success"), "{name}");
        scene.told().await;
        assert_eq!(scene.runs().len(), 1, "{name}");
        let attempts = if acts { 1 } else { 2 };
        assert_eq!(effects(&scene).await, [("sent".to_owned(), attempts)], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_was_overtaken_has_a_conclusion_too() {
    let (world, _alone) = world().await;
    let mut scene = AtGitHub::new(world, "overtaken").await;
    scene.repo.commit_file("specs/a.md", document("A", [proved("A-1", 1)]));
    scene.track().await;
    // It takes as long as a proof may take.
    let first = scene.repo.commit_file("specs/a.md", document("A", [endless("A-2")]));
    scene.announce().await;
    eventually(SHORT, "the first commit to be followed", async || {
        match scene.runs_of(&first).len() {
            0 => Err("no check run yet"),
            _ => Ok(()),
        }
    })
    .await;
    let second = scene.repo.commit_file("specs/a.md", document("A", [proved("A-1", 3)]));
    scene.announce().await;
    assert_eq!(scene.concluded(&second).await.conclusion.as_deref(), Some("success"));
    let first = scene.concluded(&first).await;
    assert_eq!(first.conclusion.as_deref(), Some("neutral"));
    assert!(first.output["title"].as_str().unwrap().contains("superseded"), "{}", first.output);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_can_ask_for_it_again_and_get_another_one() {
    let (world, _alone) = world().await;
    let mut scene = AtGitHub::new(world, "again").await;
    let commit = scene.repo.commit_file("specs/a.md", document("A", [proved("A-1", 1)]));
    scene.track().await;
    scene.concluded(&commit).await;
    scene.told().await;
    let payload = json!({
        "action": "rerequested",
        "check_run": { "head_sha": commit, "pull_requests": [] },
        "repository": { "full_name": "acme/again", "clone_url": scene.repo.url() },
    });
    let delivery = Delivery::json("check_run", &payload, &scene.connection.secret);
    let notice = scene.tenant.deliver(&scene.connection, &delivery).await;
    assert_eq!(scene.tenant.closed(&notice).await, "unchanged");
    eventually(LONG, "another check run", async || {
        let runs = scene.runs_of(&commit);
        let done = runs.len() == 2 && runs.iter().all(|run| run.conclusion.is_some());
        if done { Ok(()) } else { Err(format!("{runs:?}")) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_github_refuses_is_shown_alerted_and_sent_again_when_somebody_says_so() {
    let (world, _alone) = world().await;
    let mut scene = AtGitHub::new(world, "refused").await;
    let commit = scene.repo.commit_file("specs/a.md", document("A", [proved("A-1", 1)]));
    world.services.github.service.fail(Fault::status("/check-runs", 403).method("POST").times(1));
    scene.track().await;
    let effect: uuid::Uuid = eventually(SHORT, "the refusal to be noted", async || {
        let failed = scene.tenant.api.get("/api/effects?state=failed").await.ok();
        match failed["items"][0]["id"].as_str() {
            Some(id) => Ok(id.parse().unwrap()),
            None => Err(failed.to_string()),
        }
    })
    .await;
    let alerts = "SELECT count(*) FROM alerts WHERE tenant_id = $1 AND state = 'open'
                  AND kind = 'source_failing'";
    eventually(SHORT, "an alert", async || {
        match scene.tenant.ledger.count(alerts, &scene.tenant.id).await {
            1 => Ok(()),
            open => Err(format!("{open} alerts")),
        }
    })
    .await;
    assert!(scene.runs().is_empty());
    let body = json!({ "resolution": "resend", "reason": "the App has the permission now" });
    scene.tenant.api.post(&format!("/api/effects/{effect}/resolve"), &body).await.ok();
    assert_eq!(scene.concluded(&commit).await.conclusion.as_deref(), Some("success"));
    eventually(SHORT, "the alert to be resolved", async || {
        match scene.tenant.ledger.count(alerts, &scene.tenant.id).await {
            0 => Ok(()),
            open => Err(format!("{open} alerts")),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_are_killed_while_they_post_make_no_second_one() {
    let (_, _alone) = world().await;
    let world = tokio::task::block_in_place(|| World::start(StackOptions::default()));
    let mut scene = AtGitHub::new(&world, "killed").await;
    let mut commits = vec![scene.repo.commit_file("specs/a.md", document("A", [proved("A-1", 1)]))];
    // The first one is made, and its maker never hears of it and dies.
    world
        .services
        .github
        .service
        .fail(Fault::hang("/check-runs").method("POST").after_acting().times(1));
    scene.repository = scene.tenant.track(&scene.repo, Some(&scene.connection)).await;
    eventually(SHORT, "a check run to be posted", async || match scene.runs().len() {
        0 => Err("none yet"),
        _ => Ok(()),
    })
    .await;
    for n in 2..5 {
        for worker in world.stack.workers() {
            kill_at_once(worker);
        }
        world.stack.workers_back(LONG).await;
        commits.push(scene.repo.commit_file("specs/a.md", document("A", [refuted("A-1", n)])));
        scene.announce().await;
    }
    scene.tenant.settled_within(LONG, &scene.repository).await;
    scene.told().await;
    for run in scene.runs() {
        assert!(run.conclusion.is_some(), "{run:?}");
        assert_eq!(scene.runs_of(&run.head_sha).len(), 1, "{run:?}");
    }
    let last = scene.concluded(commits.last().unwrap()).await;
    assert_eq!(last.conclusion.as_deref(), Some("failure"));
    assert_eq!(scene.runs_of(&commits[0]).len(), 1);
}
