//! Faults begin, end, and are healed.

use failoverd::model::DiskId;

use crate::coverage::Kind;
use crate::event::Event;
use crate::faults::is_lasting;
use crate::product::SERVING;
use crate::raft::Id;
use crate::world::{World, say};

impl World {
    pub fn fault_begins(&mut self, at: usize) {
        if self.healed_at.is_some() {
            return;
        }
        let leader = self.leader();
        let any = self.rng.index(self.hosts.len());
        let planned = &mut self.faults.planned[at];
        planned.begun = true;
        planned.victim = match leader {
            Some(leader) if planned.at_leader => leader,
            Some(_) | None => any,
        };
        let (kind, victim, lasts) = (planned.kind, planned.victim, planned.lasts);
        say!(self, "fault: {} (m{victim}, {lasts} ms)", kind.as_str());
        if is_lasting(kind) {
            self.coverage.bites(kind);
        }
        self.schedule(lasts, Event::FaultEnds(at));
        match kind {
            Kind::Delayed => self.net.delay = self.rng.between(100, 1_200),
            Kind::Lost => self.net.loss = self.rng.between(10, 60),
            Kind::Duplicated => self.net.duplication = self.rng.between(10, 60),
            Kind::Reordered => self.net.reordering = true,
            Kind::OneWay | Kind::Isolated | Kind::Ring => self.cut(at, kind, victim),
            Kind::Crashed | Kind::Wiped => self.kill(victim, kind),
            Kind::FailedWrite => self.hosts[victim].disk.fails = true,
            Kind::SlowDisk => self.hosts[victim].disk.slow = true,
            Kind::ClockStepped => {
                let far = if self.rng.chance(20) { 600_000 } else { 8_000 };
                let step = i64::try_from(self.rng.below(far * 2)).expect("minutes");
                self.hosts[victim].wall_offset += step - i64::try_from(far).expect("minutes");
            }
            Kind::Frozen => {
                if self.hosts[victim].alive && !self.hosts[victim].frozen {
                    self.coverage.bites(kind);
                    self.hosts[victim].frozen = true;
                    self.schedule(lasts, Event::Thaw(victim));
                }
            }
            Kind::SlowMember => self.hosts[victim].lag = self.rng.between(100, 1_800),
            Kind::LostReply => self.faults.lost_replies = self.rng.between(15, 45),
            Kind::Throttled => self.faults.throttling = self.rng.between(15, 50),
            Kind::StaleRead => self.faults.stale_reads = self.rng.between(20, 80),
            Kind::LateWrite => self.faults.late_writes = self.rng.between(40, 100),
            Kind::HungPromotion => self.faults.hangs = true,
            Kind::PlaneGone => self.faults.plane_gone = true,
            Kind::GreyMember => {
                self.faults.grey.insert(victim);
            }
            Kind::PathCut => {
                let region = self.rng.index(SERVING);
                self.faults.paths.insert((victim, region));
            }
            Kind::Blind => {
                self.faults.blind.insert(victim);
            }
            Kind::RegionLost => self.lose_region(),
            Kind::AutomationPaused
            | Kind::RunPaused
            | Kind::AbortAsked
            | Kind::RunAsked
            | Kind::StepSkipped
            | Kind::StepRetried => self.person_acts(kind),
        }
    }

    fn cut(&mut self, at: usize, kind: Kind, victim: Id) {
        let count = self.hosts.len();
        let mut cuts = Vec::new();
        for a in 0..count {
            for b in 0..count {
                let apart = match kind {
                    // It hears everybody and nobody hears it, or the other way round.
                    Kind::OneWay => {
                        a != b
                            && if at.is_multiple_of(2) {
                                a == victim
                            } else {
                                b == victim
                            }
                    }
                    Kind::Isolated => a != b && (a == victim || b == victim),
                    // Each is heard by its next neighbour alone.
                    _ => a != b && (a + 1) % count != b && (count == 3 || (b + 1) % count != a),
                };
                if apart {
                    cuts.push((a, b));
                }
            }
        }
        for way in &cuts {
            *self.net.cuts.entry(*way).or_default() += 1;
        }
        self.faults.cut_by = Some(kind);
        self.faults.planned[at].cuts = cuts;
    }

    fn kill(&mut self, victim: Id, kind: Kind) {
        if !self.hosts[victim].alive {
            return;
        }
        // A cluster survives one wiped folder at a time; of two at once nothing promises anything.
        let whole = (0..self.hosts.len()).all(|id| self.is_on_record(id));
        if kind == Kind::Wiped && !whole {
            return;
        }
        self.coverage.bites(kind);
        self.crash(victim);
        if kind == Kind::Wiped {
            let disk = DiskId(u128::from(self.rng.next()));
            say!(self, "m{victim} has lost its folder");
            self.hosts[victim].wipe(disk);
        }
    }

