//! From a snapshot to what goes over the wire. Pure: the same snapshot always reads the same.
//!
//! ```text
//!  Snapshot ──Look──┬─▶ status, applications, why, votes
//!  configuration ───┘   runs, plans, automation, audit
//! ```

mod applications;
mod audit;
mod automation;
mod drills;
mod events;
mod plans;
mod readiness;
mod regions;
mod runs;
mod status;
mod votes;
mod words;

pub(in crate::api) use audit::audit_entry;
pub use audit::recorded_audit;

use std::collections::BTreeMap;

pub(in crate::api) use self::events::Seen;
pub(in crate::api) use self::readiness::just_checked;

use super::access::Caller;
use super::source::ApiSource;
use super::wire;
use crate::daemon::snapshot::Snapshot;
use crate::model::{AppId, Application, HeldVote, HoldReason, MemberId, Wall};

/// One turn and the configuration it is looked at with.
pub(in crate::api) struct Look<'a> {
    source: &'a ApiSource,
    snapshot: &'a Snapshot,
    votes: BTreeMap<&'a AppId, Vec<(&'a MemberId, &'a HeldVote)>>,
}

impl<'a> Look<'a> {
    pub fn new(source: &'a ApiSource, snapshot: &'a Snapshot) -> Self {
        let mut votes: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (member, held) in &snapshot.votes {
            votes
                .entry(&held.vote.app)
                .or_default()
                .push((member, held));
        }
        Self {
            source,
            snapshot,
            votes,
        }
    }

    fn votes_on(&self, app: &AppId) -> &[(&'a MemberId, &'a HeldVote)] {
        self.votes.get(app).map(Vec::as_slice).unwrap_or_default()
    }

    /// The present moment as every age is counted to it.
    fn now(&self) -> Wall {
        self.snapshot.at.wall
    }

    /// The applications that a caller may see, in the order of their names.
    pub fn applications_of(&self, caller: &Caller) -> impl Iterator<Item = &'a Application> {
        let apps = self.source.applications.iter();
        apps.filter(|app| caller.scope.covers(&app.name))
    }
}

/// RFC 3339 in UTC with milliseconds.
pub(in crate::api) fn moment(at: Wall) -> String {
    let ms = i64::try_from(at.0).unwrap_or(i64::MAX);
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(at) => format!("{at:.3}"),
        // A clock beyond every calendar: said as it is.
        Err(_) => format!("{}ms", at.0),
    }
}

/// A moment as a person writes it: RFC 3339.
pub(in crate::api) fn parse_moment(text: &str) -> Option<Wall> {
    let at: jiff::Timestamp = text.trim().parse().ok()?;
    u64::try_from(at.as_millisecond()).ok().map(Wall)
}

/// A reason for not acting, with its remedy.
pub(in crate::api) fn reason(reason: &HoldReason) -> wire::Reason {
    wire::Reason {
        code: reason.code().to_owned(),
        text: reason.to_string(),
        remedy: reason.remedy().to_owned(),
    }
}

/// How long ago, in milliseconds.
fn age(now: Wall, then: Wall) -> u64 {
    now.since(then).0
}

/// A number for JSON.
fn count(items: usize) -> u32 {
    u32::try_from(items).unwrap_or(u32::MAX)
}

fn run_kind(kind: crate::model::RunKind) -> wire::RunKind {
    use crate::model::RunKind;
    match kind {
        RunKind::Failover => wire::RunKind::Failover,
        RunKind::Switchover => wire::RunKind::Switchover,
        RunKind::Failback => wire::RunKind::Failback,
        RunKind::Shift => wire::RunKind::Shift,
        RunKind::Return => wire::RunKind::Return,
    }
}

/// The other way.
pub(in crate::api) fn asked_kind(kind: wire::RunKind) -> crate::model::RunKind {
    use crate::model::RunKind;
    match kind {
        wire::RunKind::Failover => RunKind::Failover,
        wire::RunKind::Switchover => RunKind::Switchover,
        wire::RunKind::Failback => RunKind::Failback,
        wire::RunKind::Shift => RunKind::Shift,
        wire::RunKind::Return => RunKind::Return,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_back_as_it_is_written() {
        let at = Wall(1_780_000_000_123);
        assert_eq!(moment(at), "2026-05-28T20:26:40.123Z");
        assert_eq!(parse_moment(&moment(at)), Some(at));
        assert_eq!(parse_moment("tomorrow"), None);
        assert_eq!(parse_moment("1960-01-01T00:00:00Z"), None);
    }
}
