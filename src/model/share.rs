//! Regions that serve side by side: who serves, and how much each must carry while others are away.
//!
//! ```text
//!                 accelerator                        weighted records alone
//!  A  peak 6  ──▶ to whoever is nearest: any other   spread by the others' shares
//!                 may get all of it
//!  B  share 30    4 + 6                              4 + ⌈6 · 30 / 50⌉
//!  C  share 20    4 + 6                              4 + ⌈6 · 20 / 50⌉
//! ```
//!
//! Pure arithmetic on the configuration and the replicated state, here because the guards and the
//! planner must come to one result.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AppId, AppRegion, Application, NodegroupRef, RegionId, RunId, RunKind, State, Wall};

/// A Region whose share was taken away.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ShareTaken {
    /// The run that has taken it.
    pub run: RunId,
    pub since: Wall,
    /// Whether that run has executed: until then some of it may be there yet.
    #[serde(default)]
    pub executed: bool,
}

/// A node group that cannot grow to what it would have to carry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Shortfall {
    pub region: RegionId,
    pub nodegroup: NodegroupRef,
    /// Instances that it would need.
    pub needed: u32,
    /// Its recorded maximum; `None` if it was never seen.
    pub max: Option<u32>,
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            region,
            nodegroup,
            needed,
            max,
        } = self;
        write!(f, "{nodegroup} in {region} would need {needed} nodes, ")?;
        match max {
            Some(max) => write!(f, "its maximum is {max}"),
            None => f.write_str("and its maximum was never seen"),
        }
    }
}

impl State {
    /// The Regions of that application whose share was taken away.
    pub fn away(&self, app: &AppId) -> impl Iterator<Item = (&RegionId, &ShareTaken)> {
        self.apps.get(app).into_iter().flat_map(|app| &app.away)
    }

    /// Whether that Region's share was taken away.
    pub fn is_away(&self, app: &AppId, region: &RegionId) -> bool {
        self.away(app).any(|(name, _)| name == region)
    }
}

impl Application {
    /// What failoverd opens by itself where a Region is lost.
    pub fn automatic_kind(&self) -> RunKind {
        if self.is_active_active() {
            RunKind::Shift
        } else {
            RunKind::Failover
        }
    }

    /// The Regions that are meant to serve now, in order of preference; none where one Region serves
    /// at a time.
    pub fn serving<'a>(&'a self, state: &'a State) -> impl Iterator<Item = &'a AppRegion> {
        let side_by_side = self.is_active_active();
        self.sharing()
            .filter(move |region| side_by_side && !state.is_away(&self.name, &region.name))
    }

    /// Instances that the node group of `region` needs for its own users in their busiest hour and for
    /// those of the Regions that are `gone`, while the `carriers` serve; `None` where a peak that this
    /// takes is not configured.
    pub fn load(
        &self,
        region: &AppRegion,
        nodegroup: &NodegroupRef,
        gone: &[&AppRegion],
        carriers: &[&AppRegion],
    ) -> Option<u32> {
        let mut load = u64::from(region.peak(nodegroup)?);
        let shares = || carriers.iter().filter_map(|carrier| carrier.share);
        let total: u64 = shares().map(u64::from).sum();
        for away in gone.iter().filter(|away| away.name != region.name) {
            let groups = &away.resources.nodegroups;
            // A group that has no namesake there carries nothing of this one's.
            let Some(peer) = groups.iter().find(|peer| peer.name == nodegroup.name) else {
                continue;
            };
            let peak = u64::from(away.peak(peer)?);
            // A lowered dial sends each client to its next nearest group (AWS-FACTS, Global
            // Accelerator 10): one receiver may get all of it.
            load += match (self.resources.accelerator_arn.is_some(), region.share) {
                (false, Some(share)) if total > 0 => (peak * u64::from(share)).div_ceil(total),
                (true | false, _) => peak,
            };
        }
        Some(u32::try_from(load).unwrap_or(u32::MAX))
    }

    /// Which of the `carriers`' node groups cannot grow to their [`load`](Self::load), as far as the
    /// peaks are configured and as their sizes were last recorded.
    pub fn shortfalls(
        &self,
        state: &State,
        gone: &[&AppRegion],
        carriers: &[&AppRegion],
    ) -> Vec<Shortfall> {
        let none = BTreeMap::new();
        let recorded = state.apps.get(&self.name).map(|app| &app.capacity);
        let mut short = Vec::new();
        for region in carriers {
            let sizes = recorded.and_then(|sizes| sizes.get(&region.name));
            let sizes = sizes.unwrap_or(&none);
            for nodegroup in &region.resources.nodegroups {
                let Some(needed) = self.load(region, nodegroup, gone, carriers) else {
                    continue;
                };
                let max = sizes.get(&nodegroup.to_string()).map(|seen| seen.value.max);
                if max.is_none_or(|max| max < needed) {
                    short.push(Shortfall {
                        region: region.name.clone(),
                        nodegroup: nodegroup.clone(),
                        needed,
                        max,
                    });
                }
            }
        }
        short
    }
}
