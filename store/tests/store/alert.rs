//! Conditions: open once, told to whom it may concern, resolved when gone.

use sbh_domain::alert::{ChannelRules, QuietHours, Told};
use sbh_domain::{AlertKind, ChannelId, Severity, TenantId, Verdict};
use sbh_store::Store;
use sbh_store::alert::NewAlert;
use sbh_store::alert_channel::{Channel, ChannelKind, NewChannel};
use sbh_store::alert_view::{Alert, AlertFilter};
use sbh_store::notify::Claim;

use crate::fixture::{Fleet, absent, fleet, present, tenant, verdict};

pub async fn channel(store: &Store, tenant: &TenantId, name: &str, rules: ChannelRules) -> Channel {
    let new = NewChannel {
        kind: ChannelKind::SlackWebhook,
        name: name.to_owned(),
        target: serde_json::json!({}),
        sealed_secret: Some(b"sealed".to_vec()),
        rules,
    };
    store.add_alert_channel(tenant, "ada", &new).await.unwrap()
}

pub fn everything() -> ChannelRules {
    ChannelRules { floor: Severity::Info, dedup_window_s: 0, ..ChannelRules::default() }
}

fn silent(what: &str) -> NewAlert {
    NewAlert::new(
        AlertKind::SourceSilent,
        format!("source_silent/{what}"),
        format!("{what} is silent"),
    )
}

async fn alerts(fleet: &Fleet) -> Vec<Alert> {
    fleet.store.alerts(&fleet.tenant, &AlertFilter::default(), None, 100).await.unwrap()
}

/// Open alerts by key.
async fn open(fleet: &Fleet) -> Vec<String> {
    let filter = AlertFilter { state: Some("open".to_owned()), ..AlertFilter::default() };
    let found = fleet.store.alerts(&fleet.tenant, &filter, None, 100).await.unwrap();
    let mut keys: Vec<_> = found.into_iter().map(|alert| alert.key).collect();
    keys.sort();
    keys
}

/// What the next message of a channel tells, by title; `None` when there is none.
pub async fn next_message(
    store: &Store,
    tenant: &TenantId,
    channel: ChannelId,
) -> Option<Vec<(Told, String)>> {
    let Claim::Message(effect) = store.claim_message(tenant, channel).await.unwrap() else {
        return None;
    };
    let message = store.message(tenant, effect).await.unwrap();
    let entries = message.entries.into_iter().map(|entry| (entry.told, entry.title)).collect();
    let begun =
        store.begin_effect(tenant, effect, std::time::Duration::from_secs(60)).await.unwrap();
    let sbh_store::effect::Begun::Yours(sending) = begun else { panic!("{begun:?}") };
    let sent = sbh_store::effect::Outcome::Sent { external_ref: None };
    let none = std::time::Duration::ZERO;
    store.end_message(tenant, channel, sending, &sent, none).await.unwrap();
    Some(entries)
}

#[tokio::test]
async fn a_condition_is_open_once_however_often_it_is_found() {
    let fleet = fleet().await;
    let (store, demo) = (&fleet.store, &fleet.tenant);
    let first = store.raise_alert(demo, &silent("jira")).await.unwrap();
    let mut again = silent("jira");
    again.title = "still silent".to_owned();
    let second = store.raise_alert(demo, &again).await.unwrap();
    assert!(first.new && !second.new);
    assert_eq!(first.id, second.id);
    let (alert, _) = store.alert(demo, first.id).await.unwrap();
    assert_eq!((alert.times_seen, alert.title.as_str()), (2, "still silent"));

    assert_eq!(store.resolve_alert(demo, "source_silent/jira").await.unwrap(), 1);
    assert_eq!(store.resolve_alert(demo, "source_silent/jira").await.unwrap(), 0);
    let third = store.raise_alert(demo, &silent("jira")).await.unwrap();
    assert!(third.new && third.id != first.id, "what comes back is another alert");
    assert_eq!(alerts(&fleet).await.len(), 2);
}

#[tokio::test]
async fn a_prefix_resolves_its_own_and_nothing_beside() {
    let fleet = fleet().await;
    let (store, demo) = (&fleet.store, &fleet.tenant);
    for what in ["a/1", "a/2", "a%/1", "a_x/1", "ab/1", "a"] {
        store.raise_alert(demo, &silent(what)).await.unwrap();
    }
    assert_eq!(store.resolve_alerts_under(demo, "source_silent/a/").await.unwrap(), 2);
    let rest =
        ["source_silent/a", "source_silent/a%/1", "source_silent/a_x/1", "source_silent/ab/1"];
    assert_eq!(open(&fleet).await, rest);
}

