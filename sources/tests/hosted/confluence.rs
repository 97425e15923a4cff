//! Pages of Confluence as they are fetched and listed.

use std::time::Duration;

use sbh_sources::{FetchError, Fetched};
use sbh_standins::Fault;
use serde_json::json;

use crate::world::{World, spec};

fn cloud() -> World {
    let mut world = World::new("confluence", |all| {
        json!({ "variant": "cloud_forge", "base_url": all.confluence.service.url(),
                "app_id": "app-1", "cloud_id": "cloud-1" })
    });
    world.credential = Some("somebody@example.com:swordfish".to_owned());
    world
}

fn data_center() -> World {
    let mut world = World::new(
        "confluence",
        |all| json!({ "variant": "data_center", "base_url": all.confluence.service.url() }),
    );
    world.credential = Some("swordfish".to_owned());
    world
}

#[tokio::test]
async fn a_page_is_fetched_with_its_code() {
    for world in [cloud(), data_center()] {
        let confluence = &world.all.confluence;
        let id = confluence.create("PAY", &spec("R-1")).to_string();
        let page = world.present("PAY", &id).await;
        assert_eq!((page.key.as_str(), page.title.as_str()), (id.as_str(), "R-1"));
        let text = page.text.unwrap();
        assert!(
            text.starts_with("# R-1\n\nWhat must always hold.\n\n```smt2\n; invariant: R-1\n"),
            "{text}"
        );
        assert!(page.url.unwrap().ends_with(&format!("/spaces/PAY/pages/{id}")));
        confluence.edit(id.parse().unwrap(), &spec("R-2"));
        let edited = world.present("PAY", &id).await;
        assert_ne!(edited.version, page.version);
        assert!(edited.text.unwrap().contains("; invariant: R-2"));
        let sent = confluence.service.arrived();
        let authorization = &sent.last().unwrap().headers["authorization"];
        assert!(authorization.starts_with("Basic ") || authorization == "Bearer swordfish");
    }
}

#[tokio::test]
async fn what_is_not_in_the_space_is_absent() {
    for world in [cloud(), data_center()] {
        let confluence = &world.all.confluence;
        let ids: Vec<u64> =
            (0..3).map(|n| confluence.create("PAY", &spec(&format!("R-{n}")))).collect();
        confluence.move_to(ids[0], "OPS");
        confluence.trash(ids[1]);
        confluence.delete(ids[2]);
        for id in ids {
            assert_eq!(world.fetch("PAY", &id.to_string()).await, Ok(Fetched::Absent));
        }
        for odd in ["../../space", "", "1?x=y", "99999999999999999999999"] {
            assert_eq!(world.fetch("PAY", odd).await, Ok(Fetched::Absent));
        }
        assert!(matches!(world.fetch("NONE", "1").await, Err(FetchError::NotFound(_))));
    }
}

#[tokio::test]
async fn a_space_that_cannot_be_seen_any_more_is_not_empty() {
    let world = data_center();
    let id = world.all.confluence.create("PAY", &spec("R-1")).to_string();
    world.all.confluence.service.fail(Fault::status("/rest/api/content", 404).times(1));
    world.all.confluence.service.fail(Fault::status("/rest/api/space", 404));
    assert!(matches!(world.fetch("PAY", &id).await, Err(FetchError::NotFound(_))));
}

#[tokio::test]
async fn a_page_of_50_mb_is_unreadable_and_not_read() {
    for world in [cloud(), data_center()] {
        let confluence = &world.all.confluence;
        let id = confluence.create_raw("PAY", "Large", &"<p>x</p>".repeat(50 << 17)).to_string();
        let page = world.present("PAY", &id).await;
        assert!(page.text.unwrap_err().contains("bytes"));
        assert_eq!(page.title, "Large");
        confluence.edit_raw(id.parse().unwrap(), &"<div>".repeat(10_000));
        assert!(world.present("PAY", &id).await.text.unwrap_err().contains("deep"));
        confluence.edit_raw(id.parse().unwrap(), "<!DOCTYPE x [<!ENTITY a \"aa\">]><p>&a;</p>");
        assert!(world.present("PAY", &id).await.text.is_err());
        confluence.edit_raw(id.parse().unwrap(), "<p>fine</p>");
        assert_eq!(world.present("PAY", &id).await.text.unwrap(), "fine\n");
    }
}

