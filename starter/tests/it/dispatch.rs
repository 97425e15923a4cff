//! From the inbox to Temporal, which may be away.

use sbh_runtime::{Keyring, temporal};
use temporalio_client::tonic::Request;
use temporalio_common::protos::temporal::api::common::v1::WorkflowExecution;
use temporalio_common::protos::temporal::api::workflowservice::v1::GetWorkflowExecutionHistoryRequest;

use crate::server::{Ground, eventually, free_port, push};
use crate::temporal::Temporal;

const URL: &str = "https://github.com/acme/shop";

/// How many signals a repository's workflow has got: `Err` while there is no workflow.
async fn signals(ground: &Ground, repository: &str) -> Result<usize, String> {
    signals_of(ground, format!("repo-sync/demo/{repository}")).await
}

/// How many signals a workflow has got: `Err` while there is none.
pub async fn signals_of(ground: &Ground, workflow_id: String) -> Result<usize, String> {
    use temporalio_common::protos::temporal::api::enums::v1::EventType;
    let keyring = Keyring::load_or_create(&ground.config.keyring.file).unwrap();
    let client =
        temporal::connect(&ground.config.temporal, &keyring).await.map_err(|e| format!("{e:#}"))?;
    let request = GetWorkflowExecutionHistoryRequest {
        namespace: ground.config.temporal.namespace.clone(),
        execution: Some(WorkflowExecution { workflow_id, run_id: String::new() }),
        ..Default::default()
    };
    let mut service = client.connection().workflow_service();
    let answer = service.get_workflow_execution_history(Request::new(request)).await;
    let history =
        answer.map_err(|status| status.to_string())?.into_inner().history.unwrap_or_default();
    let signalled = |kind: i32| kind == EventType::WorkflowExecutionSignaled as i32;
    Ok(history.events.iter().filter(|event| signalled(event.event_type)).count())
}

#[tokio::test]
async fn what_was_acknowledged_while_temporal_was_away_is_signalled_when_it_comes() {
    let mut ground = Ground::new().await;
    let port = free_port().await;
    ground.config.temporal.address = format!("http://127.0.0.1:{port}");
    // Not what brings the rows back here.
    ground.config.starter.reconcile_after_s = 600;
    let server = ground.start().await;
    let (connection, secret) = server.connection("hooks").await;
    let repository = server.repository(URL, Some(&connection)).await;
    for n in 0..5 {
        server
            .deliver(&connection, &secret, "push", &push(URL, &format!("a{n}")))
            .await
            .expect(202);
    }
    eventually("the dispatcher to have tried", async || {
        let tried = server.metric(r#"sbh_signals_total{entity="repository",outcome="away"}"#).await;
        if tried >= 1.0 { Ok(()) } else { Err("not yet".into()) }
    })
    .await;
    let rows = server.get("/api/inbox?state=open").await.expect(200);
    let rows = rows["items"].as_array().unwrap();
    assert_eq!(rows.len(), 6, "nothing is lost, nothing parked");
    assert!(rows.iter().all(|row| row["attempts"] == 0), "being away is no attempt: {rows:?}");

    let _temporal = Temporal::start(port);
    let first =
        eventually("the repository's workflow", async || signals(&ground, &repository).await).await;
    assert_eq!(first, 1, "six notices are one signal");
    let later = server.deliver(&connection, &secret, "push", &push(URL, "b")).await.expect(202);
    eventually("the next signal", async || {
        let got = signals(&ground, &repository).await?;
        if got > first { Ok(()) } else { Err(format!("{got} signals")) }
    })
    .await;
    let row =
        server.get(&format!("/api/inbox/{}", later["id"].as_str().unwrap())).await.expect(200);
    assert!(row["signalled_at"].is_string() && row["state"] == "open", "{row}");
    let ready = server.get("/readyz").await.expect(200);
    assert_eq!(ready["parts"]["temporal"]["status"], "ok", "the namespace was made: {ready}");
}

#[tokio::test]
async fn a_temporal_that_lost_everything_gets_everything_again() {
    let mut ground = Ground::new().await;
    let port = free_port().await;
    ground.config.temporal.address = format!("http://127.0.0.1:{port}");
    let server = ground.start().await;
    let temporal = Temporal::start(port);
    let repository = server.repository(URL, None).await;
    eventually("the repository's workflow", async || signals(&ground, &repository).await).await;
    drop(temporal);
    // Nothing is kept: this one knows neither the namespace nor the workflow.
    let _temporal = Temporal::start(port);
    eventually("the workflow to be started again", async || signals(&ground, &repository).await)
        .await;
}

#[tokio::test]
async fn two_starters_share_the_work_and_one_takes_over() {
    let mut ground = Ground::new().await;
    let port = free_port().await;
    ground.config.temporal.address = format!("http://127.0.0.1:{port}");
    ground.config.starter.reconcile_after_s = 600;
    let (one, two) = (ground.start().await, ground.start().await);
    let _temporal = Temporal::start(port);
    let (connection, secret) = one.connection("hooks").await;
    let repository = one.repository(URL, Some(&connection)).await;
    eventually("the first signal", async || signals(&ground, &repository).await).await;
    // The same delivery at both is one notice.
    let body = push(URL, "a");
    let (a, b) = tokio::join!(
        one.deliver(&connection, &secret, "push", &body),
        two.deliver(&connection, &secret, "push", &body),
    );
    assert_eq!(a.expect(202)["id"], b.expect(202)["id"]);
    one.stop().await;
    let before = signals(&ground, &repository).await.unwrap();
    two.deliver(&connection, &secret, "push", &push(URL, "b")).await.expect(202);
    eventually("the other to signal", async || {
        let got = signals(&ground, &repository).await?;
        if got > before { Ok(()) } else { Err(format!("{got} signals")) }
    })
    .await;
}
