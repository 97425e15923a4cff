//! Figure (c): signal-with-start per second as the fleet sends it, against a bare client, each
//! on a fresh Temporal server with nobody working.

use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use sbh_domain::{Debounce, RepositoryId, TenantId, Traces};
use sbh_runtime::config::TemporalConfig;
use sbh_runtime::entity::Entities;
use sbh_runtime::{Keyring, temporal};
use sbh_workflows::repo_sync::{self, RepoChanged, RepoSyncInput, RepoSyncWorkflow};
use sbh_workflows::search_attributes;
use temporalio_client::{
    Client, ClientOptions, Connection, ConnectionOptions, WorkflowStartOptions,
};
use tokio::process::{Child, Command};
use uuid::Uuid;

use crate::load;
use crate::report::{Figure, Target};

/// Calls under way at once.
const AT_ONCE: usize = 32;

/// Workflows that the signals are spread over.
const ENTITIES: u64 = 100;

/// Measures for `time` each.
pub async fn run(time: Duration) -> anyhow::Result<Vec<Figure>> {
    let bare = bare(time).await?;
    let ours = ours(time).await?;
    Ok(vec![
        Figure::new("signal-with-start by the fleet", ours, "1/s")
            .against("bare client", bare)
            .target(Target::RatioAtLeast(0.5)),
    ])
}

async fn ours(time: Duration) -> anyhow::Result<f64> {
    let server = Server::start().await?;
    let keys = tempfile::tempdir()?;
    let keyring = Keyring::load_or_create(&keys.path().join("keyring.json"))?;
    let config = TemporalConfig { address: server.address(), ..TemporalConfig::default() };
    let client = temporal::connect(&config, &keyring).await?;
    let entities = Entities::new(client, 600, Debounce::default());
    let tenant: TenantId = "bench".parse()?;
    let load = load::closed(AT_ONCE, time, move |number| {
        let (entities, tenant) = (entities.clone(), tenant.clone());
        async move {
            let repository = RepositoryId(Uuid::from_u128(u128::from(number % ENTITIES)));
            Ok(entities.notify_repository(&tenant, repository, "bench", 1, Traces::new()).await?)
        }
    })
    .await?;
    Ok(load.per_second())
}

async fn bare(time: Duration) -> anyhow::Result<f64> {
    let server = Server::start().await?;
    let connection = Connection::connect(
        ConnectionOptions::new(server.address().parse::<reqwest::Url>()?).build(),
    )
    .await?;
    let client = Client::new(connection, ClientOptions::new("sbh").build())?;
    let load = load::closed(AT_ONCE, time, move |number| {
        let client = client.clone();
        async move { signal(&client, number % ENTITIES).await }
    })
    .await?;
    Ok(load.per_second())
}

/// One signal-with-start with nothing but what it must have.
async fn signal(client: &Client, entity: u64) -> anyhow::Result<()> {
    let input = RepoSyncInput {
        tenant: "bench".parse()?,
        repository: RepositoryId(Uuid::from_u128(u128::from(entity))),
        debounce: Debounce::default(),
        idle_s: 600,
        carried: 0,
        owes_announcement: false,
        traces: Traces::new(),
    };
    let options = WorkflowStartOptions::new(
        repo_sync::TASK_QUEUE,
        repo_sync::workflow_id(&input.tenant, input.repository),
    )
    .build();
    client
        .signal_with_start_workflow(
            RepoSyncWorkflow::run,
            input,
            RepoSyncWorkflow::changed,
            RepoChanged { notices: 1, traces: Traces::new() },
            options,
        )
        .await?;
    Ok(())
}

/// A fresh Temporal server with the settings of the local stack.
struct Server {
    port: u16,
    _process: Child,
    _folder: tempfile::TempDir,
}

impl Server {
    async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new(sbh_tests::harness::tools().join("bin/temporal"));
        command.args([
            "server",
            "start-dev",
            "--headless",
            "--namespace",
            "sbh",
            "--log-level",
            "never",
        ]);
        command.arg("--db-filename").arg(folder.path().join("temporal.sqlite"));
        command.args(["--port", &port.to_string()]);
        for pragma in ["journal_mode=wal", "synchronous=NORMAL"] {
            command.args(["--sqlite-pragma", pragma]);
        }
        for name in search_attributes::ALL {
            command.args(["--search-attribute", &format!("{name}=Keyword")]);
        }
        let process = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the Temporal server")?;
        let server = Self { port, _process: process, _folder: folder };
        for _ in 0..200 {
            if let Ok(url) = server.address().parse::<reqwest::Url>()
                && let Ok(connection) =
                    Connection::connect(ConnectionOptions::new(url).build()).await
                && let Ok(client) = Client::new(connection, ClientOptions::new("sbh").build())
                && signal(&client, ENTITIES).await.is_ok()
            {
                return Ok(server);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("the Temporal server did not come up within 10 s")
    }

    fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}
