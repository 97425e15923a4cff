//! Channels of Drive: which messages are genuine, what they say, and how channels are renewed.

use std::time::{Duration, SystemTime};

use sbh_sources::{Problem, Reading};
use sbh_standins::{Delivery, Fault};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{World, published, space};

fn world() -> World {
    let mut world = World::new("google_docs", |_| json!({}));
    world.credential = Some(world.all.google.service_account());
    world
}

async fn opened(world: &World) -> (Delivery, Value) {
    let upkeep = world.upkeep(&[space("folder-1")], Value::Null).await;
    assert_eq!(upkeep.problems, []);
    let (address, delivery) = world.all.google.messages().remove(0);
    assert_eq!(address, "https://sbh.example/webhooks/x/y");
    (delivery, upkeep.state)
}

#[tokio::test]
async fn only_messages_of_this_connection_s_channels_are_genuine() {
    let mut ours = world();
    let (sync, _) = opened(&ours).await;
    ours.verify(&sync).unwrap();
    assert_eq!(ours.parse(&sync), Ok(Reading::Ignored("ping")));
    let (_, change) = ours.all.google.messages().remove(0);
    ours.verify(&change).unwrap();
    let Reading::Changed { dedup_key, events, .. } = ours.parse(&change).unwrap() else {
        panic!("a change is one")
    };
    let [id, token] = ["x-goog-channel-id", "x-goog-channel-token"]
        .map(|name| change.headers.iter().find(|(known, _)| known == name).unwrap().1.clone());
    assert_eq!(dedup_key, format!("google_docs:{id}:2:change"));
    let spaces = [space("a-folder"), space("document:abcdef")];
    assert_eq!(ours.source.resolve(&events[0], &spaces), [0, 1]);

    // A channel of another tenant: its connection is another, even where the secret is the same.
    let (theirs, _) = opened(&world()).await;
    assert!(!ours.verify(&theirs).unwrap_err().try_newer);
    // Its id with this connection's name, or with another token.
    let other = |name: &str, value: &str| change.clone().with(name, value);
    let renamed = id.replace(&id[id.len() - 8..], "00000000");
    for wrong in [
        other("x-goog-channel-id", &renamed),
        other("x-goog-channel-token", ""),
        other("x-goog-channel-token", &"0".repeat(64)),
        other("x-goog-channel-token", &token.to_uppercase()),
        other("x-goog-channel-token", &token[..63]),
    ] {
        assert!(ours.verify(&wrong).unwrap_err().try_newer, "{wrong:?}");
    }
    for wrong in [
        other("x-goog-channel-id", ""),
        other("x-goog-channel-id", "sbh"),
        other("x-goog-channel-id", &Uuid::nil().to_string()),
        change.clone().without("x-goog-channel-token"),
        change.clone().without("x-goog-channel-id"),
    ] {
        assert!(!ours.verify(&wrong).unwrap_err().try_newer, "{wrong:?}");
    }
    let mut two = change.clone();
    two.headers.push(("x-goog-channel-token".into(), token.clone()));
    assert!(ours.verify(&two).is_err());
    // The older of two live secrets is good, one that was replaced is not.
    let secrets = [b"newer".to_vec(), ours.secret.clone()];
    ours.verify_with(&change, &secrets, &published()).unwrap();
    assert!(ours.verify_with(&change, &secrets[..1], &published()).unwrap_err().try_newer);
    // Stale: the channel has ended.
    ours.now += Duration::from_secs(8 * 24 * 3_600);
    assert!(!ours.verify(&change).unwrap_err().try_newer);
}

#[tokio::test]
async fn gaps_and_repeats_in_numbers_are_borne() {
    let world = world();
    opened(&world).await;
    let mut keys = Vec::new();
    for _ in 0..12 {
        let (_, message) = world.all.google.messages().remove(0);
        let Reading::Changed { dedup_key, .. } = world.parse(&message).unwrap() else { panic!() };
        // A repeat is the same one.
        let again = world.parse(&message.clone().with("x-goog-resource-uri", "x")).unwrap();
        assert!(matches!(again, Reading::Changed { dedup_key: same, .. } if same == dedup_key));
        keys.push(dedup_key);
    }
    keys.dedup();
    assert_eq!(keys.len(), 12);
    let message = world.all.google.messages().remove(0).1;
    for (name, value) in [
        ("x-goog-message-number", "-1"),
        ("x-goog-message-number", "99999999999999999999999"),
        ("x-goog-message-number", ""),
        ("x-goog-resource-state", "a\"b"),
        ("x-goog-resource-state", ""),
        ("x-goog-channel-id", ""),
    ] {
        assert!(world.parse(&message.clone().with(name, value)).is_err(), "{name}: {value}");
    }
    let body = Delivery { body: vec![b' '; 1 << 20], ..message };
    assert!(world.parse(&body).is_err());
}

