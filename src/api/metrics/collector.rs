//! The snapshot as metrics: the member itself and its ledger here, the rest beside.

use std::fmt;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::family::{Gauges, count, truth};
use super::{
    applications, cluster, credentials, drills, facts, notifications, readiness, runs, votes,
};
use crate::api::source::ApiSource;
use crate::daemon::snapshot::Snapshot;
use crate::ledger::{COMMIT_BOUNDS_US, CommitTimes};

/// Reads the snapshot once per scrape, so that all of it is of one turn.
#[derive(Debug)]
pub(super) struct SnapshotCollector {
    source: ApiSource,
    every: bool,
}

impl SnapshotCollector {
    /// `every`: also names the families that have nothing to say.
    pub(super) fn new(source: ApiSource, every: bool) -> Self {
        Self { source, every }
    }
}

impl Collector for SnapshotCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let snapshot = self.source.now();
        let mut out = Gauges::new(&mut encoder, self.every);
        member(&mut out, &self.source, &snapshot)?;
        ledger(&mut out, &snapshot)?;
        cluster::encode(&mut out, &snapshot)?;
        credentials::encode(&mut out, &self.source, &snapshot)?;
        notifications::encode(&mut out, &snapshot)?;
        votes::encode(&mut out, &snapshot, &self.source.member.id)?;
        applications::encode(&mut out, &snapshot, &self.source.applications)?;
        facts::encode(&mut out, &snapshot, &self.source.applications)?;
        drills::encode(&mut out, &snapshot)?;
        readiness::encode(&mut out, &snapshot)?;
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
        "loop_age",
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
        ledger
            .last_commit_us
            .map(|us| (Vec::new(), Duration::from_micros(us).as_secs_f64())),
    )?;
    commits(out, &ledger.commits)?;
    out.bytes(
        "ledger_size",
        "Size of the ledger's file",
        [(Vec::new(), count(ledger.size_bytes))],
    )?;
    out.counter(
        "audit_entries",
        "Entries that were ever written to the audit, by the ledger",
        [(Vec::new(), snapshot.state.audit.number)],
    )?;
    out.bytes(
        "ledger_disk_free",
        "What may still be written to the file system of the ledger's folder",
        ledger.free_bytes.map(|bytes| (Vec::new(), count(bytes))),
    )
}

fn commits(out: &mut Gauges<'_, '_>, commits: &CommitTimes) -> fmt::Result {
    let seconds = |us: u64| Duration::from_micros(us).as_secs_f64();
    let bounds = COMMIT_BOUNDS_US.into_iter().map(seconds);
    let bounded: Vec<_> = bounds.chain([f64::INFINITY]).zip(commits.counts).collect();
    out.seconds_histogram(
        "ledger_commit_duration",
        "How long durable commits took on this host's disk, fsync included, in real time",
        seconds(commits.sum_us),
        &bounded,
    )
}
