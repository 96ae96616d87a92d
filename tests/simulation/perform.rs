//! The shell's part: what a member's core asks for is done here, as `daemon/perform.rs` does it.

use failoverd::controller::{Effect, Input, RunAnswer};
use failoverd::model::*;
use failoverd::run::{Heard, Move};

use crate::event::{Call, Event, Happening, Question, Waiter};
use crate::product::{self, FALL, PROBE_TIMEOUT, REFERENCES, SERVING};
use crate::raft::{Id, LEASE};
use crate::world::{World, say};

/// Nobody who stood down stands for election for so long, unless another leads: four leases, as
/// `ledger::RaftLedger` has it.
const QUIET: Millis = Millis(4 * LEASE.0);

impl World {
    pub fn perform(&mut self, id: Id, effect: Effect) {
        match effect {
            Effect::Gossip(sheets) => {
                self.hosts[id].sheet = sheets.into_iter().next();
            }
            Effect::StandDown(reason) => {
                say!(self, "m{id} stands down: {reason}");
                let now = self.hosts[id].now(self.now).mono;
                self.hosts[id].raft.stand_down(now, QUIET, &mut self.rng);
                self.settle(id);
            }
            Effect::ReadTraffic { .. } => self.ask(id, Question::Traffic { watch: false }),
            Effect::OpenRun { body, .. } => {
                self.check_opening(id, &body);
                self.ask(id, Question::Preflight(body));
            }
            Effect::Evacuate { body } => panic!("nobody evacuates here: {body:?}"),
            Effect::Perform { run, act, .. } => self.perform_move(id, run, act),
            Effect::Drill(act) => panic!("nobody drills here: {act:?}"),
            Effect::Publish(view) => {
                say!(self, "m{id} sees {} {}", view.active, view.phase.as_str());
            }
            Effect::Answer { request, answer } => {
                let (kind, by) = (request.kind, request.by);
                match answer {
                    RunAnswer::Declined(reasons) => {
                        let codes: Vec<&str> = reasons.iter().map(HoldReason::code).collect();
                        say!(self, "m{id} declines {kind} of {by}: {codes:?}");
                        self.people.declined += 1;
                    }
                    RunAnswer::Started(started) => {
                        say!(self, "m{id} has opened {} for {by}", started.run);
                    }
                    RunAnswer::Unknown { why } => {
                        say!(self, "m{id} does not know of the {kind} of {by}: {why}");
                    }
                }
            }
        }
    }

    fn perform_move(&mut self, id: Id, run: RunId, act: Move) {
        match act {
            Move::Observe { step, intent } => {
                self.ask(id, Question::Goal { run, step, intent });
            }
            Move::Commit { step, body } => {
                self.propose(id, body, Waiter::Commit { run, step });
            }
            Move::Call {
                step,
                attempt,
                intent,
                variant,
            } => {
                let number = self.token();
                let host = &self.hosts[id];
                let call = Call {
                    member: id,
                    boot: host.boot,
                    run,
                    step,
                    attempt,
                    intent,
                    variant,
                    asked: host.now(self.now).mono,
                    asked_at: self.now,
                    allowed_at: None,
                    size: None,
                    handed_at: None,
                    landed: false,
                    answered: false,
                };
                self.calls.insert(number, call);
                self.prove(id, number);
            }
        }
    }

    /// The ledger refuses, or nobody answers, before anything was begun.
    pub fn opened(&mut self, id: Id, reason: HoldReason) {
        let input = Input::Opened {
            app: product::app(),
            answer: Some(Err(Rejection::Guard { reason })),
        };
        self.input(id, input);
    }

    /// One round of probes: every Region, and the reference targets.
    pub fn probe(&mut self, id: Id) {
        let isolated = self.faults.isolated_host(id);
        for at in 0..SERVING {
            let lost = self.truth.lost[at] || isolated || self.faults.is_path_cut(id, at);
            let target = Target::Region {
                app: product::app(),
                region: product::region(at),
                probe: "web".into(),
            };
            self.begin_probe(id, target, lost);
        }
        for name in REFERENCES {
            self.begin_probe(id, Target::Reference(name.into()), isolated);
        }
    }

