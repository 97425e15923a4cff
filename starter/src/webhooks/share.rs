//! How many deliveries of one connection may be worked on at once: whoever knows one connection's
//! address and sends its bodies slowly keeps no other connection's out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sbh_domain::ConnectionId;

use crate::middleware::limits::AT_ONCE;
use crate::problem::{Failure, Kind};

/// The places of one connection: half of all.
const OF_ONE: usize = AT_ONCE / 2;

/// Deliveries under way, by connection. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub struct Shares(Arc<Mutex<HashMap<ConnectionId, usize>>>);

/// One delivery's place, free again when it is dropped.
#[derive(Debug)]
pub struct Share {
    shares: Shares,
    connection: ConnectionId,
}

impl Shares {
    /// A place for one more delivery.
    ///
    /// # Errors
    /// [`Kind::Overloaded`] when the connection has all of its own.
    pub fn take(&self, connection: ConnectionId) -> Result<Share, Failure> {
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = under_way.entry(connection).or_default();
        if *count >= OF_ONE {
            return Err(Failure::new(Kind::Overloaded, "too many deliveries of this connection"));
        }
        *count += 1;
        Ok(Share { shares: self.clone(), connection })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut under_way = self.shares.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = under_way.get_mut(&self.connection) {
            *count -= 1;
            if *count == 0 {
                under_way.remove(&self.connection);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_connection_gets_its_own_places_and_no_other_s() {
        let shares = Shares::default();
        let id = |n| ConnectionId(uuid::Uuid::from_u128(n));
        let held: Vec<_> = (0..OF_ONE).map(|_| shares.take(id(1)).unwrap()).collect();
        assert_eq!(shares.take(id(1)).unwrap_err().kind(), Kind::Overloaded);
        let other = shares.take(id(2)).unwrap();
        drop(held);
        assert!(shares.take(id(1)).is_ok());
        drop(other);
        assert!(shares.0.lock().unwrap().is_empty(), "nothing is kept of what is done");
    }
}
