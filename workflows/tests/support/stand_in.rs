//! Activities that stand in for the real ones: they answer what a script says, in its order.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use sbh_workflows::head_poll::{self, HeadPollInput, HeadPollOutcome};
use sbh_workflows::repo_sync::{self, AnnounceInput, AnnounceOutcome, SyncInput, SyncOutcome};
use sbh_workflows::spec_drift::{self, ProveInput, ProveOutcome, RecordInput, RecordOutcome};
use temporalio_common::error::ApplicationFailure;
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};

/// What an activity is to do: answer, or fail for good.
pub type Reply<T> = Result<T, &'static str>;

pub type Handler<I, O> = Arc<dyn Fn(I) -> BoxFuture<'static, Reply<O>> + Send + Sync>;

/// What each activity does.
#[derive(Clone)]
pub struct Script {
    pub sync: Handler<SyncInput, SyncOutcome>,
    pub announce: Handler<AnnounceInput, AnnounceOutcome>,
    pub prove: Handler<ProveInput, ProveOutcome>,
    pub record: Handler<RecordInput, RecordOutcome>,
    pub compare_heads: Handler<HeadPollInput, HeadPollOutcome>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            sync: replies([]),
            announce: replies([]),
            prove: replies([]),
            record: replies([]),
            compare_heads: replies([]),
        }
    }
}

/// Answers one after the other, and fails once there is none left.
pub fn replies<I: 'static, O: Send + 'static>(
    replies: impl IntoIterator<Item = Reply<O>>,
) -> Handler<I, O> {
    let replies = Mutex::new(replies.into_iter().collect::<VecDeque<_>>());
    Arc::new(move |_| {
        let reply = replies.lock().unwrap().pop_front().unwrap_or(Err("not in the script"));
        Box::pin(std::future::ready(reply))
    })
}

/// Answers what a function says.
pub fn doing<I, O, F>(function: impl Fn(I) -> F + Send + Sync + 'static) -> Handler<I, O>
where
    F: Future<Output = Reply<O>> + Send + 'static,
{
    Arc::new(move |input| Box::pin(function(input)))
}

/// Beats while the reply is awaited.
pub async fn answer<T>(
    context: ActivityContext,
    reply: BoxFuture<'static, Reply<T>>,
) -> Result<T, ActivityError> {
    let mut reply = reply;
    loop {
        match tokio::time::timeout(Duration::from_secs(1), &mut reply).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(reason)) => {
                return Err(ActivityError::application(
                    ApplicationFailure::builder(reason)
                        .type_name("StandIn".to_owned())
                        .non_retryable(true)
                        .build(),
                ));
            }
            Err(_) => {
                let _ = context.record_heartbeat(()).await;
            }
        }
    }
}

pub struct RepoSyncStandIn(pub Script);

#[activities]
impl RepoSyncStandIn {
    #[activity(definition = repo_sync::definitions::Sync)]
    pub async fn sync(
        self: Arc<Self>,
        context: ActivityContext,
        input: SyncInput,
    ) -> Result<SyncOutcome, ActivityError> {
        answer(context, (self.0.sync)(input)).await
    }

    #[activity(definition = repo_sync::definitions::Announce)]
    pub async fn announce(
        self: Arc<Self>,
        context: ActivityContext,
        input: AnnounceInput,
    ) -> Result<AnnounceOutcome, ActivityError> {
        answer(context, (self.0.announce)(input)).await
    }
}

pub struct SpecDriftStandIn(pub Script);

#[activities]
impl SpecDriftStandIn {
    #[activity(definition = spec_drift::definitions::Prove)]
    pub async fn prove(
        self: Arc<Self>,
        context: ActivityContext,
        input: ProveInput,
    ) -> Result<ProveOutcome, ActivityError> {
        answer(context, (self.0.prove)(input)).await
    }

    #[activity(definition = spec_drift::definitions::Record)]
    pub async fn record(
        self: Arc<Self>,
        context: ActivityContext,
        input: RecordInput,
    ) -> Result<RecordOutcome, ActivityError> {
        answer(context, (self.0.record)(input)).await
    }
}

pub struct HeadPollStandIn(pub Script);

#[activities]
impl HeadPollStandIn {
    #[activity(definition = head_poll::definitions::CompareHeads)]
    pub async fn compare_heads(
        self: Arc<Self>,
        context: ActivityContext,
        input: HeadPollInput,
    ) -> Result<HeadPollOutcome, ActivityError> {
        answer(context, (self.0.compare_heads)(input)).await
    }
}
