//! A member's present opinion of one Region of one application.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AppId, BootId, ConfigHash, MemberId, Millis, Mono, ProbeId, RegionId};

/// What a member thinks of a Region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opinion {
    Up,
    /// Failing, but not long enough, or not enough of it, to be down.
    Suspect,
    Down,
    /// No usable evidence: neither agrees nor vetoes.
    Unknown,
}

impl fmt::Display for Opinion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Up => "up",
            Self::Suspect => "suspect",
            Self::Down => "down",
            Self::Unknown => "unknown",
        })
    }
}

/// Why a vote is what it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoteReason {
    /// The probes say so.
    Probes,
    /// No critical probe has been sampled yet.
    NoEvidence,
    /// The newest critical sample is older than 2 x interval + timeout.
    StaleEvidence,
    /// This member's event loop stalled or its clock stepped: it does not trust itself.
    Tilt,
    /// Its reference targets are unreachable: it is probably the one that is cut off.
    Isolated,
    /// Failing, but no reference target has answered since: not yet known whose fault it is.
    NoReference,
    /// The probes themselves could not ask.
    ProbeUnknown,
}

/// A vote as its member cast it. Times are on the voter's own clock.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Vote {
    pub app: AppId,
    pub region: RegionId,
    pub opinion: Opinion,
    pub reason: VoteReason,
    /// The start of the newest sample that this vote stands on (voter's clock); the vote is as old
    /// as this. Of several critical probes the *oldest* newest sample counts.
    pub evidence_at: Mono,
    /// When the run of failures began (voter's clock), if the Region is not up.
    pub failing_since: Option<Mono>,
    /// The configuration it was cast under.
    pub config: ConfigHash,
    pub probes: Vec<ProbeState>,
}

/// One probe behind a vote.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProbeState {
    pub probe: ProbeId,
    pub critical: bool,
    pub up: Option<bool>,
    pub failures_in_row: u32,
    pub successes_in_row: u32,
    /// The last failure in words.
    pub last_failure: Option<String>,
    pub last_sample_at: Option<Mono>,
}

/// All votes of one member as it sends them round.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VoteSheet {
    pub member: MemberId,
    pub boot: BootId,
    /// Rises with every sheet of this boot.
    pub sequence: u64,
    /// When it was made (voter's clock): what the ages of its evidence are counted from.
    pub sent_at: Mono,
    /// Whether this member's own calls to AWS succeed; `None` before the first.
    #[serde(default)]
    pub aws_reachable: Option<bool>,
    pub votes: Vec<Vote>,
}

/// A vote in the receiver's matrix: its age is on the *receiver's* clock, counted from its evidence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HeldVote {
    pub vote: Vote,
    /// When the evidence was taken, on the receiver's clock, never later than it truly was
    /// (a remote vote is aged from when the challenge it echoes was sent).
    pub evidence_at: Mono,
    /// Likewise for the run of failures.
    pub failing_since: Option<Mono>,
}

impl HeldVote {
    /// How old the vote is.
    pub fn age(&self, now: Mono) -> Millis {
        now.since(self.evidence_at)
    }
}
