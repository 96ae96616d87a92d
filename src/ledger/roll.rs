//! Who is who: the data folder each member speaks from, when it was last heard, what it said of
//! itself.
//!
//! What is agreed stands in the replicated state; the rest here is soft and starts empty with every
//! process, but for what the cluster was formed with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use openraft::Vote;

use crate::model::{BootId, DiskId, DiskMark, LedgerId, MemberId};

use super::error::{NotAdmitted, PutBack, ServeError, WipedDisk};
use super::formation::{self, Formation, HelloBody, OwnFolder, readmit_command};
use super::host::since_boot;
use super::marks::Marks;
use super::store::SCHEMA;
use super::types::NodeId;
use super::view::ViewSender;

#[derive(Debug)]
pub(super) struct Roll {
    pub(super) own: MemberId,
    pub(super) disk: DiskId,
    pub(super) configured: BTreeSet<MemberId>,
    lease: Duration,
    view: ViewSender,
    marks: Arc<Marks>,
    soft: Mutex<Soft>,
}

#[derive(Debug, Default)]
struct Soft {
    /// Counts until the log says more.
    formed_with: BTreeMap<MemberId, DiskId>,
    hellos: BTreeMap<MemberId, HelloBody>,
    /// The data folder that each member last presented itself with, let in or not. A hello that was
    /// heard before may be of a folder that is lost since.
    presented: BTreeMap<MemberId, DiskId>,
    /// When each member was last heard, since the host's start.
    contacts: BTreeMap<MemberId, Duration>,
    /// When a leader's message was last accepted here.
    leader_heard: Option<Duration>,
    /// The newest message of this leader that each member has accepted: whose vote it carried, and
    /// when it was sent.
    acknowledged: BTreeMap<MemberId, (Vote<NodeId>, Duration)>,
    pristine: bool,
    /// This folder was put back in time, as another member says.
    put_back: Option<PutBack>,
}

impl Roll {
    pub(super) fn new(
        own: OwnFolder,
        configured: BTreeSet<MemberId>,
        formed_with: BTreeMap<MemberId, DiskId>,
        lease: Duration,
        view: ViewSender,
        marks: Arc<Marks>,
    ) -> Self {
        Self {
            own: own.member,
            disk: own.disk,
            configured,
            lease,
            view,
            marks,
            soft: Mutex::new(Soft {
                formed_with,
                pristine: own.pristine,
                ..Soft::default()
            }),
        }
    }

    fn soft(&self) -> MutexGuard<'_, Soft> {
        // Every change is a single insertion: a panic leaves nothing half done.
        self.soft.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every data folder on record.
    pub(super) fn disks(&self) -> BTreeMap<MemberId, DiskId> {
        let state = self.view.borrow().state.clone();
        if state.disks.is_empty() {
            self.soft().formed_with.clone()
        } else {
            state.disks.clone()
        }
    }

    /// The data folder that member is known by.
    pub(super) fn disk_of(&self, member: &MemberId) -> Option<DiskId> {
        let state = self.view.borrow().state.clone();
        if state.disks.is_empty() {
            self.soft().formed_with.get(member).copied()
        } else {
            state.disks.get(member).copied()
        }
    }

    pub(super) fn formed_with(&self, disks: BTreeMap<MemberId, DiskId>) {
        self.soft().formed_with = disks;
    }

    /// Whether a message meant for `to` is meant for this data folder.
    pub(super) fn is_me(&self, to: Option<DiskId>) -> bool {
        // The record of a sender that lags may be older than the re-admission of this folder. In a
        // ledger that was begun anew it may also be of the cluster before, whose members know this
        // one by the folder that was lost.
        let lags = !self.is_begun_anew() && self.disk_of(&self.own) == Some(self.disk);
        to == Some(self.disk) || lags
    }

    /// Which ledger this member's state is of.
    pub(super) fn ledger(&self) -> Option<LedgerId> {
        self.view.borrow().state.ledger()
    }

    /// Whether the ledger was restored, or gone on with by one member alone: there may be another.
    pub(super) fn is_begun_anew(&self) -> bool {
        matches!(self.ledger(), Some(LedgerId::Begun(_)))
    }

    /// Says no to a member whose state is of another ledger. Who has none yet may join any.
    pub(super) fn same_ledger(
        &self,
        from: &MemberId,
        theirs: Option<LedgerId>,
    ) -> Result<(), ServeError> {
        match (self.ledger(), theirs) {
            (Some(ours), Some(theirs)) if ours != theirs => Err(ServeError::OtherLedger {
                from: from.clone(),
                theirs,
                ours,
            }),
            (Some(_) | None, Some(_) | None) => Ok(()),
        }
    }

