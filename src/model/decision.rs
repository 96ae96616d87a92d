//! Verdict, guards, decision, phase: what the quorum makes of the votes and what follows from it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Alarm, AppId, DrillId, EvacuationId, MemberId, Millis, Mono, Origin, PlanHash,
    ReadinessFinding, RegionId, Run, RunId, RunKind, StepId, Wall,
};

/// What the quorum makes of the votes on one Region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Verdict {
    pub region: RegionId,
    pub state: VerdictState,
    pub tally: Tally,
    /// Since when `state` has been what it is, on this member's clock.
    pub since: Mono,
    /// The start of the run of failures that the down votes stand on, on this member's clock.
    pub failing_since: Option<Mono>,
}

/// The four values of a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictState {
    Up,
    /// Somebody says suspect or down, but there is no agreement.
    Suspect,
    /// Enough fresh outside votes say down, and nobody fresh outside disagrees.
    Down,
    /// Too few usable votes to say anything.
    Unknown,
}

impl fmt::Display for VerdictState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Up => "up",
            Self::Suspect => "suspect",
            Self::Down => "down",
            Self::Unknown => "unknown",
        })
    }
}

/// How the members voted on one Region.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tally {
    /// Configured members, whether heard of or not: what a majority is a majority of.
    pub members: u32,
    /// Fresh `down` votes from outside the Region.
    pub down: Vec<MemberId>,
    /// Fresh outside votes that say `up` or `suspect`: the vetoes.
    pub dissent: Vec<MemberId>,
    /// Outside members without a usable vote, and why.
    pub unusable: Vec<(MemberId, Unusable)>,
    /// Members inside the Region, which do not count.
    pub inside: Vec<MemberId>,
}

/// Why a member's vote does not count.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unusable {
    NeverHeard,
    Stale(Millis),
    SaysUnknown(super::VoteReason),
    /// Cast under another configuration than ours.
    ConfigDiffers,
}

impl Unusable {
    /// A bounded word for metrics and JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NeverHeard => "never_heard",
            Self::Stale(_) => "stale",
            Self::SaysUnknown(_) => "says_unknown",
            Self::ConfigDiffers => "config_differs",
        }
    }
}

/// The guards, by the names of DESIGN section 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    Quorum,
    Agreement,
    Freshness,
    HoldDown,
    StartupGrace,
    NotEverything,
    TargetReady,
    DataGuard,
    Automation,
    OneAtATime,
    CoolDown,
    Brake,
    Quarantine,
}

impl Guard {
    /// Every guard, in the order in which they are shown.
    pub const ALL: [Self; 13] = [
        Self::Quorum,
        Self::Agreement,
        Self::Freshness,
        Self::HoldDown,
        Self::StartupGrace,
        Self::NotEverything,
        Self::TargetReady,
        Self::DataGuard,
        Self::Automation,
        Self::OneAtATime,
        Self::CoolDown,
        Self::Brake,
        Self::Quarantine,
    ];

    /// The word used on the command line and as a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quorum => "quorum",
            Self::Agreement => "agreement",
            Self::Freshness => "freshness",
            Self::HoldDown => "hold_down",
            Self::StartupGrace => "startup_grace",
            Self::NotEverything => "not_everything",
            Self::TargetReady => "target_ready",
            Self::DataGuard => "data_guard",
            Self::Automation => "automation",
            Self::OneAtATime => "one_at_a_time",
            Self::CoolDown => "cool_down",
            Self::Brake => "brake",
            Self::Quarantine => "quarantine",
        }
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What one guard says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GuardVerdict {
    pub guard: Guard,
    pub ruling: Ruling,
}

/// The values of a guard.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    Pass,
    /// Does not bind here, but should be known.
    Warn(HoldReason),
    /// Do not act; it may pass by itself.
    Hold(HoldReason),
    /// Do not act without a person's word.
    Ask(HoldReason),
}

