//! Back-pressure: a full inbox takes no more, and says when to come again.

use crate::problem::{Failure, Kind};
use crate::state::Shared;

/// Seconds after which it may be worth trying again.
const RETRY_AFTER_S: u32 = 5;

/// Refuses a notice while more rows are open than `starter.max_open_notices`.
///
/// # Errors
/// [`Kind::Overloaded`] with `Retry-After`, or that the database did not answer.
pub async fn check(state: &Shared) -> Result<(), Failure> {
    let open = state.depth.open().await?;
    if open < state.config.starter.max_open_notices {
        return Ok(());
    }
    Err(Failure::new(Kind::Overloaded, format!("{open} notices wait already"))
        .retry_after(RETRY_AFTER_S))
}
