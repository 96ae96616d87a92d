//! What changed on the data planes and when: what reports draw and invariants are checked on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{RegionId, Wall};

use super::Fault;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEvent {
    /// World time.
    pub at: Wall,
    pub what: Change,
}

/// What changed. The state at the start is told as changes too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum Change {
    Region {
        region: RegionId,
        up: bool,
    },
    /// A dial as the traffic follows it.
    Dial {
        region: RegionId,
        percent: u8,
    },
    /// The sum of the group's endpoint weights, as the traffic follows it.
    Weight {
        region: RegionId,
        weight: u32,
    },
    /// The weight of the Region's record set of the application's name, as resolvers serve it.
    RecordWeight {
        region: RegionId,
        weight: u8,
    },
    /// Which Region the failover name answers; none: it resolves to nothing.
    DnsAnswer {
        name: String,
        region: Option<RegionId>,
    },
    /// Where writes are taken; more than one is split brain, none a promotion or an outage.
    Writers {
        regions: Vec<RegionId>,
    },
    NodesInService {
        region: RegionId,
        nodegroup: String,
        count: u32,
    },
    FaultInjected {
        fault: Fault,
    },
    FaultCleared {
        fault: Fault,
    },
}

/// Append-only, with the invariants that hold at every instant.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    events: Vec<TimelineEvent>,
    dials: BTreeMap<RegionId, u8>,
    weights: BTreeMap<RegionId, u32>,
    /// From then on the invariants are watched: the world has been told whole.
    complete: bool,
    pub(super) all_dials_zero: bool,
    pub(super) all_weights_zero: bool,
    pub(super) all_record_weights_zero: bool,
    pub(super) unresolvable: bool,
    pub(super) all_controls_off: bool,
    pub(super) two_writers: bool,
}

impl Timeline {
    /// Appends a change and looks at the invariants.
    pub(super) fn push(&mut self, at: Wall, what: Change) {
        match &what {
            Change::Dial { region, percent } => {
                self.dials.insert(region.clone(), *percent);
            }
            Change::Weight { region, weight } => {
                self.weights.insert(region.clone(), *weight);
            }
            Change::DnsAnswer { region: None, .. } => self.unresolvable = true,
            Change::Writers { regions } => self.two_writers |= regions.len() > 1,
            Change::DnsAnswer {
                region: Some(_), ..
            }
            | Change::Region { .. }
            | Change::RecordWeight { .. }
            | Change::NodesInService { .. }
            | Change::FaultInjected { .. }
            | Change::FaultCleared { .. } => {}
        }
        if self.complete {
            self.judge();
        }
        self.events.push(TimelineEvent { at, what });
    }

    /// The state at the start has been told.
    pub(super) fn started(&mut self) {
        self.complete = true;
        self.judge();
    }

    /// The last known change of this kind is not repeated.
    pub(super) fn push_if_new(&mut self, at: Wall, what: Change) {
        let same_kind = |event: &&TimelineEvent| same_subject(&event.what, &what);
        if self.events.iter().rev().find(same_kind).map(|e| &e.what) != Some(&what) {
            self.push(at, what);
        }
    }

    pub(super) fn events(&self) -> Vec<TimelineEvent> {
        self.events.clone()
    }

    fn judge(&mut self) {
        self.all_dials_zero |= !self.dials.is_empty() && self.dials.values().all(|d| *d == 0);
        self.all_weights_zero |= !self.weights.is_empty() && self.weights.values().all(|w| *w == 0);
    }
}

fn same_subject(a: &Change, b: &Change) -> bool {
    match (a, b) {
        (Change::Region { region: a, .. }, Change::Region { region: b, .. })
        | (Change::Dial { region: a, .. }, Change::Dial { region: b, .. })
        | (Change::Weight { region: a, .. }, Change::Weight { region: b, .. })
        | (Change::RecordWeight { region: a, .. }, Change::RecordWeight { region: b, .. }) => {
            a == b
        }
        (Change::DnsAnswer { name: a, .. }, Change::DnsAnswer { name: b, .. }) => a == b,
        (Change::Writers { .. }, Change::Writers { .. }) => true,
        (
            Change::NodesInService {
                region: a,
                nodegroup: n,
                ..
            },
            Change::NodesInService {
                region: b,
                nodegroup: m,
                ..
            },
        ) => a == b && n == m,
        (
            Change::Region { .. }
            | Change::Dial { .. }
            | Change::Weight { .. }
            | Change::RecordWeight { .. }
            | Change::DnsAnswer { .. }
            | Change::Writers { .. }
            | Change::NodesInService { .. }
            | Change::FaultInjected { .. }
            | Change::FaultCleared { .. },
            _,
        ) => false,
    }
}
