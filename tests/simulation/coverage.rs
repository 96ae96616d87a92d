//! Which faults really happened, and in which phase of a run.

use std::collections::BTreeMap;
use std::fmt;

/// What can go wrong, and what people may do in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Delayed,
    Lost,
    Duplicated,
    Reordered,
    OneWay,
    Isolated,
    Ring,
    Crashed,
    Wiped,
    FailedWrite,
    SlowDisk,
    ClockStepped,
    Frozen,
    SlowMember,
    LostReply,
    Throttled,
    StaleRead,
    LateWrite,
    HungPromotion,
    PlaneGone,
    GreyMember,
    PathCut,
    Blind,
    RegionLost,
    AutomationPaused,
    RunPaused,
    AbortAsked,
    RunAsked,
    StepSkipped,
    StepRetried,
}

impl Kind {
    pub const ALL: [Self; 30] = [
        Self::Delayed,
        Self::Lost,
        Self::Duplicated,
        Self::Reordered,
        Self::OneWay,
        Self::Isolated,
        Self::Ring,
        Self::Crashed,
        Self::Wiped,
        Self::FailedWrite,
        Self::SlowDisk,
        Self::ClockStepped,
        Self::Frozen,
        Self::SlowMember,
        Self::LostReply,
        Self::Throttled,
        Self::StaleRead,
        Self::LateWrite,
        Self::HungPromotion,
        Self::PlaneGone,
        Self::GreyMember,
        Self::PathCut,
        Self::Blind,
        Self::RegionLost,
        Self::AutomationPaused,
        Self::RunPaused,
        Self::AbortAsked,
        Self::RunAsked,
        Self::StepSkipped,
        Self::StepRetried,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delayed => "message delayed",
            Self::Lost => "message lost",
            Self::Duplicated => "message duplicated",
            Self::Reordered => "message overtaken",
            Self::OneWay => "cut one way",
            Self::Isolated => "member cut off",
            Self::Ring => "cut to a ring",
            Self::Crashed => "member killed",
            Self::Wiped => "data folder wiped",
            Self::FailedWrite => "disk write failed",
            Self::SlowDisk => "slow disk",
            Self::ClockStepped => "clock stepped",
            Self::Frozen => "member stopped",
            Self::SlowMember => "slow member",
            Self::LostReply => "AWS reply lost",
            Self::Throttled => "AWS throttles",
            Self::StaleRead => "AWS read stale",
            Self::LateWrite => "AWS write late",
            Self::HungPromotion => "promotion hung",
            Self::PlaneGone => "control planes gone",
            Self::GreyMember => "member without AWS",
            Self::PathCut => "probe path cut",
            Self::Blind => "member without network",
            Self::RegionLost => "Region lost",
            Self::AutomationPaused => "automation paused",
            Self::RunPaused => "run paused",
            Self::AbortAsked => "abort asked",
            Self::RunAsked => "run asked",
            Self::StepSkipped => "step skipped",
            Self::StepRetried => "step retried",
        }
    }

    /// The phases in which it can happen at all.
    pub fn can_bite_in(self, phase: Phase) -> bool {
        match self {
            // Of a write alone: once it has been handed over.
            Self::LateWrite | Self::HungPromotion => phase == Phase::InFlight,
            // There must be a run.
            Self::RunPaused | Self::AbortAsked | Self::StepSkipped | Self::StepRetried => {
                phase != Phase::NoRun
            }
            _ => true,
        }
    }
}

/// Where a run stands, as far as a fault could matter to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    #[default]
    NoRun,
    /// An intent stands, and its call has not been handed over.
    AtIntent,
    /// A call has been handed over and has not been answered.
    InFlight,
    /// Called; the goal is being waited for.
    Settling,
    Soaking,
    /// Between two steps, or waiting for a person.
    Between,
}

impl Phase {
    /// Those in which every fault must have been seen.
    pub const TOLD: [Self; 5] = [
        Self::NoRun,
        Self::AtIntent,
        Self::InFlight,
        Self::Settling,
        Self::Soaking,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoRun => "no run",
            Self::AtIntent => "at intent",
            Self::InFlight => "in flight",
            Self::Settling => "settling",
            Self::Soaking => "soaking",
            Self::Between => "between",
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    counts: BTreeMap<(Kind, Phase), u64>,
    pub phase: Phase,
}

impl Coverage {
    pub fn bites(&mut self, kind: Kind) {
        *self.counts.entry((kind, self.phase)).or_default() += 1;
    }

    pub fn add(&mut self, other: &Self) {
        for (key, count) in &other.counts {
            *self.counts.entry(*key).or_default() += count;
        }
    }

    pub fn count(&self, kind: Kind, phase: Phase) -> u64 {
        self.counts.get(&(kind, phase)).copied().unwrap_or(0)
    }

    /// What should have happened and did not.
    pub fn missing(&self) -> Vec<(Kind, Phase)> {
        Kind::ALL
            .into_iter()
            .flat_map(|kind| Phase::TOLD.map(|phase| (kind, phase)))
            .filter(|(kind, phase)| kind.can_bite_in(*phase) && self.count(*kind, *phase) == 0)
            .collect()
    }
}

impl fmt::Display for Coverage {
    /// A table, as `docs/reliability.md` shows it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phases = Phase::TOLD.into_iter().chain([Phase::Between]);
        write!(f, "| fault |")?;
        for phase in phases.clone() {
            write!(f, " {} |", phase.as_str())?;
        }
        writeln!(f, "\n| --- | --- | --- | --- | --- | --- | --- |")?;
        for kind in Kind::ALL {
            write!(f, "| {} |", kind.as_str())?;
            for phase in phases.clone() {
                match self.count(kind, phase) {
                    0 if !kind.can_bite_in(phase) => write!(f, " – |")?,
                    count => write!(f, " {count} |")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
