//! People: what they do while things go wrong, and how they bring everything to an end after.

use failoverd::controller::{Input, RequestId, RunRequest};
use failoverd::model::*;

use crate::coverage::Kind;
use crate::event::{Event, Waiter};
use crate::product;
use crate::raft::{Id, Payload};
use crate::world::{World, say};

/// Between two looks.
const LOOK: u64 = 5_000;

/// Nothing may be left to do for so long before it counts as rest: detection, hold-down and a plan.
const REST: u64 = 40_000;

#[derive(Debug, Default)]
pub struct People {
    pub declined: u64,
    /// How often they have put their hand to the open run.
    hands: u32,
    run: Option<RunId>,
}

impl World {
    fn person(&mut self, leader: Id, body: CommandBody) {
        self.propose(leader, body, Waiter::Nobody);
    }

    /// Whether that member's folder is the one on record, and it decides.
    pub fn is_on_record(&self, id: Id) -> bool {
        let known = self.ghost.state.disks.get(&product::member(id));
        let disk = self.hosts[id].disk.image.disk;
        known.is_none_or(|known| *known == disk)
    }

    /// Somebody acts, whether or not it is wise.
    pub fn person_acts(&mut self, kind: Kind) {
        let Some(leader) = self.leader() else {
            return;
        };
        self.coverage.bites(kind);
        let by = "ann".to_owned();
        let reason = "because".to_owned();
        let open = self.hosts[leader].state.open_run(&product::app()).cloned();
        if kind == Kind::AutomationPaused {
            let date = self.hosts[leader].now(self.now).wall;
            let until = match self.rng.chance(50) {
                true => Some(date + Millis(self.rng.between(5_000, 60_000))),
                false => None,
            };
            let app = self.rng.chance(50).then(product::app);
            return self.person(
                leader,
                CommandBody::PauseAutomation {
                    app,
                    by,
                    reason,
                    until,
                },
            );
        }
        if kind == Kind::RunAsked {
            let request = self.some_request();
            return self.input(leader, Input::Request(request));
        }
        let Some(run) = open else {
            return;
        };
        let steps: Vec<StepId> = run.in_order().map(|(step, _)| step.id.clone()).collect();
        let step = self.rng.pick(&steps).clone();
        let run = run.id;
        let body = match kind {
            Kind::RunPaused => CommandBody::PauseRun { run, by, reason },
            Kind::AbortAsked => CommandBody::Abort { run, by, reason },
            Kind::StepSkipped => CommandBody::SkipStep {
                run,
                step,
                by,
                reason: None,
            },
            _ => CommandBody::RetryStep {
                run,
                step,
                by,
                reason: None,
            },
        };
        self.person(leader, body);
    }

    fn some_request(&mut self) -> RunRequest {
        // Home, where that is elsewhere; now and then what makes no sense.
        let home = self.active() == product::place_of(&self.application.home);
        let kind = match self.rng.below(8) {
            0 => RunKind::Failover,
            1 => RunKind::Failback,
            2..=4 if !home => RunKind::Failback,
            _ => RunKind::Switchover,
        };
        RunRequest {
            from: None,
            app: product::app(),
            kind,
            to: None,
            by: "ann".to_owned(),
            reason: "because".to_owned(),
            allow_data_loss: self.rng.chance(40),
            plan_hash: None,
            id: RequestId::default(),
            evacuation: None,
            drill: None,
        }
    }

    /// All is healed: people look again and again until nothing is left to do.
    pub fn people_look(&mut self) {
        self.schedule(LOOK, Event::People);
        if let Some(leader) = self.leader() {
            self.readmit(leader);
            self.mend(leader);
        }
        let resting = self.is_resting();
        self.at_rest_since = match (resting, self.at_rest_since) {
            (true, since) => Some(since.unwrap_or(self.now)),
            (false, _) => None,
        };
    }

    pub fn is_over(&self) -> bool {
        self.at_rest_since
            .is_some_and(|since| self.now - since >= REST && self.is_resting())
            && self
                .hosts
                .iter()
                .all(|host| !host.alive || host.applied == self.ghost.len())
    }

