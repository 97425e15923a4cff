//! Issues of Jira as they are fetched and listed, and the webhooks of OAuth apps.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use sbh_sources::{FetchError, Fetched, Problem};
use sbh_standins::Fault;
use serde_json::{Value, json};

use crate::world::{World, space, spec};

fn cloud() -> World {
    let mut world = World::new(
        "jira",
        |all| json!({ "variant": "cloud", "base_url": all.jira.service.url(), "fields": ["customfield_10042"] }),
    );
    world.credential = Some("somebody@example.com:swordfish".to_owned());
    world
}

fn data_center() -> World {
    let mut world = World::new(
        "jira",
        |all| json!({ "variant": "data_center", "base_url": all.jira.service.url(), "fields": ["customfield_10042"] }),
    );
    world.credential = Some("swordfish".to_owned());
    world
}

/// Its refresh token is not exchanged yet.
fn oauth() -> World {
    let mut world = World::new(
        "jira",
        |_| json!({ "variant": "cloud_oauth", "cloud_id": "cloud-1", "client_id": "app-1" }),
    );
    world.credential = Some(world.all.atlassian.refresh_token());
    world
}

#[tokio::test]
async fn an_issue_is_fetched_with_its_code_and_fields() {
    for world in [cloud(), data_center()] {
        let jira = &world.all.jira;
        jira.put("PAY-1", &spec("R-1"));
        let more = spec("R-2");
        jira.put_field("PAY-1", "customfield_10042", more.adf(), &more.wiki());
        let issue = world.present("PAY", "PAY-1").await;
        assert_eq!((issue.key.as_str(), issue.title.as_str()), ("PAY-1", "R-1"));
        let block = |id: &str| {
            format!("```smt2\n; invariant: {id}\n(define-fun invariant () Bool true)\n```\n")
        };
        let text = issue.text.unwrap();
        assert_eq!(
            text,
            format!(
                "# R-1\n\nWhat must always hold.\n\n{}\n## customfield\\_10042\n\n# R-2\n\nWhat must always hold.\n\n{}",
                block("R-1"),
                block("R-2")
            )
        );
        assert!(issue.url.unwrap().ends_with("/browse/PAY-1"));
        jira.put("PAY-1", &spec("R-3"));
        let edited = world.present("PAY", "PAY-1").await;
        assert_ne!(edited.version, issue.version);
        let sent = jira.service.arrived();
        let authorization = &sent.last().unwrap().headers["authorization"];
        assert!(authorization.starts_with("Basic ") || authorization == "Bearer swordfish");
    }
}

#[tokio::test]
async fn what_is_not_in_the_project_is_absent() {
    for world in [cloud(), data_center()] {
        let jira = &world.all.jira;
        jira.put("PAY-1", &spec("R-1"));
        jira.put("PAY-2", &spec("R-2"));
        jira.move_to("PAY-1", "OPS-1");
        jira.delete("PAY-2");
        for odd in ["PAY-1", "PAY-2", "OPS-1", "PAY-1/../../myself", "", "PAY-01", "pay-1"] {
            assert_eq!(world.fetch("PAY", odd).await, Ok(Fetched::Absent), "{odd}");
        }
        assert!(world.present("OPS", "OPS-1").await.text.is_ok());
        // A project that the credential may not see any more is not an empty one.
        jira.service.fail(Fault::status("/rest/api", 404));
        assert!(matches!(world.fetch("PAY", "PAY-2").await, Err(FetchError::NotFound(_))));
    }
}

