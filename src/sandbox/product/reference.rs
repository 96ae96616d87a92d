//! A reference target: something outside every application that answers as long as the vantage
//! itself can see.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::json;

use super::respond;
use super::server::Site;
use crate::sandbox::network::{Network, Place};

pub(super) struct Reference {
    place: Place,
    network: Arc<Network>,
}

impl Reference {
    pub fn new(index: usize, network: Arc<Network>) -> Self {
        Self {
            place: Place::Reference(index),
            network,
        }
    }
}

#[async_trait]
impl Site for Reference {
    fn is_lost_to(&self, peer: IpAddr) -> bool {
        self.network.is_cut(peer, &self.place)
    }

    async fn answer(&self, _request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let body = json!({ "reference": self.place.to_string() });
        respond(StatusCode::OK, None, &body)
    }
}
