//! What the workers of a test stand on: a database, a Temporal server, a repository, settings.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use sbh_domain::{Debounce, DocumentId, RepositoryId, TenantId, TraceParent};
use sbh_runtime::config::TemporalConfig;
use sbh_runtime::entity::Entities;
use sbh_runtime::{Keyring, temporal};
use sbh_store::Store;
use sbh_store::inbox::NewNotice;
use sbh_store::repository::NewRepository;
use sbh_store::testing::{TestDatabase, database};
use temporalio_client::NamespacedClient;
use temporalio_client::tonic::Request;
use temporalio_common::protos::temporal::api::common::v1::WorkflowExecution;
use temporalio_common::protos::temporal::api::enums::v1::PendingActivityState;
use temporalio_common::protos::temporal::api::workflowservice::v1::DescribeWorkflowExecutionRequest;

/// The trace that every notice of a test comes with.
pub const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// See the module.
pub struct Ground {
    pub database: TestDatabase,
    pub store: Store,
    pub tenant: TenantId,
    pub port: u16,
    folder: tempfile::TempDir,
}

impl Ground {
    /// A database with the tenant `demo`. No Temporal runs yet.
    pub async fn new() -> Self {
        let database = database().await;
        let store = database.store().await;
        let tenant: TenantId = "demo".parse().unwrap();
        store.ensure_tenant(&tenant).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        Self { database, store, tenant, port: free_port(), folder }
    }

    /// A folder that goes with the test.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The settings of the workers.
    pub fn settings(&self) -> Vec<(String, String)> {
        let file = |name: &str| self.folder().join(name).display().to_string();
        [
            ("SBH_DATABASE_APP_URL", self.database.app_url.clone()),
            ("SBH_DATABASE_DISPATCH_URL", self.database.dispatch_url.clone()),
            ("SBH_TEMPORAL_ADDRESS", self.temporal().address),
            ("SBH_VALKEY_URL", format!("redis://127.0.0.1:{}", free_port())),
            ("SBH_KEYRING_FILE", file("keyring.json")),
            ("SBH_GIT_MIRRORS", file("mirrors")),
            ("SBH_GIT_FILE_ROOTS", file("origins")),
            ("SBH_PROVER_Z3", tool("z3").display().to_string()),
            ("SBH_PROVER_PROCESSES", "1".into()),
            ("SBH_TELEMETRY_FORMAT", "json".into()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    fn temporal(&self) -> TemporalConfig {
        let address = format!("http://127.0.0.1:{}", self.port);
        TemporalConfig { address, ..TemporalConfig::default() }
    }

    /// Commits one document to a new repository and tracks that.
    pub async fn track(&self, document: &str) -> RepositoryId {
        let origin = self.folder().join("origins").join(uuid::Uuid::new_v4().to_string());
        std::fs::create_dir_all(origin.join("specs")).unwrap();
        std::fs::write(origin.join("specs/a.md"), document).unwrap();
        for arguments in [
            &["init", "--quiet", "--initial-branch=main"][..],
            &["add", "."],
            &["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "a"],
        ] {
            let done = Command::new("git").current_dir(&origin).args(arguments).status().unwrap();
            assert!(done.success());
        }
        let new = NewRepository {
            connection: None,
            name: "shop".into(),
            url: format!("file://{}", origin.display()),
            branch: Some("main".into()),
            hosted: None,
            globs: vec!["specs/**".into()],
        };
        self.store.add_repository(&self.tenant, "ada", &new).await.unwrap().id
    }

    /// Does what the starter does with a notice: commits it, claims it, signals.
    pub async fn notify(&self, repository: RepositoryId) {
        let trace: TraceParent = TRACE.parse().unwrap();
        let notice = NewNotice {
            tenant: self.tenant.clone(),
            repository,
            source: "github",
            connection: None,
            dedup_key: uuid::Uuid::new_v4().to_string(),
            document_key: None,
            pull_number: None,
            hint: serde_json::json!({}),
            trace: Some(trace),
        };
        self.store.accept(&notice).await.unwrap();
        let claims = self.store.claim_notices(100, Duration::ZERO).await.unwrap();
        let claim = claims.into_iter().find(|claim| claim.repository == repository).unwrap();
        assert!(claim.traces.clone().into_iter().any(|claimed| claimed == trace));
        let entities = self.entities().await;
        eventually("the signal to be taken", async || {
            let traces = claim.traces.clone();
            let sent = entities.notify_repository(&self.tenant, repository, "shop", 1, traces);
            sent.await.map_err(|error| error.to_string())
        })
        .await;
    }

    /// Reaches the workflows.
    pub async fn entities(&self) -> Entities {
        let keyring = Keyring::load_or_create(&self.folder().join("keyring.json")).unwrap();
        let config = self.temporal();
        let client = eventually("Temporal to answer", async || {
            temporal::connect(&config, &keyring).await.map_err(|error| format!("{error:#}"))
        })
        .await;
        Entities::new(client, 600, Debounce { quiet_ms: 0, max_ms: 0 })
    }

    /// The repository's only document, as soon as there is one.
    pub async fn document(&self, repository: RepositoryId) -> DocumentId {
        eventually("the document", async || {
            let documents = self.store.documents(&self.tenant, repository, None, 10).await.unwrap();
            documents.first().map(|document| document.id).ok_or("there is none")
        })
        .await
    }

    /// Waits until a solver works on the document.
    pub async fn is_being_proved(&self, document: DocumentId) {
        let entities = self.entities().await;
        let client = entities.client();
        let workflow_id = sbh_workflows::spec_drift::workflow_id(&self.tenant, document);
        eventually("the proof to run", async || {
            let request = DescribeWorkflowExecutionRequest {
                namespace: client.namespace(),
                execution: Some(WorkflowExecution {
                    workflow_id: workflow_id.clone(),
                    run_id: String::new(),
                }),
            };
            let mut service = client.connection().workflow_service();
            let described = service.describe_workflow_execution(Request::new(request)).await;
            let pending = described.map_err(|s| s.to_string())?.into_inner().pending_activities;
            let started = PendingActivityState::Started as i32;
            let runs = pending.iter().any(|activity| activity.state == started);
            if runs { Ok(()) } else { Err(format!("{} pending", pending.len())) }
        })
        .await;
    }

    /// Waits until the document's observed content is the recorded one.
    pub async fn recorded(&self, document: DocumentId) -> sbh_store::spec_drift::Document {
        eventually("the document to be recorded", async || {
            let document = self.store.document(&self.tenant, document).await.unwrap();
            let done = document.recorded.is_some() && document.recorded == document.observed;
            if done { Ok(document) } else { Err(format!("{document:?}")) }
        })
        .await
    }

    /// How many verdicts are staged.
    pub async fn staged(&self) -> i64 {
        let mut admin = self.database.admin().await;
        let count = sqlx::query_scalar("SELECT count(*) FROM staged_verdicts");
        count.fetch_one(&mut admin).await.unwrap()
    }
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// A native tool.
pub fn tool(name: &str) -> PathBuf {
    let own = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.sbh/tools"));
    std::env::var_os("SBH_TOOLS").map_or(own, PathBuf::from).join("bin").join(name)
}

/// Looks until something holds, at most 90 s.
pub async fn eventually<T, E: std::fmt::Display>(
    what: &str,
    mut look: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let begin = Instant::now();
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) if begin.elapsed() > Duration::from_secs(90) => {
                panic!("waited for {what}: {seen}")
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