    fn is_resting(&self) -> bool {
        let state = &self.ghost.state;
        let all_well = self.hosts.iter().all(|host| {
            let gone = !host.alive && self.faults.keeps_dead(host.home);
            // The newest entry may be on its way yet.
            let keeps_up = host.applied + 3 >= self.ghost.len();
            gone || (host.alive && keeps_up && self.is_on_record(host.id))
        });
        all_well
            && self.calls.is_empty()
            && self.leader().is_some()
            && state.open_run(&product::app()).is_none()
            && !self.truth.lost[self.active()]
            && self.aws.now().promoting.is_none()
    }

    /// A wiped member is taken out, its new folder made known, and taken in again: the steps of
    /// `failoverctl member readmit`, one at each look.
    fn readmit(&mut self, leader: Id) {
        let wiped = (0..self.hosts.len()).find(|id| {
            let members = self.hosts[leader].raft.members();
            self.hosts[*id].alive && (!self.is_on_record(*id) || !members.voters.contains(id))
        });
        let Some(id) = wiped else { return };
        let now = self.hosts[leader].now(self.now).mono;
        let raft = &self.hosts[leader].raft;
        let mut members = raft.members();
        let settled = raft.members_settled() && raft.commit > 0;
        let member = product::member(id);
        let known = self.hosts[leader].state.disks.get(&member).copied();
        let disk = self.hosts[id].raft.disk;
        if !settled || id == leader {
            return;
        }
        if known == Some(disk) && members.voters.contains(&id) {
            return;
        }
        if members.voters.contains(&id) {
            members.voters.remove(&id);
            let heard = members
                .voters
                .iter()
                .filter(|v| raft.has_answered(**v, now));
            if heard.count() * 2 > members.voters.len() {
                say!(self, "m{id} is taken out");
                self.hosts[leader]
                    .raft
                    .append(Payload::Members(members), now);
                self.settle(leader);
            }
        } else if known.is_some_and(|known| known != disk) {
            let by = "ann".to_owned();
            self.person(leader, CommandBody::Readmit { member, by });
        } else if known.is_none() {
            self.person(leader, CommandBody::RecordDisk { member, disk });
        } else if !members.learners.contains(&id) {
            members.learners.insert(id);
            say!(self, "m{id} follows again");
            self.hosts[leader]
                .raft
                .append(Payload::Members(members), now);
            self.settle(leader);
        } else if raft.matched(id) >= raft.commit {
            members.learners.remove(&id);
            members.voters.insert(id);
            say!(self, "m{id} decides again");
            self.hosts[leader]
                .raft
                .append(Payload::Members(members), now);
            self.settle(leader);
        }
    }

    /// What a person on call would do next.
    fn mend(&mut self, leader: Id) {
        let app = product::app();
        let by = || "bob".to_owned();
        let state = std::rc::Rc::clone(&self.hosts[leader].state);
        let known = state.apps.get(&app);
        if state.automation_paused.is_some() {
            return self.person(
                leader,
                CommandBody::ResumeAutomation {
                    app: None,
                    by: by(),
                },
            );
        }
        if known.is_some_and(|known| known.automation_paused.is_some()) {
            let app = Some(app);
            return self.person(leader, CommandBody::ResumeAutomation { app, by: by() });
        }
        if let Some(run) = state.open_run(&app) {
            return self.mend_run(leader, run);
        }
        let quarantined = known.and_then(|known| {
            let mut regions = known.quarantined.keys();
            regions
                .find(|r| !self.truth.lost[product::place_of(r)])
                .cloned()
        });
        if let Some(region) = quarantined
            && self.rng.chance(40)
        {
            // Its endpoints were taken out; whoever takes the Region back gives them back.
            let at = product::place_of(&region);
            self.aws.change(self.now, |aws| {
                for endpoint in &mut aws.groups[at].endpoints {
                    endpoint.weight = 128;
                }
            });
            return self.person(
                leader,
                CommandBody::Rejoin {
                    app,
                    region,
                    by: by(),
                },
            );
        }
        let views = self.hosts[leader].controller.views();
        let Some(view) = views.get(&app) else { return };
        match &view.phase {
            Phase::NeedsOperator { run: None, .. } => {
                let request = RunRequest {
                    from: None,
                    app,
                    kind: RunKind::Failover,
                    to: None,
                    by: by(),
                    reason: "asked".to_owned(),
                    allow_data_loss: true,
                    plan_hash: None,
                    id: RequestId::default(),
                    evacuation: None,
                    drill: None,
                };
                self.input(leader, Input::Request(request));
            }
            Phase::Blocked { reason, .. } => {
                assert!(!reason.to_string().is_empty() && !reason.remedy().is_empty());
                if matches!(
                    reason,
                    HoldReason::CoolDown { .. } | HoldReason::BrakeLatched { .. }
                ) {
                    self.person(leader, CommandBody::Acknowledge { app, by: by() });
                }
            }
            // Something given up has landed after all: known now.
            Phase::NeedsOperator { run: Some(_), .. } => {
                self.person(leader, CommandBody::Acknowledge { app, by: by() });
            }
            Phase::Steady
            | Phase::Suspect { .. }
            | Phase::Confirmed { .. }
            | Phase::Planned { .. }
            | Phase::Executing { .. }
            | Phase::Soaking { .. }
            | Phase::CoolDown { .. } => {}
        }
    }

