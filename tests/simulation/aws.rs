//! AWS as far as the runbooks touch it: one accelerator, one zone, one global database, a node group
//! in each Region. What it was stays known for a while, so that a read can be stale.
//!
//! The judgements mirror `src/actuate/`: the same world must lead to the same goal there and here.

use std::rc::Rc;

use failoverd::model::*;

use crate::product::{self, NAME, SERVING, cluster_arn, place_of, region};

/// Simulated milliseconds since the beginning.
pub type Time = u64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nodes {
    pub min: u32,
    pub desired: u32,
    pub max: u32,
    /// When each instance comes into service.
    pub in_service_from: Vec<Time>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promoting {
    pub to: usize,
    /// Whether data may be lost.
    pub forced: bool,
    /// Tells one promotion from the next.
    pub number: u64,
}

/// The world at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aws {
    pub groups: Vec<EndpointGroup>,
    pub deployed_at: Time,
    pub records: Vec<RecordSet>,
    pub insync_at: Time,
    pub writer: usize,
    pub promoting: Option<Promoting>,
    pub nodes: Vec<Nodes>,
    /// Regions whose own writers have been told to stop.
    pub fenced: Vec<bool>,
}

/// What a request could not reach, or what stands in its way right now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// Regions that are lost, control planes included.
    pub lost: [bool; SERVING],
}

impl Aws {
    /// The first Region serves.
    pub fn at_home() -> Self {
        let record = |at: usize, role| RecordSet {
            name: NAME.to_owned(),
            record_type: "A".to_owned(),
            set_identifier: Some(region(at).to_string()),
            failover: Some(role),
            weight: None,
            ttl: Some(60),
            values: vec![format!("192.0.2.{}", at + 1)],
            alias: None,
            health_check_id: None,
        };
        let group = |at: usize, dial| EndpointGroup {
            dial_percent: dial,
            endpoints: vec![Endpoint {
                id: format!("lb-{at}"),
                weight: 128,
                client_ip_preservation: Some(true),
            }],
        };
        let nodes = |count: u32| Nodes {
            min: 1,
            desired: count,
            max: 10,
            in_service_from: vec![0; count as usize],
        };
        Self {
            groups: vec![group(0, 100), group(1, 0)],
            deployed_at: 0,
            records: vec![
                record(0, FailoverRole::Primary),
                record(1, FailoverRole::Secondary),
            ],
            insync_at: 0,
            writer: 0,
            promoting: None,
            nodes: vec![nodes(6), nodes(2)],
            fenced: vec![false; SERVING],
        }
    }

    /// Whether that endpoint group carries traffic.
    pub fn carries(&self, at: usize) -> bool {
        let group = &self.groups[at];
        group.dial_percent > 0 && group.endpoints.iter().any(|e| e.weight > 0)
    }

    pub fn primary(&self) -> Option<usize> {
        self.records
            .iter()
            .find(|set| set.failover == Some(FailoverRole::Primary))
            .and_then(|set| set.set_identifier.as_deref())
            .map(|name| place_of(&RegionId::from(name)))
    }

    /// The newest epoch that stands in the zone.
    pub fn epoch(&self) -> Option<Epoch> {
        self.records.iter().filter_map(epoch_of).max()
    }

    pub fn size(&self, at: usize, now: Time) -> NodegroupSize {
        let nodes = &self.nodes[at];
        let ready = nodes.in_service_from.iter().filter(|t| **t <= now).count();
        NodegroupSize {
            min: nodes.min,
            desired: nodes.desired,
            max: nodes.max,
            in_service: u32::try_from(ready).expect("a few instances"),
        }
    }

    pub fn traffic(&self) -> Traffic {
        Traffic {
            records: self.records.clone(),
            groups: (0..SERVING)
                .map(|at| (region(at), self.groups[at].clone()))
                .collect(),
            routing: Vec::new(),
        }
    }

