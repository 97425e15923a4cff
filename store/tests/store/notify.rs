//! Messages: what is due is tied to one effect, whatever happens between.

use std::time::Duration;

use sbh_domain::alert::ChannelRules;
use sbh_domain::{AlertKind, Severity};
use sbh_store::StoreError;
use sbh_store::alert::NewAlert;
use sbh_store::effect::{Begun, EffectState, Outcome};
use sbh_store::effect_view::Resolution;
use sbh_store::notify::Claim;

use crate::alert::{channel, everything, next_message};
use crate::fixture::{Fleet, fleet};

const LEASE: Duration = Duration::from_secs(60);
const NONE: Duration = Duration::ZERO;

async fn raise(fleet: &Fleet, what: &str) {
    let key = format!("source_failing/{what}");
    let alert = NewAlert::new(AlertKind::SourceFailing, key, what);
    fleet.store.raise_alert(&fleet.tenant, &alert).await.unwrap();
}

#[tokio::test]
async fn everything_that_is_due_is_one_message() {
    let fleet = fleet().await;
    let (store, demo) = (&fleet.store, &fleet.tenant);
    let on_call = channel(store, demo, "on-call", everything()).await;
    for n in 0..30 {
        raise(&fleet, &n.to_string()).await;
    }
    let claim = store.claim_message(demo, on_call.id).await.unwrap();
    let again = store.claim_message(demo, on_call.id).await.unwrap();
    assert_eq!(claim, again, "whoever died between finds the same message");
    raise(&fleet, "later").await;
    assert_eq!(next_message(store, demo, on_call.id).await.unwrap().len(), 30);
    assert_eq!(next_message(store, demo, on_call.id).await.unwrap().len(), 1);
    assert_eq!(store.claim_message(demo, on_call.id).await.unwrap(), Claim::Nothing);
    let effects = store.effects(demo, None, Some("slack"), None, 10).await.unwrap();
    assert_eq!(effects.len(), 2);
}

