//! What AWS asks a policy before it carries an operation out: the action's name, and on which resources.
//! Source: AWS's Service Authorization Reference, one page per service.

use serde_json::Value;

use super::setup::ACCOUNT;
use super::{LoggedRequest, Service};

/// An action of a policy, on one resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Authorization {
    /// `rds:FailoverGlobalCluster`.
    pub action: String,
    /// An ARN, or `*` where the action knows no resources.
    pub resource: String,
}

/// All of which a policy must allow for this request to pass.
pub fn authorizations(request: &LoggedRequest) -> Vec<Authorization> {
    let action = format!("{}:{}", request.service.iam_prefix(), request.operation);
    resources(request)
        .into_iter()
        .map(|resource| Authorization {
            action: action.clone(),
            resource,
        })
        .collect()
}

fn resources(request: &LoggedRequest) -> Vec<String> {
    let region = request.region.as_str();
    let text = |key: &str| {
        let value = request.parameters.get(key).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    let zone = |id: &str| {
        let id = id.trim_start_matches("/hostedzone/");
        format!("arn:aws:route53:::hostedzone/{id}")
    };
    match (request.service, request.operation.as_str()) {
        (Service::GlobalAccelerator, "UpdateEndpointGroup" | "DescribeEndpointGroup") => {
            vec![text("EndpointGroupArn")]
        }
        (Service::GlobalAccelerator, "ListEndpointGroups") => vec![text("ListenerArn")],
        (Service::GlobalAccelerator, _) => vec![text("AcceleratorArn")],
        (Service::Route53, "ChangeResourceRecordSets" | "ListResourceRecordSets") => {
            vec![zone(&text("HostedZoneId"))]
        }
        (Service::Route53, "GetHostedZone") => vec![zone(&text("Id"))],
        (Service::Route53, "GetChange") => {
            let id = text("Id");
            let id = id.trim_start_matches("/change/");
            vec![format!("arn:aws:route53:::change/{id}")]
        }
        (Service::Route53, _) => {
            let id = text("HealthCheckId");
            vec![format!("arn:aws:route53:::healthcheck/{id}")]
        }
        (Service::Rds, "DescribeGlobalClusters") => vec![global(&text("GlobalClusterIdentifier"))],
        (Service::Rds, "SwitchoverGlobalCluster" | "FailoverGlobalCluster") => vec![
            global(&text("GlobalClusterIdentifier")),
            text("TargetDbClusterIdentifier"),
        ],
        (Service::Rds, "RemoveFromGlobalCluster") => vec![
            global(&text("GlobalClusterIdentifier")),
            text("DbClusterIdentifier"),
        ],
        (Service::Rds, "DescribeDBClusters") => {
            let id = text("DBClusterIdentifier");
            let arn = format!("arn:aws:rds:{region}:{ACCOUNT}:cluster:{id}");
            vec![if id.starts_with("arn:") { id } else { arn }]
        }
        (Service::Rds, "DescribeDBClusterSnapshots") => {
            let id = text("DBClusterIdentifier");
            vec![
                format!("arn:aws:rds:{region}:{ACCOUNT}:cluster:{id}"),
                format!("arn:aws:rds:{region}:{ACCOUNT}:cluster-snapshot:*"),
            ]
        }
        // By a filter, which names clusters: the permission is on whatever instances there are.
        (Service::Rds, _) => vec![format!("arn:aws:rds:{region}:{ACCOUNT}:db:*")],
        (Service::Eks, "UpdateNodegroupConfig" | "DescribeNodegroup") => {
            let (cluster, name) = (text("clusterName"), text("nodegroupName"));
            // The last part is drawn by EKS.
            let drawn = "0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f";
            vec![format!(
                "arn:aws:eks:{region}:{ACCOUNT}:nodegroup/{cluster}/{name}/{drawn}"
            )]
        }
        (Service::Eks, _) => vec![format!(
            "arn:aws:eks:{region}:{ACCOUNT}:cluster/{}",
            text("name")
        )],
        (Service::RoutingControl, "UpdateRoutingControlStates") => {
            let entries = request
                .parameters
                .get("UpdateRoutingControlStateEntries")
                .and_then(Value::as_array);
            let arns = entries.into_iter().flatten().filter_map(|entry| {
                let arn = entry.get("RoutingControlArn")?.as_str()?;
                Some(arn.to_owned())
            });
            arns.collect()
        }
        (Service::RoutingControl, "ListRoutingControls") => vec!["*".to_owned()],
        (Service::RoutingControl, _) => vec![text("RoutingControlArn")],
        (Service::Iam, _) => vec![text("PolicySourceArn")],
        (Service::AutoScaling | Service::CloudWatch | Service::Sts, _) => vec!["*".to_owned()],
    }
}

fn global(name: &str) -> String {
    format!("arn:aws:rds::{ACCOUNT}:global-cluster:{name}")
}
