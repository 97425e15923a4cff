//! How long activities may take and how often they are tried: every activity has time-outs, a retry
//! policy and, when it can take longer than a few seconds, a heartbeat.

use std::error::Error;
use std::time::Duration;

use temporalio_workflow::{
    ActivityExecutionError, ActivityOptions, LocalActivityOptions, RetryPolicy,
};

/// Without a heartbeat for this long, a worker counts as gone and the activity is tried elsewhere.
/// Activities beat each second.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Tries before the failure is noted and the next notice is waited for. The store keeps what is
/// open, and the reconciler gives notice again.
const TRIES: u32 = 5;
/// The longest a reason is kept, in characters.
const REASON: usize = 500;

/// For an activity that may take up to `at_most` for one try.
pub(crate) fn activity(at_most: Duration, summary: impl Into<String>) -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(at_most)
        .heartbeat_timeout(HEARTBEAT)
        .retry_policy(
            RetryPolicy::builder()
                .initial_interval(Duration::from_millis(500))
                .backoff_coefficient(2.0)
                .maximum_interval(Duration::from_secs(30))
                .maximum_attempts(TRIES)
                .build(),
        )
        .summary(summary.into())
        .build()
}

/// For a short database transaction within the workflow's own task.
pub(crate) fn transaction(summary: impl Into<String>) -> LocalActivityOptions {
    LocalActivityOptions::builder()
        .start_to_close_timeout(Duration::from_secs(60))
        .schedule_to_close_timeout(Duration::from_secs(600))
        .retry_policy(
            RetryPolicy::builder()
                .initial_interval(Duration::from_millis(200))
                .backoff_coefficient(2.0)
                .maximum_interval(Duration::from_secs(30))
                .maximum_attempts(10)
                .build(),
        )
        // Longer waits must not hold the workflow task.
        .timer_backoff_threshold(Duration::from_secs(2))
        .summary(summary.into())
        .build()
}

/// Why an activity failed, for people: the innermost cause, which is what the activity said.
pub(crate) fn reason(error: &ActivityExecutionError) -> String {
    let mut innermost: &dyn Error = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost.to_string().chars().take(REASON).collect()
}
