//! Parts that die, stop or forget everything while work is under way. Nothing that was
//! acknowledged may be lost and nothing may be recorded twice.
#![allow(clippy::unwrap_used, clippy::expect_used)] // Also in what the tests share.

use std::time::Duration;

use sbh_tests::documents::{document, proved, refuted, slow};
use sbh_tests::processes::kill_at_once;
use sbh_tests::webhook::{Delivery, push};
use sbh_tests::{Connection, GitRepo, LONG, SHORT, Stack, StackOptions, Tenant, eventually};
use tokio::sync::{Mutex, MutexGuard};

/// One stack at a time: two would halve each other's machine.
async fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::const_new(());
    ALONE.lock().await
}

fn is_spec(path: &str) -> bool {
    path.starts_with("specs/")
}

/// A tenant with a repository of some documents, all recorded.
struct Scene<'a> {
    tenant: Tenant<'a>,
    repo: GitRepo,
    connection: Connection,
    repository: String,
    notices: Vec<String>,
}

impl<'a> Scene<'a> {
    async fn new(stack: &'a Stack, name: &str) -> Self {
        let tenant = Tenant::new(stack, name).await;
        let repo = stack.repo(name);
        for n in 0..10 {
            repo.write(&format!("specs/{n}.md"), document("N", [proved(&format!("N-{n}"), 1)]));
        }
        repo.commit("Begin");
        let connection = tenant.connection().await;
        let repository = tenant.track(&repo, Some(&connection)).await;
        tenant.settled(&repository).await;
        Self { tenant, repo, connection, repository, notices: Vec::new() }
    }

    /// Commits and announces an edit of one of the documents.
    async fn edit(&mut self, n: u64) {
        let at = n % 10;
        let blocks = [proved(&format!("N-{at}"), n + 2), refuted(&format!("R-{at}"), n)];
        self.repo.commit_file(&format!("specs/{at}.md"), document("N", blocks));
        self.notices.push(self.tenant.announce(&self.connection, &self.repo).await);
    }

    /// Waits until everything is recorded, and checks the ledger.
    async fn all_is_proved(&self) {
        self.tenant.settled_within(LONG, &self.repository).await;
        let ledger = &self.tenant.ledger;
        ledger.check(&self.repository, &self.repo, "main", is_spec, &self.notices).await;
    }
}

#[tokio::test]
async fn a_worker_killed_in_the_middle_of_a_proof() {
    let _alone = alone().await;
    let stack = Stack::start(StackOptions::default());
    let mut scene = Scene::new(&stack, "worker").await;
    let blocks: Vec<_> = (0..6).map(|n| slow(&format!("SLOW-{n}"), n)).collect();
    scene.repo.commit_file("specs/slow.md", document("Slow", blocks));
    scene.notices.push(scene.tenant.announce(&scene.connection, &scene.repo).await);
    eventually(SHORT, "the slow proof to run", async || {
        let found = scene.tenant.find_document(&scene.repository, "specs/slow.md").await;
        let id = found.as_ref().and_then(|d| d["id"].as_str()).ok_or("no document yet")?;
        let status = scene.tenant.api.get(&format!("/api/specs/{id}/status")).await.ok();
        if status["phase"] == "proving" { Ok(()) } else { Err(status.to_string()) }
    })
    .await;

    let killed = stack.workers();
    killed.iter().for_each(|pid| kill_at_once(*pid));
    scene.edit(3).await;
    scene.all_is_proved().await;
    assert_eq!(scene.tenant.verdicts(&scene.repository, "specs/slow.md").await.len(), 6);
    assert!(stack.workers().iter().all(|pid| !killed.contains(pid)), "other workers took over");
}

