//! One `[[application]]` with its Regions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::config::aws_names::{ArnKind, is_hosted_zone_id};
use crate::model::{
    Alarm, AppId, AppRegion, AppResources, Application, Automation, AwsAccess, ConfigHash,
    DnsFailover, DnsName, DnsRouting, GuardPolicy, NodegroupRef, ProbeId, RegionId,
    RegionResources, Role, RunKind,
};
use crate::runbook::spanned::{Findings, Kind, Located, Node, Place, Table, closest, read};
use crate::runbook::template::{APPLICATION_VARS, REGION_VARS};

use super::order::{self, OrderDraft};
use super::probe::{self, ProbeDraft};
use super::routing;
use super::sections::{self, Detection};
use super::shares;
use super::values;

/// What the sections above it say.
pub(super) struct Context<'a> {
    pub detection: &'a Detection,
    pub guards: &'a GuardPolicy,
    pub aws: &'a AwsAccess,
    pub extra_regions: &'a BTreeSet<String>,
    pub base: &'a Path,
}

/// An application and where its parts stand.
#[derive(Debug)]
pub(super) struct AppDraft {
    pub app: Application,
    /// Where its name stands.
    pub place: Place,
    pub regions: Vec<RegionDraft>,
    pub runbook_places: BTreeMap<RunKind, Place>,
    pub guards_place: Place,
    /// Where it says whether it acts by itself; its name where it does not.
    pub automation_place: Place,
    pub order: OrderDraft,
}

/// A Region and where its parts stand.
#[derive(Debug)]
pub(super) struct RegionDraft {
    pub region: AppRegion,
    pub place: Place,
    /// Where its share stands.
    pub share: Option<Place>,
    pub probes: Vec<ProbeDraft>,
    /// Whether every probe that was written could be read.
    pub probes_complete: bool,
    pub endpoint_group: Option<Place>,
    pub routing_control: Option<Place>,
}

pub(super) fn read(findings: &Findings, node: &Node, context: &Context<'_>) -> Option<AppDraft> {
    Table::walk(findings, node, "an application", |table| {
        let name = match table.get("name") {
            Some(node) => read::located(read::name)(findings, node),
            None => {
                table.missing("name", "name = \"shop\"");
                None
            }
        };
        if let Some(name) = &name {
            table.rename(format!("application `{}`", name.value));
        }
        let automation = table.located(
            "automation",
            read::one_of(&[
                ("automatic", Automation::Automatic),
                ("ask", Automation::Ask),
            ]),
        );
        let order = order::read(table);
        let detection = table.section("detection", "[application.detection]", |t| {
            sections::detection(t, context.detection)
        });
        let mut guards_place = table.place().clone();
        let guards = table.section("guards", "[application.guards]", |t| {
            guards_place = t.place().clone();
            sections::guards(t, context.guards)
        });
        let (mut runbooks, runbook_places) =
            table.section("runbooks", "[application.runbooks]", super::runbook_choice);
        let aws = table.section("aws", "[application.aws]", |t| {
            sections::aws(t, context.aws)
        });
        let vars = table.or("vars", BTreeMap::new(), values::vars(&APPLICATION_VARS));
        let resources = resources(table, context.extra_regions);
        let written = written(table, "region");
        let regions = table
            .or("region", Vec::new(), |f, n| {
                read::list(|f, n| region(f, n, context, &detection))(f, n)
            })
            .unwrap_or_default();
        let name = name?;
        check_regions(table, &regions, written, &name);
        shares::runbooks(findings, &regions, &mut runbooks, &runbook_places);
        check_endpoint_groups(findings, &regions, resources.accelerator_arn.as_deref());
        routing::check(findings, &regions, resources.routing_cluster.is_some());
        // Which of several is at home is refused above; any will do to go on.
        let home = regions
            .iter()
            .find(|r| r.region.role == Role::Active)
            .or(regions.first())?
            .region
            .name
            .clone();
        Some(AppDraft {
            app: Application {
                name: AppId(name.value),
                config: ConfigHash(String::new()),
                // The safe one: whoever wants it to act by itself says so.
                automation: automation.as_ref().map_or(Automation::Ask, |a| a.value),
                regions: regions.iter().map(|r| r.region.clone()).collect(),
                home,
                detection: detection.policy.clone(),
                guards,
                runbooks,
                resources,
                aws,
                vars: vars?,
            },
            automation_place: automation.map_or_else(|| name.place.clone(), |a| a.place),
            place: name.place,
            regions,
            runbook_places,
            guards_place,
            order,
        })
    })
}

