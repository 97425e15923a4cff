//! What a Temporal server must know before work is given to it: the namespace, the search
//! attributes and the schedules, as the files in `temporal/` say. Applying twice changes nothing;
//! a server that lost its database gets everything again.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;
use temporalio_client::schedules::{
    CreateScheduleOptions, ScheduleAction, ScheduleError, ScheduleOverlapPolicy, ScheduleSpec,
};
use temporalio_client::tonic::{Code, Request};
use temporalio_client::{
    Client, NamespacedClient, RegisterNamespaceOptions, RetryOptions, RpcOptions,
};
use temporalio_common::protos::temporal::api::enums::v1::IndexedValueType;
use temporalio_common::protos::temporal::api::operatorservice::v1::{
    AddSearchAttributesRequest, ListSearchAttributesRequest,
};
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    DescribeNamespaceRequest, RegisterNamespaceRequest,
};

use sbh_workflows::drift_backlog::{self, DriftBacklogInput, DriftBacklogWorkflow};
use sbh_workflows::head_poll::{self, HeadPollInput, HeadPollWorkflow};
use sbh_workflows::source_upkeep::{self, SourceUpkeepInput, SourceUpkeepWorkflow};

use crate::config::Config;

const NAMESPACE: &str = include_str!("../../../temporal/namespace.toml");
const SEARCH_ATTRIBUTES: &str = include_str!("../../../temporal/search_attributes.toml");
const SCHEDULES: &str = include_str!("../../../temporal/schedules.toml");

