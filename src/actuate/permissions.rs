//! Which IAM permissions each action needs, and whose control plane must answer for it: the one
//! table that checks, rehearsals and policies are made from.
//!
//! | action | writes | reads | control plane |
//! | --- | --- | --- | --- |
//! | `global_accelerator.*` | `UpdateEndpointGroup` | endpoint group, accelerator | us-west-2 |
//! | a weight that opens a Region | – | global cluster, as for `aurora.promote` | its own Region |
//! | `route53.failover`, `route53.weights` | `ChangeResourceRecordSets` | record sets, change | us-east-1 |
//! | `arc.routing_control` | `UpdateRoutingControlStates` | the states | none: any of the cluster's five endpoints |
//! | `aurora.promote` | `SwitchoverGlobalCluster`, `FailoverGlobalCluster` | global cluster, cluster | the primary's Region; the target's |
//! | `aurora.detach` | `RemoveFromGlobalCluster` | global cluster, cluster | the target's Region |
//! | `eks.scale_nodegroup` | `UpdateNodegroupConfig` | node group, Auto Scaling group | its own Region |
//! | `steer` | – | – | none: it is agreed by the members, and their `/steer` is asked |
//! | `http.*`, `approval`, `wait` | – | – | none |
//!
//! Invariant: every operation that an action of this room calls stands here (a test holds the table
//! against the requests that the emulated AWS has logged).

use crate::model::{Application, Intent, NodegroupRef, Promotion, RegionId};

use super::clients::{GLOBAL_ACCELERATOR_REGION, ROUTE53_REGION};
use super::global_accelerator::accelerator_arn;

/// One action on one resource, as a policy names them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permission {
    /// `rds:FailoverGlobalCluster`.
    pub action: &'static str,
    /// An ARN; `*` in place of what is not known before it is called, such as the account. `*` alone
    /// where the service knows no narrower one.
    pub resource: String,
    /// Whether it changes anything.
    pub writes: bool,
}

/// Who must answer for a step to be done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ControlPlane {
    /// As people call it: `Route 53`.
    pub service: &'static str,
    /// Where its control plane is.
    pub region: RegionId,
}

/// Everything that performing and observing `intent` calls; nothing for what is not done by AWS.
pub fn permissions(intent: &Intent) -> Vec<Permission> {
    match intent {
        Intent::Dial {
            endpoint_group_arn, ..
        }
        | Intent::Weight {
            endpoint_group_arn, ..
        } => endpoint_group(endpoint_group_arn),
        Intent::Route53Failover { hosted_zone_id, .. }
        | Intent::Route53Weights { hosted_zone_id, .. } => records(hosted_zone_id),
        Intent::RoutingControl { states, .. } => states
            .iter()
            .flat_map(|state| routing_control(&state.arn))
            .collect(),
        Intent::AuroraPromote {
            global_cluster,
            target_arn,
            method,
            escalate_after,
            ..
        } => promotion(
            global_cluster,
            target_arn,
            *method,
            escalate_after.is_some(),
        ),
        Intent::ScaleNodegroup {
            region, nodegroup, ..
        } => node_group(region, nodegroup),
        Intent::Steer { .. }
        | Intent::HttpCheck { .. }
        | Intent::HttpRequest { .. }
        | Intent::Approval { .. }
        | Intent::Bake { .. }
        | Intent::Wait { .. } => Vec::new(),
    }
}

/// What a dial or a weight of that group needs.
pub(super) fn endpoint_group(arn: &str) -> Vec<Permission> {
    // A group that is named wrongly has no accelerator to ask for.
    let accelerator = accelerator_arn(arn).unwrap_or("*");
    vec![
        write("globalaccelerator:UpdateEndpointGroup", arn),
        read("globalaccelerator:DescribeEndpointGroup", arn),
        read("globalaccelerator:DescribeAccelerator", accelerator),
    ]
}

/// What a change of records in that zone needs.
pub(super) fn records(hosted_zone_id: &str) -> Vec<Permission> {
    let id = hosted_zone_id.trim_start_matches("/hostedzone/");
    let zone = format!("arn:aws:route53:::hostedzone/{id}");
    vec![
        write("route53:ChangeResourceRecordSets", &zone),
        read("route53:ListResourceRecordSets", &zone),
        read("route53:GetChange", "arn:aws:route53:::change/*"),
    ]
}

/// What another state of that routing control needs. Both calls go to the cluster's data plane.
pub(super) fn routing_control(arn: &str) -> Vec<Permission> {
    vec![
        write("route53-recovery-cluster:UpdateRoutingControlStates", arn),
        read("route53-recovery-cluster:GetRoutingControlState", arn),
    ]
}

/// What another size of that node group needs.
pub(super) fn node_group(region: &RegionId, nodegroup: &NodegroupRef) -> Vec<Permission> {
    let (partition, cluster, name) = (partition(region), &nodegroup.cluster, &nodegroup.name);
    // The account is the caller's own, and the last part is drawn by EKS.
    let group = format!("arn:{partition}:eks:{region}:*:nodegroup/{cluster}/{name}/*");
    vec![
        write("eks:UpdateNodegroupConfig", &group),
        read("eks:DescribeNodegroup", &group),
        read("autoscaling:DescribeAutoScalingGroups", "*"),
    ]
}

