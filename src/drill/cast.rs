//! The members of a drill, the wires between them, and what befalls them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::timeout;

use crate::config::Config;
use crate::controller::{DrillAsk, RunRequest};
use crate::daemon::members::{MemberAct, MemberChange};
use crate::daemon::snapshot::Snapshot;
use crate::daemon::{AskFailed, EvacuationAsk};
use crate::ledger::{self, Beginning};
use crate::model::{
    CommandBody, DrillId, Evacuation, Event, MemberId, RegionId, Rejection, RestoredHow, State,
    Wall,
};
use crate::ports::{Clock, LedgerError};

use super::member::Member;
use super::reigns::{Record, Reign};
use super::scenario::{FaultSpec, Lost, Places, Who};
use super::stage::DrillError;
use super::wires::{Cut, Wires};

/// Real time until a certain member leads: its followers must first miss the leader for a lease, and
/// an election may have to be held twice.
const LEAD_WITHIN: Duration = Duration::from_secs(60);

/// Real time of one try: a lease that must pass, and two elections.
const CANVASS: Duration = Duration::from_secs(5);

/// Real time until all who hear each other must know the same.
const AGREE_WITHIN: Duration = Duration::from_secs(10);

/// Real time between two askings of the same.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// A member's configuration, and the one that differs from everybody's.
pub(super) struct Script {
    pub config: Config,
    pub drifted: Config,
}

/// The members.
pub(super) struct Cast {
    members: Vec<Member>,
    scripts: BTreeMap<MemberId, Script>,
    wires: Wires,
    clock: Arc<dyn Clock>,
    record: Record,
    /// Whom a fault that is on was injected to, by its words: `leader` is somebody else by the time
    /// it is cleared.
    victims: BTreeMap<String, MemberId>,
    /// What is shown while nobody can be asked.
    shown: Option<Arc<Snapshot>>,
}

