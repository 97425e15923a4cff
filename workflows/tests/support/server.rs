//! A Temporal development server of one's own, on a free port, gone with the value.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sbh_workflows::head_poll::HeadPollWorkflow;
use sbh_workflows::repo_sync::RepoSyncWorkflow;
use sbh_workflows::search_attributes;
use sbh_workflows::spec_drift::SpecDriftWorkflow;
use sbh_workflows::{repo_sync, spec_drift};
use temporalio_client::{Client, ClientOptions, Connection, ConnectionOptions, Url};
use temporalio_sdk::{Runtime, Worker, WorkerOptions};

use super::stand_in::{HeadPollStandIn, RepoSyncStandIn, Script, SpecDriftStandIn};

const NAMESPACE: &str = "sbh";

pub struct Server {
    child: Child,
    address: String,
}

impl Server {
    pub async fn start() -> Self {
        // Kept until the server is spawned, so that two servers never get one port.
        let (port, http) = (free_port(), free_port());
        let (port_number, http_number) = (port_of(&port), port_of(&http));
        let mut command = Command::new(tool("temporal"));
        command
            .args([
                "server",
                "start-dev",
                "--headless",
                "--log-level",
                "never",
                "--ip",
                "127.0.0.1",
            ])
            .args(["--port", &port_number.to_string(), "--http-port", &http_number.to_string()])
            .args(["--namespace", NAMESPACE])
            .args(["--dynamic-config-value", "history.transferProcessorMaxPollRPS=2000"])
            .args(["--dynamic-config-value", "history.timerProcessorMaxPollRPS=2000"])
            .args(["--dynamic-config-value", "history.timerProcessorMaxTimeShift=\"20ms\""])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        for name in search_attributes::ALL {
            command.args(["--search-attribute", &format!("{name}=Keyword")]);
        }
        drop((port, http));
        let child = command.spawn().expect("the temporal binary starts");
        let server = Self { child, address: format!("http://127.0.0.1:{port_number}") };
        server.client().await;
        server
    }

    /// A client, as soon as the server answers.
    pub async fn client(&self) -> Client {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            // Not the machine's name: recorded histories hold the identity.
            let options = ConnectionOptions::new(Url::parse(&self.address).unwrap())
                .identity("recorder")
                .connect_timeout(Duration::from_secs(5))
                .build();
            match Connection::connect(options).await {
                Ok(connection) => {
                    return Client::new(connection, ClientOptions::new(NAMESPACE).build()).unwrap();
                }
                Err(error) if Instant::now() > deadline => panic!("no Temporal server: {error}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Does something while workers of both queues run, with activities from a script.
    pub async fn with_workers<T>(&self, script: &Script, body: impl AsyncFnOnce(Client) -> T) -> T {
        let runtime = Runtime::from_current_tokio(Default::default()).unwrap();
        let options = WorkerOptions::new(repo_sync::TASK_QUEUE)
            .register_workflow::<RepoSyncWorkflow>()
            .unwrap()
            .register_workflow::<HeadPollWorkflow>()
            .unwrap()
            .register_activities(RepoSyncStandIn(script.clone()))
            .register_activities(HeadPollStandIn(script.clone()))
            .build();
        let mut sync = Worker::new(&runtime, self.client().await, options).unwrap();
        let options = WorkerOptions::new(spec_drift::TASK_QUEUE)
            .register_workflow::<SpecDriftWorkflow>()
            .unwrap()
            .register_activities(SpecDriftStandIn(script.clone()))
            .build();
        let mut proof = Worker::new(&runtime, self.client().await, options).unwrap();
        let (stop_sync, stop_proof) = (sync.shutdown_handle(), proof.shutdown_handle());
        let client = self.client().await;
        let body = async {
            let result = body(client).await;
            stop_sync();
            stop_proof();
            result
        };
        let (sync, proof, result) = tokio::join!(sync.run(), proof.run(), body);
        sync.unwrap();
        proof.unwrap();
        result
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> TcpListener {
    TcpListener::bind(("127.0.0.1", 0)).unwrap()
}

fn port_of(listener: &TcpListener) -> u16 {
    listener.local_addr().unwrap().port()
}

/// A native tool: from the folder that `SBH_TOOLS` names, else from the project's own.
fn tool(name: &str) -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.sbh/tools");
    let folder = std::env::var_os("SBH_TOOLS").map_or(own, PathBuf::from);
    let path = folder.join("bin").join(name);
    assert!(path.is_file(), "{} is missing: run ./sbh test, or set SBH_TOOLS", path.display());
    path
}