#[tokio::test]
async fn a_channel_is_told_once_and_then_that_it_is_over() {
    let fleet = fleet().await;
    let (store, demo) = (&fleet.store, &fleet.tenant);
    let on_call = channel(store, demo, "on-call", everything()).await;
    let grave = ChannelRules { floor: Severity::Critical, ..everything() };
    let grave = channel(store, demo, "grave", grave).await;
    for _ in 0..3 {
        store.raise_alert(demo, &silent("jira")).await.unwrap();
    }
    let raised = vec![(Told::Raised, "jira is silent".to_owned())];
    assert_eq!(next_message(store, demo, on_call.id).await, Some(raised));
    assert_eq!(next_message(store, demo, on_call.id).await, None);
    assert_eq!(next_message(store, demo, grave.id).await, None, "below its floor");
    store.resolve_alert(demo, "source_silent/jira").await.unwrap();
    let resolved = vec![(Told::Resolved, "jira is silent".to_owned())];
    assert_eq!(next_message(store, demo, on_call.id).await, Some(resolved));
    assert_eq!(next_message(store, demo, grave.id).await, None, "it was never told");
    let shown = store.alert_channel(demo, on_call.id).await.unwrap();
    assert_eq!((shown.sent, shown.waiting), (2, 0));
}

#[tokio::test]
async fn what_is_over_before_it_was_told_is_not_told() {
    let fleet = fleet().await;
    let (store, demo) = (&fleet.store, &fleet.tenant);
    let on_call = channel(store, demo, "on-call", everything()).await;
    store.raise_alert(demo, &silent("jira")).await.unwrap();
    store.resolve_alert(demo, "source_silent/jira").await.unwrap();
    assert_eq!(store.claim_message(demo, on_call.id).await.unwrap(), Claim::Nothing);
}

