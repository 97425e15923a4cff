//! How full the inbox is, asked at most once a second whatever the load.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sbh_store::inbox::InboxDepth;
use sbh_store::{Store, StoreError};

/// How long an answer is good.
const FRESH: Duration = Duration::from_secs(1);

/// The depth as it was asked last, and what was accepted here since.
#[derive(Clone)]
pub struct Depth {
    store: Store,
    tally: Arc<Mutex<Tally>>,
    asking: Arc<tokio::sync::Mutex<()>>,
}

impl Depth {
    /// Nothing is asked yet.
    pub fn new(store: Store) -> Self {
        Self { store, tally: Arc::default(), asking: Arc::default() }
    }

    /// Open rows: a little out of date, and never waited for but the first time.
    ///
    /// # Errors
    /// The store's, the first time.
    pub async fn open(&self) -> Result<i64, StoreError> {
        let (open, fresh) = self.tally(|tally| (tally.open(), tally.fresh().is_some()));
        let Some(open) = open else { return Ok(self.ask().await?.open) };
        if !fresh && let Ok(asking) = Arc::clone(&self.asking).try_lock_owned() {
            let this = self.clone();
            tokio::spawn(async move {
                if let Err(error) = this.ask().await {
                    tracing::warn!(%error, "the depth of the inbox could not be asked");
                }
                drop(asking);
            });
        }
        Ok(open)
    }

    /// Counts a row that was accepted here.
    pub fn accepted(&self) {
        self.tally(|tally| tally.accepted += 1);
    }

    /// The depth, at most a second old.
    ///
    /// # Errors
    /// The store's.
    pub async fn now(&self) -> Result<InboxDepth, StoreError> {
        match self.tally(|tally| tally.fresh()) {
            Some(depth) => Ok(depth),
            None => self.ask().await,
        }
    }

    async fn ask(&self) -> Result<InboxDepth, StoreError> {
        let before = self.tally(|tally| tally.accepted);
        let depth = self.store.inbox_depth().await?;
        self.tally(|tally| tally.answered(before, depth));
        Ok(depth)
    }

    fn tally<T>(&self, work: impl FnOnce(&mut Tally) -> T) -> T {
        work(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What is known. Nothing is ever subtracted from the count: answers that overtake each other, or
/// never come, cannot make it wrong.
#[derive(Default)]
struct Tally {
    /// Rows that were accepted here since the start.
    accepted: i64,
    last: Option<Answer>,
}

#[derive(Clone, Copy)]
struct Answer {
    at: Instant,
    depth: InboxDepth,
    /// `accepted` when it was asked: so many are in the answer.
    before: i64,
}

impl Tally {
    fn answered(&mut self, before: i64, depth: InboxDepth) {
        // One that was asked earlier knows less.
        if self.last.is_none_or(|last| last.before <= before) {
            self.last = Some(Answer { at: Instant::now(), depth, before });
        }
    }

    fn open(&self) -> Option<i64> {
        self.last.map(|last| last.depth.open + (self.accepted - last.before))
    }

    fn fresh(&self) -> Option<InboxDepth> {
        self.last.filter(|last| last.at.elapsed() <= FRESH).map(|last| last.depth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(open: i64) -> InboxDepth {
        InboxDepth { open, parked: 0, oldest_age: None }
    }

    #[test]
    fn answers_that_overtake_each_other_do_not_make_the_depth_drift() {
        let mut tally = Tally::default();
        assert_eq!(tally.open(), None);
        tally.answered(0, rows(0));
        for round in 1..=1_000 {
            tally.accepted += 3;
            // Two ask at once, one more row comes, and both are answered.
            let before = tally.accepted;
            tally.accepted += 1;
            tally.answered(before, rows(before));
            tally.answered(before, rows(before));
            assert_eq!(tally.open(), Some(4 * round));
            assert_eq!(tally.fresh().unwrap().open, before);
        }
    }

    #[test]
    fn an_answer_to_an_earlier_question_does_not_hide_a_later_one() {
        let mut tally = Tally { accepted: 10, last: None };
        tally.answered(10, rows(10));
        tally.answered(4, rows(4));
        assert_eq!(tally.open(), Some(10));
        // The later one may well be lower: rows were closed.
        tally.answered(10, rows(2));
        assert_eq!(tally.open(), Some(2));
    }
}
