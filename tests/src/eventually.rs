//! Waiting for a condition with a deadline.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// How long something may take that is done within a second on an idle machine. Generous: the
/// machine that runs the tests may be busy, and a test that passes never waits it out.
pub const SHORT: Duration = Duration::from_secs(60);

/// How long a recovery or a large batch may take.
pub const LONG: Duration = Duration::from_secs(180);

/// Asks `probe` again and again until it is `Ok`, and returns what that holds.
///
/// # Panics
/// When `deadline` has passed, with `what` was waited for and the last state that was seen.
pub async fn eventually<T, E: Display>(
    deadline: Duration,
    what: &str,
    mut probe: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let begin = Instant::now();
    let mut pause = Duration::from_millis(10);
    loop {
        let state = match probe().await {
            Ok(found) => return found,
            Err(state) => state,
        };
        if begin.elapsed() >= deadline {
            panic!("waited {} s for {what}; the last state was: {state}", deadline.as_secs());
        }
        // Not a wait for something to happen, only the distance between two looks.
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(Duration::from_millis(200));
    }
}

/// `Ok` when `holds`, else `state` as what was seen instead.
pub fn ensure(holds: bool, state: impl Display) -> Result<(), String> {
    if holds { Ok(()) } else { Err(state.to_string()) }
}
