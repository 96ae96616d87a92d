//! What became of the notifications that this member sent, and of its heartbeat.

use std::fmt;

use super::family::{Gauges, count};
use crate::daemon::snapshot::Snapshot;

const MS_PER_SECOND: f64 = 1_000.0;

pub(super) fn encode(out: &mut Gauges<'_, '_>, snapshot: &Snapshot) -> fmt::Result {
    let told = &snapshot.told;
    out.counter(
        "notifications",
        "Notifications by receiver and what became of them; a retry is one more attempt at one of them",
        told.sinks.iter().flat_map(|(sink, tally)| {
            tally.outcomes().into_iter().map(move |(outcome, times)| {
                (vec![("sink", sink.as_str()), ("outcome", outcome)], times)
            })
        }),
    )?;
    out.plain(
        "notifications_queued",
        "Notifications that wait for their receiver",
        told.sinks
            .iter()
            .map(|(sink, tally)| (vec![("sink", sink.as_str())], count(tally.waiting()))),
    )?;
    out.counter(
        "heartbeat_failures",
        "How often the outside heartbeat was not taken",
        told.heartbeat
            .iter()
            .map(|tally| (Vec::new(), tally.failures())),
    )?;
    out.seconds(
        "heartbeat_last_success_timestamp",
        "When the outside heartbeat was last taken, since 1970",
        told.heartbeat
            .iter()
            .filter_map(|tally| tally.last_success())
            .map(|at| (Vec::new(), count(at.0) / MS_PER_SECOND)),
    )
}
