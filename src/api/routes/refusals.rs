//! What the ledger says, as a client reads it.

use http::StatusCode;

use crate::api::problem::Problem;
use crate::api::view;
use crate::api::wire::Done;
use crate::daemon::AskFailed;
use crate::daemon::members::{ChangeCode, ChangeRefused};
use crate::model::{Application, Event, HoldReason, RegionId, Rejection};
use crate::ports::LedgerError;

/// The event of a command that was taken.
pub(in crate::api) fn of_command(
    answer: Result<Result<Event, Rejection>, LedgerError>,
) -> Result<Event, Problem> {
    match answer {
        Ok(Ok(event)) => Ok(event),
        Ok(Err(rejection)) => Err(of_rejection(&rejection)),
        Err(error) => Err(of_ledger(&error)),
    }
}

/// What came of it: a repetition has changed nothing.
pub(in crate::api) fn done(event: &Event, text: String) -> Done {
    let changed = !matches!(event, Event::NoChange);
    let text = if changed {
        text
    } else {
        format!("{text} (it was so already)")
    };
    Done { changed, text }
}

/// The ledger did not say.
pub(in crate::api) fn of_ledger(error: &LedgerError) -> Problem {
    match error {
        LedgerError::NotLeader => no_leader(),
        LedgerError::Unknown { why } => Problem::new(
            StatusCode::GATEWAY_TIMEOUT,
            "unknown",
            format!("whether it was done is not known: {why}"),
            "Look before asking again: GET /v1/status, GET /v1/runs.",
        ),
        LedgerError::Stopped { why } => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "stopped",
            format!("this member's ledger has stopped: {why}"),
            "Ask another member; this one's log says what happened.",
        ),
    }
}

/// Nobody who could do it leads.
pub(in crate::api) fn no_leader() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "no_leader",
        "nobody leads, or the leader is not reached: nothing was done",
        "Ask again in a few seconds. If nobody leads then, bring members back (failoverctl member \
         list says who is heard); with the quorum gone for good, failoverctl break-glass.",
    )
}

/// A plan or a run that was asked for.
pub(in crate::api) fn of_ask(failed: &AskFailed) -> Problem {
    let none = Vec::new;
    let (status, reasons) = match failed {
        AskFailed::Declined(reasons) => match reasons.as_slice() {
            [only] => return of_guard(only),
            several => (
                StatusCode::CONFLICT,
                several.iter().map(view::reason).collect(),
            ),
        },
        AskFailed::NoSuchApplication { .. } => (StatusCode::NOT_FOUND, none()),
        AskFailed::NoLeader { .. } => (StatusCode::SERVICE_UNAVAILABLE, none()),
        AskFailed::Unknown { .. } => (StatusCode::GATEWAY_TIMEOUT, none()),
    };
    Problem::new(status, failed.code(), failed.to_string(), failed.remedy()).with_reasons(reasons)
}

/// A guard says no.
pub(in crate::api) fn of_guard(reason: &HoldReason) -> Problem {
    let status = match reason {
        HoldReason::NotLeader | HoldReason::LedgerUnavailable { .. } => return no_leader(),
        HoldReason::NoQuorum { .. }
        | HoldReason::Disagreement { .. }
        | HoldReason::StaleVotes { .. }
        | HoldReason::ConfigDiffers { .. }
        | HoldReason::HoldDown { .. }
        | HoldReason::StartupGrace { .. }
        | HoldReason::EverythingDown { .. }
        | HoldReason::SingleVantage
        | HoldReason::NoCandidate
        | HoldReason::TargetNotReady { .. }
        | HoldReason::TargetFinding { .. }
        | HoldReason::ReadinessStale { .. }
        | HoldReason::LagUnknown { .. }
        | HoldReason::LagTooHigh { .. }
        | HoldReason::AutomationPaused { .. }
        | HoldReason::PlannedWindow { .. }
        | HoldReason::BeingEvacuated { .. }
        | HoldReason::AskConfigured
        | HoldReason::RunOpen { .. }
        | HoldReason::BeingPlanned { .. }
        | HoldReason::PlanChanged { .. }
        | HoldReason::SourceLost { .. }
        | HoldReason::EpochUnknown
        | HoldReason::Overtaken { .. }
        | HoldReason::ResourceBusy { .. }
        | HoldReason::CoolDown { .. }
        | HoldReason::BrakeLatched { .. }
        | HoldReason::Quarantined { .. }
        | HoldReason::DrillAlarm { .. }
        | HoldReason::RegionReturned { .. }
        | HoldReason::TargetLost { .. }
        | HoldReason::NoRunbook { .. }
        | HoldReason::PlanImpossible { .. }
        | HoldReason::NotCalm { .. }
        | HoldReason::DrillOpen { .. }
        | HoldReason::CannotCarry { .. }
        | HoldReason::ShiftedAway { .. }
        | HoldReason::NotAway { .. }
        | HoldReason::NobodyLeft { .. }
        | HoldReason::ReceiverUnwell { .. }
        | HoldReason::ServesSideBySide { .. }
        | HoldReason::NothingWrong => StatusCode::CONFLICT,
    };
    Problem::new(status, reason.code(), reason.to_string(), reason.remedy())
        .with_reasons(vec![view::reason(reason)])
}

