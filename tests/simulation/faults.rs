//! What goes wrong, and when: drawn before the world begins, begun at a moment or in a phase of a
//! run, over when all is healed.

use std::collections::BTreeSet;

use crate::aws::Time;
use crate::coverage::{Kind, Phase};
use crate::event::Event;
use crate::raft::Id;
use crate::rng::Rng;
use crate::world::World;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    At(Time),
    /// When a run first comes there, and so much later.
    In(Phase, u64),
}

#[derive(Clone, Debug)]
pub struct Planned {
    pub kind: Kind,
    pub trigger: Trigger,
    pub lasts: u64,
    /// Aimed at the leader of that moment.
    pub at_leader: bool,
    pub begun: bool,
    pub over: bool,
    pub victim: Id,
    pub cuts: Vec<(Id, Id)>,
}

#[derive(Debug, Default)]
pub struct Faults {
    pub planned: Vec<Planned>,
    pub heal_at: Time,
    /// The Region that is lost at the end stays so.
    pub for_good: bool,
    /// Members at home in a lost Region are lost with it.
    pub with_hosts: bool,
    pub cut_by: Option<Kind>,
    pub grey: BTreeSet<Id>,
    pub blind: BTreeSet<Id>,
    pub paths: BTreeSet<(Id, usize)>,
    pub dead_region: Option<usize>,
    pub lost_replies: u64,
    pub throttling: u64,
    pub stale_reads: u64,
    pub late_writes: u64,
    pub hangs: bool,
    pub plane_gone: bool,
}

/// Most of a run's phases are worth a fault of any kind.
const PHASES: [Phase; 6] = [
    Phase::NoRun,
    Phase::AtIntent,
    Phase::InFlight,
    Phase::Settling,
    Phase::Soaking,
    Phase::Between,
];

impl Faults {
    /// One fault by turns, so that every kind meets every phase; the rest by chance.
    pub fn plan(seed: u64, rng: &mut Rng) -> Self {
        let heal_at = rng.between(110_000, 190_000);
        let by_turns = usize::try_from(seed).unwrap_or(usize::MAX) % (Kind::ALL.len() * 5);
        let kind = Kind::ALL[by_turns % Kind::ALL.len()];
        let phase = Phase::TOLD[by_turns / Kind::ALL.len()];
        let delay = rng.below(60);
        let mut planned = vec![Planned::new(kind, Trigger::In(phase, delay), rng)];
        // Something must make a run.
        let cause = match rng.below(10) {
            0..=5 => Kind::RegionLost,
            _ => Kind::RunAsked,
        };
        let cause_at = Trigger::At(rng.between(15_000, 35_000));
        planned.push(Planned::new(cause, cause_at, rng));
        if rng.chance(40) {
            let again = Trigger::At(rng.between(70_000, 110_000));
            planned.push(Planned::new(Kind::RunAsked, again, rng));
        }
        // In every third round the fault by turns is nearly alone, so that its phase is reached.
        let others = match seed / (Kind::ALL.len() as u64 * 5) % 3 {
            2 => 0,
            _ => rng.between(1, 5),
        };
        for _ in 0..others {
            let kind = *rng.pick(&Kind::ALL);
            let trigger = match rng.chance(60) {
                true => Trigger::In(*rng.pick(&PHASES), rng.below(1_500)),
                false => Trigger::At(rng.between(12_000, heal_at)),
            };
            planned.push(Planned::new(kind, trigger, rng));
        }
        Self {
            planned,
            heal_at,
            for_good: rng.chance(30),
            with_hosts: rng.chance(50),
            ..Self::default()
        }
    }

    pub fn isolated_host(&self, id: Id) -> bool {
        self.blind.contains(&id)
    }

    pub fn is_path_cut(&self, id: Id, region: usize) -> bool {
        self.paths.contains(&(id, region))
    }

    /// Whether that member's own Region keeps it from starting.
    pub fn keeps_dead(&self, home: usize) -> bool {
        self.dead_region == Some(home)
    }
}

impl Planned {
    fn new(kind: Kind, trigger: Trigger, rng: &mut Rng) -> Self {
        let lasts = match kind {
            Kind::Frozen => rng.between(300, 25_000),
            Kind::RegionLost => rng.between(15_000, 200_000),
            Kind::HungPromotion => rng.between(30_000, 120_000),
            _ => rng.between(2_000, 30_000),
        };
        Self {
            kind,
            trigger,
            lasts,
            at_leader: rng.chance(60),
            begun: false,
            over: false,
            victim: 0,
            cuts: Vec::new(),
        }
    }
}

impl World {
    pub fn begin_faults(&mut self) {
        let planned: Vec<(usize, Trigger)> = (0..)
            .zip(self.faults.planned.iter().map(|p| p.trigger))
            .collect();
        for (at, trigger) in planned {
            if let Trigger::At(time) = trigger {
                self.schedule_at(time, Event::FaultBegins(at));
            }
        }
        let heal_at = self.faults.heal_at;
        self.schedule_at(heal_at, Event::Heal);
        self.schedule_at(heal_at, Event::People);
    }

    /// A run has come into another phase: what waits for that begins, what is in force is seen.
    pub fn phase_began(&mut self, phase: Phase) {
        if self.healed_at.is_some() {
            return;
        }
        let mut due = Vec::new();
        for (at, planned) in self.faults.planned.iter().enumerate() {
            match planned.trigger {
                Trigger::In(of, delay) if of == phase && !planned.begun => due.push((at, delay)),
                Trigger::In(..) | Trigger::At(_) => {}
            }
            if planned.begun && !planned.over && is_lasting(planned.kind) {
                self.coverage.bites(planned.kind);
            }
        }
        // Before there is any run the world needs a moment to come up.
        let at_first = if self.now < 8_000 { 8_000 } else { 0 };
        for (at, delay) in due {
            self.faults.planned[at].begun = true;
            self.schedule(delay + at_first, Event::FaultBegins(at));
        }
    }
}

/// In force from its beginning to its end, and seen by looking; the others are counted when they
/// take effect.
pub fn is_lasting(kind: Kind) -> bool {
    match kind {
        Kind::OneWay
        | Kind::Isolated
        | Kind::Ring
        | Kind::SlowDisk
        | Kind::ClockStepped
        | Kind::SlowMember
        | Kind::PlaneGone
        | Kind::GreyMember
        | Kind::PathCut
        | Kind::Blind
        | Kind::RegionLost => true,
        Kind::Delayed
        | Kind::Lost
        | Kind::Duplicated
        | Kind::Reordered
        | Kind::Crashed
        | Kind::Wiped
        | Kind::FailedWrite
        | Kind::Frozen
        | Kind::LostReply
        | Kind::Throttled
        | Kind::StaleRead
        | Kind::LateWrite
        | Kind::HungPromotion
        | Kind::AutomationPaused
        | Kind::RunPaused
        | Kind::AbortAsked
        | Kind::RunAsked
        | Kind::StepSkipped
        | Kind::StepRetried => false,
    }
}
