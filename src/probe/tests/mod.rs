//! Against real servers on loopback.

mod clock;
mod dns;
mod dns_server;
mod http;
mod keep_alive;
mod server;
mod set;
mod tcp;
mod tls;

use std::net::IpAddr;
use std::sync::Arc;

pub(super) use clock::TestClock;

use super::NetProber;
use crate::model::{
    Check, FailureReason, Millis, Probe, ProbeId, ProbeResult, SampleOutcome, StatusRange,
    UnknownReason,
};
use crate::ports::Prober;

/// Long enough for any loopback exchange on a busy machine: reaching it means something hangs.
const AMPLE: Millis = Millis(20_000);
/// For the tests in which the timeout is what is tested.
const SHORT: Millis = Millis(150);

fn probe(check: Check, timeout: Millis) -> Probe {
    Probe {
        id: ProbeId::from("probe"),
        check,
        interval: Millis(1_000),
        timeout,
        fall: 3,
        rise: 5,
        critical: true,
        weight: 1,
    }
}

/// A plain GET that expects a 2xx on a fresh connection.
fn get(url: impl Into<String>) -> Check {
    Check::Http {
        url: url.into(),
        method: "GET".to_owned(),
        expect_status: vec![StatusRange {
            low: 200,
            high: 299,
        }],
        body_contains: None,
        expect_header: None,
        headers: Vec::new(),
        keep_alive: false,
        ca_file: None,
    }
}

fn prober(source: Option<IpAddr>) -> NetProber {
    NetProber::new(source, Arc::new(TestClock::at_speed(1)))
}

async fn look(check: Check) -> ProbeResult {
    prober(None).probe(&probe(check, AMPLE)).await
}

async fn look_shortly(check: Check) -> ProbeResult {
    prober(None).probe(&probe(check, SHORT)).await
}

#[track_caller]
fn assert_failure(result: &ProbeResult, is: impl FnOnce(&FailureReason) -> bool) {
    match &result.outcome {
        SampleOutcome::Failure(reason) if is(reason) => {}
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_unknown(result: &ProbeResult, is: impl FnOnce(&UnknownReason) -> bool) {
    match &result.outcome {
        SampleOutcome::Unknown(reason) if is(reason) => {}
        other => panic!("{other:?}"),
    }
}
