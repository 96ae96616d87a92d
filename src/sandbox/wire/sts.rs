//! STS over query, version 2011-06-15. Whoever asks is let in: who may do what is not this world's
//! matter.

use serde_json::{Value, json};

use crate::model::Millis;
use crate::sandbox::setup::ACCOUNT;

use super::super::world::{Refusal, State};
use super::params::{number, only, text, unknown_thing};
use super::query;
use super::reply::Reply;
use super::time::iso;

pub(super) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

const BAD: &str = "ValidationError";

/// Carries out one operation.
pub(super) fn perform(state: &State, operation: &str, p: &Value) -> Result<Reply, Refusal> {
    let result = match operation {
        "GetCallerIdentity" => {
            only(p, &[])?;
            json!({
                "Arn": format!("arn:aws:iam::{ACCOUNT}:user/failoverd"),
                "UserId": "AIDASAMPLEUSERID",
                "Account": ACCOUNT,
            })
        }
        "AssumeRole" => {
            only(
                p,
                &[
                    "RoleArn",
                    "RoleSessionName",
                    "ExternalId",
                    "DurationSeconds",
                ],
            )?;
            session(state, p)?
        }
        "AssumeRoleWithWebIdentity" => {
            only(
                p,
                &[
                    "RoleArn",
                    "RoleSessionName",
                    "WebIdentityToken",
                    "DurationSeconds",
                ],
            )?;
            text(p, "WebIdentityToken", BAD)?;
            let mut session = session(state, p)?;
            session["SubjectFromWebIdentityToken"] =
                json!("system:serviceaccount:failoverd:failoverd");
            session["Audience"] = json!("sts.amazonaws.com");
            session
        }
        other => return Err(unknown_thing(&format!("sts {other}"))),
    };
    Ok(query::answer(NAMESPACE, operation, &result, &|_| {
        "member".to_owned()
    }))
}

fn session(state: &State, p: &Value) -> Result<Value, Refusal> {
    let role = text(p, "RoleArn", BAD)?;
    let session = text(p, "RoleSessionName", BAD)?;
    let Some((_, role_name)) = role.split_once(":role/") else {
        return Err(Refusal::bad(BAD, format!("{role} is invalid")));
    };
    let seconds = number(p, "DurationSeconds", BAD)?.unwrap_or(3_600);
    Ok(json!({
        "Credentials": {
            "AccessKeyId": "ASIASANDBOX00000000",
            "SecretAccessKey": "sandbox",
            "SessionToken": "sandbox-session",
            "Expiration": iso(state.now + Millis::from_secs(seconds)),
        },
        "AssumedRoleUser": {
            "AssumedRoleId": format!("AROASANDBOX:{session}"),
            "Arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role_name}/{session}"),
        },
    }))
}
