//! Everything that the activities work with, in real parts of one test.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use prometheus::Registry;
use sbh_activities::{Activities, DocumentSignals, HeadPoll, Parts, RepoSync, SpecDrift};
use sbh_domain::{ConnectionId, DocumentId, RepositoryId, SyncId, TenantId, Traces};
use sbh_outbound::Outbound;
use sbh_prover::{Limits, Pool, PoolConfig};
use sbh_runtime::{Config, Keyring, valkey::Valkey};
use sbh_sources::Bases;
use sbh_store::Store;
use sbh_store::inbox::{NewNotice, OpenDocument};
use sbh_store::repository::NewRepository;
use sbh_store::spec_drift::{Document, Invariant};
use sbh_store::testing::{TestDatabase, database};
use sbh_workflows::repo_sync::{AnnounceInput, SyncInput, SyncOutcome};
use sbh_workflows::spec_drift::{ProveInput, ProveOutcome, RecordInput, RecordOutcome};
use temporalio_sdk::activities::ActivityError;
use temporalio_sdk::testing::{ActivityEnvironment, ActivityEnvironmentError};
use uuid::Uuid;

use crate::origin::Origin;
use crate::tools;
use crate::valkey::free_address;

/// One installation with a tenant.
pub struct World {
    pub store: Store,
    pub keyring: Keyring,
    pub tenant: TenantId,
    pub registry: Registry,
    pub signals: Arc<Signals>,
    pub environment: ActivityEnvironment,
    pub config: Config,
    pub pool: Pool,
    folder: tempfile::TempDir,
    _database: TestDatabase,
}

/// Takes the signals, as Temporal would.
#[derive(Default)]
pub struct Signals {
    pub told: Mutex<Vec<DocumentId>>,
    /// How many signals are taken before Temporal is away.
    pub until: Mutex<Option<usize>>,
}

impl DocumentSignals for Signals {
    fn notify<'a>(
        &'a self,
        document: &'a OpenDocument,
        _traces: &'a Traces,
    ) -> BoxFuture<'a, anyhow::Result<()>> {
        let mut told = self.told.lock().unwrap();
        if self.until.lock().unwrap().is_some_and(|until| told.len() >= until) {
            return Box::pin(async { Err(anyhow::anyhow!("Temporal is away")) });
        }
        told.push(document.document);
        Box::pin(async { Ok(()) })
    }
}