/// What a promotion of that cluster needs; of both methods where a bounded one may escalate.
pub(super) fn promotion(
    global_cluster: &str,
    target_arn: &str,
    method: Promotion,
    escalates: bool,
) -> Vec<Permission> {
    let part = |place: usize| target_arn.split(':').nth(place).unwrap_or("*");
    let global = format!(
        "arn:{}:rds::{}:global-cluster:{global_cluster}",
        part(1),
        part(4)
    );
    let mut needed = Vec::new();
    if method == Promotion::Switchover {
        needed.push(write("rds:SwitchoverGlobalCluster", &global));
        needed.push(write("rds:SwitchoverGlobalCluster", target_arn));
    }
    if method == Promotion::FailoverWithDataLoss || escalates {
        needed.push(write("rds:FailoverGlobalCluster", &global));
        needed.push(write("rds:FailoverGlobalCluster", target_arn));
    }
    if method == Promotion::Detach {
        needed.push(write("rds:RemoveFromGlobalCluster", &global));
        needed.push(write("rds:RemoveFromGlobalCluster", target_arn));
    }
    needed.push(read("rds:DescribeGlobalClusters", &global));
    needed.push(read("rds:DescribeDBClusters", target_arn));
    needed
}

/// What a member calls besides the steps of any plan: to watch what plans are made from, and to
/// check. Without these a run is possible; what is known before it is less.
pub fn standing(application: &Application) -> Vec<Permission> {
    let mut needed = vec![
        read("sts:GetCallerIdentity", "*"),
        read(
            "iam:SimulatePrincipalPolicy",
            application.aws.assume_role.as_deref().unwrap_or("*"),
        ),
    ];
    for region in &application.regions {
        let Some(cluster) = &region.resources.db_cluster_arn else {
            continue;
        };
        let partition = partition(&region.name);
        // The names of a cluster's instances are their owner's choice.
        let instances = format!("arn:{partition}:rds:{}:*:db:*", region.name);
        needed.push(read("cloudwatch:GetMetricStatistics", "*"));
        needed.push(read("rds:DescribeDBInstances", &instances));
        let snapshots = format!("arn:{partition}:rds:{}:*:cluster-snapshot:*", region.name);
        needed.push(read("rds:DescribeDBClusterSnapshots", cluster));
        needed.push(read("rds:DescribeDBClusterSnapshots", &snapshots));
    }
    if !application.resources.drill_alarms.is_empty() {
        // Composite alarms are told only to whom every alarm is.
        needed.push(read("cloudwatch:DescribeAlarms", "*"));
    }
    if application.resources.dns.is_some() {
        let checks = "arn:aws:route53:::healthcheck/*";
        needed.push(read("route53:GetHealthCheck", checks));
        needed.push(read("route53:GetHealthCheckStatus", checks));
    }
    needed.sort();
    needed.dedup();
    needed
}

/// Whose control plane must answer for `intent`; none for what is not done by AWS.
pub fn control_plane(intent: &Intent) -> Option<ControlPlane> {
    let (service, region) = match intent {
        Intent::Dial { .. } | Intent::Weight { .. } => (
            "Global Accelerator",
            RegionId::from(GLOBAL_ACCELERATOR_REGION),
        ),
        Intent::Route53Failover { .. } | Intent::Route53Weights { .. } => {
            ("Route 53", RegionId::from(ROUTE53_REGION))
        }
        Intent::AuroraPromote {
            method,
            target_region,
            source_region,
            ..
        } => match method {
            Promotion::Switchover => ("RDS", source_region.clone()),
            Promotion::FailoverWithDataLoss | Promotion::Detach => ("RDS", target_region.clone()),
        },
        Intent::ScaleNodegroup { region, .. } => ("EKS", region.clone()),
        // A data plane in five Regions, of which three suffice: no one Region's must answer. What the
        // members answer is theirs.
        Intent::RoutingControl { .. }
        | Intent::Steer { .. }
        | Intent::HttpCheck { .. }
        | Intent::HttpRequest { .. }
        | Intent::Approval { .. }
        | Intent::Bake { .. }
        | Intent::Wait { .. } => return None,
    };
    Some(ControlPlane { service, region })
}

/// Whether `pattern` names `resource`: each `*` stands for any characters, as in a policy's `Resource`.
/// The other wildcard of policies, `?`, is never written here.
pub(super) fn names(pattern: &str, resource: &str) -> bool {
    let parts: Vec<&str> = pattern.split('*').collect();
    let [first, middle @ .., last] = parts.as_slice() else {
        return pattern == resource; // Without a wildcard there is one part.
    };
    let mut rest = resource
        .strip_prefix(first)
        .and_then(|rest| rest.strip_suffix(last));
    for part in middle {
        rest = rest
            .and_then(|rest| rest.split_once(part))
            .map(|(_, after)| after);
    }
    rest.is_some()
}

