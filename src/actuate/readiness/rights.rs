//! IAM: may the role do what the plans need? Asked of the policy simulator, which does nothing.
//!
//! ```text
//!  plans ──permissions──▶ (action, resource) ──SimulatePrincipalPolicy──▶ allowed, denied
//!                                              as the role, not as its session
//! ```
//!
//! The simulator knows the role's own policies and its boundary; a policy of the resource or of the
//! session it does not. A condition on what it was not told of a call (the Region, a tag, an address)
//! it decides as if that were absent: such a no is no answer.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::{EvaluationResult, PolicyEvaluationDecisionType};

use super::Scene;
use super::book::{About, Book};
use super::plans::is_needed;
use crate::actuate::classify::read_error;
use crate::actuate::clients::IAM_REGION;
use crate::actuate::permissions::{self, permissions};
use crate::model::{ReadinessCode, RegionId};
use crate::ports::ReadError;

const SIMULATE: &str = "iam:SimulatePrincipalPolicy";

/// Which Regions' plans need a call, and whether an ungraceful one stands still without it.
type Needed = BTreeMap<RegionId, bool>;

/// `names` are ARNs that stand in for what a plan knows in part.
pub(super) async fn look(scene: &Scene<'_>, names: &[String]) -> Book {
    let mut book = scene.book();
    let needed = needed(scene, names);
    if needed.is_empty() {
        return book;
    }
    let principal = match principal(scene).await {
        Ok(principal) => principal,
        Err(error) => {
            unknown(&mut book, &error.to_string(), "the role");
            return book;
        }
    };
    let mut denied: BTreeSet<RegionId> = BTreeSet::new();
    for (resource, actions) in by_resource(&needed) {
        scene.pause().await;
        let answer = simulate(scene, &principal, &resource, &actions).await;
        let mut refused = match answer {
            Ok(refused) => refused,
            Err(error) => {
                unknown(&mut book, &error.to_string(), &principal);
                return book;
            }
        };
        if !is_whole(&resource) {
            for denial in &mut refused {
                denial.hangs_on.push("the rest of its name".to_owned());
            }
        }
        for denial in &refused {
            let key = (denial.action.clone(), resource.clone());
            for (region, binds) in needed.get(&key).into_iter().flatten() {
                denied.insert(region.clone());
                let about = About::of(ReadinessCode::Permission, region, &denial.action);
                tell(&mut book, about, denial, (&resource, &principal), *binds);
            }
        }
    }
    let regions: BTreeSet<&RegionId> = needed.values().flat_map(BTreeMap::keys).collect();
    for region in regions
        .into_iter()
        .filter(|region| !denied.contains(*region))
    {
        let calls = needed.values().filter(|n| n.contains_key(region)).count();
        let about = About::of(ReadinessCode::Permission, region, &principal);
        book.passed(about, format!("all {calls} calls of the plans are allowed"));
    }
    book
}

fn tell(book: &mut Book, about: About, denial: &Denial, of: (&str, &str), binds: bool) {
    let Denial {
        action,
        why,
        hangs_on,
    } = denial;
    let (resource, principal) = of;
    if !hangs_on.is_empty() {
        let text = format!(
            "whether it is allowed on {resource} is not known: that hangs on {}",
            hangs_on.join(", ")
        );
        let remedy = format!("see that the policy of {principal} means this call");
        return book.unknown(about, text, remedy);
    }
    let text = format!("not allowed on {resource} ({why})");
    let remedy = format!("allow {action} there in the policy of {principal}");
    if binds {
        book.blocking(about, text, remedy);
    } else {
        book.warning(about, text, remedy);
    }
}

fn unknown(book: &mut Book, why: &str, principal: &str) {
    book.unknown(
        About::all(ReadinessCode::Permission, SIMULATE),
        format!("whether the plans' calls are allowed is not known: {why}"),
        format!("allow {SIMULATE} on {principal}; it only asks"),
    );
}