    /// Where a user's request ends.
    fn front_door(&self) -> Option<usize> {
        let first = self.primary()?;
        match self.carries(first) {
            true => Some(first),
            false => (0..SERVING).find(|at| self.carries(*at)),
        }
    }

    /// How the world stands to a goal, to somebody who is answered.
    pub fn observe(&self, now: Time, intent: &Intent, truth: &Truth) -> Observation {
        let found = |goal, seen: String| Observation { goal, seen };
        let unobservable = |why: &str| Observation {
            goal: Goal::Unobservable {
                why: why.to_owned(),
            },
            seen: why.to_owned(),
        };
        let deployed = |seen: String| match now < self.deployed_at {
            true => found(Goal::UnderWay, format!("{seen}, IN_PROGRESS")),
            false => found(Goal::Met, seen),
        };
        match intent {
            Intent::Dial {
                region, percent, ..
            } => {
                let dial = self.groups[place_of(region)].dial_percent;
                let seen = format!("dial {dial} %");
                match dial == *percent {
                    true => deployed(seen),
                    false => found(Goal::NotMet, seen),
                }
            }
            Intent::Weight {
                region, endpoints, ..
            } => {
                let group = &self.groups[place_of(region)];
                let stands = |want: &Endpoint| {
                    let mut there = group.endpoints.iter();
                    there.any(|e| e.id == want.id && e.weight == want.weight)
                };
                let seen = format!("weight {}", group.endpoints[0].weight);
                match endpoints.iter().all(stands) {
                    true => deployed(seen),
                    false => found(Goal::NotMet, seen),
                }
            }
            Intent::Route53Failover { .. } => self.observe_flip(now, intent),
            Intent::Route53Weights { .. } => unobservable("this world has no weighted records"),
            Intent::AuroraPromote { target_region, .. } => {
                let target = place_of(target_region);
                let seen = format!("writer in {}", region(self.writer));
                if let Some(promoting) = self.promoting {
                    let seen = format!("{seen}, promoting {}", region(promoting.to));
                    if promoting.to == target {
                        return found(Goal::UnderWay, seen);
                    }
                    let code = "another_promotion".to_owned();
                    let message = format!("a promotion of {} is under way", region(promoting.to));
                    return found(Goal::Impossible { code, message }, seen);
                }
                if self.writer != target {
                    return found(Goal::NotMet, seen);
                }
                match truth.lost[target] {
                    true => unobservable("the target's own status is not told"),
                    false => found(Goal::Met, seen),
                }
            }
            Intent::ScaleNodegroup {
                region,
                min,
                desired,
                max,
                ready,
                min_ready,
                ..
            } => {
                let at = place_of(region);
                if truth.lost[at] {
                    return unobservable("EKS does not answer");
                }
                let size = self.size(at, now);
                let seen = format!("{} of {} InService", size.in_service, desired);
                let goal = if size.min < *min || size.desired < *desired || size.max < *max {
                    Goal::NotMet
                } else if size.in_service >= *ready {
                    Goal::Met
                } else if min_ready.is_some_and(|enough| size.in_service >= enough) {
                    Goal::PartlyMet
                } else {
                    Goal::UnderWay
                };
                found(goal, seen)
            }
            Intent::HttpCheck { expect_region, .. } => {
                let Some(at) = self.front_door().filter(|at| !truth.lost[*at]) else {
                    return unobservable("no answer from the front door");
                };
                let seen = format!("answered from {}", region(at));
                let wanted = expect_region.as_ref().map(place_of);
                match wanted.is_none_or(|w| w == at) && self.writer == at {
                    true => found(Goal::Met, seen),
                    false => found(Goal::NotMet, seen),
                }
            }
            // No routing controls are in this world, and steering is the members' own affair.
            Intent::RoutingControl { .. }
            | Intent::Steer { .. }
            | Intent::HttpRequest { .. }
            | Intent::Approval { .. }
            | Intent::Bake { .. }
            | Intent::Wait { .. } => unobservable("there is nothing to see"),
        }
    }

