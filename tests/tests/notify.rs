//! A refuted invariant reaches Slack and the mailbox once each, and so does its end; nothing is sent
//! twice, whatever happens between.
#![allow(clippy::unwrap_used, clippy::expect_used)] // Also in what the tests share.

use std::sync::OnceLock;

use sbh_standins::Fault;
use sbh_tests::documents::{document, proved, refuted};
use sbh_tests::eventually::ensure;
use sbh_tests::github::World;
use sbh_tests::processes::kill_at_once;
use sbh_tests::{Connection, GitRepo, LONG, StackOptions, Tenant, eventually};
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

/// The tests share the stand-ins, whose faults are for all.
async fn world() -> (&'static World, MutexGuard<'static, ()>) {
    static WORLD: OnceLock<World> = OnceLock::new();
    static ALONE: Mutex<()> = Mutex::const_new(());
    let alone = ALONE.lock().await;
    let options = StackOptions::default().set("SBH_NOTIFY_COLLECT_MS", 200);
    let world = tokio::task::block_in_place(|| WORLD.get_or_init(|| World::start(options)));
    (world, alone)
}

/// A tenant with a tracked repository and a Slack channel.
struct Scene<'a> {
    world: &'a World,
    tenant: Tenant<'a>,
    repo: GitRepo,
    connection: Connection,
    repository: String,
    slack: String,
    /// The last part of the webhook's address, by which the stand-in knows the channel.
    webhook: String,
}

impl<'a> Scene<'a> {
    async fn new(world: &'a World, name: &str) -> Self {
        let tenant = Tenant::new(&world.stack, name).await;
        let webhook = world.services.slack.webhook();
        let new = json!({
            "kind": "slack_webhook", "name": "on-call", "secret": webhook,
            "rules": { "dedup_window_s": 0 },
        });
        let made = tenant.api.post("/api/alerts/channels", &new).await.ok();
        assert!(!made.to_string().contains("services/"), "a secret is shown: {made}");
        let repo = world.stack.repo(name);
        repo.commit_file("specs/a.md", document("A", [proved("A-1", 1)]));
        let connection = tenant.connection().await;
        let repository = tenant.track(&repo, Some(&connection)).await;
        tenant.settled(&repository).await;
        let slack = made["id"].as_str().unwrap().to_owned();
        let webhook = webhook.rsplit('/').next().unwrap().to_owned();
        Self { world, tenant, repo, connection, repository, slack, webhook }
    }

    /// Commits the document with these blocks, and waits until they are judged.
    async fn edit(&self, blocks: &[String]) {
        self.repo.commit_file("specs/a.md", document("A", blocks));
        self.tenant.announce(&self.connection, &self.repo).await;
        self.tenant.settled(&self.repository).await;
    }

    /// What the Slack channel holds.
    fn messages(&self) -> Vec<Value> {
        let all = self.world.services.slack.messages();
        all.into_iter()
            .filter(|one| one.channel.contains(&self.webhook))
            .map(|one| one.body)
            .collect()
    }

    async fn messages_reach(&self, count: usize) -> Vec<Value> {
        eventually(LONG, "the messages", async || {
            let messages = self.messages();
            if messages.len() >= count { Ok(messages) } else { Err(format!("{messages:?}")) }
        })
        .await
    }

    /// States of the tenant's Slack effects, in the order of their intentions.
    async fn effects(&self) -> Vec<(String, String)> {
        let page = self.tenant.pages("/api/effects?kind=slack").await;
        let text = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
        page.iter().rev().map(|one| (text(one, "state"), text(one, "id"))).collect()
    }

