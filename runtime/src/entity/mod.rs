//! The typed ways to reach an entity's workflow. A notice starts the workflow where it does not
//! run, so no caller needs to know whether it does.

mod channel;
mod error;
mod github;
mod start;

use std::time::Duration;

use sbh_domain::{Debounce, DocumentId, RepositoryId, TenantId, Traces};
use sbh_workflows::repo_sync::{
    self, RepoChanged, RepoSyncInput, RepoSyncStatus, RepoSyncWorkflow,
};
use sbh_workflows::spec_drift::{
    self, DocumentChanged, ReproveAccepted, ReproveRequest, SpecDriftInput, SpecDriftStatus,
    SpecDriftWorkflow,
};
use temporalio_client::{
    Client, QueryRejectCondition, RetryOptions, RpcOptions, WorkflowIdConflictPolicy,
    WorkflowIdReusePolicy, WorkflowQueryOptions, WorkflowStartOptions,
    WorkflowUpdateWithStartOptions,
};

pub use error::EntityError;
use start::{Urgency, about_document, about_repository};

/// The time for one notice, retries included.
const NOTIFY: Duration = Duration::from_secs(5);
/// The time in which a status is worth having.
const STATUS: Duration = Duration::from_secs(1);
/// The time in which a worker must take an update.
const UPDATE: Duration = Duration::from_secs(5);

/// Reaches the workflows of repositories and documents. Cloning is cheap.
#[derive(Clone)]
pub struct Entities {
    client: Client,
    idle_s: u64,
    debounce: Debounce,
}

impl Entities {
    /// `idle_s` and `debounce` go into the workflows that are started from here.
    pub fn new(client: Client, idle_s: u64, debounce: Debounce) -> Self {
        Self { client, idle_s, debounce }
    }

