//! A small Raft with the habits of `src/ledger/`: canvass before election, a leader's lease counted
//! from when a message was sent, standing down, reads by a quorum's fresh answers, an identity for
//! each data folder.
//!
//! ```text
//!  call ─▶ Raft ─┬─▶ image ─▶ disk ─▶ persisted(job) ─▶ what waited for it is sent
//!                └─▶ messages that need no disk ─▶ network
//! ```
//!
//! It is not openraft: that runs on tokio and its own clock, and cannot be repeated. It is what
//! openraft and the keeper promise together; `tests/` of the ledger check that they keep it.
//!
//! Left out: snapshots (a log is kept whole) and joint configurations (one member changes at a time).

mod elect;
mod replicate;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use failoverd::model::{Command, DiskId, Millis, Mono, VoteSheet};

use crate::rng::Rng;

/// A member, by its place in the list.
pub type Id = usize;

pub const HEARTBEAT: Millis = Millis(500);
pub const ELECTION_MIN: Millis = Millis(1_500);
/// The longest election timeout, which is also the lease.
pub const LEASE: Millis = Millis(3_000);

/// Term and index of an entry: what "newer" means.
pub type LogId = (u64, usize);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// The first of each term.
    Blank,
    Command(Command),
    Members(Members),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub term: u64,
    pub payload: Payload,
}

/// Who decides, and who only follows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    pub voters: BTreeSet<Id>,
    pub learners: BTreeSet<Id>,
}

impl Members {
    pub fn is_quorum(&self, of: &BTreeSet<Id>) -> bool {
        self.voters.intersection(of).count() * 2 > self.voters.len()
    }
}

/// Between members: the ledger's messages, and the rounds of votes that share their port.
#[derive(Clone, Debug)]
pub enum Message {
    Canvass {
        round: u64,
        last: LogId,
    },
    CanvassAnswer {
        round: u64,
        yes: bool,
    },
    Vote {
        term: u64,
        last: LogId,
    },
    VoteAnswer {
        term: u64,
        granted: bool,
    },
    Append {
        term: u64,
        prev: LogId,
        entries: Vec<Rc<Entry>>,
        commit: usize,
        /// On the leader's clock; it comes back with the answer.
        sent: Mono,
    },
    AppendAnswer {
        term: u64,
        /// How far the logs agree, or where to try again.
        matched: Result<usize, usize>,
        sent: Mono,
    },
    Pull {
        asked: Mono,
    },
    Sheet {
        sheet: Rc<VoteSheet>,
        asked: Mono,
    },
}

/// What a disk holds of it.
#[derive(Clone, Debug)]
pub struct Image {
    pub disk: DiskId,
    pub term: u64,
    pub voted: Option<Id>,
    pub log: Vec<Rc<Entry>>,
    pub commit: usize,
}

impl Image {
    /// A folder that has just been made.
    pub fn empty(disk: DiskId) -> Self {
        Self {
            disk,
            term: 0,
            voted: None,
            log: Vec::new(),
            commit: 0,
        }
    }
}

#[derive(Debug)]
pub enum Role {
    Follower,
    Candidate(BTreeSet<Id>),
    Leader(Leader),
}

#[derive(Debug)]
pub struct Leader {
    next: BTreeMap<Id, usize>,
    matched: BTreeMap<Id, usize>,
    /// When the newest message was sent that this member has accepted.
    acked: BTreeMap<Id, Mono>,
    since: Mono,
    /// The blank entry of this term: what a read must have seen applied.
    blank: usize,
    heartbeat_at: Mono,
    reads: Vec<Read>,
}

/// A linearizable read under way.
#[derive(Debug)]
struct Read {
    token: u64,
    asked: Mono,
    index: usize,
}

#[derive(Debug)]
struct Canvass {
    round: u64,
    until: Mono,
    yes: BTreeSet<Id>,
}

/// A write on its way to the disk.
#[derive(Debug)]
struct Pending {
    job: u64,
    /// How much of its log is still the log.
    valid: usize,
    then: Vec<(Id, Message)>,
}

#[derive(Debug)]
pub struct Raft {
    pub me: Id,
    pub disk: DiskId,
    pub term: u64,
    pub voted: Option<Id>,
    pub log: Vec<Rc<Entry>>,
    pub commit: usize,
    pub role: Role,
    pub leader: Option<Id>,
    /// How much of the log is on the disk.
    pub stable: usize,
    heard: Option<Mono>,
    elect_at: Mono,
    quiet_until: Mono,
    stood_down_at: Option<Mono>,
    canvass: Option<Canvass>,
    rounds: u64,
    jobs: u64,
    pending: VecDeque<Pending>,
    dirty: bool,
    out: Vec<(Id, Message, bool)>,
    /// Reads that have been confirmed: token and the index that must be applied.
    confirmed: Vec<(u64, usize)>,
}