#[tokio::test]
async fn many_claims_at_once_are_one_message() {
    let fleet = fleet().await;
    let on_call = channel(&fleet.store, &fleet.tenant, "on-call", everything()).await;
    raise(&fleet, "a").await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (store, demo) = (fleet.store.clone(), fleet.tenant.clone());
        tasks.spawn(async move { store.claim_message(&demo, on_call.id).await.unwrap() });
    }
    let claims = tasks.join_all().await;
    assert!(claims.iter().all(|claim| *claim == claims[0]), "{claims:?}");
    assert_eq!(fleet.store.effects(&fleet.tenant, None, None, None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_message_of_unknown_outcome_is_not_claimed_again_unless_a_person_says_so() {
    let fleet = fleet().await;
    let (store, demo) = (&fleet.store, &fleet.tenant);
    let rules = ChannelRules { kinds: vec![AlertKind::SourceFailing], ..everything() };
    let on_call = channel(store, demo, "on-call", rules).await;
    raise(&fleet, "a").await;
    let Claim::Message(effect) = store.claim_message(demo, on_call.id).await.unwrap() else {
        panic!("nothing to tell")
    };
    let Begun::Yours(sending) = store.begin_effect(demo, effect, LEASE).await.unwrap() else {
        panic!("not begun")
    };
    let unknown = Outcome::Unknown { why: "cut".to_owned() };
    let state = store.end_message(demo, on_call.id, sending, &unknown, NONE).await.unwrap();
    assert_eq!(state, EffectState::Unknown);
    assert_eq!(store.claim_message(demo, on_call.id).await.unwrap(), Claim::Nothing);
    let shown = store.alert_channel(demo, on_call.id).await.unwrap();
    assert_eq!((shown.last_error.as_deref(), shown.sent), (Some("cut"), 0));
    store.resolve_effect(demo, "ada", effect, Resolution::Resend, "not there").await.unwrap();
    assert_eq!(store.claim_due_channels(NONE, 10).await.unwrap(), [(demo.clone(), on_call.id)]);
    assert_eq!(store.claim_message(demo, on_call.id).await.unwrap(), Claim::Message(effect));
}

#[tokio::test]
async fn a_channel_that_asked_for_a_pause_is_left_alone() {
    let fleet = fleet().await;
    let (store, demo) = (&fleet.store, &fleet.tenant);
    let on_call = channel(store, demo, "on-call", everything()).await;
    raise(&fleet, "a").await;
    let Claim::Message(effect) = store.claim_message(demo, on_call.id).await.unwrap() else {
        panic!("nothing to tell")
    };
    let Begun::Yours(sending) = store.begin_effect(demo, effect, LEASE).await.unwrap() else {
        panic!("not begun")
    };
    let later = Outcome::NotSent { why: "429".to_owned() };
    store.end_message(demo, on_call.id, sending, &later, Duration::from_secs(300)).await.unwrap();
    let claim = store.claim_message(demo, on_call.id).await.unwrap();
    let Claim::Wait(pause) = claim else { panic!("{claim:?}") };
    assert!(pause > Duration::from_secs(200), "{pause:?}");
    assert!(store.claim_due_channels(NONE, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_channel_is_given_notice_once_and_again_when_more_is_due() {
    let fleet = fleet().await;
    let (store, demo) = (&fleet.store, &fleet.tenant);
    let on_call = channel(store, demo, "on-call", everything()).await;
    let hour = Duration::from_secs(3_600);
    let expected = [(demo.clone(), on_call.id)];
    assert!(store.claim_due_channels(hour, 10).await.unwrap().is_empty());
    raise(&fleet, "a").await;
    assert_eq!(store.claim_due_channels(hour, 10).await.unwrap(), expected);
    assert!(store.claim_due_channels(hour, 10).await.unwrap().is_empty(), "it was told");
    raise(&fleet, "b").await;
    assert_eq!(store.claim_due_channels(hour, 10).await.unwrap(), expected);
    store.release_due_channel(demo, on_call.id).await.unwrap();
    assert_eq!(store.claim_due_channels(hour, 10).await.unwrap(), expected);
}

#[tokio::test]
async fn a_paused_channel_keeps_what_it_misses_and_a_removed_one_drops_it() {
    let fleet = fleet().await;
    let (store, demo) = (&fleet.store, &fleet.tenant);
    let mut on_call = channel(store, demo, "on-call", everything()).await;
    on_call.paused = true;
    store.change_alert_channel(demo, "ada", &on_call, None).await.unwrap();
    raise(&fleet, "a").await;
    assert!(store.claim_due_channels(NONE, 10).await.unwrap().is_empty());
    assert_eq!(store.claim_message(demo, on_call.id).await.unwrap(), Claim::Nothing);
    let tried = store.test_alert_channel(demo, "ada", on_call.id).await;
    assert!(matches!(tried, Err(StoreError::Conflict(_))));
    on_call.paused = false;
    on_call.rules.floor = Severity::Critical;
    let changed = store.change_alert_channel(demo, "ada", &on_call, Some(b"new")).await.unwrap();
    assert_eq!(changed.sealed_secret.as_deref(), Some(&b"new"[..]));
    assert_eq!(next_message(store, demo, on_call.id).await.unwrap().len(), 1, "it was kept");
    raise(&fleet, "b").await;
    assert_eq!(next_message(store, demo, on_call.id).await, None, "below its new floor");

    let second = channel(store, demo, "second", everything()).await;
    raise(&fleet, "c").await;
    store.remove_alert_channel(demo, "ada", second.id).await.unwrap();
    assert_eq!(store.claim_message(demo, second.id).await.unwrap(), Claim::Nothing);
    assert!(store.alert_channel(demo, second.id).await.is_err());
    channel(store, demo, "second", everything()).await;
    let secrets: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM alert_channels WHERE removed_at IS NOT NULL AND sealed_secret IS NOT NULL",
    )
    .fetch_one(&mut fleet.database.admin().await)
    .await
    .unwrap();
    assert_eq!(secrets, 0);
}

#[tokio::test]
async fn two_channels_cannot_have_one_name() {
    let fleet = fleet().await;
    let (store, demo) = (&fleet.store, &fleet.tenant);
    let mut one = channel(store, demo, "one", everything()).await;
    channel(store, demo, "two", everything()).await;
    one.name = "two".to_owned();
    let error = store.change_alert_channel(demo, "ada", &one, None).await.unwrap_err();
    assert!(error.to_string().contains("choose another name"), "{error}");
}
