//! The floor of the workflow engine: bare workflows of bare activities on the same server.

use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt, TryStreamExt};
use sbh_tests::Stack;
use temporalio_client::{
    Client, ClientOptions, Connection, ConnectionOptions, WorkflowGetResultOptions,
    WorkflowStartOptions,
};
use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use temporalio_sdk::{
    ActivityOptions, Runtime, Worker, WorkerOptions, WorkflowContext, WorkflowResult,
};

const TASK_QUEUE: &str = "bench-bare";

struct Nothing;

#[activities]
impl Nothing {
    #[activity(name = "bench.nothing")]
    async fn nothing(_ctx: ActivityContext, _input: ()) -> Result<(), ActivityError> {
        Ok(())
    }
}

#[workflow]
#[derive(Default)]
struct Bare;

#[workflow_methods]
impl Bare {
    #[run(name = "bench_bare")]
    async fn run(ctx: &mut WorkflowContext<Self>, activities: u32) -> WorkflowResult<()> {
        for _ in 0..activities {
            let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(10));
            ctx.execute_activity(Nothing::nothing, (), options).await?;
        }
        Ok(())
    }
}

/// Runs `workflows` bare workflows at once with `activities` bare activities in all; how long
/// that takes with a worker in this process.
pub async fn run(stack: &Stack, workflows: usize, activities: usize) -> anyhow::Result<Duration> {
    let address = format!("http://{}", stack.env("temporal_address").trim_start_matches("http://"));
    let connection = Connection::connect(
        ConnectionOptions::new(address.parse::<reqwest::Url>()?).identity("bench").build(),
    )
    .await?;
    let client = Client::new(connection, ClientOptions::new("sbh").build())?;
    let runtime = Runtime::from_current_tokio(Default::default())?;
    let options = WorkerOptions::new(TASK_QUEUE)
        .register_activities(Nothing)
        .register_workflow::<Bare>()?
        .build();
    let mut worker = Worker::new(&runtime, client.clone(), options)?;
    let stop = worker.shutdown_handle();
    let work = async {
        let begun = Instant::now();
        stream::iter(0..workflows)
            .map(|number| {
                let client = client.clone();
                // The remainder goes to the first ones, one each.
                let share = activities / workflows + usize::from(number < activities % workflows);
                async move {
                    let id = format!("bench-bare/{}", uuid::Uuid::new_v4());
                    let options = WorkflowStartOptions::new(TASK_QUEUE, id).build();
                    let handle = client.start_workflow(Bare::run, share as u32, options).await?;
                    handle.get_result(WorkflowGetResultOptions::default()).await?;
                    anyhow::Ok(())
                }
            })
            .buffer_unordered(100)
            .try_collect::<Vec<()>>()
            .await?;
        let took = begun.elapsed();
        stop();
        anyhow::Ok(took)
    };
    let (ran, took) = futures::join!(worker.run(), work);
    ran?;
    took
}
