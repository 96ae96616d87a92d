//! Several ledgers in one process, over links that can be cut one way or both.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use async_trait::async_trait;
use tempfile::TempDir;

use super::support::{PATIENCE, pause};
use crate::ledger::wire::{self, Call};
use crate::ledger::{
    Formation, Freight, LedgerOptions, LedgerTiming, PeerCallError, PeerCalls, RaftLedger, node_id,
};
use crate::model::{AppId, Event, MemberId, State};
use crate::ports::{Ledger, LedgerError};

/// Between two looks at a condition that nothing announces.
const LOOK: Duration = Duration::from_millis(5);

pub(super) fn timing() -> LedgerTiming {
    LedgerTiming {
        heartbeat: Duration::from_millis(60),
        election_min: Duration::from_millis(200),
        election_max: Duration::from_millis(400),
        deadline: Duration::from_millis(1_500),
    }
}

#[derive(Default)]
pub(super) struct Net {
    running: Mutex<BTreeMap<MemberId, Weak<RaftLedger>>>,
    /// From, to.
    cut: Mutex<BTreeSet<(MemberId, MemberId)>>,
    /// Which messages wait on their way, for as long as it says so.
    held: Mutex<Option<Held>>,
}

/// From, to, what is asked.
type Held = Box<dyn Fn(&MemberId, &MemberId, &Call) -> bool + Send>;

impl Net {
    pub(super) fn cut(&self, from: &MemberId, to: &MemberId) {
        let mut cut = self.cut.lock().expect("whole");
        cut.insert((from.clone(), to.clone()));
    }

    pub(super) fn hold(&self, held: impl Fn(&MemberId, &MemberId, &Call) -> bool + Send + 'static) {
        *self.held.lock().expect("whole") = Some(Box::new(held));
    }

    pub(super) fn heal(&self) {
        self.cut.lock().expect("whole").clear();
        *self.held.lock().expect("whole") = None;
    }

    fn holds(&self, from: &MemberId, to: &MemberId, call: &Call) -> bool {
        let held = self.held.lock().expect("whole");
        held.as_ref().is_some_and(|held| held(from, to, call))
    }

    pub(super) fn passes(&self, from: &MemberId, to: &MemberId) -> bool {
        let cut = self.cut.lock().expect("whole");
        !cut.contains(&(from.clone(), to.clone()))
    }

    fn find(&self, member: &MemberId) -> Option<Arc<RaftLedger>> {
        self.running.lock().expect("whole").get(member)?.upgrade()
    }
}

/// One member's end of the net.
struct Line {
    net: Arc<Net>,
    own: MemberId,
}

#[async_trait]
impl PeerCalls for Line {
    async fn call(
        &self,
        to: &MemberId,
        _freight: Freight,
        body: Vec<u8>,
        within: Duration,
    ) -> Result<Vec<u8>, PeerCallError> {
        let lost = |why: &str| PeerCallError::Unknown(why.to_owned());
        let answer = async {
            if !self.net.passes(&self.own, to) {
                std::future::pending::<()>().await;
            }
            let request = wire::decode_request(&body).expect("a message");
            while self.net.holds(&self.own, to, &request.call) {
                tokio::time::sleep(LOOK).await;
            }
            let Some(ledger) = self.net.find(to) else {
                return Err(PeerCallError::Refused("nobody listens".to_owned()));
            };
            let answer = ledger
                .serve(&self.own, &body)
                .await
                .map_err(|e| PeerCallError::Refused(e.to_string()))?;
            if !self.net.passes(to, &self.own) {
                std::future::pending::<()>().await;
            }
            Ok(answer)
        };
        tokio::time::timeout(within, answer)
            .await
            .unwrap_or_else(|_| Err(lost("nothing came back")))
    }
}

/// A member's data folder outlives its process.
pub(super) struct Cluster {
    pub(super) net: Arc<Net>,
    pub(super) members: BTreeSet<MemberId>,
    folders: TempDir,
    wiped: BTreeMap<MemberId, u32>,
    running: BTreeMap<MemberId, Arc<RaftLedger>>,
}

