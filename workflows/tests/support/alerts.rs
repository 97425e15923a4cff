//! Lives of the workflows that tell people, with a worker of their own.

use std::sync::Arc;

use sbh_domain::ChannelId;
use sbh_workflows::drift_backlog::{
    self, DriftBacklogInput, DriftBacklogOutcome, DriftBacklogWorkflow,
};
use sbh_workflows::notify::{
    self, DeliverInput, DeliverOutcome, Delivered, NotifyDue, NotifyInput, NotifyStatus,
    NotifyWorkflow,
};
use temporalio_client::{
    Client, WorkflowGetResultOptions, WorkflowHistory, WorkflowIdConflictPolicy,
    WorkflowSignalOptions, WorkflowStartOptions,
};
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use temporalio_sdk::{Runtime, Worker, WorkerOptions};

use super::scenario::Life;
use super::server::Server;
use super::stand_in::{Handler, answer, replies};

/// What each activity does.
#[derive(Clone)]
pub struct AlertScript {
    pub deliver: Handler<DeliverInput, DeliverOutcome>,
    pub scan: Handler<DriftBacklogInput, DriftBacklogOutcome>,
}

impl Default for AlertScript {
    fn default() -> Self {
        Self { deliver: replies([]), scan: replies([]) }
    }
}

pub struct NotifyStandIn(pub AlertScript);

#[activities]
impl NotifyStandIn {
    #[activity(definition = notify::definitions::Deliver)]
    pub async fn deliver(
        self: Arc<Self>,
        context: ActivityContext,
        input: DeliverInput,
    ) -> Result<DeliverOutcome, ActivityError> {
        answer(context, (self.0.deliver)(input)).await
    }
}

pub struct DriftBacklogStandIn(pub AlertScript);

#[activities]
impl DriftBacklogStandIn {
    #[activity(definition = drift_backlog::definitions::Scan)]
    pub async fn scan(
        self: Arc<Self>,
        context: ActivityContext,
        input: DriftBacklogInput,
    ) -> Result<DriftBacklogOutcome, ActivityError> {
        answer(context, (self.0.scan)(input)).await
    }
}

/// Does something while a worker runs, with activities from a script.
pub async fn with_worker<T>(
    server: &Server,
    script: &AlertScript,
    body: impl AsyncFnOnce(Client) -> T,
) -> T {
    let runtime = Runtime::from_current_tokio(Default::default()).unwrap();
    let options = WorkerOptions::new(notify::TASK_QUEUE)
        .register_workflow::<NotifyWorkflow>()
        .unwrap()
        .register_workflow::<DriftBacklogWorkflow>()
        .unwrap()
        .register_activities(NotifyStandIn(script.clone()))
        .register_activities(DriftBacklogStandIn(script.clone()))
        .build();
    let mut worker = Worker::new(&runtime, server.client().await, options).unwrap();
    let stop = worker.shutdown_handle();
    let client = server.client().await;
    let body = async {
        let result = body(client).await;
        stop();
        result
    };
    let (worker, result) = tokio::join!(worker.run(), body);
    worker.unwrap();
    result
}

pub fn channel_input(gap_ms: u64, idle_s: u64, number: u128) -> NotifyInput {
    NotifyInput {
        tenant: "demo".parse().unwrap(),
        channel: ChannelId(uuid::Uuid::from_u128(number)),
        collect_ms: 50,
        gap_ms,
        idle_s,
        carried: false,
    }
}

/// Starts or signals a channel's workflow; the run's id.
pub async fn notify_channel(client: &Client, input: NotifyInput) -> String {
    let id = notify::workflow_id(&input.tenant, input.channel);
    let options = WorkflowStartOptions::new(notify::TASK_QUEUE, id)
        .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting)
        .build();
    let (run, due) = (NotifyWorkflow::run, NotifyWorkflow::due);
    let started = client.signal_with_start_workflow(run, input, due, NotifyDue {}, options);
    started.await.unwrap().run_id().unwrap().to_owned()
}

async fn end_of_channel(client: &Client, input: &NotifyInput) -> (NotifyStatus, WorkflowHistory) {
    let id = notify::workflow_id(&input.tenant, input.channel);
    let handle = client.get_workflow_handle::<NotifyWorkflow>(id);
    let status = handle.get_result(WorkflowGetResultOptions::default()).await.unwrap();
    (status, handle.fetch_history(Default::default()))
}

