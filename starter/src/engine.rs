//! Temporal as the starter sees it: it may be away at any time, also at the start, and comes back
//! without a restart.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use sbh_domain::{ChannelId, DocumentId, RepositoryId, TenantId, Traces};
use sbh_runtime::entity::{Entities, EntityError};
use sbh_runtime::{Config, Keyring, temporal};
use sbh_workflows::pull_request::PullRequestStatus;
use sbh_workflows::repo_sync::RepoSyncStatus;
use sbh_workflows::spec_drift::{ReproveAccepted, SpecDriftStatus};
use temporalio_client::tonic::Request;
use temporalio_common::protos::temporal::api::workflowservice::v1::DescribeNamespaceRequest;
use tokio::sync::{Mutex, Notify};

/// How often at most a connection is tried, whoever asks.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// How long Temporal may take to say that it is there.
const PING: Duration = Duration::from_secs(2);

/// Reaches workflows. Cloning shares the connection.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    keyring: Keyring,
    /// Re-connects by itself once it was made.
    entities: RwLock<Option<Entities>>,
    connecting: Mutex<Option<(Instant, String)>>,
    /// A call failed: the server may have lost its set-up.
    doubted: Notify,
}

impl Engine {
    /// Connects with the first call.
    pub fn new(config: &Config, keyring: &Keyring) -> Self {
        Self {
            inner: Arc::new(Inner {
                config: config.clone(),
                keyring: keyring.clone(),
                entities: RwLock::new(None),
                connecting: Mutex::new(None),
                doubted: Notify::new(),
            }),
        }
    }

    async fn entities(&self, workflow: impl FnOnce() -> String) -> Result<Entities, EntityError> {
        self.connected().await.map_err(|reason| EntityError::Away { workflow: workflow(), reason })
    }

    async fn connected(&self) -> Result<Entities, String> {
        if let Some(entities) = self.held() {
            return Ok(entities);
        }
        let mut failed = self.inner.connecting.lock().await;
        if let Some(entities) = self.held() {
            return Ok(entities);
        }
        if let Some((at, reason)) = &*failed
            && at.elapsed() < RETRY_AFTER
        {
            return Err(reason.clone());
        }
        let config = &self.inner.config;
        match temporal::connect(&config.temporal, &self.inner.keyring).await {
            Ok(client) => {
                let entities = Entities::new(client, config.workers.idle_s, config.debounce);
                *self.inner.entities.write().unwrap_or_else(PoisonError::into_inner) =
                    Some(entities.clone());
                *failed = None;
                Ok(entities)
            }
            Err(error) => {
                let reason = format!("{error:#}");
                *failed = Some((Instant::now(), reason.clone()));
                Err(reason)
            }
        }
    }

