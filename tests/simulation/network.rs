//! What is between the members. In order and reliable when nothing is wrong, as TCP is; each fault
//! takes away one of these.

use std::collections::BTreeMap;
use std::rc::Rc;

use failoverd::controller::Input;

use crate::aws::Time;
use crate::coverage::Kind;
use crate::event::{Envelope, Event};
use crate::raft::{Id, Message};
use crate::world::{World, say};

#[derive(Debug, Default)]
pub struct Network {
    /// One way, in milliseconds, by pair.
    latency: BTreeMap<(Id, Id), u64>,
    /// How many faults cut this direction.
    pub cuts: BTreeMap<(Id, Id), u32>,
    pub loss: u64,
    pub duplication: u64,
    pub reordering: bool,
    pub delay: u64,
    last: BTreeMap<(Id, Id), Time>,
}

impl World {
    pub fn lay_cables(&mut self) {
        for a in 0..self.hosts.len() {
            for b in 0..a {
                let one_way = self.rng.between(3, 90);
                self.net.latency.insert((a, b), one_way);
                self.net.latency.insert((b, a), one_way);
            }
        }
    }

    /// Whether anything gets from `a` to `b`.
    pub fn is_connected(&self, a: Id, b: Id) -> bool {
        self.net.cuts.get(&(a, b)).copied().unwrap_or(0) == 0
    }

    pub fn send(&mut self, from: Id, to: Id, message: Message) {
        let host = &self.hosts[from];
        let envelope = Envelope {
            from,
            to,
            from_disk: host.raft.disk,
            to_disk: host.disk_of(to),
            message,
        };
        if !self.is_connected(from, to) {
            let kind = self.faults.cut_by;
            return self.coverage.bites(kind.unwrap_or(Kind::Isolated));
        }
        if self.net.loss > 0 && self.rng.chance(self.net.loss) {
            return self.coverage.bites(Kind::Lost);
        }
        let twice = self.net.duplication > 0 && self.rng.chance(self.net.duplication);
        if twice {
            self.coverage.bites(Kind::Duplicated);
            self.post(envelope.clone());
        }
        self.post(envelope);
    }

    fn post(&mut self, envelope: Envelope) {
        let way = (envelope.from, envelope.to);
        let base = self.net.latency.get(&way).copied().unwrap_or(1);
        let mut takes = base + self.rng.below(base / 4 + 2);
        if self.net.delay > 0 {
            takes += self.rng.below(self.net.delay);
            self.coverage.bites(Kind::Delayed);
        }
        let mut at = self.now + takes;
        let last = self.net.last.get(&way).copied().unwrap_or(0);
        if self.net.reordering {
            at += self.rng.below(400);
            if at < last {
                self.coverage.bites(Kind::Reordered);
            }
        } else {
            at = at.max(last);
        }
        self.net.last.insert(way, at.max(last));
        self.schedule_at(at, Event::Deliver(Box::new(envelope)));
    }

    /// A message has arrived at a member that runs.
    pub fn delivered(&mut self, envelope: &Envelope) {
        let (from, to) = (envelope.from, envelope.to);
        let time = self.now;
        let host = &mut self.hosts[to];
        let now = host.now(time);
        if !host.admits(from, envelope.from_disk, time) {
            say!(self, "m{to} does not know the folder m{from} speaks from");
            return;
        }
        let meant = envelope.to_disk;
        let rng = &mut self.rng;
        match &envelope.message {
            Message::Canvass { round, last } => {
                host.raft.canvassed(now.mono, from, *round, *last);
            }
            Message::CanvassAnswer { round, yes } => {
                host.raft.canvass_answered(now.mono, from, *round, *yes);
            }
            Message::Vote { term, last } => {
                if !host.is_me(meant) {
                    say!(self, "m{to} is not who m{from} means");
                    return;
                }
                host.raft.asked_for_vote(now.mono, from, *term, *last);
            }
            Message::VoteAnswer { term, granted } => {
                host.raft.vote_answered(now.mono, from, *term, *granted);
            }
            Message::Append {
                term,
                prev,
                entries,
                commit,
                sent,
            } => {
                if meant.is_some() && !host.is_me(meant) {
                    say!(self, "m{to} is not who m{from} means");
                    return;
                }
                host.raft
                    .appended(now.mono, from, *term, *prev, entries, *commit, *sent, rng);
            }
            Message::AppendAnswer {
                term,
                matched,
                sent,
            } => {
                host.raft
                    .append_answered(now.mono, from, *term, *matched, *sent);
            }
            Message::Pull { asked } => {
                let Some(sheet) = &host.sheet else { return };
                // As old as its evidence: dated anew when it leaves.
                let mut sheet = sheet.clone();
                sheet.sent_at = now.mono;
                let asked = *asked;
                let sheet = Rc::new(sheet);
                return self.send(to, from, Message::Sheet { sheet, asked });
            }
            Message::Sheet { sheet, asked } => {
                let input = Input::Sheet {
                    sheet: sheet.as_ref().clone(),
                    asked_at: *asked,
                };
                return self.input(to, input);
            }
        }
        self.settle(to);
    }

    /// Asks every other member what it thinks.
    pub fn pull(&mut self, id: Id) {
        let asked = self.hosts[id].now(self.now).mono;
        for other in 0..self.hosts.len() {
            if other != id {
                self.send(id, other, Message::Pull { asked });
            }
        }
    }
}
