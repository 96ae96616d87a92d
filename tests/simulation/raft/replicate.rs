//! Replication, commitment, and reads.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use failoverd::model::Mono;

use super::{Entry, HEARTBEAT, Id, Leader, LogId, Message, Raft, Read, Role};
use crate::rng::Rng;

/// Entries in one message.
const BATCH: usize = 64;

impl Raft {
    pub(super) fn lead(&mut self, now: Mono) {
        self.leader = Some(self.me);
        self.role = Role::Leader(Leader {
            next: BTreeMap::new(),
            matched: BTreeMap::new(),
            acked: BTreeMap::new(),
            since: now,
            blank: self.log.len() + 1,
            heartbeat_at: now,
            reads: Vec::new(),
        });
    }

    pub(super) fn beat(&mut self, now: Mono) {
        if let Role::Leader(leader) = &self.role
            && now >= leader.heartbeat_at
        {
            self.replicate_to_all(now);
        }
    }

    pub(super) fn replicate_to_all(&mut self, now: Mono) {
        let members = self.members();
        for to in members.voters.union(&members.learners) {
            if *to != self.me {
                self.replicate(*to, now);
            }
        }
        if let Role::Leader(leader) = &mut self.role {
            leader.heartbeat_at = now + HEARTBEAT;
        }
    }

    fn replicate(&mut self, to: Id, now: Mono) {
        let end = self.log.len();
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let from = *leader.next.entry(to).or_insert(end + 1);
        let last = end.min(from - 1 + BATCH);
        // Taken for granted until the answer says otherwise.
        leader.next.insert(to, last + 1);
        let message = Message::Append {
            term: self.term,
            prev: (self.term_at(from - 1), from - 1),
            entries: self.log[from - 1..last].to_vec(),
            commit: self.commit,
            sent: now,
        };
        self.send(to, message, false);
    }

    #[expect(clippy::too_many_arguments, reason = "the message's own fields")]
    pub fn appended(
        &mut self,
        now: Mono,
        from: Id,
        term: u64,
        prev: LogId,
        entries: &[Rc<Entry>],
        commit: usize,
        sent: Mono,
        rng: &mut Rng,
    ) {
        if term < self.term {
            let (term, matched) = (self.term, Err(0));
            let answer = Message::AppendAnswer {
                term,
                matched,
                sent,
            };
            return self.send(from, answer, true);
        }
        assert!(
            !(self.is_leader() && term == self.term),
            "two leaders in term {term}"
        );
        if term > self.term || !matches!(self.role, Role::Follower) {
            self.follow(term, now);
            self.voted = Some(from);
            self.dirty = true;
        }
        self.heard_leader(now, from, rng);
        let matched = self.take_in(prev, entries);
        if let Ok(index) = matched {
            self.commit = self.commit.max(commit.min(index));
        }
        let answer = Message::AppendAnswer {
            term: self.term,
            matched,
            sent,
        };
        self.send(from, answer, true);
    }

    fn take_in(&mut self, prev: LogId, entries: &[Rc<Entry>]) -> Result<usize, usize> {
        let (term, index) = prev;
        if index > self.log.len() {
            return Err(self.log.len());
        }
        if self.term_at(index) != term {
            return Err(index - 1);
        }
        for (at, entry) in (index..).zip(entries) {
            match self.log.get(at) {
                Some(known) if known.term == entry.term => continue,
                Some(_) => {
                    assert!(at >= self.commit, "a committed entry is taken back");
                    self.log.truncate(at);
                    self.stable = self.stable.min(at);
                    for pending in &mut self.pending {
                        pending.valid = pending.valid.min(at);
                    }
                }
                None => {}
            }
            self.log.push(Rc::clone(entry));
            self.dirty = true;
        }
        Ok(index + entries.len())
    }

    pub fn append_answered(
        &mut self,
        now: Mono,
        from: Id,
        term: u64,
        matched: Result<usize, usize>,
        sent: Mono,
    ) {
        if term > self.term {
            self.follow(term, now);
            self.dirty = true;
            return;
        }
        if term < self.term {
            return;
        }
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let acked = leader.acked.entry(from).or_insert(sent);
        *acked = (*acked).max(sent);
        match matched {
            Ok(index) => {
                let known = leader.matched.entry(from).or_insert(0);
                *known = (*known).max(index);
                if leader.next.get(&from).is_none_or(|next| *next <= index) {
                    leader.next.insert(from, index + 1);
                }
                self.advance_commit();
                let behind = match &self.role {
                    Role::Leader(leader) => leader.next.get(&from).copied(),
                    Role::Follower | Role::Candidate(_) => None,
                };
                if behind.is_some_and(|next| next <= self.log.len()) {
                    self.replicate(from, now);
                }
            }
            Err(hint) => {
                leader.next.insert(from, hint + 1);
                self.replicate(from, now);
            }
        }
        self.confirm_reads();
    }

    /// An entry of this term on more than half of the disks is committed, and all before it.
    pub(super) fn advance_commit(&mut self) {
        let members = self.members();
        let Role::Leader(leader) = &self.role else {
            return;
        };
        let mut matched: Vec<usize> = members
            .voters
            .iter()
            .map(|id| leader.matched.get(id).copied().unwrap_or(0))
            .collect();
        matched.sort_unstable();
        let Some(at) = matched.len().checked_sub(1) else {
            return;
        };
        let index = matched[at / 2];
        if index > self.commit && self.term_at(index) == self.term {
            self.commit = index;
        }
    }

    /// Begins a linearizable read.
    pub fn read(&mut self, token: u64, now: Mono) {
        let commit = self.commit;
        if let Role::Leader(leader) = &mut self.role {
            leader.reads.push(Read {
                token,
                asked: now,
                index: commit.max(leader.blank),
            });
            self.replicate_to_all(now);
            self.confirm_reads();
        }
    }

    /// A quorum has answered something sent since a read was asked: it may be served.
    fn confirm_reads(&mut self) {
        let members = self.members();
        let me = self.me;
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let acked = &leader.acked;
        let fresh = |asked: Mono| {
            let answered: BTreeSet<Id> = members
                .voters
                .iter()
                .filter(|id| **id == me || acked.get(id).is_some_and(|at| *at >= asked))
                .copied()
                .collect();
            members.is_quorum(&answered)
        };
        let (ready, waiting): (Vec<Read>, Vec<Read>) = std::mem::take(&mut leader.reads)
            .into_iter()
            .partition(|read| fresh(read.asked));
        leader.reads = waiting;
        self.confirmed
            .extend(ready.into_iter().map(|read| (read.token, read.index)));
    }
}
