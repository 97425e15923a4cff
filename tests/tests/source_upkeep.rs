//! Hosted sources from end to end: what is edited at Jira, in Confluence, in Google Docs or put through
//! the API is proved, whether or not a delivery says so.
#![allow(clippy::unwrap_used, clippy::expect_used)] // Also in what the tests share.

use std::sync::OnceLock;

use sbh_standins::{Fault, SpecText};
use sbh_tests::documents::{proved, refuted};
use sbh_tests::github::World;
use sbh_tests::hosted::Hosted;
use sbh_tests::{LONG, SHORT, StackOptions, Tenant, eventually};
use serde_json::json;

/// The Forge app.
const APP: &str = "ari:cloud:ecosystem::app/app-1";

/// Polls each second.
fn world() -> World {
    World::start(StackOptions::default().set("SBH_SOURCES_UPKEEP_S", 1))
}

/// No poll comes: only deliveries tell. The tests share it, and have projects and spaces of their own.
fn quiet_world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| World::start(StackOptions::default().set("SBH_SOURCES_UPKEEP_S", 3_600)))
}

fn block(text: &str) -> String {
    // `documents` writes a fenced block; the stand-ins write their own fences.
    text.lines().filter(|line| !line.starts_with("```")).collect::<Vec<_>>().join("\n")
}

