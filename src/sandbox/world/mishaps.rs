//! Faults as they come and go: what they do to the world at that moment. What they do to calls and
//! packets while they are on stands with the faults themselves.

use crate::model::{Millis, RegionId};

use super::accelerator::GroupUpdate;
use super::state::Event;
use super::{Change, Fault, State};

impl State {
    pub(super) fn inject(&mut self, fault: Fault) {
        let now = self.now;
        self.timeline.push(
            now,
            Change::FaultInjected {
                fault: fault.clone(),
            },
        );
        match &fault {
            Fault::RecordChangedBy { name, ttl } => {
                self.change_ttl(name, *ttl);
                self.tell();
                return;
            }
            Fault::DialChangedBy { region, percent } => {
                let arn = self
                    .accelerator
                    .groups
                    .iter()
                    .find(|group| &group.region == region)
                    .map(|group| group.arn.clone());
                if let Some(arn) = arn {
                    let update = GroupUpdate {
                        dial: Some(f64::from((*percent).min(100))),
                        endpoints: None,
                    };
                    // Nobody waits for the answer; a transaction in progress does not stop it.
                    if let Ok(group) = self.accelerator.update(
                        &arn,
                        update,
                        now,
                        self.delays.accelerator_deploy,
                        Millis::ZERO,
                    ) {
                        self.later(self.delays.accelerator_deploy, Event::GroupDeployed(group));
                    }
                }
                self.tell();
                return;
            }
            Fault::RegionDown { region } => self.region_goes(&region.clone(), false),
            Fault::AlarmRaised { region } => {
                self.alarms.entry(region.clone()).or_insert(now);
            }
            Fault::ControlPlaneGone { .. }
            | Fault::PathCut { .. }
            | Fault::Throttle { .. }
            | Fault::LoseReply { .. }
            | Fault::HangControlPlane { .. }
            | Fault::FailControlPlane { .. }
            | Fault::PromotionStuck
            | Fault::NoCapacity { .. }
            | Fault::Lag { .. }
            | Fault::LagUnknown
            | Fault::NoInstances { .. }
            | Fault::RoutingGateShut
            | Fault::Denied { .. }
            | Fault::NodegroupDegraded { .. }
            | Fault::LaunchSuspended { .. }
            | Fault::EndpointsUnhealthy { .. }
            | Fault::RecordRaced { .. }
            | Fault::WriterUnfenced { .. } => {}
        }
        self.faults.add(fault);
        self.note_lag(now);
        self.tell();
    }

    /// Somebody else edits every record set of that name.
    pub(super) fn change_ttl(&mut self, name: &str, ttl: u64) {
        let name = super::normal_name(name);
        for set in self.dns.records.values_mut().filter(|s| s.name == name) {
            set.ttl = set.ttl.map(|_old| ttl);
        }
        let written = self.dns.records.clone();
        self.later(self.delays.route53_insync, Event::DnsServed(written));
    }

    pub(super) fn clear(&mut self, fault: &Fault) -> bool {
        if !self.faults.remove(fault) {
            return false;
        }
        let now = self.now;
        self.timeline.push(
            now,
            Change::FaultCleared {
                fault: fault.clone(),
            },
        );
        match fault {
            Fault::RegionDown { region } => self.region_goes(region, true),
            Fault::AlarmRaised { region } => {
                self.alarms.remove(region);
            }
            Fault::PromotionStuck => {
                if let Some(number) = self.aurora.promotion.as_ref().map(|p| p.number) {
                    self.later(self.delays.aurora_pending, Event::PromotionEnds(number));
                }
            }
            Fault::NoCapacity { region, .. } => {
                for index in 0..self.nodes.groups.len() {
                    if &self.nodes.groups[index].region == region {
                        self.launch(index);
                    }
                }
            }
            Fault::ControlPlaneGone { .. }
            | Fault::PathCut { .. }
            | Fault::Throttle { .. }
            | Fault::LoseReply { .. }
            | Fault::HangControlPlane { .. }
            | Fault::FailControlPlane { .. }
            | Fault::Lag { .. }
            | Fault::LagUnknown
            | Fault::NoInstances { .. }
            | Fault::RoutingGateShut
            | Fault::Denied { .. }
            | Fault::NodegroupDegraded { .. }
            | Fault::LaunchSuspended { .. }
            | Fault::EndpointsUnhealthy { .. }
            | Fault::WriterUnfenced { .. }
            | Fault::RecordChangedBy { .. }
            | Fault::RecordRaced { .. }
            | Fault::DialChangedBy { .. } => {}
        }
        self.note_lag(now);
        self.tell();
        true
    }

    fn region_goes(&mut self, name: &RegionId, up: bool) {
        let now = self.now;
        let was_writer = &self.aurora.writer().region == name;
        let Some(region) = self.regions.iter_mut().find(|r| &r.name == name) else {
            return;
        };
        if region.up == up {
            return;
        }
        region.up = up;
        let down_since = std::mem::replace(&mut region.down_since, (!up).then_some(now));
        let change = Change::Region {
            region: name.clone(),
            up,
        };
        self.timeline.push(now, change);
        if up
            && was_writer
            && let Some(since) = down_since
        {
            self.aurora.stood_still(now.since(since));
        }
        if up && self.aurora.awaits_rejoin(name) {
            self.later(self.delays.aurora_rejoin, Event::Rejoin(name.clone()));
        }
    }
}