#[tokio::test]
async fn what_comes_back_at_once_waits_for_the_window() {
    let fleet = fleet().await;
    let (store, demo) = (&fleet.store, &fleet.tenant);
    let rules = ChannelRules { dedup_window_s: 3_600, ..everything() };
    let on_call = channel(store, demo, "on-call", rules).await;
    let first = store.raise_alert(demo, &silent("jira")).await.unwrap();
    assert!(next_message(store, demo, on_call.id).await.is_some());
    store.resolve_alert(demo, "source_silent/jira").await.unwrap();
    assert!(next_message(store, demo, on_call.id).await.is_some());
    let second = store.raise_alert(demo, &silent("jira")).await.unwrap();
    assert_eq!(next_message(store, demo, on_call.id).await, None, "it flaps");
    let due = async |alert| store.alert(demo, alert).await.unwrap().1[0].due_at;
    let (before, after) = (due(first.id).await, due(second.id).await);
    assert_eq!((after - before).num_seconds(), 3_600);
    assert!(store.claim_due_channels(std::time::Duration::ZERO, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn quiet_hours_hold_back_all_but_the_critical() {
    let fleet = fleet().await;
    let (store, demo) = (&fleet.store, &fleet.tenant);
    // Quiet for all of the day but the minute that is twelve hours away.
    let minute = chrono::Timelike::num_seconds_from_midnight(&chrono::Utc::now().time()) / 60;
    let quiet_end = u16::try_from((minute + 720) % 1_440).unwrap();
    let quiet = Some(QuietHours { from_min: (quiet_end + 1) % 1_440, to_min: quiet_end });
    let on_call = channel(store, demo, "on-call", ChannelRules { quiet, ..everything() }).await;
    store.raise_alert(demo, &silent("jira")).await.unwrap();
    assert_eq!(next_message(store, demo, on_call.id).await, None);
    let mut grave = silent("confluence");
    grave.severity = Severity::Critical;
    store.raise_alert(demo, &grave).await.unwrap();
    let told = vec![(Told::Raised, "confluence is silent".to_owned())];
    assert_eq!(next_message(store, demo, on_call.id).await, Some(told));
    store.resolve_alert(demo, "source_silent/confluence").await.unwrap();
    assert_eq!(next_message(store, demo, on_call.id).await, None, "good news can wait");
    let shown = store.alert_channel(demo, on_call.id).await.unwrap();
    assert_eq!(shown.waiting, 2);
}

#[tokio::test]
async fn what_becomes_graver_and_what_nobody_acknowledges_is_told_again() {
    let fleet = fleet().await;
    let (store, demo) = (&fleet.store, &fleet.tenant);
    let rules = ChannelRules { escalate_after_s: Some(1), ..everything() };
    let on_call = channel(store, demo, "on-call", rules).await;
    let boss = ChannelRules { floor: Severity::Critical, ..ChannelRules::default() };
    let boss = ChannelRules { escalate_after_s: Some(1), ..boss };
    let boss = channel(store, demo, "boss", boss).await;
    let left = store.raise_alert(demo, &silent("jira")).await.unwrap();
    let known = store.raise_alert(demo, &silent("drive")).await.unwrap();
    store.acknowledge_alert(demo, "ada", known.id, "I am on it").await.unwrap();
    assert_eq!(next_message(store, demo, on_call.id).await.unwrap().len(), 2);
    assert_eq!(store.escalate_alerts().await.unwrap(), 0, "it is not time yet");
    sqlx::query("UPDATE alerts SET raised_at = raised_at - interval '1 hour'")
        .execute(&mut fleet.database.admin().await)
        .await
        .unwrap();
    assert_eq!(store.escalate_alerts().await.unwrap(), 2);
    assert_eq!(store.escalate_alerts().await.unwrap(), 0, "once");
    let told = Some(vec![(Told::Escalated, "jira is silent".to_owned())]);
    assert_eq!(next_message(store, demo, on_call.id).await, told);
    assert_eq!(next_message(store, demo, boss.id).await, told, "it is critical now");
    store.resolve_alert(demo, "source_silent/jira").await.unwrap();
    assert!(next_message(store, demo, boss.id).await.is_some());

    let error = store.acknowledge_alert(demo, "ada", left.id, "late").await.unwrap_err();
    assert!(error.to_string().contains("not open"), "{error}");
    let mut grave = silent("drive");
    grave.severity = Severity::Critical;
    store.raise_alert(demo, &grave).await.unwrap();
    let told = next_message(store, demo, on_call.id).await.unwrap();
    assert!(told.contains(&(Told::Escalated, "drive is silent".to_owned())), "{told:?}");
}

#[tokio::test]
async fn an_event_is_told_and_never_open() {
    let fleet = fleet().await;
    let (store, demo) = (&fleet.store, &fleet.tenant);
    let on_call = channel(store, demo, "on-call", everything()).await;
    let other = channel(store, demo, "other", everything()).await;
    let alert = store.test_alert_channel(demo, "ada", on_call.id).await.unwrap();
    assert_eq!(store.alert(demo, alert).await.unwrap().0.state, "event");
    assert!(open(&fleet).await.is_empty());
    assert_eq!(next_message(store, demo, on_call.id).await.unwrap().len(), 1);
    assert_eq!(next_message(store, demo, other.id).await, None, "only the one that is tried");
}

#[tokio::test]
async fn recording_raises_what_is_refuted_and_resolves_what_is_not_any_more() {
    let fleet = fleet().await;
    let (store, demo) = (&fleet.store, &fleet.tenant);
    let on_call = channel(store, demo, "on-call", everything()).await;
    fleet.push("c1", &[present("a.md", "a1")]).await;
    let a = fleet.document("a.md").await;
    fleet
        .prove(
            a,
            Some("a1"),
            &[verdict(0, "A", Verdict::Refuted), verdict(1, "B", Verdict::Conflict)],
        )
        .await;
    let refuted = format!("invariant_refuted/{a}/A/1");
    let conflict = format!("prover_conflict/{a}/B/1");
    assert_eq!(open(&fleet).await, [refuted.clone(), conflict]);
    let alert = alerts(&fleet).await.into_iter().find(|alert| alert.key == refuted).unwrap();
    assert_eq!(alert.severity, Severity::Critical);
    assert_eq!(alert.invariant.as_deref(), Some("A"));
    assert_eq!(alert.detail["counterexample"][0]["name"], "x");
    assert_eq!(alert.detail["workflow_id"], "spec-drift/demo/d");
    assert!(alert.detail["run_id"].is_string());
    let told = next_message(store, demo, on_call.id).await.unwrap();
    assert_eq!(told.len(), 2, "one message for both, and no drift: the document is new ({told:?})");

    fleet.push("c2", &[present("a.md", "a2")]).await;
    fleet.prove(a, Some("a2"), &[verdict(0, "A", Verdict::Refuted)]).await;
    assert_eq!(open(&fleet).await, [refuted]);
    let told = next_message(store, demo, on_call.id).await.unwrap();
    let titles: Vec<_> = told.iter().map(|(told, title)| (*told, title.as_str())).collect();
    assert!(
        titles.contains(&(Told::Raised, "a.md changed and was proved anew: 1 refuted")),
        "{titles:?}"
    );
    assert!(titles.iter().any(|(told, title)| *told == Told::Resolved && title.contains('B')));
    assert_eq!(titles.len(), 2, "A is known already: {titles:?}");

    fleet.push("c3", &[absent("a.md")]).await;
    fleet.prove(a, None, &[]).await;
    assert!(open(&fleet).await.is_empty());
}

#[tokio::test]
async fn a_removed_repository_has_no_alerts_and_a_restored_one_has_them_again() {
    let fleet = fleet().await;
    let (store, demo) = (&fleet.store, &fleet.tenant);
    fleet.push("c1", &[present("a.md", "a1")]).await;
    let a = fleet.document("a.md").await;
    fleet.prove(a, Some("a1"), &[verdict(0, "A", Verdict::Refuted)]).await;
    store.remove_repository(demo, "ada", fleet.repository).await.unwrap();
    assert!(open(&fleet).await.is_empty());
    store.restore_repository(demo, "ada", fleet.repository).await.unwrap();
    assert_eq!(open(&fleet).await.len(), 1);
}

#[tokio::test]
async fn a_document_that_is_given_up_is_alerted_until_it_is_recorded() {
    let fleet = fleet().await;
    fleet.push("c1", &[present("a.md", "a1")]).await;
    let a = fleet.document("a.md").await;
    for failures in 1..=3 {
        fleet.store.fail_document(&fleet.tenant, a, "z3 is away", 3).await.unwrap();
        assert_eq!(open(&fleet).await.len(), usize::from(failures == 3));
    }
    let alert = &alerts(&fleet).await[0];
    assert_eq!(
        (alert.kind, &alert.detail["reason"]),
        (AlertKind::ProofStuck, &"z3 is away".into())
    );
    fleet.prove(a, Some("a1"), &[verdict(0, "A", Verdict::Proved)]).await;
    assert!(open(&fleet).await.is_empty());
}

#[tokio::test]
async fn names_that_are_long_or_alike_are_not_confused() {
    let fleet = fleet().await;
    fleet.push("c1", &[present("a.md", "a1")]).await;
    let a = fleet.document("a.md").await;
    let long = "x".repeat(400);
    let verdicts = [
        verdict(0, &format!("{long}1"), Verdict::Refuted),
        verdict(1, &format!("{long}2"), Verdict::Refuted),
        verdict(2, "A", Verdict::Refuted),
        verdict(3, "A", Verdict::Refuted),
    ];
    fleet.prove(a, Some("a1"), &verdicts).await;
    assert_eq!(open(&fleet).await.len(), 4);
}

#[tokio::test]
async fn two_transactions_that_raise_the_same_conditions_do_not_wait_in_a_circle() {
    let fleet = fleet().await;
    let mut tasks = tokio::task::JoinSet::new();
    for turn in 0..8 {
        let (store, demo) = (fleet.store.clone(), fleet.tenant.clone());
        tasks.spawn(async move {
            for n in 0..10 {
                let n = if turn % 2 == 0 { n } else { 9 - n };
                store.raise_alert(&demo, &silent(&n.to_string())).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(open(&fleet).await.len(), 10);
}

#[tokio::test]
async fn channels_belong_to_their_tenant() {
    let fleet = fleet().await;
    let other = tenant("other");
    fleet.store.ensure_tenant(&other).await.unwrap();
    let theirs = channel(&fleet.store, &other, "on-call", everything()).await;
    fleet.store.raise_alert(&fleet.tenant, &silent("jira")).await.unwrap();
    assert_eq!(next_message(&fleet.store, &other, theirs.id).await, None);
    assert_eq!(fleet.store.claim_message(&fleet.tenant, theirs.id).await.unwrap(), Claim::Nothing);
}
