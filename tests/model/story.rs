//! The model itself: what can happen next, and what follows.

use std::collections::BTreeSet;

use failoverd::model::{CommandBody, EndpointGroup, RunStatus, Traffic};
use stateright::{Model, Property};

use crate::bounds::{Bounds, Fault};
use crate::bugs::Bug;
use crate::claims::{self, Shows};
use crate::rounds;
use crate::scene::{Member, Scene, Task, Truth};
use crate::setting::{self, FROM, INSIDE, MEMBERS, TO, shop};
use crate::shared::Shared;
use crate::shell::{self, Deed};
use crate::turn::Turn;
use crate::world::World;

/// A theme to be explored, with or without a bug.
#[derive(Clone, Debug)]
pub struct Story {
    pub bounds: Bounds,
    pub shows: &'static [Shows],
    pub bug: Option<Bug>,
}

/// Something that can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// A round passes; that sheet is late; deposed leaders still know nothing.
    Round {
        late: Option<(usize, usize)>,
        blind: bool,
        /// What has changed since the last: nobody can tell before the next samples.
        change: Option<Change>,
    },
    /// A leader dies; it starts again at once, or stays away.
    Crash {
        member: usize,
        starts: bool,
    },
    /// A member that does not lead goes away.
    Leave(usize),
    /// A member is elected with the first so many uncommitted commands in its log.
    Elect(usize, usize),
    /// The leader commits what it had not.
    CommitTail,
    /// A late sheet arrives.
    Deliver(usize),
    /// A task goes on.
    Do(usize, Deed),
    /// A request takes effect.
    Land(usize),
    /// A request is lost.
    Vanish(usize),
    Abort,
    /// Automation is paused, or resumed.
    Pause,
    Leap,
}

/// What members' probes meet from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The Region is lost, or back.
    Turn,
    /// A member's path to the Region is cut, or whole again.
    Cut(usize),
}

/// Rounds in which all was well before the story begins.
const WELL: u32 = 4;

impl Story {
    fn turn(&self, scene: &Scene) -> Turn {
        Turn::of(scene, self.bug, self.bounds.lowers)
    }

    fn beginning(&self) -> Scene {
        let nobody = || {
            Shared::new(Member {
                controller: None,
                life: 0,
                leads: false,
                stale: None,
            })
        };
        let scene = Scene {
            round: 0,
            leapt: false,
            members: [nobody(), nobody(), nobody()],
            committed: Shared::new(setting::state()),
            leader: None,
            tail: Vec::new(),
            tasks: Vec::new(),
            mail: Vec::new(),
            world: World::new(),
            lost: false,
            cut: BTreeSet::new(),
            left: self.bounds.budget,
            truth: Truth::default(),
        };
        let mut turn = self.turn(&scene);
        for index in 0..MEMBERS {
            turn.start(index);
        }
        turn.elect(self.bounds.leader, 0);
        let mut scene = turn.end();
        for _ in 0..WELL {
            let mut turn = self.turn(&scene);
            rounds::pass(&mut turn, None);
            scene = turn.end();
        }
        assert!(
            scene.tasks.is_empty(),
            "all is well and yet: {:?}",
            scene.tasks
        );
        scene.lost = self.bounds.lost;
        scene
    }

    /// Whether a round may pass, and whether that must be paid: nothing takes longer than it can.
    fn may_pass(&self, scene: &Scene) -> Option<bool> {
        let next = scene.round + 1;
        let awaited: Vec<&Shared<Task>> = scene.tasks.iter().collect();
        let possible = scene.round < WELL + self.bounds.rounds
            && scene.world.is_quiet_by(next)
            && awaited.iter().all(|task| task.asked + 1 >= next);
        let hurried = !awaited.is_empty();
        possible.then_some(hurried)
    }