#[tokio::test]
async fn everything_is_listed_once_and_then_what_changed() {
    for mut world in [cloud(), data_center()] {
        let ids: Vec<u64> = (0..260)
            .map(|n| world.all.confluence.create("PAY", &spec(&format!("R-{n}"))))
            .collect();
        world.all.confluence.create("OPS", &spec("O-1"));
        let (all, last) = world.listed("PAY", None).await;
        assert_eq!(all.len(), 260);
        assert!(last.everything);
        assert!(all.iter().all(|id| ids.contains(&id.parse().unwrap())));

        // A listing looks back a little, so that all of these are told again.
        let (again, last) = world.listed("PAY", Some(&last.cursor)).await;
        assert!(!last.everything);
        assert_eq!(again.len(), 260);

        // Much later nothing changed, but for one page.
        world.now += Duration::from_secs(3_600);
        let (_, last) = world.listed("PAY", Some(&last.cursor)).await;
        world.now += Duration::from_secs(3_600);
        let (none, last) = world.listed("PAY", Some(&last.cursor)).await;
        if world.settings["variant"] == "cloud_forge" {
            // The stand-in's own clock did not move.
            assert_eq!(none, Vec::<String>::new());
        }
        // Each few hours everything is listed again, for what no list of changes tells.
        world.now += Duration::from_secs(7 * 3_600);
        world.all.confluence.trash(ids[0]);
        let (whole, last) = world.listed("PAY", Some(&last.cursor)).await;
        assert!(last.everything);
        assert_eq!(whole.len(), 259);
        assert_eq!(world.changes("PAY", Some("nonsense")).await, Err(FetchError::StaleCursor));
    }
}

#[tokio::test]
async fn pages_in_the_trash_are_told_in_cloud() {
    let world = cloud();
    let id = world.all.confluence.create("PAY", &spec("R-1"));
    let (_, first) = world.listed("PAY", None).await;
    world.all.confluence.trash(id);
    let (changed, _) = world.listed("PAY", Some(&first.cursor)).await;
    assert_eq!(changed, [format!("-{id}")]);
}

#[tokio::test]
async fn refusals_say_what_to_do_and_no_secret() {
    for mut world in [cloud(), data_center()] {
        let id = world.all.confluence.create("PAY", &spec("R-1")).to_string();
        let service = &world.all.confluence.service;
        service.fail(Fault::rate_limited("", 17).times(1));
        let limited = world.fetch("PAY", &id).await.unwrap_err();
        assert_eq!(limited, FetchError::RateLimited { after: Duration::from_secs(17) });
        for (fault, kind) in [
            (Fault::status("", 401), "credential"),
            (Fault::status("", 500), "answered 500"),
            (Fault::cut(""), "127.0.0.1"),
        ] {
            service.fail(fault);
            let error = world.fetch("PAY", &id).await.unwrap_err().to_string();
            service.mend();
            assert!(error.contains(kind) && !error.contains("swordfish"), "{error}");
        }
        assert!(world.source.probe(&world.session()).await.unwrap().contains("answers"));
        world.credential = None;
        assert!(matches!(world.fetch("PAY", &id).await, Err(FetchError::Credential(_))));
    }
}

#[tokio::test]
async fn a_token_with_scopes_is_shown_to_the_address_for_apps() {
    let mut world = cloud();
    world.settings["scoped_token"] = json!(true);
    world.settings["base_url"] = json!("https://team.atlassian.net");
    let id = world.all.confluence.create("PAY", &spec("R-1")).to_string();
    assert!(world.present("PAY", &id).await.text.is_ok());
    assert!(world.all.atlassian.service.count("GET", "/ex/confluence/cloud-1/wiki/") > 0);
}