#[tokio::test]
async fn a_channel_is_renewed_before_its_end_and_the_old_one_stopped_after() {
    let mut world = world();
    let spaces = [space("folder-1")];
    let (_, state) = opened(&world).await;
    assert!(state.to_string().len() < 1_000);
    let day = Duration::from_secs(24 * 3_600);
    let first = world.all.google.channels().remove(0);
    let ends: SystemTime = first.expires.into();
    assert!(ends > world.now + 6 * day);

    // Nothing is due for days.
    let upkeep = world.upkeep(&spaces, state.clone()).await;
    assert_eq!((upkeep.state.clone(), world.all.google.channels().len()), (state, 1));
    let again_in = upkeep.again_in.unwrap();
    assert!(again_in > 5 * day && world.now + again_in < ends - day / 2, "{again_in:?}");

    // A day before its end there are two, and shortly after the new one alone.
    world.now += again_in + Duration::from_secs(1);
    let upkeep = world.upkeep(&spaces, upkeep.state).await;
    assert_eq!(world.all.google.channels().len(), 2);
    assert!(upkeep.again_in.unwrap() <= Duration::from_secs(60));
    world.now += Duration::from_secs(61);
    let upkeep = world.upkeep(&spaces, upkeep.state).await;
    let left = world.all.google.channels();
    assert_eq!(left.len(), 1);
    assert_ne!(left[0].id, first.id);
    assert_eq!(world.all.google.service.count("POST", "/drive/v3/channels/stop"), 1);

    // A new secret makes a new channel.
    world.secret = b"rotated".to_vec();
    let upkeep = world.upkeep(&spaces, upkeep.state).await;
    assert_eq!(world.all.google.channels().len(), 2);
    // Without spaces there is nothing to be told of.
    let upkeep = world.upkeep(&[], upkeep.state).await;
    assert_eq!(world.all.google.channels().len(), 0);
    assert_eq!(upkeep.state, json!({ "channels": [] }));
    // Nor where no notices are wanted.
    world.settings["notices"] = json!(false);
    world.upkeep(&spaces, upkeep.state).await;
    assert_eq!(world.all.google.channels().len(), 0);
}

#[tokio::test]
async fn a_renewal_that_fails_is_a_problem_and_the_old_channel_stays() {
    let mut world = world();
    let spaces = [space("folder-1")];
    let (_, state) = opened(&world).await;
    world.now += Duration::from_secs(6 * 24 * 3_600 + 3_600);
    world.all.google.service.fail(Fault::status("/changes/watch", 403).times(1));
    let upkeep = world.upkeep(&spaces, state.clone()).await;
    assert!(
        matches!(&upkeep.problems[..], [Problem::Renewal(why)] if why.contains("403")),
        "{upkeep:?}"
    );
    assert_eq!(upkeep.state, state);
    assert!(upkeep.again_in.unwrap() <= Duration::from_secs(600));
    assert_eq!(world.all.google.channels().len(), 1);
    // Being asked to wait is no problem.
    world.all.google.service.fail(Fault::rate_limited("/changes/watch", 30).times(1));
    let upkeep = world.upkeep(&spaces, state).await;
    assert_eq!((upkeep.problems, upkeep.again_in), (vec![], Some(Duration::from_secs(30))));
    // One that cannot be stopped is stopped in a later round.
    let upkeep = world.upkeep(&spaces, upkeep.state).await;
    world.now += Duration::from_secs(61);
    world.all.google.service.fail(Fault::status("/channels/stop", 500).times(1));
    let upkeep = world.upkeep(&spaces, upkeep.state).await;
    assert_eq!(world.all.google.channels().len(), 2);
    world.upkeep(&spaces, upkeep.state).await;
    assert_eq!(world.all.google.channels().len(), 1);
    // A state of nobody's is no reason to stop.
    for odd in [json!("x"), json!({ "channels": [{}] }), json!({ "channels": 1 })] {
        world.upkeep(&spaces, odd).await;
    }
}
