//! Evacuations as they are shown: each application in its wave, with what it waits for.
//!
//! Invariant: it is made of the ledger's state alone, so that every member shows the same one.

use std::collections::{BTreeMap, BTreeSet};

use super::automation::moment;
use super::wire;
use crate::model::{
    AppId, Evacuation, EvacuationStatus, Evacuee, EvacueeStatus, HoldReason, NeedsOperator,
    RegionId, Run, RunStatus, State, Wall,
};
use crate::run::{Turn, is_out, needs_a_person, turns};

/// One evacuation at the date `now` of whoever answers. `begun` is false in a dry run.
pub fn report(state: &State, now: Wall, evacuation: &Evacuation, begun: bool) -> wire::Evacuation {
    let turns = turns(state, state.date(now), evacuation);
    let applications: Vec<wire::EvacuatedApplication> = evacuation
        .in_order()
        .into_iter()
        .map(|(name, evacuee)| application(state, evacuation, name, evacuee, &turns))
        .collect();
    let (status, ended_at) = match &evacuation.status {
        _ if !begun => ("planned", None),
        EvacuationStatus::Stopped { at, .. } => ("stopped", Some(*at)),
        EvacuationStatus::Completed { at } => ("completed", Some(*at)),
        EvacuationStatus::Running if nothing_goes_on(state, evacuation, &turns) => {
            ("needs_operator", None)
        }
        EvacuationStatus::Running => ("running", None),
    };
    wire::Evacuation {
        id: if begun {
            evacuation.id.to_string()
        } else {
            String::new()
        },
        region: evacuation.region.to_string(),
        status: status.to_owned(),
        summary: summary(&evacuation.region, &applications),
        by: evacuation.by.clone(),
        reason: evacuation.reason.clone(),
        parallel: evacuation.parallel,
        allow_data_loss: evacuation.allow_data_loss,
        begun_at: begun.then(|| moment(evacuation.begun_at)),
        ended_at: ended_at.map(moment),
        applications,
    }
}

/// Every evacuation that is remembered, the newest first.
pub fn reports(state: &State, now: Wall) -> Vec<wire::Evacuation> {
    let mut all: Vec<&Evacuation> = state.evacuations.values().collect();
    all.sort_by_key(|evacuation| std::cmp::Reverse((evacuation.begun_at, &evacuation.id)));
    all.into_iter()
        .map(|evacuation| report(state, now, evacuation, true))
        .collect()
}

/// What may be seen of it by whoever may see these applications alone; nothing if it has none of them.
pub fn within(evacuation: wire::Evacuation, apps: &BTreeSet<AppId>) -> Option<wire::Evacuation> {
    let mut applications = evacuation.applications;
    applications.retain(|one| apps.contains(&AppId::from(one.application.as_str())));
    if applications.is_empty() {
        return None;
    }
    Some(wire::Evacuation {
        summary: summary(&RegionId::from(evacuation.region.as_str()), &applications),
        applications,
        ..evacuation
    })
}

fn application(
    state: &State,
    evacuation: &Evacuation,
    name: &AppId,
    evacuee: &Evacuee,
    turns: &BTreeMap<AppId, Turn>,
) -> wire::EvacuatedApplication {
    let open = state.open_run(name);
    let out = is_out(state, evacuation, name, evacuee);
    let serves = state.serves_from(name, &evacuee.home).to_string();
    let stopped = matches!(evacuation.status, EvacuationStatus::Stopped { .. });
    let (status, to, run, reason) = match &evacuee.status {
        EvacueeStatus::Moved { run, to, .. } if out => {
            ("moved", Some(to.to_string()), Some(run.to_string()), None)
        }
        _ if out => ("elsewhere", Some(serves), None, None),
        EvacueeStatus::Moved { run, .. } => (
            "failed",
            None,
            Some(run.to_string()),
            Some(by_hand(
                "moved_back",
                format!("it serves from {serves} again"),
            )),
        ),
        EvacueeStatus::Failed { run, .. } => (
            "failed",
            None,
            Some(run.to_string()),
            Some(by_hand("run_aborted", aborted(state.runs.get(run)))),
        ),
        EvacueeStatus::Running { run, to } => (
            "running",
            Some(to.to_string()),
            Some(run.to_string()),
            state.runs.get(run).and_then(asks),
        ),
        // Somebody else moves it.
        EvacueeStatus::Waiting | EvacueeStatus::Held { .. } | EvacueeStatus::Elsewhere { .. }
            if open.is_some() =>
        {
            let run = open.map(|run| run.id.to_string());
            let to = open.map(|run| run.plan.to.to_string());
            ("running", to, run, open.and_then(asks))
        }
        EvacueeStatus::Waiting | EvacueeStatus::Held { .. } | EvacueeStatus::Elsewhere { .. }
            if stopped =>
        {
            ("stopped", None, None, None)
        }
        EvacueeStatus::Held { reason, .. } => ("held", None, None, Some(held(reason))),
        EvacueeStatus::Waiting | EvacueeStatus::Elsewhere { .. } => {
            ("waiting", None, None, turns.get(name).map(waits))
        }
    };
    wire::EvacuatedApplication {
        application: name.to_string(),
        wave: evacuee.wave,
        priority: evacuee.priority,
        to,
        status: status.to_owned(),
        run,
        reason,
    }
}

