//! The mutating calls, as AWS takes them when they arrive.

use failoverd::model::*;

use crate::aws::{Aws, Promoting, Time, Truth, asks_region, is_cluster_of, same_key};
use crate::product::{SERVING, place_of};

/// What the service answers, and what it has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    Changed,
    /// It stood so already.
    Same,
    Refused(&'static str),
    Busy(&'static str),
    /// The Region does not answer: nothing was done, and nobody can tell.
    Silence,
}

/// How a change goes on after it was accepted, drawn beforehand.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub deploys_in: u64,
    pub node_every: u64,
    pub promotion: u64,
}

/// Executes one write. `sizes` are the node group's as the caller had read them.
pub fn take(
    aws: &mut Aws,
    now: Time,
    intent: &Intent,
    variant: Variant,
    sizes: Option<NodegroupSize>,
    truth: &Truth,
    pace: Pace,
) -> Taken {
    if asks_region(intent, Some(variant)).is_some_and(|at| truth.lost[at]) {
        return Taken::Silence;
    }
    match intent {
        Intent::Dial {
            region, percent, ..
        } => {
            let group = &mut aws.groups[place_of(region)];
            if group.dial_percent == *percent {
                return Taken::Same;
            }
            group.dial_percent = *percent;
            aws.deployed_at = now + pace.deploys_in;
            Taken::Changed
        }
        Intent::Weight {
            region, endpoints, ..
        } => {
            let group = &mut aws.groups[place_of(region)];
            let before = group.endpoints.clone();
            for endpoint in &mut group.endpoints {
                if let Some(want) = endpoints.iter().find(|e| e.id == endpoint.id) {
                    endpoint.weight = want.weight;
                }
            }
            if group.endpoints == before {
                return Taken::Same;
            }
            aws.deployed_at = now + pace.deploys_in;
            Taken::Changed
        }
        Intent::Route53Failover { delete, create, .. }
        | Intent::Route53Weights { delete, create, .. } => {
            if !delete.iter().all(|set| aws.records.contains(set)) {
                return Taken::Refused("InvalidChangeBatch");
            }
            let mut records = aws.records.clone();
            records.retain(|set| !delete.contains(set));
            let clash = |set: &RecordSet| records.iter().any(|there| same_key(there, set));
            if create.iter().any(clash) {
                return Taken::Refused("InvalidChangeBatch");
            }
            records.extend(create.iter().cloned());
            aws.records = records;
            aws.insync_at = now + pace.deploys_in;
            Taken::Changed
        }
        Intent::AuroraPromote {
            target_region,
            target_arn,
            method,
            ..
        } => promote(aws, now, target_region, target_arn, *method, variant, truth),
        Intent::ScaleNodegroup {
            region,
            min,
            desired,
            max,
            ..
        } => {
            let nodes = &mut aws.nodes[place_of(region)];
            let read = sizes.unwrap_or(NodegroupSize {
                min: 0,
                desired: 0,
                max: 0,
                in_service: 0,
            });
            nodes.min = read.min.max(*min);
            nodes.desired = read.desired.max(*desired);
            nodes.max = read.max.max(*max).max(nodes.desired);
            let wanted = nodes.desired as usize;
            nodes.in_service_from.truncate(wanted);
            while nodes.in_service_from.len() < wanted {
                let last = nodes.in_service_from.last().copied().unwrap_or(0);
                nodes.in_service_from.push(last.max(now) + pace.node_every);
            }
            Taken::Changed
        }
        Intent::HttpRequest { .. } => match asks_region(intent, Some(variant)) {
            Some(at) => {
                aws.fenced[at] = true;
                Taken::Changed
            }
            None => Taken::Refused("http-404"),
        },
        Intent::RoutingControl { .. }
        | Intent::Steer { .. }
        | Intent::HttpCheck { .. }
        | Intent::Approval { .. }
        | Intent::Bake { .. }
        | Intent::Wait { .. } => Taken::Refused("not_a_write"),
    }
}

fn promote(
    aws: &mut Aws,
    now: Time,
    target: &RegionId,
    arn: &str,
    method: Promotion,
    variant: Variant,
    truth: &Truth,
) -> Taken {
    let to = place_of(target);
    if !is_cluster_of(arn, to) {
        return Taken::Refused("DBClusterNotFoundFault");
    }
    if let Some(promoting) = aws.promoting {
        // What a second look then makes of it: ours is waited for, another's is final.
        return match promoting.to == to {
            true => Taken::Busy("InvalidGlobalClusterStateFault"),
            false => Taken::Refused("another_promotion"),
        };
    }
    if aws.writer == to {
        return Taken::Busy("InvalidGlobalClusterStateFault");
    }
    let forced = method == Promotion::FailoverWithDataLoss || variant == Variant::Escalated;
    if !forced && (0..SERVING).any(|at| truth.lost[at]) {
        return Taken::Busy("InvalidDBClusterStateFault");
    }
    aws.promoting = Some(Promoting {
        to,
        forced,
        number: now,
    });
    Taken::Changed
}
