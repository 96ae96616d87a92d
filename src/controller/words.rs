//! What the controller is told, and what it asks for.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{
    AppId, AppView, Application, AutomationWindow, BootId, CommandBody, DataLossApproval, DrillId,
    DrillMode, EvacuationId, Event, GuardVerdict, HeldReadiness, HoldReason, LagSample, Member,
    MemberId, Millis, Mono, Plan, PlanHash, Probe, RegionId, RehearsalSheet, RehearsedStep,
    Rejection, RunId, RunKind, Runbook, Sample, StandDownReason, Traffic, VoteSheet, Wall,
};
use crate::run::{Heard, Move, Timing};

/// What the controller is told once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Setup {
    /// This member.
    pub me: MemberId,
    /// This life of it.
    pub boot: BootId,
    /// The configured members.
    pub members: Vec<Member>,
    /// The members whose vantages live in this process.
    pub hosted: Vec<MemberId>,
    /// What is failed over.
    pub applications: Vec<Application>,
    /// The reference targets.
    pub references: Vec<Probe>,
    /// By name.
    pub runbooks: BTreeMap<String, Runbook>,
    /// When automation is held.
    pub windows: Vec<AutomationWindow>,
    /// What the engine goes by.
    pub timing: Timing,
    /// Whose word a loss of data needs where a person asked for the run.
    pub data_loss_approval: DataLossApproval,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// Time passed.
    Tick,
    /// A probe of a hosted vantage came back.
    Sample {
        /// Whose vantage.
        member: MemberId,
        /// What it found.
        sample: Sample,
    },
    /// This host stalled or its clock stepped: a hosted vantage does not trust itself.
    Tilt {
        /// Whose vantage.
        member: MemberId,
    },
    /// A round of votes of another member, asked for at that moment on our clock.
    Sheet {
        /// What it said.
        sheet: VoteSheet,
        /// When it was asked: the sheet is no older than that.
        asked_at: Mono,
    },
    /// Where traffic stands, as asked for by [`Effect::ReadTraffic`]; `None` if unreadable.
    TrafficRead {
        /// Of which application.
        app: AppId,
        /// What was read.
        traffic: Option<Traffic>,
    },
    /// What the ledger said to [`Effect::OpenRun`]; `None` if it did not say.
    Opened {
        /// Of which application.
        app: AppId,
        /// The answer.
        answer: Option<Result<Event, Rejection>>,
    },
    /// What came back to a move of an engine.
    Heard {
        /// Of which run.
        run: RunId,
        /// What.
        heard: Heard,
    },
    /// An AWS call of this member, of the kind that every member makes, succeeded or not.
    AwsAnswered {
        /// Whether it did.
        reached: bool,
    },
    /// What a look of this member at what plans will touch found.
    Readiness(Arc<HeldReadiness>),
    /// A person asks for a run.
    Request(RunRequest),
    /// Something of a game day. Nothing that is decided in earnest follows from it.
    Drill(DrillHeard),
}

/// What a game day is told. None of it is of real life.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DrillHeard {
    /// Another member's made-up votes, asked for at that moment on our clock.
    Sheet {
        /// What it made up.
        sheet: RehearsalSheet,
        /// When it was asked.
        asked_at: Mono,
    },
    /// Where traffic stands, as asked for by [`DrillMove::ReadTraffic`]; `None` if unreadable.
    TrafficRead {
        /// For which drill.
        drill: DrillId,
        /// Of which application.
        app: AppId,
        /// What was read.
        traffic: Option<Traffic>,
    },
    /// What was seen of the steps of [`DrillMove::Look`].
    Looked {
        /// For which drill.
        drill: DrillId,
        /// Of which application.
        app: AppId,
        /// In the plan's order.
        steps: Vec<RehearsedStep>,
    },
}

/// What a game day wants done. Nothing of it changes anything outside: a live one's runs are asked for as
/// any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DrillMove {
    /// Tell these made-up votes to every member that asks; the former ones no longer.
    Gossip(Vec<RehearsalSheet>),
    /// Read where traffic stands; answer with [`DrillHeard::TrafficRead`].
    ReadTraffic {
        /// For which drill.
        drill: DrillId,
        /// Of which application.
        app: AppId,
    },
    /// Look at the goal of each step; answer with [`DrillHeard::Looked`].
    Look {
        /// For which drill.
        drill: DrillId,
        /// Of which application.
        app: AppId,
        /// Whose steps.
        plan: Box<Plan>,
    },
    /// Commit what turns a live drill home, or ends it. Asked for again until the state shows it.
    Move {
        /// Which drill.
        drill: DrillId,
        /// Always `MoveDrill`.
        body: CommandBody,
    },
    /// Commit what ends the drill. Asked for again until the state shows it.
    Close {
        /// Which drill.
        drill: DrillId,
        /// Always `CloseDrill`.
        body: CommandBody,
    },
}