/// Every reason for not acting. `Display` says what is; [`HoldReason::remedy`] what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code")]
pub enum HoldReason {
    NoQuorum {
        down: u32,
        needed: u32,
        members: u32,
    },
    Disagreement {
        dissent: Vec<MemberId>,
    },
    StaleVotes {
        members: Vec<MemberId>,
        freshness: Millis,
    },
    /// Votes that were cast under another configuration.
    ConfigDiffers {
        members: Vec<MemberId>,
    },
    HoldDown {
        confirmed_for: Millis,
        required: Millis,
    },
    StartupGrace {
        remaining: Millis,
    },
    EverythingDown {
        down: Vec<RegionId>,
    },
    SingleVantage,
    NoCandidate,
    TargetNotReady {
        region: RegionId,
        why: String,
    },
    /// A look at what the plan will touch found something that stands against going there.
    TargetFinding {
        region: RegionId,
        finding: Box<ReadinessFinding>,
    },
    /// Nobody has looked at what the plan will touch, or not lately.
    ReadinessStale {
        region: RegionId,
        /// Of the last look; `None` if there was none.
        age: Option<Millis>,
    },
    LagUnknown {
        why: String,
    },
    LagTooHigh {
        lag: Millis,
        rpo_max: Millis,
    },
    AutomationPaused {
        reason: String,
        by: String,
    },
    /// A planned window of the configuration is open.
    PlannedWindow {
        reason: String,
        remaining: Millis,
    },
    /// `automation = "ask"`.
    AskConfigured,
    RunOpen {
        run: RunId,
        /// Who was first: a person's name, or `the quorum`. Empty where the run is not at hand.
        #[serde(default)]
        by: String,
        /// When it was opened.
        #[serde(default)]
        since: Option<Wall>,
    },
    /// Somebody asked first, and their run is in the making.
    BeingPlanned {
        by: String,
        since: Wall,
    },
    /// The plan made now is not the one that was looked at.
    PlanChanged {
        expected: PlanHash,
        made: PlanHash,
    },
    ResourceBusy {
        resource: String,
        run: RunId,
    },
    CoolDown {
        remaining: Millis,
    },
    BrakeLatched {
        runs: u32,
        limit: u32,
    },
    Quarantined {
        region: RegionId,
    },
    /// Everything is being moved out of the Region to go to.
    BeingEvacuated {
        region: RegionId,
        evacuation: EvacuationId,
    },
    /// An alarm that turns a live drill home is raised, or nobody can tell.
    DrillAlarm {
        alarm: Alarm,
        why: String,
    },
    /// The Region that an automatic run leaves answers again.
    RegionReturned {
        region: RegionId,
        /// How long it must last until the run is given up.
        required: Millis,
    },
    /// The Region that a run goes to is lost, too.
    TargetLost {
        region: RegionId,
        /// Where else one could go.
        next: Option<RegionId>,
    },
    /// A graceful run needs the Region that it leaves, and that one is agreed to be lost.
    SourceLost {
        region: RegionId,
        kind: RunKind,
    },
    NoRunbook {
        kind: RunKind,
    },
    PlanImpossible {
        step: Option<StepId>,
        why: String,
    },
    LedgerUnavailable {
        why: String,
    },
    NotLeader,
    NothingWrong,
    /// The ledger was restored, and the epoch that stands in the zone was not read yet.
    EpochUnknown,
    /// Somebody whom this ledger does not know has moved the application: break-glass, or another
    /// cluster.
    Overtaken {
        epoch: super::Epoch,
        ours: super::Epoch,
    },
    /// A game day wants all of its application's Regions up.
    NotCalm {
        region: RegionId,
        state: VerdictState,
    },
    /// Of Regions that serve side by side, one cannot grow to what it would have to carry.
    CannotCarry {
        short: Vec<super::Shortfall>,
    },
    /// Its share was taken away: it is neither left nor gone to until it is given back.
    ShiftedAway {
        region: RegionId,
    },
    /// Its share is not away: there is nothing to give back.
    NotAway {
        region: RegionId,
    },
    /// No Region would be left that serves.
    NobodyLeft {
        region: RegionId,
    },
    /// A Region that carries a share that was taken away is not well, so nothing more is moved to it.
    ReceiverUnwell {
        region: RegionId,
        state: VerdictState,
        run: RunId,
    },
    /// Several Regions serve at the same time: one is left by a shift.
    ServesSideBySide {
        region: RegionId,
    },
    /// Another game day of the application is under way.
    DrillOpen {
        drill: DrillId,
        by: String,
    },
}

impl HoldReason {
    /// That this run is open already, with who opened it and when.
    pub fn run_open(run: &Run) -> Self {
        let by = match &run.origin {
            Origin::Quorum { .. } => "the quorum".to_owned(),
            Origin::Operator { name, .. } => name.clone(),
        };
        Self::RunOpen {
            run: run.id.clone(),
            by,
            since: Some(run.opened_at),
        }
    }