/// It cannot be done as things stand.
pub(in crate::api) fn of_rejection(rejection: &Rejection) -> Problem {
    let (status, code, remedy) = match rejection {
        Rejection::Guard { reason } => return of_guard(reason),
        Rejection::NoSuchRun { .. } => (
            StatusCode::NOT_FOUND,
            "no_such_run",
            "GET /v1/runs lists those that are kept: failoverctl runs.",
        ),
        Rejection::NeedsOtherPerson { .. } => (
            StatusCode::CONFLICT,
            "needs_other_person",
            "Let a colleague approve it: failoverctl approve.",
        ),
        Rejection::NoSuchStep { .. } => (
            StatusCode::NOT_FOUND,
            "no_such_step",
            "GET /v1/runs/{run} names its steps: failoverctl show.",
        ),
        Rejection::RunStatus { .. } => (
            StatusCode::CONFLICT,
            "run_status",
            "`may` of GET /v1/runs/{run} says what may be done with it now: failoverctl show.",
        ),
        Rejection::StepStatus { .. } => (
            StatusCode::CONFLICT,
            "step_status",
            "GET /v1/runs/{run} says where each step stands: failoverctl show.",
        ),
        Rejection::Paused { .. } => (
            StatusCode::CONFLICT,
            "paused",
            "Resume it first: failoverctl resume.",
        ),
        Rejection::InFlight { .. } => (
            StatusCode::CONFLICT,
            "in_flight",
            "Wait until the step is at rest, or its outcome is known: failoverctl follow.",
        ),
        Rejection::NeedUnmet { .. } => (
            StatusCode::CONFLICT,
            "need_unmet",
            "Retry or skip what it needs first.",
        ),
        Rejection::WrongEpoch { .. } | Rejection::WrongAttempt { .. } => (
            StatusCode::CONFLICT,
            "overtaken",
            "Something happened meanwhile: look again, then ask again.",
        ),
        Rejection::MayNotCall { .. } => (
            StatusCode::CONFLICT,
            "may_not_call",
            "GET /v1/runs/{run} says where each step stands: failoverctl show.",
        ),
        Rejection::LastOpen { .. } => (
            StatusCode::CONFLICT,
            "last_open",
            "Let the runbook steer another Region open first.",
        ),
        Rejection::BadPlan { .. } => (
            StatusCode::CONFLICT,
            "bad_plan",
            "Look at the plan: failoverctl plan.",
        ),
        Rejection::OtherDisk { .. } => (
            StatusCode::CONFLICT,
            "other_disk",
            "Look at the members: failoverctl member list.",
        ),
        Rejection::NoSuchEvacuation { .. } => (
            StatusCode::NOT_FOUND,
            "no_such_evacuation",
            "GET /v1/evacuations lists those that are kept: failoverctl evacuate list.",
        ),
        Rejection::EvacuationOpen { .. } => (
            StatusCode::CONFLICT,
            "evacuation_open",
            "Follow that one, or stop it first: failoverctl evacuate stop.",
        ),
        Rejection::Evacuation { .. } => (
            StatusCode::CONFLICT,
            "evacuation",
            "GET /v1/evacuations/{id} says where it stands: failoverctl evacuate list.",
        ),
        Rejection::NoSuchDrill { .. } => (
            StatusCode::NOT_FOUND,
            "no_such_drill",
            "GET /v1/drills lists those that are kept.",
        ),
        Rejection::NoDrill { .. } => (
            StatusCode::CONFLICT,
            "no_drill",
            "Look at GET /v1/drills, then ask again.",
        ),
        Rejection::Founded => (
            StatusCode::CONFLICT,
            "founded",
            "Members are added: failoverctl member add.",
        ),
        Rejection::PauseWithoutEnd => (
            StatusCode::BAD_REQUEST,
            "pause_without_end",
            "Give it `until` or `for_ms`; `failoverctl pause-automation` takes --for.",
        ),
        Rejection::LastDisk { .. } => (
            StatusCode::CONFLICT,
            "last_disk",
            "Add a member first: failoverctl member add.",
        ),
        Rejection::OldMember { .. } => (
            StatusCode::CONFLICT,
            "old_member",
            "Finish the upgrade: failoverctl member list shows every member's version.",
        ),
    };
    Problem::new(status, code, rejection.to_string(), remedy)
}

/// That application has no such Region.
pub(in crate::api) fn no_such_region(app: &Application, region: &RegionId) -> Problem {
    let regions: Vec<&str> = app.regions.iter().map(|r| r.name.as_str()).collect();
    Problem::new(
        StatusCode::NOT_FOUND,
        "no_such_region",
        format!("{} is not deployed in `{region}`", app.name),
        format!("Its Regions are {}.", regions.join(", ")),
    )
}

impl From<ChangeRefused> for Problem {
    fn from(refused: ChangeRefused) -> Self {
        let status = match refused.code {
            ChangeCode::NoSuchMember => StatusCode::NOT_FOUND,
            ChangeCode::Busy
            | ChangeCode::NotHeard
            | ChangeCode::OtherDisk
            | ChangeCode::IsLeader
            | ChangeCode::IsNotLeader
            | ChangeCode::WouldLoseQuorum
            | ChangeCode::Unfinished
            | ChangeCode::Rejected => StatusCode::CONFLICT,
            ChangeCode::NoLeader => StatusCode::SERVICE_UNAVAILABLE,
            ChangeCode::Unknown => StatusCode::GATEWAY_TIMEOUT,
        };
        Self::new(
            status,
            refused.code.as_str(),
            refused.reason,
            refused.remedy,
        )
    }
}
