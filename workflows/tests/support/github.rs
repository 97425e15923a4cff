//! Lives of the workflows that are about a repository at GitHub, with workers of their own.

use std::sync::Arc;

use sbh_domain::{Debounce, RepositoryId, Traces, Verdict, VerdictCounts};
use sbh_workflows::check_run::{
    self, CheckRunDue, CheckRunInput, CheckRunStatus, CheckRunWorkflow, PostInput, PostOutcome,
};
use sbh_workflows::pull_request::{
    self, JudgeInput, JudgeOutcome, PullRequestChanged, PullRequestInput, PullRequestStatus,
    PullRequestWorkflow,
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
pub struct GitHubScript {
    pub post: Handler<PostInput, PostOutcome>,
    pub judge: Handler<JudgeInput, JudgeOutcome>,
}

impl Default for GitHubScript {
    fn default() -> Self {
        Self { post: replies([]), judge: replies([]) }
    }
}

pub struct CheckRunStandIn(pub GitHubScript);

#[activities]
impl CheckRunStandIn {
    #[activity(definition = check_run::definitions::Post)]
    pub async fn post(
        self: Arc<Self>,
        context: ActivityContext,
        input: PostInput,
    ) -> Result<PostOutcome, ActivityError> {
        answer(context, (self.0.post)(input)).await
    }
}

pub struct PullRequestStandIn(pub GitHubScript);

#[activities]
impl PullRequestStandIn {
    #[activity(definition = pull_request::definitions::Judge)]
    pub async fn judge(
        self: Arc<Self>,
        context: ActivityContext,
        input: JudgeInput,
    ) -> Result<JudgeOutcome, ActivityError> {
        answer(context, (self.0.judge)(input)).await
    }
}

/// Does something while workers run, with activities from a script.
pub async fn with_workers<T>(
    server: &Server,
    script: &GitHubScript,
    body: impl AsyncFnOnce(Client) -> T,
) -> T {
    let runtime = Runtime::from_current_tokio(Default::default()).unwrap();
    let options = WorkerOptions::new(check_run::TASK_QUEUE)
        .register_workflow::<CheckRunWorkflow>()
        .unwrap()
        .register_activities(CheckRunStandIn(script.clone()))
        .build();
    let mut notify = Worker::new(&runtime, server.client().await, options).unwrap();
    let options = WorkerOptions::new(pull_request::TASK_QUEUE)
        .register_workflow::<PullRequestWorkflow>()
        .unwrap()
        .register_activities(PullRequestStandIn(script.clone()))
        .build();
    let mut proof = Worker::new(&runtime, server.client().await, options).unwrap();
    let (stop_notify, stop_proof) = (notify.shutdown_handle(), proof.shutdown_handle());
    let client = server.client().await;
    let body = async {
        let result = body(client).await;
        stop_notify();
        stop_proof();
        result
    };
    let (notify, proof, result) = tokio::join!(notify.run(), proof.run(), body);
    notify.unwrap();
    proof.unwrap();
    result
}

pub fn check_input(idle_s: u64, number: u128) -> CheckRunInput {
    CheckRunInput {
        tenant: "demo".parse().unwrap(),
        repository: RepositoryId(uuid::Uuid::from_u128(number)),
        idle_s,
        carried: false,
    }
}

pub fn pull_input(quiet_ms: u64, max_ms: u64, idle_s: u64, number: i64) -> PullRequestInput {
    PullRequestInput {
        tenant: "demo".parse().unwrap(),
        repository: RepositoryId(uuid::Uuid::from_u128(77)),
        number,
        debounce: Debounce { quiet_ms, max_ms },
        idle_s,
        carried: 0,
        traces: Traces::new(),
    }
}

/// Starts or signals the workflow of a repository's check runs; the run's id.
pub async fn notify_checks(client: &Client, input: CheckRunInput) -> String {
    let id = check_run::workflow_id(&input.tenant, input.repository);
    let options = WorkflowStartOptions::new(check_run::TASK_QUEUE, id)
        .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting)
        .build();
    let handle = client
        .signal_with_start_workflow(
            CheckRunWorkflow::run,
            input,
            CheckRunWorkflow::due,
            CheckRunDue {},
            options,
        )
        .await
        .unwrap();
    handle.run_id().unwrap().to_owned()
}

