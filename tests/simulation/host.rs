//! One member: its process, its clocks, its disk.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use failoverd::controller::{Controller, Setup};
use failoverd::model::*;
use failoverd::run::apply;

use crate::aws::Time;
use crate::event::{Event, Waiter};
use crate::product::{self, REFERENCES, TIMING};
use crate::raft::{Id, Image, Members, Payload, Raft};
use crate::rng::Rng;

/// When the simulation begins, for people: a date after every test's own.
const EPOCH: u64 = 1_800_000_000_000;

/// A folder and what is on its way into it.
#[derive(Debug)]
pub struct Disk {
    pub image: Image,
    pub queued: VecDeque<(u64, Image)>,
    pub free_at: Time,
    /// The next write fails.
    pub fails: bool,
    pub slow: bool,
    /// The folders the cluster was formed with, kept beside the log.
    pub formed_with: BTreeMap<Id, DiskId>,
}

/// What its vantage has seen, by the world's own count.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watched {
    pub failures: u32,
    /// When it had last seen enough failures in a row.
    pub down_at: Option<Time>,
}

#[derive(Debug)]
pub struct Host {
    pub id: Id,
    pub home: usize,
    pub boot: BootId,
    pub alive: bool,
    pub frozen: bool,
    pub backlog: VecDeque<Event>,
    /// Everything takes so much longer.
    pub lag: u64,
    mono_base: u64,
    /// How much faster than the world its clock runs, in millionths.
    drift: i64,
    pub wall_offset: i64,
    pub disk: Disk,
    pub raft: Raft,
    pub controller: Controller,
    pub state: Rc<State>,
    pub applied: usize,
    /// Proposals by index: their term and whom to tell.
    pub proposals: BTreeMap<usize, (u64, u64)>,
    pub waiters: BTreeMap<u64, Waiter>,
    pub sheet: Option<VoteSheet>,
    pub last_tick: Option<Now>,
    pub turn_at: Option<Time>,
    pub watched: [Watched; product::SERVING],
    pub leads_told: bool,
    /// The term in which it put the first folders to the log.
    pub founded_in: Option<u64>,
}

/// What every life of a member is told.
pub fn setup(id: Id, boot: BootId, members: &[Member], app: &Application, book: &Runbook) -> Setup {
    Setup {
        me: product::member(id),
        boot,
        members: members.to_vec(),
        hosted: vec![product::member(id)],
        applications: vec![app.clone()],
        references: REFERENCES.map(|id| product::probe(id, false)).into(),
        runbooks: BTreeMap::from([(book.name.clone(), book.clone())]),
        windows: Vec::new(),
        timing: TIMING,
        data_loss_approval: DataLossApproval::Anyone,
    }
}

impl Host {
    /// A member of a cluster that has just been formed.
    pub fn founder(
        id: Id,
        members: &[Member],
        disks: &BTreeMap<Id, DiskId>,
        app: &Application,
        book: &Runbook,
        rng: &mut Rng,
    ) -> Self {
        let voters: BTreeSet<Id> = (0..members.len()).collect();
        let first = crate::raft::Entry {
            term: 0,
            payload: Payload::Members(Members {
                voters,
                learners: BTreeSet::new(),
            }),
        };
        let image = Image {
            log: vec![Rc::new(first)],
            ..Image::empty(disks[&id])
        };
        let mono_base = rng.between(1_000_000, 900_000_000);
        let drift = i64::try_from(rng.below(401)).expect("small") - 200;
        let skew = i64::try_from(rng.below(3_001)).expect("small") - 1_500;
        let boot = BootId(rng.next());
        let now = Now {
            mono: Mono(mono_base),
            wall: Wall(EPOCH),
        };
        Self {
            id,
            home: product::place_of(&members[id].region),
            boot,
            alive: true,
            frozen: false,
            backlog: VecDeque::new(),
            lag: 0,
            mono_base,
            drift,
            wall_offset: skew,
            raft: Raft::open(id, &image, now.mono, rng),
            disk: Disk {
                image,
                queued: VecDeque::new(),
                free_at: 0,
                fails: false,
                slow: false,
                formed_with: disks.clone(),
            },
            controller: Controller::new(setup(id, boot, members, app, book), now),
            state: Rc::new(State::default()),
            applied: 0,
            proposals: BTreeMap::new(),
            waiters: BTreeMap::new(),
            sheet: None,
            last_tick: None,
            turn_at: None,
            watched: Default::default(),
            leads_told: false,
            founded_in: None,
        }
    }

    /// Both clocks of this host. The steady one counts suspend and drifts; the date may be anything.
    pub fn now(&self, time: Time) -> Now {
        let drift = i64::try_from(time).expect("hours") * self.drift / 1_000_000;
        let mono = (self.mono_base + time).saturating_add_signed(drift);
        Now {
            mono: Mono(mono),
            wall: Wall((EPOCH + time).saturating_add_signed(self.wall_offset)),
        }
    }

    pub fn leads(&self, time: Time) -> bool {
        self.alive && self.raft.leads(self.now(time).mono)
    }

    /// The folder that member is known by here.
    pub fn disk_of(&self, id: Id) -> Option<DiskId> {
        if self.state.disks.is_empty() {
            return self.disk.formed_with.get(&id).copied();
        }
        self.state.disks.get(&product::member(id)).copied()
    }

    /// Whether a message meant for `to` is meant for this folder.
    pub fn is_me(&self, to: Option<DiskId>) -> bool {
        to == Some(self.raft.disk) || self.disk_of(self.id) == Some(self.raft.disk)
    }

    /// Whether that member may speak from that folder.
    pub fn admits(&self, from: Id, disk: DiskId, time: Time) -> bool {
        let mono = self.now(time).mono;
        let current = self.raft.leads(mono) || self.raft.hears_leader(mono);
        !(current && self.disk_of(from).is_some_and(|known| known != disk))
    }

    /// The process is gone. Of what was on its way to the disk, any first part has arrived.
    pub fn die(&mut self, rng: &mut Rng) {
        let arrived = rng.index(self.disk.queued.len() + 1);
        if let Some(at) = arrived.checked_sub(1) {
            self.disk.image = self.disk.queued[at].1.clone();
        }
        self.disk.queued.clear();
        self.alive = false;
        self.frozen = false;
        self.backlog.clear();
        self.proposals.clear();
        self.waiters.clear();
        self.sheet = None;
        self.turn_at = None;
        self.last_tick = None;
        self.leads_told = false;
    }

    /// Everything on the disk is lost.
    pub fn wipe(&mut self, disk: DiskId) {
        self.disk.image = Image::empty(disk);
        self.disk.formed_with.clear();
    }

    /// Another life: what it knows is what the disk holds.
    pub fn start(
        &mut self,
        time: Time,
        members: &[Member],
        app: &Application,
        book: &Runbook,
        rng: &mut Rng,
    ) {
        self.alive = true;
        self.boot = BootId(rng.next());
        self.disk.fails = false;
        self.disk.free_at = time;
        let now = self.now(time);
        self.raft = Raft::open(self.id, &self.disk.image, now.mono, rng);
        self.controller = Controller::new(setup(self.id, self.boot, members, app, book), now);
        let mut state = State::default();
        self.applied = self.raft.commit;
        for entry in &self.raft.log[..self.raft.commit] {
            if let Payload::Command(command) = &entry.payload {
                // A refused command changes nothing, now as then.
                let _ = apply(&mut state, command);
            }
        }
        self.state = Rc::new(state);
        for watched in &mut self.watched {
            // What the life before had told stands until it is too old.
            watched.failures = 0;
        }
    }
}
