//! The least that a role must be allowed for an application: what the steps of its runbooks change, what
//! they look at, and what members read all the time. Made from the configuration alone; nobody is asked.
//!
//! ```text
//!  runbooks × Regions ──▶ writes ─┐
//!  resources ───────────▶ reads ──┼─▶ permissions ──▶ statements of equal actions
//!  watching, checking ──▶ reads ──┘
//! ```
//!
//! Invariant: a statement allows no action on a resource for which nothing asked: actions are grouped only
//! where their resources are the same.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::permissions::{
    Permission, endpoint_group, names, node_group, promotion, records, routing_control, standing,
};
use crate::model::{
    ActionSpec, Application, PromoteMethod, Promotion, RunIf, RunKind, Runbook, RunbookStep,
};

/// AWS lets everybody ask who they are: a policy need not say it
/// (STS API reference, `GetCallerIdentity`).
pub const FREE: &str = "sts:GetCallerIdentity";

/// The version of the policy language.
const LANGUAGE: &str = "2012-10-17";

/// An IAM policy document, as `put-role-policy` takes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyDocument {
    version: &'static str,
    statement: Vec<Statement>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    sid: String,
    effect: &'static str,
    action: Vec<&'static str>,
    resource: Vec<String>,
}

/// Everything that members call for `application`, whichever of its runbooks runs between whichever of
/// its Regions.
pub fn needed(
    application: &Application,
    runbooks: &BTreeMap<String, Runbook>,
) -> BTreeSet<Permission> {
    // What a plan is made from, and what drift is seen by, is read whether a runbook moves it or not.
    let watched = possible(application)
        .into_iter()
        .flat_map(|(_, permissions)| permissions)
        .filter(|permission| !permission.writes);
    let mut all: BTreeSet<Permission> = watched.chain(standing(application)).collect();
    all.retain(|permission| permission.action != FREE);
    for (kind, name) in &application.runbooks {
        let Some(runbook) = runbooks.get(name) else {
            continue; // `validate` has refused such a configuration.
        };
        for step in runbook.steps.iter().filter(|step| takes_part(step, *kind)) {
            all.extend(of_step(application, &step.action, *kind));
        }
    }
    all
}

/// That a role of another account, or of another application, may be taken on.
pub fn assume(role: &str) -> Permission {
    Permission {
        action: "sts:AssumeRole",
        resource: role.to_owned(),
        writes: false,
    }
}

/// What one of the actions can touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lever {
    EndpointGroup,
    Records,
    RoutingControl,
    Database(Promotion),
    NodeGroup,
}

/// Every lever on every resource that the application has.
fn possible(application: &Application) -> Vec<(Lever, Vec<Permission>)> {
    let mut all = Vec::new();
    if let Some(dns) = &application.resources.dns {
        all.push((Lever::Records, records(&dns.hosted_zone_id)));
    }
    for region in &application.regions {
        let resources = &region.resources;
        if let Some(arn) = &resources.endpoint_group_arn {
            all.push((Lever::EndpointGroup, endpoint_group(arn)));
        }
        if let Some(arn) = &resources.routing_control_arn {
            all.push((Lever::RoutingControl, routing_control(arn)));
        }
        if let (Some(global), Some(arn)) = (
            &application.resources.global_cluster,
            &resources.db_cluster_arn,
        ) {
            for method in [
                Promotion::Switchover,
                Promotion::FailoverWithDataLoss,
                Promotion::Detach,
            ] {
                all.push((
                    Lever::Database(method),
                    promotion(global, arn, method, false),
                ));
            }
        }
        for group in &resources.nodegroups {
            all.push((Lever::NodeGroup, node_group(&region.name, group)));
        }
    }
    all
}

fn takes_part(step: &RunbookStep, kind: RunKind) -> bool {
    match step.run_if {
        None => true,
        Some(RunIf::Graceful) => kind.is_graceful(),
        Some(RunIf::Ungraceful) => !kind.is_graceful(),
    }
}

fn of_step(application: &Application, action: &ActionSpec, kind: RunKind) -> Vec<Permission> {
    let levers = match action {
        ActionSpec::Dial { .. } | ActionSpec::Weight { .. } => vec![Lever::EndpointGroup],
        ActionSpec::Route53Failover { .. } | ActionSpec::Route53Weights { .. } => {
            vec![Lever::Records]
        }
        ActionSpec::RoutingControl { .. } => vec![Lever::RoutingControl],
        ActionSpec::ScaleNodegroup { .. } => vec![Lever::NodeGroup],
        ActionSpec::AuroraPromote {
            graceful,
            ungraceful,
            ..
        } => {
            let method = if kind.is_graceful() {
                graceful
            } else {
                ungraceful
            };
            let methods: &[Promotion] = match method {
                PromoteMethod::Switchover => &[Promotion::Switchover],
                PromoteMethod::Failover => &[Promotion::FailoverWithDataLoss],
                PromoteMethod::SwitchoverThenFailover => {
                    &[Promotion::Switchover, Promotion::FailoverWithDataLoss]
                }
                PromoteMethod::Detach => &[Promotion::Detach],
            };
            methods.iter().copied().map(Lever::Database).collect()
        }
        ActionSpec::Steer { .. }
        | ActionSpec::HttpCheck { .. }
        | ActionSpec::HttpRequest { .. }
        | ActionSpec::Approval { .. }
        | ActionSpec::Wait { .. } => Vec::new(),
    };
    // Today's target is tomorrow's source: whatever may be done in one Region may be in every one.
    possible(application)
        .into_iter()
        .filter(|(lever, _)| levers.contains(lever))
        .flat_map(|(_, permissions)| permissions)
        .collect()
}