/// Starts or signals a pull request's workflow; the run's id.
pub async fn notify_pull(client: &Client, input: PullRequestInput) -> String {
    let id = pull_request::workflow_id(&input.tenant, input.repository, input.number);
    let options = WorkflowStartOptions::new(pull_request::TASK_QUEUE, id)
        .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting)
        .build();
    let handle = client
        .signal_with_start_workflow(
            PullRequestWorkflow::run,
            input,
            PullRequestWorkflow::changed,
            PullRequestChanged { notices: 1, traces: Traces::new() },
            options,
        )
        .await
        .unwrap();
    handle.run_id().unwrap().to_owned()
}

async fn end_of_checks(
    client: &Client,
    input: &CheckRunInput,
) -> (CheckRunStatus, WorkflowHistory) {
    let id = check_run::workflow_id(&input.tenant, input.repository);
    let handle = client.get_workflow_handle::<CheckRunWorkflow>(id);
    let status = handle.get_result(WorkflowGetResultOptions::default()).await.unwrap();
    (status, handle.fetch_history(Default::default()))
}

async fn end_of_pull(
    client: &Client,
    input: &PullRequestInput,
) -> (PullRequestStatus, WorkflowHistory) {
    let id = pull_request::workflow_id(&input.tenant, input.repository, input.number);
    let handle = client.get_workflow_handle::<PullRequestWorkflow>(id);
    let status = handle.get_result(WorkflowGetResultOptions::default()).await.unwrap();
    (status, handle.fetch_history(Default::default()))
}

/// All of them, one after the other.
pub async fn all(server: &Server) -> Vec<Life> {
    vec![
        told_in_two_looks(server).await,
        a_limit_is_waited_for(server).await,
        a_telling_that_fails(server).await,
        two_heads_in_one_debounce(server).await,
        a_head_that_is_superseded(server).await,
        a_head_that_cannot_be_judged(server).await,
    ]
}

async fn told_in_two_looks(server: &Server) -> Life {
    let script = GitHubScript {
        post: replies([
            Ok(PostOutcome { posted: 20, more: true, ..PostOutcome::default() }),
            Ok(PostOutcome { posted: 3, ..PostOutcome::default() }),
        ]),
        ..GitHubScript::default()
    };
    let input = check_input(1, 60);
    let history = with_workers(server, &script, async |client| {
        notify_checks(&client, input.clone()).await;
        let (status, history) = end_of_checks(&client, &input).await;
        assert_eq!((status.posted, status.pending, status.last_error), (23, false, None));
        history
    })
    .await;
    Life { concern: "check_run", name: "told_in_two_looks", history }
}

async fn a_limit_is_waited_for(server: &Server) -> Life {
    let script = GitHubScript {
        post: replies([
            Ok(PostOutcome { retry_after_s: Some(1), ..PostOutcome::default() }),
            Ok(PostOutcome { posted: 1, ..PostOutcome::default() }),
        ]),
        ..GitHubScript::default()
    };
    let input = check_input(1, 61);
    let history = with_workers(server, &script, async |client| {
        notify_checks(&client, input.clone()).await;
        let (status, history) = end_of_checks(&client, &input).await;
        assert_eq!((status.posted, status.pending), (1, false));
        history
    })
    .await;
    Life { concern: "check_run", name: "a_limit_is_waited_for", history }
}

