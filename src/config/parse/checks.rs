//! What only shows once everything is read: names that failoverd itself moves, arithmetic between
//! timings, and what the member list survives.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    ActionSpec, Automation, Millis, RegionDownRule, RegionId, RunKind, Runbook, RunbookStep,
    SingleVantage,
};
use crate::runbook::spanned::{Findings, Place};

use super::application::{AppDraft, RegionDraft};
use super::probe::ProbeDraft;
use super::sections::Sections;

/// Every accelerator answers under this.
const ACCELERATOR_SUFFIX: &str = ".awsglobalaccelerator.com";

/// Fewer would make one provider's bad day look like our own.
const REFERENCES: usize = 3;

/// Runs every check.
pub(super) fn check(findings: &Findings, sections: &Sections, applications: &[AppDraft]) {
    duplicate_members(findings, sections);
    duplicate_applications(findings, applications);
    references(findings, sections, applications);
    shared_resources(findings, applications);
    super::order::check(findings, applications);
    super::window::check(findings, &sections.windows, applications);
    let moved = moved_names(applications);
    for app in applications {
        for region in &app.regions {
            evidence(findings, app, region);
            for probe in &region.probes {
                aim(findings, probe, &moved);
            }
        }
        shared_probes(findings, app);
        freshness(findings, app);
    }
    survival(findings, sections, applications);
}

fn duplicate_members(findings: &Findings, sections: &Sections) {
    let mut seen = BTreeMap::new();
    for member in &sections.members {
        if let Some(first) = seen.insert(&member.value.id, &member.place) {
            findings.push(
                findings
                    .error(
                        "duplicate",
                        &member.place,
                        format!("two members are called `{}`", member.value.id),
                    )
                    .label("called so again")
                    .help(format!("Rename one of them; the first is at {first}.")),
            );
        }
    }
}

fn duplicate_applications(findings: &Findings, applications: &[AppDraft]) {
    let mut seen = BTreeMap::new();
    for draft in applications {
        if let Some(first) = seen.insert(&draft.app.name, &draft.place) {
            findings.push(
                findings
                    .error(
                        "duplicate",
                        &draft.place,
                        format!("two applications are called `{}`", draft.app.name),
                    )
                    .label("called so again")
                    .help(format!("Rename one of them; the first is at {first}.")),
            );
        }
    }
}

/// Two applications on one resource are legal, and never run at the same time: worth knowing.
fn shared_resources(findings: &Findings, applications: &[AppDraft]) {
    let mut owners: BTreeMap<&str, &AppDraft> = BTreeMap::new();
    for draft in applications {
        let own: BTreeSet<&str> = draft
            .app
            .regions
            .iter()
            .flat_map(|r| {
                [
                    r.resources.db_cluster_arn.as_deref(),
                    r.resources.endpoint_group_arn.as_deref(),
                    r.resources.routing_control_arn.as_deref(),
                ]
            })
            .chain([draft.app.resources.global_cluster.as_deref()])
            .flatten()
            .collect();
        let mut shared: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for resource in own {
            let owner = owners.entry(resource).or_insert(draft);
            if owner.app.name != draft.app.name {
                shared
                    .entry(owner.app.name.as_str())
                    .or_default()
                    .push(resource);
            }
        }
        for (other, resources) in shared {
            findings.push(
                findings
                    .warning(
                        "shared_resource",
                        &draft.place,
                        format!(
                            "applications `{other}` and `{}` share {}",
                            draft.app.name,
                            resources.join(" and ")
                        ),
                    )
                    .label("shares a resource")
                    .help(
                        "Their runs never overlap: while one is open, the other waits. Make them \
                         one application if they always move together.",
                    ),
            );
        }
    }
}