/// How many elements a list has in the file, good or bad.
fn written(table: &Table<'_>, key: &'static str) -> usize {
    match table.get(key).map(|n| &n.kind) {
        Some(Kind::List(elements)) => elements.len(),
        Some(
            Kind::Text(_)
            | Kind::Whole(_)
            | Kind::Float
            | Kind::Flag(_)
            | Kind::Date
            | Kind::Table(_)
            | Kind::Given(_),
        )
        | None => 0,
    }
}

/// How many Regions, which of them serves, and none twice.
fn check_regions(
    table: &Table<'_>,
    regions: &[RegionDraft],
    written: usize,
    name: &Located<String>,
) {
    let findings = table.findings();
    if written < 2 {
        findings.push(
            findings
                .error(
                    "too_few_regions",
                    &name.place,
                    format!(
                        "application `{}` has {}, and nowhere to go",
                        name.value,
                        match written {
                            0 => "no Region",
                            _ => "one Region",
                        }
                    ),
                )
                .label("needs two Regions or more")
                .help("Add an [[application.region]] for each: one \"active\", the others \"standby\"."),
        );
    }
    let mut seen: BTreeMap<&RegionId, &Place> = BTreeMap::new();
    for region in regions {
        if let Some(first) = seen.insert(&region.region.name, &region.place) {
            findings.push(
                findings
                    .error(
                        "duplicate",
                        &region.place,
                        format!(
                            "application `{}` has the Region {} twice",
                            name.value, region.region.name
                        ),
                    )
                    .label("named again")
                    .help(format!("Remove one of them; the first is at {first}.")),
            );
        }
    }
    let active: Vec<&RegionDraft> = regions
        .iter()
        .filter(|r| r.region.role == Role::Active)
        .collect();
    if regions.len() == written && written >= 2 {
        shares::check(findings, regions, name);
        match active.as_slice() {
            [_] => {}
            [] => findings.push(
                findings
                    .error(
                        "no_active_region",
                        &name.place,
                        format!("no Region of application `{}` is active", name.value),
                    )
                    .label("none of its Regions serves")
                    .help("Give role = \"active\" to the Region that serves when all is well."),
            ),
            [_, _, ..] if active.iter().any(|r| r.region.share.is_some()) => {}
            [_, second, ..] => findings.push(
                findings
                    .error(
                        "two_active_regions",
                        &second.place,
                        format!(
                            "application `{}` has {} active Regions",
                            name.value,
                            active.len()
                        ),
                    )
                    .label("active as well")
                    .help(
                        "Make all but one \"standby\". If they serve side by side, give each active \
                         Region its `share` of the users, in percent.",
                    ),
            ),
        }
    }
}

fn check_endpoint_groups(findings: &Findings, regions: &[RegionDraft], accelerator: Option<&str>) {
    let mut seen: BTreeMap<&str, &RegionId> = BTreeMap::new();
    for draft in regions {
        let (Some(arn), Some(place)) = (
            draft.region.resources.endpoint_group_arn.as_deref(),
            &draft.endpoint_group,
        ) else {
            continue;
        };
        if let Some(accelerator) = accelerator
            && ArnKind::EndpointGroup.check(arn, None).is_ok()
            && ArnKind::Accelerator.check(accelerator, None).is_ok()
            && !arn
                .strip_prefix(accelerator)
                .is_some_and(|rest| rest.starts_with('/'))
        {
            findings.push(
                findings
                    .error(
                        "foreign_endpoint_group",
                        place,
                        "the endpoint group belongs to another accelerator than `accelerator_arn`",
                    )
                    .label("of another accelerator")
                    .help(format!("Its ARN must begin with {accelerator}/")),
            );
        }
        if let Some(first) = seen.insert(arn, &draft.region.name) {
            findings.push(
                findings
                    .error(
                        "duplicate",
                        place,
                        format!(
                            "{} and {first} have the same endpoint group",
                            draft.region.name
                        ),
                    )
                    .label("taken by another Region")
                    .help("Each Region has an endpoint group of its own."),
            );
        }
    }
}

fn resources(table: &Table<'_>, extra: &BTreeSet<String>) -> AppResources {
    let global_cluster = table.optional("global_cluster", |findings, node| {
        let text = read::text(findings, node)?;
        let good = text.len() <= 63
            && text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !good {
            read::bad_value(
                findings,
                node,
                format!("`global_cluster` is no identifier: `{text}`"),
                "not an identifier",
                "Use the global database's identifier, not its ARN: letters, digits and dashes, \
                 such as \"shop-global\".",
            );
        }
        Some(text)
    });
    let accelerator_arn = table.optional("accelerator_arn", |f, n| {
        values::arn(ArnKind::Accelerator, None)(f, n)
    });
    let dns = table
        .optional("dns", |findings, node| Some((findings, node)))
        .and_then(|(findings, node)| dns(findings, node));
    let lag_dimensions = table.or("lag_dimensions", Vec::new(), |findings, node| {
        let Kind::Table(fields) = &node.kind else {
            read::wrong_type(
                findings,
                node,
                "a table",
                "{ SourceRegion = \"eu-west-1\" }",
            );
            return None;
        };
        fields
            .iter()
            .map(|field| Some((field.key.clone(), read::text(findings, &field.node)?)))
            .collect()
    });
    let drill_alarms = table.or(
        "drill_alarm",
        Vec::new(),
        read::list(|f, n| alarm(f, n, extra)),
    );
    let routing_cluster = table
        .optional("routing_controls", |findings, node| Some((findings, node)))
        .and_then(|(findings, node)| routing::cluster(findings, node, extra));
    AppResources {
        global_cluster,
        accelerator_arn,
        dns,
        lag_dimensions: lag_dimensions.unwrap_or_default(),
        drill_alarms: drill_alarms.unwrap_or_default(),
        routing_cluster,
    }
}

