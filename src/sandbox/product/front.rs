//! The front door: a request goes the way a user's would, right now.
//!
//! ```text
//!  request ──▶ DNS name ─────────────┐
//!         └──▶ accelerator, from each │──▶ one Region? ──yes──▶ forward, answer as it answers
//!              Region nearby ────────┘          └─no──▶ 503, with where each way leads
//! ```
//!
//! A verification that took just one way would pass while half the users still reach the old
//! Region. By default all ways must therefore lead to one and the same Region. Where several Regions
//! serve at once that can never be, and `?way=dns` or `?way=accelerator&nearest=eu-west-1` ask for
//! one way alone.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::json;

use super::server::Site;
use super::{Answer, REGION_HEADER, exchange, respond};
use crate::model::{Millis, RegionId};
use crate::ports::Clock;
use crate::sandbox::plane::DataPlane;

/// How long the front door waits for a Region, in world time: as long as a user does.
const PATIENCE: Millis = Millis::from_secs(2);

/// However fast the world runs, an honest answer needs this much of this host.
const PATIENCE_FLOOR: Duration = Duration::from_millis(50);

/// The two ends of the die: a dial of 0 keeps neither, one of 100 keeps both; of two weights that are
/// not 0 each has one.
const ROLLS: [u8; 2] = [0, 99];

pub(super) struct Front {
    plane: Arc<dyn DataPlane>,
    regions: BTreeMap<RegionId, SocketAddr>,
    source: IpAddr,
    clock: Arc<dyn Clock>,
}

/// Which of the users' ways a request takes.
enum Way {
    All,
    Dns,
    Accelerator { nearest: RegionId },
}

/// Why a request cannot be forwarded.
#[derive(Debug, thiserror::Error)]
enum NoWay {
    #[error("the name resolves to nothing")]
    NoName,
    #[error("the accelerator sends users near {nearest} nowhere")]
    Nowhere { nearest: RegionId },
    #[error("the ways lead to different Regions: {}", list(.0))]
    Differ(Vec<(String, RegionId)>),
    #[error("the product is not in {0}")]
    NotThere(RegionId),
    #[error("way={0}: choose from all, dns, and accelerator with nearest=REGION")]
    BadWay(String),
}

impl Front {
    pub fn new(
        plane: Arc<dyn DataPlane>,
        regions: BTreeMap<RegionId, SocketAddr>,
        source: IpAddr,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            plane,
            regions,
            source,
            clock,
        }
    }

    fn destination(&self, way: Way) -> Result<(RegionId, SocketAddr), NoWay> {
        let region = match way {
            Way::All => self.common_destination()?,
            Way::Dns => self.by_dns(ROLLS[0])?,
            Way::Accelerator { nearest } => self.by_accelerator(&nearest, ROLLS[0])?,
        };
        match self.regions.get(&region) {
            Some(address) => Ok((region, *address)),
            None => Err(NoWay::NotThere(region)),
        }
    }

    fn common_destination(&self) -> Result<RegionId, NoWay> {
        let by_dns = self.by_dns(ROLLS[0])?;
        let mut ways = vec![("dns".to_owned(), by_dns.clone())];
        let other_end = ("dns".to_owned(), self.by_dns(ROLLS[1])?);
        if !ways.contains(&other_end) {
            ways.push(other_end);
        }
        for nearest in self.regions.keys() {
            for roll in ROLLS {
                let region = self.by_accelerator(nearest, roll)?;
                let way = (format!("accelerator near {nearest}"), region);
                if !ways.contains(&way) {
                    ways.push(way);
                }
            }
        }
        if ways.iter().all(|(_, region)| *region == by_dns) {
            Ok(by_dns)
        } else {
            Err(NoWay::Differ(ways))
        }
    }

    fn by_dns(&self, roll: u8) -> Result<RegionId, NoWay> {
        let (region, _ttl) = self.plane.resolve(roll).ok_or(NoWay::NoName)?;
        Ok(region)
    }

    fn by_accelerator(&self, nearest: &RegionId, roll: u8) -> Result<RegionId, NoWay> {
        self.plane
            .accelerate(nearest, roll)
            .ok_or_else(|| NoWay::Nowhere {
                nearest: nearest.clone(),
            })
    }
}

#[async_trait]
impl Site for Front {
    fn is_lost_to(&self, _peer: IpAddr) -> bool {
        false
    }

    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let found = way_of(request.uri().query()).and_then(|way| self.destination(way));
        let (region, address) = match found {
            Ok(found) => found,
            Err(why) => {
                let status = match why {
                    NoWay::BadWay(_) => StatusCode::BAD_REQUEST,
                    NoWay::NoName
                    | NoWay::Nowhere { .. }
                    | NoWay::Differ(_)
                    | NoWay::NotThere(_) => StatusCode::SERVICE_UNAVAILABLE,
                };
                return respond(status, None, &json!({ "why": why.to_string() }));
            }
        };
        let (method, path) = (request.method().clone(), request.uri().path());
        let limit = self.clock.real(PATIENCE, PATIENCE_FLOOR);
        match exchange(self.source, address, method, path, limit).await {
            Ok(answer) => pass_on(answer),
            Err(error) => {
                let body = json!({ "why": format!("{region}: {error}") });
                respond(StatusCode::GATEWAY_TIMEOUT, None, &body)
            }
        }
    }
}

fn pass_on(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json"),
    );
    if let Some(region) = answer.region {
        headers.insert(REGION_HEADER, region);
    }
    response
}

fn way_of(query: Option<&str>) -> Result<Way, NoWay> {
    let query = query.unwrap_or_default();
    let value = |key: &str| {
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value)
    };
    match (value("way"), value("nearest")) {
        (None | Some("all"), _) => Ok(Way::All),
        (Some("dns"), _) => Ok(Way::Dns),
        (Some("accelerator"), Some(nearest)) => Ok(Way::Accelerator {
            nearest: nearest.into(),
        }),
        (Some(other), _) => Err(NoWay::BadWay(other.to_owned())),
    }
}

fn list(ways: &[(String, RegionId)]) -> String {
    let ways: Vec<String> = ways
        .iter()
        .map(|(way, region)| format!("{way} → {region}"))
        .collect();
    ways.join(", ")
}
