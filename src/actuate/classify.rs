//! What an SDK error means: the one table from errors to outcomes.
//!
//! | what came back | outcome of a write |
//! | --- | --- |
//! | nothing was handed to a socket (see `gate`) | `NotSent`; `Refused` where repeating cannot help |
//! | timeout, reset, garbled answer | `Unknown`: executed or not, only an observation can tell |
//! | a throttling code, whatever its status, or 429 | `Busy` |
//! | a code that says that something else is under way | `Busy` |
//! | 5xx, 408, or a code that names a fault of the service | `Unknown` |
//! | any other 4xx, known code or not | `Refused` |
//! | anything else | `Unknown` |
//!
//! An unknown 4xx code is `Refused` because the status alone says that the service has read the
//! request, blames it, and did nothing: all five mutating operations answer so. An unknown 5xx says
//! nothing of the kind.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::gate::{Gate, Passage};
use crate::ports::{CallOutcome, Goal, Observation, ReadError};

/// "Not so fast", in the words of all services. They come with 400, 403, 429 or 503 alike.
const THROTTLES: &[&str] = &[
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
    "TooManyRequestsException",
];

/// "Something else is under way here": the same request may be accepted once that has ended.
const IN_PROGRESS: &[&str] = &[
    // Route 53: one change in flight per zone.
    "PriorRequestNotComplete",
    // Global Accelerator: another change of this accelerator.
    "TransactionInProgressException",
    "ConflictException",
    // EKS: the node group is not ACTIVE.
    "ResourceInUseException",
    // RDS: a cluster of the global cluster is not in a state to be promoted *now*. The action reads
    // again what is under way and says more (see `aurora`).
    "InvalidDBClusterStateFault",
    "InvalidGlobalClusterStateFault",
    // Auto Scaling: an update is pending.
    "ResourceContention",
    "ResourceContentionFault",
];

/// Faults of the service, some of which come with a 4xx.
const SERVICE_FAULTS: &[&str] = &[
    // One of the endpoints of a cluster of routing controls.
    "EndpointTemporarilyUnavailableException",
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "InternalServerException",
    "InternalServiceError",
    "InternalServiceErrorException",
    "InternalServiceFault",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServerException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
];

/// What an error *answer* says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Not now.
    Busy,
    /// The service read it and did nothing.
    Refused,
    /// It may have been executed.
    Unknown,
}

/// What an answer of that status and code says about the write it answers.
pub(super) fn answer(status: u16, code: &str) -> Answer {
    if THROTTLES.contains(&code) || IN_PROGRESS.contains(&code) {
        return Answer::Busy;
    }
    if SERVICE_FAULTS.contains(&code) {
        return Answer::Unknown;
    }
    match status {
        429 => Answer::Busy,
        408 => Answer::Unknown,
        400..=499 => Answer::Refused,
        _ => Answer::Unknown,
    }
}

/// How to mend what a code complains of, where a person can.
pub(super) fn remedy(code: &str) -> Option<&'static str> {
    Some(match code {
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" => {
            "allow this action in the IAM policy of the role that failoverd uses"
        }
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "TokenRefreshRequired" => {
            "the credentials have expired: renew them, or use a role that renews itself"
        }
        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "InvalidAccessKeyId"
        | "InvalidToken" => {
            "the credentials are not known to AWS: check profile, role and account in [aws]"
        }
        "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "IncompleteSignature"
        | "RequestTimeTooSkewed" => "check the secret key, and this host's clock",
        "MissingAuthenticationToken" | "MissingAuthenticationTokenException" => {
            "no credentials were sent: set a profile, a role or the AWS_* variables"
        }
        "OptInRequired" | "SubscriptionRequiredException" => {
            "enable the service or the Region for this account"
        }
        "InvalidChangeBatch" => {
            "the record sets are no longer as the plan froze them: make a new plan"
        }
        "NoSuchHostedZone" => "check hosted_zone_id of the application",
        "NoSuchHealthCheck" => {
            "the health check of a record set is gone: create it, then plan anew"
        }
        "EndpointGroupNotFoundException" => "check endpoint_group_arn of the Region",
        "AcceleratorNotFoundException" => "check accelerator_arn of the application",
        "GlobalClusterNotFoundFault" => "check global_cluster of the application",
        "DBClusterNotFoundFault" => "check db_cluster_arn of the Region",
        "ResourceNotFoundException" => {
            "check cluster and name of the node group, or routing_control_arn of the Region"
        }
        "LimitExceededException" | "LimitsExceeded" | "ResourceLimitExceededException" => {
            "a quota of the account is reached: raise it"
        }
        _ => return None,
    })
}

/// Codes that say that the thing asked about does not exist.
fn is_missing(code: &str) -> bool {
    matches!(
        code,
        "NoSuchHostedZone"
            | "EndpointGroupNotFoundException"
            | "AcceleratorNotFoundException"
            | "GlobalClusterNotFoundFault"
            | "DBClusterNotFoundFault"
            | "ResourceNotFoundException"
    )
}

impl Gate {
    /// Ends a mutating call and says what became of it.
    pub(super) fn conclude<T, E>(&self, result: Result<T, SdkError<E, HttpResponse>>) -> CallOutcome
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let passage = self.end();
        match (result, passage) {
            (Ok(_), _) => CallOutcome::Accepted,
            (Err(_), Passage::Lapsed) => CallOutcome::NotSent {
                why: "the proof of leadership no longer held when the request was to be sent"
                    .to_owned(),
            },
            (Err(error), Passage::NeverHanded) => unsent(&error),
            (Err(error), Passage::Handed) => sent(&error),
        }
    }
}

