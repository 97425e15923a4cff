//! Google documents as they are fetched and listed, and the account's tokens.

use std::time::Duration;

use sbh_sources::{FetchError, Fetched};
use sbh_standins::Fault;
use sbh_standins::fault::What;
use sbh_standins::sign::SigningKey;
use serde_json::json;

use crate::world::{World, spec};

fn world() -> World {
    let mut world = World::new("google_docs", |_| json!({}));
    world.credential = Some(world.all.google.service_account());
    world
}

/// A refusal with Google's word for it.
fn refused(path: &str, status: u16, reason: &str) -> Fault {
    let body = json!({ "error": { "code": status, "errors": [{ "reason": reason }] } }).to_string();
    let what = What::Answer { status, headers: Vec::new(), body };
    Fault { method: None, path: path.to_owned(), times: Some(1), acts: false, what }
}

#[tokio::test]
async fn a_document_is_fetched_with_its_code() {
    let world = world();
    let google = &world.all.google;
    let folder = google.folder("Specs");
    let id = google.create(&folder, &spec("R-1"));
    let document = world.present(&folder, &id).await;
    assert_eq!((document.key.as_str(), document.title.as_str()), (id.as_str(), "R-1"));
    assert_eq!(document.text.unwrap(), spec("R-1").markdown());
    assert!(document.url.unwrap().contains(&id));
    google.edit(&id, &spec("R-2"));
    for space in [format!("document:{id}"), "account".to_owned(), folder.clone()] {
        let edited = world.present(&space, &id).await;
        assert_ne!(edited.version, document.version);
        assert!(edited.text.unwrap().contains("; invariant: R-2"));
    }
    // As Google writes fences that were typed.
    google.edit_raw(&id, "\\`\\`\\`smt2\n\n(assert (\\= x\\_1 1))\n\n\\`\\`\\`\n");
    let typed = world.present(&folder, &id).await.text.unwrap();
    assert_eq!(typed, "```smt2\n(assert (= x_1 1))\n```\n");
    assert_eq!(google.service.count("POST", "/token"), 1, "the token is kept");
}

#[tokio::test]
async fn what_is_not_in_the_space_is_absent() {
    let world = world();
    let google = &world.all.google;
    let (folder, other) = (google.folder("Specs"), google.folder("Other"));
    let ids: Vec<String> =
        (0..3).map(|n| google.create(&folder, &spec(&format!("R-{n}")))).collect();
    google.move_to(&ids[0], &other);
    google.trash(&ids[1]);
    google.delete(&ids[2]);
    for id in ids.iter().map(String::as_str).chain([folder.as_str(), "../about", "no-such-file"]) {
        assert_eq!(world.fetch(&folder, id).await, Ok(Fetched::Absent), "{id}");
    }
    // A folder that is not shared any more is not an empty one.
    google.delete(&folder);
    assert!(matches!(world.fetch(&folder, &ids[2]).await, Err(FetchError::NotFound(_))));
    assert!(matches!(world.changes(&folder, None).await, Err(FetchError::NotFound(_))));
}

#[tokio::test]
async fn what_google_does_not_export_is_unreadable() {
    let world = world();
    let google = &world.all.google;
    let folder = google.folder("Specs");
    let id = google.create_raw(&folder, "Large", &"x\n".repeat(6 << 20));
    assert!(world.present(&folder, &id).await.text.unwrap_err().contains("10 MB"));
    // Larger than Google would send.
    let body = "x".repeat(11 << 20);
    let what = What::Answer { status: 200, headers: Vec::new(), body };
    google.service.fail(Fault {
        method: None,
        path: "/export".into(),
        times: Some(1),
        acts: false,
        what,
    });
    assert!(world.present(&folder, &id).await.text.unwrap_err().contains("10 MB"));
    google.edit_raw(&id, "fine");
    google.service.fail(refused("/export", 403, "cannotDownloadFile"));
    assert!(world.present(&folder, &id).await.text.unwrap_err().contains("download"));
    // Markdown is not offered: plain text.
    google.service.fail(refused("/export", 400, "badRequest"));
    google.edit_raw(&id, "\u{feff}```smt2\r\n(check-sat)\r\n```");
    let plain = world.present(&folder, &id).await.text.unwrap();
    assert_eq!(plain, "```smt2\n(check-sat)\n```");
}