    fn held(&self) -> Option<Entities> {
        self.inner.entities.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells a repository's workflow that notices lie in the inbox.
    ///
    /// # Errors
    /// [`EntityError`] says whether a later try can help.
    pub async fn notify_repository(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        name: &str,
        notices: u32,
        traces: Traces,
    ) -> Result<(), EntityError> {
        let entities =
            self.entities(|| sbh_workflows::repo_sync::workflow_id(tenant, repository)).await?;
        self.noting(entities.notify_repository(tenant, repository, name, notices, traces).await)
    }

    /// Tells a document's workflow that its observed content is not the recorded one.
    ///
    /// # Errors
    /// [`EntityError`] says whether a later try can help.
    pub async fn notify_document(
        &self,
        tenant: &TenantId,
        repository_name: &str,
        document: DocumentId,
        path: &str,
        traces: Traces,
    ) -> Result<(), EntityError> {
        let entities =
            self.entities(|| sbh_workflows::spec_drift::workflow_id(tenant, document)).await?;
        self.noting(entities.notify_document(tenant, repository_name, document, path, traces).await)
    }

    /// Tells an alert channel's workflow that there is something to be told.
    ///
    /// # Errors
    /// [`EntityError`] says whether a later try can help.
    pub async fn notify_channel(
        &self,
        tenant: &TenantId,
        channel: ChannelId,
    ) -> Result<(), EntityError> {
        let entities =
            self.entities(|| sbh_workflows::notify::workflow_id(tenant, channel)).await?;
        self.noting(entities.notify_channel(tenant, channel, &self.inner.config.notify).await)
    }

    /// Tells a pull request's workflow that notices lie in the inbox.
    ///
    /// # Errors
    /// [`EntityError`] says whether a later try can help.
    pub async fn notify_pull_request(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        name: &str,
        number: i64,
        notices: u32,
        traces: Traces,
    ) -> Result<(), EntityError> {
        let id = || sbh_workflows::pull_request::workflow_id(tenant, repository, number);
        let entities = self.entities(id).await?;
        let told = entities.notify_pull_request(tenant, repository, name, number, notices, traces);
        self.noting(told.await)
    }

    /// Tells the workflow of a repository's check runs that some are due.
    ///
    /// # Errors
    /// [`EntityError`] says whether a later try can help.
    pub async fn notify_check_runs(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        name: &str,
    ) -> Result<(), EntityError> {
        let entities =
            self.entities(|| sbh_workflows::check_run::workflow_id(tenant, repository)).await?;
        self.noting(entities.notify_check_runs(tenant, repository, name).await)
    }

    /// What a pull request's workflow is doing, if it can be asked.
    pub async fn pull_request_status(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        number: i64,
    ) -> Option<PullRequestStatus> {
        self.connected().await.ok()?.pull_request_status(tenant, repository, number).await
    }

    /// What a repository's workflow is doing, if it can be asked.
    pub async fn repo_sync_status(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
    ) -> Option<RepoSyncStatus> {
        self.connected().await.ok()?.repo_sync_status(tenant, repository).await
    }

    /// What a document's workflow is doing, if it can be asked.
    pub async fn spec_drift_status(
        &self,
        tenant: &TenantId,
        document: DocumentId,
    ) -> Option<SpecDriftStatus> {
        self.connected().await.ok()?.spec_drift_status(tenant, document).await
    }

    /// Asks for a document to be proved again and waits until its workflow has taken that up.
    ///
    /// # Errors
    /// [`EntityError`] says whether a later try can help.
    pub async fn reprove(
        &self,
        tenant: &TenantId,
        document: DocumentId,
        force: bool,
        update_id: &str,
        traces: Traces,
    ) -> Result<ReproveAccepted, EntityError> {
        let entities =
            self.entities(|| sbh_workflows::spec_drift::workflow_id(tenant, document)).await?;
        self.noting(entities.reprove(tenant, document, force, update_id, traces).await)
    }

    /// Waits until a call failed in a way that a lost set-up could explain.
    pub async fn doubted(&self) {
        self.inner.doubted.notified().await;
    }

    fn noting<T>(&self, result: Result<T, EntityError>) -> Result<T, EntityError> {
        if result.as_ref().is_err_and(EntityError::is_away) {
            self.inner.doubted.notify_one();
        }
        result
    }

    /// Makes namespace, search attributes and schedules what they should be; `true` when something
    /// had to be changed.
    ///
    /// # Errors
    /// Says what could not be applied.
    pub async fn apply(&self) -> anyhow::Result<bool> {
        let entities = self.connected().await.map_err(anyhow::Error::msg)?;
        let applied = temporal::apply(entities.client(), &self.inner.config).await?;
        Ok(applied != temporal::Applied::default())
    }

    /// Whether Temporal answers and has the namespace.
    ///
    /// # Errors
    /// Says why not.
    pub async fn ping(&self) -> Result<(), String> {
        self.namespace_id().await.map(drop)
    }

    /// The id that Temporal gave the namespace. Another one than before is another database, whoever
    /// set it up, that knows no workflow.
    ///
    /// # Errors
    /// Says why Temporal does not tell it.
    pub async fn namespace_id(&self) -> Result<String, String> {
        let ping = async {
            let entities = self.connected().await?;
            let mut service = entities.client().connection().workflow_service();
            let namespace = self.inner.config.temporal.namespace.clone();
            let mut request =
                Request::new(DescribeNamespaceRequest { namespace, ..Default::default() });
            request.set_timeout(PING);
            let answer = service.describe_namespace(request).await;
            let answer =
                answer.map_err(|status| format!("{:?}: {}", status.code(), status.message()))?;
            Ok(answer.into_inner().namespace_info.map(|info| info.id).unwrap_or_default())
        };
        let limit = tokio::time::timeout(PING, ping);
        limit.await.unwrap_or_else(|_| Err(format!("no answer within {} s", PING.as_secs())))
    }

    /// The page of a workflow in the Web UI: of one run, or of the newest.
    pub fn page(&self, workflow_id: &str, run_id: Option<&str>) -> String {
        let config = &self.inner.config.temporal;
        let id = workflow_id.replace('%', "%25").replace('/', "%2F");
        let base = format!(
            "{}/namespaces/{}/workflows/{id}",
            config.ui_url.trim_end_matches('/'),
            config.namespace
        );
        match run_id {
            Some(run) => format!("{base}/{run}/history"),
            None => base,
        }
    }
}
