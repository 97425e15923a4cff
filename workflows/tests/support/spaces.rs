//! Lives of what looks after hosted spaces and their connections.

use std::sync::Arc;

use sbh_domain::ConnectionId;
use sbh_workflows::source_upkeep::{
    self, DueInput, DueOutcome, RunInput, RunOutcome, SourceUpkeepInput, SourceUpkeepOutcome,
    SourceUpkeepWorkflow,
};
use temporalio_client::{Client, WorkflowGetResultOptions, WorkflowStartOptions};
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use temporalio_sdk::{Runtime, Worker, WorkerOptions};

use super::scenario::{Life, end_of_repository, notify_repository, repo_input, synced};
use super::server::Server;
use super::stand_in::{Handler, Script, answer, doing, replies};

/// What each activity does.
#[derive(Clone)]
pub struct UpkeepScript {
    pub due: Handler<DueInput, DueOutcome>,
    pub run: Handler<RunInput, RunOutcome>,
}

pub struct SourceUpkeepStandIn(pub UpkeepScript);

#[activities]
impl SourceUpkeepStandIn {
    #[activity(definition = source_upkeep::definitions::Due)]
    pub async fn due(
        self: Arc<Self>,
        context: ActivityContext,
        input: DueInput,
    ) -> Result<DueOutcome, ActivityError> {
        answer(context, (self.0.due)(input)).await
    }

    #[activity(definition = source_upkeep::definitions::Run)]
    pub async fn run(
        self: Arc<Self>,
        context: ActivityContext,
        input: RunInput,
    ) -> Result<RunOutcome, ActivityError> {
        answer(context, (self.0.run)(input)).await
    }
}

/// Does something while a worker runs, with activities from a script.
pub async fn with_worker<T>(
    server: &Server,
    script: &UpkeepScript,
    body: impl AsyncFnOnce(Client) -> T,
) -> T {
    let runtime = Runtime::from_current_tokio(Default::default()).unwrap();
    let options = WorkerOptions::new(source_upkeep::TASK_QUEUE)
        .register_workflow::<SourceUpkeepWorkflow>()
        .unwrap()
        .register_activities(SourceUpkeepStandIn(script.clone()))
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

/// All of them, one after the other.
pub async fn all(server: &Server) -> Vec<Life> {
    vec![
        a_service_that_asks_to_be_left_alone(server).await,
        a_round_of_upkeep(server).await,
        nothing_is_due(server).await,
    ]
}

async fn a_service_that_asks_to_be_left_alone(server: &Server) -> Life {
    let mut asked = synced(0, 0);
    asked.retry_after_s = Some(1);
    let script = Script { sync: replies([Ok(asked), Ok(synced(0, 1))]), ..Script::default() };
    let input = repo_input(1, 10, 1, 90);
    let history = server
        .with_workers(&script, async |client| {
            notify_repository(&client, input.clone()).await;
            let (status, history) = end_of_repository(&client, &input).await;
            assert_eq!(status.syncs, 2, "it goes on without another notice");
            assert_eq!((status.pending, status.last_error), (0, None));
            history
        })
        .await;
    Life { concern: "repo_sync", name: "a_service_that_asks_to_be_left_alone", history }
}

async fn ended(client: &Client) -> (SourceUpkeepOutcome, temporalio_client::WorkflowHistory) {
    let id = source_upkeep::workflow_id();
    let options = WorkflowStartOptions::new(source_upkeep::TASK_QUEUE, id).build();
    let input = SourceUpkeepInput::default();
    let started = client.start_workflow(SourceUpkeepWorkflow::run, input, options);
    let handle = started.await.unwrap();
    let outcome = handle.get_result(WorkflowGetResultOptions::default()).await.unwrap();
    (outcome, handle.fetch_history(Default::default()))
}

/// More connections than are looked after at once, one of which cannot be.
async fn a_round_of_upkeep(server: &Server) -> Life {
    let connection = |number: u128| RunInput {
        tenant: "demo".parse().unwrap(),
        connection: ConnectionId(uuid::Uuid::from_u128(number)),
    };
    let due = DueOutcome { connections: (1..=10).map(connection).collect() };
    let broken = connection(4);
    let script = UpkeepScript {
        due: replies([Ok(due)]),
        run: doing(move |input| {
            let result = if input == broken {
                Err("the database refused")
            } else {
                Ok(RunOutcome { failed: false, found: 1, replayed: 2 })
            };
            std::future::ready(result)
        }),
    };
    let history = with_worker(server, &script, async |client| {
        let (outcome, history) = ended(&client).await;
        let expected = SourceUpkeepOutcome { connections: 10, failed: 1, found: 9, replayed: 18 };
        assert_eq!(outcome, expected);
        history
    })
    .await;
    Life { concern: "source_upkeep", name: "a_round_of_upkeep", history }
}

async fn nothing_is_due(server: &Server) -> Life {
    let script = UpkeepScript { due: replies([Ok(DueOutcome::default())]), run: replies([]) };
    let history = with_worker(server, &script, async |client| {
        let (outcome, history) = ended(&client).await;
        assert_eq!(outcome, SourceUpkeepOutcome::default());
        history
    })
    .await;
    Life { concern: "source_upkeep", name: "nothing_is_due", history }
}
