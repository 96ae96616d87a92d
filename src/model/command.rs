//! What may be written to the ledger, what comes of it, and why it may be refused.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    AppId, AuditCall, BootId, DataLossApproval, Departure, DiskId, DrillCause, DrillId, DrillMode,
    DrillOutcome, DrillReport, EndpointGroup, Epoch, EvacuationId, Failure, HoldReason, Intent,
    LagSample, MemberId, NodegroupRef, NodegroupSize, Origin, Plan, Promotion, RecordSet, RegionId,
    RestoredHow, RunId, SkipReason, StepId, Variant, Wall,
};

/// One entry of the log. `at` is the proposer's world time; the state's own time never runs
/// backwards whatever it says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Command {
    pub at: Wall,
    pub body: CommandBody,
}

impl Command {
    /// The first schema of the log that knows this command. The leader proposes it only when every
    /// member has announced that schema.
    pub fn since_schema(&self) -> u32 {
        match &self.body {
            // An older member could not read what its steps are, or of what kind it is.
            CommandBody::OpenRun { plan, .. }
            | CommandBody::OpenEvacuationRun { plan, .. }
            | CommandBody::OpenDrillRun { plan, .. }
                if plan.kind.moves_share()
                    || plan.steps.iter().any(|step| is_of_schema_3(&step.intent)) =>
            {
                3
            }
            CommandBody::Steer { .. } | CommandBody::AbortWorsened { .. } => 3,
            // An older member would let the run lose data unasked.
            CommandBody::OpenRun { limits, .. }
                if limits.data_loss_approval != DataLossApproval::Anyone =>
            {
                2
            }
            CommandBody::OpenRun { .. }
            | CommandBody::StepIntent { .. }
            | CommandBody::StepOutcome { .. }
            | CommandBody::CloseRun { .. }
            | CommandBody::AbandonStale { .. }
            | CommandBody::AbortRecovered { .. }
            | CommandBody::Approve { .. }
            | CommandBody::Abort { .. }
            | CommandBody::PauseRun { .. }
            | CommandBody::ResumeRun { .. }
            | CommandBody::SkipStep { .. }
            | CommandBody::RetryStep { .. }
            | CommandBody::RecordDrift { .. }
            | CommandBody::PauseAutomation { .. }
            | CommandBody::ResumeAutomation { .. }
            | CommandBody::Acknowledge { .. }
            | CommandBody::Rejoin { .. }
            | CommandBody::RecordLag { .. }
            | CommandBody::RecordCapacity { .. }
            | CommandBody::RecordTraffic { .. }
            | CommandBody::FoundCluster { .. }
            | CommandBody::RecordDisk { .. }
            | CommandBody::Readmit { .. } => 1,
            CommandBody::RecordAudit { .. }
            | CommandBody::Restored { .. }
            | CommandBody::RaiseEpoch { .. }
            | CommandBody::BeginEvacuation { .. }
            | CommandBody::OpenEvacuationRun { .. }
            | CommandBody::HoldEvacuee { .. }
            | CommandBody::StopEvacuation { .. }
            | CommandBody::CloseEvacuation { .. }
            | CommandBody::BeginDrill { .. }
            | CommandBody::OpenDrillRun { .. }
            | CommandBody::MoveDrill { .. }
            | CommandBody::CloseDrill { .. } => 2,
        }
    }
}

/// What no member before that schema can read in a plan.
fn is_of_schema_3(intent: &Intent) -> bool {
    match intent {
        Intent::Steer { .. }
        | Intent::RoutingControl { .. }
        | Intent::Route53Weights { .. }
        | Intent::Bake { .. } => true,
        Intent::AuroraPromote { method, .. } => *method == Promotion::Detach,
        Intent::Dial { .. }
        | Intent::Weight { .. }
        | Intent::Route53Failover { .. }
        | Intent::ScaleNodegroup { .. }
        | Intent::HttpCheck { .. }
        | Intent::HttpRequest { .. }
        | Intent::Approval { .. }
        | Intent::Wait { .. } => false,
    }
}

