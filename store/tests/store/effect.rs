//! Effects: intended once, begun by one, unknown when nobody ended them.

use std::time::Duration;

use sbh_domain::EffectId;
use sbh_store::StoreError;
use sbh_store::alert_view::AlertFilter;
use sbh_store::effect::{Begun, EffectState, Intended, NewEffect, Outcome, Sending};
use sbh_store::effect_view::Resolution;

use crate::fixture::{Fleet, fleet, tenant};

const LEASE: Duration = Duration::from_secs(60);

fn check(key: &str) -> NewEffect {
    NewEffect {
        kind: "check_run",
        idempotency_key: key.to_owned(),
        target: "shop".to_owned(),
        channel: None,
        payload: serde_json::json!({ "commit": "c1" }),
    }
}

async fn intend(fleet: &Fleet, key: &str) -> EffectId {
    fleet.store.intend_effect(&fleet.tenant, &check(key)).await.unwrap().id()
}

async fn begin(fleet: &Fleet, effect: EffectId) -> Sending {
    match fleet.store.begin_effect(&fleet.tenant, effect, LEASE).await.unwrap() {
        Begun::Yours(sending) => sending,
        Begun::Not(state) => panic!("{state:?}"),
    }
}

/// As if the lease were over.
async fn leave(fleet: &Fleet) {
    sqlx::query("UPDATE effects SET lease_until = now() - interval '1 s' WHERE state = 'sending'")
        .execute(&mut fleet.database.admin().await)
        .await
        .unwrap();
}

async fn unknown_alerts(fleet: &Fleet) -> usize {
    let filter = AlertFilter { state: Some("open".to_owned()), ..AlertFilter::default() };
    fleet.store.alerts(&fleet.tenant, &filter, None, 10).await.unwrap().len()
}

#[tokio::test]
async fn one_key_is_one_effect_per_tenant_and_kind() {
    let fleet = fleet().await;
    let first = fleet.store.intend_effect(&fleet.tenant, &check("k")).await.unwrap();
    let Intended::New(id) = first else { panic!("{first:?}") };
    let again = fleet.store.intend_effect(&fleet.tenant, &check("k")).await.unwrap();
    assert_eq!(again, Intended::Already(id, EffectState::Intended));
    let other_kind = NewEffect { kind: "slack", ..check("k") };
    assert!(matches!(
        fleet.store.intend_effect(&fleet.tenant, &other_kind).await.unwrap(),
        Intended::New(_)
    ));
    let other = tenant("other");
    fleet.store.ensure_tenant(&other).await.unwrap();
    assert!(matches!(
        fleet.store.intend_effect(&other, &check("k")).await.unwrap(),
        Intended::New(_)
    ));
    assert_eq!(fleet.store.effects(&other, None, None, None, 10).await.unwrap().len(), 1);
    let theirs = fleet.store.effect(&other, id).await;
    assert!(matches!(theirs, Err(StoreError::NotFound { .. })));
    let theirs = fleet.store.begin_effect(&other, id, LEASE).await;
    assert!(matches!(theirs, Err(StoreError::NotFound { .. })));
}

#[tokio::test]
async fn of_many_senders_one_begins() {
    let fleet = fleet().await;
    let effect = intend(&fleet, "k").await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (store, tenant) = (fleet.store.clone(), fleet.tenant.clone());
        tasks.spawn(async move { store.begin_effect(&tenant, effect, LEASE).await.unwrap() });
    }
    let begun = tasks.join_all().await;
    let yours = begun.iter().filter(|begun| matches!(begun, Begun::Yours(_))).count();
    assert_eq!(yours, 1, "{begun:?}");
}

