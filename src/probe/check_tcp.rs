//! TCP: is a connection accepted?

use std::net::IpAddr;

use tokio::time::Instant;

use super::address::Endpoint;
use super::outcome::local;
use super::prober::micros_since;
use crate::model::{SampleOutcome, Timings};

/// Connects and hangs up.
#[expect(
    clippy::disallowed_methods,
    reason = "the connection's latency is measured on this host"
)]
pub(super) async fn check(
    address: &str,
    source: Option<IpAddr>,
    deadline: Instant,
    timings: &mut Timings,
) -> Result<(), SampleOutcome> {
    let endpoint = Endpoint::parse(address)
        .ok_or_else(|| local(format!("`{address}` is not of the form host:port")))?;
    let started = Instant::now();
    endpoint.connect(source, deadline).await?;
    timings.connect_us = Some(micros_since(started));
    Ok(())
}
