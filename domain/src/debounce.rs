//! When a burst of notices is over.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Waits until notices have been quiet for a while, but never longer than a maximum after the
/// first of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Debounce {
    /// How long no further notice must arrive, in milliseconds.
    pub quiet_ms: u64,
    /// How long after the first notice the wait ends whatever arrives, in milliseconds.
    pub max_ms: u64,
}

impl Default for Debounce {
    fn default() -> Self {
        Self { quiet_ms: 500, max_ms: 3_000 }
    }
}

impl Debounce {
    /// How much longer to wait, `since_first` after the first notice with the last one just in.
    /// `None` when the maximum is reached.
    pub fn wait(&self, since_first: Duration) -> Option<Duration> {
        let left = Duration::from_millis(self.max_ms).checked_sub(since_first)?;
        (!left.is_zero()).then(|| left.min(Duration::from_millis(self.quiet_ms)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_first_then_the_maximum() {
        let debounce = Debounce { quiet_ms: 500, max_ms: 3_000 };
        let at = |ms| debounce.wait(Duration::from_millis(ms));
        assert_eq!(at(0), Some(Duration::from_millis(500)));
        assert_eq!(at(2_800), Some(Duration::from_millis(200)));
        assert_eq!(at(3_000), None);
        assert_eq!(at(9_000), None);
    }
}