fn delivered(delivered: Delivered) -> DeliverOutcome {
    let alerts = u32::from(delivered != Delivered::Nothing);
    DeliverOutcome { delivered, alerts, wait_ms: None, reason: None }
}

/// All of them, one after the other.
pub async fn all(server: &Server) -> Vec<Life> {
    vec![
        two_messages_with_a_gap(server).await,
        asked_to_wait(server).await,
        refused_unknown_and_broken(server).await,
        one_scan(server).await,
    ]
}

async fn two_messages_with_a_gap(server: &Server) -> Life {
    let script = AlertScript {
        deliver: replies([
            Ok(delivered(Delivered::Sent)),
            Ok(delivered(Delivered::Sent)),
            Ok(delivered(Delivered::Nothing)),
        ]),
        ..AlertScript::default()
    };
    let input = channel_input(1_000, 1, 80);
    let history = with_worker(server, &script, async |client| {
        let first = notify_channel(&client, input.clone()).await;
        assert_eq!(notify_channel(&client, input.clone()).await, first);
        let (status, history) = end_of_channel(&client, &input).await;
        assert_eq!((status.sent, status.pending, status.last_error), (2, false, None));
        history
    })
    .await;
    Life { concern: "notify", name: "two_messages_with_a_gap", history }
}

async fn asked_to_wait(server: &Server) -> Life {
    let later = DeliverOutcome {
        wait_ms: Some(1_500),
        reason: Some("the service asks to be left alone".into()),
        ..delivered(Delivered::Later)
    };
    let script = AlertScript {
        deliver: replies([
            Ok(later),
            Ok(delivered(Delivered::Sent)),
            Ok(delivered(Delivered::Nothing)),
        ]),
        ..AlertScript::default()
    };
    let input = channel_input(10, 1, 81);
    let history = with_worker(server, &script, async |client| {
        notify_channel(&client, input.clone()).await;
        let (status, history) = end_of_channel(&client, &input).await;
        assert_eq!((status.sent, status.last_error), (1, None));
        history
    })
    .await;
    Life { concern: "notify", name: "asked_to_wait", history }
}

async fn refused_unknown_and_broken(server: &Server) -> Life {
    let script = AlertScript {
        deliver: replies([
            Ok(delivered(Delivered::Failed)),
            Ok(delivered(Delivered::Unknown)),
            Err("the database refused"),
            Ok(delivered(Delivered::Nothing)),
        ]),
        ..AlertScript::default()
    };
    let input = channel_input(10, 2, 82);
    let history = with_worker(server, &script, async |client| {
        notify_channel(&client, input.clone()).await;
        let id = notify::workflow_id(&input.tenant, input.channel);
        let handle = client.get_workflow_handle::<NotifyWorkflow>(id);
        loop {
            let query = handle.query(NotifyWorkflow::status, (), Default::default());
            if query.await.unwrap().last_error.as_deref() == Some("the database refused") {
                break;
            }
        }
        // The store still holds what is to be told, and the starter gives notice again.
        let again = WorkflowSignalOptions::default();
        handle.signal(NotifyWorkflow::due, NotifyDue {}, again).await.unwrap();
        let (status, history) = end_of_channel(&client, &input).await;
        assert_eq!((status.sent, status.failed, status.unknown), (0, 1, 1));
        history
    })
    .await;
    Life { concern: "notify", name: "refused_unknown_and_broken", history }
}

async fn one_scan(server: &Server) -> Life {
    let outcome = DriftBacklogOutcome { overdue: 3, raised: 1, resolved: 2 };
    let script = AlertScript { scan: replies([Ok(outcome.clone())]), ..AlertScript::default() };
    let history = with_worker(server, &script, async |client| {
        let id = drift_backlog::workflow_id();
        let options = WorkflowStartOptions::new(drift_backlog::TASK_QUEUE, id).build();
        let input = DriftBacklogInput::default();
        let started = client.start_workflow(DriftBacklogWorkflow::run, input, options);
        let handle = started.await.unwrap();
        let ended = handle.get_result(WorkflowGetResultOptions::default()).await.unwrap();
        assert_eq!(ended, outcome);
        handle.fetch_history(Default::default())
    })
    .await;
    Life { concern: "drift_backlog", name: "one_scan", history }
}
