//! Whether an application has what a runbook's steps and templates name. Checked when the
//! configuration and its runbooks are validated together: neither alone can know.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    ActionSpec, Application, DnsRouting, RegionId, RunKind, Side, SizeSpec, StepId, WeightSpec,
};
use crate::runbook::spanned::{Findings, Place, closest};

use super::{ParsedRunbook, StepPlaces, runs_in, template};

impl ParsedRunbook {
    /// Records everything that runs of these kinds would miss in that application. Any Region may
    /// turn out to be `from` or `to`, so each must have what either side is asked for.
    pub fn fit(&self, findings: &Findings, app: &Application, kinds: &BTreeSet<RunKind>) {
        for step in &self.runbook.steps {
            let Some(places) = self.places.get(&step.id) else {
                continue;
            };
            if kinds.iter().any(|kind| runs_in(step.run_if, *kind)) {
                self.fit_resources(findings, app, step.id.as_str(), &step.action, places);
                fit_templates(findings, app, places);
                fit_routing(findings, app, step.id.as_str(), &step.action, places);
                if takes_weight(&step.action) && !self.gives_weight_back() {
                    warn_of_no_way_home(findings, step.id.as_str(), places);
                }
            }
        }
    }

    /// The first step of such runs that steers, if one does.
    pub fn steering_step(&self, kinds: &BTreeSet<RunKind>) -> Option<&StepId> {
        let mut steps = self.runbook.steps.iter();
        let step = steps.find(|step| {
            matches!(step.action, ActionSpec::Steer { .. })
                && kinds.iter().any(|kind| runs_in(step.run_if, *kind))
        })?;
        Some(&step.id)
    }

    /// Whether a Region that this runbook has shut could be gone to with it: a dial is not raised
    /// over weights that are all 0.
    fn gives_weight_back(&self) -> bool {
        let actions = || self.runbook.steps.iter().map(|step| &step.action);
        let raises = actions().any(|action| {
            matches!(action, ActionSpec::Dial { region: Side::To, percent } if *percent > 0)
        });
        let gives = actions().any(|action| {
            matches!(action, ActionSpec::Weight { region: Side::To, weight } if weight.gives())
        });
        gives || !raises
    }

    fn fit_resources(
        &self,
        findings: &Findings,
        app: &Application,
        step: &str,
        action: &ActionSpec,
        places: &StepPlaces,
    ) {
        let lacking = |has: &dyn Fn(&crate::model::AppRegion) -> bool| -> Vec<&RegionId> {
            app.regions
                .iter()
                .filter(|r| !has(r))
                .map(|r| &r.name)
                .collect()
        };
        let mut missing: Vec<(String, String)> = Vec::new();
        let mut per_region = |regions: Vec<&RegionId>, what: &str, key: &str| {
            if !regions.is_empty() {
                missing.push((
                    format!("{what} in {}", join(&regions)),
                    format!("`{key}` under that [[application.region]]"),
                ));
            }
        };
        match action {
            ActionSpec::Dial { .. } | ActionSpec::Weight { .. } => per_region(
                lacking(&|r| r.resources.endpoint_group_arn.is_some()),
                "endpoint group",
                "endpoint_group_arn",
            ),
            ActionSpec::Route53Failover { .. } | ActionSpec::Route53Weights { .. } => {
                per_region(
                    lacking(&|r| r.resources.record_set_identifier.is_some()),
                    "record set identifier",
                    "record_set_identifier",
                );
                if app.resources.dns.is_none() {
                    missing.push((
                        "DNS records".to_owned(),
                        "[application.dns] with `hosted_zone_id` and `records`".to_owned(),
                    ));
                }
            }
            ActionSpec::RoutingControl { .. } => {
                per_region(
                    lacking(&|r| r.resources.routing_control_arn.is_some()),
                    "routing control",
                    "routing_control_arn",
                );
                if app.resources.routing_cluster.is_none() {
                    missing.push((
                        "cluster of routing controls".to_owned(),
                        "[application.routing_controls] with the cluster's five `endpoints`"
                            .to_owned(),
                    ));
                }
            }
            ActionSpec::AuroraPromote { .. } => {
                per_region(
                    lacking(&|r| r.resources.db_cluster_arn.is_some()),
                    "database cluster",
                    "db_cluster_arn",
                );
                if app.resources.global_cluster.is_none() {
                    missing.push((
                        "global database".to_owned(),
                        "`global_cluster` under [[application]]".to_owned(),
                    ));
                }
            }
            ActionSpec::ScaleNodegroup { size, .. } => {
                per_region(
                    lacking(&|r| !r.resources.nodegroups.is_empty()),
                    "node group",
                    "[[application.region.nodegroup]]",
                );
                missing.extend(unpaired(app, *size));
            }
            ActionSpec::Steer { .. }
            | ActionSpec::HttpCheck { .. }
            | ActionSpec::HttpRequest { .. }
            | ActionSpec::Approval { .. }
            | ActionSpec::Wait { .. } => {}
        }
        for (what, remedy) in missing {
            findings.push(
                findings
                    .error(
                        "missing_resource",
                        &places.uses,
                        format!(
                            "step `{step}` cannot work for application `{}`: it has no {what}",
                            app.name
                        ),
                    )
                    .label("needs what the application does not have")
                    .help(format!(
                        "Add {remedy} in the configuration, or choose another runbook under \
                         [application.runbooks]."
                    )),
            );
        }
    }
}