fn write(action: &'static str, resource: &str) -> Permission {
    Permission {
        action,
        resource: resource.to_owned(),
        writes: true,
    }
}

fn read(action: &'static str, resource: &str) -> Permission {
    Permission {
        action,
        resource: resource.to_owned(),
        writes: false,
    }
}

/// The first part of an ARN in that Region.
fn partition(region: &RegionId) -> &'static str {
    match region.as_str() {
        name if name.starts_with("cn-") => "aws-cn",
        name if name.starts_with("us-gov-") => "aws-us-gov",
        _elsewhere => "aws",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actuate::testing::{EAST_ARN, GLOBAL, GROUP_ARN, application};

    fn lines(intent: &Intent) -> Vec<String> {
        permissions(intent)
            .iter()
            .map(|p| {
                format!(
                    "{}{} {}",
                    if p.writes { "!" } else { "" },
                    p.action,
                    p.resource
                )
            })
            .collect()
    }

    fn promote(method: Promotion, escalates: bool) -> Intent {
        Intent::AuroraPromote {
            global_cluster: GLOBAL.to_owned(),
            target_arn: EAST_ARN.to_owned(),
            target_region: "us-east-1".into(),
            source_region: "eu-west-1".into(),
            method,
            escalate_after: escalates.then_some(crate::model::Millis(1)),
        }
    }

    #[test]
    fn a_dial_needs_its_group_and_its_accelerator() {
        let dial = Intent::Dial {
            region: "us-east-1".into(),
            endpoint_group_arn: GROUP_ARN.to_owned(),
            percent: 0,
        };
        assert_eq!(
            lines(&dial),
            [
                format!("!globalaccelerator:UpdateEndpointGroup {GROUP_ARN}"),
                format!("globalaccelerator:DescribeEndpointGroup {GROUP_ARN}"),
                "globalaccelerator:DescribeAccelerator \
                 arn:aws:globalaccelerator::1:accelerator/a-1"
                    .to_owned(),
            ]
        );
        let plane = control_plane(&dial).unwrap();
        assert_eq!(
            (plane.service, plane.region.as_str()),
            ("Global Accelerator", "us-west-2")
        );
    }

    #[test]
    fn a_promotion_needs_what_its_method_calls_where_it_is_called() {
        let global = "arn:aws:rds::1:global-cluster:shop-global";
        let failover = promote(Promotion::FailoverWithDataLoss, false);
        assert_eq!(
            lines(&failover)[0],
            format!("!rds:FailoverGlobalCluster {global}")
        );
        assert_eq!(
            control_plane(&failover).unwrap().region.as_str(),
            "us-east-1"
        );
        let switchover = promote(Promotion::Switchover, false);
        assert!(
            lines(&switchover)
                .iter()
                .all(|line| !line.contains("Failover"))
        );
        assert_eq!(
            control_plane(&switchover).unwrap().region.as_str(),
            "eu-west-1"
        );
        let bounded = lines(&promote(Promotion::Switchover, true));
        assert_eq!(
            bounded.iter().filter(|line| line.starts_with('!')).count(),
            4
        );
    }

    #[test]
    fn partitions_follow_the_region_and_hooks_need_nothing() {
        let scale = Intent::ScaleNodegroup {
            region: "cn-north-1".into(),
            nodegroup: NodegroupRef {
                cluster: "shop".to_owned(),
                name: "web".to_owned(),
            },
            min: 1,
            desired: 1,
            max: 1,
            ready: 1,
            min_ready: None,
        };
        assert_eq!(
            lines(&scale)[0],
            "!eks:UpdateNodegroupConfig arn:aws-cn:eks:cn-north-1:*:nodegroup/shop/web/*"
        );
        let wait = Intent::Wait {
            duration: crate::model::Millis(1),
        };
        assert_eq!((lines(&wait).len(), control_plane(&wait)), (0, None));
    }

    #[test]
    fn wildcards_name_as_in_a_policy() {
        for (pattern, resource, fits) in [
            ("*", "", true),
            ("*", "arn:aws:x", true),
            ("arn:*:a", "arn:b:a", true),
            ("arn:*:a", "arn:b:ab", false),
            ("arn:*:a", "arn:a", false),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "a1c", false),
            ("arn", "arn", true),
            ("arn", "arns", false),
        ] {
            assert_eq!(names(pattern, resource), fits, "{pattern} {resource}");
        }
    }

    #[test]
    fn watching_and_checking_change_nothing() {
        let needed = standing(&application("http://127.0.0.1:9"));
        assert!(needed.iter().all(|p| !p.writes));
        let actions: Vec<&str> = needed.iter().map(|p| p.action).collect();
        assert!(
            actions.contains(&"iam:SimulatePrincipalPolicy"),
            "{actions:?}"
        );
        assert!(
            actions.contains(&"route53:GetHealthCheckStatus"),
            "{actions:?}"
        );
    }
}
