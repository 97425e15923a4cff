//! Watching a queue's worker from its own thread: that the thread gets on, and that the server sees
//! it poll.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use temporalio_client::tonic::{Code, Request};
use temporalio_client::{Client, NamespacedClient};
use temporalio_common::protos::temporal::api::enums::v1::TaskQueueType;
use temporalio_common::protos::temporal::api::taskqueue::v1::TaskQueue;
use temporalio_common::protos::temporal::api::workflowservice::v1::DescribeTaskQueueRequest;
use tokio::sync::Notify;

use crate::fleet::Queue;
use crate::health::QueueHealth;

/// How often the thread shows that it gets on.
const TICK: Duration = Duration::from_secs(1);
/// How often the server is asked whether it sees the pollers, in ticks.
const ASK_EVERY: u32 = 10;
/// A poll lasts a minute; what the server has not seen for longer is gone.
const SEEN_WITHIN: Duration = Duration::from_secs(90);
/// How long the server may take to answer.
const CALL: Duration = Duration::from_secs(5);

/// The server does not know the namespace.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("Temporal does not know the namespace any more: it lost its database")]
pub(crate) struct Forgotten;

/// Notes that this thread gets on, and what the server sees of the worker. It runs beside the
/// worker on the same thread: when a workflow blocks it, the notes stop. It ends when the server
/// knows the namespace no more: it lost its database, and polling it goes nowhere.
pub(crate) async fn watch(client: &Client, queue: Queue, health: &QueueHealth) -> Forgotten {
    let forgotten = Arc::new(Notify::new());
    let mut tick = 0_u32;
    loop {
        health.tick();
        if tick % ASK_EVERY == 1 {
            // On a task of its own: the ticks must not wait for the network.
            let (client, health) = (client.clone(), health.clone());
            let forgotten = forgotten.clone();
            tokio::spawn(async move {
                match polls(&client, queue).await {
                    Ok(true) => health.seen(),
                    Ok(false) => {
                        health.answers(true);
                        tracing::warn!(queue = queue.name(), "the server sees no polls");
                    }
                    Err(status) if status.code() == Code::NotFound => forgotten.notify_one(),
                    Err(error) => {
                        health.answers(false);
                        tracing::warn!(queue = queue.name(), %error, "the server does not answer");
                    }
                }
            });
        }
        tokio::select! {
            () = tokio::time::sleep(TICK) => tick = tick.wrapping_add(1),
            () = forgotten.notified() => return Forgotten,
        }
    }
}

/// Whether the server saw this process poll for workflows and activities not long ago.
async fn polls(client: &Client, queue: Queue) -> Result<bool, temporalio_client::tonic::Status> {
    let identity = client.identity();
    for kind in [TaskQueueType::Workflow, TaskQueueType::Activity] {
        let mut request = Request::new(DescribeTaskQueueRequest {
            namespace: client.namespace(),
            task_queue: Some(TaskQueue { name: queue.name().to_owned(), ..Default::default() }),
            task_queue_type: kind as i32,
            ..Default::default()
        });
        request.set_timeout(CALL);
        let seen = client
            .connection()
            .workflow_service()
            .describe_task_queue(request)
            .await?
            .into_inner()
            .pollers
            .into_iter()
            .filter(|poller| poller.identity == identity)
            .filter_map(|poller| SystemTime::try_from(poller.last_access_time?).ok())
            .any(|at| at.elapsed().map_or(true, |since| since < SEEN_WITHIN));
        if !seen {
            return Ok(false);
        }
    }
    Ok(true)
}
