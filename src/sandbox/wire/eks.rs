//! EKS over rest-json.

use hyper::Method;
use serde_json::{Map, Value, json};

use crate::model::RegionId;
use crate::sandbox::setup::ACCOUNT;

use super::super::world::{Nodegroup, Refusal, Scaling, State, Update, no_eks_cluster};
use super::Head;
use super::json::Json;
use super::params::{number, only, optional, text, unknown_thing};
use super::reply::Reply;
use super::time::epoch;

const BAD: &str = "InvalidParameterException";

/// Operation and parameters of a request.
pub(super) fn read(head: &Head, body: &[u8]) -> Result<(String, Value), Refusal> {
    let mut params = match body {
        [] => Map::new(),
        _some => match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => members,
            Ok(_other) => return Err(Refusal::bad(BAD, "the body is not an object")),
            Err(e) => return Err(Refusal::bad("SerializationException", e.to_string())),
        },
    };
    for (name, value) in &head.query {
        params.insert(name.clone(), json!(value));
    }
    let path: Vec<&str> = head.path.trim_matches('/').split('/').collect();
    let mut put = |name: &str, value: &str| params.insert(name.to_owned(), json!(value));
    let operation = match (&head.method, path.as_slice()) {
        (&Method::GET, ["clusters", cluster]) => {
            put("name", cluster);
            "DescribeCluster"
        }
        (&Method::GET, ["clusters", cluster, "node-groups"]) => {
            put("clusterName", cluster);
            "ListNodegroups"
        }
        (&Method::GET, ["clusters", cluster, "node-groups", group]) => {
            put("clusterName", cluster);
            put("nodegroupName", group);
            "DescribeNodegroup"
        }
        (&Method::POST, ["clusters", cluster, "node-groups", group, "update-config"]) => {
            put("clusterName", cluster);
            put("nodegroupName", group);
            "UpdateNodegroupConfig"
        }
        (&Method::GET, ["clusters", cluster, "updates", update]) => {
            put("name", cluster);
            put("updateId", update);
            "DescribeUpdate"
        }
        (method, _path) => return Ok((format!("{method} {}", head.path), Value::Null)),
    };
    Ok((operation.to_owned(), Value::Object(params)))
}

/// Carries out one operation.
pub(super) fn perform(
    state: &mut State,
    region: &RegionId,
    operation: &str,
    p: &Value,
) -> Result<Reply, Refusal> {
    let body = match operation {
        "DescribeCluster" => {
            only(p, &["name"])?;
            let name = text(p, "name", BAD)?;
            if !state.nodes.has_cluster(region, name) {
                return Err(no_eks_cluster(name));
            }
            json!({"cluster": {
                "name": name,
                "arn": format!("arn:aws:eks:{region}:{ACCOUNT}:cluster/{name}"),
                "status": "ACTIVE",
                "version": "1.33",
                "platformVersion": "eks.4",
                "endpoint": format!("https://0123456789ABCDEF.gr7.{region}.eks.amazonaws.com"),
            }})
        }
        "ListNodegroups" => {
            only(p, &["clusterName", "maxResults", "nextToken"])?;
            let cluster = text(p, "clusterName", BAD)?;
            if !state.nodes.has_cluster(region, cluster) {
                return Err(no_eks_cluster(cluster));
            }
            let names: Vec<&str> = state
                .nodes
                .groups
                .iter()
                .filter(|g| &g.region == region && g.cluster == cluster)
                .map(|g| g.name.as_str())
                .collect();
            json!({"nodegroups": names})
        }
        "DescribeNodegroup" => {
            only(p, &["clusterName", "nodegroupName"])?;
            let group = find(state, region, p, "clusterName")?;
            let degraded = state.faults.degraded(region);
            json!({"nodegroup": nodegroup(&state.nodes.groups[group], degraded)})
        }
        "UpdateNodegroupConfig" => {
            only(
                p,
                &[
                    "clusterName",
                    "nodegroupName",
                    "scalingConfig",
                    "clientRequestToken",
                ],
            )?;
            let group = find(state, region, p, "clusterName")?;
            let update = update_config(state, group, p)?;
            json!({"update": describe(&update)})
        }
        "DescribeUpdate" => {
            only(p, &["name", "updateId", "nodegroupName"])?;
            let id = text(p, "updateId", BAD)?;
            // Without a node group the cluster's own updates are meant; it has none.
            let update = match optional(p, "nodegroupName") {
                Some(_name) => {
                    let group = find(state, region, p, "name")?;
                    state.nodes.groups[group].updates.get(id)
                }
                None => None,
            };
            let update = update.ok_or_else(|| {
                Refusal::missing(
                    "ResourceNotFoundException",
                    format!("No update found for ID: {id}"),
                )
            })?;
            json!({"update": describe(update)})
        }
        other => return Err(unknown_thing(&format!("eks {other}"))),
    };
    Ok(Json::Rest.answer(&body))
}