/// A game day that a person asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DrillAsk {
    /// Of which application.
    pub app: AppId,
    /// What it does.
    pub mode: DrillMode,
    /// Where to; chosen like a run's if absent.
    pub to: Option<RegionId>,
    /// Who asks.
    pub by: String,
    /// Why they ask.
    pub reason: String,
    /// After this long it is ended, and a live one goes home; a quarter of an hour if absent, half an
    /// hour for a live one.
    pub max_duration: Option<Millis>,
    /// Live: how long the application stays there; five minutes if absent.
    #[serde(default)]
    pub soak: Option<Millis>,
}

/// A run that a person asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RunRequest {
    /// Which application.
    pub app: AppId,
    /// Why it is made.
    pub kind: RunKind,
    /// Of a shift: whose share is taken away; the one that is lost if absent. Of no meaning otherwise.
    #[serde(default)]
    pub from: Option<RegionId>,
    /// Where to; chosen like an automatic run's if absent, home for a failback, the one that was
    /// shifted away for a return.
    pub to: Option<RegionId>,
    /// Who asks.
    pub by: String,
    /// Why they ask.
    pub reason: String,
    /// Whether unreplicated data may be lost.
    pub allow_data_loss: bool,
    /// Only the plan of this hash is followed, as a dry run has shown it.
    #[serde(default)]
    pub plan_hash: Option<PlanHash>,
    /// Set by the member that takes it to its loop; the default is nobody's.
    #[serde(default)]
    pub id: RequestId,
    /// The evacuation that it is a part of.
    #[serde(default)]
    pub evacuation: Option<EvacuationId>,
    /// The live game day that it is a part of.
    #[serde(default)]
    pub drill: Option<DrillId>,
}

/// Tells whose answer an answer is, within one life of one member.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct RequestId(pub u64);

/// A plan that a person wants to see.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PlanAsk {
    /// Of which application.
    pub app: AppId,
    /// For which kind of run.
    pub kind: RunKind,
    /// Of a shift: whose share is taken away.
    #[serde(default)]
    pub from: Option<RegionId>,
    /// Where to; chosen as for a run if absent.
    pub to: Option<RegionId>,
    /// Who asks: a plan that may lose data names them, and so does its hash.
    pub by: String,
    /// As if unreplicated data might be lost.
    pub allow_data_loss: bool,
}

/// What a run would be if that person asked for it now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// When it was made, by the ledger's time.
    pub at: Wall,
    /// None where none can be made; `refused` then says why.
    pub plan: Option<Plan>,
    /// What each guard says to it.
    pub guards: Vec<GuardVerdict>,
    /// Why no run would be opened; empty if one would.
    pub refused: Vec<HoldReason>,
    /// For runs that move data: the newest sample of the target's replication lag.
    pub lag: Option<LagSample>,
    /// For runs that move data: the most that may be lost unasked.
    pub rpo_max: Option<Millis>,
}

/// A run was opened for whoever asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Started {
    /// Which.
    pub run: RunId,
    /// Of its plan.
    pub plan_hash: PlanHash,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunAnswer {
    /// Its run is open.
    Started(Started),
    /// It is not followed; nothing was opened.
    Declined(Vec<HoldReason>),
    /// The ledger has not said whether its run is open.
    Unknown {
        /// What is known.
        why: String,
    },
}

/// Something to be done by the shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send these votes to every other member.
    Gossip(Vec<VoteSheet>),
    /// Let another member lead: this one cannot trust itself, or cannot act.
    StandDown(StandDownReason),
    /// Read where traffic stands; answer with [`Input::TrafficRead`].
    ReadTraffic {
        /// Of which application.
        app: AppId,
    },
    /// Commit; answer with [`Input::Opened`].
    OpenRun {
        /// Of which application.
        app: AppId,
        /// Always `OpenRun`, `OpenEvacuationRun` or `OpenDrillRun`.
        body: CommandBody,
    },
    /// Commit what is to be said of an evacuation; the state tells whether it was.
    Evacuate {
        /// `HoldEvacuee` or `CloseEvacuation`.
        body: CommandBody,
    },
    /// A move of a run's engine; answer with [`Input::Heard`].
    Perform {
        /// Of which application.
        app: AppId,
        /// Of which run.
        run: RunId,
        /// What to do.
        act: Move,
    },
    /// The view of an application has changed, by more than that time has passed.
    Publish(AppView),
    /// What becomes of a person's request. Every request is answered once.
    Answer {
        /// What was asked.
        request: RunRequest,
        /// The answer.
        answer: RunAnswer,
    },
    /// Something for a game day.
    Drill(DrillMove),
}
