//! Deliveries of Confluence: which are genuine, and what they say.

use std::time::Duration;

use sbh_sources::{Event, Reading, key_set};
use sbh_standins::confluence::Confluence;
use sbh_standins::sign::{self, SigningKey};
use sbh_standins::{Delivery, SpecText};
use serde_json::{Value, json};

use crate::world::{SECRET, World, published, space, spec};

const APP: &str = "ari:cloud:ecosystem::app/1-2";

fn cloud() -> World {
    World::new("confluence", |all| {
        json!({ "variant": "cloud_forge", "base_url": all.confluence.service.url(),
                "app_id": APP, "cloud_id": "cloud-1" })
    })
}

fn data_center() -> World {
    World::new(
        "confluence",
        |all| json!({ "variant": "data_center", "base_url": all.confluence.service.url() }),
    )
}

fn with_token(delivery: &Delivery, token: &str) -> Delivery {
    delivery.clone().with("authorization", format!("Bearer {token}"))
}

fn changed(reading: Reading) -> (String, Event) {
    match reading {
        Reading::Changed { dedup_key, mut events, hint } => {
            assert!(hint.to_string().len() < 1_000);
            (dedup_key, events.remove(0))
        }
        Reading::Ignored(why) => panic!("{why}"),
    }
}

#[test]
fn forge_s_token_must_be_about_this_app_and_site_and_in_time() {
    let mut world = cloud();
    let id = world.all.confluence.create("PAY", &spec("R-1"));
    let delivery = world.all.confluence.forge_delivery("avi:confluence:updated:page", id, APP);
    world.verify(&delivery).unwrap();
    assert!(world.verify(&delivery.clone().without("authorization")).is_err());

    let claims = Confluence::forge_claims(APP);
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut claims = claims.clone();
        change(&mut claims);
        with_token(&delivery, &SigningKey::published().rs256(&claims))
    };
    let wrong: [(&str, Delivery); 8] = [
        ("audience", changed(&|c| c["aud"] = json!("ari:cloud:ecosystem::app/other"))),
        ("issuer", changed(&|c| c["iss"] = json!("forge/other"))),
        ("site", changed(&|c| c["context"]["cloudId"] = json!("cloud-2"))),
        ("no site", changed(&|c| (c["context"], c["app"]) = (json!({}), json!({})))),
        ("expired", changed(&|c| c["exp"] = json!(1_700_000_000))),
        ("no end", changed(&|c| _ = c.as_object_mut().unwrap().remove("exp"))),
        ("not yet", changed(&|c| c["nbf"] = json!(9_999_999_999_u64))),
        ("no audience", changed(&|c| _ = c.as_object_mut().unwrap().remove("aud"))),
    ];
    for (what, delivery) in wrong {
        let refused = world.verify(&delivery).unwrap_err();
        assert!(!refused.try_newer, "{what}: {refused}");
    }
    // The site is in the address of its interface where the context does not name it.
    let by_address = changed(&|c| {
        c["context"] = json!({});
        c["app"]["apiBaseUrl"] = json!("https://api.atlassian.com/ex/confluence/cloud-1");
    });
    world.verify(&by_address).unwrap();

    // Stale: the same delivery, once the token is over.
    world.now += Duration::from_secs(600);
    assert!(world.verify(&delivery).is_err());
}

#[test]
fn nobody_else_can_sign() {
    let world = cloud();
    let id = world.all.confluence.create("PAY", &spec("R-1"));
    let delivery = world.all.confluence.forge_delivery("avi:confluence:updated:page", id, APP);
    let claims = Confluence::forge_claims(APP);
    let jwk = SigningKey::published().jwk();
    let foreign = SigningKey::foreign().rs256(&claims);
    assert!(world.verify(&with_token(&delivery, &foreign)).unwrap_err().try_newer);
    // No signature, or one with what is public: the modulus, the key set, the PEM's text.
    for token in [
        sign::unsigned(&claims),
        sign::hs256(jwk["n"].as_str().unwrap().as_bytes(), &claims),
        sign::hs256(jwk.to_string().as_bytes(), &claims),
        sign::hs256(SECRET, &claims),
        sign::hs256(b"", &claims),
        String::new(),
        "a.b.c".to_owned(),
        "x".repeat(100_000),
    ] {
        let refused = world.verify(&with_token(&delivery, &token)).unwrap_err();
        assert!(!refused.try_newer, "{token:.40}: {refused}");
    }
    // A part of another token, and a key that is not published.
    let good = SigningKey::published().rs256(&claims);
    let (signed, _) = good.rsplit_once('.').unwrap();
    let (_, signature) = foreign.rsplit_once('.').unwrap();
    assert!(world.verify(&with_token(&delivery, &format!("{signed}.{signature}"))).is_err());
    let none = key_set::parse(b"{\"keys\":[]}").unwrap();
    assert!(world.verify_with(&delivery, &[], &none).unwrap_err().try_newer);
    // Two tokens: which one counts is not guessed.
    let mut two = delivery.clone();
    two.headers.push(("authorization".into(), "Bearer x".into()));
    assert!(world.verify(&two).is_err());
    // Data Center's signature opens nothing here.
    let signed =
        Delivery::json(&json!({})).with("x-hub-signature", sign::hmac_header(SECRET, b"{}"));
    assert!(world.verify(&signed).is_err());
}

