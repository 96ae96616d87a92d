//! Elections, as the keeper calls them: asking around first, and never against a leader that is
//! heard.

use std::collections::BTreeSet;
use std::rc::Rc;

use failoverd::model::{Millis, Mono};

use super::{Canvass, ELECTION_MIN, Entry, Id, LEASE, LogId, Message, Payload, Raft, Role, jitter};
use crate::rng::Rng;

impl Raft {
    /// Whatever is due. Says whether this leader has stood down.
    pub fn turn(&mut self, now: Mono, rng: &mut Rng) -> bool {
        if self.is_leader() {
            if self.has_lost_quorum(now) {
                self.stand_down(now, Millis::ZERO, rng);
                return true;
            }
            self.beat(now);
            return false;
        }
        if self.canvass.as_ref().is_some_and(|c| now >= c.until) {
            self.canvass = None;
        }
        let voter = self.members().voters.contains(&self.me);
        if voter && self.canvass.is_none() && now >= self.elect_at && now >= self.quiet_until {
            self.elect_at = now + Millis(ELECTION_MIN.0 / 2).plus(jitter(rng));
            self.begin_canvass(now);
        }
        false
    }

    /// When something is due.
    pub fn next_turn(&self, now: Mono) -> Mono {
        let due = match &self.role {
            Role::Leader(leader) => leader.heartbeat_at,
            Role::Follower | Role::Candidate(_) => self.elect_at.max(self.quiet_until),
        };
        let canvass = self.canvass.as_ref().map_or(due, |c| c.until.min(due));
        canvass.max(now + Millis(1))
    }

    fn has_lost_quorum(&self, now: Mono) -> bool {
        let Role::Leader(leader) = &self.role else {
            return false;
        };
        let heard = self
            .acknowledged_at(now)
            .map_or(leader.since, |at| at.max(leader.since));
        now > heard + LEASE
    }

    /// Gives up leadership, and does not stand for `quiet` unless another leader is heard.
    pub fn stand_down(&mut self, now: Mono, quiet: Millis, rng: &mut Rng) {
        self.role = Role::Follower;
        self.leader = None;
        self.confirmed.clear();
        self.canvass = None;
        self.elect_at = now + ELECTION_MIN.plus(jitter(rng));
        self.quiet_until = now + quiet;
        self.stood_down_at = Some(now);
    }

    fn begin_canvass(&mut self, now: Mono) {
        self.rounds += 1;
        self.canvass = Some(Canvass {
            round: self.rounds,
            until: now + ELECTION_MIN,
            yes: BTreeSet::from([self.me]),
        });
        let (round, last) = (self.rounds, self.last());
        for to in self.other_voters() {
            self.send(to, Message::Canvass { round, last }, false);
        }
        self.count_canvass(now);
    }

    fn other_voters(&self) -> Vec<Id> {
        let voters = self.members().voters;
        voters.into_iter().filter(|id| *id != self.me).collect()
    }

    fn count_canvass(&mut self, now: Mono) {
        let Some(canvass) = &self.canvass else {
            return;
        };
        if !self.members().is_quorum(&canvass.yes) {
            return;
        }
        self.canvass = None;
        self.term += 1;
        self.voted = Some(self.me);
        self.leader = None;
        self.dirty = true;
        self.role = Role::Candidate(BTreeSet::from([self.me]));
        let (term, last) = (self.term, self.last());
        for to in self.other_voters() {
            self.send(to, Message::Vote { term, last }, true);
        }
        self.count_votes(now);
    }

    pub fn canvassed(&mut self, now: Mono, from: Id, round: u64, last: LogId) {
        let content = self.leads(now) || self.hears_leader(now);
        let yes = !content && last >= self.last();
        self.send(from, Message::CanvassAnswer { round, yes }, false);
    }

    pub fn canvass_answered(&mut self, now: Mono, from: Id, round: u64, yes: bool) {
        if let Some(canvass) = &mut self.canvass
            && canvass.round == round
            && yes
        {
            canvass.yes.insert(from);
            self.count_canvass(now);
        }
    }

    pub fn asked_for_vote(&mut self, now: Mono, from: Id, term: u64, last: LogId) {
        let content = self.leads(now) || self.hears_leader(now);
        let free = term > self.term || (term == self.term && self.voted == Some(from));
        let granted = !content && free && last >= self.last();
        if granted && term > self.term {
            self.follow(term, now);
            self.voted = Some(from);
            self.dirty = true;
        }
        let term = self.term;
        self.send(from, Message::VoteAnswer { term, granted }, true);
    }

    pub fn vote_answered(&mut self, now: Mono, from: Id, term: u64, granted: bool) {
        if term > self.term {
            self.follow(term, now);
            self.dirty = true;
            return;
        }
        if term == self.term
            && granted
            && let Role::Candidate(votes) = &mut self.role
        {
            votes.insert(from);
            self.count_votes(now);
        }
    }

    fn count_votes(&mut self, now: Mono) {
        let Role::Candidate(votes) = &self.role else {
            return;
        };
        // Its own vote is on the disk before anybody else's can have come back.
        if self.members().is_quorum(votes) {
            self.lead(now);
            self.append(Payload::Blank, now);
        }
    }

    /// A newer term: whatever this member was, it is a follower.
    pub(super) fn follow(&mut self, term: u64, now: Mono) {
        if self.is_leader() {
            self.elect_at = now + LEASE;
        }
        self.term = term;
        self.voted = None;
        self.role = Role::Follower;
        self.leader = None;
        self.confirmed.clear();
    }

    /// A leader's message was accepted.
    pub(super) fn heard_leader(&mut self, now: Mono, from: Id, rng: &mut Rng) {
        self.leader = Some(from);
        self.heard = Some(now);
        self.canvass = None;
        self.elect_at = now + LEASE.plus(jitter(rng));
        if self.stood_down_at.is_some_and(|at| now > at) {
            self.quiet_until = now;
        }
    }

    /// Puts something into the log.
    pub fn append(&mut self, payload: Payload, now: Mono) -> usize {
        self.log.push(Rc::new(Entry {
            term: self.term,
            payload,
        }));
        self.dirty = true;
        self.replicate_to_all(now);
        self.log.len()
    }
}
