//! IAM over query, version 2010-05-08, in us-east-1 only: the simulator of policies, whose answer is
//! what the faults deny.

use serde_json::{Value, json};

use crate::sandbox::setup::ACCOUNT;

use super::super::world::{Refusal, State};
use super::params::{only, text, texts, unknown_thing};
use super::query;
use super::reply::Reply;

pub(super) const NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";

const BAD: &str = "InvalidInput";

/// Carries out one operation.
pub(super) fn perform(state: &State, operation: &str, p: &Value) -> Result<Reply, Refusal> {
    if operation != "SimulatePrincipalPolicy" {
        return Err(unknown_thing(&format!("iam {operation}")));
    }
    only(p, &["PolicySourceArn", "ActionNames", "ResourceArns"])?;
    principal(text(p, "PolicySourceArn", BAD)?)?;
    let actions = texts(p, "ActionNames");
    if actions.is_empty() {
        return Err(Refusal::bad(
            BAD,
            "1 validation error detected: Value null at 'actionNames' failed to satisfy constraint: Member must not be null",
        ));
    }
    let mut resources = texts(p, "ResourceArns");
    if resources.is_empty() {
        resources.push("*".to_owned());
    }
    if let Some(wrong) = actions.iter().find(|action| !action.contains(':')) {
        return Err(Refusal::bad(BAD, format!("Invalid action: {wrong}")));
    }
    if let Some(wrong) = resources.iter().find(|arn| !is_resource(arn)) {
        return Err(Refusal::bad(BAD, format!("Invalid Entity Arn: {wrong}")));
    }
    let results: Vec<Value> = actions
        .iter()
        .flat_map(|action| resources.iter().map(move |resource| (action, resource)))
        .map(|(action, resource)| {
            let decision = if state.faults.denies(action) {
                "implicitDeny"
            } else {
                "allowed"
            };
            json!({
                "EvalActionName": action,
                "EvalResourceName": resource,
                "EvalDecision": decision,
                "MatchedStatements": [],
                "MissingContextValues": [],
            })
        })
        .collect();
    let result = json!({"EvaluationResults": results, "IsTruncated": false});
    Ok(query::answer(NAMESPACE, operation, &result, &|_| {
        "member".to_owned()
    }))
}

/// A user or a role of this account; a session's own ARN is none.
fn principal(arn: &str) -> Result<(), Refusal> {
    let name = arn
        .strip_prefix(&format!("arn:aws:iam::{ACCOUNT}:"))
        .filter(|name| name.starts_with("user/") || name.starts_with("role/"));
    match name {
        Some(_) => Ok(()),
        None if arn.starts_with("arn:aws:iam::") => Err(Refusal::missing(
            "NoSuchEntity",
            format!("The principal {arn} cannot be found."),
        )),
        None => Err(Refusal::bad(BAD, format!("Invalid Entity Arn: {arn}"))),
    }
}

fn is_resource(arn: &str) -> bool {
    arn == "*" || arn.starts_with("arn:") && arn.split(':').count() >= 6
}