#[tokio::test]
async fn hostile_descriptions_are_unreadable_and_stop_nothing() {
    let world = cloud();
    let jira = &world.all.jira;
    let mut deep = json!({ "type": "text", "text": "x" });
    for _ in 0..61 {
        deep = json!({ "type": "panel", "content": [deep] });
    }
    jira.put_raw("PAY-1", "Deep", deep, "");
    let issue = world.present("PAY", "PAY-1").await;
    assert_eq!(issue.title, "Deep");
    assert!(issue.text.unwrap_err().contains("deep"));
    let large = json!({ "type": "doc", "content": [{ "type": "paragraph",
        "content": [{ "type": "text", "text": "x".repeat(9 << 20) }] }] });
    jira.put_raw("PAY-2", "Large", large, "");
    assert!(world.present("PAY", "PAY-2").await.text.unwrap_err().contains("bytes"));
    jira.put_raw("PAY-3", "Larger", json!("x".repeat(17 << 20)), "");
    assert!(world.present("PAY", "PAY-3").await.text.unwrap_err().contains("bytes"));
    for odd in [Value::Null, json!(7), json!([]), json!({ "type": 1 })] {
        jira.put_raw("PAY-4", "Odd", odd, "");
        assert!(world.present("PAY", "PAY-4").await.text.is_ok());
    }
    let world = data_center();
    world.all.jira.put_raw("PAY-1", "Large", Value::Null, &"x ".repeat(5 << 20));
    assert!(world.present("PAY", "PAY-1").await.text.unwrap_err().contains("bytes"));
}

#[tokio::test]
async fn everything_is_listed_once_and_then_what_changed() {
    for mut world in [cloud(), data_center()] {
        for n in 1..=260 {
            world.all.jira.put(&format!("PAY-{n}"), &spec("R"));
        }
        world.all.jira.put("PAYROLL-1", &spec("O-1"));
        let (all, last) = world.listed("PAY", None).await;
        assert_eq!(all.len(), 260);
        assert!(all.iter().all(|key| key.starts_with("PAY-")));
        assert!(last.everything);

        // What was listed a moment ago is remembered as far as it goes, and the rest told again.
        world.now += Duration::from_secs(60);
        let (again, last) = world.listed("PAY", Some(&last.cursor)).await;
        assert!(!last.everything && (1..260).contains(&again.len()), "{}", again.len());
        world.all.jira.put("PAY-7", &spec("R-7"));
        let (changed, last) = world.listed("PAY", Some(&last.cursor)).await;
        assert!(changed.contains(&"PAY-7".to_owned()));

        // Once a day everything, so that deletions that nobody announced are found.
        world.all.jira.delete("PAY-1");
        world.now += Duration::from_secs(25 * 3_600);
        let (all, last) = world.listed("PAY", Some(&last.cursor)).await;
        assert_eq!(all.len(), 259);
        assert!(last.everything);
    }
}

#[tokio::test]
async fn what_did_not_change_is_not_told_again() {
    for world in [cloud(), data_center()] {
        world.all.jira.put("PAY-1", &spec("R-1"));
        let (_, last) = world.listed("PAY", None).await;
        let (none, last) = world.listed("PAY", Some(&last.cursor)).await;
        assert_eq!(none, Vec::<String>::new());
        world.all.jira.put("PAY-2", &spec("R-2"));
        let (one, last) = world.listed("PAY", Some(&last.cursor)).await;
        assert_eq!(one, ["PAY-2"]);
        assert_eq!(world.listed("PAY", Some(&last.cursor)).await.0, Vec::<String>::new());
    }
}

#[tokio::test]
async fn troubles_are_told_apart() {
    for mut world in [cloud(), data_center()] {
        world.all.jira.put("PAY-1", &spec("R-1"));
        for nonsense in ["", "{}", "{\"since\":1}", "x"] {
            let error = world.changes("PAY", Some(nonsense)).await.unwrap_err();
            assert_eq!(error, FetchError::StaleCursor, "{nonsense}");
        }
        let jira = &world.all.jira.service;
        jira.fail(Fault::rate_limited("/rest/api", 7).times(1));
        let after = Duration::from_secs(7);
        assert_eq!(world.fetch("PAY", "PAY-1").await, Err(FetchError::RateLimited { after }));
        jira.fail(Fault::status("/rest/api", 401).times(1));
        assert!(matches!(world.fetch("PAY", "PAY-1").await, Err(FetchError::Credential(_))));
        jira.fail(Fault::status("/rest/api", 502).times(1));
        assert!(matches!(world.fetch("PAY", "PAY-1").await, Err(FetchError::Unavailable(_))));
        jira.fail(Fault::status("/search", 400).times(1));
        assert!(matches!(world.changes("PAY", None).await, Err(FetchError::NotFound(_))));
        for space in ["PAY\" OR project = \"OPS", "../x", ""] {
            assert!(world.changes(space, None).await.is_err(), "{space}");
        }
        assert!(world.source.probe(&world.session()).await.unwrap().contains("SBH"));
        world.credential = None;
        assert!(matches!(world.fetch("PAY", "PAY-1").await, Err(FetchError::Credential(_))));
    }
}

