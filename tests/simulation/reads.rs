//! Reads on their way to AWS and back, with everything that can happen to them there.

use failoverd::controller::Input;
use failoverd::model::*;
use failoverd::run::Heard;

use crate::aws::{Time, asks_region};
use crate::coverage::Kind;
use crate::event::{Answer, Event, Happening, Question};
use crate::product::{self, SERVING, TIMING};
use crate::raft::Id;
use crate::world::{World, say};
use crate::writes::Touches;

/// The oldest that an eventually consistent read may be.
const STALE: u64 = TIMING.call_timeout.0;

/// Between two looks of any member at where traffic stands: as much to know that AWS answers.
const SOUND: u64 = 15_000;
/// The same when it did not answer.
const SOUND_AGAIN: u64 = 5_000;

impl World {
    /// Sends a read. Its answer is made when it is served, and arrives later.
    pub fn ask(&mut self, id: Id, question: Question) {
        let boot = self.hosts[id].boot;
        let way = self.rng.between(10, 80) + self.hosts[id].lag / 2;
        self.schedule(way, Event::Served(id, boot, Box::new(question)));
    }

    /// Whether AWS, or what stands for it, answers this member at all.
    fn reaches(&mut self, id: Id, region: Option<usize>, plane: bool) -> bool {
        if region.is_some_and(|at| self.truth.lost[at]) {
            return false;
        }
        if self.faults.isolated_host(id) {
            return false;
        }
        if self.faults.grey.contains(&id) {
            self.coverage.bites(Kind::GreyMember);
            return false;
        }
        if plane && self.faults.plane_gone {
            self.coverage.bites(Kind::PlaneGone);
            return false;
        }
        if self.faults.lost_replies > 0 && self.rng.chance(self.faults.lost_replies) {
            self.coverage.bites(Kind::LostReply);
            return false;
        }
        true
    }

    pub fn serve(&mut self, id: Id, boot: BootId, question: Question) {
        let (region, plane) = match &question {
            Question::Goal { intent, .. } => {
                let plane = !matches!(intent, Intent::HttpCheck { .. });
                (asks_region(intent, None), plane)
            }
            Question::Capacity(at) => (Some(*at), true),
            Question::Lag(at) => (Some(*at), true),
            Question::Preflight(_) | Question::Traffic { .. } => (None, true),
            Question::Before(call) => {
                let made = self.calls.get(call);
                let intent = made.map(|made| (made.intent.clone(), made.variant));
                (intent.and_then(|(i, v)| asks_region(&i, Some(v))), true)
            }
        };
        let mut way = self.rng.between(10, 80);
        if !self.reaches(id, region, plane) {
            let timeout = TIMING.call_timeout.0;
            let what = Happening::Answered(Box::new(question), None);
            return self.schedule(timeout, Event::At(id, boot, what));
        }
        if self.faults.throttling > 0 && self.rng.chance(self.faults.throttling) {
            // The SDK repeats a read until its patience ends.
            self.coverage.bites(Kind::Throttled);
            way += self.rng.between(200, 2_000);
        }
        let mut seen_at = self.now;
        let checks = matches!(&question, Question::Goal { intent, .. } if !intent.writes());
        if self.faults.stale_reads > 0 && !checks && self.rng.chance(self.faults.stale_reads) {
            seen_at = seen_at.saturating_sub(self.rng.below(STALE));
            self.coverage.bites(Kind::StaleRead);
        }
        let answer = self.answer(&question, seen_at);
        let what = Happening::Answered(Box::new(question), Some(answer));
        self.schedule(way, Event::At(id, boot, what));
    }