    /// The members who have last said that they are of another ledger.
    pub(super) fn strangers(&self) -> BTreeMap<MemberId, LedgerId> {
        let Some(ours) = self.ledger() else {
            return BTreeMap::new();
        };
        let soft = self.soft();
        let said = soft
            .hellos
            .iter()
            .filter_map(|(member, hello)| Some((member.clone(), hello.ledger?)));
        said.filter(|(_, theirs)| *theirs != ours).collect()
    }

    /// Whether that member, which presents itself with that data folder, may speak.
    pub(super) fn admits(
        &self,
        member: &MemberId,
        disk: DiskId,
        life: Option<(BootId, DiskMark)>,
    ) -> Result<(), NotAdmitted> {
        if *member != self.own {
            self.soft().presented.insert(member.clone(), disk);
        }
        self.check(member, disk)?;
        if let Some((boot, got)) = life {
            let on_record = self.disk_of(member) == Some(disk);
            self.marks
                .present(member, disk, boot, got, on_record)
                .map_err(|known| PutBack::new(member, disk, known, got))?;
        }
        Ok(())
    }

    /// A member was seen to have got so far.
    pub(super) fn saw(&self, member: &MemberId, seen: DiskMark) {
        if let Some(disk) = self.disk_of(member) {
            self.marks.saw(member, disk, seen);
        }
    }

    /// Takes no part from now on. Says whether that is news.
    pub(super) fn set_put_back(&self, how: PutBack) -> bool {
        self.soft().put_back.replace(how).is_none()
    }

    /// Whether this folder was put back in time.
    pub(super) fn put_back(&self) -> Option<PutBack> {
        self.soft().put_back.clone()
    }

    /// The data folder that member speaks from now, as far as it has said.
    pub(super) fn speaks_from(&self, member: &MemberId) -> Option<DiskId> {
        let soft = self.soft();
        let heard = soft.hellos.get(member).map(|hello| hello.disk);
        soft.presented.get(member).copied().or(heard)
    }

    /// Those who present themselves with another data folder than the one on record.
    pub(super) fn wiped(&self) -> Vec<WipedDisk> {
        let known = self.disks();
        let presented = self.soft().presented.clone();
        presented
            .into_iter()
            .filter_map(|(member, got)| {
                let known = *known.get(&member)?;
                (known != got).then(|| WipedDisk {
                    remedy: readmit_command(&member),
                    member,
                    known,
                    got,
                })
            })
            .collect()
    }

    /// Whether this member was of a cluster that has none of its data folders on record any more.
    pub(super) fn is_removed(&self) -> bool {
        let ours = self.ledger();
        let soft = self.soft();
        // Those of another ledger know nothing of this one.
        let alike = soft
            .hellos
            .values()
            .filter(|hello| hello.ledger.is_none() || ours.is_none() || hello.ledger == ours);
        let records = alike.map(|hello| &hello.known);
        let mut records = records.filter(|known| !known.is_empty()).peekable();
        // One that still knows it may only lag; one that does not may as well. All of them together
        // do not.
        !soft.pristine
            && records.peek().is_some()
            && records.all(|known| !known.contains_key(&self.own))
    }

