//! Where a remote's name leads: every address of it is checked.

use std::net::IpAddr;
use std::time::Duration;

use sbh_outbound::address::is_public;

use super::Git;
use crate::error::{Failure, FailureKind};

impl Git {
    /// Resolves a host and checks every address that it has.
    pub(super) async fn resolve(&self, host: &str, port: u16) -> Result<Vec<IpAddr>, Failure> {
        let unreachable = |why: String| {
            Failure::new(
                FailureKind::Unreachable,
                format!("the host {host} cannot be found: {why}"),
            )
        };
        let lookup = tokio::net::lookup_host((host, port));
        let addresses: Vec<IpAddr> = tokio::time::timeout(Duration::from_secs(10), lookup)
            .await
            .map_err(|_| unreachable("no answer within 10 s".into()))?
            .map_err(|error| unreachable(error.to_string()))?
            .map(|address| address.ip().to_canonical())
            .collect();
        if addresses.is_empty() {
            return Err(unreachable("it has no address".into()));
        }
        self.check(host, &addresses)?;
        let mut distinct = addresses;
        distinct.sort_unstable();
        distinct.dedup();
        Ok(distinct)
    }

    fn check(&self, host: &str, addresses: &[IpAddr]) -> Result<(), Failure> {
        let allowed = |address: &IpAddr| {
            is_public(*address) || self.0.allowed.iter().any(|range| range.contains(*address))
        };
        match addresses.iter().find(|address| !allowed(address)) {
            None => Ok(()),
            Some(address) => Err(Failure::new(
                FailureKind::Address,
                format!(
                    "the host {host} has the address {address}, which is not a public one; the \
                     operator can allow it with git.allow_addresses"
                ),
            )),
        }
    }
}
