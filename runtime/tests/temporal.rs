//! What a real Temporal server is given: its set-up, and the signals of entities.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sbh_domain::{Debounce, DocumentId, RepositoryId, TenantId, TraceParent, Traces};
use sbh_runtime::entity::Entities;
use sbh_runtime::{Config, Keyring, temporal};
use temporalio_client::tonic::Request;
use temporalio_client::{Client, NamespacedClient};
use temporalio_common::protos::temporal::api::common::v1::{Payload, WorkflowExecution};
use temporalio_common::protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_common::protos::temporal::api::workflowservice::v1::GetWorkflowExecutionHistoryRequest;

/// A server of the test's own, with nothing in it.
struct Server {
    child: Child,
    config: Config,
    keyring: Keyring,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let own = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.sbh/tools"));
        let tools = std::env::var_os("SBH_TOOLS").map_or(own, PathBuf::from);
        let child = Command::new(tools.join("bin/temporal"))
            .args(["server", "start-dev", "--headless", "--log-level", "never"])
            .args(["--ip", "127.0.0.1", "--port", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the temporal tool: run ./sbh up once, or set SBH_TOOLS");
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.temporal.address = format!("http://127.0.0.1:{port}");
        config.keyring.file = folder.path().join("keyring.json");
        let keyring = Keyring::load_or_create(&config.keyring.file).unwrap();
        Self { child, config, keyring, _folder: folder }
    }

    async fn client(&self) -> Client {
        eventually(async || temporal::connect(&self.config.temporal, &self.keyring).await).await
    }

    /// A client of a server that is set up.
    async fn ready(&self) -> Client {
        let client = self.client().await;
        eventually(async || temporal::apply(&client, &self.config).await).await;
        client
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Tries until it works, at most 60 s: a server takes a moment to answer, and another one to find a
/// namespace that was made just now.
async fn eventually<T, E: std::fmt::Debug>(mut attempt: impl AsyncFnMut() -> Result<T, E>) -> T {
    let begin = Instant::now();
    loop {
        match attempt().await {
            Ok(done) => return done,
            Err(error) if begin.elapsed() > Duration::from_secs(60) => panic!("{error:?}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// The events of an entity's newest run.
async fn history(client: &Client, workflow_id: &str) -> Vec<Attributes> {
    let request = GetWorkflowExecutionHistoryRequest {
        namespace: client.namespace(),
        execution: Some(WorkflowExecution {
            workflow_id: workflow_id.to_owned(),
            run_id: String::new(),
        }),
        ..Default::default()
    };
    let mut service = client.connection().workflow_service();
    let answer = service.get_workflow_execution_history(Request::new(request)).await.unwrap();
    let events = answer.into_inner().history.unwrap().events;
    events.into_iter().filter_map(|event| event.attributes).collect()
}

/// What the signals of a run carry.
fn signals(history: &[Attributes]) -> Vec<&Payload> {
    history
        .iter()
        .filter_map(|event| match event {
            Attributes::WorkflowExecutionSignaledEventAttributes(signal) => {
                signal.input.as_ref()?.payloads.first()
            }
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn applying_makes_everything_once_and_then_nothing() {
    let server = Server::start();
    let client = server.client().await;
    let mut made = temporal::Applied::default();
    eventually(async || {
        let applied = temporal::apply(&client, &server.config).await?;
        made.search_attributes.extend(applied.search_attributes);
        made.schedules.extend(applied.schedules);
        anyhow::Ok(())
    })
    .await;
    let namespace = client
        .connection()
        .workflow_service()
        .describe_namespace(Request::new(
            temporalio_common::protos::temporal::api::workflowservice::v1::DescribeNamespaceRequest {
                namespace: client.namespace(),
                ..Default::default()
            },
        ))
        .await
        .unwrap()
        .into_inner();
    let retention = namespace.config.unwrap().workflow_execution_retention_ttl.unwrap();
    assert_eq!(retention.seconds, 7 * 86_400);
    assert_eq!(made.schedules, ["head-poll", "drift-backlog", "source-upkeep"]);
    let again = temporal::apply(&client, &server.config).await.unwrap();
    assert_eq!(again, temporal::Applied::default());

    let mut other = server.config.clone();
    other.git.poll_s += 1;
    let changed = temporal::apply(&client, &other).await.unwrap();
    assert_eq!(changed.schedules, ["head-poll"], "another period changes the schedule");
    assert!(changed.search_attributes.is_empty() && !changed.namespace);
}

#[tokio::test]
async fn notices_start_one_run_of_an_entity_and_signal_it_from_then_on() {
    let server = Server::start();
    let client = server.ready().await;
    let entities = Entities::new(client.clone(), 600, Debounce::default());
    let tenant: TenantId = "demo".parse().unwrap();
    let (repository, document) =
        (RepositoryId(uuid::Uuid::from_u128(1)), DocumentId(uuid::Uuid::from_u128(2)));
    let trace = TraceParent::begin(10, 11);
    let traces: Traces = [trace].into_iter().collect();
    eventually(async || {
        entities.notify_repository(&tenant, repository, "shop", 1, traces.clone()).await
    })
    .await;
    entities.notify_repository(&tenant, repository, "shop", 2, Traces::new()).await.unwrap();
    entities.notify_document(&tenant, "shop", document, "a.md", traces).await.unwrap();

    let events =
        history(&client, &sbh_workflows::repo_sync::workflow_id(&tenant, repository)).await;
    let sent: Vec<serde_json::Value> = signals(&events)
        .into_iter()
        .map(|payload| {
            assert_eq!(payload.metadata["encoding"], b"binary/encrypted");
            let plain =
                sbh_runtime::codec::decode_payload(&server.keyring, payload.clone()).unwrap();
            serde_json::from_slice(&plain.data).unwrap()
        })
        .collect();
    assert_eq!(
        sent,
        [
            serde_json::json!({ "notices": 1, "traces": [trace.to_string()] }),
            serde_json::json!({ "notices": 2 }),
        ]
    );
    let started = |event: &&Attributes| {
        matches!(event, Attributes::WorkflowExecutionStartedEventAttributes(_))
    };
    assert_eq!(events.iter().filter(started).count(), 1);
    let events = history(&client, &sbh_workflows::spec_drift::workflow_id(&tenant, document)).await;
    assert_eq!(signals(&events).len(), 1);
    // Nobody runs the workflow, so nobody answers; and that takes no longer than a moment.
    assert!(entities.repo_sync_status(&tenant, repository).await.is_none());
}
