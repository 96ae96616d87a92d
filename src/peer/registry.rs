//! Who is in the member list, who of them is here, and how they are doing.
//!
//! Invariant: all connections of one member, in both directions, are of one life of it. A second life
//! gets in only when the first one does not answer any more.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::frame::Frame;
use super::traffic::Meter;
use super::{Channel, PeerFault, PeerIdentity, PeerMember, PeerStatus, Refusal, host_time};
use crate::model::{BootId, MemberId};

/// Round trips that are remembered for the worst of them: four channels' pings of half a minute.
const ROUND_TRIPS: usize = 128;

/// Which side opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Direction {
    Outgoing,
    Incoming,
}

/// Every other member.
#[derive(Debug)]
pub(super) struct Registry {
    members: Mutex<BTreeMap<MemberId, Entry>>,
    nonce: AtomicU64,
    liveness: Duration,
    /// Refusals that this side has spoken, by code.
    refusals: Mutex<BTreeMap<String, u64>>,
}

#[derive(Debug)]
struct Entry {
    address: String,
    /// Of the life that has links, or that had the last ones.
    identity: Option<PeerIdentity>,
    links: BTreeMap<(Direction, Channel), Link>,
    /// The highest ping that came back, of any link.
    ponged: watch::Sender<u64>,
    last_heard: Option<Instant>,
    fault: Option<(String, String, Instant)>,
    refuses: Option<Refusal>,
    round_trips: VecDeque<Duration>,
    /// Of both directions' connections; kept while there are none.
    meters: BTreeMap<Channel, Arc<Meter>>,
    /// Rung when a life of it was let in: whoever waits to dial it need not wait.
    arrived: Arc<Notify>,
}

#[derive(Debug)]
struct Link {
    serial: u64,
    control: Control,
}

/// What others may do to a connection.
#[derive(Clone, Debug)]
pub(super) struct Control {
    /// Frames that overtake all others: pings.
    urgent: mpsc::Sender<Frame>,
    closing: CancellationToken,
    reason: Arc<OnceLock<Refusal>>,
}

impl Control {
    /// For a connection that reads `urgent` and ends with `closing`'s child token.
    pub fn new(urgent: mpsc::Sender<Frame>, stop: &CancellationToken) -> Self {
        Self {
            urgent,
            closing: stop.child_token(),
            reason: Arc::default(),
        }
    }

    /// Sends a frame before all others; if even those are stuck, not at all.
    pub fn urgent(&self, frame: Frame) {
        let _ = self.urgent.try_send(frame);
    }

    /// Ends the connection; the other side is told why.
    pub fn close(&self, reason: Refusal) {
        // The first reason stands.
        let _ = self.reason.set(reason);
        self.closing.cancel();
    }

    /// Waits until it is to end; why.
    pub async fn closed(&self) -> Refusal {
        self.closing.cancelled().await;
        self.reason.get().cloned().unwrap_or(Refusal::ShuttingDown)
    }
}

impl Entry {
    /// A life of the member that is here and is not this one.
    fn other_life(&self, identity: &PeerIdentity) -> Option<BootId> {
        let present = self.identity.as_ref()?.boot;
        (present != identity.boot && !self.links.is_empty()).then_some(present)
    }
}

impl Registry {
    pub fn new(liveness: Duration) -> Self {
        Self {
            members: Mutex::default(),
            nonce: AtomicU64::new(1),
            liveness,
            refusals: Mutex::default(),
        }
    }

    /// Whether it is in the member list.
    pub fn knows(&self, member: &MemberId) -> bool {
        self.lock().contains_key(member)
    }

    /// Takes a member in, or its new address.
    pub fn add(&self, peer: &PeerMember) {
        self.lock()
            .entry(peer.id.clone())
            .or_insert_with(|| Entry {
                address: String::new(),
                identity: None,
                links: BTreeMap::new(),
                ponged: watch::Sender::new(0),
                last_heard: None,
                fault: None,
                refuses: None,
                round_trips: VecDeque::new(),
                meters: Channel::ALL.map(|channel| (channel, Arc::default())).into(),
                arrived: Arc::default(),
            })
            .address
            .clone_from(&peer.address);
    }

    /// Takes a member out and closes its connections.
    pub fn remove(&self, member: &MemberId) {
        self.close(member, &unknown(member));
        self.lock().remove(member);
    }

