//! The product that is failed over: in each Region a small HTTP service on an address of its own,
//! in front of them the way its users come, and beside them the reference targets.
//!
//! ```text
//!  users, accelerator ─┐                        ┌─▶ 127.0.2.1  Region ─┐
//!  users, DNS ─────────┼── DataPlane: where? ───┼─▶ 127.0.2.2  Region ─┼─▶ DataPlane: rows
//!  front 127.0.2.100 ──┘                        └─▶ …                  ┘
//!  vantages ───── probes ──────────────────────────▶ Regions, and 127.0.3.1… references
//! ```
//!
//! It knows no control plane: everything that AWS would do for it is asked of the [`DataPlane`],
//! request by request, so that a change there shows at the very next request.
//!
//! | request | answer |
//! | --- | --- |
//! | `GET /healthz` | 200 if the Region has a node |
//! | `GET /read` | 200 and the newest row the Region's cluster has |
//! | `POST /write` | commits a row: 200 and its number |
//! | `GET /write-check` | the same real write, for verification |
//! | `POST /fence`, `POST /unfence` | from now on the Region refuses, or takes, writes |
//!
//! Everything else of a Region is 503 with a `why`; every answer names its Region in `x-region`.

mod exchange;
mod front;
mod reference;
mod region;
mod server;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::front::Front;
use self::reference::Reference;
use self::region::RegionSite;
use self::server::{Server, Staff};
use super::network::Network;
use super::plane::DataPlane;
use crate::model::RegionId;
use crate::ports::Clock;

pub(super) use self::exchange::{Answer, NoAnswer, exchange};

/// Names the Region that answered.
pub(super) const REGION_HEADER: HeaderName = HeaderName::from_static("x-region");

/// The first two octets of every address, unless said otherwise: loopback.
const LOOPBACK: [u8; 2] = [127, 0];

/// The last two of the front door's; also where it asks the Regions from, which no fault ever cuts.
const FRONT: [u8; 2] = [2, 100];

/// The front door's own octet is 100, and Regions count up to it.
const MOST_REGIONS: usize = 99;

/// One octet of addresses.
const MOST_REFERENCES: usize = 254;

/// What the product is made of.
#[derive(Clone, Debug)]
pub struct ProductSetup {
    /// In order: the first listens on 127.0.2.1, the second on 127.0.2.2.
    pub regions: Vec<RegionId>,
    /// How many reference targets: 127.0.3.1 and on. A member needs three to trust its eyes.
    pub references: usize,
}

/// Where everything listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductAddresses {
    pub regions: BTreeMap<RegionId, SocketAddr>,
    /// Where the users' requests go through. `?way=` of the request chooses how: `all` (if absent),
    /// `dns`, or `accelerator` with `&nearest=` a Region.
    pub front: SocketAddr,
    pub references: Vec<SocketAddr>,
}

impl ProductAddresses {
    /// The URL of a path at one Region's own endpoint; `None` for a Region the product is not in.
    pub fn region_url(&self, region: &RegionId, path: &str) -> Option<String> {
        let address = self.regions.get(region)?;
        Some(format!("http://{address}{path}"))
    }

    /// The URL of a path by way of the front door.
    pub fn front_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.front)
    }
}

/// Why the product cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum ProductError {
    #[error(
        "cannot listen on {address}: the sandbox needs all of 127.0.0.0/8 on the loopback \
         interface (where only 127.0.0.1 is there, as on macOS, add the address: \
         `sudo ifconfig lo0 alias {address}`)"
    )]
    Listen {
        address: IpAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("{asked} {what} are too many: there are addresses for {most}")]
    TooMany {
        what: &'static str,
        asked: usize,
        most: usize,
    },
}

/// The running product. Dropped, it stops.
pub struct Product {
    addresses: ProductAddresses,
    sites: BTreeMap<RegionId, Arc<RegionSite>>,
    servers: BTreeMap<RegionId, Server>,
    staff: Staff,
}