    /// The client that is used.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Tells a repository's workflow that notices lie in the inbox.
    ///
    /// # Errors
    /// [`EntityError`] says whether a later try can help.
    pub async fn notify_repository(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        repository_name: &str,
        notices: u32,
        traces: Traces,
    ) -> Result<(), EntityError> {
        let id = repo_sync::workflow_id(tenant, repository);
        let about = about_repository(tenant, repository, repository_name);
        let options = WorkflowStartOptions::new(repo_sync::TASK_QUEUE, id.as_str())
            .id_reuse_policy(WorkflowIdReusePolicy::AllowDuplicate)
            .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting)
            .search_attributes(about.search_attributes)
            .static_summary(about.summary)
            .static_details(about.details)
            .priority(Urgency::Normal.priority(tenant))
            .rpc_options(rpc(NOTIFY))
            .build();
        let input = RepoSyncInput {
            tenant: tenant.clone(),
            repository,
            debounce: self.debounce,
            idle_s: self.idle_s,
            carried: 0,
            owes_announcement: false,
            traces: Traces::new(),
        };
        let started = self.client.signal_with_start_workflow(
            RepoSyncWorkflow::run,
            input,
            RepoSyncWorkflow::changed,
            RepoChanged { notices, traces },
            options,
        );
        within(NOTIFY, &id, started)
            .await?
            .map(drop)
            .map_err(|error| EntityError::start(&id, error))
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
        let id = spec_drift::workflow_id(tenant, document);
        let about = about_document(tenant, document, Some((repository_name, path)));
        let options = WorkflowStartOptions::new(spec_drift::TASK_QUEUE, id.as_str())
            .id_reuse_policy(WorkflowIdReusePolicy::AllowDuplicate)
            .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting)
            .search_attributes(about.search_attributes)
            .static_summary(about.summary)
            .static_details(about.details)
            .priority(Urgency::Normal.priority(tenant))
            .rpc_options(rpc(NOTIFY))
            .build();
        let started = self.client.signal_with_start_workflow(
            SpecDriftWorkflow::run,
            self.document_input(tenant, document),
            SpecDriftWorkflow::changed,
            DocumentChanged { traces },
            options,
        );
        within(NOTIFY, &id, started)
            .await?
            .map(drop)
            .map_err(|error| EntityError::start(&id, error))
    }

    /// What a repository's workflow is doing; `None` when it does not run or does not answer within
    /// a second.
    pub async fn repo_sync_status(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
    ) -> Option<RepoSyncStatus> {
        let id = repo_sync::workflow_id(tenant, repository);
        let handle = self.client.get_workflow_handle::<RepoSyncWorkflow>(id);
        let answer = handle.query(RepoSyncWorkflow::status, (), status_options());
        tokio::time::timeout(STATUS, answer).await.ok()?.ok()
    }

    /// What a document's workflow is doing; `None` when it does not run or does not answer within a
    /// second.
    pub async fn spec_drift_status(
        &self,
        tenant: &TenantId,
        document: DocumentId,
    ) -> Option<SpecDriftStatus> {
        let id = spec_drift::workflow_id(tenant, document);
        let handle = self.client.get_workflow_handle::<SpecDriftWorkflow>(id);
        let answer = handle.query(SpecDriftWorkflow::status, (), status_options());
        tokio::time::timeout(STATUS, answer).await.ok()?.ok()
    }

    /// Asks for a document to be proved again, and waits until its workflow has taken the request
    /// (not until it is proved). `update_id` makes the request idempotent.
    ///
    /// # Errors
    /// [`EntityError`] says whether a later try can help. A time-out may still have reached the
    /// workflow: the same `update_id` is then answered with the first answer.
    pub async fn reprove(
        &self,
        tenant: &TenantId,
        document: DocumentId,
        force: bool,
        update_id: &str,
        traces: Traces,
    ) -> Result<ReproveAccepted, EntityError> {
        let id = spec_drift::workflow_id(tenant, document);
        let about = about_document(tenant, document, None);
        let options = WorkflowUpdateWithStartOptions::new(
            spec_drift::TASK_QUEUE,
            id.as_str(),
            WorkflowIdConflictPolicy::UseExisting,
        )
        .id_reuse_policy(WorkflowIdReusePolicy::AllowDuplicate)
        .search_attributes(about.search_attributes)
        .static_summary(about.summary)
        .static_details(about.details)
        .priority(Urgency::High.priority(tenant))
        .update_id(update_id)
        .rpc_options(rpc(UPDATE))
        .build();
        let updated = self.client.execute_update_with_start_workflow(
            SpecDriftWorkflow::run,
            self.document_input(tenant, document),
            SpecDriftWorkflow::reprove,
            ReproveRequest { force, traces },
            options,
        );
        within(UPDATE, &id, updated).await?.map_err(|error| EntityError::update(&id, error))
    }

    fn document_input(&self, tenant: &TenantId, document: DocumentId) -> SpecDriftInput {
        SpecDriftInput {
            tenant: tenant.clone(),
            document,
            idle_s: self.idle_s,
            carried: false,
            carried_force: false,
            traces: Traces::new(),
        }
    }
}

/// The client's own time-outs hold for one try; this one holds for all.
async fn within<T>(
    limit: Duration,
    id: &str,
    call: impl Future<Output = T>,
) -> Result<T, EntityError> {
    tokio::time::timeout(limit, call).await.map_err(|_| EntityError::Away {
        workflow: id.to_owned(),
        reason: format!("no answer within {} s", limit.as_secs()),
    })
}

/// Few and quick retries: callers have their own, slower ones.
fn rpc(limit: Duration) -> RpcOptions {
    let retries = RetryOptions::builder().max_retries(3).max_elapsed_time(Some(limit)).build();
    RpcOptions::builder().timeout(limit).retry_options(retries).build()
}

fn status_options() -> WorkflowQueryOptions {
    // A closed run would have to be replayed to answer, and the store knows how it ended.
    WorkflowQueryOptions::builder()
        .reject_condition(QueryRejectCondition::NotOpen)
        .rpc_options(rpc(STATUS))
        .build()
}
