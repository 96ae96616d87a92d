//! One state of the model: three members, one log, one world, and what is under way between them.

use std::collections::BTreeSet;

use failoverd::controller::Controller;
use failoverd::model::{
    BootId, Command, CommandBody, Epoch, Event, Intent, Mono, Rejection, RunId, State, StepId,
    Variant, VoteSheet,
};

use crate::bounds::Budget;
use crate::setting::MEMBERS;
use crate::shared::Shared;
use crate::world::World;

/// Everything there is at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scene {
    pub round: u32,
    /// The dates have leapt past the timeout of every step.
    pub leapt: bool,
    pub members: [Shared<Member>; MEMBERS],
    /// What the log has committed, applied.
    pub committed: Shared<State>,
    /// Who may commit.
    pub leader: Option<usize>,
    /// What the leader has written and nobody has committed: it may be committed late, by this leader
    /// or its successor, or never.
    pub tail: Vec<Shared<Command>>,
    /// What the members' shells are doing. Sorted, so that the order of asking makes no new state.
    pub tasks: Vec<Shared<Task>>,
    /// Sheets of votes that are late.
    pub mail: Vec<Shared<Letter>>,
    pub world: World,
    /// The Region is lost: every probe of it fails.
    pub lost: bool,
    /// Members whose own path to the Region is cut: their probes fail.
    pub cut: BTreeSet<usize>,
    /// The faults that may still come.
    pub left: Budget,
    pub truth: Truth,
}

/// One member: its process, if it runs, and what it believes of itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    /// Absent while the process is down.
    pub controller: Option<Controller>,
    pub life: u32,
    /// It believes that it leads.
    pub leads: bool,
    /// The state it goes by, if that is not the newest: of a deposed leader that does not know.
    pub stale: Option<Shared<State>>,
}

/// An effect that is being performed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Task {
    pub by: usize,
    pub boot: BootId,
    /// In which round it was asked for.
    pub asked: u32,
    pub job: Job,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Job {
    ReadTraffic,
    Open {
        body: CommandBody,
        progress: Progress,
    },
    Observe {
        run: RunId,
        step: StepId,
        intent: Intent,
        /// Whether the goal was met when the question was asked: an answer may be that old.
        was_met: bool,
    },
    Commit {
        run: RunId,
        step: StepId,
        body: CommandBody,
        progress: Progress,
    },
    Call {
        run: RunId,
        step: StepId,
        attempt: u32,
        intent: Intent,
        variant: Variant,
        stage: Stage,
    },
}

/// How far a proposal is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Progress {
    Proposed,
    /// Committed and applied, with that result.
    Committed(Result<Event, Rejection>),
    /// The proposer will not be told.
    Untold,
}

/// How far a call is: `src/daemon/perform.rs`, line by line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    Asked,
    /// The linearizable read has shown that it may be called, in that round.
    Proven {
        round: u32,
    },
    Sent,
    /// It has taken effect; the reply is on its way.
    Landed,
}

/// A sheet of votes on its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Letter {
    pub from: usize,
    pub to: usize,
    pub sheet: VoteSheet,
    /// When the challenge it echoes was sent, on the receiver's clock.
    pub asked_at: Mono,
    /// What it stands on.
    pub evidence: Evidence,
}

/// What a member really saw of the Region at its last samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Evidence {
    pub round: u32,
    pub failed: bool,
}

/// What is true, whatever anybody believes. No member can see it; the properties are about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Truth {
    /// Every intent that was ever committed.
    pub intents: BTreeSet<(RunId, StepId, u32, BootId)>,
    /// Every attempt that was ever sent.
    pub sent: BTreeSet<(RunId, StepId, u32)>,
    /// The epoch of every run that was ever opened, in their order.
    pub epochs: Vec<Epoch>,
    /// Who could commit at some moment of this round.
    pub led: BTreeSet<usize>,
    /// The intents that stood, of an open and unpaused run, at some moment of this round.
    pub stood: BTreeSet<(RunId, StepId, u32, BootId)>,
    /// The epoch at the beginning of this round.
    pub epoch_then: Epoch,
    /// The newest evidence of each member that each other was told of.
    pub told: [[Option<Evidence>; MEMBERS]; MEMBERS],
    /// The names of the properties that are broken.
    pub broken: BTreeSet<&'static str>,
}

impl Scene {
    pub fn is_up(&self, member: usize) -> bool {
        self.members[member].controller.is_some()
    }

    pub fn boot(&self, member: usize) -> BootId {
        crate::setting::boot(member, self.members[member].life)
    }

    /// Whether anything can be committed or proven: the leader is there with more than half.
    pub fn has_quorum(&self) -> bool {
        let up = (0..MEMBERS).filter(|member| self.is_up(*member)).count();
        up * 2 > MEMBERS && self.leader.is_some_and(|leader| self.is_up(leader))
    }

    /// Whether that member can commit now.
    pub fn rules(&self, member: usize) -> bool {
        self.leader == Some(member) && self.has_quorum()
    }

    /// A leader that another has replaced, and that does not know.
    pub fn is_deposed(&self, member: usize) -> bool {
        self.members[member].leads && self.leader != Some(member)
    }
}