fn references(findings: &Findings, sections: &Sections, applications: &[AppDraft]) {
    let good: BTreeSet<&str> = sections
        .references
        .iter()
        .map(|r| r.target.value.whole.as_str())
        .collect();
    if sections.references_written < REFERENCES && !applications.is_empty() {
        findings.push(
            findings
                .error(
                    "too_few_references",
                    &sections.references_place,
                    format!(
                        "{} reference target{}, and at least {REFERENCES} are needed",
                        sections.references_written,
                        if sections.references_written == 1 {
                            ""
                        } else {
                            "s"
                        }
                    ),
                )
                .label("three or more belong here")
                .help(
                    "A member believes that a Region is down only while something else answers. \
                     Add [[detection.reference]] targets that have nothing to do with each other \
                     or with your Regions: a public resolver, another cloud, your office.",
                ),
        );
    } else if good.len() < sections.references.len() {
        findings.push(
            findings
                .error(
                    "duplicate",
                    &sections.references_place,
                    "two reference targets aim at the same thing",
                )
                .label("not as many as it seems")
                .help("Give each a target of its own."),
        );
    }
    let mut seen = BTreeMap::new();
    for reference in &sections.references {
        if let Some(first) = seen.insert(&reference.probe.id, &reference.id_place) {
            findings.push(
                findings
                    .error(
                        "duplicate",
                        &reference.id_place,
                        format!("two reference targets are called `{}`", reference.probe.id),
                    )
                    .label("called so again")
                    .help(format!("Rename one of them; the first is at {first}.")),
            );
        }
        let inside = reference.region.as_ref().and_then(|region| {
            applications
                .iter()
                .find(|app| app.app.region(&region.value).is_some())
                .map(|app| (app, region))
        });
        if let Some((app, region)) = inside {
            findings.push(
                findings
                    .error(
                        "reference_in_region",
                        &region.place,
                        format!(
                            "reference target `{}` is in {}, a Region of application `{}`",
                            reference.probe.id, region.value, app.app.name
                        ),
                    )
                    .label("would fall with the Region")
                    .help("Choose one outside every Region that an application is deployed in."),
            );
        }
        let probed = applications.iter().find(|app| {
            app.regions.iter().any(|region| {
                region
                    .probes
                    .iter()
                    .any(|p| p.target.value.host == reference.target.value.host)
            })
        });
        if let Some(app) = probed {
            findings.push(
                findings
                    .error(
                        "reference_in_region",
                        &reference.target.place,
                        format!(
                            "reference target `{}` asks a host that application `{}` is probed at",
                            reference.probe.id, app.app.name
                        ),
                    )
                    .label("would fall with the Region")
                    .help("Choose something that has nothing to do with the application."),
            );
        }
    }
}

/// Names that failoverd itself points elsewhere, and whose they are. Without the trailing dot.
fn moved_names(applications: &[AppDraft]) -> BTreeMap<String, String> {
    applications
        .iter()
        .flat_map(|draft| {
            draft.app.resources.dns.iter().flat_map(|dns| {
                dns.records.iter().map(|record| {
                    (
                        record.name.trim_end_matches('.').to_owned(),
                        draft.app.name.to_string(),
                    )
                })
            })
        })
        .collect()
}

/// A probe of a Region must aim at that Region alone. One that aims at what failoverd moves would
/// call the dead Region healthy as soon as traffic has left it.
fn aim(findings: &Findings, probe: &ProbeDraft, moved: &BTreeMap<String, String>) {
    let host = &probe.target.value.host;
    let why = if host.ends_with(ACCELERATOR_SUFFIX) {
        format!("`{host}` is an accelerator's name")
    } else if let Some(app) = moved.get(host) {
        format!("`{host}` is a failover record of application `{app}`")
    } else {
        return;
    };
    findings.push(
        findings
            .error(
                "probe_follows_traffic",
                &probe.target.place,
                format!(
                    "probe `{}` does not aim at one Region: {why}, which failoverd itself moves",
                    probe.probe.id
                ),
            )
            .label("answers from whichever Region serves")
            .help(
                "Aim at the Region's own entrance, such as its load balancer's name: \
                 \"https://shop-123.eu-west-1.elb.amazonaws.com/healthz\".",
            ),
    );
}

fn shared_probes(findings: &Findings, app: &AppDraft) {
    let mut seen: BTreeMap<&str, &RegionId> = BTreeMap::new();
    for region in &app.regions {
        for probe in &region.probes {
            let Some(first) = seen.insert(&probe.target.value.whole, &region.region.name) else {
                continue;
            };
            if first != &region.region.name {
                findings.push(
                    findings
                        .error(
                            "probe_shared",
                            &probe.target.place,
                            format!(
                                "probe `{}` of {} aims at the same thing as one of {first}",
                                probe.probe.id, region.region.name
                            ),
                        )
                        .label("the same endpoint as another Region's")
                        .help("A probe must aim at its own Region alone."),
                );
            }
        }
    }
}