    /// A bounded word for metrics and JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoQuorum { .. } => "no_quorum",
            Self::Disagreement { .. } => "disagreement",
            Self::StaleVotes { .. } => "stale_votes",
            Self::ConfigDiffers { .. } => "config_differs",
            Self::HoldDown { .. } => "hold_down",
            Self::StartupGrace { .. } => "startup_grace",
            Self::EverythingDown { .. } => "everything_down",
            Self::SingleVantage => "single_vantage",
            Self::NoCandidate => "no_candidate",
            Self::TargetNotReady { .. } => "target_not_ready",
            Self::TargetFinding { .. } => "target_finding",
            Self::ReadinessStale { .. } => "readiness_stale",
            Self::LagUnknown { .. } => "lag_unknown",
            Self::LagTooHigh { .. } => "lag_too_high",
            Self::AutomationPaused { .. } => "automation_paused",
            Self::PlannedWindow { .. } => "planned_window",
            Self::AskConfigured => "ask_configured",
            Self::RunOpen { .. } => "run_open",
            Self::BeingPlanned { .. } => "being_planned",
            Self::PlanChanged { .. } => "plan_changed",
            Self::ResourceBusy { .. } => "resource_busy",
            Self::CoolDown { .. } => "cool_down",
            Self::BrakeLatched { .. } => "brake_latched",
            Self::Quarantined { .. } => "quarantined",
            Self::BeingEvacuated { .. } => "being_evacuated",
            Self::DrillAlarm { .. } => "drill_alarm",
            Self::RegionReturned { .. } => "region_returned",
            Self::TargetLost { .. } => "target_lost",
            Self::SourceLost { .. } => "source_lost",
            Self::NoRunbook { .. } => "no_runbook",
            Self::PlanImpossible { .. } => "plan_impossible",
            Self::LedgerUnavailable { .. } => "ledger_unavailable",
            Self::NotLeader => "not_leader",
            Self::NothingWrong => "nothing_wrong",
            Self::EpochUnknown => "epoch_unknown",
            Self::Overtaken { .. } => "overtaken",
            Self::NotCalm { .. } => "not_calm",
            Self::CannotCarry { .. } => "cannot_carry",
            Self::ShiftedAway { .. } => "shifted_away",
            Self::NotAway { .. } => "not_away",
            Self::NobodyLeft { .. } => "nobody_left",
            Self::ReceiverUnwell { .. } => "receiver_unwell",
            Self::ServesSideBySide { .. } => "serves_side_by_side",
            Self::DrillOpen { .. } => "drill_open",
        }
    }

    /// What a person can do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NoQuorum { .. } => {
                "look at the votes (`failoverctl votes APP`); bring missing members back, or run `failoverctl failover`"
            }
            Self::Disagreement { .. } => {
                "the members named still reach it: find out whose path is broken; `agreement = \"majority\"` outvotes one of them"
            }
            Self::StaleVotes { .. } => {
                "the members named are silent: check that they run and are reachable"
            }
            Self::ConfigDiffers { .. } => {
                "bring the application's configuration of the members named in line with the others'"
            }
            Self::HoldDown { .. } => "wait: it must last; `hold_down` sets for how long",
            Self::StartupGrace { .. } => "wait: a member that has just started does not decide",
            Self::EverythingDown { .. } => {
                "this is probably our own network: check the members first; `failoverctl failover` acts on your word"
            }
            Self::SingleVantage => {
                "add members in other Regions, or set `single_vantage = \"allow\"` and accept one path's opinion"
            }
            Self::NoCandidate => {
                "there is no Region left to go to: rejoin one (`failoverctl rejoin`) or add one"
            }
            Self::TargetNotReady { .. } => {
                "make that Region healthy first, or choose another with `--to`"
            }
            Self::TargetFinding { .. } => {
                "`failoverctl check APP --now` looks again once that is mended; `--to` chooses another Region"
            }
            Self::ReadinessStale { .. } => {
                "`failoverctl check APP --now` looks; if it cannot, see the daemon's log"
            }
            Self::LagUnknown { .. } => {
                "nobody knows how much would be lost: `failoverctl approve`, or `failover --allow-data-loss`"
            }
            Self::LagTooHigh { .. } => {
                "more would be lost than `rpo_max` allows: `failoverctl approve`, or `failover --allow-data-loss`"
            }
            Self::AutomationPaused { .. } => {
                "`failoverctl resume-automation`, or start the run by hand"
            }
            Self::PlannedWindow { .. } => {
                "wait for its end, start the run by hand, or take its [[automation_window]] out of the configuration"
            }
            Self::AskConfigured => "`automation = \"ask\"`: start it with `failoverctl failover`",
            Self::RunOpen { .. } => "finish, approve or abort the open run first",
            Self::BeingPlanned { .. } => {
                "wait a moment, then look at `failoverctl runs`: it is open then, or was declined"
            }
            Self::PlanChanged { .. } => {
                "nothing was opened: look at the plan made now (`failoverctl plan APP`), then ask with its hash"
            }
            Self::ResourceBusy { .. } => {
                "another application's open run uses it: wait for that run or abort it"
            }
            Self::CoolDown { .. } => "`failoverctl ack APP` ends the cool-down",
            Self::BrakeLatched { .. } => {
                "find out why it fails over so often, then `failoverctl ack APP`"
            }
            Self::Quarantined { .. } => {
                "see that it is healthy again and its database a reader, then `failoverctl rejoin APP REGION`"
            }
            Self::BeingEvacuated { .. } => {
                "choose another with `--to`, or end it first: `failoverctl evacuate stop`"
            }
            Self::DrillAlarm { .. } => {
                "a live drill is held to its alarms: see to it, or take it out of `[[application.drill_alarm]]`"
            }
            Self::RegionReturned { .. } => {
                "wait: if it lasts, the run is given back by itself; `failoverctl abort` does it now"
            }
            Self::TargetLost { next: Some(_), .. } => {
                "the run is not planned anew: `failoverctl abort` it, then `failoverctl failover APP --to` the Region named"
            }
            Self::TargetLost { next: None, .. } => {
                "it goes on when the Region is back; `failoverctl abort` ends it"
            }
            Self::SourceLost { .. } => {
                "it cannot hand over what it does not answer for: `failoverctl failover APP --to` the Region that is to serve"
            }
            Self::NoRunbook { .. } => "name a runbook for this kind under `[application.runbooks]`",
            Self::PlanImpossible { .. } => {
                "put right what it names, then plan again: `failoverctl plan APP` changes nothing"
            }
            Self::LedgerUnavailable { .. } => {
                "failoverd does nothing without its ledger: see the daemon's log"
            }
            Self::NotLeader => "only the leader acts: ask it",
            Self::NothingWrong => "nothing to do",
            Self::Overtaken { .. } => {
                "find out who moved it and whether they are done; `failoverctl ack APP` then goes on from where they left it"
            }
            Self::EpochUnknown => {
                "it is known as soon as the leader has read the epoch record in Route 53: see its log for what keeps it"
            }
            Self::NotCalm { .. } => "see to the Region first (`failoverctl why APP`), then drill",
            Self::CannotCarry { .. } => {
                "raise the maximum of the node groups named; as long as one of the others can carry it, `failoverctl shift APP --from R` does it on your word"
            }
            Self::ShiftedAway { .. } => {
                "give its share back first: `failoverctl return APP --to R`"
            }
            Self::NotAway { .. } => {
                "look where its share is: `failoverctl status`; only a Region that was shifted away can return"
            }
            Self::NobodyLeft { .. } => {
                "bring another Region back first: `failoverctl rejoin APP R`, then `failoverctl return APP --to R`"
            }
            Self::ReceiverUnwell { .. } => {
                "it may be carrying too much: see to it, or give a share back (`failoverctl return APP --to R`), before more is shifted"
            }
            Self::ServesSideBySide { .. } => {
                "`failoverctl shift APP --from R` takes its share away"
            }
            Self::DrillOpen { .. } => {
                "wait for its end, or stop it: `failoverctl drill APP --stop`"
            }
        }
    }
}