#[tokio::test]
async fn the_starter_killed_between_commit_and_answer() {
    let _alone = alone().await;
    let stack = Stack::start(StackOptions::default());
    let mut scene = Scene::new(&stack, "starter").await;
    let before = scene.repo.head();
    let blocks = [refuted("N-0", 50)];
    let after = scene.repo.commit_file("specs/0.md", document("N", blocks));
    let payload = push(&scene.repo, "refs/heads/main", &before, &after);
    let delivery = Delivery::json("push", &payload, &scene.connection.secret);

    // A synchronous standby that does not exist holds every commit at the very point: it is on
    // disk, and whoever asked for it has no answer yet.
    let pool = scene.tenant.ledger.pool().clone();
    let hold = |standby: &'static str| {
        let pool = pool.clone();
        async move {
            let set = format!("ALTER SYSTEM SET synchronous_standby_names = '{standby}'");
            sqlx::query(&set).execute(&pool).await.unwrap();
            sqlx::query("SELECT pg_reload_conf()").execute(&pool).await.unwrap();
        }
    };
    hold("nobody").await;
    let (api, connection) = (scene.tenant.api.clone(), scene.connection.id.clone());
    let sent = delivery.clone();
    let answer = tokio::spawn(async move { api.try_deliver(&connection, &sent).await });
    eventually(SHORT, "the notice to be committed without an answer", async || {
        let held: Vec<String> = sqlx::query_scalar(
            "SELECT query FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE '%INSERT INTO inbox%'",
        )
        .fetch_all(&pool)
        .await
        .unwrap();
        if held.is_empty() { Err("no insert is held") } else { Ok(()) }
    })
    .await;
    kill_at_once(stack.starter());
    let answer = answer.await.unwrap();
    assert!(answer.is_err(), "nobody was there to answer: {answer:?}");
    hold("").await;

    // What was committed is done, though it was never acknowledged.
    scene.all_is_proved().await;
    let verdicts = scene.tenant.verdicts(&scene.repository, "specs/0.md").await;
    assert_eq!(verdicts, [("N-0".into(), "refuted".into())]);

    // And the sender who saw it fail may send it again.
    eventually(SHORT, "the starter to be back", async || {
        let answer = scene.tenant.api.try_deliver(&scene.connection.id, &delivery).await;
        let answer = answer.map_err(|e| e.to_string())?;
        assert_eq!(answer.status, 202, "{}", answer.body);
        scene.notices.push(sbh_tests::tenant::notice(&answer.body));
        Ok::<(), String>(())
    })
    .await;
    scene.all_is_proved().await;
}

#[tokio::test]
async fn the_starter_killed_again_and_again_during_a_burst() {
    let _alone = alone().await;
    let stack = Stack::start(StackOptions::default());
    let mut scene = Scene::new(&stack, "again").await;
    for n in 0..30 {
        if n % 10 == 5 {
            kill_at_once(stack.starter());
            eventually(SHORT, "the starter to be back", async || {
                let request = scene.tenant.api.request(reqwest::Method::GET, "/healthz");
                match scene.tenant.api.try_send(request).await {
                    Ok(answer) if answer.status == 200 => Ok(()),
                    other => Err(format!("{other:?}")),
                }
            })
            .await;
        }
        scene.edit(n).await;
    }
    scene.all_is_proved().await;
}

#[tokio::test]
async fn temporal_stopped_for_a_while_during_a_burst() {
    let _alone = alone().await;
    let stack = Stack::start(StackOptions::default());
    let mut scene = Scene::new(&stack, "stopped").await;
    for n in 0..10 {
        scene.edit(n).await;
    }
    stack.stop_part("temporal");
    // Acknowledged all the same: the inbox does not need Temporal.
    for n in 10..30 {
        scene.edit(n).await;
    }
    eventually(SHORT, "/readyz to tell that Temporal is away", async || {
        let ready = scene.tenant.api.get("/readyz").await.body;
        if ready["status"] == "degraded" && ready["parts"]["temporal"]["status"] == "degraded" {
            return Ok(());
        }
        Err(ready.to_string())
    })
    .await;
    let open = "SELECT count(*) FROM inbox WHERE tenant_id = $1 AND state = 'open'";
    assert!(scene.tenant.ledger.count(open, &scene.tenant.id).await > 0, "work waits");
    // So is a proof that somebody asks for.
    let document = scene.tenant.document(&scene.repository, "specs/0.md").await;
    let path = format!("/api/specs/{}/reprove", document["id"].as_str().unwrap());
    let asked = scene.tenant.api.post(&path, &serde_json::json!({ "force": true })).await;
    assert_eq!(asked.status, 202, "{}", asked.body);
    assert_eq!(asked.body["accepted"], false);
    stack.up();
    scene.all_is_proved().await;
    assert_eq!(scene.tenant.closed(asked.body["inbox_id"].as_str().unwrap()).await, "recorded");
    eventually(SHORT, "the starter to be ready again", async || {
        let ready = scene.tenant.api.get("/readyz").await.body;
        if ready["status"] == "ok" { Ok(()) } else { Err(ready.to_string()) }
    })
    .await;
}

