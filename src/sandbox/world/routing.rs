//! Routing controls: a cluster with one control panel, its two safety rules, and what is on.
//!
//! Every endpoint of the cluster tells and sets the same states: the emulated cluster never disagrees
//! with itself. Which endpoints answer is a matter of faults.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::RegionId;
use crate::sandbox::RoutingSetup;

use super::Refusal;

/// The cluster.
#[derive(Debug)]
pub(in crate::sandbox) struct RoutingControls {
    setup: RoutingSetup,
    states: BTreeMap<String, bool>,
}

impl RoutingControls {
    pub(super) fn new(setup: &RoutingSetup) -> Self {
        let states = setup.controls.iter().enumerate();
        Self {
            setup: setup.clone(),
            states: states
                .map(|(place, (_, arn))| (arn.clone(), place == 0))
                .collect(),
        }
    }

    /// Which are on, by ARN.
    pub(super) fn on(&self) -> BTreeSet<String> {
        let on = self.states.iter().filter(|(_, on)| **on);
        on.map(|(arn, _)| arn.clone()).collect()
    }

    /// Whether the cluster has an endpoint there.
    pub(in crate::sandbox) fn has_endpoint(&self, region: &RegionId) -> bool {
        self.setup.endpoints.contains(region)
    }

    /// Whether that control is on.
    pub(in crate::sandbox) fn is_on(&self, arn: &str) -> Result<bool, Refusal> {
        self.states.get(arn).copied().ok_or_else(|| no_control(arn))
    }

    /// The Region's name and the ARN of each control, in order.
    pub(in crate::sandbox) fn controls(&self) -> &[(RegionId, String)] {
        &self.setup.controls
    }

    /// Sets all of them or none.
    pub(super) fn set(
        &mut self,
        wanted: &[(String, bool)],
        overridden: &[String],
        gate_shut: bool,
    ) -> Result<(), Refusal> {
        let mut next = self.states.clone();
        for (arn, on) in wanted {
            match next.get_mut(arn) {
                Some(state) => *state = *on,
                None => return Err(no_control(arn)),
            }
        }
        let rules = [
            (gate_shut, &self.setup.gating_rule_arn),
            (!next.values().any(|on| *on), &self.setup.assertion_rule_arn),
        ];
        let known = rules.map(|(_, rule)| rule);
        if let Some(other) = overridden.iter().find(|rule| !known.contains(rule)) {
            return Err(Refusal::missing(
                "ResourceNotFoundException",
                format!("Safety rule {other} does not exist"),
            ));
        }
        let broken = rules
            .iter()
            .find(|(broken, rule)| *broken && !overridden.contains(rule));
        if let Some((_, rule)) = broken {
            // The service's own words are not published.
            return Err(Refusal::new(
                409,
                "ConflictException",
                format!("The requested routing control states do not satisfy safety rule {rule}"),
            ));
        }
        self.states = next;
        Ok(())
    }
}

fn no_control(arn: &str) -> Refusal {
    Refusal::missing(
        "ResourceNotFoundException",
        format!("Routing control {arn} does not exist"),
    )
}

/// An account without routing controls has no endpoint to ask.
pub(in crate::sandbox) fn no_cluster() -> Refusal {
    Refusal::new(
        403,
        "AccessDeniedException",
        "There is no cluster with an endpoint here",
    )
}