    /// Closes every connection of a member.
    pub fn close(&self, member: &MemberId, reason: &Refusal) {
        if let Some(entry) = self.lock().get(member) {
            for link in entry.links.values() {
                link.control.close(reason.clone());
            }
        }
    }

    /// Closes every connection of everybody.
    pub fn close_all(&self, reason: &Refusal) {
        for entry in self.lock().values() {
            for link in entry.links.values() {
                link.control.close(reason.clone());
            }
        }
    }

    /// Lets a connection in, or refuses it because another life of the member is here. A later
    /// connection of the same life and kind replaces the earlier one.
    pub async fn enter(
        self: &Arc<Self>,
        identity: &PeerIdentity,
        direction: Direction,
        channel: Channel,
        control: Control,
    ) -> Result<Entered, Refusal> {
        loop {
            self.only_life(identity).await?;
            let mut members = self.lock();
            let Some(entry) = members.get_mut(&identity.member) else {
                return Err(unknown(&identity.member));
            };
            // Another one may have come meanwhile.
            if entry.other_life(identity).is_none() {
                return Ok(self.admit(entry, identity, direction, channel, control));
            }
        }
    }

    /// Refuses a life of a member while another one is here and answers; one that does not answer
    /// any more is forgotten.
    pub async fn only_life(&self, identity: &PeerIdentity) -> Result<(), Refusal> {
        loop {
            let (mut ponged, present) = {
                let members = self.lock();
                let Some(entry) = members.get(&identity.member) else {
                    return Err(unknown(&identity.member));
                };
                match entry.other_life(identity) {
                    Some(present) => (entry.ponged.subscribe(), present),
                    None => return Ok(()),
                }
            };
            let nonce = self.next_nonce();
            self.ping_all(&identity.member, nonce);
            let answered =
                tokio::time::timeout(self.liveness, ponged.wait_for(|highest| *highest >= nonce))
                    .await;
            match answered {
                Ok(Ok(_)) => {
                    return Err(Refusal::DuplicateId {
                        member: identity.member.clone(),
                        present,
                        refused: identity.boot,
                    });
                }
                // The member was taken out of the list meanwhile: the next round says so.
                Ok(Err(_)) => {}
                Err(_elapsed) => self.forget(&identity.member, present),
            }
        }
    }

    fn admit(
        self: &Arc<Self>,
        entry: &mut Entry,
        identity: &PeerIdentity,
        direction: Direction,
        channel: Channel,
        control: Control,
    ) -> Entered {
        let first = entry.links.is_empty();
        if direction == Direction::Outgoing {
            // It has said welcome. One that dials here and then hangs up has not.
            entry.refuses = None;
        }
        entry.identity = Some(identity.clone());
        let serial = self.next_nonce();
        let replaced = entry.links.insert(
            (direction, channel),
            Link {
                serial,
                control: control.clone(),
            },
        );
        if let Some(replaced) = replaced {
            replaced.control.close(Refusal::Other {
                code: "replaced".to_owned(),
                message: "a later connection took its place".to_owned(),
            });
        }
        if first {
            tracing::info!(peer = %identity.member, boot = %identity.boot, version = identity.version, "member is here");
            if direction == Direction::Incoming {
                entry.arrived.notify_waiters();
            }
        }
        Entered {
            registry: Arc::clone(self),
            member: identity.member.clone(),
            key: (direction, channel),
            serial,
            control,
            first,
            meter: entry.meters.entry(channel).or_default().clone(),
        }
    }

    /// A life that does not answer: its connections end.
    fn forget(&self, member: &MemberId, boot: BootId) {
        if let Some(entry) = self.lock().get_mut(member)
            && entry.identity.as_ref().is_some_and(|i| i.boot == boot)
        {
            for link in std::mem::take(&mut entry.links).into_values() {
                link.control.close(Refusal::Other {
                    code: "superseded".to_owned(),
                    message: "it did not answer, and a later life of it took its place".to_owned(),
                });
            }
        }
    }

    fn ping_all(&self, member: &MemberId, nonce: u64) {
        if let Some(entry) = self.lock().get(member) {
            for link in entry.links.values() {
                link.control.urgent(Frame::Ping(nonce));
            }
        }
    }

