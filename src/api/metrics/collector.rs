//! The snapshot as metrics: the member itself and its ledger here, the rest beside.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::family::{Gauges, count, truth};
use super::{applications, cluster, notifications, runs};
use crate::api::source::ApiSource;
use crate::daemon::snapshot::Snapshot;

/// Reads the snapshot once per scrape, so that all of it is of one turn.
#[derive(Debug)]
pub(super) struct SnapshotCollector {
    source: ApiSource,
}

impl SnapshotCollector {
    pub(super) fn new(source: ApiSource) -> Self {
        Self { source }
    }
}

impl Collector for SnapshotCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let snapshot = self.source.now();
        let mut out = Gauges::new(&mut encoder);
        member(&mut out, &self.source, &snapshot)?;
        ledger(&mut out, &snapshot)?;
        cluster::encode(&mut out, &snapshot)?;
        notifications::encode(&mut out, &snapshot)?;
        applications::encode(&mut out, &snapshot)?;
        runs::encode(&mut out, &snapshot)
    }
}

fn member(out: &mut Gauges<'_, '_>, source: &ApiSource, snapshot: &Snapshot) -> fmt::Result {
    out.info(
        "build",
        "The version that runs",
        &[("version", env!("CARGO_PKG_VERSION"))],
    )?;
    out.info(
        "member",
        "Who this member is and where it is at home",
        &[
            ("member", source.member.id.as_str()),
            ("region", source.member.region.as_str()),
        ],
    )?;
    out.single(
        "ready",
        "Whether this member does its part",
        truth(snapshot.ready.is_ready()),
    )?;
    out.single(
        "leader",
        "Whether this member leads, as far as it knows",
        truth(snapshot.leads),
    )?;
    out.seconds(
        "heartbeat_age",
        "Since the daemon's loop last turned, in real time; the ages of this scrape are as of then",
        [(Vec::new(), source.heartbeat.age().as_secs_f64())],
    )
}

fn ledger(out: &mut Gauges<'_, '_>, snapshot: &Snapshot) -> fmt::Result {
    let ledger = &snapshot.ledger;
    out.single("ledger_term", "The ledger's term", count(ledger.term))?;
    out.plain(
        "ledger_last_log_index",
        "The index of the last entry in this member's log",
        ledger
            .last_log_index
            .map(|index| (Vec::new(), count(index))),
    )?;
    out.seconds(
        "ledger_last_commit",
        "How long the last durable commit took on this host's disk, in real time",
        ledger.last_commit_us.map(|us| {
            (
                Vec::new(),
                std::time::Duration::from_micros(us).as_secs_f64(),
            )
        }),
    )?;
    out.bytes(
        "ledger_size",
        "Size of the ledger's file",
        [(Vec::new(), count(ledger.size_bytes))],
    )
}
