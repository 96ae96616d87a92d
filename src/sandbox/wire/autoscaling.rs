//! Auto Scaling over query, version 2011-01-01.

use serde_json::{Value, json};

use crate::model::RegionId;

use super::super::world::{Nodegroup, Refusal, State};
use super::params::{only, texts, unknown_thing};
use super::query;
use super::reply::Reply;
use super::time::iso;

pub(super) const NAMESPACE: &str = "http://autoscaling.amazonaws.com/doc/2011-01-01/";

/// Carries out one operation.
pub(super) fn perform(
    state: &State,
    region: &RegionId,
    operation: &str,
    p: &Value,
) -> Result<Reply, Refusal> {
    if operation != "DescribeAutoScalingGroups" {
        return Err(unknown_thing(&format!("autoscaling {operation}")));
    }
    only(
        p,
        &[
            "AutoScalingGroupNames",
            "MaxRecords",
            "NextToken",
            "IncludeInstances",
        ],
    )?;
    let names = texts(p, "AutoScalingGroupNames");
    // A name that is not there is left out: the service knows no error for it.
    let groups: Vec<Value> = state
        .nodes
        .groups
        .iter()
        .filter(|g| &g.region == region)
        .filter(|g| names.is_empty() || names.contains(&g.asg))
        .map(|group| describe(region, group, state.faults.launch_suspended(region)))
        .collect();
    let result = json!({"AutoScalingGroups": groups});
    Ok(query::answer(NAMESPACE, operation, &result, &|_| {
        "member".to_owned()
    }))
}

fn describe(region: &RegionId, group: &Nodegroup, launch_suspended: bool) -> Value {
    let suspended: Vec<Value> = launch_suspended
        .then(|| {
            json!({
                "ProcessName": "Launch",
                "SuspensionReason": "User suspended at 2026-01-01T00:00:00Z",
            })
        })
        .into_iter()
        .collect();
    let zone = |subnet: usize| format!("{region}{}", if subnet == 0 { 'a' } else { 'b' });
    let instances: Vec<Value> = group
        .instances
        .iter()
        .map(|instance| {
            json!({
                "InstanceId": instance.id,
                "InstanceType": "m7g.large",
                "AvailabilityZone": zone(instance.subnet),
                "LifecycleState": if instance.in_service { "InService" } else { "Pending" },
                "HealthStatus": "Healthy",
                "ProtectedFromScaleIn": false,
            })
        })
        .collect();
    json!({
        "AutoScalingGroupName": group.asg,
        "AutoScalingGroupARN": format!(
            "arn:aws:autoscaling:{region}:{}:autoScalingGroup:0123:autoScalingGroupName/{}",
            crate::sandbox::setup::ACCOUNT,
            group.asg
        ),
        "MinSize": group.scaling.min,
        "MaxSize": group.scaling.max,
        "DesiredCapacity": group.scaling.desired,
        "DefaultCooldown": 300,
        "AvailabilityZones": (0..group.zones.max(1)).map(zone).collect::<Vec<_>>(),
        "LoadBalancerNames": [],
        "HealthCheckType": "EC2",
        "HealthCheckGracePeriod": 15,
        "CreatedTime": iso(group.created),
        "VPCZoneIdentifier": group.subnets().join(","),
        "Instances": instances,
        "SuspendedProcesses": suspended,
    })
}
