//! What a person reads of a ledger that lies in a file or a folder.

use std::fmt::Write as _;
use std::path::Path;

use crate::cli::frame::wrapped;
use crate::ledger::Backup;
use crate::model::{DiskId, MemberId, RunStatus, Wall};

/// What there is, a line each.
pub(super) fn held(held: &Backup, of_folder: bool) -> String {
    let state = &held.state;
    let mut out = String::new();
    let mut row = |name: &str, value: &str| {
        out += &wrapped(&format!("{name:<14}"), value);
    };
    if let Some(cluster) = &held.cluster {
        row("cluster", cluster);
    }
    row("taken from", held.member.as_str());
    let dated = if of_folder { "last written" } else { "taken" };
    row(dated, &date(held.made_at));
    row(
        "up to",
        &format!("entry {} of the log, term {}", held.applied, held.term),
    );
    row(
        "written by",
        &format!("failoverd {}, schema {}", held.version, held.schema),
    );
    let ledger = held.ledger.map(|ledger| ledger.to_string());
    row("ledger", ledger.as_deref().unwrap_or("of no cluster yet"));
    let members: Vec<&str> = held.members().iter().map(|m| m.as_str()).collect();
    row("members", &members.join(", "));
    let pause = match &state.automation_paused {
        Some(pause) => format!("paused by {}: {}", pause.by, pause.reason),
        None => "not paused as a whole".to_owned(),
    };
    row("automation", &pause);
    row(
        "audit",
        &format!("{} entries, last hash {}", state.audit.number, {
            let head = state.audit.head.0.as_str();
            if head.is_empty() { "none" } else { head }
        }),
    );
    out.push('\n');
    if state.apps.is_empty() {
        out += "No application was ever acted upon.\n";
    }
    for (name, app) in &state.apps {
        let serves = app
            .active
            .as_ref()
            .map_or("its home", |region| region.as_str());
        let _ = writeln!(out, "{name}: epoch {}, serves from {serves}", app.epoch);
        let open = app.open_run.as_ref().and_then(|id| state.runs.get(id));
        if let Some(run) = open {
            let plan = &run.plan;
            let text = format!(
                "{} of {} from {} to {}: {}",
                run.id,
                plan.kind,
                plan.from,
                plan.to,
                status(&run.status)
            );
            out += &wrapped("  open run ", &text);
        }
    }
    out
}

fn status(status: &RunStatus) -> &'static str {
    match status {
        RunStatus::Executing => "executing",
        RunStatus::Soaking { .. } => "soaking",
        RunStatus::NeedsOperator { .. } => "waits for a person",
        RunStatus::Aborting { .. } => "being aborted",
        RunStatus::Completed => "completed",
        RunStatus::Aborted { .. } => "aborted",
    }
}

fn date(at: Wall) -> String {
    let millis = i64::try_from(at.0).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).map_or_else(
        |_| format!("{} ms after 1970", at.0),
        |at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}

/// Before it is begun.
pub(super) fn warning(held: &str, cluster: &str, dir: &Path) -> String {
    let mut out = format!("{held}\n");
    out += &wrapped(
        "warning: ",
        &format!(
            "a new ledger of one member begins with this in {}. Every other member of {cluster} must \
             be stopped, and stay so until its data folder is empty: two ledgers would both act.",
            dir.display()
        ),
    );
    out += &wrapped(
        "warning: ",
        "what was agreed after it was written is forgotten: runs, approvals, pauses, members.",
    );
    out
}

/// What was written.
pub(super) fn taken(path: &Path, backup: &Backup) -> String {
    format!(
        "The ledger of {}, up to entry {}, is in {}.\n",
        backup.member,
        backup.applied,
        path.display()
    )
}

/// What was begun, and what is to be done now.
pub(super) fn begun(dir: &Path, member: &MemberId, disk: DiskId, kept: Option<&Path>) -> String {
    let mut out = wrapped(
        "",
        &format!(
            "A new ledger of {member} alone begins in {} (disk {disk}).",
            dir.display()
        ),
    );
    if let Some(kept) = kept {
        out += &wrapped("", &format!("The old one is kept as {}.", kept.display()));
    }
    out += "\nNow:\n";
    for (n, step) in [
        format!("Start {member}. It leads, acts on nothing, and reads the epochs in Route 53."),
        "failoverctl status: every open run waits for you; resume, retry, skip or abort it."
            .to_owned(),
        "Start each other member with an empty data folder, then: failoverctl member add ID"
            .to_owned(),
        "When all is as it should be: failoverctl resume-automation".to_owned(),
    ]
    .iter()
    .enumerate()
    {
        out += &wrapped(&format!("  {}. ", n + 1), step);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::SCHEMA;
    use crate::model::{AppId, AppState, AuditHash, AutomationPause, Epoch, LedgerId, State};

    fn backup() -> Backup {
        let mut state = State {
            automation_paused: Some(AutomationPause {
                by: "bob".to_owned(),
                reason: "a change in the network".to_owned(),
                since: Wall(1),
                until: None,
            }),
            disks: [("frankfurt", 1), ("ireland", 2), ("stockholm", 3)]
                .map(|(member, disk)| (MemberId::from(member), DiskId(disk)))
                .into(),
            ..State::default()
        };
        state.audit.number = 12;
        state.audit.head = AuditHash("ab".repeat(32));
        for (name, epoch, active) in [("bank", 0, None), ("shop", 7, Some("eu-central-1"))] {
            let app = AppState {
                epoch: Epoch(epoch),
                active: active.map(crate::model::RegionId::from),
                ..AppState::default()
            };
            state.apps.insert(AppId::from(name), app);
        }
        Backup {
            cluster: Some("shops".to_owned()),
            member: MemberId::from("ireland"),
            made_at: Wall(1_790_000_000_000),
            version: "0.1.0".to_owned(),
            schema: SCHEMA,
            ledger: Some(LedgerId::Founded),
            applied: 4_711,
            term: 3,
            state,
        }
    }

    #[test]
    fn what_a_person_is_shown() {
        insta::assert_snapshot!("held", held(&backup(), false));
        let dir = Path::new("/var/lib/failoverd");
        insta::assert_snapshot!("warning", warning(&held(&backup(), true), "shops", dir));
        let kept = Path::new("/var/lib/failoverd/ledger.redb.0000000000000000000000000000002a");
        let me = MemberId::from("ireland");
        insta::assert_snapshot!("begun", begun(dir, &me, DiskId(43), Some(kept)));
    }
}