/// Whether it changes anything.
pub(super) fn mutates(operation: &str) -> bool {
    operation == "UpdateNodegroupConfig"
}

fn find(state: &State, region: &RegionId, p: &Value, cluster: &str) -> Result<usize, Refusal> {
    state.nodes.find(
        region,
        text(p, cluster, BAD)?,
        text(p, "nodegroupName", BAD)?,
    )
}

fn update_config(state: &mut State, group: usize, p: &Value) -> Result<Update, Refusal> {
    let token = optional(p, "clientRequestToken").map(str::to_owned);
    let Some(scaling) = p.get("scalingConfig").filter(|s| s.is_object()) else {
        return Err(Refusal::bad(BAD, "No changes were requested"));
    };
    only(scaling, &["minSize", "maxSize", "desiredSize"])?;
    // What is not sent stays as it is.
    let present = state.nodes.groups[group].scaling;
    let size = |name: &str, present: u32| -> Result<u32, Refusal> {
        match number(scaling, name, BAD)? {
            None => Ok(present),
            Some(size) => u32::try_from(size)
                .map_err(|_| Refusal::bad(BAD, format!("{name} {size} is too large"))),
        }
    };
    let wanted = Scaling {
        min: size("minSize", present.min)?,
        desired: size("desiredSize", present.desired)?,
        max: size("maxSize", present.max)?,
    };
    state.scale(group, wanted, scaling.clone(), token)
}

fn describe(update: &Update) -> Value {
    let params: Vec<Value> = update
        .params
        .iter()
        .map(|(name, value)| json!({"type": name, "value": value}))
        .collect();
    json!({
        "id": update.id,
        "status": update.status,
        "type": "ConfigUpdate",
        "params": params,
        "createdAt": epoch(update.created),
        "errors": [],
    })
}

fn nodegroup(group: &Nodegroup, degraded: bool) -> Value {
    let mut issues = group.issues();
    let mut status = group.status();
    if degraded {
        status = "DEGRADED";
        issues.push(json!({
            "code": "InsufficientFreeAddresses",
            "message": "One or more of the subnets associated with your node group does not have enough available IP addresses for new nodes.",
            "resourceIds": [group.subnet(0)],
        }));
    }
    json!({
        "nodegroupName": group.name,
        "nodegroupArn": group.arn,
        "clusterName": group.cluster,
        "version": "1.33",
        "releaseVersion": "1.33.1-20250701",
        "createdAt": epoch(group.created),
        "modifiedAt": epoch(group.modified),
        "status": status,
        "capacityType": "ON_DEMAND",
        "scalingConfig": {
            "minSize": group.scaling.min,
            "maxSize": group.scaling.max,
            "desiredSize": group.scaling.desired,
        },
        "instanceTypes": ["m7g.large"],
        "subnets": group.subnets(),
        "amiType": "AL2023_ARM_64_STANDARD",
        "nodeRole": format!("arn:aws:iam::{ACCOUNT}:role/shop-node"),
        "labels": {},
        "resources": {"autoScalingGroups": [{"name": group.asg}]},
        "diskSize": 20,
        "health": {"issues": issues},
        "updateConfig": {"maxUnavailable": 1},
        "tags": {},
    })
}