impl fmt::Display for HoldReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoQuorum {
                down,
                needed,
                members,
            } => write!(
                f,
                "{down} of {members} members see it down from outside, {needed} are needed"
            ),
            Self::Disagreement { dissent } => {
                write!(f, "{} still see it answering", names(dissent))
            }
            Self::StaleVotes { members, freshness } => write!(
                f,
                "no vote younger than {freshness} from {}",
                names(members)
            ),
            Self::ConfigDiffers { members } => write!(
                f,
                "{} voted under another configuration, which does not count",
                names(members)
            ),
            Self::HoldDown {
                confirmed_for,
                required,
            } => write!(f, "confirmed for {confirmed_for} of {required}"),
            Self::StartupGrace { remaining } => {
                write!(f, "started only just now, {remaining} of grace left")
            }
            Self::EverythingDown { down } => {
                let list: Vec<&str> = down.iter().map(RegionId::as_str).collect();
                write!(f, "{} look down at once", list.join(", "))
            }
            Self::SingleVantage => f.write_str("one vantage alone may not act by itself"),
            Self::NoCandidate => f.write_str("no other Region may be moved to"),
            Self::TargetNotReady { region, why } => write!(f, "{region} is not ready: {why}"),
            Self::TargetFinding { region, finding } => {
                let ReadinessFinding { code, text, .. } = finding.as_ref();
                write!(f, "{region} is not ready: {text} ({code})")?;
                match &finding.remedy {
                    Some(remedy) => write!(f, "; {remedy}"),
                    None => Ok(()),
                }
            }
            Self::ReadinessStale { region, age } => match age {
                Some(age) => write!(f, "whether {region} is ready was last looked at {age} ago"),
                None => write!(f, "nobody has looked yet whether {region} is ready"),
            },
            Self::LagUnknown { why } => write!(f, "the replication lag is unknown: {why}"),
            Self::LagTooHigh { lag, rpo_max } => write!(
                f,
                "the replica was {lag} behind when last seen, rpo_max is {rpo_max}"
            ),
            Self::DrillAlarm { alarm, why } => write!(f, "alarm {alarm} {why}"),
            Self::RegionReturned { region, required } => write!(
                f,
                "{region} answers again: nothing new is begun, and after {required} of it the run is given up"
            ),
            Self::TargetLost { region, next } => match next {
                Some(next) => write!(f, "{region} is lost, too; {next} could be gone to instead"),
                None => write!(
                    f,
                    "{region} is lost, too, and there is no other Region to go to"
                ),
            },
            Self::AutomationPaused { reason, by } => {
                write!(f, "automation is paused by {by}: {reason}")
            }
            Self::PlannedWindow { reason, remaining } => write!(
                f,
                "automation is held by a planned window for another {remaining}: {reason}"
            ),
            Self::AskConfigured => f.write_str("this application is configured to ask first"),
            Self::RunOpen { run, by, since } => {
                write!(f, "run {run} is open")?;
                if !by.is_empty() {
                    write!(f, ", opened by {by}")?;
                }
                match since {
                    Some(since) => write!(f, " at {since}"),
                    None => Ok(()),
                }
            }
            Self::BeingPlanned { by, since } => {
                write!(f, "the run that {by} asked for at {since} is being planned")
            }
            Self::PlanChanged { expected, made } => write!(
                f,
                "the plan made now ({}) is not the one that was looked at ({})",
                made.short(),
                expected.short()
            ),
            Self::ResourceBusy { resource, run } => write!(f, "{resource} is in use by run {run}"),
            Self::CoolDown { remaining } => {
                write!(f, "cooling down after the last run, {remaining} left")
            }
            Self::BrakeLatched { runs, limit } => {
                write!(
                    f,
                    "{runs} automatic runs within a day, the limit is {limit}"
                )
            }
            Self::Quarantined { region } => write!(f, "{region} is quarantined since it failed"),
            Self::SourceLost { region, kind } => write!(
                f,
                "{region} is agreed to be lost, and a {kind} needs the Region that it leaves"
            ),
            Self::BeingEvacuated { region, evacuation } => {
                write!(f, "{region} is being evacuated ({evacuation})")
            }
            Self::NoRunbook { kind } => write!(f, "no runbook is configured for a {kind}"),
            Self::PlanImpossible { step, why } => match step {
                Some(step) => write!(f, "no plan can be made: step {step}: {why}"),
                None => write!(f, "no plan can be made: {why}"),
            },
            Self::LedgerUnavailable { why } => write!(f, "the ledger is unavailable: {why}"),
            Self::NotLeader => f.write_str("this member does not lead"),
            Self::NothingWrong => f.write_str("nothing is wrong"),
            Self::Overtaken { epoch, ours } => write!(
                f,
                "epoch {epoch} stands outside, this ledger is at {ours}: somebody else has moved it since"
            ),
            Self::EpochUnknown => f.write_str(
                "the ledger did not begin with its cluster, and which epoch stands outside was not read yet",
            ),
            Self::NotCalm { region, state } => {
                write!(f, "{region} is {state}: a drill is for days on which all is well")
            }
            Self::CannotCarry { short } => {
                f.write_str("the others cannot carry it: ")?;
                for (number, one) in short.iter().enumerate() {
                    let between = if number == 0 { "" } else { "; " };
                    write!(f, "{between}{one}")?;
                }
                Ok(())
            }
            Self::ShiftedAway { region } => write!(f, "the share of {region} was taken away"),
            Self::NotAway { region } => {
                write!(f, "the share of {region} is not away: there is nothing to give back")
            }
            Self::NobodyLeft { region } => {
                write!(f, "without {region} no Region would be left that serves")
            }
            Self::ReceiverUnwell { region, state, run } => write!(
                f,
                "{region} is {state} since it carries what run {run} has taken away elsewhere"
            ),
            Self::ServesSideBySide { region } => write!(
                f,
                "{region} is one of several Regions that serve side by side, and is left by a shift"
            ),
            Self::DrillOpen { drill, by } => {
                write!(f, "drill {drill} of {by} is under way")
            }
        }
    }
}