/// What is asked of the replicated state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "command")]
pub enum CommandBody {
    OpenRun {
        plan: Box<Plan>,
        origin: Origin,
        /// The guards' settings that `apply` checks again, and the soak.
        limits: RunLimits,
    },
    StepIntent {
        run: RunId,
        step: StepId,
        attempt: u32,
        member: MemberId,
        boot: BootId,
        epoch: Epoch,
        variant: Variant,
        before: Option<String>,
    },
    StepOutcome {
        run: RunId,
        step: StepId,
        /// The attempt it is the outcome of; 0 where nothing was written.
        attempt: u32,
        outcome: Outcome,
        after: Option<String>,
    },
    /// Opens or closes a Region to health checks, as that step of the run says and only while it stands
    /// at this very intent.
    Steer {
        run: RunId,
        step: StepId,
        attempt: u32,
        boot: BootId,
    },
    /// Ends the soak or the abort. Refused while a step is in flight or unknown.
    CloseRun {
        run: RunId,
    },
    /// An automatic run that has written nothing ends because its votes no longer hold.
    AbandonStale {
        run: RunId,
    },
    /// An automatic run that has not moved its data yet gives back what it changed: the Region that
    /// it leaves is back.
    AbortRecovered {
        run: RunId,
    },
    /// The Region that gets more and more traffic does not stay well: the run gives back what it has
    /// changed, and ends.
    AbortWorsened {
        run: RunId,
        why: String,
    },
    Approve {
        run: RunId,
        step: StepId,
        by: String,
        granted: bool,
        #[serde(default)]
        reason: Option<String>,
    },
    Abort {
        run: RunId,
        by: String,
        #[serde(default)]
        reason: String,
    },
    PauseRun {
        run: RunId,
        by: String,
        reason: String,
    },
    ResumeRun {
        run: RunId,
        by: String,
    },
    SkipStep {
        run: RunId,
        step: StepId,
        by: String,
        #[serde(default)]
        reason: Option<String>,
    },
    RetryStep {
        run: RunId,
        step: StepId,
        by: String,
        #[serde(default)]
        reason: Option<String>,
    },
    RecordDrift {
        run: RunId,
        step: StepId,
        seen: String,
    },
    PauseAutomation {
        /// All applications if absent.
        app: Option<AppId>,
        by: String,
        reason: String,
        until: Option<Wall>,
    },
    ResumeAutomation {
        app: Option<AppId>,
        by: String,
    },
    /// Clears cool-down and brake.
    Acknowledge {
        app: AppId,
        by: String,
    },
    /// Lifts a quarantine.
    Rejoin {
        app: AppId,
        region: RegionId,
        by: String,
    },
    RecordLag {
        app: AppId,
        /// The secondary the lag is of.
        region: RegionId,
        samples: Vec<LagSample>,
    },
    RecordCapacity {
        app: AppId,
        region: RegionId,
        nodegroup: NodegroupRef,
        size: NodegroupSize,
    },
    RecordTraffic {
        app: AppId,
        traffic: Traffic,
    },
    /// The data folders the cluster was formed from.
    FoundCluster {
        disks: BTreeMap<MemberId, DiskId>,
    },
    /// A member that was added or re-admitted is heard for the first time.
    RecordDisk {
        member: MemberId,
        disk: DiskId,
    },
    /// Forgets a member's data folder, so that it may come back with a new one.
    Readmit {
        member: MemberId,
        by: String,
    },
    /// The first command of a ledger that begins with what another had known: nothing happens by
    /// itself from then on, and nothing at all until each application's epoch was raised.
    Restored {
        how: RestoredHow,
        by: String,
        reason: String,
        /// The one folder it begins with.
        disks: BTreeMap<MemberId, DiskId>,
    },
    /// Takes over an epoch from outside. A run of an older one that is open here is closed as
    /// overtaken, once nothing of it is in flight.
    RaiseEpoch {
        app: AppId,
        to: Epoch,
        /// Where the application was seen to serve from.
        active: Option<RegionId>,
        by: String,
        reason: String,
        /// The epoch that stood outside.
        #[serde(default)]
        seen: Option<Epoch>,
    },
    /// Adds an entry to the audit.
    RecordAudit {
        call: Box<AuditCall>,
    },
    /// A Region is to be left by every application that serves from it.
    BeginEvacuation {
        id: EvacuationId,
        region: RegionId,
        by: String,
        reason: String,
        /// The most of its runs that may be under way at the same time.
        parallel: u32,
        allow_data_loss: bool,
        /// Who goes when. What one depends on goes in an earlier wave.
        waves: Vec<Vec<Departure>>,
    },
    /// `OpenRun`, as a part of an evacuation and only when it is that application's turn. A command
    /// of its own: a member that does not know evacuations must not open it as any other run.
    OpenEvacuationRun {
        evacuation: EvacuationId,
        plan: Box<Plan>,
        origin: Box<Origin>,
        limits: RunLimits,
    },
    /// Why the run of an application whose turn has come is not begun.
    HoldEvacuee {
        evacuation: EvacuationId,
        app: AppId,
        reason: HoldReason,
    },
    /// Begins nothing new from now on.
    StopEvacuation {
        id: EvacuationId,
        by: String,
        reason: String,
    },
    /// Ends it once every application serves from elsewhere.
    CloseEvacuation {
        id: EvacuationId,
    },
    /// Begins a game day. Takes no run's place, and moves no epoch.
    BeginDrill {
        id: DrillId,
        app: AppId,
        mode: DrillMode,
        from: RegionId,
        to: Option<RegionId>,
        by: String,
        reason: String,
        max_duration: super::Millis,
        /// Live: how long the application stays there.
        #[serde(default)]
        soak: Option<super::Millis>,
    },
    /// `OpenRun`, as the way there or back of a live game day. A command of its own: a member that does
    /// not know it must not open it as any other run.
    OpenDrillRun {
        drill: DrillId,
        plan: Box<Plan>,
        origin: Box<Origin>,
        limits: RunLimits,
    },
    /// Turns a live game day home, or ends it where it stands: its cause says which.
    MoveDrill {
        id: DrillId,
        cause: DrillCause,
        why: String,
    },
    /// Ends a game day.
    CloseDrill {
        id: DrillId,
        outcome: DrillOutcome,
        report: Box<DrillReport>,
    },
}