fn alarm(findings: &Findings, node: &Node, extra: &BTreeSet<String>) -> Option<Alarm> {
    Table::walk(findings, node, "a drill alarm", |table| {
        let region = table.required("region", "region = \"us-east-1\"", values::region(extra));
        let name = table.required("name", "name = \"shop-errors\"", |findings, node| {
            let text = read::text(findings, node)?;
            // Source: CloudWatch API reference, `PutMetricAlarm`.
            let named = (1..=255).contains(&text.chars().count()) && !text.starts_with("arn:");
            if !named {
                read::bad_value(
                    findings,
                    node,
                    format!("\"{text}\" is not an alarm's name"),
                    "not an alarm's name",
                    "Use the name as CloudWatch shows it, of 1 to 255 characters, not the ARN.",
                );
            }
            Some(text)
        });
        Some(Alarm {
            region: region?,
            name: name?,
        })
    })
}

fn dns(findings: &Findings, node: &Node) -> Option<DnsFailover> {
    Table::walk(findings, node, "[application.dns]", |table| {
        let zone = table.required(
            "hosted_zone_id",
            "hosted_zone_id = \"Z0123456789ABCDEFGHIJ\"",
            |findings, node| {
                let text = read::text(findings, node)?;
                if is_hosted_zone_id(&text) {
                    return Some(text);
                }
                read::bad_value(
                    findings,
                    node,
                    format!("`{text}` is no hosted zone's id"),
                    "not a hosted zone's id",
                    "It begins with Z, in capitals and digits, without `/hostedzone/` and without \
                     the zone's name: \"Z0123456789ABCDEFGHIJ\".",
                );
                Some(text)
            },
        );
        let records = table.required(
            "records",
            "records = [{ name = \"shop.example.com\", type = \"A\" }]",
            |findings, node| {
                let records = read::list(read::located(record))(findings, node)?;
                if matches!(&node.kind, Kind::List(written) if written.is_empty()) {
                    read::bad_value(
                        findings,
                        node,
                        "`records` is empty: there is nothing to move",
                        "no record",
                        "Name each record, or remove [application.dns].",
                    );
                }
                Some(records)
            },
        );
        let routing = table.or(
            "routing",
            DnsRouting::Failover,
            read::one_of(&[
                ("failover", DnsRouting::Failover),
                ("weighted", DnsRouting::Weighted),
            ]),
        );
        let records = records.unwrap_or_default();
        let mut seen = BTreeSet::new();
        for record in &records {
            if !seen.insert(&record.value) {
                findings.push(
                    findings
                        .error(
                            "duplicate",
                            &record.place,
                            format!(
                                "{} {} is named twice",
                                record.value.name, record.value.record_type
                            ),
                        )
                        .label("named already")
                        .help("Remove one of the two."),
                );
            }
        }
        Some(DnsFailover {
            // Where either is wrong or missing, that is recorded; the section itself is there.
            hosted_zone_id: zone.unwrap_or_default(),
            records: records.into_iter().map(|r| r.value).collect(),
            routing: routing.unwrap_or_default(),
        })
    })
}

fn record(findings: &Findings, node: &Node) -> Option<DnsName> {
    Table::walk(findings, node, "a record", |table| {
        let name = table.required("name", "name = \"shop.example.com\"", values::dns_name);
        let record_type = table.required(
            "type",
            "type = \"A\"",
            read::one_of(&[("A", "A"), ("AAAA", "AAAA"), ("CNAME", "CNAME")]),
        );
        Some(DnsName {
            name: values::absolute(&name?),
            record_type: record_type?.to_owned(),
        })
    })
}

