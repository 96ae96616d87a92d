//! One seed's world: what is, what happens next, and the loop that makes it happen.

use std::collections::{BTreeMap, BinaryHeap};

use failoverd::controller::Input;
use failoverd::model::*;

use crate::aws::{Aws, History, Time, Truth};
use crate::coverage::Coverage;
use crate::event::{Call, Event, Happening, Question, Scheduled};
use crate::faults::Faults;
use crate::ghost::Ghost;
use crate::host::Host;
use crate::network::Network;
use crate::people::People;
use crate::plant::Plant;
use crate::product::{self, PROBE_EVERY};
use crate::raft::Id;
use crate::rng::Rng;
use crate::trace::{Keep, Trace};

/// Writes a line of the trace.
macro_rules! say {
    ($world:expr, $($what:tt)*) => {
        $world.trace.line($world.now, format_args!($($what)*))
    };
}
pub(crate) use say;

/// Between two ticks of a member's loop.
const TICK: u64 = 500;

/// A stall or a step of more than this is a tilt, as `probe::HostHealth` has it.
const TILT: u64 = 2_000;

/// Between two looks of the leader's watchers.
const WATCH: u64 = 15_000;

/// However long it takes, by then a healed world must be at rest.
const AT_REST_WITHIN: Time = 1_500_000;

#[derive(Debug)]
pub struct World {
    pub seed: u64,
    pub plant: Plant,
    pub now: Time,
    pub rng: Rng,
    pub trace: Trace,
    pub application: Application,
    pub runbook: Runbook,
    pub members: Vec<Member>,
    pub hosts: Vec<Host>,
    pub net: Network,
    pub aws: History,
    pub truth: Truth,
    pub calls: BTreeMap<u64, Call>,
    pub ghost: Ghost,
    pub faults: Faults,
    pub people: People,
    pub coverage: Coverage,
    pub healed_at: Option<Time>,
    /// Since when nothing has been left to be done.
    pub at_rest_since: Option<Time>,
    queue: BinaryHeap<Scheduled>,
    order: u64,
    tokens: u64,
    pub events: u64,
}

/// What is told of a seed that went well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub digest: u64,
    pub lines: u64,
    pub events: u64,
    pub members: usize,
    pub lasted: Time,
    pub runs: usize,
    pub writes: u64,
    pub coverage: Coverage,
}

impl World {
    pub fn new(seed: u64, keep: Keep) -> Self {
        Self::with(seed, keep, Plant::Nothing)
    }