    fn lose_region(&mut self) {
        if self.truth.lost.contains(&true) {
            return;
        }
        let active = self.active();
        let at = if self.rng.chance(85) {
            active
        } else {
            self.rng.index(SERVING)
        };
        say!(self, "Region {at} is lost");
        self.truth.lost[at] = true;
        if self.faults.with_hosts {
            self.faults.dead_region = Some(at);
            for id in 0..self.hosts.len() {
                if self.hosts[id].home == at && self.hosts[id].alive {
                    say!(self, "m{id} is lost with it");
                    self.die(id);
                }
            }
        }
    }

    fn region_returns(&mut self, at: usize) {
        if !self.truth.lost[at] {
            return;
        }
        say!(self, "Region {at} is back");
        self.truth.lost[at] = false;
        self.faults.dead_region = None;
        for id in 0..self.hosts.len() {
            if !self.hosts[id].alive {
                let after = self.rng.between(500, 5_000);
                self.schedule(after, Event::Restart(id));
            }
        }
    }

    pub fn fault_ends(&mut self, at: usize) {
        let planned = &mut self.faults.planned[at];
        if planned.over || !planned.begun {
            return;
        }
        planned.over = true;
        let (kind, victim) = (planned.kind, planned.victim);
        let cuts = std::mem::take(&mut planned.cuts);
        for way in cuts {
            let count = self.net.cuts.entry(way).or_default();
            *count = count.saturating_sub(1);
        }
        match kind {
            Kind::Delayed => self.net.delay = 0,
            Kind::Lost => self.net.loss = 0,
            Kind::Duplicated => self.net.duplication = 0,
            Kind::Reordered => self.net.reordering = false,
            Kind::FailedWrite => self.hosts[victim].disk.fails = false,
            Kind::SlowDisk => self.hosts[victim].disk.slow = false,
            Kind::SlowMember => self.hosts[victim].lag = 0,
            Kind::LostReply => self.faults.lost_replies = 0,
            Kind::Throttled => self.faults.throttling = 0,
            Kind::StaleRead => self.faults.stale_reads = 0,
            Kind::LateWrite => self.faults.late_writes = 0,
            Kind::HungPromotion => {
                self.faults.hangs = false;
                self.unhang();
            }
            Kind::PlaneGone => self.faults.plane_gone = false,
            Kind::GreyMember => {
                self.faults.grey.remove(&victim);
            }
            Kind::PathCut => self.faults.paths.clear(),
            Kind::Blind => {
                self.faults.blind.remove(&victim);
            }
            Kind::RegionLost => {
                for region in 0..SERVING {
                    if self.truth.lost[region]
                        && !(self.healed_at.is_some() && self.faults.for_good)
                    {
                        self.region_returns(region);
                    }
                }
            }
            Kind::OneWay
            | Kind::Isolated
            | Kind::Ring
            | Kind::Crashed
            | Kind::Wiped
            | Kind::ClockStepped
            | Kind::Frozen
            | Kind::AutomationPaused
            | Kind::RunPaused
            | Kind::AbortAsked
            | Kind::RunAsked
            | Kind::StepSkipped
            | Kind::StepRetried => {}
        }
    }

    /// A promotion that hung goes on.
    fn unhang(&mut self) {
        if let Some(promoting) = self.aws.now().promoting {
            self.schedule(3_000, Event::Promoted(promoting.number));
        }
    }

    /// Everything that can be mended is.
    pub fn heal(&mut self) {
        self.healed_at = Some(self.now);
        say!(self, "all is healed");
        // With a folder wiped and others lost for good there may be no majority left that
        // remembers, and no promise either.
        let whole = (0..self.hosts.len())
            .filter(|id| self.is_on_record(*id) && !self.faults.keeps_dead(self.hosts[*id].home));
        if whole.count() * 2 <= self.hosts.len() {
            self.faults.for_good = false;
        }
        for at in 0..self.faults.planned.len() {
            self.fault_ends(at);
        }
        self.net.cuts.clear();
        self.unhang();
        for id in 0..self.hosts.len() {
            if self.hosts[id].frozen {
                self.schedule(0, Event::Thaw(id));
            }
            if !self.hosts[id].alive {
                self.schedule(1_000, Event::Restart(id));
            }
        }
        let stuck = self.aws.now().promoting.is_some_and(|p| !p.forced);
        if stuck && self.truth.lost.contains(&true) {
            // AWS gives up a switchover whose other side is gone.
            self.aws.change(self.now, |aws| aws.promoting = None);
        }
    }
}