#[tokio::test]
async fn tokens_are_exchanged_by_upkeep_alone_and_kept() {
    let mut world = oauth();
    world.all.jira.put("PAY-1", &spec("R-1"));
    assert!(matches!(world.fetch("PAY", "PAY-1").await, Err(FetchError::Credential(_))));
    let upkeep = world.upkeep(&[space("PAY")], Value::Null).await;
    assert_eq!(upkeep.problems, []);
    let first = upkeep.credential.unwrap();
    world.credential = Some(first.clone());
    assert!(world.present("PAY", "PAY-1").await.text.is_ok());
    // As long as it lasts nothing is exchanged.
    assert_eq!(world.upkeep(&[space("PAY")], upkeep.state.clone()).await.credential, None);
    world.now += upkeep.again_in.unwrap();
    let second = world.upkeep(&[space("PAY")], upkeep.state).await.credential.unwrap();
    assert_ne!(first, second);
    // The one before is void.
    world.now += Duration::from_secs(3_600);
    let error = world.source.upkeep(&world.session(), &[], Value::Null).await.unwrap_err();
    assert!(matches!(&error, FetchError::Credential(_)), "{error}");
    assert!(!error.to_string().contains(&first));
}

#[tokio::test]
async fn a_webhook_is_registered_renewed_with_overlap_and_replaced() {
    let mut world = oauth();
    let first = world.upkeep(&[space("PAY")], Value::Null).await;
    world.credential = first.credential.clone();
    let jira = &world.all.jira;
    let [webhook] = &jira.webhooks()[..] else { panic!() };
    assert_eq!((webhook.jql.as_str(), webhook.events.len()), ("project in (PAY)", 3));
    assert_eq!(webhook.url, "https://sbh.example/webhooks/x/y");
    // Nothing to do.
    let second = world.upkeep(&[space("PAY")], first.state).await;
    assert_eq!(jira.service.count("PUT", "webhook/refresh"), 0);
    // Ten days before its end.
    jira.expire(webhook.id, Utc::now() + TimeDelta::days(9));
    let third = world.upkeep(&[space("PAY")], second.state).await;
    assert!(jira.webhooks()[0].expires > Utc::now() + TimeDelta::days(29));
    // Other projects: the new one is there before the old one goes.
    let both = [space("PAY"), space("OPS")];
    let fourth = world.upkeep(&both, third.state).await;
    let now = jira.webhooks();
    assert_eq!(now.len(), 1);
    assert_eq!(now[0].jql, "project in (OPS, PAY)");
    // One that ended is made anew.
    jira.expire(now[0].id, Utc::now() - TimeDelta::days(1));
    let fifth = world.upkeep(&both, fourth.state).await;
    assert!(jira.webhooks().iter().any(|webhook| webhook.expires > Utc::now()));
    assert_eq!(fifth.problems, []);
    // To be left alone is no failure.
    world.all.atlassian.service.fail(Fault::rate_limited("/webhook", 7).times(2));
    let alone = world.upkeep(&both, fifth.state.clone()).await;
    assert_eq!((alone.problems.len(), alone.again_in), (0, Some(Duration::from_secs(7))));
    // And a failure to renew is told.
    jira.service.fail(Fault::status("/webhook", 500));
    world.all.atlassian.service.fail(Fault::status("/webhook", 500));
    let sixth = world.upkeep(&both, fifth.state).await;
    assert!(matches!(&sixth.problems[..], [Problem::Renewal(_)]), "{:?}", sixth.problems);
}

#[tokio::test]
async fn only_oauth_connections_have_upkeep() {
    for world in [cloud(), data_center()] {
        let upkeep = world.upkeep(&[space("PAY")], Value::Null).await;
        assert!(upkeep.credential.is_none() && upkeep.problems.is_empty());
        assert!(world.all.jira.service.arrived().is_empty());
    }
}
