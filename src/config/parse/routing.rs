//! `[application.routing_controls]`: the cluster whose endpoints set the Regions' routing controls.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::aws_names::ArnKind;
use crate::model::{ClusterEndpoint, RegionId, RoutingCluster};
use crate::runbook::spanned::{Findings, Kind, Located, Node, Table, read};

use super::application::RegionDraft;
use super::values;

/// The cluster. The section itself is there even where an endpoint is wrong or missing: that is
/// recorded, and nobody should be told besides that there is none.
pub(super) fn cluster(
    findings: &Findings,
    node: &Node,
    extra: &BTreeSet<String>,
) -> Option<RoutingCluster> {
    Table::walk(findings, node, "[application.routing_controls]", |table| {
        let endpoints = table.required(
            "endpoints",
            "endpoints = [{ region = \"us-east-1\", url = \"https://host-aaaaaa.us-east-1.example.com/v1\" }, …]",
            |findings, node| {
                let endpoints = read::list(|f, n| endpoint(f, n, extra))(findings, node);
                count(findings, node);
                endpoints
            },
        );
        let endpoints: Vec<Endpoint> = endpoints.unwrap_or_default();
        for (what, place) in [
            (
                "Region",
                (|e: &Endpoint| {
                    e.region
                        .as_ref()
                        .map(|r| (r.value.0.clone(), r.place.clone()))
                }) as fn(&Endpoint) -> _,
            ),
            ("URL", |e| {
                e.url.as_ref().map(|u| (u.value.clone(), u.place.clone()))
            }),
        ] {
            let mut seen = BTreeSet::new();
            for (value, place) in endpoints.iter().filter_map(place) {
                if seen.contains(&value) {
                    findings.push(
                        findings
                            .error(
                                "duplicate",
                                &place,
                                format!("two endpoints of the cluster have the {what} {value}"),
                            )
                            .label("named already")
                            .help(
                                "Each endpoint is in a Region of its own: compare with \
                                 `aws route53-recovery-control-config describe-cluster`.",
                            ),
                    );
                }
                seen.insert(value);
            }
        }
        let whole = endpoints.into_iter().filter_map(|endpoint| {
            Some(ClusterEndpoint {
                region: endpoint.region?.value,
                url: endpoint.url?.value,
            })
        });
        Some(RoutingCluster {
            endpoints: whole.collect(),
        })
    })
}

/// An endpoint, as far as it could be read.
struct Endpoint {
    region: Option<Located<RegionId>>,
    url: Option<Located<String>>,
}

fn endpoint(findings: &Findings, node: &Node, extra: &BTreeSet<String>) -> Option<Endpoint> {
    Table::walk(findings, node, "an endpoint of the cluster", |table| {
        let region = table.required(
            "region",
            "region = \"us-east-1\"",
            read::located(values::region(extra)),
        );
        let url = table.required(
            "url",
            "url = \"https://host-aaaaaa.us-east-1.example.com/v1\"",
            read::located(read::http_url),
        );
        Some(Endpoint { region, url })
    })
}

/// A cluster always has five: fewer in the file are fewer that can be lost.
fn count(findings: &Findings, node: &Node) {
    let Kind::List(written) = &node.kind else {
        return; // Told already: something else stands there.
    };
    if written.len() == RoutingCluster::ENDPOINTS {
        return;
    }
    let what = match written.len() {
        0 => "no endpoint".to_owned(),
        1 => "one endpoint".to_owned(),
        many => format!("{many} endpoints"),
    };
    read::bad_value(
        findings,
        node,
        format!(
            "the cluster of routing controls has {what}, not {}",
            RoutingCluster::ENDPOINTS
        ),
        "a cluster has five",
        "Name all that `aws route53-recovery-control-config describe-cluster` lists under \
         `ClusterEndpoints`. They are never looked up when it matters.",
    );
}

/// Each Region has a control of its own, and a control is of no use without its cluster.
pub(super) fn check(findings: &Findings, regions: &[RegionDraft], has_cluster: bool) {
    let mut seen: BTreeMap<&str, &RegionId> = BTreeMap::new();
    for draft in regions {
        let (Some(arn), Some(place)) = (
            draft.region.resources.routing_control_arn.as_deref(),
            &draft.routing_control,
        ) else {
            continue;
        };
        if !has_cluster {
            findings.push(
                findings
                    .error(
                        "routing_control_without_cluster",
                        place,
                        format!(
                            "{} has a routing control, and nothing says where it is set",
                            draft.region.name
                        ),
                    )
                    .label("of which cluster?")
                    .help(
                        "Add [application.routing_controls] with the five `endpoints` of its \
                         cluster, or remove it.",
                    ),
            );
        }
        if let Some(first) = seen.insert(arn, &draft.region.name)
            && ArnKind::RoutingControl.check(arn, None).is_ok()
        {
            findings.push(
                findings
                    .error(
                        "duplicate",
                        place,
                        format!(
                            "{} and {first} have the same routing control",
                            draft.region.name
                        ),
                    )
                    .label("taken by another Region")
                    .help("Each Region has a routing control of its own: to turn one off must leave another on."),
            );
        }
    }
}
