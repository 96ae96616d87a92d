//! What the controller is told, and what it asks for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{
    AppId, AppView, Application, BootId, CommandBody, Event, HoldReason, Member, MemberId, Mono,
    Probe, RegionId, Rejection, RunId, RunKind, Runbook, Sample, StandDownReason, Traffic,
    VoteSheet,
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
    /// What the engine goes by.
    pub timing: Timing,
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
    /// A person asks for a run.
    Request(RunRequest),
}

/// A run that a person asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RunRequest {
    /// Which application.
    pub app: AppId,
    /// Why it is made.
    pub kind: RunKind,
    /// Where to; chosen like an automatic run's if absent, home for a failback.
    pub to: Option<RegionId>,
    /// Who asks.
    pub by: String,
    /// Why they ask.
    pub reason: String,
    /// Whether unreplicated data may be lost.
    pub allow_data_loss: bool,
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
        /// Always `OpenRun`.
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
    /// A person's request cannot be followed.
    Decline {
        /// What was asked.
        request: RunRequest,
        /// Why not.
        reasons: Vec<HoldReason>,
    },
}