impl Raft {
    /// Opens what is on the disk.
    pub fn open(me: Id, image: &Image, now: Mono, rng: &mut Rng) -> Self {
        Self {
            me,
            disk: image.disk,
            term: image.term,
            voted: image.voted,
            log: image.log.clone(),
            commit: image.commit,
            role: Role::Follower,
            leader: None,
            stable: image.log.len(),
            // The leader of before may be well, as far as this member knows.
            heard: (image.term > 0).then_some(now),
            elect_at: now + LEASE + jitter(rng),
            quiet_until: now,
            stood_down_at: None,
            canvass: None,
            rounds: 0,
            jobs: 0,
            pending: VecDeque::new(),
            dirty: false,
            out: Vec::new(),
            confirmed: Vec::new(),
        }
    }

    pub fn last(&self) -> LogId {
        (self.log.last().map_or(0, |e| e.term), self.log.len())
    }

    fn term_at(&self, index: usize) -> u64 {
        match index.checked_sub(1) {
            Some(at) => self.log.get(at).map_or(0, |entry| entry.term),
            None => 0,
        }
    }

    /// As the newest entry about them says, committed or not.
    pub fn members(&self) -> Members {
        self.log
            .iter()
            .rev()
            .find_map(|entry| match &entry.payload {
                Payload::Members(members) => Some(members.clone()),
                Payload::Blank | Payload::Command(_) => None,
            })
            .unwrap_or_default()
    }

    /// Whether the newest entry about the members is committed.
    pub fn members_settled(&self) -> bool {
        let newest = self
            .log
            .iter()
            .rposition(|entry| matches!(entry.payload, Payload::Members(_)));
        newest.is_none_or(|at| at < self.commit)
    }

    pub fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    /// Until when this member leads if it hears nobody any more.
    pub fn leads_until(&self, now: Mono) -> Option<Mono> {
        Some(self.acknowledged_at(now)? + LEASE)
    }

    pub fn leads(&self, now: Mono) -> bool {
        self.leads_until(now).is_some_and(|until| now <= until)
    }

    /// When the newest message was sent that a quorum has accepted.
    fn acknowledged_at(&self, now: Mono) -> Option<Mono> {
        let Role::Leader(leader) = &self.role else {
            return None;
        };
        let mut times: Vec<Option<Mono>> = self
            .members()
            .voters
            .iter()
            .map(|id| match *id == self.me {
                true => Some(now),
                false => leader.acked.get(id).copied(),
            })
            .collect();
        times.sort_unstable();
        times.get(times.len().checked_sub(1)? / 2).copied()?
    }

    pub fn hears_leader(&self, now: Mono) -> bool {
        self.heard.is_some_and(|heard| now <= heard + LEASE)
    }

    /// How far that member's log is known to agree.
    pub fn matched(&self, id: Id) -> usize {
        match &self.role {
            Role::Leader(leader) => leader.matched.get(&id).copied().unwrap_or(0),
            Role::Follower | Role::Candidate(_) => 0,
        }
    }

    /// Whether that member has answered within the last lease.
    pub fn has_answered(&self, id: Id, now: Mono) -> bool {
        let Role::Leader(leader) = &self.role else {
            return false;
        };
        id == self.me
            || leader
                .acked
                .get(&id)
                .is_some_and(|at| now.since(*at) <= LEASE)
    }

    /// What must be written, if anything: a job's number and the image.
    pub fn take_image(&mut self) -> Option<(u64, Image)> {
        if !std::mem::take(&mut self.dirty) {
            return None;
        }
        self.jobs += 1;
        self.pending.push_back(Pending {
            job: self.jobs,
            valid: self.log.len(),
            then: Vec::new(),
        });
        let image = Image {
            disk: self.disk,
            term: self.term,
            voted: self.voted,
            log: self.log.clone(),
            commit: self.commit,
        };
        Some((self.jobs, image))
    }

    /// What can be sent now; what needs the disk waits for the last job.
    pub fn take_messages(&mut self) -> Vec<(Id, Message)> {
        let mut now = Vec::new();
        for (to, message, durable) in std::mem::take(&mut self.out) {
            match self.pending.back_mut() {
                Some(pending) if durable => pending.then.push((to, message)),
                Some(_) | None => now.push((to, message)),
            }
        }
        now
    }

    /// Reads whose index is applied by now.
    pub fn take_reads(&mut self, applied: usize) -> Vec<u64> {
        let (ready, waiting) = std::mem::take(&mut self.confirmed)
            .into_iter()
            .partition(|(_, index)| *index <= applied);
        self.confirmed = waiting;
        let ready: Vec<(u64, usize)> = ready;
        ready.into_iter().map(|(token, _)| token).collect()
    }

    /// A write is on the disk; what waited for it may go.
    pub fn persisted(&mut self, job: u64) -> Vec<(Id, Message)> {
        let mut then = Vec::new();
        while self.pending.front().is_some_and(|p| p.job <= job) {
            if let Some(done) = self.pending.pop_front() {
                self.stable = done.valid;
                then.extend(done.then);
            }
        }
        let stable = self.stable;
        let me = self.me;
        if let Role::Leader(leader) = &mut self.role {
            leader.matched.insert(me, stable);
            self.advance_commit();
        }
        then
    }

    fn send(&mut self, to: Id, message: Message, durable: bool) {
        self.out.push((to, message, durable));
    }
}

/// A part of the election timeout, drawn anew for each try.
fn jitter(rng: &mut Rng) -> Millis {
    Millis(rng.between(HEARTBEAT.0 / 2, ELECTION_MIN.0))
}