impl PolicyDocument {
    /// These permissions and no other.
    pub fn of(permissions: &BTreeSet<Permission>) -> Self {
        let mut actions: BTreeMap<(&str, bool, &str), BTreeSet<&'static str>> = BTreeMap::new();
        for permission in permissions {
            let service = permission.action.split(':').next().unwrap_or_default();
            let of = (service, permission.writes, permission.resource.as_str());
            actions.entry(of).or_default().insert(permission.action);
        }
        type Alike<'a> = (&'a str, bool, BTreeSet<&'static str>);
        let mut alike: BTreeMap<Alike<'_>, Vec<String>> = BTreeMap::new();
        for ((service, writes, resource), actions) in actions {
            alike
                .entry((service, writes, actions))
                .or_default()
                .push(resource.to_owned());
        }
        let mut numbers: BTreeMap<String, u32> = BTreeMap::new();
        let statement = alike
            .into_iter()
            .map(|((service, writes, actions), resource)| {
                let verb = if writes { "Change" } else { "Read" };
                let name = format!("{verb}{}", word(service));
                let number = numbers.entry(name.clone()).or_default();
                *number += 1;
                Statement {
                    sid: format!("{name}{number}"),
                    effect: "Allow",
                    action: actions.into_iter().collect(),
                    resource,
                }
            })
            .collect();
        Self {
            version: LANGUAGE,
            statement,
        }
    }

    /// Whether AWS would let `action` on `resource` pass.
    pub fn allows(&self, action: &str, resource: &str) -> bool {
        self.statement.iter().any(|statement| {
            statement.action.contains(&action)
                && statement
                    .resource
                    .iter()
                    .any(|pattern| names(pattern, resource))
        })
    }

    /// Every action that it allows on anything.
    pub fn actions(&self) -> BTreeSet<&'static str> {
        let statements = self.statement.iter();
        statements.flat_map(|s| s.action.iter().copied()).collect()
    }
}

/// A service's prefix as a part of a statement's name, which has letters and digits only.
fn word(service: &str) -> String {
    let mut letters = service.chars().filter(char::is_ascii_alphanumeric);
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fixtures;
    use crate::runbook::parse_runbook;

    fn runbooks() -> BTreeMap<String, Runbook> {
        let text = include_str!("../../runbooks/active-passive.toml");
        let runbook = parse_runbook("active-passive.toml", text).unwrap();
        BTreeMap::from([(runbook.name.clone(), runbook)])
    }

    #[test]
    fn the_policy_of_a_whole_application() {
        let policy = PolicyDocument::of(&needed(&fixtures::application(), &runbooks()));
        insta::assert_snapshot!(serde_json::to_string_pretty(&policy).unwrap());
    }

    #[test]
    fn what_no_runbook_does_is_not_allowed() {
        let mut application = fixtures::application();
        let book = "active-passive".to_owned();
        application.runbooks = BTreeMap::from([(RunKind::Switchover, book)]);
        let policy = PolicyDocument::of(&needed(&application, &runbooks()));
        let actions = policy.actions();
        assert!(
            actions.contains("rds:SwitchoverGlobalCluster"),
            "{actions:?}"
        );
        assert!(
            !actions.contains("rds:FailoverGlobalCluster"),
            "{actions:?}"
        );

        application.resources.dns = None;
        let policy = PolicyDocument::of(&needed(&application, &runbooks()));
        assert!(policy.actions().iter().all(|a| !a.starts_with("route53:")));

        application.runbooks.clear();
        let needed = needed(&application, &runbooks());
        assert!(!needed.is_empty());
        assert!(needed.iter().all(|permission| !permission.writes));
    }

    #[test]
    fn an_action_is_allowed_on_its_own_resources_alone() {
        let policy = PolicyDocument::of(&needed(&fixtures::application(), &runbooks()));
        let group =
            "arn:aws:globalaccelerator::111122223333:accelerator/a/listener/l/endpoint-group";
        let update = "globalaccelerator:UpdateEndpointGroup";
        assert!(policy.allows(update, &format!("{group}/eu-west-1")));
        assert!(!policy.allows(update, &format!("{group}/us-east-1")));
        assert!(!policy.allows(
            update,
            "arn:aws:globalaccelerator::111122223333:accelerator/a"
        ));
        let scale = "eks:UpdateNodegroupConfig";
        let nodes = "arn:aws:eks:eu-west-1:111122223333:nodegroup";
        assert!(policy.allows(scale, &format!("{nodes}/shop-eu-west-1/web/0a1b")));
        assert!(!policy.allows(scale, &format!("{nodes}/shop-eu-west-1/db/0a1b")));
    }
}
