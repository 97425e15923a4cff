//! Deliveries of Jira: which are genuine, and what they say.

use std::time::{Duration, SystemTime};

use sbh_sources::{Reading, key_set};
use sbh_standins::{Delivery, sign};
use serde_json::{Value, json};

use crate::world::{SECRET, World, published, space, spec};

const EVENT: &str = "jira:issue_updated";

fn world(variant: &str) -> World {
    let world = World::new("jira", |all| match variant {
        "cloud_oauth" => {
            json!({ "variant": variant, "cloud_id": "cloud-1", "client_id": "app-1" })
        }
        _ => json!({ "variant": variant, "base_url": all.jira.service.url() }),
    });
    world.all.jira.put("PAY-1", &spec("R-1"));
    world
}

fn secret() -> &'static str {
    std::str::from_utf8(SECRET).unwrap()
}

fn changed(reading: Reading) -> (String, Vec<(String, String)>) {
    let Reading::Changed { dedup_key, hint, events } = reading else { panic!("{reading:?}") };
    assert!(hint.to_string().len() < 200);
    let named = |event: sbh_sources::Event| (event.spaces.concat(), event.document.unwrap());
    (dedup_key, events.into_iter().map(named).collect())
}

#[test]
fn signed_deliveries_are_verified_over_the_raw_body() {
    for variant in ["cloud", "data_center"] {
        let world = world(variant);
        let delivery = match variant {
            "cloud" => world.all.jira.cloud_delivery(EVENT, "PAY-1", secret()),
            _ => world.all.jira.data_center_delivery(EVENT, "PAY-1", secret()),
        };
        world.verify(&delivery).unwrap();
        let (_, events) = changed(world.parse(&delivery).unwrap());
        assert_eq!(events, [("PAY".to_owned(), "PAY-1".to_owned())]);

        // Re-signed with another secret, unsigned, signed doubly, or changed after it was signed.
        let foreign = world.all.jira.data_center_delivery(EVENT, "PAY-1", "another secret");
        assert!(world.verify(&foreign).unwrap_err().try_newer);
        assert!(!world.verify(&delivery.clone().without("x-hub-signature")).unwrap_err().try_newer);
        let mut edited = delivery.clone();
        edited.body = edited.body.iter().copied().chain(*b" ").collect();
        assert!(world.verify(&edited).is_err());
        for odd in ["sha256=", "sha1=00", "", "sha256=zz"] {
            let odd = delivery.clone().without("x-hub-signature").with("x-hub-signature", odd);
            assert!(world.verify(&odd).is_err());
        }
        // A token is no signature here.
        let token = world.all.jira.dynamic_delivery(EVENT, "PAY-1", "app-1", secret());
        assert!(world.verify(&token).is_err());
        // Either of two live secrets.
        let two = [b"newer".to_vec(), SECRET.to_vec()];
        world.verify_with(&delivery, &two, &key_set::KeySet::new()).unwrap();
    }
}

#[test]
fn a_replay_has_the_same_key_whatever_its_headers_say() {
    let world = world("cloud");
    let delivery = world.all.jira.cloud_delivery(EVENT, "PAY-1", secret());
    let again = delivery
        .clone()
        .without("x-atlassian-webhook-identifier")
        .with("x-atlassian-webhook-identifier", "another");
    let key = |delivery: &Delivery| changed(world.parse(delivery).unwrap()).0;
    assert_eq!(key(&delivery), key(&again));
    let mut later: Value = serde_json::from_slice(&delivery.body).unwrap();
    later["timestamp"] = json!(1);
    assert_ne!(key(&delivery), key(&Delivery::json(&later)));
}

#[test]
fn tokens_of_dynamic_webhooks_must_be_the_app_s_and_in_time() {
    let mut world = world("cloud_oauth");
    let delivery = world.all.jira.dynamic_delivery(EVENT, "PAY-1", "app-1", secret());
    world.verify(&delivery).unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let bearing = |token: String| {
        delivery.clone().without("authorization").with("authorization", format!("Bearer {token}"))
    };
    let claims = json!({ "iss": "app-1", "exp": now + 100 });
    // One without an audience is good: none is documented.
    world.verify(&bearing(sign::hs256(SECRET, &claims))).unwrap();
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        claims
    };
    let many = with("aud", json!(["x", "app-1"]));
    world.verify(&bearing(sign::hs256(SECRET, &many))).unwrap();
    let mut without_exp = claims.clone();
    without_exp.as_object_mut().unwrap().remove("exp");
    for (wrong, token) in [
        ("none", sign::unsigned(&claims)),
        ("key", sign::hs256(b"another secret", &claims)),
        ("expired", sign::hs256(SECRET, &with("exp", json!(now - 60)))),
        ("too early", sign::hs256(SECRET, &with("nbf", json!(now + 600)))),
        ("audience", sign::hs256(SECRET, &with("aud", json!("app-2")))),
        ("audiences", sign::hs256(SECRET, &with("aud", json!(["app-2"])))),
        ("no end", sign::hs256(SECRET, &without_exp)),
        ("end", sign::hs256(SECRET, &with("exp", json!("never")))),
        ("algorithm", sign::SigningKey::published().rs256(&claims)),
        ("nothing", String::new()),
        ("length", "x".repeat(100_000)),
    ] {
        let refused = world.verify_with(&bearing(token), &[SECRET.to_vec()], &published());
        assert!(refused.is_err(), "{wrong}");
    }
    assert!(world.verify(&delivery.clone().without("authorization")).is_err());
    let signed = world.all.jira.cloud_delivery(EVENT, "PAY-1", secret());
    assert!(world.verify(&signed).is_err(), "a signature is no token here");
    world.now += Duration::from_secs(3_600);
    assert!(world.verify(&delivery).is_err());
}

#[test]
fn a_move_reaches_both_projects() {
    let world = world("data_center");
    world.all.jira.move_to("PAY-1", "OPS-9");
    let mut body = world.all.jira.payload(EVENT, "OPS-9");
    body["changelog"]["items"] = json!([
        { "field": "Key", "fieldtype": "jira", "from": null, "fromString": "PAY-1", "to": null, "toString": "OPS-9" },
    ]);
    let reading = world.parse(&Delivery::json(&body)).unwrap();
    let Reading::Changed { events, .. } = reading else { panic!() };
    let spaces = [space("SHOP"), space("PAY"), space("OPS")];
    let found: Vec<_> = events.iter().map(|event| world.source.resolve(event, &spaces)).collect();
    assert_eq!(found, [[2], [1]]);
}

#[test]
fn huge_and_deep_bodies_are_read_or_refused() {
    let world = world("cloud");
    let mut body = world.all.jira.payload(EVENT, "PAY-1");
    body["issue"]["fields"]["description"] = json!("x".repeat(10 << 20));
    assert!(world.parse(&Delivery::json(&body)).is_ok());
    let mut delivery = Delivery::json(&json!({}));
    for text in ["[".repeat(1_000_000), "{\"a\":".repeat(1_000_000), "\u{0}".to_owned()] {
        delivery.body = text.into_bytes();
        assert!(world.parse(&delivery).is_err());
    }
    delivery.body = vec![0xff; 100];
    assert!(world.parse(&delivery).is_err());
}