    fn mend_run(&mut self, leader: Id, open: &Run) {
        let by = "bob".to_owned();
        let run = open.id.clone();
        if self.people.run.as_ref() != Some(&run) {
            self.people.run = Some(run.clone());
            self.people.hands = 0;
        }
        if open.paused.is_some() {
            return self.person(leader, CommandBody::ResumeRun { run, by });
        }
        let asked = open
            .in_order()
            .find(|(_, record)| record.status == StepStatus::AwaitingApproval)
            .map(|(step, _)| step.id.clone());
        if let Some(step) = asked {
            let granted = self.rng.chance(80);
            return self.person(
                leader,
                CommandBody::Approve {
                    run,
                    step,
                    by,
                    granted,
                    reason: None,
                },
            );
        }
        let RunStatus::NeedsOperator { reason } = &open.status else {
            return self.mend_held(leader, open);
        };
        self.people.hands += 1;
        let reason = reason.clone();
        say!(self, "a person looks at {run}: {reason}");
        let patient = self.people.hands < 4;
        // Nobody on call leaves out the data, or the proof that it has moved.
        let vital = |step: &StepId| {
            let planned = open.planned(step).map(|planned| &planned.intent);
            planned.is_some_and(|i| i.is_data_step() || matches!(i, Intent::HttpCheck { .. }))
        };
        let may_abort = open.abort.is_none() && open.executed_at.is_none();
        let choice = self.rng.below(100);
        let body = match reason {
            NeedsOperator::StepFailed { step, .. } => match choice {
                0..=49 if patient => CommandBody::RetryStep {
                    run,
                    step,
                    by,
                    reason: None,
                },
                _ if may_abort && (vital(&step) || (50..80).contains(&choice)) => {
                    let reason = "enough".to_owned();
                    CommandBody::Abort { run, by, reason }
                }
                _ if self.people.hands > 8 && may_abort => {
                    let reason = "enough".to_owned();
                    CommandBody::Abort { run, by, reason }
                }
                _ => CommandBody::SkipStep {
                    run,
                    step,
                    by,
                    reason: None,
                },
            },
            NeedsOperator::Drift { step, .. } => match choice {
                0..=59 if patient => CommandBody::RetryStep {
                    run,
                    step,
                    by,
                    reason: None,
                },
                _ => CommandBody::Acknowledge {
                    app: product::app(),
                    by,
                },
            },
            NeedsOperator::Inherited { .. } => {
                let reason = "nobody can carry it on".to_owned();
                CommandBody::Abort { run, by, reason }
            }
        };
        self.person(leader, body);
    }

    /// A run that nobody has stopped and that does not go on: where the application's view asks for
    /// a person, this one gives it up.
    fn mend_held(&mut self, leader: Id, open: &Run) {
        let views = self.hosts[leader].controller.views();
        let asks = views
            .get(&product::app())
            .is_some_and(|view| matches!(view.phase, Phase::NeedsOperator { .. }));
        if asks && open.abort.is_none() && open.executed_at.is_none() {
            self.people.hands += 1;
            let body = CommandBody::Abort {
                run: open.id.clone(),
                by: "bob".to_owned(),
                reason: "it cannot go on".to_owned(),
            };
            self.person(leader, body);
        }
    }
}