/// Whether no run moves, none is about to be opened, and not everybody is out.
fn nothing_goes_on(state: &State, evacuation: &Evacuation, turns: &BTreeMap<AppId, Turn>) -> bool {
    let mut left = evacuation
        .applications
        .iter()
        .filter(|(name, evacuee)| !is_out(state, evacuation, name, evacuee))
        .peekable();
    left.peek().is_some()
        && left.all(|(name, evacuee)| match &evacuee.status {
            _ if state.open_run(name).is_some_and(|run| !needs_a_person(run)) => false,
            EvacueeStatus::Waiting | EvacueeStatus::Elsewhere { .. } => match turns.get(name) {
                Some(Turn::Now | Turn::Wave { .. }) => state.open_run(name).is_some(),
                Some(Turn::Dependency { .. } | Turn::Slot { .. } | Turn::Never) | None => true,
            },
            EvacueeStatus::Held { .. }
            | EvacueeStatus::Running { .. }
            | EvacueeStatus::Moved { .. }
            | EvacueeStatus::Failed { .. } => true,
        })
}

/// `31 of 40 have left eu-west-1; 5 running, 1 held, 3 waiting`.
fn summary(region: &RegionId, applications: &[wire::EvacuatedApplication]) -> String {
    let count = |status: &str| applications.iter().filter(|a| a.status == status).count();
    let out = count("moved") + count("elsewhere");
    let all = applications.len();
    let rest: Vec<String> = ["running", "held", "failed", "waiting", "stopped"]
        .into_iter()
        .filter(|status| count(status) > 0)
        .map(|status| format!("{} {status}", count(status)))
        .collect();
    let text = match out {
        0 => format!("{all} to leave {region}"),
        out => format!("{out} of {all} have left {region}"),
    };
    match rest.as_slice() {
        [] => text,
        rest => format!("{text}; {}", rest.join(", ")),
    }
}

/// What an open run asks a person for.
fn asks(run: &Run) -> Option<wire::Reason> {
    if !needs_a_person(run) {
        return None;
    }
    let text = match (&run.paused, &run.status) {
        (Some(paused), _) => format!("run {} is paused by {}", run.id, paused.by),
        (None, RunStatus::NeedsOperator { reason }) => NeedsOperator::to_string(reason),
        (
            None,
            RunStatus::Executing
            | RunStatus::Aborting { .. }
            | RunStatus::Soaking { .. }
            | RunStatus::Completed
            | RunStatus::Aborted { .. },
        ) => format!("run {} waits for an approval", run.id),
    };
    Some(wire::Reason {
        code: "needs_operator".to_owned(),
        text,
        remedy: format!("`failoverctl show {}` says what it needs", run.id),
    })
}

fn aborted(run: Option<&Run>) -> String {
    match run.and_then(|run| run.abort.as_ref()) {
        Some(reason) => format!("its run ended: {reason}"),
        None => "its run ended".to_owned(),
    }
}

fn by_hand(code: &str, text: String) -> wire::Reason {
    wire::Reason {
        code: code.to_owned(),
        text,
        remedy: "the evacuation leaves it to you: `failoverctl switchover` or `failover` moves it"
            .to_owned(),
    }
}

fn held(reason: &HoldReason) -> wire::Reason {
    wire::Reason {
        code: reason.code().to_owned(),
        text: reason.to_string(),
        remedy: reason.remedy().to_owned(),
    }
}

fn waits(turn: &Turn) -> wire::Reason {
    let remedy = match turn {
        Turn::Now => "nothing to do: its run is about to be opened",
        Turn::Dependency { .. } => {
            "it goes when that one has moved; move that one by hand if it is held"
        }
        Turn::Wave { .. } | Turn::Slot { .. } => "nothing to do: it goes by itself",
        Turn::Never => "nothing to do",
    };
    wire::Reason {
        code: turn.code().to_owned(),
        text: turn.to_string(),
        remedy: remedy.to_owned(),
    }
}

#[cfg(test)]
mod tests;
