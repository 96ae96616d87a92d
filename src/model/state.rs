//! The replicated state: what must survive. Data only; its one transition function is
//! `run::apply`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    AppId, Audit, DiskId, Drill, DrillId, Drills, Epoch, Evacuation, EvacuationId, LagSample,
    LedgerId, MemberId, Millis, NodegroupSize, RegionId, Run, RunId, Seen, ShareTaken, Traffic,
    Wall,
};

/// Everything the cluster has agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct State {
    /// The ledger's own time: the date of the last command, or later. Never runs backwards, never
    /// stands still: see [`State::date`].
    pub time: Wall,
    /// The date that the last command carried.
    #[serde(default)]
    pub dated_at: Wall,
    pub apps: BTreeMap<AppId, AppState>,
    pub runs: BTreeMap<RunId, Run>,
    /// Closed runs, oldest first; bounded by `run::KEPT_RUNS`.
    pub closed: VecDeque<RunId>,
    pub automation_paused: Option<AutomationPause>,
    /// The data folder each member speaks from. Empty only until the cluster is founded; a member
    /// that was re-admitted is missing until it is first heard again.
    #[serde(default)]
    pub disks: BTreeMap<MemberId, DiskId>,
    /// What people asked, and what came of it.
    #[serde(default)]
    pub audit: Audit,
    /// How this ledger began, if not with a cluster of empty members.
    #[serde(default)]
    pub restored: Option<Restored>,
    /// Regions that are or were to be left; bounded by `run::KEPT_EVACUATIONS`.
    #[serde(default)]
    pub evacuations: BTreeMap<EvacuationId, Evacuation>,
    /// Game days.
    #[serde(default)]
    pub drills: BTreeMap<AppId, Drills>,
}

/// A ledger that began with what another had known. Others may have acted since.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Restored {
    pub how: RestoredHow,
    pub by: String,
    pub reason: String,
    pub at: Wall,
    /// The applications whose epoch was raised above what stands outside. Of the others nothing is
    /// begun or called.
    pub epochs_known: BTreeSet<AppId>,
    /// The data folder it began with.
    #[serde(default)]
    pub disk: Option<DiskId>,
    /// Between which epochs each application's was raised: no run of this ledger has one of them.
    #[serde(default)]
    pub gaps: BTreeMap<AppId, EpochGap>,
}

/// Epochs that a ledger passed over: what stands outside with one of them is another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EpochGap {
    /// The newest that anybody was known to have used,
    pub above: Epoch,
    /// and what it was raised to.
    pub upto: Epoch,
}

impl EpochGap {
    /// Whether somebody else has used that epoch since.
    fn holds(&self, epoch: Epoch) -> bool {
        self.above < epoch && epoch <= self.upto
    }
}

/// How a ledger began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestoredHow {
    /// From a backup.
    Backup,
    /// One member goes on alone from its own folder, after the majority was lost for good.
    ForcedQuorum,
    /// A person's journal, without any cluster.
    BreakGlass,
}

impl fmt::Display for RestoredHow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Backup => "ledger restored from a backup",
            Self::ForcedQuorum => "quorum forced",
            Self::BreakGlass => "break-glass",
        })
    }
}

/// What is agreed about one application.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AppState {
    pub epoch: Epoch,
    /// Where it serves from, if a run has ever moved it; the configured home otherwise.
    pub active: Option<RegionId>,
    pub open_run: Option<RunId>,
    pub last_run: Option<RunId>,
    pub last_closed_at: Option<Wall>,
    /// When the automatic runs of the last day were opened.
    pub automatic_runs: Vec<Wall>,
    pub brake_latched: bool,
    /// An acknowledgement ended the cool-down of the last run.
    pub acknowledged: bool,
    pub quarantined: BTreeMap<RegionId, Wall>,
    pub automation_paused: Option<AutomationPause>,
    /// The newest samples of each secondary, oldest first; bounded by `run::KEPT_LAG_SAMPLES`.
    pub lag: BTreeMap<RegionId, Vec<LagSample>>,
    /// By Region, then by `cluster/name` of the node group.
    pub capacity: BTreeMap<RegionId, BTreeMap<String, Seen<NodegroupSize>>>,
    pub traffic: Option<Seen<Traffic>>,
    /// The Regions that runs have steered open or closed; every other follows its role
    /// ([`Application::open_by_role`](super::Application::open_by_role)).
    #[serde(default)]
    pub steer: BTreeMap<RegionId, bool>,
    /// Of Regions that serve side by side: those whose share was taken away. From the moment its run
    /// is opened, until a `return` has executed or the run has given everything back.
    #[serde(default)]
    pub away: BTreeMap<RegionId, ShareTaken>,
}