    fn observe_flip(&self, now: Time, intent: &Intent) -> Observation {
        let Intent::Route53Failover {
            delete,
            create,
            epoch,
            ..
        } = intent
        else {
            unreachable!("asked of a flip only")
        };
        let seen = match self.primary() {
            Some(at) => format!("PRIMARY is {}", region(at)),
            None => "no PRIMARY".to_owned(),
        };
        let goal = match self.epoch() {
            Some(newer) if newer > *epoch => Goal::StaleEpoch { seen: newer.0 },
            Some(_) | None if self.stand(create, delete) => match now < self.insync_at {
                true => Goal::UnderWay,
                false => Goal::Met,
            },
            Some(_) | None if self.stand(delete, create) => Goal::NotMet,
            Some(_) | None => Goal::Impossible {
                code: "drifted".to_owned(),
                message: "the record sets are neither as frozen nor as wanted".to_owned(),
            },
        };
        Observation { goal, seen }
    }

    /// Whether each of `sets` stands exactly, and of `others` none that would have gone with them.
    pub fn stand(&self, sets: &[RecordSet], others: &[RecordSet]) -> bool {
        let every = sets.iter().all(|set| self.records.contains(set));
        let none = others
            .iter()
            .filter(|other| sets.iter().all(|set| !same_key(set, other)))
            .all(|other| self.records.iter().all(|there| !same_key(there, other)));
        every && none
    }
}

/// Route 53's own identity of a record set.
pub fn same_key(a: &RecordSet, b: &RecordSet) -> bool {
    a.name == b.name && a.record_type == b.record_type && a.set_identifier == b.set_identifier
}

/// Whether the request is to a Region's own control plane, and which.
pub fn asks_region(intent: &Intent, planned: Option<Variant>) -> Option<usize> {
    match intent {
        Intent::ScaleNodegroup { region, .. } => Some(place_of(region)),
        Intent::AuroraPromote {
            method,
            target_region,
            source_region,
            ..
        } => {
            let variant = planned?;
            let forced =
                *method == Promotion::FailoverWithDataLoss || variant == Variant::Escalated;
            Some(place_of(if forced { target_region } else { source_region }))
        }
        Intent::HttpRequest { url, .. } => {
            (0..SERVING).find(|at| url.contains(product::REGIONS[*at]))
        }
        Intent::Dial { .. }
        | Intent::Weight { .. }
        | Intent::Route53Failover { .. }
        | Intent::RoutingControl { .. }
        | Intent::Steer { .. }
        | Intent::Route53Weights { .. }
        | Intent::HttpCheck { .. }
        | Intent::Approval { .. }
        | Intent::Bake { .. }
        | Intent::Wait { .. } => None,
    }
}

/// The world and what it was.
#[derive(Debug)]
pub struct History {
    past: Vec<(Time, Rc<Aws>)>,
}

impl History {
    pub fn new(aws: Aws) -> Self {
        Self {
            past: vec![(0, Rc::new(aws))],
        }
    }

    pub fn now(&self) -> &Aws {
        &self.past.last().expect("never empty").1
    }

    /// As it was at that moment.
    pub fn at(&self, time: Time) -> Rc<Aws> {
        let known = self.past.iter().rev().find(|(from, _)| *from <= time);
        Rc::clone(&known.unwrap_or(&self.past[0]).1)
    }

    /// Changes the world from now on.
    pub fn change(&mut self, now: Time, change: impl FnOnce(&mut Aws)) {
        let mut next = self.now().clone();
        change(&mut next);
        self.past.push((now, Rc::new(next)));
    }
}

/// Whether that ARN is the cluster of that Region: a plan must never name another's.
pub fn is_cluster_of(arn: &str, at: usize) -> bool {
    arn == cluster_arn(at)
}