    /// A world in which somebody has made that mistake.
    pub fn with(seed: u64, keep: Keep, plant: Plant) -> Self {
        let mut rng = Rng::new(seed);
        let count = if rng.chance(60) { 3 } else { 5 };
        let members = product::members(count, &mut rng);
        let runbook = product::runbook(&mut rng);
        let application = product::application(&runbook, &mut rng);
        let disks: BTreeMap<Id, DiskId> = (0..count)
            .map(|id| (id, DiskId(u128::from(rng.next()))))
            .collect();
        let hosts = (0..count)
            .map(|id| Host::founder(id, &members, &disks, &application, &runbook, &mut rng))
            .collect();
        let faults = Faults::plan(seed, &mut rng);
        let mut world = Self {
            seed,
            plant,
            now: 0,
            rng,
            trace: Trace::new(keep),
            application,
            runbook,
            members,
            hosts,
            net: Network::default(),
            aws: History::new(Aws::at_home()),
            truth: Truth::default(),
            calls: BTreeMap::new(),
            ghost: Ghost::default(),
            faults,
            people: People::default(),
            coverage: Coverage::default(),
            healed_at: None,
            at_rest_since: None,
            queue: BinaryHeap::new(),
            order: 0,
            tokens: 0,
            events: 0,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        let count = self.hosts.len();
        say!(
            self,
            "seed {}: {count} members, runbook {}, cool-down {}, brake {}",
            self.seed,
            self.runbook.name,
            self.application.guards.cool_down,
            self.application.guards.brake
        );
        self.lay_cables();
        for id in 0..count {
            self.begin_life(id);
        }
        self.begin_faults();
    }

    /// Runs until the world is at rest.
    pub fn run(&mut self) -> Report {
        while let Some(Scheduled { at, event, .. }) = self.queue.pop() {
            self.now = at;
            self.events += 1;
            self.happen(event);
            self.notice_phase();
            if self.is_over() {
                break;
            }
            let limit = self.faults.heal_at + AT_REST_WITHIN;
            assert!(
                self.now < limit,
                "not at rest {} s after all was healed: {}",
                AT_REST_WITHIN / 1_000,
                self.describe()
            );
        }
        self.check_the_end();
        say!(self, "at rest");
        Report {
            digest: self.trace.digest(),
            lines: self.trace.lines(),
            events: self.events,
            members: self.hosts.len(),
            lasted: self.now,
            runs: self.ghost.state.runs.len(),
            writes: self.ghost.writes,
            coverage: self.coverage.clone(),
        }
    }

    pub fn schedule_at(&mut self, at: Time, event: Event) {
        self.order += 1;
        self.queue.push(Scheduled {
            at: at.max(self.now),
            order: self.order,
            event,
        });
    }

    pub fn schedule(&mut self, after: u64, event: Event) {
        self.schedule_at(self.now + after, event);
    }

    /// For this life of that member.
    pub fn later(&mut self, id: Id, after: u64, what: Happening) {
        let boot = self.hosts[id].boot;
        self.schedule(after, Event::At(id, boot, what));
    }

    pub fn token(&mut self) -> u64 {
        self.tokens += 1;
        self.tokens
    }

    fn happen(&mut self, event: Event) {
        let to = match &event {
            Event::At(id, ..) => Some(*id),
            Event::Deliver(envelope) => Some(envelope.to),
            _ => None,
        };
        if let Some(id) = to {
            let host = &mut self.hosts[id];
            if !host.alive {
                return;
            }
            if host.frozen {
                host.backlog.push_back(event);
                return;
            }
        }
        match event {
            Event::At(id, boot, what) => {
                if self.hosts[id].boot == boot {
                    self.member_event(id, what);
                }
            }
            Event::Deliver(envelope) => self.delivered(&envelope),
            Event::Thaw(id) => self.thaw(id),
            Event::Restart(id) => self.restart(id),
            Event::Served(id, boot, question) => self.serve(id, boot, *question),
            Event::Lands(call) => self.lands(call),
            Event::Promoted(number) => self.promoted(number),
            Event::FaultBegins(at) => self.fault_begins(at),
            Event::FaultEnds(at) => self.fault_ends(at),
            Event::People => self.people_look(),
            Event::Heal => self.heal(),
        }
    }

    fn member_event(&mut self, id: Id, what: Happening) {
        match what {
            Happening::Tick => {
                let lag = self.hosts[id].lag;
                self.look_at_the_host(id);
                self.input(id, Input::Tick);
                // A slow member's loop comes round late.
                self.later(id, TICK + lag, Happening::Tick);
            }
            Happening::Turn => self.turn(id),
            Happening::Changed => self.input(id, Input::Tick),
            Happening::Persisted(job) => self.persisted(id, job),
            Happening::Expired(token) => self.expired(id, token),
            Happening::Probe => {
                self.probe(id);
                let jitter = self.rng.below(300);
                self.later(id, PROBE_EVERY - 150 + jitter, Happening::Probe);
            }
            Happening::Sampled(sample) => self.sampled(id, *sample),
            Happening::Pull => {
                self.pull(id);
                self.later(id, 1_500, Happening::Pull);
            }
            Happening::Watch => {
                self.watch(id);
                self.later(id, WATCH, Happening::Watch);
            }
            Happening::Sound => self.ask(id, Question::Traffic { watch: true }),
            Happening::Told(input) => self.input(id, *input),
            Happening::Answered(question, answer) => self.answered(id, *question, answer),
            Happening::Gate(call) => self.gate(call),
            Happening::CallAnswered(call, outcome) => self.call_answered(call, outcome),
            Happening::CallExpired(call) => self.call_expired(call),
        }
    }

    fn look_at_the_host(&mut self, id: Id) {
        let time = self.now;
        let host = &mut self.hosts[id];
        let now = host.now(time);
        let Some(last) = host.last_tick.replace(now) else {
            return;
        };
        let steady = now.mono.since(last.mono).0;
        let expected = last.wall.0 + steady;
        let gap = steady.saturating_sub(TICK);
        if expected.abs_diff(now.wall.0) > TILT || gap > TILT {
            say!(self, "m{id} does not trust itself");
            let member = product::member(id);
            self.input(id, Input::Tilt { member });
        }
    }

    /// One step of a member's core.
    pub fn input(&mut self, id: Id, input: Input) {
        let time = self.now;
        let leads = self.hosts[id].leads(time);
        if leads {
            for other in 0..self.hosts.len() {
                let twice =
                    other != id && !self.hosts[other].frozen && self.hosts[other].leads(time);
                assert!(!twice, "m{id} and m{other} lead at once");
            }
        }
        let host = &mut self.hosts[id];
        let now = host.now(time);
        let effects = host.controller.step(now, &host.state, leads, input);
        for effect in effects {
            self.perform(id, effect);
        }
    }

    /// The process ends at once.
    pub fn crash(&mut self, id: Id) {
        say!(self, "m{id} dies");
        self.die(id);
        let after = self.rng.between(2_000, 15_000);
        self.schedule(after, Event::Restart(id));
    }

    /// What it has handed over is on its way all the same.
    pub fn die(&mut self, id: Id) {
        self.hosts[id].die(&mut self.rng);
        self.calls
            .retain(|_, call| call.member != id || (call.handed_at.is_some() && !call.landed));
        self.ghost.phase_is_stale = true;
    }

    fn restart(&mut self, id: Id) {
        let lost = self.faults.keeps_dead(self.hosts[id].home);
        if self.hosts[id].alive || lost {
            return;
        }
        let host = &mut self.hosts[id];
        host.start(
            self.now,
            &self.members,
            &self.application,
            &self.runbook,
            &mut self.rng,
        );
        say!(
            self,
            "m{id} starts with {} entries",
            self.hosts[id].raft.log.len()
        );
        self.begin_life(id);
    }

    fn begin_life(&mut self, id: Id) {
        let offset = self.rng.below(900);
        self.later(id, offset, Happening::Tick);
        self.later(id, offset + 100, Happening::Probe);
        self.later(id, offset + 200, Happening::Pull);
        self.later(id, offset + 3_000, Happening::Watch);
        self.later(id, offset + 4_000, Happening::Sound);
        self.next_turn(id);
    }

    fn thaw(&mut self, id: Id) {
        if !self.hosts[id].alive || !self.hosts[id].frozen {
            return;
        }
        self.hosts[id].frozen = false;
        let backlog = std::mem::take(&mut self.hosts[id].backlog);
        say!(
            self,
            "m{id} goes on, {} things to catch up with",
            backlog.len()
        );
        // Whether it notices first or works off first is a matter of luck.
        if self.rng.chance(50) {
            self.look_at_the_host(id);
        }
        for event in backlog {
            self.happen(event);
        }
    }

    /// Lands in the trace of a failure.
    pub fn describe(&self) -> String {
        let open = self.ghost.state.open_run(&product::app());
        let run = open.map(|run| {
            let steps: Vec<String> = run
                .in_order()
                .map(|(step, record)| format!("{} {}", step.id, record.status.as_str()))
                .collect();
            format!("{} {:?} [{}]", run.id, run.status, steps.join(", "))
        });
        let leaders: Vec<Id> = (0..self.hosts.len())
            .filter(|id| self.hosts[*id].leads(self.now))
            .collect();
        format!("run {run:?}, leaders {leaders:?}, aws {:?}", self.aws.now())
    }

    /// The leader, if there is one that runs.
    pub fn leader(&self) -> Option<Id> {
        (0..self.hosts.len()).find(|id| !self.hosts[*id].frozen && self.hosts[*id].leads(self.now))
    }
}