impl Cluster {
    pub(super) fn new(names: &[&str]) -> Self {
        Self {
            net: Arc::default(),
            members: names.iter().map(|name| MemberId::from(*name)).collect(),
            folders: tempfile::tempdir().expect("a folder"),
            wiped: BTreeMap::new(),
            running: BTreeMap::new(),
        }
    }

    /// Every member running, one cluster, one leader.
    pub(super) async fn formed(names: &[&str]) -> Self {
        let mut cluster = Self::new(names);
        for name in names {
            cluster.start(name).await;
        }
        cluster.form().await;
        cluster
    }

    pub(super) fn folder(&self, member: &MemberId) -> PathBuf {
        let life = self.wiped.get(member).copied().unwrap_or(0);
        self.folders.path().join(format!("{member}-{life}"))
    }

    pub(super) fn options(&self, member: &MemberId) -> LedgerOptions {
        LedgerOptions {
            data_dir: self.folder(member),
            member: member.clone(),
            members: self.members.clone(),
            timing: timing(),
            transition: Arc::new(crate::run::apply),
            peers: Arc::new(Line {
                net: Arc::clone(&self.net),
                own: member.clone(),
            }),
        }
    }

    pub(super) async fn start(&mut self, name: &str) -> Arc<RaftLedger> {
        self.start_as(name, |options| options).await
    }

    pub(super) async fn start_as(
        &mut self,
        name: &str,
        edit: impl FnOnce(LedgerOptions) -> LedgerOptions,
    ) -> Arc<RaftLedger> {
        let member = MemberId::from(name);
        let ledger = RaftLedger::start(edit(self.options(&member))).await;
        let ledger = Arc::new(ledger.expect("starts"));
        let mut listening = self.net.running.lock().expect("whole");
        listening.insert(member.clone(), Arc::downgrade(&ledger));
        drop(listening);
        self.running.insert(member, Arc::clone(&ledger));
        ledger
    }

    /// As `kill -9` would: nothing is said, nothing is finished.
    pub(super) async fn kill(&mut self, name: &str) {
        let member = MemberId::from(name);
        let ledger = self.running.remove(&member).expect("runs");
        self.net.running.lock().expect("whole").remove(&member);
        let end = ledger.stopped();
        drop(ledger);
        let ended = tokio::time::timeout(PATIENCE, end).await;
        ended.expect("ends, unless the test still holds it");
    }

    /// The next start finds an empty folder.
    pub(super) fn wipe(&mut self, name: &str) {
        *self.wiped.entry(MemberId::from(name)).or_default() += 1;
    }

    pub(super) fn get(&self, name: &str) -> Arc<RaftLedger> {
        Arc::clone(&self.running[&MemberId::from(name)])
    }

    pub(super) fn running(&self) -> impl Iterator<Item = (&MemberId, &Arc<RaftLedger>)> {
        self.running.iter()
    }

    /// One round of hellos, over the links that hold.
    pub(super) fn greet(&self) {
        for (from, speaker) in &self.running {
            for (to, listener) in &self.running {
                if from != to && self.net.passes(from, to) {
                    listener.hear(from, speaker.hello());
                }
            }
        }
    }

    /// Rounds of hellos until everybody is of one cluster and someone leads it.
    pub(super) async fn form(&self) {
        eventually("a cluster is formed", || {
            self.greet();
            self.running
                .values()
                .filter(|ledger| ledger.formation() == Formation::Form)
                .cloned()
                .collect::<Vec<_>>()
                .pop()
                .is_some()
        })
        .await;
        for ledger in self.running.values() {
            if ledger.formation() == Formation::Form {
                ledger.form().await.expect("forms");
            }
        }
        let leader = self.leader().await;
        // On record with everybody: from here on a wiped member is recognised by all.
        let count = self.members.len();
        eventually("the disks are on record", || {
            self.running
                .values()
                .all(|ledger| ledger.state().disks.len() == count)
        })
        .await;
        assert!(leader.quorum().reachable);
    }