fn names(members: &[MemberId]) -> String {
    let list: Vec<&str> = members.iter().map(MemberId::as_str).collect();
    if list.is_empty() {
        "nobody".to_owned()
    } else {
        list.join(", ")
    }
}

/// Why a leader lets another lead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum StandDownReason {
    /// Its event loop stalled or its clock stepped.
    Tilt,
    /// None of its reference targets answers.
    Isolated,
    /// The others see its own Region failing, for half the hold-down by now.
    OwnRegionSuspect { region: RegionId, since: Millis },
    /// Its AWS calls fail while another member's succeed.
    AwsUnreachable { reached_by: Vec<MemberId> },
}

impl fmt::Display for StandDownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tilt => f.write_str("this host stalled or its clock stepped"),
            Self::Isolated => f.write_str("no reference target answers this member"),
            Self::OwnRegionSuspect { region, since } => {
                write!(f, "its own Region {region} is suspect for {since}")
            }
            Self::AwsUnreachable { reached_by } => write!(
                f,
                "AWS does not answer this member, but {}",
                names(reached_by)
            ),
        }
    }
}

/// Verdict + policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Plan and open a run.
    Act { from: RegionId, to: RegionId },
    /// Do nothing; each reason may pass by itself.
    Hold(Vec<HoldReason>),
    /// Everything else agrees; a person must say the last word.
    Ask {
        from: RegionId,
        to: RegionId,
        reasons: Vec<HoldReason>,
    },
}

