//! What can go wrong, each by itself or with others, switched while the world runs.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::model::{Millis, RegionId};

use super::Service;

/// One fault. All stay until cleared, but what somebody else than failoverd does behind its back
/// (`…_changed_by`, `…_raced`): that is done once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "fault", deny_unknown_fields)]
pub enum Fault {
    /// Nothing in the Region answers users or probes; its database stops. Its control planes still
    /// answer: see [`Fault::ControlPlaneGone`].
    RegionDown { region: RegionId },
    /// Every API call that is signed for the Region hangs.
    ControlPlaneGone { region: RegionId },
    /// Packets from one address to one Region are lost.
    PathCut { source: IpAddr, region: RegionId },
    /// `percent` of the service's calls are refused as too many, by the seed; at most `times`.
    Throttle {
        service: Service,
        #[serde(default = "all")]
        percent: u8,
        #[serde(default)]
        times: Option<u32>,
    },
    /// The operation is executed and its reply never arrives, so many times.
    LoseReply {
        service: Service,
        operation: String,
        #[serde(default = "once")]
        times: u32,
        #[serde(default)]
        how: LostReply,
    },
    /// Calls are accepted and never answered nor executed: of one service or all, in one Region or
    /// all.
    HangControlPlane {
        #[serde(default)]
        service: Option<Service>,
        #[serde(default)]
        region: Option<RegionId>,
    },
    /// Calls are answered with that HTTP status and not executed. `code` is the service's own word
    /// for "unavailable" unless given: `ExpiredToken`, `AccessDenied`.
    FailControlPlane {
        service: Service,
        #[serde(default = "unavailable")]
        status: u16,
        #[serde(default)]
        code: Option<String>,
    },
    /// A promotion is accepted and never ends.
    PromotionStuck,
    /// At most so many nodes of each group in the Region come into service.
    NoCapacity { region: RegionId, at_most: u32 },
    /// The replica falls back that far.
    Lag { lag: Millis },
    /// CloudWatch has no datapoint of the lag.
    LagUnknown,
    /// The Region's alarm is raised.
    AlarmRaised { region: RegionId },
    /// A lost Region whose database comes back still taking writes.
    WriterUnfenced { region: RegionId },
    /// The cluster of that Region has no instance: its data is replicated, and nothing could serve it.
    NoInstances { region: RegionId },
    /// The caller's policy does not allow that action, named as in a policy: `rds:FailoverGlobalCluster`.
    Denied { action: String },
    /// The node groups of the Region are `DEGRADED`, though their nodes run.
    NodegroupDegraded { region: RegionId },
    /// The Region's Auto Scaling groups launch nothing: somebody has suspended it.
    LaunchSuspended { region: RegionId },
    /// The accelerator's health checks of the Region's endpoints fail, whatever its users meet.
    EndpointsUnhealthy { region: RegionId },
    /// Somebody changes the TTL of every record set of that name, behind our back.
    RecordChangedBy { name: String, ttl: u64 },
    /// The same, but in the moment before the next batch arrives: no read before the write can see
    /// it, and the batch must fail by itself. Done once.
    RecordRaced { name: String, ttl: u64 },
    /// Somebody has given the control panel a gating rule, and its gate is shut: no routing control
    /// may be set but by whoever overrides the rule.
    RoutingGateShut,
    /// Somebody turns a dial, behind our back. Deployed like any other.
    DialChangedBy { region: RegionId, percent: u8 },
}

/// How a reply is lost.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum LostReply {
    /// The connection is closed.
    #[default]
    Reset,
    /// Nothing comes, and the connection stays open.
    Silence,
}

fn all() -> u8 {
    100
}

fn once() -> u32 {
    1
}

fn unavailable() -> u16 {
    503
}

/// The faults that are on.
#[derive(Debug, Default)]
pub(super) struct Faults {
    active: Vec<Active>,
}

#[derive(Debug)]
struct Active {
    fault: Fault,
    used: u32,
}