async fn a_telling_that_fails(server: &Server) -> Life {
    let script = GitHubScript {
        post: replies([
            Err("the database refused"),
            Ok(PostOutcome { posted: 1, ..PostOutcome::default() }),
        ]),
        ..GitHubScript::default()
    };
    let input = check_input(2, 62);
    let history = with_workers(server, &script, async |client| {
        notify_checks(&client, input.clone()).await;
        let id = check_run::workflow_id(&input.tenant, input.repository);
        let handle = client.get_workflow_handle::<CheckRunWorkflow>(id);
        loop {
            let query = handle.query(CheckRunWorkflow::status, (), Default::default());
            if let Some(error) = query.await.unwrap().last_error {
                assert_eq!(error, "the database refused");
                break;
            }
        }
        let again = WorkflowSignalOptions::default();
        handle.signal(CheckRunWorkflow::due, CheckRunDue {}, again).await.unwrap();
        let (status, history) = end_of_checks(&client, &input).await;
        assert_eq!((status.posted, status.last_error), (1, None));
        history
    })
    .await;
    Life { concern: "check_run", name: "a_telling_that_fails", history }
}

fn judged(head: &str) -> JudgeOutcome {
    JudgeOutcome {
        head: Some(head.into()),
        superseded: false,
        documents: 2,
        before: [Verdict::Proved, Verdict::Proved].into_iter().collect(),
        after: [Verdict::Proved, Verdict::Refuted].into_iter().collect(),
        notices: 1,
    }
}

async fn two_heads_in_one_debounce(server: &Server) -> Life {
    let script = GitHubScript { judge: replies([Ok(judged("aaaa"))]), ..GitHubScript::default() };
    let input = pull_input(300, 5_000, 1, 7);
    let history = with_workers(server, &script, async |client| {
        let first = notify_pull(&client, input.clone()).await;
        assert_eq!(notify_pull(&client, input.clone()).await, first);
        let (status, history) = end_of_pull(&client, &input).await;
        assert_eq!((status.judged, status.pending), (1, 0));
        assert_eq!(status.last.unwrap().after.refuted, 1);
        history
    })
    .await;
    Life { concern: "pull_request", name: "two_heads_in_one_debounce", history }
}

async fn a_head_that_is_superseded(server: &Server) -> Life {
    let superseded = JudgeOutcome {
        head: Some("aaaa".into()),
        superseded: true,
        before: VerdictCounts::default(),
        ..JudgeOutcome::default()
    };
    let script = GitHubScript {
        judge: replies([Ok(superseded), Ok(judged("bbbb"))]),
        ..GitHubScript::default()
    };
    let input = pull_input(50, 100, 1, 8);
    let history = with_workers(server, &script, async |client| {
        notify_pull(&client, input.clone()).await;
        let (status, history) = end_of_pull(&client, &input).await;
        assert_eq!(status.judged, 1, "the next look is made without another notice");
        assert_eq!(status.last.unwrap().head.as_deref(), Some("bbbb"));
        history
    })
    .await;
    Life { concern: "pull_request", name: "a_head_that_is_superseded", history }
}

async fn a_head_that_cannot_be_judged(server: &Server) -> Life {
    let script = GitHubScript {
        judge: replies([Err("the remote has no pull request 9"), Ok(judged("cccc"))]),
        ..GitHubScript::default()
    };
    let input = pull_input(0, 0, 2, 9);
    let history = with_workers(server, &script, async |client| {
        notify_pull(&client, input.clone()).await;
        let id = pull_request::workflow_id(&input.tenant, input.repository, input.number);
        let handle = client.get_workflow_handle::<PullRequestWorkflow>(id);
        loop {
            let query = handle.query(PullRequestWorkflow::status, (), Default::default());
            if let Some(error) = query.await.unwrap().last_error {
                assert_eq!(error, "the remote has no pull request 9");
                break;
            }
        }
        notify_pull(&client, input.clone()).await;
        let (status, history) = end_of_pull(&client, &input).await;
        assert_eq!((status.judged, status.last_error), (1, None));
        history
    })
    .await;
    Life { concern: "pull_request", name: "a_head_that_cannot_be_judged", history }
}