#[tokio::test]
async fn everything_is_listed_once_and_then_what_changed() {
    let world = world();
    let google = &world.all.google;
    let (folder, other) = (google.folder("Specs"), google.folder("Other"));
    let ids: Vec<String> =
        (0..620).map(|n| google.create(&folder, &spec(&format!("R-{n}")))).collect();
    let elsewhere = google.create(&other, &spec("O-1"));
    let (all, last) = world.listed(&folder, None).await;
    assert!(last.everything && all.len() == 620);
    let (none, last) = world.listed(&folder, Some(&last.cursor)).await;
    assert!(none.is_empty() && !last.everything);

    google.edit(&ids[1], &spec("R-x"));
    google.trash(&ids[2]);
    google.delete(&ids[3]);
    google.move_to(&ids[4], &other);
    google.move_to(&elsewhere, &folder);
    let (changed, last) = world.listed(&folder, Some(&last.cursor)).await;
    let mut expected = vec![
        ids[1].clone(),
        format!("-{}", ids[2]),
        format!("-{}", ids[3]),
        format!("-{}", ids[4]),
        elsewhere.clone(),
    ];
    expected.sort();
    assert_eq!(changed, expected);

    let one = format!("document:{elsewhere}");
    let (all, first) = world.listed(&one, None).await;
    assert_eq!(all, std::slice::from_ref(&elsewhere));
    google.edit(&ids[1], &spec("R-y"));
    google.edit(&elsewhere, &spec("O-2"));
    assert_eq!(world.listed(&one, Some(&first.cursor)).await.0, [elsewhere]);
    assert_eq!(world.listed("account", None).await.0.len(), 619);

    google.forget_changes();
    assert_eq!(world.changes(&folder, Some(&last.cursor)).await, Err(FetchError::StaleCursor));
    assert_eq!(world.changes(&folder, Some("nonsense")).await, Err(FetchError::StaleCursor));
}

#[tokio::test]
async fn tokens_are_renewed_before_their_end_and_when_they_are_withdrawn() {
    let mut world = world();
    let folder = world.all.google.folder("Specs");
    let id = world.all.google.create(&folder, &spec("R-1"));
    let exchanges = |world: &World| world.all.google.service.count("POST", "/token");
    world.present(&folder, &id).await;
    world.now += Duration::from_secs(50 * 60);
    world.present(&folder, &id).await;
    assert_eq!(exchanges(&world), 1);
    world.now += Duration::from_secs(6 * 60);
    // An assertion from the future is refused, so the clock goes back before it is made.
    let later = world.now;
    world.now = std::time::SystemTime::now();
    world.present(&folder, &id).await;
    assert_eq!(exchanges(&world), 1);
    world.now = later;
    world.present(&folder, &id).await;
    assert_eq!(exchanges(&world), 2);
    // Withdrawn before its time: one more is asked for, once.
    world.all.google.service.fail(Fault::status("/drive/v3/files", 401).times(1));
    world.present(&folder, &id).await;
    assert_eq!(exchanges(&world), 3);
    world.all.google.service.fail(Fault::status("/drive/v3/files", 401));
    let error = world.fetch(&folder, &id).await.unwrap_err();
    assert!(matches!(error, FetchError::Credential(_)));
    assert_eq!(exchanges(&world), 4);
    // Another connection with the same account has its own.
    world.all.google.service.mend();
    world.connection = uuid::Uuid::now_v7();
    world.present(&folder, &id).await;
    assert_eq!(exchanges(&world), 5);
}

#[tokio::test]
async fn refusals_say_what_to_do_and_no_secret() {
    let mut world = world();
    let folder = world.all.google.folder("Specs");
    let id = world.all.google.create(&folder, &spec("R-1"));
    let good = world.credential.clone().unwrap();
    // The key of somebody else, and texts that are none.
    let foreign = {
        let mut account: serde_json::Value = serde_json::from_str(&good).unwrap();
        account["private_key"] = json!(SigningKey::foreign().pem);
        account.to_string()
    };
    for credential in [foreign.as_str(), "s3cret", "", "{\"client_email\":\"s3cret\"}"] {
        world.credential = Some(credential.to_owned());
        let error = world.fetch(&folder, &id).await.unwrap_err();
        assert!(matches!(error, FetchError::Credential(_)), "{error:?}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
    world.credential = None;
    assert!(matches!(world.fetch(&folder, &id).await, Err(FetchError::Credential(_))));
    world.credential = Some(good);
    assert!(world.source.probe(&world.session()).await.unwrap().contains("gserviceaccount.com"));

    let service = &world.all.google.service;
    service.fail(Fault::rate_limited("/drive/v3", 17).times(1));
    let limited = world.fetch(&folder, &id).await.unwrap_err();
    assert_eq!(limited, FetchError::RateLimited { after: Duration::from_secs(17) });
    // Drive's own way of saying so.
    service.fail(refused("/drive/v3", 403, "userRateLimitExceeded"));
    let limited = world.fetch(&folder, &id).await.unwrap_err();
    assert!(matches!(limited, FetchError::RateLimited { .. }));
    service.fail(refused("/drive/v3", 403, "insufficientFilePermissions"));
    assert!(matches!(world.fetch(&folder, &id).await, Err(FetchError::Credential(_))));
    service.fail(Fault::status("/drive/v3", 503).times(1));
    assert!(matches!(world.fetch(&folder, &id).await, Err(FetchError::Unavailable(_))));
    assert!(matches!(world.fetch("../x", &id).await, Err(FetchError::NotFound(_))));
}
