//! Writes on their way to AWS: prepared, looked at a last time, handed over, taken, answered or not.

use failoverd::model::*;

use crate::aws::asks_region;
use crate::aws_write::{Pace, Taken, take};
use crate::coverage::Kind;
use crate::event::{Answer, Event, Happening, Question};
use crate::plant::Plant;
use crate::product::{self, PROOF_LASTS, TIMING};
use crate::world::{World, say};

impl World {
    /// The proof stands: what the write must know first is read, then it is signed.
    pub fn prepare(&mut self, call: u64) {
        let Some(made) = self.calls.get(&call) else {
            return;
        };
        let id = made.member;
        let reads = match &made.intent {
            Intent::Dial { percent, .. } => *percent == 0,
            Intent::Weight { .. } | Intent::ScaleNodegroup { .. } => true,
            Intent::Route53Failover { .. }
            | Intent::Route53Weights { .. }
            | Intent::AuroraPromote { .. }
            | Intent::RoutingControl { .. }
            | Intent::Steer { .. }
            | Intent::HttpCheck { .. }
            | Intent::HttpRequest { .. }
            | Intent::Approval { .. }
            | Intent::Bake { .. }
            | Intent::Wait { .. } => false,
        };
        if reads {
            return self.ask(id, Question::Before(call));
        }
        let signing = self.rng.between(1, 20) + self.hosts[id].lag;
        self.later(id, signing, Happening::Gate(call));
    }

    pub fn prepared(&mut self, call: u64, answer: Option<Answer>) {
        let Some(made) = self.calls.get_mut(&call) else {
            return;
        };
        let Some(Answer::Before {
            another_serves,
            size,
        }) = answer
        else {
            return self.not_sent(call, "what it changes cannot be read");
        };
        let takes_out = match &made.intent {
            Intent::Dial { percent, .. } => *percent == 0,
            Intent::Weight { endpoints, .. } => endpoints.iter().all(|e| e.weight == 0),
            _ => false,
        };
        made.size = size;
        let id = made.member;
        let looked = self.plant != Plant::NoLookBeforeTakingOut;
        if takes_out && !another_serves && looked {
            let outcome = CallOutcome::Refused {
                code: "nothing_would_serve".to_owned(),
                message: "no other endpoint group carries traffic".to_owned(),
            };
            return self.later(id, 1, Happening::CallAnswered(call, outcome));
        }
        let signing = self.rng.between(1, 20) + self.hosts[id].lag;
        self.later(id, signing, Happening::Gate(call));
    }

    /// The last moment before the socket.
    pub fn gate(&mut self, call: u64) {
        let Some(made) = self.calls.get(&call) else {
            return;
        };
        let (id, intent, variant) = (made.member, made.intent.clone(), made.variant);
        let age = self.hosts[id].now(self.now).mono.since(made.asked);
        if age >= PROOF_LASTS && self.plant != Plant::OldProof {
            return self.not_sent(call, "the proof no longer holds");
        }
        self.check_handover(call);
        if let Some(made) = self.calls.get_mut(&call) {
            made.handed_at = Some(self.now);
        }
        self.notice_phase();
        self.later(id, TIMING.call_timeout.0, Happening::CallExpired(call));
        if self.faults.throttling > 0 && self.rng.chance(self.faults.throttling) {
            self.coverage.bites(Kind::Throttled);
            let outcome = CallOutcome::Busy {
                code: "ThrottlingException".to_owned(),
                message: "Rate exceeded".to_owned(),
            };
            if let Some(made) = self.calls.get_mut(&call) {
                made.landed = true;
            }
            return self.later(id, 40, Happening::CallAnswered(call, outcome));
        }
        let region = asks_region(&intent, Some(variant));
        let plane = !matches!(intent, Intent::HttpRequest { .. });
        let gone = region.is_some_and(|at| self.truth.lost[at])
            || self.faults.grey.contains(&id)
            || self.faults.isolated_host(id)
            || (plane && self.faults.plane_gone);
        if gone {
            // Never arrives, and nobody knows.
            if let Some(made) = self.calls.get_mut(&call) {
                made.landed = true;
            }
            return;
        }
        let mut way = self.rng.between(10, 200);
        if self.faults.late_writes > 0 && self.rng.chance(self.faults.late_writes) {
            self.coverage.bites(Kind::LateWrite);
            way = self.rng.between(1_000, TIMING.call_timeout.0);
        }
        self.schedule(way, Event::Lands(call));
    }