    /// Whether that member may speak from that data folder.
    pub(super) fn check(&self, member: &MemberId, disk: DiskId) -> Result<(), WipedDisk> {
        match self.disk_of(member) {
            // A member that is cut off may have missed a re-admission, and must not shut out the
            // leader that would tell it. Raft is safe all the same: a data folder answers only
            // messages meant for it.
            Some(known) if known != disk && self.is_current() => Err(WipedDisk {
                member: member.clone(),
                known,
                got: disk,
                remedy: readmit_command(member),
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether what is known here is of the last lease.
    fn is_current(&self) -> bool {
        let leads = self.view.borrow().leads();
        leads || self.hears_leader()
    }

    /// Whether a leader was heard within the last lease.
    pub(super) fn hears_leader(&self) -> bool {
        self.leader_heard()
            .is_some_and(|heard| since_boot() <= heard + self.lease)
    }

    /// The lease that all of these keep: a leader with a longer one than its voters would still lead
    /// when they have elected another.
    pub(super) fn lease_among(&self, members: &BTreeSet<MemberId>) -> Duration {
        let soft = self.soft();
        let theirs = members
            .iter()
            .filter_map(|member| soft.hellos.get(member)?.lease_ms)
            .map(Duration::from_millis);
        theirs.chain([self.lease]).min().unwrap_or(self.lease)
    }

    pub(super) fn leader_heard(&self) -> Option<Duration> {
        self.soft().leader_heard
    }

    pub(super) fn set_leader_heard(&self, at: Option<Duration>) {
        self.soft().leader_heard = at;
    }

    /// The member has accepted a message that was sent at that moment under that vote.
    pub(super) fn acknowledge(&self, member: &MemberId, vote: Vote<NodeId>, sent: Duration) {
        let mut soft = self.soft();
        let last = soft.acknowledged.get(member);
        if last.is_none_or(|(last_vote, last_sent)| *last_vote != vote || *last_sent < sent) {
            soft.acknowledged.insert(member.clone(), (vote, sent));
        }
    }

    /// When the newest message was sent that the member has accepted under that vote.
    pub(super) fn acknowledged(&self, member: &MemberId, vote: &Vote<NodeId>) -> Option<Duration> {
        let soft = self.soft();
        let (of, sent) = soft.acknowledged.get(member)?;
        (of == vote).then_some(*sent)
    }

    /// Whether it is known from which data folder each of these speaks.
    pub(super) fn knows_disks_of(&self, members: &BTreeSet<MemberId>) -> bool {
        if !self.view.borrow().state.disks.is_empty() {
            return true;
        }
        let founders = self.founders();
        members.iter().all(|member| founders.contains_key(member))
    }

    /// The data folders the cluster begins with.
    pub(super) fn founders(&self) -> BTreeMap<MemberId, DiskId> {
        let mut disks = self.soft().formed_with.clone();
        disks.entry(self.own.clone()).or_insert(self.disk);
        disks
    }

    pub(super) fn contact(&self, member: &MemberId) {
        self.soft().contacts.insert(member.clone(), since_boot());
    }

    /// How long ago that member was heard.
    pub(super) fn silence_of(&self, member: &MemberId) -> Option<Duration> {
        let at = self.soft().contacts.get(member).copied()?;
        Some(since_boot().saturating_sub(at))
    }

    pub(super) fn set_pristine(&self, pristine: bool) {
        self.soft().pristine = pristine;
    }

    /// Takes in what another says of itself. Returns the data folders that the cluster goes by, if
    /// this member, which has not formed it, learns them just now: it must not forget them.
    pub(super) fn hear(
        &self,
        from: &MemberId,
        hello: HelloBody,
    ) -> Option<BTreeMap<MemberId, DiskId>> {
        if *from == self.own {
            return None;
        }
        if let Some(seen) = hello.mark
            && self.disk_of(from) == Some(hello.disk)
        {
            self.marks.saw(from, hello.disk, seen);
        }
        let mut soft = self.soft();
        soft.contacts.insert(from.clone(), since_boot());
        let news = soft.formed_with.is_empty()
            && !soft.pristine
            && hello.known.get(&self.own) == Some(&self.disk);
        let learned = news.then(|| hello.known.clone());
        if let Some(disks) = &learned {
            soft.formed_with.clone_from(disks);
        }
        soft.hellos.insert(from.clone(), hello);
        learned
    }

    pub(super) fn hello_of(&self, member: &MemberId) -> Option<HelloBody> {
        self.soft().hellos.get(member).cloned()
    }

    /// What is to be done about the cluster.
    pub(super) fn formation(&self) -> Formation {
        if let Some(how) = self.put_back() {
            return Formation::Refuse {
                reason: format!(
                    "this data folder was put back in time: it ended at {}, and had gone to {}",
                    how.got, how.known
                ),
                remedy: how.remedy,
            };
        }
        let hellos = self.soft().hellos.clone();
        formation::decide(&self.own_folder(), &self.configured, &hellos)
    }

    /// The data folders of the members if the cluster is to be formed now: those that everybody has
    /// heard of, not what one of them may say a moment later.
    pub(super) fn to_form_with(&self) -> Option<BTreeMap<MemberId, DiskId>> {
        let hellos = self.soft().hellos.clone();
        let decided = formation::decide(&self.own_folder(), &self.configured, &hellos);
        (decided == Formation::Form).then(|| self.heard_in(&hellos))
    }

    /// The data folders of the configured members, by these hellos.
    fn heard_in(&self, hellos: &BTreeMap<MemberId, HelloBody>) -> BTreeMap<MemberId, DiskId> {
        let mut heard: BTreeMap<MemberId, DiskId> = hellos
            .iter()
            .filter(|(member, _)| self.configured.contains(*member))
            .map(|(member, hello)| (member.clone(), hello.disk))
            .collect();
        heard.insert(self.own.clone(), self.disk);
        heard
    }

    /// What this member says of itself.
    pub(super) fn hello(&self) -> HelloBody {
        let (known, ledger) = (self.disks(), self.ledger());
        let soft = self.soft();
        HelloBody {
            members: self.configured.clone(),
            disk: self.disk,
            pristine: soft.pristine,
            heard: self.heard_in(&soft.hellos),
            // What a member was about to form, and was killed, is no cluster that knows anybody.
            known: if soft.pristine {
                BTreeMap::new()
            } else {
                known
            },
            schema: SCHEMA,
            lease_ms: u64::try_from(self.lease.as_millis()).ok(),
            ledger,
            mark: Some(self.marks.own()),
        }
    }

    pub(super) fn own_folder(&self) -> OwnFolder {
        let pristine = self.soft().pristine;
        OwnFolder {
            member: self.own.clone(),
            disk: self.disk,
            pristine,
            on_record: self.disk_of(&self.own) == Some(self.disk),
        }
    }
}
