//! Reaching the workflows of alert channels.

use sbh_domain::{ChannelId, TenantId};
use sbh_workflows::notify::{self, NotifyDue, NotifyInput, NotifyStatus, NotifyWorkflow};
use temporalio_client::{WorkflowIdConflictPolicy, WorkflowIdReusePolicy, WorkflowStartOptions};

use super::start::{Urgency, about_channel};
use super::{Entities, EntityError, NOTIFY, STATUS, rpc, status_options, within};
use crate::config::NotifyConfig;

impl Entities {
    /// Tells an alert channel's workflow that there is something to be told.
    ///
    /// # Errors
    /// [`EntityError`] says whether a later try can help.
    pub async fn notify_channel(
        &self,
        tenant: &TenantId,
        channel: ChannelId,
        config: &NotifyConfig,
    ) -> Result<(), EntityError> {
        let id = notify::workflow_id(tenant, channel);
        let about = about_channel(tenant, channel);
        let options = WorkflowStartOptions::new(notify::TASK_QUEUE, id.as_str())
            .id_reuse_policy(WorkflowIdReusePolicy::AllowDuplicate)
            .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting)
            .search_attributes(about.search_attributes)
            .static_summary(about.summary)
            .static_details(about.details)
            .priority(Urgency::Normal.priority(tenant))
            .rpc_options(rpc(NOTIFY))
            .build();
        let input = NotifyInput {
            tenant: tenant.clone(),
            channel,
            collect_ms: config.collect_ms,
            gap_ms: config.gap_ms,
            idle_s: self.idle_s,
            carried: false,
        };
        let started = self.client.signal_with_start_workflow(
            NotifyWorkflow::run,
            input,
            NotifyWorkflow::due,
            NotifyDue::default(),
            options,
        );
        within(NOTIFY, &id, started)
            .await?
            .map(drop)
            .map_err(|error| EntityError::start(&id, error))
    }

    /// What a channel's workflow is doing; `None` when it does not run or does not answer within a
    /// second.
    pub async fn notify_status(
        &self,
        tenant: &TenantId,
        channel: ChannelId,
    ) -> Option<NotifyStatus> {
        let id = notify::workflow_id(tenant, channel);
        let handle = self.client.get_workflow_handle::<NotifyWorkflow>(id);
        let answer = handle.query(NotifyWorkflow::status, (), status_options());
        tokio::time::timeout(STATUS, answer).await.ok()?.ok()
    }
}