impl Product {
    /// Binds every address and serves from then on.
    ///
    /// # Errors
    ///
    /// If an address cannot be bound, or there are more Regions or references than addresses.
    pub async fn start(
        plane: Arc<dyn DataPlane>,
        network: Arc<Network>,
        clock: Arc<dyn Clock>,
        setup: ProductSetup,
    ) -> Result<Self, ProductError> {
        Self::start_in(LOOPBACK, plane, network, clock, setup).await
    }

    /// The same with addresses that begin with these octets instead of 127.0, all of which this host
    /// must have.
    ///
    /// # Errors
    ///
    /// As [`Product::start`].
    pub async fn start_in(
        [a, b]: [u8; 2],
        plane: Arc<dyn DataPlane>,
        network: Arc<Network>,
        clock: Arc<dyn Clock>,
        setup: ProductSetup,
    ) -> Result<Self, ProductError> {
        let at = |[c, d]: [u8; 2]| IpAddr::V4(Ipv4Addr::new(a, b, c, d));
        within("Regions", setup.regions.len(), MOST_REGIONS)?;
        within("reference targets", setup.references, MOST_REFERENCES)?;
        let staff = Staff {
            clock,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        // Should anything below fail, what was started ends with the guard.
        let guard = staff.stop.clone().drop_guard();

        let rows = Arc::new(AtomicU64::new(0));
        let mut sites = BTreeMap::new();
        let mut servers = BTreeMap::new();
        for (region, host) in setup.regions.into_iter().zip(1_u8..) {
            let address = at([2, host]);
            let site = Arc::new(RegionSite::new(
                region.clone(),
                plane.clone(),
                network.clone(),
                rows.clone(),
            ));
            let server = Server::start(address, site.clone(), staff.clone()).await?;
            sites.insert(region.clone(), site);
            servers.insert(region, server);
        }
        let regions: BTreeMap<_, _> = servers
            .iter()
            .map(|(region, server)| (region.clone(), server.address))
            .collect();

        let front = Front::new(plane, regions.clone(), at(FRONT), staff.clock.clone());
        let front = Server::start(at(FRONT), Arc::new(front), staff.clone()).await?;

        let mut references = Vec::with_capacity(setup.references);
        for (index, host) in (0..setup.references).zip(1_u8..) {
            let address = at([3, host]);
            let site = Arc::new(Reference::new(index, network.clone()));
            references.push(Server::start(address, site, staff.clone()).await?.address);
        }

        let _running = guard.disarm();
        Ok(Self {
            addresses: ProductAddresses {
                regions,
                front: front.address,
                references,
            },
            sites,
            servers,
            staff,
        })
    }

    /// Where everything listens.
    pub fn addresses(&self) -> &ProductAddresses {
        &self.addresses
    }

    /// Whether that Region refuses writes because it was fenced.
    pub fn is_fenced(&self, region: &RegionId) -> bool {
        self.sites.get(region).is_some_and(|site| site.is_fenced())
    }

    /// Lets that Region take writes again, as its operators would before it serves once more.
    pub fn unfence(&self, region: &RegionId) {
        if let Some(site) = self.sites.get(region) {
            site.fence(false);
        }
    }

    /// Requests at that Region's endpoint that are held without an answer at this moment.
    pub fn held(&self, region: &RegionId) -> usize {
        self.servers.get(region).map_or(0, Server::held)
    }

    /// Closes every listener and every connection, and waits until they are gone.
    pub async fn stop(self) {
        self.staff.stop.cancel();
        self.staff.tasks.close();
        self.staff.tasks.wait().await;
    }
}

impl Drop for Product {
    fn drop(&mut self) {
        self.staff.stop.cancel();
    }
}

fn within(what: &'static str, asked: usize, most: usize) -> Result<(), ProductError> {
    if asked > most {
        return Err(ProductError::TooMany { what, asked, most });
    }
    Ok(())
}

/// A JSON answer, in the name of a Region if it is one's.
fn respond(
    status: StatusCode,
    region: Option<&HeaderValue>,
    body: &serde_json::Value,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(format!("{body}\n")));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    if let Some(region) = region {
        headers.insert(REGION_HEADER, region.clone());
    }
    response
}

#[cfg(test)]
mod tests;