/// Certainly not sent: shall it be tried again?
fn unsent<E>(error: &SdkError<E, HttpResponse>) -> CallOutcome
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    if let SdkError::ConstructionFailure(_) = error {
        return CallOutcome::Refused {
            code: "invalid_request".to_owned(),
            message: format!("the request cannot be made: {}", chain(error)),
        };
    }
    match credentials_error(error) {
        // Nothing will change by itself: a person must configure them.
        Some(CredentialsError::CredentialsNotLoaded(_)) => CallOutcome::Refused {
            code: "credentials_missing".to_owned(),
            message: no_credentials(error),
        },
        Some(CredentialsError::InvalidConfiguration(_)) => CallOutcome::Refused {
            code: "credentials_invalid".to_owned(),
            message: no_credentials(error),
        },
        // The provider may answer the next time.
        Some(_) => CallOutcome::NotSent {
            why: no_credentials(error),
        },
        None => CallOutcome::NotSent {
            why: format!("no connection was made: {}", chain(error)),
        },
    }
}

/// Handed to a socket.
fn sent<E>(error: &SdkError<E, HttpResponse>) -> CallOutcome
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    match error {
        SdkError::ServiceError(service) => {
            let status = service.raw().status().as_u16();
            let code = code_of(service.err(), status);
            let message = told(&code, service.err().message());
            match answer(status, &code) {
                Answer::Busy => CallOutcome::Busy { code, message },
                Answer::Refused => CallOutcome::Refused { code, message },
                Answer::Unknown => CallOutcome::Unknown {
                    why: format!("answered {status} {code}: {message}"),
                },
            }
        }
        SdkError::TimeoutError(_) => CallOutcome::Unknown {
            why: "no answer in time".to_owned(),
        },
        SdkError::DispatchFailure(_) => CallOutcome::Unknown {
            why: format!("the connection failed before the answer: {}", chain(error)),
        },
        SdkError::ResponseError(_) => CallOutcome::Unknown {
            why: format!("the answer could not be understood: {}", chain(error)),
        },
        SdkError::ConstructionFailure(_) => CallOutcome::Unknown { why: chain(error) },
        // The SDK may learn new kinds of failure; none of them says that nothing was done.
        _ => CallOutcome::Unknown { why: chain(error) },
    }
}

/// What a failed read means.
pub(super) fn read_error<E>(what: &str, error: &SdkError<E, HttpResponse>) -> ReadError
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let what = what.to_owned();
    if let SdkError::ServiceError(service) = error {
        let status = service.raw().status().as_u16();
        let code = code_of(service.err(), status);
        let message = told(&code, service.err().message());
        return match answer(status, &code) {
            Answer::Refused => ReadError::Refused {
                what,
                code,
                message,
            },
            Answer::Busy | Answer::Unknown => ReadError::Unobservable {
                what,
                why: format!("answered {status} {code}: {message}"),
            },
        };
    }
    match credentials_error(error) {
        Some(
            CredentialsError::CredentialsNotLoaded(_) | CredentialsError::InvalidConfiguration(_),
        ) => ReadError::Refused {
            what,
            code: "credentials_missing".to_owned(),
            message: no_credentials(error),
        },
        Some(_) => ReadError::Unobservable {
            what,
            why: no_credentials(error),
        },
        None => ReadError::Unobservable {
            what,
            why: chain(error),
        },
    }
}

/// What an observation whose read failed says of the goal: a thing that does not exist will not be
/// changed either; everything else leaves the question open.
pub(super) fn unobserved(error: &ReadError) -> Observation {
    let goal = match error {
        ReadError::Refused { code, message, .. } if is_missing(code) => Goal::Impossible {
            code: code.clone(),
            message: message.clone(),
        },
        ReadError::Refused { .. } | ReadError::Unobservable { .. } => Goal::Unobservable {
            why: error.to_string(),
        },
    };
    Observation {
        goal,
        seen: error.to_string(),
    }
}

/// What a write whose preparatory read failed has come to: it was not sent.
pub(super) fn unprepared(error: &ReadError) -> CallOutcome {
    match error {
        ReadError::Refused { code, message, .. } => CallOutcome::Refused {
            code: code.clone(),
            message: message.clone(),
        },
        ReadError::Unobservable { .. } => CallOutcome::NotSent {
            why: error.to_string(),
        },
    }
}

fn code_of<E: ProvideErrorMetadata>(error: &E, status: u16) -> String {
    match error.code() {
        // Some services send `Code:http://…` or `namespace#Code`.
        Some(code) => {
            let code = code.split(':').next().unwrap_or(code);
            code.rsplit('#').next().unwrap_or(code).to_owned()
        }
        None => format!("http-{status}"),
    }
}

fn told(code: &str, message: Option<&str>) -> String {
    let said = message.unwrap_or("the service said no more");
    match remedy(code) {
        Some(remedy) => format!("{said} ({remedy})"),
        None => said.to_owned(),
    }
}

fn no_credentials(error: &(dyn StdError + 'static)) -> String {
    format!(
        "no AWS credentials: {} (set profile or assume_role in [aws], the AWS_* variables, or give \
         this host a role)",
        chain(error)
    )
}

/// The credentials error somewhere among the causes, if that is what it is.
fn credentials_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a CredentialsError> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<CredentialsError>() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// An error and all its causes in one line, each said once.
pub(super) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = error.source();
    }
    line
}

#[cfg(test)]
#[path = "classify_tests.rs"]
mod tests;
