//! The ledger as a member's shell sees it: proposals with a deadline, proofs within a heartbeat,
//! and what is unknown when neither comes.

use std::rc::Rc;

use failoverd::controller::Input;
use failoverd::model::*;
use failoverd::run::{Heard, apply, may_call};

use crate::event::{Event, Happening, Waiter};
use crate::product;
use crate::raft::{HEARTBEAT, Id, LEASE, Payload};
use crate::world::{World, say};

/// After this a proposal's outcome is given up as unknown.
const DEADLINE: u64 = LEASE.0;

impl World {
    /// Commits a command with this member's date on it.
    pub fn propose(&mut self, id: Id, body: CommandBody, waiter: Waiter) {
        let time = self.now;
        let host = &mut self.hosts[id];
        let now = host.now(time);
        if !host.raft.leads(now.mono) {
            say!(self, "m{id} does not lead and proposes nothing");
            return self.tell(id, waiter, None);
        }
        let at = now.wall;
        let command = Command { at, body };
        let index = host.raft.append(Payload::Command(command), now.mono);
        let token = self.token();
        let host = &mut self.hosts[id];
        host.proposals.insert(index, (host.raft.term, token));
        host.waiters.insert(token, waiter);
        self.later(id, DEADLINE, Happening::Expired(token));
        self.settle(id);
    }

    /// Proves that this member leads, for that call.
    pub fn prove(&mut self, id: Id, call: u64) {
        let time = self.now;
        let host = &mut self.hosts[id];
        let now = host.now(time);
        if !host.raft.leads(now.mono) {
            return self.not_sent(call, "this member does not lead");
        }
        let token = self.token();
        let host = &mut self.hosts[id];
        host.waiters.insert(token, Waiter::Proof(call));
        host.raft.read(token, now.mono);
        // openraft gives a linearizable read one heartbeat.
        self.later(id, HEARTBEAT.0, Happening::Expired(token));
        self.settle(id);
    }

    pub fn expired(&mut self, id: Id, token: u64) {
        let host = &mut self.hosts[id];
        let Some(waiter) = host.waiters.remove(&token) else {
            return;
        };
        host.proposals.retain(|_, (_, of)| *of != token);
        self.tell(id, waiter, None);
    }

    /// Passes on what the ledger said; `None` if it did not say.
    fn tell(&mut self, id: Id, waiter: Waiter, answer: Option<Result<Event_, Rejection>>) {
        let input = match waiter {
            Waiter::Opening(app) => Input::Opened { app, answer },
            Waiter::Commit { run, step } => Input::Heard {
                run,
                heard: Heard::Committed { step },
            },
            Waiter::Proof(call) => {
                return self.not_sent(call, "leadership is not proven");
            }
            Waiter::Nobody => return,
        };
        let takes = self.rng.below(3);
        self.later(id, takes, Happening::Told(Box::new(input)));
    }

    /// Whatever follows from a call of the log: writes, messages, entries that are committed now.
    pub fn settle(&mut self, id: Id) {
        self.write_images(id);
        for (to, message) in self.hosts[id].raft.take_messages() {
            self.send(id, to, message);
        }
        let led = self.hosts[id].raft.is_leader();
        if !led {
            // Its proposals may be committed by another, or taken back.
            let host = &mut self.hosts[id];
            let lost: Vec<u64> = std::mem::take(&mut host.proposals)
                .into_values()
                .map(|(_, token)| token)
                .collect();
            for token in lost {
                if let Some(waiter) = self.hosts[id].waiters.remove(&token) {
                    self.tell(id, waiter, None);
                }
            }
        }
        let changed = self.apply_committed(id);
        let applied = self.hosts[id].applied;
        for token in self.hosts[id].raft.take_reads(applied) {
            if let Some(Waiter::Proof(call)) = self.hosts[id].waiters.remove(&token) {
                self.proven(id, call);
            }
        }
        let leads = self.hosts[id].leads(self.now);
        if leads != self.hosts[id].leads_told {
            self.hosts[id].leads_told = leads;
            let term = self.hosts[id].raft.term;
            say!(
                self,
                "m{id} {} in term {term}",
                if leads { "leads" } else { "leads no more" }
            );
            self.later(id, 0, Happening::Changed);
        } else if changed {
            self.later(id, 0, Happening::Changed);
        }
        self.next_turn(id);
    }

