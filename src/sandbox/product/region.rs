//! The product's service in one Region: as healthy as the Region, as writable as its cluster.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::json;

use super::respond;
use super::server::Site;
use crate::model::RegionId;
use crate::sandbox::network::{Network, Place};
use crate::sandbox::plane::DataPlane;

pub(super) struct RegionSite {
    region: RegionId,
    /// `region` as it stands in `x-region`; absent where a name cannot stand in a header.
    label: Option<HeaderValue>,
    place: Place,
    plane: Arc<dyn DataPlane>,
    network: Arc<Network>,
    /// The last row number given out, by any Region: a row is one row wherever it is written.
    rows: Arc<AtomicU64>,
    /// Set by the application's own hook. It outlasts the Region's loss, as a flag in a
    /// configuration would: a Region that comes back does not write behind the new writer's back.
    fenced: AtomicBool,
}

impl RegionSite {
    pub fn new(
        region: RegionId,
        plane: Arc<dyn DataPlane>,
        network: Arc<Network>,
        rows: Arc<AtomicU64>,
    ) -> Self {
        Self {
            label: HeaderValue::from_str(region.as_str()).ok(),
            place: Place::Region(region.clone()),
            region,
            plane,
            network,
            rows,
            fenced: AtomicBool::new(false),
        }
    }

    pub fn is_fenced(&self) -> bool {
        self.fenced.load(Ordering::SeqCst)
    }

    pub fn fence(&self, fenced: bool) {
        self.fenced.store(fenced, Ordering::SeqCst);
    }

    fn write(&self) -> Response<Full<Bytes>> {
        if self.is_fenced() {
            return self.unavailable("this Region is fenced: writes are refused");
        }
        let row = self.rows.fetch_add(1, Ordering::Relaxed) + 1;
        match self.plane.write_row(&self.region, row) {
            Ok(()) => self.say(&json!({ "region": self.region, "row": row })),
            Err(why) => self.unavailable(&why),
        }
    }

    fn read(&self) -> Response<Full<Bytes>> {
        match self.plane.read_row(&self.region) {
            Ok(row) => self.say(&json!({ "region": self.region, "row": row })),
            Err(why) => self.unavailable(&why),
        }
    }

    fn set_fence(&self, fenced: bool) -> Response<Full<Bytes>> {
        self.fence(fenced);
        self.say(&json!({ "region": self.region, "fenced": fenced }))
    }

    fn say(&self, body: &serde_json::Value) -> Response<Full<Bytes>> {
        respond(StatusCode::OK, self.label.as_ref(), body)
    }

    fn unavailable(&self, why: &str) -> Response<Full<Bytes>> {
        self.refuse(StatusCode::SERVICE_UNAVAILABLE, why)
    }

    fn refuse(&self, status: StatusCode, why: &str) -> Response<Full<Bytes>> {
        let body = json!({ "region": self.region, "why": why });
        respond(status, self.label.as_ref(), &body)
    }
}

#[async_trait]
impl Site for RegionSite {
    fn is_lost_to(&self, peer: IpAddr) -> bool {
        !self.plane.region_is_up(&self.region)
            || self.plane.path_is_cut(peer, &self.region)
            || self.network.is_cut(peer, &self.place)
    }

    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if !self.plane.has_nodes(&self.region) {
            // What a load balancer says that has no target left.
            return self.unavailable("no node to run on");
        }
        match (request.method(), request.uri().path()) {
            (&Method::GET | &Method::HEAD, "/healthz") => {
                self.say(&json!({ "region": self.region, "status": "ok" }))
            }
            (&Method::GET, "/read") => self.read(),
            (&Method::POST, "/write") | (&Method::GET, "/write-check") => self.write(),
            (&Method::POST, "/fence") => self.set_fence(true),
            (&Method::POST, "/unfence") => self.set_fence(false),
            (_, "/healthz" | "/read" | "/write" | "/write-check" | "/fence" | "/unfence") => {
                self.refuse(StatusCode::METHOD_NOT_ALLOWED, "not this method")
            }
            _ => self.refuse(StatusCode::NOT_FOUND, "no such page"),
        }
    }
}