/// Where an application stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "phase")]
pub enum Phase {
    Steady,
    /// This member's view of the votes.
    Suspect {
        region: RegionId,
    },
    /// This member's view of the votes.
    Confirmed {
        region: RegionId,
    },
    /// Confirmed, and a guard says no.
    Blocked {
        region: RegionId,
        reason: HoldReason,
    },
    /// A plan is being made or its run is being opened.
    Planned {
        region: RegionId,
    },
    Executing {
        run: RunId,
    },
    Soaking {
        run: RunId,
    },
    CoolDown {
        remaining: Millis,
    },
    NeedsOperator {
        run: Option<RunId>,
        reason: String,
    },
}

impl Phase {
    /// The word used on the command line and as a metric label.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Suspect { .. } => "suspect",
            Self::Confirmed { .. } => "confirmed",
            Self::Blocked { .. } => "blocked",
            Self::Planned { .. } => "planned",
            Self::Executing { .. } => "executing",
            Self::Soaking { .. } => "soaking",
            Self::CoolDown { .. } => "cool_down",
            Self::NeedsOperator { .. } => "needs_operator",
        }
    }
}

/// What the controller shows of one application: a snapshot, published after each change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppView {
    pub application: AppId,
    pub active: RegionId,
    pub phase: Phase,
    pub verdicts: Vec<Verdict>,
    /// The last ruling of each guard, while a Region is confirmed.
    pub guards: Vec<GuardVerdict>,
    pub decision: Option<Decision>,
}
