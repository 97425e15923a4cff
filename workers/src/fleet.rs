//! The one registration list: which workflows and activities run on which task queue, and how many
//! at once.

use sbh_activities::Activities;
use sbh_runtime::Config;
use sbh_workflows::check_run::CheckRunWorkflow;
use sbh_workflows::drift_backlog::DriftBacklogWorkflow;
use sbh_workflows::head_poll::HeadPollWorkflow;
use sbh_workflows::notify::NotifyWorkflow;
use sbh_workflows::pull_request::PullRequestWorkflow;
use sbh_workflows::repo_sync::RepoSyncWorkflow;
use sbh_workflows::source_upkeep::SourceUpkeepWorkflow;
use sbh_workflows::spec_drift::SpecDriftWorkflow;
use sbh_workflows::{notify, repo_sync, spec_drift};
use temporalio_sdk::WorkerOptions;
use temporalio_sdk::error::WorkflowRegistrationError;
use temporalio_sdk::runtime::PollerBehavior;
use temporalio_sdk::runtime::worker_tuner::{FixedSizeSlotSupplier, TunerHolder};

/// A task queue of the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Queue {
    /// Repositories: fetching, comparing, announcing.
    Sync,
    /// Documents: proving and recording.
    Proof,
    /// Alert channels: sending messages; and looking for drift that nobody proves.
    Notify,
}

impl Queue {
    /// Every queue.
    pub const ALL: [Self; 3] = [Self::Sync, Self::Proof, Self::Notify];

    /// The queue's name in Temporal.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sync => repo_sync::TASK_QUEUE,
            Self::Proof => spec_drift::TASK_QUEUE,
            Self::Notify => notify::TASK_QUEUE,
        }
    }
}

/// What runs on a queue.
///
/// # Errors
/// When two workflows have one name.
pub fn options(
    queue: Queue,
    activities: &Activities,
    config: &Config,
) -> Result<WorkerOptions, WorkflowRegistrationError> {
    let options = match queue {
        Queue::Sync => sized(queue, config.workers.max_syncs, 200)
            .register_workflow::<RepoSyncWorkflow>()?
            .register_workflow::<HeadPollWorkflow>()?
            .register_workflow::<SourceUpkeepWorkflow>()?
            .register_activities(activities.repo_sync())
            .register_activities(activities.head_poll())
            .register_activities(activities.source_upkeep())
            .build(),
        Queue::Proof => sized(queue, config.workers.max_proofs, 600)
            .register_workflow::<SpecDriftWorkflow>()?
            .register_workflow::<PullRequestWorkflow>()?
            .register_activities(activities.spec_drift())
            .register_activities(activities.pull_request())
            .build(),
        Queue::Notify => sized(queue, config.notify.at_once, 100)
            .register_workflow::<NotifyWorkflow>()?
            .register_workflow::<CheckRunWorkflow>()?
            .register_workflow::<DriftBacklogWorkflow>()?
            .register_activities(activities.notify())
            .register_activities(activities.check_run())
            .register_activities(activities.drift_backlog())
            .build(),
    };
    Ok(options)
}

/// A worker of a queue with `activities` at once and `cached` workflows kept in memory. A workflow
/// beyond these is replayed from its history when something happens to it, so the number bounds
/// memory, not workflows.
fn sized(
    queue: Queue,
    activities: usize,
    cached: usize,
) -> temporalio_sdk::WorkerOptionsBuilder<impl temporalio_sdk::worker_options_builder::State> {
    let slots = TunerHolder::builder()
        .workflow_task_slot_supplier(FixedSizeSlotSupplier::new(40))
        .activity_task_slot_supplier(FixedSizeSlotSupplier::new(activities))
        .local_activity_task_slot_supplier(FixedSizeSlotSupplier::new(16))
        .nexus_task_slot_supplier(FixedSizeSlotSupplier::new(1))
        .build();
    WorkerOptions::new(queue.name())
        .max_cached_workflows(cached)
        .tuner(slots)
        // Half of the polls wait for new workflows: a burst starts many.
        .workflow_task_poller_behavior(PollerBehavior::SimpleMaximum(6))
        .nonsticky_to_sticky_poll_ratio(0.5)
        .activity_task_poller_behavior(PollerBehavior::SimpleMaximum(4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_concern_has_a_queue_here() {
        assert_eq!(sbh_workflows::head_poll::TASK_QUEUE, Queue::Sync.name());
        let names = Queue::ALL.map(Queue::name);
        assert_eq!(names, ["sync", "proof", "notify"]);
        assert_eq!(sbh_workflows::drift_backlog::TASK_QUEUE, Queue::Notify.name());
    }
}