    fn begin_probe(&mut self, id: Id, target: Target, lost: bool) {
        let takes = match lost {
            true if self.rng.chance(30) => self.rng.between(5, 60),
            true => PROBE_TIMEOUT,
            false => self.rng.between(10, 150),
        } + self.hosts[id].lag;
        let started = self.hosts[id].now(self.now).mono;
        let outcome = match lost {
            true => SampleOutcome::Failure(FailureReason::Timeout),
            false => SampleOutcome::Success,
        };
        let sample = Sample {
            target,
            started,
            // Dated when it is taken in.
            ended: started,
            result: ProbeResult {
                outcome,
                timings: Timings::default(),
            },
        };
        self.later(id, takes, Happening::Sampled(Box::new(sample)));
    }

    pub fn sampled(&mut self, id: Id, mut sample: Sample) {
        sample.ended = self.hosts[id].now(self.now).mono;
        if let Target::Region { region, .. } = &sample.target {
            let watched = &mut self.hosts[id].watched[product::place_of(region)];
            match sample.result.outcome {
                SampleOutcome::Success => watched.failures = 0,
                SampleOutcome::Failure(_) | SampleOutcome::Unknown(_) => watched.failures += 1,
            }
            if watched.failures >= FALL {
                watched.down_at = Some(self.now);
            }
        }
        let member = product::member(id);
        self.input(id, Input::Sample { member, sample });
    }

    /// What the leader records while every Region still answers.
    pub fn watch(&mut self, id: Id) {
        if !self.hosts[id].leads(self.now) {
            return;
        }
        for at in 0..SERVING {
            self.ask(id, Question::Lag(at));
            self.ask(id, Question::Capacity(at));
        }
    }

    /// Writes down what was seen, where it is news.
    pub fn record(&mut self, id: Id, body: CommandBody) {
        let app = product::app();
        let known = self.hosts[id].state.apps.get(&app);
        let is_news = match &body {
            CommandBody::RecordLag {
                region, samples, ..
            } => known
                .and_then(|a| a.lag.get(region)?.last())
                .is_none_or(|last| samples.iter().any(|s| s.at > last.at)),
            CommandBody::RecordCapacity {
                region,
                nodegroup,
                size,
                ..
            } => known
                .and_then(|a| a.capacity.get(region)?.get(&nodegroup.to_string()))
                .is_none_or(|seen| seen.value != *size),
            CommandBody::RecordTraffic { traffic, .. } => known
                .and_then(|a| a.traffic.as_ref())
                .is_none_or(|seen| seen.value != *traffic),
            _ => true,
        };
        if is_news {
            self.propose(id, body, Waiter::Nobody);
        }
    }

    /// Tells a member that its call to AWS was answered, or not.
    pub fn aws_answered(&mut self, id: Id, reached: bool) {
        self.input(id, Input::AwsAnswered { reached });
    }

    /// A call was certainly never handed over.
    pub fn not_sent(&mut self, call: u64, why: &str) {
        let Some(made) = self.calls.get_mut(&call) else {
            return;
        };
        if made.answered {
            return;
        }
        made.answered = true;
        let (id, boot) = (made.member, made.boot);
        let outcome = CallOutcome::NotSent {
            why: why.to_owned(),
        };
        self.schedule(
            1,
            Event::At(id, boot, Happening::CallAnswered(call, outcome)),
        );
    }

    pub fn call_answered(&mut self, call: u64, outcome: CallOutcome) {
        let Some(made) = self.calls.remove(&call) else {
            return;
        };
        say!(
            self,
            "m{} {} {} #{}: {outcome:?}",
            made.member,
            made.run,
            made.step,
            made.attempt
        );
        let heard = Heard::Called {
            step: made.step,
            attempt: made.attempt,
            outcome,
        };
        let run = made.run;
        self.input(made.member, Input::Heard { run, heard });
    }
}
