//! Reading bodies of strangers: bounded in size, time and in how many there are at once.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use futures::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::{Failure, Kind};

/// Bytes of one webhook at most: GitHub's own limit.
pub const MAX_BYTES: usize = 25 * 1024 * 1024;
/// How long a body may take to arrive.
const TIME: Duration = Duration::from_secs(8);
/// Bytes of all bodies in memory at most.
const BUDGET: usize = 256 * 1024 * 1024;
/// What the budget is counted in.
const UNIT: usize = 1024;

/// The bytes that bodies may take together.
#[derive(Debug, Clone)]
pub struct Budget {
    units: Arc<Semaphore>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { units: Arc::new(Semaphore::new(BUDGET / UNIT)) }
    }
}

/// A whole body. Its share of the budget is free again when it is dropped.
#[derive(Debug)]
pub struct Whole {
    /// The bytes. Cloning shares them.
    pub bytes: Bytes,
    share: OwnedSemaphorePermit,
}

impl Whole {
    /// Takes a share of the budget for a copy of the body as well.
    ///
    /// # Errors
    /// [`Kind::Overloaded`] when other bodies fill the budget.
    pub fn pay_for_a_copy(&mut self, budget: &Budget) -> Result<(), Failure> {
        self.share.merge(take(budget, self.bytes.len())?);
        Ok(())
    }
}

/// Reads a body to its end.
///
/// # Errors
/// [`Kind::TooLarge`], [`Kind::RequestTimeout`], [`Kind::Overloaded`] when other bodies fill the
/// budget, [`Kind::Malformed`] when the sender went away.
pub async fn read(budget: &Budget, headers: &HeaderMap, body: Body) -> Result<Whole, Failure> {
    let too_large =
        || Failure::new(Kind::TooLarge, format!("a webhook may have {MAX_BYTES} bytes"));
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let declared = declared.and_then(|length| length.parse::<usize>().ok());
    if declared.is_some_and(|length| length > MAX_BYTES) {
        return Err(too_large());
    }
    let reading = async {
        let mut share = take(budget, UNIT)?;
        let mut bytes: Vec<u8> = Vec::new();
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk
                .map_err(|_| Failure::new(Kind::Malformed, "the body did not arrive whole"))?;
            if bytes.len() + chunk.len() > MAX_BYTES {
                return Err(too_large());
            }
            // Paid for as it arrives: a declared length alone takes nothing from others. What is paid
            // for is what is allocated, which grows by doubling up to what can still come.
            let needed = bytes.len() + chunk.len();
            if needed > bytes.capacity() {
                let most = declared.unwrap_or(MAX_BYTES).max(needed);
                let room = (bytes.capacity() * 2).clamp(needed, most);
                if room > share.num_permits() * UNIT {
                    share.merge(take(budget, room - share.num_permits() * UNIT)?);
                }
                bytes.reserve_exact(room - bytes.len());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Whole { bytes: bytes.into(), share })
    };
    tokio::time::timeout(TIME, reading).await.unwrap_or_else(|_| {
        Err(Failure::new(
            Kind::RequestTimeout,
            format!("the body took more than {} s", TIME.as_secs()),
        ))
    })
}

fn take(budget: &Budget, bytes: usize) -> Result<OwnedSemaphorePermit, Failure> {
    let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
    Arc::clone(&budget.units).try_acquire_many_owned(units).map_err(|_| {
        Failure::new(Kind::Overloaded, "too many large deliveries at once").retry_after(5)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_of_the_limit_is_read_and_one_byte_more_is_not() {
        let budget = Budget::default();
        let whole =
            read(&budget, &HeaderMap::new(), Body::from(vec![b'x'; MAX_BYTES])).await.unwrap();
        assert_eq!(whole.bytes.len(), MAX_BYTES);
        drop(whole);
        let refused = read(&budget, &HeaderMap::new(), Body::from(vec![b'x'; MAX_BYTES + 1])).await;
        assert_eq!(refused.unwrap_err().kind(), Kind::TooLarge);
        assert_eq!(budget.units.available_permits(), BUDGET / UNIT, "every share came back");
    }

    #[tokio::test]
    async fn bodies_beyond_the_budget_are_refused_until_others_are_done() {
        let budget = Budget { units: Arc::new(Semaphore::new(10)) };
        let first = read(&budget, &HeaderMap::new(), Body::from(vec![0; 8 * UNIT])).await.unwrap();
        let second = read(&budget, &HeaderMap::new(), Body::from(vec![0; 8 * UNIT])).await;
        assert_eq!(second.unwrap_err().kind(), Kind::Overloaded);
        drop(first);
        assert!(read(&budget, &HeaderMap::new(), Body::from(vec![0; 8 * UNIT])).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_in_is_given_up_and_its_share_is_free_again() {
        let budget = Budget::default();
        let trickle = futures::stream::unfold((), async |()| {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((Ok::<_, std::io::Error>("x"), ()))
        });
        let slow = read(&budget, &HeaderMap::new(), Body::from_stream(trickle)).await;
        assert_eq!(slow.unwrap_err().kind(), Kind::RequestTimeout);
        assert_eq!(budget.units.available_permits(), BUDGET / UNIT);
    }
}
