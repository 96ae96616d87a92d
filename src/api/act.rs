//! A change: what was asked, by whom, and the only way to have it done.
//!
//! ```text
//!  POST ──gate──▶ Act<Body> ──perform──▶ audit: asked ──▶ the desk ──▶ audit: done, refused, unknown
//! ```
//!
//! Invariant: nothing is changed that is not in the audit first. The desk is reached through
//! [`Act::perform`] alone, so a route that forgets the audit has nothing to change with.

use std::future::Future;
use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::StatusCode;
use serde::de::DeserializeOwned;

use super::access::{Caller, role_word};
use super::desk::OperatorDesk;
use super::gate::{self, Passed};
use super::problem::Problem;
use super::source::ApiSource;
use super::state::Api;
use super::wire::{Done, RunStarted};
use crate::controller::{PlanAsk, Planned};
use crate::daemon::members::MembersNow;
use crate::daemon::{AskFailed, EvacuationAsk, NotChecked};
use crate::model::{
    AppId, AuditCall, AuditOutcome, CommandBody, Evacuation, Event, HeldReadiness, MemberId,
    Rejection,
};
use crate::ports::LedgerError;

/// Characters of a name, of a member or of a person.
pub(super) const NAME: usize = 128;

/// Characters of a reason.
pub(super) const REASON: usize = 1_000;

/// What a name is, as the document says it: of one line, and not blank.
pub(super) const NAME_PATTERN: &str =
    r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$";

/// What a reason is that need not be given: of as many lines as it takes.
pub(super) const TEXT_PATTERN: &str = r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*$";

/// Likewise of one that must be: not blank.
pub(super) const REASON_PATTERN: &str = concat!(
    r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f]",
    r"[^\x00-\x08\x0b-\x1f\x7f-\x9f]*$"
);

/// Characters of a body as it stands in the audit.
const SAID: usize = 2_000;

/// Where changes are asked for. What it holds is this file's alone.
pub(super) struct Desk(Arc<dyn OperatorDesk>);

impl Desk {
    pub fn of(source: &mut ApiSource) -> Self {
        Self(Arc::clone(&source.desk))
    }

    /// A dry run: it changes nothing, so it is not in the audit.
    pub async fn plan(&self, ask: PlanAsk) -> Result<Planned, AskFailed> {
        self.0.plan(ask).await
    }

    /// Likewise, of an evacuation.
    pub fn plan_evacuation(&self, ask: &EvacuationAsk) -> Result<Evacuation, Rejection> {
        self.0.plan_evacuation(ask)
    }

    /// A look at AWS by read calls: likewise.
    pub async fn check_now(&self, app: AppId) -> Result<Arc<HeldReadiness>, NotChecked> {
        self.0.check_now(app).await
    }
}

/// A body that says who asks and why.
pub(super) trait Spoken: DeserializeOwned {
    fn by(&self) -> Option<&str>;
    fn reason(&self) -> Option<&str>;
}

/// What came of an act, for the audit.
pub(super) trait Came {
    fn detail(&self) -> Option<String>;
}

impl Came for Done {
    fn detail(&self) -> Option<String> {
        Some(self.text.clone())
    }
}

impl Came for RunStarted {
    fn detail(&self) -> Option<String> {
        Some(self.run.clone())
    }
}

impl Came for Evacuation {
    fn detail(&self) -> Option<String> {
        Some(self.id.to_string())
    }
}

impl Came for MembersNow {
    fn detail(&self) -> Option<String> {
        let voters: Vec<&str> = self.voters.iter().map(MemberId::as_str).collect();
        Some(format!("voters: {}", voters.join(", ")))
    }
}

/// A change that was asked for and has not been made yet.
pub(super) struct Act<T> {
    /// What was said.
    pub body: T,
    pub caller: Caller,
    /// Who asks, for the ledger: as authenticated, or as said where nobody is.
    pub by: String,
    about: Option<AppId>,
    call: String,
    said: String,
    reason: Option<String>,
    api: Api,
}

impl<T: Spoken + Send> FromRequest<Api> for Act<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let passed = parts
            .extensions
            .get::<Passed>()
            .filter(|passed| passed.changes)
            .cloned()
            .ok_or_else(not_a_change)?;
        let bytes = gate::whole(body).await?;
        let body: T = parse(&bytes)?;
        // Looked at even where it does not count: what nobody could be called is a mistake.
        let said_by = body.by().map(|by| line("`by`", by, NAME)).transpose()?;
        let by = match (&passed.caller.name, said_by) {
            (Some(name), _) => name.clone(),
            (None, Some(by)) => by.to_owned(),
            (None, None) => return Err(nobody_said()),
        };
        let reason = body
            .reason()
            .map(str::trim)
            .filter(|reason| !reason.is_empty());
        let reason = reason
            .map(|reason| text("`reason`", reason, REASON))
            .transpose()?;
        Ok(Self {
            by,
            reason: reason.map(str::to_owned),
            said: short(&bytes),
            about: passed.about,
            call: passed.call,
            caller: passed.caller,
            api: api.clone(),
            body,
        })
    }
}

impl<T> Act<T> {
    /// Which application it is about, where the path does not say so.
    #[must_use]
    pub fn about(mut self, app: Option<AppId>) -> Self {
        self.about = app;
        self
    }

