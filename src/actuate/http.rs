//! `http.check` and `http.request`: questions to the application, and hooks of its own.
//!
//! A check is asked anew with every observation and changes nothing at AWS. A request is sent once
//! per attempt; it cannot be read back and is done when it is answered as expected. It carries an
//! `Idempotency-Key`, the same for every repetition of one attempt, so that a hook may know.

use std::sync::Arc;
use std::time::Duration;

use super::gate::{Gate, Passage};
use super::http_once::{Answered, Ask, HttpError, HttpOnce};
use super::pace::CALL_FLOOR;
use crate::model::{Application, RegionId, StatusRange};
use crate::ports::{CallOutcome, Clock, Goal, Observation, Proof};

/// A question and what answers it.
pub(super) struct Check<'a> {
    pub(super) url: &'a str,
    pub(super) method: &'a str,
    pub(super) expect_status: &'a [StatusRange],
    pub(super) body_contains: Option<&'a str>,
    pub(super) expect_region: Option<&'a RegionId>,
}

/// A request to a hook.
pub(super) struct Request<'a> {
    pub(super) url: &'a str,
    pub(super) method: &'a str,
    pub(super) body: Option<&'a str>,
    pub(super) expect_status: &'a [StatusRange],
    pub(super) token: String,
}

/// Asks.
pub(super) async fn observe(
    http: &HttpOnce,
    clock: &Arc<dyn Clock>,
    application: &Application,
    check: &Check<'_>,
) -> Observation {
    let ask = Ask {
        method: check.method,
        url: check.url,
        body: None,
        headers: Vec::new(),
        timeout: timeout(clock, application),
    };
    match http.ask(&ask, || Ok(())).await {
        Ok(answered) => judge(check, &answered),
        Err(error @ (HttpError::Url { .. } | HttpError::Request { .. })) => Observation {
            goal: Goal::Impossible {
                code: "invalid_request".to_owned(),
                message: format!("{error}: correct url and method of the step"),
            },
            seen: error.to_string(),
        },
        Err(
            error @ (HttpError::Connect { .. }
            | HttpError::Dropped(_)
            | HttpError::NoAnswer { .. }
            | HttpError::TimedOut { .. }),
        ) => Observation {
            goal: Goal::Unobservable {
                why: error.to_string(),
            },
            seen: error.to_string(),
        },
    }
}

/// Sends.
pub(super) async fn apply(
    http: &HttpOnce,
    clock: &Arc<dyn Clock>,
    application: &Application,
    request: &Request<'_>,
    proof: &Proof,
) -> CallOutcome {
    let gate = Gate::new(proof);
    let ask = Ask {
        method: request.method,
        url: request.url,
        body: request.body,
        headers: vec![("idempotency-key", request.token.clone())],
        timeout: timeout(clock, application),
    };
    let last_moment = || gate.pass();
    let result = http.ask(&ask, last_moment).await;
    match (result, gate.end()) {
        (Ok(answered), _) => answer(request, &answered),
        (Err(error @ (HttpError::Url { .. } | HttpError::Request { .. })), _) => {
            CallOutcome::Refused {
                code: "invalid_request".to_owned(),
                message: format!("{error}: correct url and method of the step"),
            }
        }
        (Err(error), Passage::Handed) => CallOutcome::Unknown {
            why: error.to_string(),
        },
        (Err(error), Passage::Lapsed | Passage::NeverHanded) => CallOutcome::NotSent {
            why: error.to_string(),
        },
    }
}

fn timeout(clock: &Arc<dyn Clock>, application: &Application) -> Duration {
    clock.real(application.aws.call_timeout, CALL_FLOOR)
}

fn judge(check: &Check<'_>, answered: &Answered) -> Observation {
    let not_met = |seen: String| Observation {
        goal: Goal::NotMet,
        seen,
    };
    let status = answered.status;
    if !is_expected(check.expect_status, status) {
        return not_met(format!("answered {status}"));
    }
    if let Some(text) = check.body_contains
        && !String::from_utf8_lossy(&answered.body).contains(text)
    {
        return not_met(format!("answered {status} without {text:?} in its body"));
    }
    if let Some(region) = check.expect_region {
        let said = region_of(answered);
        if said.as_deref() != Some(region.as_str()) {
            return not_met(match said {
                Some(said) => format!("answered {status} from {said}"),
                None => format!("answered {status} without telling its Region"),
            });
        }
    }
    Observation {
        goal: Goal::Met,
        seen: match region_of(answered) {
            Some(region) => format!("answered {status} from {region}"),
            None => format!("answered {status}"),
        },
    }
}

/// What a hook's answer makes of the call. A hook is not AWS: what it does on 5xx nobody knows.
fn answer(request: &Request<'_>, answered: &Answered) -> CallOutcome {
    let status = answered.status;
    if is_expected(request.expect_status, status) {
        return CallOutcome::Accepted;
    }
    let code = format!("http-{status}");
    match status {
        429 => CallOutcome::Busy {
            code,
            message: format!("{} asks to wait", request.url),
        },
        408 | 500..=599 => CallOutcome::Unknown {
            why: format!("{} answered {status}", request.url),
        },
        _ => CallOutcome::Refused {
            code,
            message: format!(
                "{} answered {status}, which the step does not expect: mend the hook, or \
                 expect_status",
                request.url
            ),
        },
    }
}

/// Without expectations any 2xx will do.
fn is_expected(expected: &[StatusRange], status: u16) -> bool {
    if expected.is_empty() {
        return (200..300).contains(&status);
    }
    expected.iter().any(|range| range.contains(status))
}

/// The Region that the answer names: its `x-region` header, or member `region` of a JSON body.
fn region_of(answered: &Answered) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Told {
        region: String,
    }
    answered.region.clone().or_else(|| {
        serde_json::from_slice::<Told>(&answered.body)
            .ok()
            .map(|told| told.region)
    })
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