/// What the faults make of a call before it is executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    Hang,
    Fail { status: u16, code: Option<String> },
    Throttle,
}

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        if !self.active.iter().any(|active| active.fault == fault) {
            self.active.push(Active { fault, used: 0 });
        }
    }

    /// Whether it was on.
    pub(super) fn remove(&mut self, fault: &Fault) -> bool {
        let before = self.active.len();
        self.active.retain(|active| &active.fault != fault);
        self.active.len() < before
    }

    pub(super) fn list(&self) -> Vec<Fault> {
        self.active.iter().map(|a| a.fault.clone()).collect()
    }

    pub(super) fn any(&self, is: impl Fn(&Fault) -> bool) -> bool {
        self.active.iter().any(|active| is(&active.fault))
    }

    pub(super) fn path_cut(&self, source: IpAddr, region: &RegionId) -> bool {
        self.any(|f| {
            matches!(f, Fault::PathCut { source: from, region: to } if *from == source && to == region)
        })
    }

    pub(super) fn promotion_stuck(&self) -> bool {
        self.any(|f| matches!(f, Fault::PromotionStuck))
    }

    pub(super) fn routing_gate_shut(&self) -> bool {
        self.any(|f| matches!(f, Fault::RoutingGateShut))
    }

    pub(super) fn lag_unknown(&self) -> bool {
        self.any(|f| matches!(f, Fault::LagUnknown))
    }

    pub(super) fn unfenced(&self, region: &RegionId) -> bool {
        self.any(|f| matches!(f, Fault::WriterUnfenced { region: r } if r == region))
    }

    pub(super) fn headless(&self, region: &RegionId) -> bool {
        self.any(|f| matches!(f, Fault::NoInstances { region: r } if r == region))
    }

    pub(super) fn denies(&self, action: &str) -> bool {
        self.any(|f| matches!(f, Fault::Denied { action: a } if a == action))
    }

    pub(super) fn degraded(&self, region: &RegionId) -> bool {
        self.any(|f| matches!(f, Fault::NodegroupDegraded { region: r } if r == region))
    }

    pub(super) fn launch_suspended(&self, region: &RegionId) -> bool {
        self.any(|f| matches!(f, Fault::LaunchSuspended { region: r } if r == region))
    }

    pub(super) fn endpoints_unhealthy(&self, region: &RegionId) -> bool {
        self.any(|f| matches!(f, Fault::EndpointsUnhealthy { region: r } if r == region))
    }

    /// The highest lag that is asked for.
    pub(super) fn lag(&self) -> Option<Millis> {
        let lags = self.active.iter().filter_map(|active| {
            let Fault::Lag { lag } = &active.fault else {
                return None;
            };
            Some(*lag)
        });
        lags.max()
    }

    /// The lowest capacity that is left.
    pub(super) fn capacity(&self, region: &RegionId) -> Option<u32> {
        let capacities = self.active.iter().filter_map(|active| {
            let Fault::NoCapacity { region: r, at_most } = &active.fault else {
                return None;
            };
            (r == region).then_some(*at_most)
        });
        capacities.min()
    }

    /// What stands in the way of a call. `roll` (0-99) decides against a throttle's percent.
    pub(super) fn obstacle(
        &mut self,
        service: Service,
        region: &RegionId,
        mut roll: impl FnMut() -> u8,
    ) -> Option<Obstacle> {
        if self.hangs(service, region) {
            return Some(Obstacle::Hang);
        }
        for active in &mut self.active {
            if let Fault::FailControlPlane {
                service: s,
                status,
                code,
            } = &active.fault
                && *s == service
            {
                return Some(Obstacle::Fail {
                    status: *status,
                    code: code.clone(),
                });
            }
            if let Fault::Throttle {
                service: s,
                percent,
                times,
            } = &active.fault
                && *s == service
                && times.is_none_or(|times| active.used < times)
                && roll() < *percent
            {
                active.used += 1;
                return Some(Obstacle::Throttle);
            }
        }
        None
    }

    /// Whether calls of that service in that Region are never answered.
    pub(super) fn hangs(&self, service: Service, region: &RegionId) -> bool {
        self.control_plane_gone(region)
            || self.any(|fault| {
                matches!(fault, Fault::HangControlPlane { service: s, region: r }
                    if s.is_none_or(|s| s == service) && r.as_ref().is_none_or(|r| r == region))
            })
    }

    /// Whether nothing of the Region's control planes is left.
    pub(super) fn control_plane_gone(&self, region: &RegionId) -> bool {
        self.any(|f| matches!(f, Fault::ControlPlaneGone { region: gone } if gone == region))
    }

    /// Who gets in before the batch that has just arrived; not a second time.
    pub(super) fn take_race(&mut self) -> Option<(String, u64)> {
        let raced = self.active.iter().find_map(|active| match &active.fault {
            Fault::RecordRaced { name, ttl } => Some((name.clone(), *ttl)),
            _ => None,
        })?;
        self.active
            .retain(|active| !matches!(active.fault, Fault::RecordRaced { .. }));
        Some(raced)
    }

    /// Whether the reply of an executed operation is lost; counts it.
    pub(super) fn lose_reply(&mut self, service: Service, operation: &str) -> Option<LostReply> {
        for active in &mut self.active {
            if let Fault::LoseReply {
                service: s,
                operation: o,
                times,
                how,
            } = &active.fault
                && *s == service
                && o == operation
                && active.used < *times
            {
                active.used += 1;
                return Some(*how);
            }
        }
        None
    }
}