    fn rounds(&self, scene: &Scene, happenings: &mut Vec<Happening>) {
        let Some(hurried) = self.may_pass(scene) else {
            return;
        };
        let deposed = (0..MEMBERS).any(|member| scene.is_deposed(member));
        if hurried && !scene.left.has(Fault::Delay) {
            return;
        }
        let (late, change) = (None, None);
        happenings.push(Happening::Round {
            late,
            blind: false,
            change,
        });
        if deposed && scene.left.has(Fault::Delay) {
            happenings.push(Happening::Round {
                late,
                blind: true,
                change,
            });
        }
        let mut changes = Vec::new();
        if scene.left.has(Fault::Turn) {
            changes.push(Change::Turn);
        }
        if scene.left.has(Fault::Cut) {
            let outside = (0..MEMBERS).filter(|index| *index != INSIDE);
            changes.extend(outside.map(Change::Cut));
        }
        // Both are paid.
        if !hurried || scene.left.faults > 1 {
            for change in changes {
                let (late, blind, change) = (None, false, Some(change));
                happenings.push(Happening::Round {
                    late,
                    blind,
                    change,
                });
            }
        }
        if scene.left.has(Fault::LateSheet) && !hurried {
            for from in 0..MEMBERS {
                // The others hear it: who does not lead does nothing about it.
                if let Some(to) = scene.leader
                    && from != to
                    && from != INSIDE
                    && scene.is_up(from)
                {
                    let late = Some((from, to));
                    happenings.push(Happening::Round {
                        late,
                        blind: false,
                        change,
                    });
                }
            }
        }
    }

    fn members(&self, scene: &Scene, happenings: &mut Vec<Happening>) {
        for index in 0..MEMBERS {
            if !scene.is_up(index) {
                continue;
            }
            if !scene.members[index].leads {
                if scene.left.has(Fault::Absence) {
                    happenings.push(Happening::Leave(index));
                }
            } else if scene.left.has(Fault::Crash) {
                for starts in [true, false] {
                    let member = index;
                    happenings.push(Happening::Crash { member, starts });
                }
            }
            // Who is at home in the lost Region would stand down at once.
            let others = (0..MEMBERS).filter(|other| scene.is_up(*other)).count();
            if index != INSIDE
                && scene.leader != Some(index)
                && others * 2 > MEMBERS
                && (scene.leader.is_none() || scene.left.has(Fault::Election))
            {
                for kept in 0..=scene.tail.len() {
                    happenings.push(Happening::Elect(index, kept));
                }
            }
        }
    }

    fn people(&self, scene: &Scene, happenings: &mut Vec<Happening>) {
        if !scene.has_quorum() {
            return;
        }
        let open = scene.committed.open_run(&shop());
        if open.is_some() && scene.left.has(Fault::Abort) {
            happenings.push(Happening::Abort);
        }
        if scene.left.has(Fault::Pause) {
            happenings.push(Happening::Pause);
        }
    }

    /// The story is over when the run is: the rest of it would only be waiting.
    fn is_over(scene: &Scene) -> bool {
        scene.tasks.is_empty()
            && scene.world.requests.is_empty()
            && scene
                .committed
                .runs
                .values()
                .any(|run| run.status == RunStatus::Completed)
    }
}

impl Model for Story {
    type State = Scene;
    type Action = Happening;

    fn init_states(&self) -> Vec<Scene> {
        vec![self.beginning()]
    }

    fn actions(&self, scene: &Scene, happenings: &mut Vec<Happening>) {
        if Self::is_over(scene) || !scene.truth.broken.is_empty() {
            return;
        }
        for (index, task) in scene.tasks.iter().enumerate() {
            for deed in shell::deeds(scene, task) {
                happenings.push(Happening::Do(index, deed));
            }
        }
        for index in 0..scene.world.requests.len() {
            happenings.push(Happening::Land(index));
            if scene.left.has(Fault::Loss) {
                happenings.push(Happening::Vanish(index));
            }
        }
        if !scene.tail.is_empty() && scene.has_quorum() {
            happenings.push(Happening::CommitTail);
        }
        for index in 0..scene.mail.len() {
            happenings.push(Happening::Deliver(index));
        }
        self.members(scene, happenings);
        self.people(scene, happenings);
        if scene.left.has(Fault::Leap) && !scene.leapt {
            happenings.push(Happening::Leap);
        }
        self.rounds(scene, happenings);
    }

