//! One user: always the same way to the product, chosen anew for every connection.

use std::net::SocketAddr;

use crate::model::{Mono, RegionId};
use crate::sandbox::plane::DataPlane;
use crate::sandbox::product::ProductAddresses;

/// How a user finds the product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum VirtualUser {
    /// By the accelerator's addresses; where that leads is decided per connection.
    Accelerator { nearest: RegionId },
    /// By the DNS name, with a resolver's cache.
    Dns { cached: Option<CachedAnswer> },
}

/// What a resolver keeps until its TTL is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CachedAnswer {
    region: RegionId,
    until: Mono,
}

impl VirtualUser {
    /// `count` users: every other one by DNS, if any, the rest spread over the Regions they are near to.
    pub fn population(count: usize, by_dns: bool, product: &ProductAddresses) -> Vec<Self> {
        let mut homes = product.regions.keys().cycle();
        let mut users = Vec::with_capacity(count);
        for number in 0..count {
            let by_accelerator = !by_dns || number % 2 == 0;
            let home = by_accelerator.then(|| homes.next()).flatten();
            users.push(match home {
                Some(nearest) => Self::Accelerator {
                    nearest: nearest.clone(),
                },
                None => Self::Dns { cached: None },
            });
        }
        users
    }

    /// Where this user's next connection goes. That nothing was found is not cached: Route 53's
    /// negative answers live for a quarter of an hour at worst, and a fault of the sandbox that
    /// empties the name is to be seen as it is.
    pub fn destination(
        &mut self,
        now: Mono,
        roll: u8,
        plane: &dyn DataPlane,
        product: &ProductAddresses,
    ) -> Option<SocketAddr> {
        let region = match self {
            Self::Accelerator { nearest } => plane.accelerate(nearest, roll)?,
            Self::Dns { cached } => {
                if cached.as_ref().is_none_or(|answer| answer.until <= now) {
                    *cached = plane.resolve(roll).map(|(region, ttl)| CachedAnswer {
                        region,
                        until: now + ttl,
                    });
                }
                cached.as_ref()?.region.clone()
            }
        };
        product.regions.get(&region).copied()
    }
}