    /// A write arrives.
    pub fn lands(&mut self, call: u64) {
        let Some(made) = self.calls.get(&call).cloned() else {
            return;
        };
        let pace = Pace {
            deploys_in: self.rng.between(500, 6_000),
            node_every: self.rng.between(300, 4_000),
            promotion: self.rng.between(4_000, 14_000),
        };
        let (now, truth) = (self.now, self.truth);
        let mut taken = Taken::Silence;
        self.aws.change(now, |aws| {
            let size = made.size;
            taken = take(aws, now, &made.intent, made.variant, size, &truth, pace);
        });
        // Nobody waits any more: it was given up, or its caller is dead.
        let host = &self.hosts[made.member];
        let orphan = made.answered || !host.alive || host.boot != made.boot;
        if orphan {
            self.calls.remove(&call);
        } else if let Some(made) = self.calls.get_mut(&call) {
            made.landed = true;
        }
        say!(
            self,
            "aws takes {} {} #{} of m{}: {taken:?} ({})",
            made.run,
            made.step,
            made.attempt,
            made.member,
            made.intent
        );
        self.ghost.writes += u64::from(taken == Taken::Changed);
        self.check_landing(&made, &taken);
        if taken == Taken::Changed && made.intent.is_data_step() {
            self.begin_promotion(pace.promotion);
        }
        if orphan {
            return;
        }
        let outcome = match taken {
            Taken::Changed | Taken::Same => CallOutcome::Accepted,
            Taken::Refused(code) => CallOutcome::Refused {
                code: code.to_owned(),
                message: "no".to_owned(),
            },
            Taken::Busy(code) => CallOutcome::Busy {
                code: code.to_owned(),
                message: "not now".to_owned(),
            },
            Taken::Silence => return,
        };
        if self.faults.lost_replies > 0 && self.rng.chance(self.faults.lost_replies * 2) {
            return self.coverage.bites(Kind::LostReply);
        }
        let way = self.rng.between(10, 100);
        let what = Happening::CallAnswered(call, outcome);
        self.schedule(way, Event::At(made.member, made.boot, what));
    }

    /// No answer within the call's time: executed or not, only an observation can tell.
    pub fn call_expired(&mut self, call: u64) {
        if self.calls.get(&call).is_none_or(|made| made.answered) {
            return;
        }
        // What is still on its way lands all the same.
        let landed = self.calls.get(&call).is_none_or(|made| made.landed);
        let made = self.calls.get(&call).cloned();
        let outcome = CallOutcome::Unknown {
            why: "no answer in time".to_owned(),
        };
        self.call_answered(call, outcome);
        if !landed && let Some(mut made) = made {
            made.answered = true;
            self.calls.insert(call, made);
        }
    }

    fn begin_promotion(&mut self, takes: u64) {
        let Some(promoting) = self.aws.now().promoting else {
            return;
        };
        if self.faults.hangs {
            self.coverage.bites(Kind::HungPromotion);
            say!(self, "the promotion hangs");
            return;
        }
        self.schedule(takes, Event::Promoted(promoting.number));
    }

    pub fn promoted(&mut self, number: u64) {
        let Some(promoting) = self.aws.now().promoting else {
            return;
        };
        if promoting.number != number {
            return;
        }
        // A switchover needs both sides to its end.
        let lost = &self.truth.lost;
        if lost[promoting.to] || (!promoting.forced && lost.contains(&true)) {
            return self.schedule(5_000, Event::Promoted(number));
        }
        self.aws.change(self.now, |aws| {
            aws.writer = promoting.to;
            aws.promoting = None;
        });
        say!(self, "the writer is in {}", product::region(promoting.to));
        self.check_promotion(promoting.to);
    }
}

/// The Region whose resource an intent changes.
pub trait Touches {
    fn region_touched(&self) -> Option<usize>;
}

impl Touches for Intent {
    fn region_touched(&self) -> Option<usize> {
        match self {
            Self::Dial { region, .. }
            | Self::Weight { region, .. }
            | Self::ScaleNodegroup { region, .. } => Some(product::place_of(region)),
            Self::Route53Failover { .. }
            | Self::Route53Weights { .. }
            | Self::AuroraPromote { .. }
            | Self::RoutingControl { .. }
            | Self::Steer { .. }
            | Self::HttpCheck { .. }
            | Self::HttpRequest { .. }
            | Self::Approval { .. }
            | Self::Bake { .. }
            | Self::Wait { .. } => None,
        }
    }
}
