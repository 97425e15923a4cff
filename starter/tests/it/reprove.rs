//! Asking for a proof while Temporal is away.

use reqwest::Method;
use sbh_domain::{Digest, DocumentId, RepositoryId, SyncId, TenantId};
use sbh_store::Store;
use sbh_store::repo_sync::{About, CanonicalText, DocumentChange};
use sbh_store::spec_drift::ProofRun;
use serde_json::json;

use crate::dispatch::signals_of;
use crate::server::{Ground, Server, eventually, free_port, token};
use crate::temporal::Temporal;

const TEXT: &str = "# Nothing claimed\n";

/// A document of the repository, as a synchronisation leaves it.
async fn document(store: &Store, repository: &str) -> DocumentId {
    let tenant: TenantId = "demo".parse().unwrap();
    let repository = RepositoryId(repository.parse().unwrap());
    let sync = SyncId(uuid::Uuid::now_v7());
    let change = DocumentChange::Present {
        path: "specs/a.md".into(),
        renamed_from: None,
        blob: "b".into(),
        about: About::default(),
        content: Ok(CanonicalText { hash: Digest::of(TEXT), text: TEXT.into() }),
    };
    store.stage_documents(&tenant, repository, sync, &[change]).await.unwrap();
    store.documents(&tenant, repository, None, 1).await.unwrap()[0].id
}

async fn row(server: &Server, id: &str) -> serde_json::Value {
    server.get(&format!("/api/inbox/{id}")).await.expect(200)
}

#[tokio::test]
async fn a_proof_asked_for_while_temporal_is_away_is_asked_of_it_when_it_comes() {
    let mut ground = Ground::new().await;
    let port = free_port().await;
    ground.config.temporal.address = format!("http://127.0.0.1:{port}");
    // Not what brings the request back here.
    ground.config.starter.reconcile_after_s = 600;
    let server = ground.start().await;
    let repository = server.repository("https://github.com/acme/shop", None).await;
    let document = document(&server.store, &repository).await;
    let path = format!("/api/specs/{document}/reprove");
    let ask = |key: &str| {
        let owner = token("demo", "owner");
        let request = server.request(Method::POST, &path).bearer_auth(owner);
        server.send(request.header("Idempotency-Key", key).json(&json!({ "force": true })))
    };
    let answer = ask("k1").await.expect(202);
    assert_eq!(answer["accepted"], false, "{answer}");
    let id = answer["inbox_id"].as_str().unwrap();
    assert_eq!(ask("k1").await.expect(202), answer, "one key, one answer");
    assert_eq!(ask("k2").await.expect(202)["inbox_id"], id, "the same request waits already");
    let waiting = row(&server, id).await;
    assert_eq!(waiting["document"], document.to_string());
    assert_eq!((&waiting["state"], &waiting["attempts"]), (&json!("open"), &json!(0)), "{waiting}");

    let _temporal = Temporal::start(port);
    let workflow = format!("spec-drift/demo/{document}");
    let told =
        eventually("the document's workflow", async || signals_of(&ground, workflow.clone()).await)
            .await;
    assert!(told >= 1, "started with a signal");
    let told = eventually("the row to be signalled", async || {
        let row = row(&server, id).await;
        if row["signalled_at"].is_string() { Ok(row) } else { Err(row.to_string()) }
    })
    .await;
    assert_eq!(told["state"], "open", "closed by what is recorded, not by the signal");

    // What the proof does.
    let (store, tenant) = (&server.store, "demo".parse().unwrap());
    assert!(store.take_reproves(&tenant, document).await.unwrap(), "the force is in the inbox");
    let run = ProofRun { workflow_id: workflow, run_id: "r".into() };
    let hash = Some(Digest::of(TEXT));
    assert_eq!(store.record(&tenant, document, hash, 0, &run).await.unwrap().closed, 1);
    let closed = row(&server, id).await;
    assert_eq!((&closed["state"], &closed["reason"]), (&json!("closed"), &json!("recorded")));
}

#[tokio::test]
async fn a_request_that_nobody_took_up_is_signalled_again() {
    let mut ground = Ground::new().await;
    let port = free_port().await;
    ground.config.temporal.address = format!("http://127.0.0.1:{port}");
    ground.config.starter.reconcile_after_s = 1;
    let server = ground.start().await;
    let _temporal = Temporal::start(port);
    let repository = server.repository("https://github.com/acme/shop", None).await;
    let document = document(&server.store, &repository).await;
    // As a starter leaves it that dies before it tells the workflow.
    let new = sbh_store::reprove::NewReprove {
        tenant: "demo".parse().unwrap(),
        document,
        actor: "ada".into(),
        force: false,
        trace: None,
    };
    server.store.request_reprove(&new).await.unwrap();
    let series = r#"sbh_signals_total{entity="document",outcome="sent"}"#;
    eventually("it to be signalled, and again", async || {
        let sent = server.metric(series).await;
        if sent >= 2.0 { Ok(()) } else { Err(format!("{sent} signals")) }
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_proved_is_not_asked_for() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    let repository = server.repository("https://github.com/acme/shop", None).await;
    let document = document(&server.store, &repository).await;
    let reprove = |id: &str| {
        let path = format!("/api/specs/{id}/reprove");
        let server = &server;
        async move { server.post(&path, &json!({})).await }
    };
    reprove(&uuid::Uuid::now_v7().to_string()).await.problem(404, "not-found");
    let path = format!("/api/repositories/{repository}");
    let owner = token("demo", "owner");
    server.send(server.request(Method::DELETE, &path).bearer_auth(owner)).await.expect(200);
    reprove(&document.to_string()).await.problem(404, "not-found");
}