fn region(
    findings: &Findings,
    node: &Node,
    context: &Context<'_>,
    detection: &Detection,
) -> Option<RegionDraft> {
    Table::walk(findings, node, "a Region", |table| {
        let name = match table.get("name") {
            Some(node) => read::located(values::region(context.extra_regions))(findings, node),
            None => {
                table.missing("name", "name = \"eu-west-1\"");
                None
            }
        };
        if let Some(name) = &name {
            table.rename(format!("Region {}", name.value));
        }
        let role = table.required(
            "role",
            "role = \"standby\"",
            read::one_of(&[("active", Role::Active), ("standby", Role::Standby)]),
        );
        let cold = table.or("cold", false, read::flag);
        let share = table.located("share", read::whole(1..=100_u8));
        let standby_probes = table
            .or(
                "standby_probes",
                Vec::new(),
                read::list(read::located(read::text)),
            )
            .unwrap_or_default();
        let region_name = name.as_ref().map(|n| n.value.as_str());
        let db_cluster_arn = table.optional("db_cluster_arn", |f, n| {
            values::arn(ArnKind::DbCluster, region_name)(f, n)
        });
        let endpoint_group = table.located("endpoint_group_arn", |f, n| {
            values::arn(ArnKind::EndpointGroup, None)(f, n)
        });
        let record_set_identifier = table.optional("record_set_identifier", read::text);
        let routing_control = table.located("routing_control_arn", |f, n| {
            values::arn(ArnKind::RoutingControl, None)(f, n)
        });
        let vars = table.or("vars", BTreeMap::new(), values::vars(&REGION_VARS));
        let nodegroups = table
            .or("nodegroup", Vec::new(), read::list(nodegroup))
            .unwrap_or_default();
        let peaks = nodegroups
            .iter()
            .filter_map(|(group, peak)| Some((group.to_string(), (*peak)?)))
            .collect();
        let probes = table
            .or("probe", Vec::new(), |f, n| {
                read::list(|f, n| probe::read(f, n, detection, context.base, None))(f, n)
            })
            .unwrap_or_default();
        check_probe_names(table, &probes, &standby_probes);
        let name = name?;
        Some(RegionDraft {
            region: AppRegion {
                name: name.value,
                role: role?,
                cold: cold?,
                share: share.as_ref().map(|share| share.value),
                peaks,
                probes: probes.iter().map(|p| p.probe.clone()).collect(),
                standby_probes: standby_probes
                    .into_iter()
                    .map(|p| ProbeId(p.value))
                    .collect(),
                resources: RegionResources {
                    db_cluster_arn,
                    endpoint_group_arn: endpoint_group.as_ref().map(|e| e.value.clone()),
                    record_set_identifier,
                    routing_control_arn: routing_control.as_ref().map(|c| c.value.clone()),
                    nodegroups: nodegroups.into_iter().map(|(group, _)| group).collect(),
                },
                vars: vars?,
            },
            place: name.place,
            share: share.map(|share| share.place),
            probes_complete: probes.len() == written(table, "probe"),
            probes,
            endpoint_group: endpoint_group.map(|e| e.place),
            routing_control: routing_control.map(|c| c.place),
        })
    })
}

/// A node group, and what it needs at its own peak.
fn nodegroup(findings: &Findings, node: &Node) -> Option<(NodegroupRef, Option<u32>)> {
    Table::walk(findings, node, "a node group", |table| {
        let cluster = table.required("cluster", "cluster = \"shop-eu-west-1\"", read::name);
        let name = table.required("name", "name = \"web\"", read::name);
        let peak = table.optional("peak", read::whole(1..=100_000_u32));
        let group = NodegroupRef {
            cluster: cluster?,
            name: name?,
        };
        Some((group, peak))
    })
}

fn check_probe_names(table: &Table<'_>, probes: &[ProbeDraft], standby: &[Located<String>]) {
    let findings = table.findings();
    let mut seen: BTreeMap<&str, &Place> = BTreeMap::new();
    for probe in probes {
        if let Some(first) = seen.insert(probe.probe.id.as_str(), &probe.id_place) {
            findings.push(
                findings
                    .error(
                        "duplicate",
                        &probe.id_place,
                        format!("{} has two probes `{}`", table.what(), probe.probe.id),
                    )
                    .label("called so again")
                    .help(format!("Rename one of them; the first is at {first}.")),
            );
        }
    }
    let known: Vec<&str> = seen.keys().copied().collect();
    for name in standby {
        if known.contains(&name.value.as_str()) {
            continue;
        }
        let help = match closest(&name.value, &known) {
            Some(word) => format!("Did you mean \"{word}\"?"),
            None if known.is_empty() => "Add that probe to this Region.".to_owned(),
            None => format!("Its probes are {}.", known.join(", ")),
        };
        findings.push(
            findings
                .error(
                    "no_such_probe",
                    &name.place,
                    format!("{} has no probe `{}`", table.what(), name.value),
                )
                .label("no such probe")
                .help(help),
        );
    }
}