/// Why automation stands still.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AutomationPause {
    pub by: String,
    pub reason: String,
    pub since: Wall,
    pub until: Option<Wall>,
}

/// The most that may have passed between two commands as far as their dates tell while the ledger's
/// time is ahead of them: half again the longest time between two recordings. What a clock that was
/// set back and right again seems to have lost is counted no longer than this.
const COUNTED: Millis = Millis::from_mins(15);

impl State {
    /// The ledger's time at a moment that its proposer dates `at`.
    ///
    /// That is the date itself, unless a command of a clock that was ahead has carried the time beyond
    /// it. Then time goes on from there, a tenth slower than the dates, until they have caught up: a
    /// cool-down lasts a tenth longer, and does not wait for a date that is years away.
    ///
    /// ```text
    ///  time    ─────╱·········───▔▔▔  goes on           ╱ the dates' own pace
    ///  dates   ────╱  ╲──────────────────────────▔▔▔▔▔▔▔
    ///              one from the future
    /// ```
    pub fn date(&self, at: Wall) -> Wall {
        let passed = at.since(self.dated_at).min(COUNTED);
        at.max(self.time + Millis(passed.0 - passed.0.div_ceil(10)))
    }

    /// Whether the application's epoch is certainly the newest that this ledger could know of.
    pub fn epoch_is_known(&self, app: &AppId) -> bool {
        self.restored
            .as_ref()
            .is_none_or(|restored| restored.epochs_known.contains(app))
    }

    /// The epoch that stands outside, as last read, if it is newer than the ledger's own: somebody
    /// has acted whom this ledger does not know.
    pub fn overtaken_by(&self, app: &AppId) -> Option<Epoch> {
        let known = self.apps.get(app)?;
        let outside = known.traffic.as_ref()?.value.epoch_of(app)?;
        self.is_anothers(app, outside).then_some(outside)
    }

    /// Whether that epoch, seen outside, is certainly of somebody whom this ledger does not know.
    pub fn is_anothers(&self, app: &AppId, outside: Epoch) -> bool {
        let own = self.apps.get(app).map_or(Epoch(0), |known| known.epoch);
        let gaps = self.restored.as_ref().map(|restored| &restored.gaps);
        let gap = gaps.and_then(|gaps| gaps.get(app));
        outside > own || gap.is_some_and(|gap| gap.holds(outside))
    }

    /// Which ledger this is the state of; none before it knows a data folder.
    pub fn ledger(&self) -> Option<LedgerId> {
        if self.disks.is_empty() {
            return None;
        }
        let begun = self.restored.as_ref().and_then(|restored| restored.disk);
        Some(begun.map_or(LedgerId::Founded, LedgerId::Begun))
    }

    /// The open run of that application.
    pub fn open_run(&self, app: &AppId) -> Option<&Run> {
        let id = self.apps.get(app)?.open_run.as_ref()?;
        self.runs.get(id)
    }

    /// The game day of that application that is under way.
    pub fn open_drill(&self, app: &AppId) -> Option<&Drill> {
        self.drills.get(app)?.open.as_ref()
    }

    /// The game day of that name.
    pub fn drill(&self, id: &DrillId) -> Option<&Drill> {
        let mut all = self.drills.values().flat_map(Drills::newest_first);
        all.find(|drill| &drill.id == id)
    }

    /// Why automation of that application stands still at `now`, if it does.
    pub fn automation_pause(&self, app: &AppId, now: Wall) -> Option<&AutomationPause> {
        let own = self
            .apps
            .get(app)
            .and_then(|a| a.automation_paused.as_ref());
        [self.automation_paused.as_ref(), own]
            .into_iter()
            .flatten()
            .find(|pause| pause.until.is_none_or(|until| now < until))
    }
}
