//! What can happen next, and who waits for it.

use failoverd::controller::Input;
use failoverd::model::*;

use crate::aws::Time;
use crate::raft::{Id, Message};

/// A message on its way. Each speaks from one data folder and is meant for one.
#[derive(Clone, Debug)]
pub struct Envelope {
    pub from: Id,
    pub to: Id,
    pub from_disk: DiskId,
    pub to_disk: Option<DiskId>,
    pub message: Message,
}

#[derive(Clone, Debug)]
pub enum Event {
    /// Of one life of one member; nobody's once that life is over.
    At(Id, BootId, Happening),
    Deliver(Box<Envelope>),
    /// A stopped member goes on.
    Thaw(Id),
    Restart(Id),
    /// A read is answered by AWS.
    Served(Id, BootId, Box<Question>),
    /// A write arrives at AWS.
    Lands(u64),
    Promoted(u64),
    FaultBegins(usize),
    FaultEnds(usize),
    /// People look.
    People,
    Heal,
}

#[derive(Clone, Debug)]
pub enum Happening {
    Tick,
    Turn,
    /// Something in the ledger has changed.
    Changed,
    Persisted(u64),
    /// A proposal or a proof was not answered in time.
    Expired(u64),
    Probe,
    Sampled(Box<Sample>),
    Pull,
    Watch,
    Sound,
    Told(Box<Input>),
    Answered(Box<Question>, Option<Answer>),
    /// The request is signed: the proof's last look.
    Gate(u64),
    CallAnswered(u64, CallOutcome),
    CallExpired(u64),
}

/// What is asked of AWS, or of the product's front door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    Goal {
        run: RunId,
        step: StepId,
        intent: Intent,
    },
    /// Before a run is opened: the steps it cannot do without.
    Preflight(CommandBody),
    Traffic {
        watch: bool,
    },
    Lag(usize),
    Capacity(usize),
    /// Before a write: what it needs to know.
    Before(u64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Observed(Observation),
    Refusal(Option<HoldReason>),
    Traffic(Traffic),
    Lag(Vec<LagSample>),
    Capacity(NodegroupSize),
    Before {
        /// Whether another group carries traffic.
        another_serves: bool,
        size: Option<NodegroupSize>,
    },
}

/// Who is told what the ledger said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waiter {
    Opening(AppId),
    Commit { run: RunId, step: StepId },
    Proof(u64),
    Nobody,
}

/// One mutating call, from its proof to its answer.
#[derive(Clone, Debug)]
pub struct Call {
    pub member: Id,
    pub boot: BootId,
    pub run: RunId,
    pub step: StepId,
    pub attempt: u32,
    pub intent: Intent,
    pub variant: Variant,
    pub asked: Mono,
    pub asked_at: Time,
    /// When the replicated state last allowed it, as far as the proof has to see.
    pub allowed_at: Option<Time>,
    pub size: Option<NodegroupSize>,
    pub handed_at: Option<Time>,
    pub landed: bool,
    pub answered: bool,
}

/// An event and when; of two at one moment the one that was scheduled first comes first.
#[derive(Debug)]
pub struct Scheduled {
    pub at: Time,
    pub order: u64,
    pub event: Event,
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scheduled {
    /// The earliest is the greatest: what a heap gives first.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}
