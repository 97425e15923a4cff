//! The workflows that are about a repository at GitHub: its pull requests and its check runs.

use sbh_domain::{RepositoryId, TenantId, Traces};
use sbh_workflows::check_run::{
    self, CheckRunDue, CheckRunInput, CheckRunStatus, CheckRunWorkflow,
};
use sbh_workflows::pull_request::{
    self, PullRequestChanged, PullRequestInput, PullRequestStatus, PullRequestWorkflow,
};
use temporalio_client::{WorkflowIdConflictPolicy, WorkflowIdReusePolicy, WorkflowStartOptions};

use super::start::{Urgency, about_repository_s};
use super::{Entities, EntityError, NOTIFY, STATUS, rpc, status_options, within};

impl Entities {
    /// Tells a pull request's workflow that notices lie in the inbox.
    ///
    /// # Errors
    /// [`EntityError`] says whether a later try can help.
    pub async fn notify_pull_request(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        repository_name: &str,
        number: i64,
        notices: u32,
        traces: Traces,
    ) -> Result<(), EntityError> {
        let id = pull_request::workflow_id(tenant, repository, number);
        let does = format!("proves pull request {number}");
        let about = about_repository_s(tenant, repository, repository_name, "pull_request", &does);
        let options = WorkflowStartOptions::new(pull_request::TASK_QUEUE, id.as_str())
            .id_reuse_policy(WorkflowIdReusePolicy::AllowDuplicate)
            .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting)
            .search_attributes(about.search_attributes)
            .static_summary(about.summary)
            .static_details(about.details)
            .priority(Urgency::Normal.priority(tenant))
            .rpc_options(rpc(NOTIFY))
            .build();
        let input = PullRequestInput {
            tenant: tenant.clone(),
            repository,
            number,
            debounce: self.debounce,
            idle_s: self.idle_s,
            carried: 0,
            traces: Traces::new(),
        };
        let started = self.client.signal_with_start_workflow(
            PullRequestWorkflow::run,
            input,
            PullRequestWorkflow::changed,
            PullRequestChanged { notices, traces },
            options,
        );
        within(NOTIFY, &id, started)
            .await?
            .map(drop)
            .map_err(|error| EntityError::start(&id, error))
    }

    /// Tells the workflow of a repository's check runs that some are due.
    ///
    /// # Errors
    /// [`EntityError`] says whether a later try can help.
    pub async fn notify_check_runs(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        repository_name: &str,
    ) -> Result<(), EntityError> {
        let id = check_run::workflow_id(tenant, repository);
        let does = "tells the check runs";
        let about = about_repository_s(tenant, repository, repository_name, "check_run", does);
        let options = WorkflowStartOptions::new(check_run::TASK_QUEUE, id.as_str())
            .id_reuse_policy(WorkflowIdReusePolicy::AllowDuplicate)
            .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting)
            .search_attributes(about.search_attributes)
            .static_summary(about.summary)
            .static_details(about.details)
            .priority(Urgency::Normal.priority(tenant))
            .rpc_options(rpc(NOTIFY))
            .build();
        let input = CheckRunInput {
            tenant: tenant.clone(),
            repository,
            idle_s: self.idle_s,
            carried: false,
        };
        let started = self.client.signal_with_start_workflow(
            CheckRunWorkflow::run,
            input,
            CheckRunWorkflow::due,
            CheckRunDue {},
            options,
        );
        within(NOTIFY, &id, started)
            .await?
            .map(drop)
            .map_err(|error| EntityError::start(&id, error))
    }

    /// What a pull request's workflow is doing; `None` when it does not run or does not answer within a
    /// second.
    pub async fn pull_request_status(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        number: i64,
    ) -> Option<PullRequestStatus> {
        let id = pull_request::workflow_id(tenant, repository, number);
        let handle = self.client.get_workflow_handle::<PullRequestWorkflow>(id);
        let answer = handle.query(PullRequestWorkflow::status, (), status_options());
        tokio::time::timeout(STATUS, answer).await.ok()?.ok()
    }

    /// What the workflow of a repository's check runs is doing; `None` as above.
    pub async fn check_run_status(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
    ) -> Option<CheckRunStatus> {
        let id = check_run::workflow_id(tenant, repository);
        let handle = self.client.get_workflow_handle::<CheckRunWorkflow>(id);
        let answer = handle.query(CheckRunWorkflow::status, (), status_options());
        tokio::time::timeout(STATUS, answer).await.ok()?.ok()
    }
}
