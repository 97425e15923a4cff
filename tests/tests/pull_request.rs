//! The head of a pull request is proved beside the tracked branch, which does not move.
#![allow(clippy::unwrap_used, clippy::expect_used)] // Also in what the tests share.

use std::sync::OnceLock;

use sbh_tests::documents::{document, endless, proved, refuted};
use sbh_tests::github::{AtGitHub, World};
use sbh_tests::processes::kill_at_once;
use sbh_tests::webhook::Delivery;
use sbh_tests::{LONG, SHORT, StackOptions, eventually};
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

async fn world() -> (&'static World, MutexGuard<'static, ()>) {
    static WORLD: OnceLock<World> = OnceLock::new();
    static ALONE: Mutex<()> = Mutex::const_new(());
    let alone = ALONE.lock().await;
    let world =
        tokio::task::block_in_place(|| WORLD.get_or_init(|| World::start(StackOptions::default())));
    (world, alone)
}

async fn baseline(scene: &AtGitHub<'_>) -> Value {
    let path = format!("/api/repositories/{}", scene.repository);
    scene.tenant.api.get(&path).await.ok()["baseline"].clone()
}

async fn pull(scene: &AtGitHub<'_>, number: u64) -> Value {
    let path = format!("/api/repositories/{}/pull-requests/{number}", scene.repository);
    scene.tenant.api.get(&path).await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_is_proved_without_moving_the_baseline() {
    let (world, _alone) = world().await;
    let mut scene = AtGitHub::new(world, "pull").await;
    scene.repo.write("specs/kept.md", document("Kept", [proved("K-1", 5)]));
    scene.repo.write("specs/gone.md", document("Gone", [proved("G-1", 6)]));
    let main = scene
        .repo
        .write("specs/a.md", document("A", [proved("A-1", 1), proved("A-2", 2)]))
        .commit("Begin");
    scene.track().await;
    let before = scene.tenant.ledger.recorded(&scene.repository).await;

    // The branch goes on; the pull request left it before and knows nothing of that.
    scene.repo.git(&["checkout", "--quiet", "-b", "change"]);
    scene.repo.write("specs/a.md", document("A", [proved("A-1", 1), refuted("A-2", 40)]));
    scene.repo.write("specs/new.md", document("New", [proved("N-1", 7)]));
    scene.repo.remove("specs/gone.md");
    let head = scene.repo.commit("Change");
    scene.repo.git(&["checkout", "--quiet", "main"]);
    scene.repo.commit_file("specs/late.md", document("Late", [proved("L-1", 8)]));
    let late = scene.announce().await;
    scene.tenant.closed(&late).await;
    scene.repo.git(&["checkout", "--quiet", "change"]);
    let notice = scene.announce_pull(7, "opened").await;
    scene.repo.git(&["checkout", "--quiet", "main"]);
    assert_eq!(scene.tenant.closed(&notice).await, "recorded");

    let shown = pull(&scene, 7).await;
    assert_eq!((&shown["head"], &shown["base"]), (&json!(head), &json!(main)));
    assert_eq!(shown["compared_with"], "merge_base");
    assert_eq!(shown["documents"], 3, "late.md is none of its business: {shown}");
    assert_eq!((&shown["before"]["proved"], &shown["before"]["refuted"]), (&json!(5), &json!(0)));
    assert_eq!((&shown["after"]["proved"], &shown["after"]["refuted"]), (&json!(4), &json!(1)));
    let proofs = shown["proofs"].as_array().unwrap();
    assert_eq!(proofs.len(), 3);
    assert_eq!((&proofs[0]["name"], &proofs[0]["was"]), (&json!("A-2"), &json!("proved")));
    assert_eq!(proofs[0]["counterexample"][0]["value"], "41");
    let kept = proofs.iter().find(|proof| proof["name"] == "A-1").unwrap();
    assert_eq!(kept["origin"], "kept", "what did not change is not proved again");

    let run = scene.concluded(&head).await;
    assert_eq!(
        (run.name.as_str(), run.conclusion.as_deref()),
        ("sbh / pull request", Some("failure"))
    );
    assert_eq!(run.annotations[0]["message"], "The rule A-2\nbalance = 41");
    let summary = run.output["summary"].as_str().unwrap();
    assert!(summary.contains("| refuted | 0 | 1 |"), "{summary}");

    // Nothing of the tracked branch moved.
    assert_eq!(baseline(&scene).await, scene.repo.resolve("main").unwrap().as_str());
    let mut after = scene.tenant.ledger.recorded(&scene.repository).await;
    after.remove("specs/late.md");
    assert_eq!(after, before);
    scene
        .tenant
        .ledger
        .check(&scene.repository, &scene.repo, "main", |p| p.starts_with("specs/"), &[notice, late])
        .await;
    let sbh = world.stack.command(&["pull", "show", &scene.repo.name(), "7", "--json"]);
    let token = world.stack.token(&scene.tenant.id, "viewer");
    let output = {
        let mut sbh = sbh;
        sbh.env("SBH_TOKEN", token).output().unwrap()
    };
    let printed: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(printed["head"], json!(head));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_head_wins_and_every_notice_is_closed() {
    let (world, _alone) = world().await;
    let mut scene = AtGitHub::new(world, "newest").await;
    scene.repo.commit_file("specs/a.md", document("A", [proved("A-1", 1)]));
    scene.track().await;
    scene.repo.git(&["checkout", "--quiet", "-b", "change"]);
    let slow = scene.repo.commit_file("specs/b.md", document("B", [endless("B-1")]));
    let mut notices = vec![scene.announce_pull(8, "opened").await];
    eventually(SHORT, "the first head to be looked at", async || {
        match scene.runs_of(&slow).len() {
            0 => Err("no check run yet"),
            _ => Ok(()),
        }
    })
    .await;
    let quick = scene.repo.commit_file("specs/b.md", document("B", [proved("B-1", 9)]));
    notices.push(scene.announce_pull(8, "synchronize").await);
    for notice in &notices {
        assert_eq!(scene.tenant.closed(notice).await, "recorded");
    }
    assert_eq!(pull(&scene, 8).await["head"], json!(quick));
    assert_eq!(scene.concluded(&quick).await.conclusion.as_deref(), Some("success"));
    let overtaken = scene.concluded(&slow).await;
    assert_eq!(overtaken.conclusion.as_deref(), Some("neutral"), "an overtaken head has one too");
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_and_labels_are_ignored_and_what_is_not_there_is_parked() {
    let (world, _alone) = world().await;
    let mut scene = AtGitHub::new(world, "ignored").await;
    scene.repo.commit_file("specs/a.md", document("A", [proved("A-1", 1)]));
    scene.track().await;
    for action in ["closed", "labeled"] {
        let payload = scene.pull_payload(9, action, &scene.repo.head());
        let delivery = Delivery::json("pull_request", &payload, &scene.connection.secret);
        let answer = scene.tenant.api.deliver(&scene.connection.id, &delivery).await;
        assert_eq!(answer.status, 202);
        assert!(answer.body["ignored"].is_string(), "{}", answer.body);
    }
    // A head that the remote has not: kept, shown, and told why.
    let notice = scene.deliver_pull(10, "opened", &scene.repo.head()).await;
    let reason = eventually(LONG, "the notice to be parked", async || {
        let row = scene.tenant.api.get(&format!("/api/inbox/{notice}")).await.ok();
        match (row["state"].as_str(), row["reason"].as_str()) {
            (Some("parked"), Some(reason)) => Ok(reason.to_owned()),
            _ => Err(row.to_string()),
        }
    })
    .await;
    assert!(reason.contains("pull request 10"), "{reason}");
    let main = scene.repo.head();
    scene.repo.git(&["update-ref", "refs/pull/10/head", &main]);
    scene.tenant.api.post(&format!("/api/inbox/{notice}/retry"), &json!({})).await.ok();
    assert_eq!(scene.tenant.closed(&notice).await, "recorded");
    assert_eq!(pull(&scene, 10).await["documents"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenant_sees_none_of_it() {
    let (world, _alone) = world().await;
    let mut scene = AtGitHub::new(world, "private").await;
    scene.repo.commit_file("specs/a.md", document("A", [proved("A-1", 1)]));
    scene.track().await;
    let notice = scene.announce_pull(3, "opened").await;
    scene.tenant.closed(&notice).await;
    let other = sbh_tests::Tenant::new(&world.stack, "other").await;
    for path in ["pull-requests", "pull-requests/3", "check-runs"] {
        let path = format!("/api/repositories/{}/{path}", scene.repository);
        other.api.get(&path).await.problem(404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_workers_lose_no_notice_about_a_pull_request() {
    let (_, _alone) = world().await;
    let world = tokio::task::block_in_place(|| World::start(StackOptions::default()));
    let mut scene = AtGitHub::new(&world, "lost").await;
    scene.repo.commit_file("specs/a.md", document("A", [proved("A-1", 1)]));
    scene.track().await;
    scene.repo.git(&["checkout", "--quiet", "-b", "change"]);
    let mut notices = Vec::new();
    for n in 1..4 {
        let blocks: Vec<_> = (0..40).map(|at| proved(&format!("B-{at}"), n * 100 + at)).collect();
        scene.repo.commit_file("specs/b.md", document("B", blocks));
        notices.push(scene.announce_pull(5, "synchronize").await);
        for worker in world.stack.workers() {
            kill_at_once(worker);
        }
        world.stack.workers_back(LONG).await;
    }
    for notice in &notices {
        eventually(LONG, "the notice to be closed", async || {
            scene.tenant.ledger.closed(notice).await
        })
        .await;
    }
    let head = scene.repo.head();
    assert_eq!(pull(&scene, 5).await["head"], json!(head));
    assert_eq!(scene.concluded(&head).await.conclusion.as_deref(), Some("success"));
    scene.told().await;
    for run in scene.runs() {
        assert!(run.conclusion.is_some(), "{run:?}");
        assert_eq!(scene.runs_of(&run.head_sha).len(), 1, "{run:?}");
    }
}