/// Whether there is anything that could make the Region down.
fn evidence(findings: &Findings, app: &AppDraft, region: &RegionDraft) {
    let probes = &region.region.probes;
    let (enough, wanted) = match app.app.detection.region_down {
        RegionDownRule::AllCritical | RegionDownRule::AnyCritical => {
            (probes.iter().any(|p| p.critical), "critical probe")
        }
        RegionDownRule::WeightPercent(_) => {
            (probes.iter().any(|p| p.weight > 0), "probe with a weight")
        }
    };
    if !enough && region.probes_complete {
        findings.push(
            findings
                .error(
                    "no_probe",
                    &region.place,
                    format!(
                        "Region {} of application `{}` has no {wanted}: its loss would never be \
                         noticed",
                        region.region.name, app.app.name
                    ),
                )
                .label("nothing watches this Region")
                .help("Add an [[application.region.probe]] that asks what your users need."),
        );
    }
}

/// The arithmetic between probing and voting.
fn freshness(findings: &Findings, app: &AppDraft) {
    let guards = &app.app.guards;
    let gossip = app.app.detection.gossip;
    let slowest = app
        .app
        .regions
        .iter()
        .flat_map(|r| &r.probes)
        .filter(|p| p.critical)
        .max_by_key(|p| p.interval.plus(p.timeout));
    let Some(probe) = slowest else { return };
    let at_worst = probe.interval.plus(probe.timeout).plus(gossip);
    let tolerated = probe.interval.times(2).plus(probe.timeout);
    let place = &app.guards_place;
    if guards.freshness < at_worst {
        findings.push(
            findings
                .error(
                    "freshness_too_short",
                    place,
                    format!(
                        "`freshness` of application `{}` is {}, but a vote is as old as {at_worst} \
                         before the next one comes (interval {} + timeout {} + gossip {gossip})",
                        app.app.name, guards.freshness, probe.interval, probe.timeout
                    ),
                )
                .label("votes would go stale in between")
                .help(format!(
                    "Raise `freshness` to {tolerated} or more, or probe more often."
                )),
        );
    } else if guards.freshness < tolerated {
        findings.push(
            findings
                .warning(
                    "freshness_short",
                    place,
                    format!(
                        "`freshness` of application `{}` is {}: one late probe and its vote no \
                         longer counts",
                        app.app.name, guards.freshness
                    ),
                )
                .label("little room")
                .help(format!(
                    "{tolerated} (two intervals and a timeout) forgives one."
                )),
        );
    }
}

/// Of Regions that serve side by side only a shift and a return move users: what moves the writer must
/// not, for nobody would know afterwards who serves.
pub(super) fn moves_users(
    findings: &Findings,
    app: &AppDraft,
    kind: RunKind,
    runbook: &Runbook,
    place: &Place,
) {
    let touches = runbook.touches();
    if !app.app.is_active_active() || kind.moves_share() {
        return;
    }
    let steers = |step: &RunbookStep| matches!(step.action, ActionSpec::Steer { .. });
    if !touches.accelerator && !touches.records && !runbook.steps.iter().any(steers) {
        return;
    }
    findings.push(
        findings
            .error(
                "moves_users",
                place,
                format!(
                    "the runbook \"{}\" moves users, and of application `{}` a {kind} moves the \
                     writer alone",
                    runbook.name, app.app.name
                ),
            )
            .label("its Regions serve side by side")
            .help(
                "Use \"database-only\" or one like it: only a shift takes users away, and only a \
                 return gives them back.",
            ),
    );
}