/// Every action on every resource that any plan needs.
fn needed(scene: &Scene<'_>, names: &[String]) -> BTreeMap<(String, String), Needed> {
    let mut all: BTreeMap<(String, String), Needed> = BTreeMap::new();
    for trial in &scene.asked.trials {
        let Ok(plan) = &trial.plan else {
            continue;
        };
        for step in &plan.steps {
            let binds = trial.kind.is_automatic() && is_needed(step);
            let intents = std::iter::once(&step.intent).chain(&step.restore);
            for permission in intents.flat_map(permissions) {
                let resource = whole(&permission.resource, names);
                let key = (permission.action.to_owned(), resource);
                *all.entry(key)
                    .or_default()
                    .entry(trial.to.clone())
                    .or_default() |= binds;
            }
        }
    }
    all
}

/// The ARN that a plan knows in part: a policy may name all of it.
fn whole(resource: &str, names: &[String]) -> String {
    let known = names
        .iter()
        .find(|name| !is_whole(resource) && permissions::names(resource, name));
    known.map_or(resource, String::as_str).to_owned()
}

/// Whether it is named as policies name it. None names a change by itself.
fn is_whole(resource: &str) -> bool {
    resource == "*" || resource.ends_with(":change/*") || !resource.contains('*')
}

fn by_resource(needed: &BTreeMap<(String, String), Needed>) -> BTreeMap<String, Vec<String>> {
    let mut resources: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (action, resource) in needed.keys() {
        resources
            .entry(resource.clone())
            .or_default()
            .push(action.clone());
    }
    resources
}

/// Whose policies count: the role that is assumed, or whoever the credentials belong to.
async fn principal(scene: &Scene<'_>) -> Result<String, ReadError> {
    if let Some(role) = &scene.app.aws.assume_role {
        return Ok(role.clone());
    }
    let what = "the caller's identity";
    let answer = scene
        .clients
        .sts(&scene.clients.home())
        .read
        .get_caller_identity()
        .send()
        .await
        .map_err(|error| read_error(what, &error))?;
    let arn = answer.arn.unwrap_or_default();
    identity(&arn).ok_or_else(|| ReadError::Unobservable {
        what: what.to_owned(),
        why: format!("the simulator takes users and roles, not `{arn}`"),
    })
}

/// The user or the role behind a caller. A session's name has lost its role's path; a role that has
/// one must be named by `assume_role`.
fn identity(arn: &str) -> Option<String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [_, partition, service, _, account, name] = parts.as_slice() else {
        return None;
    };
    match (*service, name.split('/').next()?) {
        ("iam", "user" | "role") => Some(arn.to_owned()),
        ("sts", "assumed-role") => {
            let role = name.split('/').nth(1)?;
            Some(format!("arn:{partition}:iam::{account}:role/{role}"))
        }
        _root_or_federated => None,
    }
}

/// What the simulator does not allow.
#[derive(Debug, PartialEq, Eq)]
struct Denial {
    action: String,
    /// As the simulator words it.
    why: String,
    /// The condition keys that it was not told, and that the policy asks for.
    hangs_on: Vec<String>,
}

fn denial(result: EvaluationResult) -> Option<Denial> {
    (result.eval_decision != PolicyEvaluationDecisionType::Allowed).then(|| Denial {
        why: result.eval_decision.as_str().to_owned(),
        action: result.eval_action_name,
        hangs_on: result.missing_context_values.unwrap_or_default(),
    })
}

/// The actions that are not allowed.
async fn simulate(
    scene: &Scene<'_>,
    principal: &str,
    resource: &str,
    actions: &[String],
) -> Result<Vec<Denial>, ReadError> {
    let answer = scene
        .clients
        .iam(&RegionId::from(IAM_REGION))
        .read
        .simulate_principal_policy()
        .policy_source_arn(principal)
        .set_action_names(Some(actions.to_vec()))
        .resource_arns(with_account(resource, principal))
        .send()
        .await
        .map_err(|error| read_error(&format!("the policy of {principal}"), &error))?;
    let results = answer.evaluation_results.unwrap_or_default();
    // Each action is answered for, or it is not known to be allowed.
    if let Some(missing) = actions
        .iter()
        .find(|action| results.iter().all(|r| &r.eval_action_name != *action))
    {
        return Err(ReadError::Unobservable {
            what: format!("the policy of {principal}"),
            why: format!("the simulator said nothing of {missing}"),
        });
    }
    Ok(results.into_iter().filter_map(denial).collect())
}