impl Cast {
    /// Starts every member.
    pub async fn start(
        members: Vec<Member>,
        scripts: BTreeMap<MemberId, Script>,
        wires: Wires,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, DrillError> {
        let mut cast = Self {
            members,
            scripts,
            wires,
            clock,
            record: Record::default(),
            victims: BTreeMap::new(),
            shown: None,
        };
        for index in 0..cast.members.len() {
            cast.begin(index, false).await?;
        }
        Ok(cast)
    }

    async fn begin(&mut self, index: usize, drifted: bool) -> Result<(), DrillError> {
        let member = &mut self.members[index];
        let Some(script) = self.scripts.get(&member.id) else {
            return Err(DrillError::Scenario {
                why: format!("{} has no configuration", member.id),
            });
        };
        let config = if drifted {
            &script.drifted
        } else {
            &script.config
        };
        let listens = member.start(config).await?;
        self.wires.connect(&member.id, Some(listens));
        if let Some(handle) = member.handle() {
            self.record.follow(
                member.id.clone(),
                handle.snapshots(),
                handle.notices(),
                Arc::clone(&self.clock),
            );
        }
        Ok(())
    }

    /// Makes a certain member lead: nobody else's calls arrive until it does.
    pub async fn let_lead(&mut self, region: &RegionId) -> Result<(), DrillError> {
        let wanted = self.in_region(region)?.id.clone();
        let led = timeout(LEAD_WITHIN, async {
            loop {
                while !self.is_founded() {
                    self.record.news.notified().await;
                }
                // The others would not elect it while it knows less than they do: then once more.
                if self.is_leader(&wanted) || self.canvassed(&wanted).await {
                    return;
                }
            }
        });
        led.await.map_err(|_elapsed| DrillError::NotSteady {
            why: format!("the member in {region} does not come to lead"),
        })
    }

    /// Lets nobody but that member be elected for a while; says whether it was.
    async fn canvassed(&mut self, wanted: &MemberId) -> bool {
        let others = self.members.iter().filter(|member| &member.id != wanted);
        let cuts: Vec<Cut> = others.map(|m| Cut::Calls(m.id.clone())).collect();
        for cut in &cuts {
            self.wires.cut(cut.clone());
        }
        let elected = timeout(CANVASS, async {
            while !self.is_leader(wanted) {
                self.record.news.notified().await;
            }
        });
        let elected = elected.await.is_ok();
        for cut in &cuts {
            self.wires.mend(cut);
        }
        elected
    }

    fn is_leader(&self, member: &MemberId) -> bool {
        self.leader().is_some_and(|leader| &leader.id == member)
    }

    /// Whether all know the cluster, and its log knows all of them.
    fn is_founded(&self) -> bool {
        let all = self.members.len();
        let known = self.awake().filter(|(_, s)| s.state.disks.len() == all);
        known.count() == all && self.leader().is_some()
    }

    /// Who leads, of those that run.
    pub fn leader(&self) -> Option<&Member> {
        self.awake()
            .filter_map(|(member, seen)| seen.leads.then_some((member, seen.ledger.term)))
            .max_by_key(|(_, term)| *term)
            .map(|(member, _)| member)
    }

    /// What the leader shows; without one, whoever knows most.
    pub fn snapshot(&mut self) -> Option<Arc<Snapshot>> {
        let best = self
            .awake()
            .map(|(_, seen)| seen)
            .max_by_key(|seen| (seen.leads, seen.ledger.term, seen.state.time))?;
        self.shown = Some(Arc::clone(&best));
        self.shown.clone()
    }

    /// The last that was shown.
    pub fn shown(&self) -> Option<&Arc<Snapshot>> {
        self.shown.as_ref()
    }

    /// What every member that runs knows of the replicated state.
    pub fn states(&self) -> Vec<(MemberId, Arc<State>)> {
        self.awake()
            .map(|(member, seen)| (member.id.clone(), Arc::clone(&seen.state)))
            .collect()
    }

    /// Every member that runs, with what it shows.
    pub fn awake(&self) -> impl Iterator<Item = (&Member, Arc<Snapshot>)> {
        self.members
            .iter()
            .filter(|member| !member.is_frozen())
            .filter_map(|member| {
                let snapshot = Arc::clone(&member.handle()?.snapshots().borrow());
                Some((member, snapshot))
            })
    }

    /// All of them, alive or not.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Whether a member that was to stand still before a call does.
    pub fn anyone_frozen(&self) -> bool {
        self.members.iter().any(Member::is_frozen)
    }

    /// What members have said of themselves.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Who led when.
    pub fn reigns(&self) -> Vec<Reign> {
        self.record.reigns()
    }

    /// Looks whether somebody ended by himself, and whose reign has ended by a freeze.
    pub async fn look_after(&mut self, now: Wall) -> Result<(), DrillError> {
        for member in &mut self.members {
            if member.is_frozen() {
                self.record.leads(&member.id, false, now);
            }
            let ended = member
                .handle()
                .is_some_and(|handle| handle.snapshots().has_changed().is_err());
            if ended {
                let (id, why) = (member.id.clone(), member.ended().await);
                return Err(DrillError::Stopped {
                    why: format!("{id}: {why}"),
                });
            }
        }
        Ok(())
    }

    /// A person asks for a run: the leader, or whoever runs.
    pub async fn request(&self, request: RunRequest) -> Result<(), LedgerError> {
        self.to_ask()?.request(request).await
    }

    /// A person asks for a game day.
    pub async fn begin_drill(
        &self,
        ask: DrillAsk,
    ) -> Result<Result<DrillId, AskFailed>, LedgerError> {
        self.to_ask()?.begin_drill(ask).await
    }

    /// A person's word for the ledger.
    pub async fn command(
        &self,
        body: CommandBody,
    ) -> Result<Result<Event, Rejection>, LedgerError> {
        self.to_ask()?.command(body).await
    }

    /// A person asks that a Region be left.
    pub async fn evacuate(
        &self,
        ask: &EvacuationAsk,
    ) -> Result<Result<Evacuation, Rejection>, LedgerError> {
        self.to_ask()?.evacuate(ask).await
    }

    fn to_ask(&self) -> Result<&Member, LedgerError> {
        let anybody = || self.awake().map(|(member, _)| member).next();
        self.leader()
            .or_else(anybody)
            .ok_or_else(|| LedgerError::Unknown {
                why: "no member runs".to_owned(),
            })
    }

    fn in_region(&self, region: &RegionId) -> Result<&Member, DrillError> {
        let found = self.members.iter().find(|m| &m.region == region);
        found.ok_or_else(|| DrillError::Scenario {
            why: format!("no member is at home in {region}"),
        })
    }

    /// Where the member's probes come from.
    pub fn source(&self, region: &RegionId) -> Result<std::net::IpAddr, DrillError> {
        self.in_region(region).map(|member| member.source)
    }

    /// The member that a fault is about: as it was injected, if it was.
    fn victim(&self, spec: &FaultSpec, who: &Who, places: &Places) -> Result<usize, DrillError> {
        let id = match (self.victims.get(&spec.to_string()), who) {
            (Some(victim), _) => victim.clone(),
            (None, Who::In(place)) => self.in_region(places.region(place))?.id.clone(),
            (None, Who::Leader) => {
                let leader = self.leader().ok_or_else(|| DrillError::Scenario {
                    why: format!("nobody leads to whom this could happen: {spec}"),
                })?;
                leader.id.clone()
            }
        };
        let index = self.members.iter().position(|member| member.id == id);
        index.ok_or_else(|| DrillError::Scenario {
            why: format!("there is no member {id}"),
        })
    }

    /// Does to a member what a scenario names; says to whom.
    pub async fn inject(
        &mut self,
        spec: &FaultSpec,
        who: &Who,
        places: &Places,
    ) -> Result<RegionId, DrillError> {
        let index = self.victim(spec, who, places)?;
        let member = &mut self.members[index];
        let (id, region) = (member.id.clone(), member.region.clone());
        match spec {
            FaultSpec::MemberKilled { .. } => {
                self.wires.connect(&id, None);
                member.kill().await;
            }
            FaultSpec::MemberFrozen {
                before_call: None, ..
            } => member.freeze(),
            FaultSpec::MemberFrozen {
                before_call: Some(action),
                ..
            } => member.cue.give(action),
            FaultSpec::MemberPartitioned { lost, .. } => {
                for cut in partition(&id, *lost) {
                    self.wires.cut(cut);
                }
            }
            FaultSpec::AwsUnreachable { .. } => self.wires.cut(Cut::Aws(id.clone())),
            FaultSpec::ClockStepped { by, back, .. } => {
                member.step.fetch_add(step(by.0, *back), Ordering::SeqCst);
            }
            FaultSpec::ConfigDrifted { .. } => {
                self.wires.connect(&id, None);
                member.kill().await;
                self.begin(index, true).await?;
            }
            spec => return Err(not_a_members(spec)),
        }
        self.victims.insert(spec.to_string(), id);
        Ok(region)
    }

    /// Undoes it; says to whom.
    pub async fn clear(
        &mut self,
        spec: &FaultSpec,
        who: &Who,
        places: &Places,
    ) -> Result<RegionId, DrillError> {
        if !self.victims.contains_key(&spec.to_string()) {
            return Err(DrillError::Scenario {
                why: format!("it clears a fault that is not on: {spec}"),
            });
        }
        let index = self.victim(spec, who, places)?;
        self.victims.remove(&spec.to_string());
        let member = &mut self.members[index];
        let (id, region) = (member.id.clone(), member.region.clone());
        match spec {
            FaultSpec::MemberKilled { .. } => self.begin(index, false).await?,
            FaultSpec::MemberFrozen { .. } => {
                member.cue.take_back();
                member.thaw();
            }
            FaultSpec::MemberPartitioned { lost, .. } => {
                for cut in partition(&id, *lost) {
                    self.wires.mend(&cut);
                }
            }
            FaultSpec::AwsUnreachable { .. } => {
                self.wires.mend(&Cut::Aws(id));
            }
            FaultSpec::ClockStepped { by, back, .. } => {
                member.step.fetch_sub(step(by.0, *back), Ordering::SeqCst);
            }
            FaultSpec::ConfigDrifted { .. } => {
                self.wires.connect(&id, None);
                member.kill().await;
                self.begin(index, false).await?;
            }
            spec => return Err(not_a_members(spec)),
        }
        Ok(region)
    }

    /// Nobody reaches anybody, or everybody again.
    pub fn scatter(&mut self, scattered: bool) {
        let everything = Cut::Path {
            from: None,
            to: None,
        };
        if scattered {
            self.wires.cut(everything);
        } else {
            self.wires.mend(&everything);
        }
    }

    /// Every member dies and its data folder with it. The one in that Region begins a new ledger with
    /// this state, and runs; what it begins with is returned.
    pub async fn restore(
        &mut self,
        on: &RegionId,
        state: State,
        at: Wall,
    ) -> Result<State, DrillError> {
        let failed = |why: String| DrillError::Scenario {
            why: format!("ledger restore: {why}"),
        };
        for index in 0..self.members.len() {
            let member = &mut self.members[index];
            self.wires.connect(&member.id, None);
            member.kill().await;
            let script = self.scripts.get(&member.id);
            if let Some(script) = script {
                std::fs::remove_dir_all(&script.config.node.data_dir)
                    .map_err(|error| failed(error.to_string()))?;
            }
        }
        let id = self.in_region(on)?.id.clone();
        let script = self.scripts.get(&id);
        let dir = script.map(|script| script.config.node.data_dir.clone());
        let dir = dir.ok_or_else(|| failed(format!("{id} has no configuration")))?;
        let beginning = Beginning {
            state,
            how: RestoredHow::Backup,
            by: "drill".to_owned(),
            reason: "every ledger is lost".to_owned(),
            at,
            audit: None,
        };
        ledger::found(&dir, &id, beginning)
            .await
            .map_err(|error| failed(error.to_string()))?;
        let begun = ledger::read(&dir, &id)
            .await
            .map_err(|error| failed(error.to_string()))?;
        let index = self.members.iter().position(|member| member.id == id);
        if let Some(index) = index {
            self.begin(index, false).await?;
        }
        Ok(begun)
    }

    /// Starts everybody but the one in that Region, with empty data folders, and gives each a vote:
    /// asked again until it is done.
    pub async fn join_all(&mut self, but: &RegionId) -> Result<(), DrillError> {
        let others: Vec<usize> = (0..self.members.len())
            .filter(|index| &self.members[*index].region != but)
            .collect();
        for index in others {
            self.begin(index, false).await?;
            let id = self.members[index].id.clone();
            loop {
                let change = MemberChange {
                    act: MemberAct::Add,
                    member: id.clone(),
                    by: "drill".to_owned(),
                };
                let asked = match self.to_ask() {
                    Ok(member) => member.change_members(change).await,
                    Err(error) => Err(error),
                };
                match asked {
                    Ok(Ok(now)) if now.voters.contains(&id) => break,
                    // Not heard yet, not caught up yet, nobody leads just now.
                    Ok(Ok(_) | Err(_)) | Err(_) => tokio::time::sleep(ASK_AGAIN).await,
                }
            }
        }
        Ok(())
    }

    /// Waits until all who hear the same leader know the same, and says who does not.
    pub async fn disagreement(&self) -> Option<String> {
        let agreed = timeout(AGREE_WITHIN, async {
            while self.split().is_some() {
                self.record.news.notified().await;
            }
        });
        match agreed.await {
            Ok(()) => None,
            Err(_elapsed) => self.split(),
        }
    }

    fn split(&self) -> Option<String> {
        let mut by_leader: BTreeMap<MemberId, (MemberId, Arc<State>)> = BTreeMap::new();
        for (member, seen) in self.awake() {
            let quorum = &seen.cluster.quorum;
            let Some(leader) = quorum.leader.clone().filter(|_| quorum.reachable) else {
                continue;
            };
            let first = by_leader
                .entry(leader)
                .or_insert_with(|| (member.id.clone(), Arc::clone(&seen.state)));
            if first.1 != seen.state {
                return Some(format!(
                    "{} and {} do not know the same",
                    first.0, member.id
                ));
            }
        }
        None
    }

    /// Ends every life.
    pub async fn strike(mut self) {
        join_all(self.members.iter_mut().map(Member::kill)).await;
    }
}

fn partition(id: &MemberId, lost: Lost) -> Vec<Cut> {
    let incoming = Cut::Path {
        from: None,
        to: Some(id.clone()),
    };
    let outgoing = Cut::Path {
        from: Some(id.clone()),
        to: None,
    };
    match lost {
        Lost::Both => vec![incoming, outgoing],
        Lost::Incoming => vec![incoming],
        Lost::Outgoing => vec![outgoing],
    }
}

/// In world milliseconds. A drill's steps are far from what this could not hold.
fn step(by: u64, back: bool) -> i64 {
    let by = i64::try_from(by).unwrap_or(i64::MAX);
    if back { -by } else { by }
}

fn not_a_members(spec: &FaultSpec) -> DrillError {
    DrillError::Scenario {
        why: format!("this does not happen to a member: {spec}"),
    }
}