    /// The one that leads, when there is one.
    pub(super) async fn leader(&self) -> Arc<RaftLedger> {
        let mut found = None;
        eventually("someone leads", || {
            found = self.running.values().find(|ledger| ledger.leads()).cloned();
            found.is_some()
        })
        .await;
        found.expect("someone leads")
    }

    /// One that does not lead.
    pub(super) fn follower(&self) -> Arc<RaftLedger> {
        let follower = self.running.values().find(|ledger| !ledger.leads());
        Arc::clone(follower.expect("someone follows"))
    }

    pub(super) fn name_of(&self, ledger: &RaftLedger) -> String {
        self.members
            .iter()
            .find(|member| node_id(member) == ledger.node())
            .expect("a member")
            .to_string()
    }

    /// Cuts every link of that member, both ways.
    pub(super) fn isolate(&self, name: &str) {
        let own = MemberId::from(name);
        for other in self.members.iter().filter(|other| **other != own) {
            self.net.cut(&own, other);
            self.net.cut(other, &own);
        }
    }

    /// Everybody that runs has applied the same.
    pub(super) async fn agree(&self) -> Arc<State> {
        let mut state = None;
        eventually("all agree", || {
            let states: BTreeSet<Arc<State>> =
                self.running.values().map(|ledger| ledger.state()).collect();
            state = states.first().cloned();
            states.len() == 1
        })
        .await;
        state.expect("someone runs")
    }

    /// Commits a pause of that application with whoever leads, however often that changes.
    pub(super) async fn commit(&self, app: &str) {
        for at in 0.. {
            let leader = self.leader().await;
            match leader.propose(pause(app, at)).await {
                Ok(answer) => {
                    assert_eq!(answer, Ok(Event::AutomationChanged));
                    return;
                }
                Err(LedgerError::NotLeader | LedgerError::Unknown { .. }) => {}
                Err(error @ LedgerError::Stopped { .. }) => panic!("{error}"),
            }
        }
    }

    pub(super) async fn shut_down(self) {
        for ledger in self.running.values() {
            ledger.shutdown().await;
        }
    }
}

pub(super) fn has(state: &State, app: &str) -> bool {
    state.apps.contains_key(&AppId::from(app))
}

/// Waits for a condition.
pub(super) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let looked = async {
        while !holds() {
            tokio::time::sleep(LOOK).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, looked).await;
    waited.unwrap_or_else(|_| panic!("never: {what}"));
}

/// Watches that never two lead at once.
pub(super) struct Watch {
    over: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<u64>,
}

impl Watch {
    pub(super) fn begin(net: &Arc<Net>) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(watch(Arc::clone(net), Arc::clone(&over)));
        Self { over, task }
    }

    /// Returns how often a leader was seen.
    pub(super) async fn end(self) -> u64 {
        self.over.store(true, Ordering::Release);
        self.task.await.expect("never two lead at once")
    }
}

async fn watch(net: Arc<Net>, over: Arc<AtomicBool>) -> u64 {
    let mut seen = 0;
    while !over.load(Ordering::Acquire) {
        let running: Vec<_> = net
            .running
            .lock()
            .expect("whole")
            .values()
            .cloned()
            .collect();
        let running: Vec<_> = running.iter().filter_map(Weak::upgrade).collect();
        let first = running.iter().find(|ledger| ledger.leads());
        if let Some(first) = first {
            seen += 1;
            let others = running
                .iter()
                .filter(|other| other.node() != first.node() && other.leads());
            for other in others {
                // The first may have stopped while the other began: both must lead now.
                assert!(
                    !(first.leads() && other.leads()),
                    "{first:?} and {other:?} lead at once"
                );
            }
        }
        drop(running);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    seen
}