/// What a table could not know: whose account it is.
fn with_account(resource: &str, principal: &str) -> String {
    let account = principal.split(':').nth(4).unwrap_or_default();
    let mut parts: Vec<&str> = resource.splitn(6, ':').collect();
    if let Some(place) = parts.get_mut(4)
        && *place == "*"
    {
        *place = account;
    }
    parts.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_judged_by_its_role() {
        let session = "arn:aws:sts::123456789012:assumed-role/failoverd/i-0abc";
        assert_eq!(
            identity(session).as_deref(),
            Some("arn:aws:iam::123456789012:role/failoverd")
        );
        let user = "arn:aws:iam::123456789012:user/eve";
        assert_eq!(identity(user).as_deref(), Some(user));
        for nobody in [
            "arn:aws:iam::123456789012:root",
            "arn:aws:sts::123456789012:federated-user/x",
            "",
        ] {
            assert_eq!(identity(nobody), None, "{nobody}");
        }
    }

    #[test]
    fn a_no_that_hangs_on_what_was_not_told_says_so() {
        let answer = |decision, keys: &[&str]| {
            let result = EvaluationResult::builder()
                .eval_action_name("rds:FailoverGlobalCluster")
                .eval_decision(decision)
                .set_missing_context_values(Some(keys.iter().map(|k| (*k).to_owned()).collect()))
                .build()
                .expect("it has what it needs");
            denial(result)
        };
        use PolicyEvaluationDecisionType::{Allowed, ExplicitDeny, ImplicitDeny};
        assert_eq!(answer(Allowed, &["aws:RequestedRegion"]), None);
        let plain = answer(ImplicitDeny, &[]).expect("a no");
        assert_eq!(
            (plain.why.as_str(), plain.hangs_on.len()),
            ("implicitDeny", 0)
        );
        let hanging = answer(ExplicitDeny, &["aws:RequestedRegion"]).expect("a no");
        assert_eq!(hanging.hangs_on, ["aws:RequestedRegion"]);
    }

    #[test]
    fn a_name_that_is_known_in_part_is_made_whole_by_who_knows_it() {
        let part = "arn:aws:eks:eu-west-1:*:nodegroup/shop/web/*";
        let own = "arn:aws:eks:eu-west-1:123456789012:nodegroup/shop/web/e4c0";
        let names: Vec<String> = [
            "arn:aws:eks:eu-west-1:123456789012:nodegroup/shop/webs/e4c1",
            "arn:aws:eks:eu-central-1:123456789012:nodegroup/shop/web/e4c2",
            own,
        ]
        .map(str::to_owned)
        .to_vec();
        assert_eq!(whole(part, &names), own);
        assert_eq!(whole(part, &names[..2]), part);
        assert!(!is_whole(part) && is_whole(own));
        for as_it_is in ["*", "arn:aws:route53:::change/*", own] {
            assert_eq!(whole(as_it_is, &names), as_it_is);
            assert!(is_whole(as_it_is));
        }
    }

    #[test]
    fn the_account_is_the_principals_where_the_table_has_none() {
        let role = "arn:aws:iam::123456789012:role/failoverd";
        assert_eq!(
            with_account("arn:aws:eks:eu-west-1:*:nodegroup/shop/web/*", role),
            "arn:aws:eks:eu-west-1:123456789012:nodegroup/shop/web/*"
        );
        for whole in [
            "*",
            "arn:aws:route53:::change/*",
            "arn:aws:rds::1:global-cluster:s",
        ] {
            assert_eq!(with_account(whole, role), whole);
        }
    }
}