    /// A number for a ping.
    pub fn next_nonce(&self) -> u64 {
        self.nonce.fetch_add(1, Ordering::Relaxed)
    }

    /// Rung when the member was let in.
    pub fn arrived(&self, member: &MemberId) -> Option<Arc<Notify>> {
        self.lock().get(member).map(|e| Arc::clone(&e.arrived))
    }

    /// Something went wrong with a member.
    pub fn fault(&self, member: &MemberId, code: &str, message: &str) {
        if let Some(entry) = self.lock().get_mut(member) {
            entry.fault = Some((code.to_owned(), message.to_owned(), host_time::now()));
        }
    }

    /// A member did not let this one in.
    pub fn refused_by(&self, member: &MemberId, refusal: &Refusal) {
        if let Some(entry) = self.lock().get_mut(member) {
            entry.refuses = Some(refusal.clone());
        }
    }

    /// This side refused somebody.
    pub fn count(&self, refusal: &Refusal) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        *refusals.entry(refusal.code().to_owned()).or_default() += 1;
    }

    pub fn refusals(&self) -> BTreeMap<String, u64> {
        self.refusals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub fn status(&self) -> Vec<PeerStatus> {
        let now = host_time::now();
        self.lock()
            .iter()
            .map(|(member, entry)| {
                let of = |wanted: Direction| -> BTreeSet<Channel> {
                    let links = entry.links.keys();
                    links
                        .filter(|(direction, _)| *direction == wanted)
                        .map(|(_, channel)| *channel)
                        .collect()
                };
                let outgoing = of(Direction::Outgoing);
                PeerStatus {
                    member: member.clone(),
                    address: entry.address.clone(),
                    connected: outgoing.len() == Channel::ALL.len(),
                    outgoing,
                    incoming: of(Direction::Incoming),
                    last_heard: entry.last_heard.map(|at| now.duration_since(at)),
                    identity: entry.identity.clone(),
                    refuses: entry.refuses.clone(),
                    last_error: entry.fault.as_ref().map(|(code, message, at)| PeerFault {
                        code: code.clone(),
                        message: message.clone(),
                        ago: now.duration_since(*at),
                    }),
                    round_trip: entry.round_trips.back().copied(),
                    round_trip_worst: entry.round_trips.iter().max().copied(),
                    traffic: entry
                        .meters
                        .iter()
                        .map(|(channel, meter)| (*channel, meter.read()))
                        .collect(),
                }
            })
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<MemberId, Entry>> {
        // Nothing under the lock can panic half-way.
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unknown(member: &MemberId) -> Refusal {
    Refusal::UnknownMember {
        member: member.clone(),
    }
}

/// A connection that was let in, for as long as this lives.
#[derive(Debug)]
pub(super) struct Entered {
    registry: Arc<Registry>,
    member: MemberId,
    key: (Direction, Channel),
    serial: u64,
    pub control: Control,
    /// Whether it is the member's first one.
    pub first: bool,
    /// What passes is counted here.
    pub meter: Arc<Meter>,
}

impl Entered {
    /// Something came.
    pub fn heard(&self) {
        if let Some(entry) = self.registry.lock().get_mut(&self.member) {
            entry.last_heard = Some(host_time::now());
        }
    }

    /// A ping came back.
    pub fn ponged(&self, nonce: u64, round_trip: Duration) {
        if let Some(entry) = self.registry.lock().get_mut(&self.member) {
            entry.ponged.send_if_modified(|highest| {
                std::mem::replace(highest, nonce.max(*highest)) < nonce
            });
            // A ping behind a chunk of megabytes tells nothing about the way.
            if self.key.1 != Channel::Snapshot {
                if entry.round_trips.len() == ROUND_TRIPS {
                    entry.round_trips.pop_front();
                }
                entry.round_trips.push_back(round_trip);
            }
        }
    }

    /// A number for a ping.
    pub fn next_nonce(&self) -> u64 {
        self.registry.next_nonce()
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut members = self.registry.lock();
        if let Some(entry) = members.get_mut(&self.member)
            && entry
                .links
                .get(&self.key)
                .is_some_and(|link| link.serial == self.serial)
        {
            entry.links.remove(&self.key);
            if entry.links.is_empty() {
                tracing::info!(peer = %self.member, "member is gone");
            }
        }
    }
}