    fn write_images(&mut self, id: Id) {
        while let Some((job, image)) = self.hosts[id].raft.take_image() {
            let takes = match self.hosts[id].disk.slow {
                true => self.rng.between(300, 2_500),
                false => self.rng.between(1, 12),
            };
            let disk = &mut self.hosts[id].disk;
            disk.free_at = disk.free_at.max(self.now) + takes;
            disk.queued.push_back((job, image));
            let at = disk.free_at;
            let boot = self.hosts[id].boot;
            self.schedule_at(at, Event::At(id, boot, Happening::Persisted(job)));
        }
    }

    /// A write has reached the disk, or has failed on it.
    pub fn persisted(&mut self, id: Id, job: u64) {
        if self.hosts[id].disk.fails {
            // It may be there after reopening, or not: the process must end either way.
            say!(self, "m{id}: write {job} failed; the ledger has stopped");
            self.coverage.bites(crate::coverage::Kind::FailedWrite);
            return self.crash(id);
        }
        let host = &mut self.hosts[id];
        while let Some((of, _)) = host.disk.queued.front() {
            if *of > job {
                break;
            }
            if let Some((_, image)) = host.disk.queued.pop_front() {
                host.disk.image = image;
            }
        }
        for (to, message) in host.raft.persisted(job) {
            self.send(id, to, message);
        }
        self.settle(id);
    }

    fn apply_committed(&mut self, id: Id) -> bool {
        let mut changed = false;
        while self.hosts[id].applied < self.hosts[id].raft.commit {
            let host = &mut self.hosts[id];
            let entry = Rc::clone(&host.raft.log[host.applied]);
            host.applied += 1;
            let index = host.applied;
            let mut answer = None;
            if let Payload::Command(command) = &entry.payload {
                answer = Some(apply(Rc::make_mut(&mut host.state), command));
                changed = true;
            }
            let proposal = host.proposals.remove(&index);
            let waiter =
                proposal.and_then(|(term, token)| Some((term, host.waiters.remove(&token)?)));
            self.committed(index, &entry);
            if let Some((term, waiter)) = waiter {
                let answer = answer.filter(|_| term == entry.term);
                self.tell(id, waiter, answer);
            }
        }
        changed
    }

    /// The cluster's first leader puts the folders it was formed with into the log.
    pub fn found(&mut self, id: Id) {
        let host = &self.hosts[id];
        let done = host.founded_in == Some(host.raft.term) || !host.state.disks.is_empty();
        if done || !host.leads(self.now) {
            return;
        }
        let disks = host
            .disk
            .formed_with
            .iter()
            .map(|(id, disk)| (product::member(*id), *disk))
            .collect();
        self.hosts[id].founded_in = Some(self.hosts[id].raft.term);
        self.propose(id, CommandBody::FoundCluster { disks }, Waiter::Nobody);
    }

    /// The read is confirmed: the state as it is here now allows the call, or it is not sent.
    fn proven(&mut self, id: Id, call: u64) {
        let Some(made) = self.calls.get(&call) else {
            return;
        };
        let host = &self.hosts[id];
        let took = host.now(self.now).mono.since(made.asked);
        if took > LEASE {
            return self.not_sent(call, "the proof took longer than the lease");
        }
        let allowed = may_call(&host.state, &made.run, &made.step, made.attempt, made.boot);
        match allowed {
            Ok(()) => self.prepare(call),
            Err(why) => self.not_sent(call, &why),
        }
    }

    pub fn next_turn(&mut self, id: Id) {
        let time = self.now;
        let host = &mut self.hosts[id];
        if !host.alive {
            return;
        }
        let mono = host.now(time).mono;
        let at = time + host.raft.next_turn(mono).since(mono).0;
        if host.turn_at.is_none_or(|due| due > at || due <= time) {
            host.turn_at = Some(at);
            let boot = host.boot;
            self.schedule_at(at, Event::At(id, boot, Happening::Turn));
        }
    }

    /// The log's own timers.
    pub fn turn(&mut self, id: Id) {
        let time = self.now;
        let host = &mut self.hosts[id];
        if host.turn_at.is_some_and(|due| due > time) {
            return;
        }
        host.turn_at = None;
        let now = host.now(time);
        if host.raft.turn(now.mono, &mut self.rng) {
            say!(
                self,
                "m{id} stands down: no quorum has answered for a lease"
            );
        }
        self.found(id);
        self.settle(id);
    }
}

/// The ledger's event, beside the simulation's.
use failoverd::model::Event as Event_;
