//! The wire protocols: a request is told apart, decoded, carried out on the state, and answered in
//! its own protocol.
//!
//! Service and Region come from the credential scope of the signature, as nothing else in a request
//! to an endpoint override tells them. The signature itself is not checked: there is no secret here.

mod accelerator;
mod autoscaling;
mod cloudwatch;
mod eks;
mod iam;
mod json;
mod params;
mod query;
mod rds;
mod reply;
mod route53;
mod routing_control;
mod sts;
mod time;
mod xml;

use hyper::Method;
use hyper::http::request::Parts;
use serde_json::Value;

use crate::model::RegionId;

use super::Service;
use super::world::{Refusal, State};
use cloudwatch::Speech;
use json::Json;
pub(super) use reply::Reply;

/// Method, path and query of a request.
#[derive(Debug)]
struct Head {
    method: Method,
    path: String,
    query: Vec<(String, String)>,
}

/// A request, decoded.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// Whose access key it was signed with.
    pub(super) caller: String,
    pub(super) service: Service,
    pub(super) region: RegionId,
    pub(super) operation: String,
    pub(super) parameters: Value,
    pub(super) mutating: bool,
    speech: Speech,
}

/// Why a request is not a call, with the reply that says so.
#[derive(Debug)]
pub(super) struct Unreadable {
    pub(super) what: String,
    pub(super) reply: Reply,
}

/// Tells what is asked for.
pub(super) fn read(parts: &Parts, body: &[u8]) -> Result<Call, Box<Unreadable>> {
    let header = |name: &str| parts.headers.get(name).and_then(|v| v.to_str().ok());
    let head = Head {
        method: parts.method.clone(),
        path: percent_encoding::percent_decode_str(parts.uri.path())
            .decode_utf8_lossy()
            .into_owned(),
        query: query::form(parts.uri.query().unwrap_or_default().as_bytes()),
    };
    let Scope {
        caller,
        service,
        region,
    } = match header("authorization") {
        Some(authorization) => scope(authorization)?,
        // The one operation that is not signed: its token is its proof.
        None if body.starts_with(b"Action=AssumeRoleWithWebIdentity") => Scope {
            caller: String::new(),
            service: Service::Sts,
            region: RegionId::from("us-east-1"),
        },
        None => {
            let refusal = Refusal::new(
                403,
                "MissingAuthenticationToken",
                "Request is missing Authentication Token",
            );
            return Err(unreadable("a request without a signature", &refusal));
        }
    };
    // Only CloudWatch's clients have a choice.
    let target = header("x-amz-target");
    let speech = if header("smithy-protocol") == Some("rpc-v2-cbor") {
        Speech::Cbor
    } else if target.is_some() {
        Speech::Json
    } else {
        Speech::Query
    };
    let by_form = || {
        let form = query::form(body);
        form.iter()
            .find(|(name, _)| name == "Action")
            .map(|(_, action)| (action.clone(), query::parameters(&form)))
            .ok_or_else(|| params::unknown_thing(&format!("{service} without Action")))
    };
    let decoded = match service {
        Service::Route53 => route53::read(&head, body),
        Service::Eks => eks::read(&head, body),
        Service::GlobalAccelerator => accelerator::operation(target)
            .and_then(|operation| Ok((operation, accelerator::parameters(body)?))),
        Service::CloudWatch => match speech {
            Speech::Cbor => head
                .path
                .strip_prefix("/service/GraniteServiceVersion20100801/operation/")
                .ok_or_else(|| params::unknown_thing(&format!("monitoring path {}", head.path)))
                .and_then(|operation| Ok((operation.to_owned(), cloudwatch::parameters(body)?))),
            Speech::Json => target
                .and_then(|target| target.strip_prefix(cloudwatch::TARGET))
                .ok_or_else(|| params::unknown_thing("this x-amz-target of monitoring"))
                .and_then(|operation| {
                    Ok((operation.to_owned(), cloudwatch::json_parameters(body)?))
                }),
            Speech::Query => by_form(),
        },
        Service::RoutingControl => routing_control::operation(target)
            .and_then(|operation| Ok((operation, routing_control::parameters(body)?))),
        Service::Rds | Service::AutoScaling | Service::Sts | Service::Iam => by_form(),
    };
    let (operation, parameters) = decoded.map_err(|refusal| {
        Box::new(Unreadable {
            what: format!(
                "{service} {} {}: {}",
                head.method, head.path, refusal.message
            ),
            reply: refuse(service, speech, &refusal),
        })
    })?;
    Ok(Call {
        caller,
        service,
        mutating: match service {
            Service::Route53 => route53::mutates(&operation),
            Service::GlobalAccelerator => accelerator::mutates(&operation),
            Service::Rds => rds::mutates(&operation),
            Service::Eks => eks::mutates(&operation),
            Service::RoutingControl => routing_control::mutates(&operation),
            Service::AutoScaling | Service::CloudWatch | Service::Sts | Service::Iam => false,
        },
        region,
        operation,
        parameters,
        speech,
    })
}

/// What a signature says of a request.
struct Scope {
    caller: String,
    service: Service,
    region: RegionId,
}