/// Where traffic is steered to, as last read.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Traffic {
    /// Every record set under the application's names, and its epoch TXT if there is one.
    pub records: Vec<RecordSet>,
    /// By Region.
    pub groups: Vec<(RegionId, EndpointGroup)>,
    /// Whether each Region's routing control is on; without those that could not be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routing: Vec<(RegionId, bool)>,
}

impl Traffic {
    /// The newest epoch of that application that stands in an epoch TXT. Another's count something
    /// else.
    pub fn epoch_of(&self, app: &AppId) -> Option<Epoch> {
        self.records
            .iter()
            .filter(|set| set.record_type == "TXT")
            .flat_map(|set| &set.values)
            .filter_map(|value| super::parse_epoch_txt(value))
            .filter(|(_, of)| of == app)
            .map(|(epoch, _)| epoch)
            .max()
    }
}

/// Guards that `apply` checks for itself, so that nothing rests on the leader's good behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunLimits {
    pub cool_down: super::Millis,
    pub brake: u32,
    pub quarantine: bool,
    pub soak: super::Millis,
    /// Whose word a loss of data needs. Kept with the run: a leader that is configured otherwise
    /// later cannot be talked round.
    #[serde(default)]
    pub data_loss_approval: DataLossApproval,
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// The goal is met. `partly`: enough of it, at the timeout.
    Done {
        partly: bool,
    },
    Skipped {
        why: SkipReason,
    },
    Failed {
        failure: Failure,
    },
    Unknown {
        why: String,
    },
    AwaitingApproval,
    /// Certainly not sent: the attempt changed nothing and may be made again.
    NotSent {
        why: String,
    },
}