/// Whether the runbook's objective can be met by the policy around it.
pub(super) fn objective(findings: &Findings, app: &AppDraft, runbook: &Runbook, place: &Place) {
    let guards = &app.app.guards;
    let noticing = app
        .app
        .regions
        .iter()
        .flat_map(|r| &r.probes)
        .filter(|p| p.critical)
        .map(|p| p.interval.times(u64::from(p.fall)).plus(p.timeout))
        .max()
        .unwrap_or(Millis::ZERO);
    let before_acting = noticing.plus(guards.hold_down);
    if app.app.automation == Automation::Automatic && before_acting >= runbook.objective.rto {
        findings.push(
            findings
                .warning(
                    "objective_out_of_reach",
                    place,
                    format!(
                        "application `{}` acts {before_acting} after a loss at the earliest, and \
                         runbook \"{}\" is meant to be over within {}",
                        app.app.name, runbook.name, runbook.objective.rto
                    ),
                )
                .label("its objective cannot be met")
                .help("Shorten `hold_down`, `fall` or `interval`, or raise the runbook's `rto`."),
        );
    }
    if guards.rpo_max > runbook.objective.rpo {
        findings.push(
            findings
                .warning(
                    "rpo_differs",
                    place,
                    format!(
                        "application `{}` lets {} of data be lost unasked, more than the {} that \
                         runbook \"{}\" aims at",
                        app.app.name, guards.rpo_max, runbook.objective.rpo, runbook.name
                    ),
                )
                .label("the guard is laxer than the objective")
                .help("Lower `rpo_max` under [guards], or raise the runbook's `rpo`."),
        );
    }
}

/// What the member list survives.
fn survival(findings: &Findings, sections: &Sections, applications: &[AppDraft]) {
    let count = sections.members.len();
    if count == 0 {
        return;
    }
    let majority = count / 2 + 1;
    let place = &sections.members_place;
    let mut homes: BTreeMap<&RegionId, usize> = BTreeMap::new();
    for member in &sections.members {
        *homes.entry(&member.value.region).or_default() += 1;
    }
    let automatic = || {
        applications
            .iter()
            .filter(|a| a.app.automation == Automation::Automatic)
    };
    if count == 1 {
        for app in automatic().filter(|a| a.app.guards.single_vantage == SingleVantage::Refuse) {
            findings.push(
                findings
                    .warning(
                        "single_vantage",
                        &app.automation_place,
                        format!(
                            "application `{}` is automatic, but one member alone may not act: it \
                             cannot tell a lost Region from its own lost network",
                            app.app.name
                        ),
                    )
                    .label("will always ask")
                    .help(
                        "Add members in other Regions. If you accept the risk, set \
                         single_vantage = \"allow\" under [guards].",
                    ),
            );
        }
        return;
    }
    if count.is_multiple_of(2) {
        findings.push(
            findings
                .warning(
                    "even_members",
                    place,
                    format!(
                        "{count} members survive no more losses than {} would",
                        count - 1
                    ),
                )
                .label("an even number")
                .help("Add a witness: a member in a Region of its own that runs nothing else."),
        );
    }
    let deaf: BTreeSet<&RegionId> = automatic()
        .flat_map(|a| a.app.regions.iter().map(|r| &r.name))
        .filter(|region| count - homes.get(region).copied().unwrap_or(0) < majority)
        .collect();
    if !deaf.is_empty() {
        let names: Vec<&str> = deaf.iter().map(|region| region.as_str()).collect();
        findings.push(
            findings
                .warning(
                    "quorum_inside_region",
                    place,
                    format!(
                        "the loss of {} can never be confirmed: {majority} of {count} members must \
                         agree, and fewer are outside",
                        names.join(" or of ")
                    ),
                )
                .label("too many members in one Region")
                .help("Spread the members: no Region should hold half of them or more."),
        );
    }
    let lost = (count - 1) / 2;
    let regions = homes.len();
    let plural = if regions == 1 { "" } else { "s" };
    let survived = match lost {
        0 => "no loss is survived".to_owned(),
        lost => format!("losing {lost} is survived, losing {} is not", lost + 1),
    };
    findings.push(
        findings
            .note(
                "survives",
                place,
                format!("{count} members in {regions} Region{plural}: {survived}"),
            )
            .label("the cluster")
            .help(match lost {
                1 => {
                    "After one Region is lost, a second loss leaves no majority: nothing is done \
                     by itself then. Five members in five Regions survive two."
                }
                _ => "Without a majority nothing is done by itself, and every member alarms.",
            }),
    );
}
