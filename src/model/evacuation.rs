//! The evacuation of a Region: every application out of it, in waves. Data only: which application's
//! turn it is stands in `run::waves`, who begins its run in `controller::evacuate`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{AppId, EvacuationId, HoldReason, RegionId, RunId, State, Wall};

/// Where an application stands in the order of an evacuation, as configured. It decides nothing
/// else, and no vote is cast under it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Precedence {
    /// Lower goes first.
    pub priority: u32,
    /// These move before it does.
    pub depends_on: BTreeSet<AppId>,
}

impl Precedence {
    /// The priority of an application that says none.
    pub const DEFAULT_PRIORITY: u32 = 100;
}

impl Default for Precedence {
    fn default() -> Self {
        Self {
            priority: Self::DEFAULT_PRIORITY,
            depends_on: BTreeSet::new(),
        }
    }
}

/// One application as an evacuation is begun with it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Departure {
    pub application: AppId,
    pub priority: u32,
    /// Of the applications in this evacuation.
    pub depends_on: BTreeSet<AppId>,
    /// Where it is configured to serve from until a run has moved it.
    pub home: RegionId,
}

/// A Region is to be left.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Evacuation {
    pub id: EvacuationId,
    pub region: RegionId,
    pub by: String,
    pub reason: String,
    /// The most of its runs that may be under way at the same time.
    pub parallel: u32,
    /// Whether unreplicated data may be lost where the Region is lost.
    pub allow_data_loss: bool,
    pub begun_at: Wall,
    pub status: EvacuationStatus,
    pub applications: BTreeMap<AppId, Evacuee>,
}

impl Evacuation {
    /// Whether it may still begin runs.
    pub fn is_open(&self) -> bool {
        match self.status {
            EvacuationStatus::Running => true,
            EvacuationStatus::Stopped { .. } | EvacuationStatus::Completed { .. } => false,
        }
    }

    /// Its applications in the order in which they go.
    pub fn in_order(&self) -> Vec<(&AppId, &Evacuee)> {
        let mut all: Vec<_> = self.applications.iter().collect();
        all.sort_by_key(|(name, evacuee)| (evacuee.wave, evacuee.priority, *name));
        all
    }
}

/// Where an evacuation stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "status")]
pub enum EvacuationStatus {
    Running,
    /// Begins nothing new; what is under way is left to its own end.
    Stopped {
        by: String,
        reason: String,
        at: Wall,
    },
    /// Every application serves from elsewhere.
    Completed {
        at: Wall,
    },
}

/// One application of an evacuation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Evacuee {
    /// From 1.
    pub wave: u32,
    pub priority: u32,
    pub depends_on: BTreeSet<AppId>,
    pub home: RegionId,
    pub status: EvacueeStatus,
}

/// Where one application of an evacuation stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "status")]
pub enum EvacueeStatus {
    /// Its turn has not come, or is about to be taken.
    Waiting,
    /// Its turn has come, and something is in the way. It is looked at again and again.
    Held { reason: HoldReason, since: Wall },
    /// Its run is open.
    Running { run: RunId, to: RegionId },
    /// Its run has executed.
    Moved { run: RunId, to: RegionId, at: Wall },
    /// Its run was aborted: a person has taken it out of the evacuation's hands.
    Failed { run: RunId, at: Wall },
    /// It served from elsewhere when the evacuation was begun.
    Elsewhere { region: RegionId },
}

impl State {
    /// The open evacuation of that Region.
    pub fn evacuation_of(&self, region: &RegionId) -> Option<&Evacuation> {
        self.evacuations
            .values()
            .find(|evacuation| evacuation.is_open() && &evacuation.region == region)
    }

    /// Where an application serves from, if a run has ever moved it; `home` otherwise.
    pub fn serves_from<'a>(&'a self, app: &AppId, home: &'a RegionId) -> &'a RegionId {
        let known = self.apps.get(app).and_then(|app| app.active.as_ref());
        known.unwrap_or(home)
    }
}
