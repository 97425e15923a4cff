//! GitHub: missed deliveries are found once, and what the App's key is good for.

use chrono::{TimeDelta, Utc};
use sbh_sources::{FetchError, Reading};
use sbh_standins::Fault;
use sbh_standins::github::{APP, HOOK, INSTALLATION, delivery, push};
use serde_json::{Value, json};

use crate::world::World;

const SECRET: &str = "a secret of the tests";

fn app() -> World {
    let mut world = World::new(
        "github",
        |_| json!({ "app_id": APP, "installation_id": INSTALLATION, "checks": true }),
    );
    world.credential = Some(world.all.github.app_key().to_owned());
    world
}

/// Writes down that a push of `commit` was delivered so long ago, and how it was answered.
fn delivered(world: &World, commit: &str, age_s: i64, status: Option<u16>) {
    let payload = push("shop", "https://github.com/acme/shop", "refs/heads/main", commit, commit);
    let made = delivery("push", &payload, SECRET);
    world.all.github.made_at(&made, status, Utc::now() - TimeDelta::seconds(age_s));
}

/// The commits of the deliveries that a round replays, read as the starter reads them.
async fn replayed(world: &World, state: Value) -> (Vec<String>, Value) {
    let upkeep = world.upkeep(&[], state).await;
    let commits = upkeep.replayed.iter().map(|one| {
        let delivery = sbh_sources::Delivery { headers: &one.headers, body: &one.body };
        match world.source.parse(&delivery, &world.settings).unwrap() {
            Reading::Changed { hint, .. } => hint["after"].as_str().unwrap().to_owned(),
            other => panic!("{other:?}"),
        }
    });
    (commits.collect(), upkeep.state)
}

#[tokio::test]
async fn deliveries_that_failed_are_replayed_once() {
    let mut world = app();
    delivered(&world, "aaaa", 4 * 24 * 3_600, Some(500));
    delivered(&world, "bbbb", 3_600, Some(503));
    delivered(&world, "cccc", 3_000, Some(202));
    delivered(&world, "dddd", 2_000, None);
    // It may still arrive.
    delivered(&world, "eeee", 1, None);
    let (commits, state) = replayed(&world, Value::Null).await;
    assert_eq!(commits, ["bbbb", "dddd"], "within three days, oldest first, and not the young one");
    let (commits, state) = replayed(&world, state).await;
    assert!(commits.is_empty(), "nothing twice");
    delivered(&world, "ffff", 0, Some(500));
    world.now += std::time::Duration::from_secs(60);
    assert_eq!(replayed(&world, state).await.0, ["eeee", "ffff"]);
}

#[tokio::test]
async fn more_than_one_page_of_deliveries_is_looked_through() {
    let world = app();
    for n in 0..250 {
        let status = if n % 50 == 0 { Some(502) } else { Some(202) };
        delivered(&world, &format!("{n:04}"), 5_000 - n, status);
    }
    let (commits, _) = replayed(&world, Value::Null).await;
    assert_eq!(commits, ["0000", "0050", "0100", "0150", "0200"]);
}

#[tokio::test]
async fn a_repository_s_own_webhook_is_looked_through_with_a_token() {
    let mut world = World::new("github", |_| json!({ "owner": "acme/shop", "hook_id": HOOK }));
    world.credential = Some(world.all.github.token());
    delivered(&world, "bbbb", 3_600, Some(503));
    assert_eq!(replayed(&world, Value::Null).await.0, ["bbbb"]);
}

#[tokio::test]
async fn limits_and_missing_permissions_are_told_apart() {
    let world = app();
    let round = || async { world.source.upkeep(&world.session(), &[], Value::Null).await };
    world.all.github.service.fail(Fault::rate_limited("/app/hook", 7).times(1));
    let limited = round().await.unwrap_err();
    assert_eq!(limited, FetchError::RateLimited { after: std::time::Duration::from_secs(7) });
    world.all.github.service.fail(Fault::status("/app/hook", 403).times(1));
    assert!(matches!(round().await.unwrap_err(), FetchError::Credential(_)));
    assert!(round().await.is_ok());
}

#[tokio::test]
async fn the_probe_says_what_the_credential_reaches_and_shows_none() {
    let mut world = app();
    assert_eq!(
        world.source.probe(&world.session()).await.unwrap(),
        "the App reaches 1 repositories"
    );
    world.credential = Some("-----BEGIN RSA PRIVATE KEY-----\ns3cret\n-----END".to_owned());
    let error = world.source.probe(&world.session()).await.unwrap_err().to_string();
    assert!(error.contains("private key") && !error.contains("s3cret"), "{error}");
    let mut world = World::new("github", |_| Value::Null);
    assert!(world.source.probe(&world.session()).await.unwrap().contains("no credential"));
    world.credential = Some(world.all.github.token());
    assert_eq!(world.source.probe(&world.session()).await.unwrap(), "the token is sbh's");
    world.credential = Some("ghp_wrong".to_owned());
    let error = world.source.probe(&world.session()).await.unwrap_err();
    assert!(matches!(error, FetchError::Credential(_)), "{error:?}");
    assert!(!error.to_string().contains("ghp_wrong"));
}