/// `AWS4-HMAC-SHA256 Credential=AKID/date/region/service/aws4_request, …`
fn scope(authorization: &str) -> Result<Scope, Box<Unreadable>> {
    let bad = |message: String| {
        let refusal = Refusal::new(403, "IncompleteSignature", message.clone());
        unreadable(&message, &refusal)
    };
    let scope: Vec<&str> = authorization
        .split_once("Credential=")
        .and_then(|(_, rest)| rest.split([',', ' ']).next())
        .map(|credential| credential.split('/').collect())
        .unwrap_or_default();
    let [key, _date, region, name, "aws4_request"] = scope.as_slice() else {
        return Err(bad(format!("no credential scope in '{authorization}'")));
    };
    match Service::from_signing_name(name) {
        Some(service) => Ok(Scope {
            caller: (*key).to_owned(),
            service,
            region: RegionId::from(*region),
        }),
        None => Err(unreadable(
            &format!("service {name}"),
            &params::unknown_thing(&format!("service {name}")),
        )),
    }
}

fn unreadable(what: &str, refusal: &Refusal) -> Box<Unreadable> {
    Box::new(Unreadable {
        what: what.to_owned(),
        reply: query::refuse(sts::NAMESPACE, refusal),
    })
}

/// Carries out a call.
pub(super) fn perform(state: &mut State, call: &Call) -> Result<Reply, Refusal> {
    let (operation, p) = (call.operation.as_str(), &call.parameters);
    if let Some(only) = call.service.only_region()
        && matches!(call.service, Service::Route53 | Service::Iam)
        && call.region.as_str() != only
    {
        return Err(Refusal::new(
            403,
            "SignatureDoesNotMatch",
            format!(
                "Credential should be scoped to a valid region, not '{}'.",
                call.region
            ),
        ));
    }
    match call.service {
        Service::Route53 => route53::perform(state, operation, p),
        Service::GlobalAccelerator => accelerator::perform(state, &call.region, operation, p),
        Service::Rds => rds::perform(state, &call.region, operation, p),
        Service::Eks => eks::perform(state, &call.region, operation, p),
        Service::AutoScaling => autoscaling::perform(state, &call.region, operation, p),
        Service::CloudWatch => cloudwatch::perform(state, &call.region, operation, p, call.speech),
        Service::Sts => sts::perform(state, operation, p),
        Service::Iam => iam::perform(state, operation, p),
        Service::RoutingControl => routing_control::perform(state, &call.region, operation, p),
    }
}

/// A no, in the call's own protocol.
pub(super) fn refusal(call: &Call, refusal: &Refusal) -> Reply {
    refuse(call.service, call.speech, refusal)
}

/// Whether a no means that the sandbox is at its end, not that AWS says no.
pub(super) fn is_unknown(refusal: &Refusal) -> bool {
    refusal.code == params::UNKNOWN
}

/// How the service says that it is asked too often.
pub(super) fn throttled(service: Service) -> Refusal {
    match service {
        Service::Route53
        | Service::Rds
        | Service::AutoScaling
        | Service::CloudWatch
        | Service::Sts
        | Service::Iam => Refusal::bad("Throttling", "Rate exceeded"),
        Service::GlobalAccelerator => Refusal::bad("ThrottlingException", "Rate exceeded"),
        Service::Eks | Service::RoutingControl => {
            Refusal::new(429, "ThrottlingException", "Rate exceeded")
        }
    }
}

/// How a failing control plane answers.
pub(super) fn failing(service: Service, status: u16, code: Option<String>) -> Refusal {
    let own = match service {
        Service::Eks => "ServiceUnavailableException",
        Service::GlobalAccelerator => "InternalServiceErrorException",
        Service::RoutingControl => "EndpointTemporarilyUnavailableException",
        Service::Route53
        | Service::Rds
        | Service::AutoScaling
        | Service::CloudWatch
        | Service::Sts
        | Service::Iam => "ServiceUnavailable",
    };
    let code = code.unwrap_or_else(|| own.to_owned());
    Refusal::new(status, &code, format!("{service} answers {code}."))
}

/// How a service says that the caller's policy does not allow it.
pub(super) fn denied(call: &Call) -> Refusal {
    let action = format!("{}:{}", call.service.iam_prefix(), call.operation);
    let message = format!(
        "User: arn:aws:iam::{}:user/failoverd is not authorized to perform: {action}",
        super::setup::ACCOUNT
    );
    match call.service {
        Service::GlobalAccelerator => Refusal::bad("AccessDeniedException", message),
        Service::Eks | Service::RoutingControl => {
            Refusal::new(403, "AccessDeniedException", message)
        }
        Service::Route53
        | Service::Rds
        | Service::AutoScaling
        | Service::CloudWatch
        | Service::Sts
        | Service::Iam => Refusal::new(403, "AccessDenied", message),
    }
}

fn refuse(service: Service, speech: Speech, refusal: &Refusal) -> Reply {
    match service {
        Service::Route53 => route53::refuse(refusal),
        Service::GlobalAccelerator => Json::Rpc.refuse(refusal),
        Service::RoutingControl => Json::Rpc0.refuse(refusal),
        Service::Eks => Json::Rest.refuse(refusal),
        Service::CloudWatch => speech.refuse(refusal),
        Service::Rds => query::refuse(rds::NAMESPACE, refusal),
        Service::AutoScaling => query::refuse(autoscaling::NAMESPACE, refusal),
        Service::Sts => query::refuse(sts::NAMESPACE, refusal),
        Service::Iam => query::refuse(iam::NAMESPACE, refusal),
    }
}
