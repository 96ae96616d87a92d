//! What the daemon shows of itself: published whole through a `watch` channel after each turn of its
//! loop, so that whoever asks never waits for a lock that the loop holds (and least of all in an
//! outage, when everybody asks).
//!
//! ```text
//!  driver ──one turn──▶ Arc<Snapshot> ──watch──┬─▶ API: readiness, metrics
//!                                              └─▶ a drill's progress
//! ```
//!
//! Invariant: a snapshot is of one turn; its parts never come from two.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::ledger::{CommitTimes, Formation, LedgerMetrics, Quorum};
use crate::model::{
    AppId, AppView, HeldReadiness, HeldVote, MemberId, Now, RunId, State, StepActivity, StepId,
};
use crate::notify::Tally;
use crate::peer::{CertificateStatus, PeerStatus};

/// One turn's end, whole.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// When the turn ended, in world time; what every age below is counted to.
    pub at: Now,
    pub views: BTreeMap<AppId, AppView>,
    /// The replicated state as last applied here.
    pub state: Arc<State>,
    /// Whether this member leads, as far as it knows.
    pub leads: bool,
    /// Every vote this member holds, its own included. The vote names its application and Region.
    pub votes: Vec<(MemberId, HeldVote)>,
    /// What this member is doing about the steps of open runs.
    pub activities: BTreeMap<(RunId, StepId), StepActivity>,
    /// What this member last found of each application's readiness.
    pub checks: BTreeMap<AppId, Arc<HeldReadiness>>,
    pub ledger: LedgerFigures,
    pub cluster: ClusterView,
    pub ready: Readiness,
    /// What became of the notifications that this member sent.
    pub told: Tally,
}

impl Snapshot {
    /// Before the first turn: nothing is known, and that is said.
    pub fn starting(at: Now, state: Arc<State>) -> Self {
        Self {
            at,
            views: BTreeMap::new(),
            state,
            leads: false,
            votes: Vec::new(),
            activities: BTreeMap::new(),
            checks: BTreeMap::new(),
            ledger: LedgerFigures::default(),
            cluster: ClusterView::default(),
            ready: Readiness::new([Unready::NoLeader, Unready::NoVotes]),
            told: Tally::default(),
        }
    }
}

/// The cluster as this member sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterView {
    /// Whether this member is of it.
    pub formation: Formation,
    /// Who decides, who leads, who is heard.
    pub quorum: Quorum,
    /// The alarm: for longer than an election takes, no quorum has been seen from here.
    pub quorum_lost: bool,
    /// The log's entry up to which each member has come, as far as it is heard.
    pub applied: BTreeMap<MemberId, u64>,
    /// A member that has come so far knows every pause of automation that is shown here.
    pub automation_as_of: u64,
    /// The connections to the others.
    pub peers: Vec<PeerStatus>,
    /// This member's own certificate; none in plain text, or with nobody to talk to.
    pub certificate: Option<CertificateStatus>,
    /// How often this member refused another, by reason.
    pub refusals: BTreeMap<String, u64>,
    /// The members whose round trip was longer than a heartbeat at its worst, and how long.
    pub slow: BTreeMap<MemberId, Duration>,
    /// What `slow` exceeds, in real time.
    pub heartbeat: Duration,
}

impl ClusterView {
    /// Why this member takes no part, with the remedy; none if it does, or may yet.
    pub fn takes_no_part(&self) -> Option<String> {
        if let Formation::Refuse { reason, remedy } = &self.formation {
            return Some(format!("{reason}; {remedy}"));
        }
        if self.quorum.reachable {
            return None;
        }
        if self.quorum.removed {
            return Some(
                "it was removed; stop this daemon, or have it added again with failoverctl member \
                 add"
                .to_owned(),
            );
        }
        // A member that is shut out at the port hears nothing from which it could tell why.
        self.peers.iter().find_map(|peer| {
            let refusal = peer.refuses.as_ref()?;
            Some(format!("`{}` says: {refusal}", peer.member))
        })
    }
}

impl Default for ClusterView {
    /// Nothing is known yet.
    fn default() -> Self {
        Self {
            formation: Formation::Wait {
                missing: BTreeSet::new(),
            },
            quorum: Quorum::default(),
            quorum_lost: false,
            applied: BTreeMap::new(),
            automation_as_of: 0,
            peers: Vec::new(),
            certificate: None,
            refusals: BTreeMap::new(),
            slow: BTreeMap::new(),
            heartbeat: Duration::ZERO,
        }
    }
}

/// The ledger in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerFigures {
    pub term: u64,
    pub last_log_index: Option<u64>,
    /// How long the last durable commit took on this host's disk, in real microseconds.
    pub last_commit_us: Option<u64>,
    /// How long every durable commit took since the start.
    pub commits: CommitTimes,
    /// Size of the database file in bytes.
    pub size_bytes: u64,
    /// Bytes that may still be written to the data folder's file system, if it says.
    pub free_bytes: Option<u64>,
}

impl From<LedgerMetrics> for LedgerFigures {
    fn from(metrics: LedgerMetrics) -> Self {
        Self {
            term: metrics.term,
            last_log_index: metrics.last_log_index,
            last_commit_us: metrics
                .last_commit
                .map(|took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX)),
            commits: metrics.commits,
            size_bytes: metrics.size_bytes,
            free_bytes: metrics.free_bytes,
        }
    }
}

/// Whether this member does its part yet, or why not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    reasons: Vec<Unready>,
}

/// Why a member does not do its part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unready {
    /// No leader of the ledger is heard: nothing can be decided or written down.
    NoLeader,
    /// The cluster does not take this member, or not from this data folder.
    TakesNoPart {
        /// Why, and what is to be done about it.
        why: String,
    },
    /// The first round of votes has not been cast.
    NoVotes,
    /// It was told to stop and finishes what it has begun.
    Draining,
}

impl Readiness {
    /// Ready if there is no reason against it.
    pub fn new(reasons: impl IntoIterator<Item = Unready>) -> Self {
        Self {
            reasons: reasons.into_iter().collect(),
        }
    }

    /// Whether nothing stands against it.
    pub fn is_ready(&self) -> bool {
        self.reasons.is_empty()
    }

    /// Everything that stands against it.
    pub fn reasons(&self) -> &[Unready] {
        &self.reasons
    }
}

impl fmt::Display for Readiness {
    /// In words, one reason after the other.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_ready() {
            return f.write_str("ready");
        }
        f.write_str("not ready: ")?;
        for (place, reason) in self.reasons.iter().enumerate() {
            if place > 0 {
                f.write_str("; ")?;
            }
            reason.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Unready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoLeader => "the ledger has no leader",
            Self::TakesNoPart { why } => {
                return write!(f, "the cluster does not take this member as it is: {why}");
            }
            Self::NoVotes => "the first round of votes has not been cast",
            Self::Draining => "shutting down, finishing what has begun",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_says_everything_that_stands_against_it() {
        assert_eq!(Readiness::default().to_string(), "ready");
        let start = Snapshot::starting(Now::default(), Arc::default());
        assert!(!start.ready.is_ready());
        let mut cluster = ClusterView::default();
        assert_eq!(cluster.takes_no_part(), None);
        cluster.quorum.removed = true;
        let why = cluster.takes_no_part().expect("it takes none");
        assert!(why.contains("failoverctl member add"), "{why}");
        // What the others have on record lags behind the leader who speaks to it.
        cluster.quorum.reachable = true;
        assert_eq!(cluster.takes_no_part(), None);
        assert_eq!(
            start.ready.to_string(),
            "not ready: the ledger has no leader; the first round of votes has not been cast"
        );
    }
}