    /// Why it is asked for, if that was said.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Why it is asked for, where that must be said.
    pub fn because(&self) -> Result<String, Problem> {
        self.reason.clone().ok_or_else(|| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "no_reason",
                "the call does not say why",
                "Give a reason, for whoever reads the history: \"reason\": \"…\", or --reason.",
            )
        })
    }

    /// Has it done, between two entries of the audit.
    ///
    /// # Errors
    ///
    /// As `what` says; and before it is begun, if the audit cannot be written.
    pub async fn perform<R: Came, F>(
        self,
        what: impl FnOnce(Arc<dyn OperatorDesk>) -> F,
    ) -> Result<R, Problem>
    where
        F: Future<Output = Result<R, Problem>>,
    {
        let asked = self.record(AuditOutcome::Asked, None, None).await;
        let number = match asked {
            Ok(number) => number,
            Err(error) => return Err(not_recorded(&error)),
        };
        let came = what(Arc::clone(&self.api.desk().0)).await;
        let (outcome, detail) = match &came {
            Ok(done) => (AuditOutcome::Done, done.detail()),
            Err(problem) if problem.status == StatusCode::GATEWAY_TIMEOUT.as_u16() => {
                (AuditOutcome::Unknown, Some(problem.code.clone()))
            }
            Err(problem) => (AuditOutcome::Refused, Some(problem.code.clone())),
        };
        if let Err(error) = self.record(outcome, detail, number).await {
            // The caller is told what came of it all the same: that is true.
            tracing::warn!(%error, call = self.call, by = self.by, outcome = outcome.as_str(),
                "the outcome of a call is not in the audit");
        }
        came
    }

    /// The entry's number; none where the cluster is older than its audit.
    async fn record(
        &self,
        outcome: AuditOutcome,
        detail: Option<String>,
        answers: Option<u64>,
    ) -> Result<Option<u64>, LedgerError> {
        let call = AuditCall {
            who: self.by.clone(),
            how: self.caller.how.as_str().to_owned(),
            role: role_word(self.caller.role).to_owned(),
            from: self.caller.from.ip().to_string(),
            via: self.api.source().member.id.clone(),
            call: self.call.clone(),
            application: self.about.clone(),
            reason: self.reason.clone(),
            said: self.said.clone(),
            outcome,
            detail,
            answers,
        };
        let written = self.api.desk().0.command(CommandBody::RecordAudit {
            call: Box::new(call),
        });
        match written.await? {
            Ok(Event::Audited { number }) => Ok(Some(number)),
            Ok(event) => {
                tracing::error!(?event, "the audit was answered with another event");
                Ok(None)
            }
            // In the middle of an upgrade: an outage does not wait for its end.
            Err(rejection @ Rejection::OldMember { .. }) => {
                tracing::warn!(%rejection, call = self.call, by = self.by, reason = self.reason,
                    said = self.said, outcome = outcome.as_str(), "not in the audit yet");
                Ok(None)
            }
            Err(rejection) => Err(LedgerError::Unknown {
                why: rejection.to_string(),
            }),
        }
    }
}

/// The body as the type it should be.
pub(super) fn parse<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, Problem> {
    let bad = |why: String| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "bad_body",
            format!("the body cannot be understood: {why}"),
            "GET /v1/openapi.json says what belongs in it.",
        )
    };
    // Values without their names, in a list, would be taken for the fields in their order.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(bad("it is no JSON object".to_owned()));
    }
    serde_json::from_slice(bytes).map_err(|error| bad(error.to_string()))
}

/// What goes into logs and the ledger: short, and of one line.
pub(super) fn line<'a>(what: &str, text: &'a str, most: usize) -> Result<&'a str, Problem> {
    let good = !text.trim().is_empty()
        && text.chars().count() <= most
        && !text.chars().any(char::is_control);
    good.then_some(text).ok_or_else(|| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "bad_name",
            format!("{what} is empty, too long or not of one line"),
            format!("Send a name of 1 to {most} characters."),
        )
    })
}

/// Likewise, of several lines.
fn text<'a>(what: &str, text: &'a str, most: usize) -> Result<&'a str, Problem> {
    let odd = |c: char| c.is_control() && c != '\n' && c != '\t';
    let good = text.chars().count() <= most && !text.chars().any(odd);
    good.then_some(text).ok_or_else(|| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "bad_reason",
            format!("{what} is too long, or not plain text"),
            format!("Send up to {most} characters."),
        )
    })
}

/// The body without what the audit says elsewhere.
fn short(bytes: &Bytes) -> String {
    let Ok(serde_json::Value::Object(mut said)) = serde_json::from_slice(bytes) else {
        return String::new();
    };
    said.retain(|key, value| key != "by" && key != "reason" && !value.is_null());
    let text = serde_json::Value::Object(said).to_string();
    text.chars().take(SAID).collect()
}

fn nobody_said() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "who_asks",
        "the call does not say who asks, and nobody is authenticated here",
        "Send \"by\": \"…\" in the body, or configure [auth].",
    )
}

fn not_recorded(error: &LedgerError) -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "no_quorum",
        format!("nothing was done: the call could not be written to the audit first ({error})"),
        "Without a quorum nothing is changed. Bring members back (failoverctl member list says who \
         is heard), or ask again in a few seconds if a leader is being elected.",
    )
}

fn not_a_change() -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "not_a_change",
        "this route is not registered as one that changes anything",
        "This is a mistake in failoverd: report it.",
    )
}