    async fn effect_is(&self, state: &str) -> String {
        eventually(LONG, "the effect's state", async || {
            let effects = self.effects().await;
            effects
                .iter()
                .find(|(now, _)| now == state)
                .map(|(_, id)| id.clone())
                .ok_or_else(|| format!("{effects:?}"))
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refuted_invariant_is_told_once_by_each_channel_and_so_is_its_end() {
    let (world, _alone) = world().await;
    let scene = Scene::new(world, "refuted").await;
    let mail = json!({ "kind": "email", "name": "team", "to": ["team@example.org"] });
    scene.tenant.api.post("/api/alerts/channels", &mail).await.ok();
    let mails = || {
        let all = world.services.ses.mails().into_iter();
        all.filter(|mail| mail.subject.contains(&scene.tenant.id)).collect::<Vec<_>>()
    };
    scene.edit(&[refuted("A-1", 40)]).await;
    let messages = scene.messages_reach(1).await;
    let text = messages[0].to_string();
    assert!(
        text.contains("balance = 41") && text.contains("A-1") && text.contains("critical"),
        "{text}"
    );
    assert!(text.contains("/history|the run>"), "{text}");
    let first =
        eventually(LONG, "the e-mail", async || mails().into_iter().next().ok_or("no e-mail"))
            .await;
    assert_eq!(first.to, ["team@example.org"]);
    assert!(
        first.html.contains("balance = 41") && first.text.contains("balance = 41"),
        "{first:?}"
    );

    let alerts = scene.tenant.pages("/api/alerts?state=open").await;
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!(alerts[0]["kind"], "invariant_refuted");
    let path = format!("/api/alerts/{}", alerts[0]["id"].as_str().unwrap());
    let ack = json!({ "reason": "I know" });
    assert_eq!(scene.tenant.api.post(&format!("{path}/acknowledge"), &ack).await.status, 204);

    scene.edit(&[proved("A-1", 1)]).await;
    let messages = scene.messages_reach(2).await;
    assert!(messages[1].to_string().contains("resolved"), "{}", messages[1]);
    eventually(LONG, "the second e-mail", async || ensure(mails().len() == 2, mails().len())).await;
    assert_eq!(scene.tenant.api.get(&path).await.ok()["state"], "resolved");
    assert_eq!(scene.messages().len(), 2);
    assert!(scene.effects().await.iter().all(|(state, _)| state == "sent"));
    assert_eq!(world.services.slack.too_fast(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_cut_is_unknown_and_a_person_decides() {
    let (world, _alone) = world().await;
    let scene = Scene::new(world, "cut").await;
    let fault = Fault::cut(&scene.webhook).after_acting().times(1);
    world.services.slack.service.fail(fault);
    scene.edit(&[refuted("A-1", 7)]).await;
    let effect = scene.effect_is("unknown").await;
    assert_eq!(scene.messages().len(), 1, "it arrived, and nobody was told so");
    // The channel goes on: it is told that an outcome is unknown, and the message is not sent again.
    let messages = scene.messages_reach(2).await;
    assert!(messages[1].to_string().contains("may or may not have arrived"), "{}", messages[1]);
    let path = format!("/api/effects/{effect}/resolve");
    let wrong = json!({ "resolution": "sent", "reason": "" });
    scene.tenant.api.post(&path, &wrong).await.problem(400);
    let sent = json!({ "resolution": "sent", "reason": "it is in the channel" });
    assert_eq!(scene.tenant.api.post(&path, &sent).await.ok()["state"], "sent");
    scene.tenant.api.post(&path, &sent).await.problem(409);
    let messages = scene.messages_reach(3).await;
    let counterexamples = messages.iter().filter(|one| one.to_string().contains("balance = 8"));
    assert_eq!(counterexamples.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_waited_for_and_a_refusal_is_told() {
    let (world, _alone) = world().await;
    let scene = Scene::new(world, "limit").await;
    world.services.slack.service.fail(Fault::rate_limited(&scene.webhook, 2).times(1));
    scene.edit(&[refuted("A-1", 9)]).await;
    scene.messages_reach(1).await;
    assert_eq!(scene.effects().await.len(), 1, "the same message, later");
    world.services.slack.service.fail(Fault::status(&scene.webhook, 404).times(1));
    scene.edit(&[proved("A-1", 1)]).await;
    let failed = scene.effect_is("failed").await;
    let shown = scene.tenant.api.get(&format!("/api/effects/{failed}")).await.ok();
    assert!(shown["reason"].as_str().unwrap().contains("refused"), "{shown}");
    // The next message arrives, and tells that the one before did not.
    let messages = scene.messages_reach(2).await;
    assert!(messages[1].to_string().contains("cannot be told anything"), "{}", messages[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_while_it_sends_never_sends_twice() {
    let (world, _alone) = world().await;
    let scene = Scene::new(world, "killed").await;
    // The message arrives, and its answer does not come.
    world.services.slack.service.fail(Fault::hang(&scene.webhook).after_acting().times(1));
    scene.edit(&[refuted("A-1", 20)]).await;
    scene.messages_reach(1).await;
    for worker in world.stack.workers() {
        kill_at_once(worker);
    }
    world.stack.workers_back(LONG).await;
    let effect = scene.effect_is("sending").await;
    // As if the lease were over, which is a minute.
    sqlx::query("UPDATE effects SET lease_until = now() - interval '1 s' WHERE id = $1::uuid")
        .bind(&effect)
        .execute(scene.tenant.ledger.pool())
        .await
        .unwrap();
    assert_eq!(scene.effect_is("unknown").await, effect);
    let messages = scene.messages_reach(2).await;
    let counterexamples = messages.iter().filter(|one| one.to_string().contains("balance = 21"));
    assert_eq!(counterexamples.count(), 1, "{messages:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_are_checked_tried_paused_and_removed() {
    let (world, _alone) = world().await;
    let scene = Scene::new(world, "channels").await;
    for secret in ["https://127.0.0.1/x", "https://hooks.slack.com.evil.example/services/x"] {
        let new = json!({ "kind": "slack_webhook", "name": "evil", "secret": secret });
        scene.tenant.api.post("/api/alerts/channels", &new).await.problem(400);
    }
    let path = format!("/api/alerts/channels/{}", scene.slack);
    let viewer = scene.tenant.role("viewer");
    viewer.post(&format!("{path}/test"), &json!({})).await.problem(403);
    let tried = scene.tenant.api.post(&format!("{path}/test"), &json!({})).await.ok();
    scene.messages_reach(1).await;
    let alert = format!("/api/alerts/{}", tried["alert"].as_str().unwrap());
    eventually(LONG, "that it was told", async || {
        let shown = scene.tenant.api.get(&alert).await.ok();
        ensure(shown["tellings"][0]["state"] == "sent", shown)
    })
    .await;
    let other = Tenant::new(&world.stack, "channels2").await;
    other.api.get(&path).await.problem(404);
    assert_eq!(scene.tenant.api.delete(&path).await.status, 204);
    scene.tenant.api.get(&path).await.problem(404);
}