/// The time for one call.
const CALL: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Namespace {
    description: String,
    retention_days: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SearchAttributes {
    /// Name → meaning.
    keyword: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Schedules {
    head_poll: Schedule,
    drift_backlog: Schedule,
    source_upkeep: Schedule,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Schedule {
    id: String,
    every: String,
    note: String,
    catchup_window_s: u64,
}

/// What [`apply`] had to change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// Whether the namespace was made.
    pub namespace: bool,
    /// Search attributes that were added.
    pub search_attributes: Vec<String>,
    /// Schedules that were made or changed.
    pub schedules: Vec<String>,
}

/// Makes the server's namespace, search attributes and schedules what the files in `temporal/` and
/// the configuration say. Meant to be called at every start and from time to time.
///
/// # Errors
/// Says which of them could not be applied.
pub async fn apply(client: &Client, config: &Config) -> anyhow::Result<Applied> {
    Ok(Applied {
        namespace: ensure_namespace(client).await.context("cannot make the namespace")?,
        search_attributes: ensure_search_attributes(client)
            .await
            .context("cannot add the search attributes")?,
        schedules: ensure_schedules(client, config).await.context("cannot make the schedules")?,
    })
}

async fn ensure_namespace(client: &Client) -> anyhow::Result<bool> {
    let wanted: Namespace = toml::from_str(NAMESPACE)?;
    let mut service = client.connection().workflow_service();
    let known = service
        .describe_namespace(request(DescribeNamespaceRequest {
            namespace: client.namespace(),
            ..Default::default()
        }))
        .await;
    match known {
        Ok(_) => return Ok(false),
        Err(status) if status.code() == Code::NotFound => {}
        Err(status) => return Err(status.into()),
    }
    let options = RegisterNamespaceOptions::builder()
        .namespace(client.namespace())
        .description(wanted.description)
        .workflow_execution_retention_period(Duration::from_secs(wanted.retention_days * 86_400))
        .build();
    match service.register_namespace(request(RegisterNamespaceRequest::from(options))).await {
        Ok(_) => Ok(true),
        Err(status) if status.code() == Code::AlreadyExists => Ok(false),
        Err(status) => Err(status.into()),
    }
}

async fn ensure_search_attributes(client: &Client) -> anyhow::Result<Vec<String>> {
    let wanted: SearchAttributes = toml::from_str(SEARCH_ATTRIBUTES)?;
    let mut service = client.connection().operator_service();
    let known = service
        .list_search_attributes(request(ListSearchAttributesRequest {
            namespace: client.namespace(),
        }))
        .await?
        .into_inner()
        .custom_attributes;
    let missing: Vec<String> =
        wanted.keyword.into_keys().filter(|name| !known.contains_key(name)).collect();
    if missing.is_empty() {
        return Ok(missing);
    }
    let keyword = IndexedValueType::Keyword as i32;
    let added = service
        .add_search_attributes(request(AddSearchAttributesRequest {
            search_attributes: missing.iter().map(|name| (name.clone(), keyword)).collect(),
            namespace: client.namespace(),
        }))
        .await;
    match added {
        Ok(_) => Ok(missing),
        // Another replica was first.
        Err(status) if status.code() == Code::AlreadyExists => Ok(Vec::new()),
        Err(status) => Err(status.into()),
    }
}

async fn ensure_schedules(client: &Client, config: &Config) -> anyhow::Result<Vec<String>> {
    let Schedules { head_poll, drift_backlog, source_upkeep } = toml::from_str(SCHEDULES)?;
    let head_poll_action = ScheduleAction::start_workflow(
        HeadPollWorkflow::run,
        HeadPollInput::default(),
        head_poll::TASK_QUEUE,
        head_poll::workflow_id(),
    );
    let drift_backlog_action = ScheduleAction::start_workflow(
        DriftBacklogWorkflow::run,
        DriftBacklogInput::default(),
        drift_backlog::TASK_QUEUE,
        drift_backlog::workflow_id(),
    );
    let source_upkeep_action = ScheduleAction::start_workflow(
        SourceUpkeepWorkflow::run,
        SourceUpkeepInput::default(),
        source_upkeep::TASK_QUEUE,
        source_upkeep::workflow_id(),
    );
    let mut changed = Vec::new();
    for (wanted, every_s, action) in [
        (head_poll, config.git.poll_s, head_poll_action),
        (drift_backlog, config.drift.backlog_every_s, drift_backlog_action),
        (source_upkeep, config.sources.upkeep_s, source_upkeep_action),
    ] {
        let every = Duration::from_secs(every_s);
        if ensure_schedule(client, &wanted, every, action).await? {
            changed.push(wanted.id);
        }
    }
    Ok(changed)
}

/// Makes or corrects one schedule. Says whether anything had to be changed.
async fn ensure_schedule(
    client: &Client,
    wanted: &Schedule,
    every: Duration,
    action: ScheduleAction,
) -> anyhow::Result<bool> {
    // The note tells what was applied, so that nothing is written when nothing changed.
    let note = format!("{} Every {} s ({}).", wanted.note, every.as_secs(), wanted.every);
    let handle = client.get_schedule_handle(wanted.id.as_str());
    match handle.describe(rpc()).await {
        Ok(known) if known.note() == Some(note.as_str()) => return Ok(false),
        Ok(_) => {}
        Err(error) if code(&error) == Some(Code::NotFound) => {
            let options = CreateScheduleOptions::builder()
                .action(action.clone())
                .spec(ScheduleSpec::from_interval(every))
                .overlap_policy(ScheduleOverlapPolicy::Skip)
                // Until the update below has set what creation cannot set.
                .note("being made")
                .rpc_options(rpc())
                .build();
            match client.create_schedule(wanted.id.as_str(), options).await {
                Ok(_) => {}
                // Another replica was first.
                Err(error) if code(&error) == Some(Code::AlreadyExists) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(error) => return Err(error.into()),
    }
    let catchup = Duration::from_secs(wanted.catchup_window_s);
    handle
        .update(
            move |update| {
                update
                    .set_action(action)
                    .set_spec(ScheduleSpec::from_interval(every))
                    .set_overlap_policy(ScheduleOverlapPolicy::Skip)
                    .set_catchup_window(catchup)
                    .set_pause_on_failure(false)
                    .set_note(note);
            },
            rpc(),
        )
        .await?;
    Ok(true)
}

fn code(error: &ScheduleError) -> Option<Code> {
    match error {
        ScheduleError::Rpc(status) => Some(status.code()),
        _ => None,
    }
}

fn request<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(CALL);
    request
}

fn rpc() -> RpcOptions {
    let retries = RetryOptions::builder().max_retries(3).max_elapsed_time(Some(CALL)).build();
    RpcOptions::builder().timeout(CALL).retry_options(retries).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_say_what_the_code_says() {
        let attributes: SearchAttributes = toml::from_str(SEARCH_ATTRIBUTES).unwrap();
        let mut names: Vec<_> = sbh_workflows::search_attributes::ALL.to_vec();
        names.sort_unstable();
        assert_eq!(attributes.keyword.into_keys().collect::<Vec<_>>(), names);
        let Schedules { head_poll, drift_backlog, source_upkeep } =
            toml::from_str(SCHEDULES).unwrap();
        assert_eq!(source_upkeep.id, source_upkeep::SCHEDULE_ID);
        assert_eq!(source_upkeep.every, "sources.upkeep_s");
        assert_eq!(head_poll.id, head_poll::SCHEDULE_ID);
        assert_eq!(head_poll.every, "git.poll_s");
        assert_eq!(drift_backlog.id, drift_backlog::SCHEDULE_ID);
        assert_eq!(drift_backlog.every, "drift.backlog_every_s");
        let namespace: Namespace = toml::from_str(NAMESPACE).unwrap();
        assert!(namespace.retention_days > 0);
    }
}