#[tokio::test]
async fn a_sending_that_nobody_ended_is_unknown_and_is_not_begun_again() {
    let fleet = fleet().await;
    let effect = intend(&fleet, "k").await;
    let sending = begin(&fleet, effect).await;
    assert_eq!(fleet.store.expire_effects().await.unwrap(), 0, "it has its lease");
    leave(&fleet).await;
    assert_eq!(fleet.store.expire_effects().await.unwrap(), 1);
    let begun = fleet.store.begin_effect(&fleet.tenant, effect, LEASE).await.unwrap();
    assert_eq!(begun, Begun::Not(EffectState::Unknown));
    assert!(fleet.store.intended_effects("check_run", Duration::ZERO, 9).await.unwrap().is_empty());
    assert_eq!(unknown_alerts(&fleet).await, 1);

    // Whoever sent it was only slow, and knows after all.
    let sent = Outcome::Sent { external_ref: Some("4711".to_owned()) };
    let state = fleet.store.end_effect(&fleet.tenant, sending, &sent).await.unwrap();
    assert_eq!(state, EffectState::Sent);
    assert_eq!(unknown_alerts(&fleet).await, 0);
    let shown = fleet.store.effect(&fleet.tenant, effect).await.unwrap();
    assert_eq!((shown.external_ref.as_deref(), shown.attempt), (Some("4711"), 1));
}

#[tokio::test]
async fn a_lease_that_is_over_is_noticed_by_the_next_sender_as_well() {
    let fleet = fleet().await;
    let effect = intend(&fleet, "k").await;
    begin(&fleet, effect).await;
    leave(&fleet).await;
    let begun = fleet.store.begin_effect(&fleet.tenant, effect, LEASE).await.unwrap();
    assert_eq!(begun, Begun::Not(EffectState::Unknown));
    assert_eq!(unknown_alerts(&fleet).await, 1);
}

#[tokio::test]
async fn what_certainly_did_not_arrive_is_begun_again() {
    let fleet = fleet().await;
    let effect = intend(&fleet, "k").await;
    for attempt in 1..=3 {
        let sending = begin(&fleet, effect).await;
        assert_eq!(sending.attempt, attempt);
        let not_sent = Outcome::NotSent { why: "connection refused".to_owned() };
        let state = fleet.store.end_effect(&fleet.tenant, sending, &not_sent).await.unwrap();
        assert_eq!(state, EffectState::Intended);
    }
    let due = fleet.store.intended_effects("check_run", Duration::ZERO, 9).await.unwrap();
    assert_eq!(due, [(fleet.tenant.clone(), effect)]);
}

#[tokio::test]
async fn a_person_decides_what_is_unknown_and_an_old_sender_cannot_overrule() {
    let fleet = fleet().await;
    let (store, demo) = (&fleet.store, &fleet.tenant);
    let effect = intend(&fleet, "k").await;
    let old = begin(&fleet, effect).await;
    let early = store.resolve_effect(demo, "ada", effect, Resolution::Sent, "x").await;
    assert!(matches!(early, Err(StoreError::Conflict(_))), "{early:?}");
    let unknown = Outcome::Unknown { why: "time-out".to_owned() };
    store.end_effect(demo, old, &unknown).await.unwrap();
    store.resolve_effect(demo, "ada", effect, Resolution::Resend, "not there").await.unwrap();
    assert_eq!(unknown_alerts(&fleet).await, 0);
    let new = begin(&fleet, effect).await;
    assert_eq!(new.attempt, 2);
    let late = Outcome::Sent { external_ref: None };
    assert_eq!(store.end_effect(demo, old, &late).await.unwrap(), EffectState::Sending);
    let failed = Outcome::Failed { why: "403".to_owned() };
    assert_eq!(store.end_effect(demo, new, &failed).await.unwrap(), EffectState::Failed);
    store.resolve_effect(demo, "ada", effect, Resolution::Dropped, "never mind").await.unwrap();
    let log = store.audit(demo, None, 10).await.unwrap();
    let resolved: Vec<_> = log.iter().filter(|entry| entry.action == "effect.resolve").collect();
    assert_eq!(resolved.len(), 2);
    assert_eq!(resolved[0].detail["resolution"], "dropped");
}