/// What a command changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    RunOpened {
        run: RunId,
    },
    StepMoved {
        run: RunId,
        step: StepId,
    },
    RunMoved {
        run: RunId,
    },
    /// Health checks are told otherwise of that Region from now on.
    Steered {
        app: AppId,
        region: RegionId,
        open: bool,
    },
    RunClosed {
        run: RunId,
    },
    AutomationChanged,
    Acknowledged {
        app: AppId,
    },
    Rejoined {
        app: AppId,
        region: RegionId,
    },
    Recorded,
    /// A member's data folder was learned or forgotten.
    DisksChanged,
    /// The ledger has begun anew.
    Restored,
    EpochRaised {
        app: AppId,
        to: Epoch,
    },
    /// An entry of the audit was written.
    Audited {
        number: u64,
    },
    EvacuationMoved {
        id: EvacuationId,
    },
    /// A game day was begun or ended.
    DrillMoved {
        drill: DrillId,
    },
    /// A repetition of what had been applied already.
    NoChange,
}

/// Why a command was refused. Nothing was changed.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, thiserror::Error,
)]
#[serde(rename_all = "snake_case", tag = "rejection")]
pub enum Rejection {
    #[error("no run is called {run}")]
    NoSuchRun { run: RunId },
    #[error("run {run} has no step {step}")]
    NoSuchStep { run: RunId, step: StepId },
    #[error("{reason}")]
    Guard { reason: HoldReason },
    #[error("epoch {got} was expected to be {expected}")]
    WrongEpoch { expected: Epoch, got: Epoch },
    #[error("run {run} is {status}; {what} does not apply")]
    RunStatus {
        run: RunId,
        status: String,
        what: String,
    },
    #[error("step {step} is {status}; {what} does not apply")]
    StepStatus {
        step: StepId,
        status: String,
        what: String,
    },
    #[error("step {step} is at attempt {expected}, not {got}")]
    WrongAttempt {
        step: StepId,
        expected: u32,
        got: u32,
    },
    #[error("run {run} is paused by {by}")]
    Paused { run: RunId, by: String },
    #[error("step {step} is still in flight")]
    InFlight { step: StepId },
    #[error("step {step} needs {need}, which is not done")]
    NeedUnmet { step: StepId, need: StepId },
    #[error(
        "{by} asked for run {run}, so the loss of data in step {step} needs another person's word; let a colleague run: failoverctl approve {run} {step}"
    )]
    NeedsOtherPerson {
        run: RunId,
        step: StepId,
        by: String,
    },
    #[error("step {step} may not be performed: {why}")]
    MayNotCall { step: StepId, why: String },
    #[error(
        "{region} is the last Region of {app} that is open: closing it would tell every health check that nobody serves; let the runbook steer another Region open first"
    )]
    LastOpen { app: AppId, region: RegionId },
    #[error("a plan that does not hold together: {why}")]
    BadPlan { why: String },
    #[error(
        "member {member} is known with disk {known}, not {got}; if its data folder was lost, run: failoverctl member readmit {member}"
    )]
    OtherDisk {
        member: MemberId,
        known: DiskId,
        got: DiskId,
    },
    #[error("no evacuation is called {id}")]
    NoSuchEvacuation { id: EvacuationId },
    #[error(
        "{by} is evacuating {region} already, as {id}; to begin anew run: failoverctl evacuate stop {id}"
    )]
    EvacuationOpen {
        id: EvacuationId,
        region: RegionId,
        by: String,
    },
    #[error("evacuation {id}: {why}")]
    Evacuation { id: EvacuationId, why: String },
    #[error("no drill is called {drill}")]
    NoSuchDrill { drill: DrillId },
    #[error("no drill is begun: {why}")]
    NoDrill { why: String },
    #[error("the cluster is founded already")]
    Founded,
    #[error(
        "a pause of automation must end by itself: nobody remembers one for ever; say until when"
    )]
    PauseWithoutEnd,
    #[error("member {member} is the only one with a data folder; there is nothing to join again")]
    LastDisk { member: MemberId },
    #[error(
        "the command needs log schema {needs}, member {member} knows up to {knows}; upgrade it first"
    )]
    OldMember {
        member: MemberId,
        needs: u32,
        knows: u32,
    },
}