fn spec(title: &str, blocks: &[String]) -> SpecText {
    SpecText::new(title, blocks.iter().map(|text| block(text)))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_s_life_at_jira_is_followed_by_its_deliveries() {
    let world = tokio::task::block_in_place(quiet_world);
    let jira = &world.services.jira;
    jira.put("PAY-1", &spec("Refunds", &[proved("REFUND-1", 3)]));
    jira.put("OTHER-1", &spec("Elsewhere", &[proved("OTHER-1", 3)]));
    let settings = json!({ "variant": "cloud", "base_url": jira.service.url() });
    let mut at = Hosted::connect(world, "jira", settings, "ada@example.com:swordfish").await;
    at.follow("PAY").await;
    at.verdicts("PAY-1", &[("REFUND-1", "proved")]).await;
    assert_eq!(at.tenant.documents(&at.repository).await.len(), 1, "one project alone");

    jira.put("PAY-1", &spec("Refunds", &[refuted("REFUND-1", 40)]));
    let updated = jira.cloud_delivery("jira:issue_updated", "PAY-1", &at.secret);
    assert_eq!(at.told(&updated).await, "recorded");
    at.verdicts("PAY-1", &[("REFUND-1", "refuted")]).await;
    // The same delivery again finds what is recorded already.
    assert_eq!(at.told(&updated).await, "unchanged");

    jira.put("PAY-2", &spec("Fees", &[proved("FEE-1", 5)]));
    at.told(&jira.cloud_delivery("jira:issue_created", "PAY-2", &at.secret)).await;
    at.verdicts("PAY-2", &[("FEE-1", "proved")]).await;

    let deleted = jira.cloud_delivery("jira:issue_deleted", "PAY-1", &at.secret);
    jira.delete("PAY-1");
    at.told(&deleted).await;
    at.gone("PAY-1").await;

    let forged = jira.cloud_delivery("jira:issue_updated", "PAY-2", "another secret entirely");
    assert_eq!(at.send(&forged).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_at_the_service_is_waited_for_and_nothing_is_lost() {
    let world = tokio::task::block_in_place(quiet_world);
    let jira = &world.services.jira;
    jira.put("LIM-1", &spec("Refunds", &[proved("REFUND-1", 3)]));
    let settings = json!({ "variant": "data_center", "base_url": jira.service.url() });
    let mut at = Hosted::connect(world, "jira", settings, "swordfish").await;
    at.follow("LIM").await;

    jira.put("LIM-1", &spec("Refunds", &[refuted("REFUND-1", 40)]));
    jira.service.fail(Fault::rate_limited("/rest/api/2/issue", 2).times(2));
    let updated = jira.data_center_delivery("jira:issue_updated", "LIM-1", &at.secret);
    assert_eq!(at.told(&updated).await, "recorded");
    at.verdicts("LIM-1", &[("REFUND-1", "refuted")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_s_life_in_confluence_is_followed_and_its_moves_between_spaces() {
    let world = tokio::task::block_in_place(quiet_world);
    let confluence = &world.services.confluence;
    let page = confluence.create("DOCS", &spec("Access", &[proved("ACCESS-1", 2)]));
    let settings = json!({
        "variant": "cloud_forge",
        "base_url": confluence.service.url(),
        "app_id": APP,
        "cloud_id": "cloud-1",
    });
    let credential = "ada@example.com:swordfish";
    let mut at = Hosted::connect(world, "confluence", settings, credential).await;
    at.follow("DOCS").await;
    let key = page.to_string();
    at.verdicts(&key, &[("ACCESS-1", "proved")]).await;

    confluence.edit(page, &spec("Access", &[refuted("ACCESS-1", 9)]));
    at.told(&confluence.forge_delivery("avi:confluence:updated:page", page, APP)).await;
    at.verdicts(&key, &[("ACCESS-1", "refuted")]).await;

    confluence.move_to(page, "ATTIC");
    at.told(&confluence.forge_delivery("avi:confluence:moved:page", page, APP)).await;
    at.gone(&key).await;

    let elsewhere = confluence.forge_delivery(
        "avi:confluence:updated:page",
        page,
        "ari:cloud:ecosystem::app/app-2",
    );
    assert_eq!(at.send(&elsewhere).await.status, 401, "a token for another app");
}

#[tokio::test(flavor = "multi_thread")]
async fn google_docs_are_watched_and_what_no_message_told_is_found_by_the_poll() {
    let world = tokio::task::block_in_place(world);
    let google = &world.services.google;
    let folder = google.folder("Specs");
    let document = google.create(&folder, &spec("Budgets", &[proved("BUDGET-1", 2)]));
    let credential = google.service_account();
    let mut at = Hosted::connect(&world, "google_docs", json!({}), &credential).await;
    at.follow(&folder).await;
    at.verdicts(&document, &[("BUDGET-1", "proved")]).await;

    // No message is sent: the poll finds it.
    google.edit(&document, &spec("Budgets", &[refuted("BUDGET-1", 7)]));
    at.verdicts(&document, &[("BUDGET-1", "refuted")]).await;

    // Its upkeep opened a channel, whose messages carry the connection's own token.
    let (address, message) = eventually(SHORT, "a channel to be open", async || {
        let told = google.messages().into_iter().find(|(to, _)| *to == at.webhook_url);
        told.ok_or("none is".to_owned())
    })
    .await;
    assert_eq!(address, at.webhook_url);
    let greeted = at.send(&message).await;
    assert!(greeted.body["ignored"].is_string(), "sync says nothing: {}", greeted.body);

    let other = Hosted::connect(&world, "google_docs", json!({}), &credential).await;
    assert_eq!(other.send(&message).await.status, 401, "a channel of another tenant");

    google.trash(&document);
    at.gone(&document).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_through_the_api_is_proved_and_the_last_writer_wins() {
    let world = tokio::task::block_in_place(quiet_world);
    let tenant = Tenant::new(&world.stack, "uploads").await;
    let put = async |text: String| {
        let request = tenant.api.request(reqwest::Method::PUT, "/api/specs/payments%2Frefunds.md");
        let request = request.header("content-type", "text/markdown").body(text);
        tenant.api.send(request).await.ok()
    };
    let first = put(spec("Refunds", &[proved("REFUND-1", 3)]).markdown()).await;
    let notice = |answer: &serde_json::Value| answer["inbox_id"].as_str().unwrap().to_owned();
    assert_eq!(tenant.closed(&notice(&first)).await, "recorded");
    let texts: Vec<_> =
        (0..5).map(|n| spec("Refunds", &[refuted("REFUND-1", n)]).markdown()).collect();
    let mut last = String::new();
    for text in &texts {
        last = notice(&put(text.clone()).await);
    }
    tenant.closed(&last).await;
    let request = tenant.api.request(reqwest::Method::GET, "/api/specs/payments%2Frefunds.md");
    assert_eq!(tenant.api.send(request).await.ok(), json!(texts[4]));
    let collection = first["repository"].as_str().unwrap();
    let refunds = tenant.document(collection, "payments/refunds.md").await;
    let id = refunds["id"].as_str().unwrap();
    eventually(LONG, "the last text to be judged", async || {
        let invariants = tenant.pages(&format!("/api/specs/{id}/invariants")).await;
        let verdict = invariants[0]["verdict"].as_str().unwrap_or_default().to_owned();
        if verdict == "refuted" { Ok(()) } else { Err(verdict) }
    })
    .await;
    let request = tenant.api.request(reqwest::Method::DELETE, "/api/specs/payments%2Frefunds.md");
    tenant.closed(&notice(&tenant.api.send(request).await.ok())).await;
    let request = tenant.api.request(reqwest::Method::GET, "/api/specs/payments%2Frefunds.md");
    tenant.api.send(request).await.problem(404);
}
