//! How fast this worker asks the service of one connection: so many requests at once, so many a second,
//! and none for as long as the service asks to be left alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sbh_domain::ConnectionId;
use sbh_runtime::config::SourcesConfig;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// The paces of all connections that were used lately. Cloning shares them.
#[derive(Clone)]
pub(crate) struct Paces {
    at_once: usize,
    interval: Duration,
    paces: Arc<Mutex<HashMap<ConnectionId, Arc<Pace>>>>,
}

struct Pace {
    places: Arc<Semaphore>,
    times: Mutex<Times>,
}

#[derive(Clone, Copy)]
struct Times {
    /// When the next request may begin.
    next: Instant,
    /// Until when the service wants none.
    quiet_until: Instant,
}

/// Leave to make one request, given back when it is dropped.
pub(crate) struct Turn {
    _place: Option<OwnedSemaphorePermit>,
}

impl Paces {
    /// By the configuration.
    pub(crate) fn new(config: &SourcesConfig) -> Self {
        Self {
            at_once: config.fetches_at_once.max(1),
            interval: Duration::from_secs(1) / config.fetches_per_s.max(1),
            paces: Arc::default(),
        }
    }

    /// Waits for leave to make a request.
    ///
    /// # Errors
    /// For how long the service wants to be left alone.
    pub(crate) async fn turn(&self, connection: ConnectionId) -> Result<Turn, Duration> {
        let pace = self.of(connection);
        // Closed never; should it be, there is nothing to wait for.
        let place = Arc::clone(&pace.places).acquire_owned().await.ok();
        let begin = pace.times(|times| {
            let now = Instant::now();
            if times.quiet_until > now {
                return Err(times.quiet_until - now);
            }
            let begin = times.next.max(now);
            times.next = begin + self.interval;
            Ok(begin)
        })?;
        tokio::time::sleep_until(begin).await;
        Ok(Turn { _place: place })
    }

    /// Notes that the service of a connection wants to be left alone for so long.
    pub(crate) fn leave_alone(&self, connection: ConnectionId, after: Duration) {
        self.of(connection).times(|times| {
            times.quiet_until = times.quiet_until.max(Instant::now() + after);
        });
    }

    fn of(&self, connection: ConnectionId) -> Arc<Pace> {
        let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        if paces.len() > 1_000 {
            // What nobody waits for and no service asked for can be forgotten.
            let now = Instant::now();
            paces.retain(|_, pace| {
                Arc::strong_count(pace) > 1 || pace.times(|times| times.quiet_until > now)
            });
        }
        Arc::clone(paces.entry(connection).or_insert_with(|| {
            let now = Instant::now();
            Arc::new(Pace {
                places: Arc::new(Semaphore::new(self.at_once)),
                times: Mutex::new(Times { next: now, quiet_until: now }),
            })
        }))
    }
}

impl Pace {
    fn times<T>(&self, work: impl FnOnce(&mut Times) -> T) -> T {
        work(&mut self.times.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paces(at_once: usize, per_s: u32) -> Paces {
        Paces::new(&SourcesConfig {
            fetches_at_once: at_once,
            fetches_per_s: per_s,
            ..SourcesConfig::default()
        })
    }

    #[tokio::test(start_paused = true)]
    async fn requests_of_one_connection_keep_their_distance() {
        let (paces, one) = (paces(10, 10), ConnectionId(uuid::Uuid::from_u128(1)));
        let began = Instant::now();
        for _ in 0..6 {
            drop(paces.turn(one).await.ok().unwrap());
        }
        assert_eq!(began.elapsed().as_millis() / 100, 5, "the first begins at once");
        let other = ConnectionId(uuid::Uuid::from_u128(2));
        let began = Instant::now();
        drop(paces.turn(other).await.ok().unwrap());
        assert!(began.elapsed() < Duration::from_millis(10), "another connection waits for none");
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_than_so_many_are_under_way() {
        let (paces, one) = (paces(2, 1_000), ConnectionId(uuid::Uuid::from_u128(1)));
        let first = paces.turn(one).await.ok().unwrap();
        let _second = paces.turn(one).await.ok().unwrap();
        let third = tokio::time::timeout(Duration::from_secs(60), paces.turn(one)).await;
        assert!(third.is_err(), "a third waits");
        drop(first);
        assert!(paces.turn(one).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_wants_quiet_gets_it_from_all_spaces_of_the_connection() {
        let (paces, one) = (paces(2, 1_000), ConnectionId(uuid::Uuid::from_u128(1)));
        paces.leave_alone(one, Duration::from_secs(30));
        paces.leave_alone(one, Duration::from_secs(10));
        let left = paces.turn(one).await.err().unwrap();
        assert!(left > Duration::from_secs(29), "{left:?}: the longer wish counts");
        tokio::time::advance(Duration::from_secs(31)).await;
        assert!(paces.turn(one).await.is_ok());
    }
}
