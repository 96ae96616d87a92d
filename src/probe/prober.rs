//! One probe: dispatch, timeout, timings.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::check_dns::DnsCheck;
use super::check_http::{HttpCheck, HttpState};
use super::check_tcp;
use crate::model::{Check, Probe, ProbeResult, SampleOutcome, Timings};
use crate::ports::{Clock, Prober};

/// The least real time a probe is given, however fast the world's time runs: a loopback handshake
/// on a busy machine takes tens of milliseconds, and that is not the endpoint's fault.
const TIMEOUT_FLOOR: Duration = Duration::from_millis(50);

/// Probes over the network.
///
/// Kept connections belong to the runtime on which they were opened; one prober per
/// [`ProbeSet`](super::ProbeSet).
#[derive(Debug)]
pub struct NetProber {
    source: Option<IpAddr>,
    clock: Arc<dyn Clock>,
    http: HttpState,
}

impl NetProber {
    /// Probes from the address `source`, or from whichever the host chooses. The host's own
    /// resolvers are always asked from an address of the host's choice: `source` may not reach them.
    pub fn new(source: Option<IpAddr>, clock: Arc<dyn Clock>) -> Self {
        Self {
            source,
            clock,
            http: HttpState::default(),
        }
    }

    async fn check(
        &self,
        check: &Check,
        deadline: Instant,
        timings: &mut Timings,
    ) -> Result<(), SampleOutcome> {
        match check {
            Check::Http {
                url,
                method,
                expect_status,
                body_contains,
                expect_header,
                headers,
                keep_alive,
                ca_file,
            } => {
                let http = HttpCheck {
                    check,
                    url,
                    method,
                    expect_status,
                    body_contains: body_contains.as_deref(),
                    expect_header: expect_header.as_ref(),
                    headers,
                    keep_alive: *keep_alive,
                    ca_file: ca_file.as_deref(),
                };
                http.run(&self.http, self.source, deadline, timings).await
            }
            Check::Tcp { address } => {
                check_tcp::check(address, self.source, deadline, timings).await
            }
            Check::Dns {
                name,
                record_type,
                resolver,
                expect,
            } => {
                let dns = DnsCheck {
                    name,
                    record_type: *record_type,
                    resolver: resolver.as_deref(),
                    expect,
                };
                dns.run(self.source, deadline).await
            }
        }
    }
}

#[async_trait]
impl Prober for NetProber {
    #[expect(
        clippy::disallowed_methods,
        reason = "the probe's own latency is measured on this host"
    )]
    async fn probe(&self, probe: &Probe) -> ProbeResult {
        // Timings and timeout are real time, measured on the host: they are about the network.
        let started = Instant::now();
        let deadline = started + self.clock.real(probe.timeout, TIMEOUT_FLOOR);
        let mut timings = Timings::default();
        let outcome = match self.check(&probe.check, deadline, &mut timings).await {
            Ok(()) => SampleOutcome::Success,
            Err(outcome) => outcome,
        };
        timings.total_us = micros_since(started);
        ProbeResult { outcome, timings }
    }
}

/// Real microseconds since `started`.
pub(super) fn micros_since(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX)
}