    fn answer(&self, question: &Question, seen_at: Time) -> Answer {
        let aws = self.aws.at(seen_at);
        match question {
            Question::Goal { intent, .. } => {
                Answer::Observed(aws.observe(seen_at, intent, &self.truth))
            }
            Question::Preflight(body) => {
                let CommandBody::OpenRun { plan, .. } = body else {
                    return Answer::Refusal(None);
                };
                let refusal = plan.steps.iter().filter(|s| must_succeed(s)).find_map(|s| {
                    let why = match aws.observe(seen_at, &s.intent, &self.truth).goal {
                        Goal::Impossible { message, .. } => message,
                        Goal::StaleEpoch { seen } => format!("epoch {seen} has been here"),
                        Goal::Met
                        | Goal::PartlyMet
                        | Goal::UnderWay
                        | Goal::NotMet
                        | Goal::Unobservable { .. } => return None,
                    };
                    let step = Some(s.id.clone());
                    Some(HoldReason::PlanImpossible { step, why })
                });
                Answer::Refusal(refusal)
            }
            Question::Traffic { .. } => Answer::Traffic(aws.traffic()),
            // The replica is a second behind whenever its writer lives.
            Question::Lag(at) if aws.writer == *at || self.truth.lost[aws.writer] => {
                Answer::Lag(Vec::new())
            }
            Question::Lag(_) => {
                let minute = self.hosts[0].now(0).wall.0 + self.now;
                Answer::Lag(vec![LagSample {
                    at: Wall(minute / 15_000 * 15_000),
                    lag: Millis(900),
                }])
            }
            Question::Capacity(at) => Answer::Capacity(aws.size(*at, seen_at)),
            Question::Before(call) => {
                let made = self.calls.get(call);
                let region = made.and_then(|made| made.intent.region_touched());
                Answer::Before {
                    another_serves: (0..SERVING).any(|at| Some(at) != region && aws.carries(at)),
                    size: region.map(|at| aws.size(at, seen_at)),
                }
            }
        }
    }

    /// A read has come back.
    pub fn answered(&mut self, id: Id, question: Question, answer: Option<Answer>) {
        if let Question::Traffic { watch } = question {
            self.aws_answered(id, answer.is_some());
            if watch {
                let again = if answer.is_some() { SOUND } else { SOUND_AGAIN };
                self.later(id, again, Happening::Sound);
            }
        }
        let app = product::app();
        match (question, answer) {
            (Question::Goal { run, step, intent }, answer) => {
                let observation = match answer {
                    Some(Answer::Observed(observation)) => observation,
                    Some(_) | None => Observation {
                        goal: Goal::Unobservable {
                            why: "no answer".to_owned(),
                        },
                        seen: "no answer".to_owned(),
                    },
                };
                say!(
                    self,
                    "m{id} {step} looks: {:?} ({})",
                    observation.goal,
                    intent.name()
                );
                let heard = Heard::Observed { step, observation };
                self.input(id, Input::Heard { run, heard });
            }
            (Question::Preflight(_), Some(Answer::Refusal(Some(reason)))) => {
                say!(self, "m{id} opens nothing: {reason}");
                self.opened(id, reason);
            }
            (Question::Preflight(body), _) => {
                self.propose(id, body, crate::event::Waiter::Opening(app));
            }
            (Question::Traffic { watch: false }, answer) => {
                let traffic = match answer {
                    Some(Answer::Traffic(traffic)) => Some(traffic),
                    Some(_) | None => None,
                };
                self.input(id, Input::TrafficRead { app, traffic });
            }
            (Question::Traffic { watch: true }, Some(Answer::Traffic(traffic)))
                if self.hosts[id].leads(self.now) =>
            {
                self.record(id, CommandBody::RecordTraffic { app, traffic });
            }
            (Question::Lag(at), Some(Answer::Lag(samples))) if !samples.is_empty() => {
                let region = product::region(at);
                self.record(
                    id,
                    CommandBody::RecordLag {
                        app,
                        region,
                        samples,
                    },
                );
            }
            (Question::Capacity(at), Some(Answer::Capacity(size))) => {
                let (region, nodegroup) = (product::region(at), product::nodegroup(at));
                self.record(
                    id,
                    CommandBody::RecordCapacity {
                        app,
                        region,
                        nodegroup,
                        size,
                    },
                );
            }
            (Question::Before(call), answer) => self.prepared(call, answer),
            (Question::Traffic { watch: true } | Question::Lag(_) | Question::Capacity(_), _) => {}
        }
    }
}

/// Whether the run cannot go on without this very step: as `daemon/preflight.rs` has it.
fn must_succeed(step: &PlannedStep) -> bool {
    let dispensable = match step.on_failure {
        OnFailure::Continue => true,
        OnFailure::Hold | OnFailure::Compensate => step.best_effort,
    };
    step.intent.writes()
        && step.intent.is_observable()
        && !dispensable
        && step.or_else.is_none()
        && step.stands_in_for.is_none()
}
