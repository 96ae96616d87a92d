//! Floor 3: what the shell implements. Traits only.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use crate::model::{CallOutcome, Goal, Observation};

use crate::model::{
    Alarm, AlarmState, AppId, Command, Event, HoldReason, Intent, LagSample, Millis, NodegroupRef,
    NodegroupSize, Now, Plan, Probe, ProbeResult, ReadinessFinding, RegionId, Rejection, RunId,
    RunKind, State, StepId, Touches, Traffic, Variant, Wall,
};

/// Both clocks, in world time, and the way to wait. One implementation runs at the host's own pace,
/// one faster, for drills.
pub trait Clock: Send + Sync + std::fmt::Debug + 'static {
    /// This moment. `mono` counts suspend.
    fn now(&self) -> Now;

    /// The real duration of a length of world time, never shorter than `floor`: what protects
    /// against *this host* has a floor in real time.
    fn real(&self, world: Millis, floor: Duration) -> Duration;

    /// Waits for a length of world time.
    fn sleep(&self, world: Millis) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// Performs one probe. Never takes longer than the probe's timeout.
#[async_trait]
pub trait Prober: Send + Sync {
    /// One fresh look at the endpoint.
    async fn probe(&self, probe: &Probe) -> ProbeResult;
}

/// Performs actions. Every read and every write is bounded by the application's call timeout.
#[async_trait]
pub trait Actuator: Send + Sync {
    /// Reads the world: is the goal of `intent` met?
    /// For an `http.check` this *is* the check.
    async fn observe(&self, app: &AppId, intent: &Intent) -> Observation;

    /// The one mutating call. Drops it, as [`CallOutcome::NotSent`], if `proof` does not hold at
    /// the moment it would be handed to the socket, after signing.
    async fn apply(&self, app: &AppId, call: &Call<'_>, proof: &Proof) -> CallOutcome;

    /// Record sets, dials and weights as they stand. Asks nothing of any Region of the application
    /// itself.
    async fn read_traffic(&self, app: &AppId) -> Result<Traffic, ReadError>;

    /// The last minutes of `AuroraGlobalDBRPOLag` of the cluster in that Region, oldest first.
    async fn read_lag(
        &self,
        app: &AppId,
        secondary: &RegionId,
    ) -> Result<Vec<LagSample>, ReadError>;

    /// The size of every node group of the application in that Region.
    async fn read_capacity(
        &self,
        app: &AppId,
        region: &RegionId,
    ) -> Result<Vec<(NodegroupRef, NodegroupSize)>, ReadError>;

    /// How each of the application's `drill_alarm`s stands: one that cannot be read hides no other.
    async fn read_alarms(&self, app: &AppId) -> Vec<(Alarm, Result<AlarmState, ReadError>)>;
}

/// Looks at everything that plans will touch, by read calls only.
#[async_trait]
pub trait Inspector: Send + Sync {
    /// What was found. Takes its time: calls are few at once and far between, each bounded.
    async fn inspect(&self, app: &AppId, asked: &Inspection) -> Vec<ReadinessFinding>;
}

/// What an inspector is told of what it looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Where the application serves: no candidate to be moved to.
    pub active: RegionId,
    /// The plans to every other Region, as they can be made now.
    pub trials: Vec<PlanTrial>,
    /// What any of the application's runbooks changes.
    pub touches: Touches,
    /// What the one for an outage changes: the rest stands in no outage's way.
    pub binding: Touches,
    /// The last run or drill that came to its end.
    pub last_exercise: Option<Exercise>,
    /// How long ago that may be.
    pub drill_max_age: Millis,
}

/// A run or a drill that came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exercise {
    /// As in `run shop-7`.
    pub what: String,
    pub at: Wall,
    /// What a drill found wrong.
    pub failure: Option<String>,
}

/// A plan that was made to see whether it can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanTrial {
    pub kind: RunKind,
    pub from: RegionId,
    pub to: RegionId,
    pub plan: Result<Plan, HoldReason>,
    /// Where traffic stands was not told just now: what the plan lacks may be no more than that.
    pub blind: bool,
}

/// One mutating call.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    pub run: &'a RunId,
    pub step: &'a StepId,
    pub attempt: u32,
    pub intent: &'a Intent,
    pub variant: Variant,
}

impl Call<'_> {
    /// The client token where the API takes one: the same for every repetition of one attempt.
    pub fn token(&self) -> String {
        format!("{}.{}.{}", self.run, self.step, self.attempt)
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect()
    }
}

/// Proof of leadership, asked for at the last moment. It holds while it is younger than half the
/// lease and this process has not stalled since it was given.
#[derive(Clone)]
pub struct Proof(Arc<dyn Fn() -> bool + Send + Sync>);

impl Proof {
    /// A proof that holds while `holds` says so.
    pub fn new(holds: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(holds))
    }

    /// Whether it holds at this very moment.
    pub fn holds(&self) -> bool {
        (self.0)()
    }
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Proof(holds: {})", self.holds())
    }
}

/// A read that was not answered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum ReadError {
    /// No answer: says nothing about the thing.
    #[error("{what} cannot be read: {why}")]
    Unobservable { what: String, why: String },
    /// Answered, and the answer is no: does not exist, not allowed, credentials expired.
    #[error("{what} cannot be read ({code}): {message}")]
    Refused {
        what: String,
        code: String,
        message: String,
    },
}

/// The replicated log, as one member sees it.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Commits a command and says what `apply` made of it. Bounded; an error is *unknown*.
    async fn propose(&self, command: Command) -> Result<Result<Event, Rejection>, LedgerError>;

    /// A linearizable read: the state as of a moment at which this member certainly led.
    async fn prove(&self) -> Result<Arc<State>, LedgerError>;

    /// The state as last applied here. Never waits.
    fn state(&self) -> Arc<State>;

    /// Whether this member leads, as far as it knows.
    fn leads(&self) -> bool;

    /// Gives up leadership, so that another member may lead; does not ask for it again until another
    /// leads or some time has passed. What was under way ends as unknown.
    async fn stand_down(&self, reason: &str) -> Result<(), LedgerError>;

    /// Returns once state or leadership have changed since the last call, or at once with an error
    /// when the log core has stopped.
    async fn changed(&self) -> Result<(), LedgerError>;
}

/// Why the ledger did not answer as hoped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum LedgerError {
    /// Certainly not committed: this member does not lead.
    #[error("this member does not lead")]
    NotLeader,
    /// May or may not be, or become, committed.
    #[error("no answer from the ledger: {why}")]
    Unknown { why: String },
    /// The log core has stopped: the process must end.
    #[error("the ledger has stopped: {why}")]
    Stopped { why: String },
}