#[test]
fn data_center_s_signature_is_over_the_body() {
    let world = data_center();
    let id = world.all.confluence.create("PAY", &spec("R-1"));
    let secret = std::str::from_utf8(SECRET).unwrap();
    let delivery = world.all.confluence.data_center_delivery("page_updated", id, secret);
    world.verify(&delivery).unwrap();
    let both = [b"newer".to_vec(), SECRET.to_vec()];
    world.verify_with(&delivery, &both, &published()).unwrap();
    let signed_by = |key: &[u8], body: &[u8]| {
        let delivery = Delivery { headers: Vec::new(), body: delivery.body.clone() };
        delivery.with("x-hub-signature", sign::hmac_header(key, body))
    };
    for wrong in [
        signed_by(b"another", &delivery.body),
        signed_by(SECRET, b"another body"),
        signed_by(b"", &delivery.body),
        delivery.clone().with("x-hub-signature", "sha256="),
        delivery.clone().with("x-hub-signature", "sha1=00"),
    ] {
        assert!(world.verify(&wrong).unwrap_err().try_newer);
    }
    assert!(!world.verify(&delivery.clone().without("x-hub-signature")).unwrap_err().try_newer);
    // Forge's token opens nothing here.
    let token = SigningKey::published().rs256(&Confluence::forge_claims(APP));
    assert!(world.verify(&with_token(&delivery.without("x-hub-signature"), &token)).is_err());
}

#[test]
fn events_name_the_page_and_its_spaces() {
    let world = cloud();
    let id = world.all.confluence.create("PAY", &spec("R-1"));
    let spaces = [space("PAY"), space("OPS"), space("~x")];
    for what in ["created", "updated", "trashed", "deleted", "restored", "archived"] {
        let event = format!("avi:confluence:{what}:page");
        let delivery = world.all.confluence.forge_delivery(&event, id, APP);
        let (_, event) = changed(world.parse(&delivery).unwrap());
        assert_eq!(event.document, Some(id.to_string()));
        assert_eq!(world.source.resolve(&event, &spaces), [0], "{what}");
    }
    let mut body = world.all.confluence.forge_payload("avi:confluence:moved:page", id);
    let (_, event) = changed(world.parse(&Delivery::json(&body)).unwrap());
    assert_eq!(world.source.resolve(&event, &spaces), [0, 1, 2], "where it was is not known");
    body["prevContent"] = json!({ "id": id.to_string(), "space": { "key": "ops" } });
    let (_, event) = changed(world.parse(&Delivery::json(&body)).unwrap());
    assert_eq!(world.source.resolve(&event, &spaces), [0, 1]);
    for other in ["avi:confluence:viewed:page", "avi:confluence:created:blogpost", "x", ""] {
        let delivery = Delivery::json(&world.all.confluence.forge_payload(other, id));
        assert!(matches!(world.parse(&delivery), Ok(Reading::Ignored(_))), "{other}");
    }

    let world = data_center();
    let id = world.all.confluence.create("PAY", &spec("R-1"));
    for what in ["page_created", "page_updated", "page_removed", "page_trashed", "page_restored"] {
        let delivery = Delivery::json(&world.all.confluence.data_center_payload(what, id));
        let (_, event) = changed(world.parse(&delivery).unwrap());
        assert_eq!(event.document, Some(id.to_string()));
        assert_eq!(world.source.resolve(&event, &spaces), [0], "{what}");
    }
    let moved = Delivery::json(&world.all.confluence.data_center_payload("page_moved", id));
    let (_, event) = changed(world.parse(&moved).unwrap());
    assert_eq!(world.source.resolve(&event, &spaces), [0, 1, 2]);
    let test = Delivery::json(&json!({ "test": true })).with("x-event-key", "diagnostics:ping");
    assert_eq!(world.parse(&test), Ok(Reading::Ignored("ping")));
}

#[test]
fn a_repeated_delivery_is_one_and_another_edit_is_another() {
    let world = cloud();
    let id = world.all.confluence.create("PAY", &spec("R-1"));
    let key = |delivery: &Delivery| changed(world.parse(delivery).unwrap()).0;
    let first = world.all.confluence.forge_delivery("avi:confluence:updated:page", id, APP);
    assert_eq!(key(&first), key(&first.clone()));
    // The same body with another token may be about another edit.
    let token = SigningKey::published().rs256(&Confluence::forge_claims(APP));
    assert_ne!(key(&first), key(&with_token(&first, &token)));
    // An unsigned header changes nothing.
    assert_eq!(key(&first), key(&first.clone().with("x-b3-traceid", "another")));
}

#[test]
fn bodies_of_any_kind_are_borne() {
    for world in [cloud(), data_center()] {
        let deep = format!("{{\"x\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
        let large = format!("{{\"x\":\"{}\"}}", "y".repeat(2 << 20));
        for body in ["", "[]", "null", "{", "\u{0}", "swordfish", &deep, &large] {
            let delivery = Delivery { headers: Vec::new(), body: body.as_bytes().to_vec() };
            if let Err(error) = world.parse(&delivery) {
                assert!(!error.to_string().contains("swordfish"), "{error}");
            }
        }
        assert!(world.parse(&Delivery { headers: Vec::new(), body: vec![0xff] }).is_err());
        let odd = ["../1", "", "1 ", "99999999999999999999999999"];
        for id in odd {
            let page = json!({ "id": id, "spaceKey": "PAY", "space": { "key": "PAY" } });
            let event = match world.settings["variant"] == "cloud_forge" {
                true => json!({ "eventType": "avi:confluence:updated:page", "content": page }),
                false => json!({ "event": "page_updated", "page": page }),
            };
            assert!(world.parse(&Delivery::json(&event)).is_err(), "{id:?}");
        }
        let long = SpecText::new(&"t".repeat(100_000), []);
        let id = world.all.confluence.create(&"K".repeat(100_000), &long);
        let payload = match world.settings["variant"] == "cloud_forge" {
            true => world.all.confluence.forge_payload("avi:confluence:updated:page", id),
            false => world.all.confluence.data_center_payload("page_updated", id),
        };
        changed(world.parse(&Delivery::json(&payload)).unwrap());
    }
}