    fn next_state(&self, scene: &Scene, happening: Happening) -> Option<Scene> {
        let mut turn = self.turn(scene);
        match happening {
            Happening::Round {
                late,
                blind,
                change,
            } => {
                if self.may_pass(scene)? || blind {
                    turn.scene.left.pay(Fault::Delay);
                }
                if late.is_some() {
                    turn.scene.left.pay(Fault::LateSheet);
                }
                match change {
                    Some(Change::Turn) => {
                        turn.scene.left.pay(Fault::Turn);
                        turn.scene.lost = !scene.lost;
                    }
                    Some(Change::Cut(index)) => {
                        turn.scene.left.pay(Fault::Cut);
                        if !turn.scene.cut.remove(&index) {
                            turn.scene.cut.insert(index);
                        }
                    }
                    None => {}
                }
                if !blind {
                    for index in (0..MEMBERS).filter(|index| scene.is_deposed(*index)) {
                        turn.notice(index);
                    }
                }
                rounds::pass(&mut turn, late);
            }
            Happening::Crash { member, starts } => {
                turn.scene.left.pay(Fault::Crash);
                turn.crash(member);
                if starts {
                    turn.start(member);
                }
            }
            Happening::Leave(index) => {
                turn.scene.left.pay(Fault::Absence);
                turn.crash(index);
            }
            Happening::Elect(index, kept) => {
                if scene.leader.is_some() {
                    turn.scene.left.pay(Fault::Election);
                }
                turn.elect(index, kept);
            }
            Happening::CommitTail => {
                turn.commit_tail();
                turn.tell_leader();
            }
            Happening::Deliver(index) => {
                let letter = turn.scene.mail.remove(index);
                turn.deliver(&letter);
            }
            Happening::Do(index, deed) => shell::act(&mut turn, index, deed),
            Happening::Land(index) => {
                let request = turn.scene.world.land(index);
                shell::landed(&mut turn, &request);
            }
            Happening::Vanish(index) => {
                turn.scene.left.pay(Fault::Loss);
                turn.scene.world.requests.remove(index);
            }
            Happening::Abort => {
                turn.scene.left.pay(Fault::Abort);
                let open = scene.committed.open_run(&shop())?;
                let (run, wrote) = (open.id.clone(), open.anything_intended());
                let (by, reason) = ("ada".to_owned(), "enough".to_owned());
                turn.commit(CommandBody::Abort { run, by, reason }).ok()?;
                // Their no would cool down, and dates stand still here: so that there are second runs
                // to look at, they say that they know.
                if !wrote {
                    let (app, by) = (shop(), "ada".to_owned());
                    turn.commit(CommandBody::Acknowledge { app, by }).ok()?;
                }
                turn.tell_leader();
            }
            Happening::Pause => {
                turn.scene.left.pay(Fault::Pause);
                let (app, by) = (None, "ada".to_owned());
                let body = match scene.committed.automation_paused {
                    Some(_) => CommandBody::ResumeAutomation { app, by },
                    None => CommandBody::PauseAutomation {
                        app,
                        by,
                        reason: "maintenance".to_owned(),
                        until: None,
                    },
                };
                turn.commit(body).ok()?;
                turn.tell_leader();
            }
            Happening::Leap => {
                turn.scene.left.pay(Fault::Leap);
                turn.scene.leapt = true;
            }
        }
        Some(turn.end())
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let shows = self.shows.iter().map(|shows| shows.property());
        claims::always().into_iter().chain(shows).collect()
    }
}

/// Where traffic stands, as a leader that asks is told.
pub fn traffic(world: &World) -> Traffic {
    let group = |dial_percent| EndpointGroup {
        dial_percent,
        endpoints: Vec::new(),
    };
    Traffic {
        records: Vec::new(),
        groups: vec![
            (FROM.into(), group(world.dial_from)),
            (TO.into(), group(world.dial_to)),
        ],
        routing: Vec::new(),
    }
}
