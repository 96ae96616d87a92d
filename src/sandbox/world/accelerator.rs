//! Global Accelerator: endpoint groups as configured, and as the edge follows them a while later.

use crate::model::{Millis, RegionId, Wall};
use crate::sandbox::{EndpointSetup, SandboxSetup};

use super::Refusal;

/// One endpoint group.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Group {
    pub(in crate::sandbox) arn: String,
    pub(in crate::sandbox) region: RegionId,
    pub(in crate::sandbox) dial: f64,
    pub(in crate::sandbox) endpoints: Vec<EndpointSetup>,
}

/// The accelerator.
#[derive(Debug)]
pub(in crate::sandbox) struct Accelerator {
    pub(in crate::sandbox) arn: String,
    pub(in crate::sandbox) listener_arn: String,
    pub(in crate::sandbox) created: Wall,
    pub(in crate::sandbox) modified: Wall,
    pub(in crate::sandbox) deployed_at: Wall,
    last_update: Option<Wall>,
    pub(in crate::sandbox) groups: Vec<Group>,
    effective: Vec<Group>,
}

/// What an update asks for; absent means unchanged.
#[derive(Clone, Debug, Default)]
pub(in crate::sandbox) struct GroupUpdate {
    pub(in crate::sandbox) dial: Option<f64>,
    /// Replaces the list. Absent settings of an endpoint take AWS's defaults.
    pub(in crate::sandbox) endpoints: Option<Vec<EndpointSetup>>,
}

impl Accelerator {
    pub(super) fn new(setup: &SandboxSetup, now: Wall) -> Self {
        let groups: Vec<Group> = setup
            .regions
            .iter()
            .map(|region| Group {
                arn: region.endpoint_group_arn.clone(),
                region: region.name.clone(),
                dial: f64::from(region.dial_percent),
                endpoints: region.endpoints.clone(),
            })
            .collect();
        // Made some time ago: nobody's first act.
        let created = now - Millis::from_mins(60 * 24 * 90);
        Self {
            arn: setup.accelerator.arn.clone(),
            listener_arn: setup.accelerator.listener_arn.clone(),
            created,
            modified: created,
            deployed_at: created,
            last_update: None,
            effective: groups.clone(),
            groups,
        }
    }

    /// `DEPLOYED` or `IN_PROGRESS`.
    pub(in crate::sandbox) fn status(&self, now: Wall) -> &'static str {
        if self.deployed_at <= now {
            "DEPLOYED"
        } else {
            "IN_PROGRESS"
        }
    }

    pub(in crate::sandbox) fn group(&self, arn: &str) -> Result<&Group, Refusal> {
        self.groups
            .iter()
            .find(|group| group.arn == arn)
            .ok_or_else(|| no_group(arn))
    }

    pub(in crate::sandbox) fn update(
        &mut self,
        arn: &str,
        update: GroupUpdate,
        now: Wall,
        deploy: Millis,
        transaction: Millis,
    ) -> Result<Group, Refusal> {
        if let Some(dial) = update.dial
            && !(0.0..=100.0).contains(&dial)
        {
            return Err(Refusal::bad(
                "InvalidArgumentException",
                format!("TrafficDialPercentage {dial} is not between 0 and 100"),
            ));
        }
        let group = self
            .groups
            .iter_mut()
            .find(|group| group.arn == arn)
            .ok_or_else(|| no_group(arn))?;
        if let Some(last) = self.last_update
            && now.since(last) < transaction
        {
            return Err(Refusal::bad(
                "TransactionInProgressException",
                "There's already a transaction in progress. Another transaction can't be processed.",
            ));
        }
        if let Some(dial) = update.dial {
            group.dial = dial;
        }
        if let Some(endpoints) = update.endpoints {
            group.endpoints = endpoints;
        }
        self.last_update = Some(now);
        self.modified = now;
        self.deployed_at = now + deploy;
        Ok(group.clone())
    }

    /// The edge follows what was configured when `written` was taken.
    pub(super) fn deploy(&mut self, written: Group) {
        if let Some(group) = self.effective.iter_mut().find(|g| g.arn == written.arn) {
            *group = written;
        }
    }

    pub(super) fn effective(&self) -> &[Group] {
        &self.effective
    }

    /// Where a new connection goes. `roll` is 0-99.
    pub(super) fn route(
        &self,
        nearest: &RegionId,
        roll: u8,
        healthy: impl Fn(&RegionId) -> bool,
    ) -> Option<RegionId> {
        let mut groups: Vec<&Group> = self
            .effective
            .iter()
            .filter(|group| group.weight() > 0)
            .collect();
        // The rest keep the order of preference: the next nearest.
        groups.sort_by_key(|group| &group.region != nearest);
        let (alive, dead): (Vec<&Group>, Vec<&Group>) =
            groups.iter().partition(|group| healthy(&group.region));
        let by_dial = spread(&alive, roll);
        by_dial
            // Health failover ignores the dial: 0 is not off.
            .or_else(|| alive.first().copied())
            // Nobody is healthy: fail open, first to those that are dialled in.
            .or_else(|| spread(&dead, roll))
            .or_else(|| dead.first().copied())
            .map(|group| group.region.clone())
    }
}

impl Group {
    /// The sum over its endpoints.
    pub(in crate::sandbox) fn weight(&self) -> u32 {
        self.endpoints.iter().map(|e| u32::from(e.weight)).sum()
    }
}

/// Each group keeps its dial's share of what reaches it and hands on the rest. What nobody kept
/// goes to the nearest that is dialled in at all.
fn spread<'a>(groups: &[&'a Group], roll: u8) -> Option<&'a Group> {
    // In percent of what reaches the group.
    let mut left = f64::from(roll);
    for group in groups {
        if left < group.dial {
            return Some(group);
        }
        if group.dial < 100.0 {
            left = (left - group.dial) * 100.0 / (100.0 - group.dial);
        }
    }
    groups.iter().find(|group| group.dial > 0.0).copied()
}

fn no_group(arn: &str) -> Refusal {
    Refusal::bad(
        "EndpointGroupNotFoundException",
        format!("The endpoint group {arn} does not exist"),
    )
}