impl World {
    /// An installation without a cache.
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// An installation with another configuration.
    pub async fn with(configure: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The path as git and the configuration's check see it.
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("origins")).unwrap();
        let mut config = Config::default();
        config.git.mirrors = root.join("mirrors");
        config.git.file_roots = vec![root.join("origins")];
        config.git.poll_s = 0;
        config.valkey.url = format!("redis://{}", free_address());
        config.prover.z3 = tools::z3();
        config.prover.processes = 2;
        config.prover.audit_share = 0.0;
        config.starter.max_attempts = 3;
        config.outbound.allow_addresses = vec!["127.0.0.1".to_owned()];
        configure(&mut config);
        let database = database().await;
        let store = database.store().await;
        let tenant: TenantId = "acme".parse().unwrap();
        store.ensure_tenant(&tenant).await.unwrap();
        let pool = Pool::start(PoolConfig {
            z3: config.prover.z3.clone(),
            size: config.prover.processes,
            limits: Limits { time: Duration::from_secs(10), ..Limits::default() },
        });
        let pool = pool.await.unwrap();
        let keyring = Keyring::load_or_create(&root.join("keyring.json")).unwrap();
        let signals = Arc::new(Signals::default());
        let parts = Parts {
            config: config.clone(),
            store: store.clone(),
            keyring: keyring.clone(),
            valkey: Valkey::new(&config.valkey).unwrap(),
            portfolio: sbh_prover::Portfolio::of_pool(pool.clone()),
            pool,
            documents: signals.clone(),
            outbound: Outbound::allowing(&config.outbound.allow_addresses).unwrap(),
            bases: Arc::new(Bases::read(|name| config.sources.address(name)).unwrap()),
        };
        let registry = Registry::new();
        let pool = parts.pool.clone();
        let activities = Activities::new(parts, &registry).unwrap();
        let environment = ActivityEnvironment::builder()
            .register_activities(activities.repo_sync())
            .register_activities(activities.spec_drift())
            .register_activities(activities.head_poll())
            .build();
        let _database = database;
        Self {
            store,
            keyring,
            tenant,
            registry,
            signals,
            environment,
            config,
            pool,
            folder,
            _database,
        }
    }

    /// The folder of this world.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A new remote on this machine.
    pub fn origin(&self, name: &str) -> Origin {
        Origin::create(self.folder().canonicalize().unwrap().join("origins").join(name))
    }

    /// Tracks an address.
    pub async fn track(
        &self,
        url: &str,
        branch: Option<&str>,
        connection: Option<ConnectionId>,
    ) -> RepositoryId {
        let new = NewRepository {
            connection,
            name: format!("r-{}", Uuid::new_v4().simple()),
            url: url.to_owned(),
            branch: branch.map(str::to_owned),
            hosted: None,
            globs: vec!["specs/**".to_owned()],
        };
        self.store.add_repository(&self.tenant, "ada", &new).await.unwrap().id
    }

    /// Tracks the branch `main` of a remote on this machine.
    pub async fn track_origin(&self, origin: &Origin) -> RepositoryId {
        self.track(&format!("file://{}", origin.path().display()), Some("main"), None).await
    }

    /// Puts a notice about a repository into the inbox.
    pub async fn notice(&self, repository: RepositoryId, key: &str) {
        let notice = NewNotice {
            tenant: self.tenant.clone(),
            repository,
            source: "github",
            connection: None,
            dedup_key: key.to_owned(),
            document_key: None,
            pull_number: None,
            hint: serde_json::json!({}),
            trace: None,
        };
        self.store.accept(&notice).await.unwrap();
    }

    /// Runs the activity `sync` under an id.
    pub async fn sync_as(
        &self,
        repository: RepositoryId,
        sync: SyncId,
    ) -> Result<SyncOutcome, (String, bool, String)> {
        let traces = Traces::new();
        let input = SyncInput { tenant: self.tenant.clone(), repository, sync, traces };
        self.environment.run(RepoSync::sync, input).await.map_err(failure)
    }

    /// Runs the activity `sync`.
    pub async fn sync(&self, repository: RepositoryId) -> SyncOutcome {
        self.sync_as(repository, SyncId(Uuid::new_v4())).await.unwrap()
    }

    /// Runs the activity `sync`, which fails: type, whether final, message.
    pub async fn sync_fails(&self, repository: RepositoryId) -> (String, bool, String) {
        self.sync_as(repository, SyncId(Uuid::new_v4())).await.unwrap_err()
    }

    /// Runs the activity `announce`.
    pub async fn announce(&self, repository: RepositoryId) -> Result<u32, (String, bool, String)> {
        let traces = Traces::new();
        let input = AnnounceInput { tenant: self.tenant.clone(), repository, traces };
        let outcome = self.environment.run(RepoSync::announce, input).await.map_err(failure)?;
        Ok(outcome.documents)
    }

    /// Runs the activity `prove` once.
    pub async fn prove_once(&self, input: ProveInput) -> ProveOutcome {
        self.environment.run(SpecDrift::prove, input).await.map_err(failure).unwrap()
    }

    /// The input that begins a proof.
    pub fn prove_input(&self, document: DocumentId, force: bool) -> ProveInput {
        let traces = Traces::new();
        ProveInput { tenant: self.tenant.clone(), document, resume: None, force, traces }
    }

    /// Runs the activity `prove` until the document is done, as the workflow does.
    pub async fn prove(&self, document: DocumentId, force: bool) -> ProveOutcome {
        let mut input = self.prove_input(document, force);
        loop {
            match self.prove_once(input.clone()).await {
                ProveOutcome::More { resume, .. } => input.resume = Some(resume),
                ProveOutcome::Superseded => input.resume = None,
                outcome => return outcome,
            }
        }
    }

    /// Runs the activity `record` for an outcome of `prove`.
    pub async fn record(&self, document: DocumentId, outcome: &ProveOutcome) -> RecordOutcome {
        let (hash, total) = match outcome {
            ProveOutcome::Staged { hash, total } => (Some(*hash), *total),
            ProveOutcome::Removed => (None, 0),
            other => panic!("{other:?} is not to be recorded"),
        };
        let input = RecordInput {
            tenant: self.tenant.clone(),
            document,
            hash,
            total,
            workflow_id: "w".into(),
            run_id: "r".into(),
            traces: Traces::new(),
        };
        self.environment.run(SpecDrift::record, input).await.map_err(failure).unwrap()
    }

    /// Proves and records every document that drifted.
    pub async fn settle(&self, repository: RepositoryId) {
        for document in self.documents(repository).await {
            if document.observed != document.recorded {
                let outcome = self.prove(document.id, false).await;
                self.record(document.id, &outcome).await;
            }
        }
    }

    /// All documents of a repository.
    pub async fn documents(&self, repository: RepositoryId) -> Vec<Document> {
        self.store.documents(&self.tenant, repository, None, 10_000).await.unwrap()
    }

    /// The paths of the documents that are there.
    pub async fn paths(&self, repository: RepositoryId) -> Vec<String> {
        let documents = self.documents(repository).await;
        documents.into_iter().filter(|d| d.observed.is_some()).map(|d| d.path).collect()
    }

    /// The document at a path.
    pub async fn document(&self, repository: RepositoryId, path: &str) -> Document {
        let documents = self.documents(repository).await;
        documents.into_iter().find(|document| document.path == path).expect("the document is there")
    }

    /// The recorded invariants of the document at a path.
    pub async fn invariants(&self, repository: RepositoryId, path: &str) -> Vec<Invariant> {
        let document = self.document(repository, path).await.id;
        let page = self.store.invariants(&self.tenant, document, None, 20_000).await.unwrap();
        page.into_iter().map(|(_, invariant)| invariant).collect()
    }

    /// The states of the repository's notices, oldest first.
    pub async fn notices(&self, repository: RepositoryId) -> Vec<(String, Option<String>)> {
        let mut rows = self.store.inbox(&self.tenant, None, None, 1_000).await.unwrap();
        rows.retain(|row| row.repository == repository);
        rows.reverse();
        rows.into_iter().map(|row| (row.state, row.reason)).collect()
    }

    /// A counter, or a histogram's count, summed over its labels.
    pub fn metric(&self, name: &str) -> u64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name);
        family.map_or(0, |family| {
            let metrics = family.get_metric().iter();
            metrics
                .map(|metric| {
                    metric.get_counter().get_value() as u64
                        + metric.get_histogram().get_sample_count()
                })
                .sum()
        })
    }

    /// The counter of one value of a metric's only label.
    pub fn metric_of(&self, name: &str, label: &str) -> u64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name);
        let metrics = family.map_or(&[][..], |family| family.get_metric());
        let one = metrics.iter().find(|one| one.get_label().iter().any(|l| l.value() == label));
        one.map_or(0, |one| one.get_counter().get_value() as u64)
    }

    /// Runs a round of `head_poll`: checked, moved, failed.
    pub async fn poll(&self) -> (u32, u32, u32) {
        let outcome = self.environment.run(HeadPoll::compare_heads, Default::default()).await;
        let outcome = outcome.map_err(failure).unwrap();
        (outcome.checked, outcome.moved, outcome.failed)
    }
}

/// The type of a failure, whether it is final, and its message, as Temporal gets them.
pub fn failure(error: ActivityEnvironmentError) -> (String, bool, String) {
    match error {
        ActivityEnvironmentError::Activity(ActivityError::Application(failure)) => (
            failure.type_name().unwrap_or_default().to_owned(),
            failure.is_non_retryable(),
            failure.to_string(),
        ),
        other => panic!("{other:?}"),
    }
}