/// Roles are changed of failover records, weights of weighted ones.
fn fit_routing(
    findings: &Findings,
    app: &Application,
    step: &str,
    action: &ActionSpec,
    places: &StepPlaces,
) {
    let Some(dns) = &app.resources.dns else {
        return;
    };
    let meant = match action {
        ActionSpec::Route53Failover { .. } => DnsRouting::Failover,
        ActionSpec::Route53Weights { .. } => DnsRouting::Weighted,
        ActionSpec::Dial { .. }
        | ActionSpec::Weight { .. }
        | ActionSpec::RoutingControl { .. }
        | ActionSpec::AuroraPromote { .. }
        | ActionSpec::ScaleNodegroup { .. }
        | ActionSpec::Steer { .. }
        | ActionSpec::HttpCheck { .. }
        | ActionSpec::HttpRequest { .. }
        | ActionSpec::Approval { .. }
        | ActionSpec::Wait { .. } => return,
    };
    if meant == dns.routing {
        return;
    }
    let message = format!(
        "step `{step}` uses {}, and the records of application `{}` are {} records",
        action.name(),
        app.name,
        dns.routing.as_str()
    );
    let help = format!(
        "Use \"{}\" in the runbook, or, if they are {meant} records in Route 53, set \
         routing = \"{meant}\" in [application.dns].",
        dns.routing.action(),
        meant = meant.as_str(),
    );
    findings.push(
        findings
            .error("wrong_routing", &places.uses, message)
            .label(format!("for {} records", meant.as_str()))
            .help(help),
    );
}

fn takes_weight(action: &ActionSpec) -> bool {
    let nothing = WeightSpec::Absolute(0);
    matches!(action, ActionSpec::Weight { region: Side::From, weight } if *weight == nothing)
}

fn warn_of_no_way_home(findings: &Findings, step: &str, places: &StepPlaces) {
    let message = format!(
        "step `{step}` takes the weight of the Region that is left, and no step gives it back: a \
         run home would be refused"
    );
    findings.push(
        findings
            .warning("weight_not_given_back", &places.uses, message)
            .label("shut until somebody opens it by hand")
            .help(
                "Let the step that raises the dial need one that uses \
                 \"global_accelerator.weight\" with = { region = \"to\", match = \"recorded\", \
                 fallback = 128 }.",
            ),
    );
}

/// Node groups without a peer to match, where nothing else says how large they become.
fn unpaired(app: &Application, size: SizeSpec) -> Vec<(String, String)> {
    match size {
        SizeSpec::Peak => return without_peak(app),
        SizeSpec::Absolute(_)
        | SizeSpec::Match {
            fallback: Some(_), ..
        } => return Vec::new(),
        SizeSpec::Match { fallback: None, .. } => {}
    }
    let names = |region: &crate::model::AppRegion| -> BTreeSet<String> {
        region
            .resources
            .nodegroups
            .iter()
            .map(|group| group.name.clone())
            .collect()
    };
    let mut missing = Vec::new();
    for region in &app.regions {
        for other in &app.regions {
            for name in names(region).difference(&names(other)) {
                missing.push((
                    format!(
                        "node group `{name}` in {} to match the one in {}",
                        other.name, region.name
                    ),
                    format!(
                        "a node group of that name there, or `fallback` to the step, or rename \
                         `{name}`"
                    ),
                ));
            }
        }
    }
    missing
}

/// Node groups of Regions that serve side by side of which nobody said what they need.
fn without_peak(app: &Application) -> Vec<(String, String)> {
    let groups = app.sharing().flat_map(|region| {
        let groups = region.resources.nodegroups.iter();
        groups.filter_map(move |group| match region.peak(group) {
            Some(_) => None,
            None => Some((region, group)),
        })
    });
    groups
        .map(|(region, group)| {
            (
                format!("peak of node group `{}` in {}", group.name, region.name),
                "`peak` (the instances that it needs in its busiest hour) to that node group"
                    .to_owned(),
            )
        })
        .collect()
}

fn fit_templates(findings: &Findings, app: &Application, places: &StepPlaces) {
    for text in &places.templates {
        for piece in template::pieces(&text.value).unwrap_or_default() {
            let template::Piece::Reference { scope, name } = piece else {
                continue;
            };
            let holders: Vec<(String, &BTreeMap<String, String>)> = match scope {
                template::Scope::Application => vec![(String::new(), &app.vars)],
                template::Scope::From | template::Scope::To => app
                    .regions
                    .iter()
                    .map(|r| (format!("Region {} of ", r.name), &r.vars))
                    .collect(),
            };
            let always: &[&str] = match scope {
                template::Scope::Application => &template::APPLICATION_VARS,
                template::Scope::From | template::Scope::To => &template::REGION_VARS,
            };
            for (whose, vars) in holders {
                if !always.contains(&name.as_str()) && !vars.contains_key(&name) {
                    missing_var(findings, app, &text.place, (scope, &name), &whose, vars);
                }
            }
        }
    }
}

fn missing_var(
    findings: &Findings,
    app: &Application,
    place: &Place,
    (scope, name): (template::Scope, &str),
    whose: &str,
    vars: &BTreeMap<String, String>,
) {
    let known: Vec<&str> = vars.keys().map(String::as_str).collect();
    let section = match scope {
        template::Scope::Application => "[application.vars]",
        template::Scope::From | template::Scope::To => "[application.region.vars] of that Region",
    };
    let mut help = format!("Add `{name}` under {section}.");
    if let Some(word) = closest(name, &known) {
        help = format!("Did you mean ${{{scope}.{word}}}? Or a{}", &help[1..]);
    }
    findings.push(
        findings
            .error(
                "missing_var",
                place,
                format!(
                    "${{{scope}.{name}}} has no value: {whose}application `{}` has no var `{name}`",
                    app.name
                ),
            )
            .label("nothing to fill in")
            .help(help),
    );
}

fn join(regions: &[&RegionId]) -> String {
    regions
        .iter()
        .map(|r| r.to_string())
        .collect::<Vec<_>>()
        .join(" and ")
}