#[tokio::test]
async fn temporal_s_database_deleted_in_the_middle_of_a_burst() {
    let _alone = alone().await;
    let stack = Stack::start(StackOptions::default().set("SBH_GIT_POLL_S", 2));
    let mut scene = Scene::new(&stack, "amnesia").await;
    let blocks: Vec<_> = (0..4).map(|n| slow(&format!("SLOW-{n}"), n)).collect();
    scene.repo.commit_file("specs/slow.md", document("Slow", blocks));
    for n in 0..15 {
        scene.edit(n).await;
    }
    stack.forget_temporal();
    for n in 15..30 {
        scene.edit(n).await;
    }
    scene.all_is_proved().await;
    // The new, empty Temporal is set up again: later work runs as before, the schedule too.
    scene.edit(31).await;
    scene.all_is_proved().await;
    scene.repo.commit_file("specs/7.md", document("N", [refuted("UNANNOUNCED", 1)]));
    eventually(LONG, "an unannounced push to be found again", async || {
        let seen = scene.tenant.verdicts(&scene.repository, "specs/7.md").await;
        if seen[0].0 == "UNANNOUNCED" { Ok(()) } else { Err(format!("{seen:?}")) }
    })
    .await;
    scene.all_is_proved().await;
}

#[tokio::test]
async fn valkey_flushed_and_stopped() {
    let _alone = alone().await;
    let stack = Stack::start(StackOptions::default());
    let mut scene = Scene::new(&stack, "valkey").await;
    let client = redis::Client::open(stack.env("valkey_url")).unwrap();
    for n in 0..20 {
        if n % 5 == 0 {
            let mut connection = client.get_multiplexed_async_connection().await.unwrap();
            redis::cmd("FLUSHALL").query_async::<()>(&mut connection).await.unwrap();
        }
        scene.edit(n).await;
    }
    scene.all_is_proved().await;

    stack.stop_part("valkey");
    for n in 20..30 {
        scene.edit(n).await;
    }
    // Without a cache everything is proved again, and is right.
    scene.all_is_proved().await;
    stack.up();
    scene.edit(30).await;
    scene.all_is_proved().await;
}

#[tokio::test]
async fn postgres_restarted_during_a_burst() {
    let _alone = alone().await;
    let stack = Stack::start(StackOptions::default());
    let mut scene = Scene::new(&stack, "postgres").await;
    for n in 0..30 {
        if n == 15 {
            kill_at_once(stack.part("postgres"));
        }
        let at = n % 10;
        let blocks = [proved(&format!("N-{at}"), n + 2), refuted(&format!("R-{at}"), n)];
        scene.repo.commit_file(&format!("specs/{at}.md"), document("N", blocks));
        // While the database is away nothing is acknowledged: the sender hears it and tries again.
        let payload = push(&scene.repo, "refs/heads/main", &scene.repo.head(), &scene.repo.head());
        let delivery = Delivery::json("push", &payload, &scene.connection.secret);
        let notice = scene.tenant.insist(&scene.connection, &delivery).await;
        scene.notices.push(notice);
    }
    scene.all_is_proved().await;
}

#[tokio::test]
async fn every_worker_and_the_starter_killed_over_and_over() {
    let _alone = alone().await;
    let stack = Stack::start(StackOptions::default());
    let mut scene = Scene::new(&stack, "storm").await;
    for n in 0..40 {
        scene.edit(n).await;
        if n % 10 == 9 {
            stack.workers().iter().for_each(|pid| kill_at_once(*pid));
            stack.workers_back(Duration::from_secs(60)).await;
        }
    }
    scene.all_is_proved().await;
}
