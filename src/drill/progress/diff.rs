//! From one snapshot to the next: what is worth telling.

use std::collections::BTreeMap;

use super::{ProgressEvent, Voice};
use crate::model::{
    AppView, MemberId, Phase, RegionId, Run, RunId, RunStatus, StepActivity, StepId, StepStatus,
    Tally, VerdictState,
};

/// Remembers what was told last.
///
/// Invariant: what only counts down (a hold-down, a cool-down) is told once, not at every tick.
#[derive(Clone, Debug, Default)]
pub struct SnapshotDiff {
    verdicts: BTreeMap<RegionId, VerdictState>,
    voices: BTreeMap<RegionId, Vec<(MemberId, Voice)>>,
    phase: Option<(&'static str, Option<&'static str>)>,
    runs: BTreeMap<RunId, SeenRun>,
    activities: Activities,
}

/// What the executing member does about each step, as its snapshot has it.
type Activities = BTreeMap<(RunId, StepId), StepActivity>;

#[derive(Clone, Debug)]
struct SeenRun {
    status: RunStatus,
    open: bool,
    steps: BTreeMap<StepId, StepStatus>,
}

impl SnapshotDiff {
    /// What has changed since the last call. `run` is the application's newest run.
    pub fn next(
        &mut self,
        view: &AppView,
        run: Option<&Run>,
        activities: &Activities,
    ) -> Vec<ProgressEvent> {
        let mut events = Vec::new();
        for verdict in &view.verdicts {
            let region = &verdict.region;
            let voices = voices(&verdict.tally);
            if self.voices.insert(region.clone(), voices.clone()).as_ref() != Some(&voices) {
                events.push(ProgressEvent::VoteChanged {
                    region: region.clone(),
                    voices,
                });
            }
            if self.verdicts.insert(region.clone(), verdict.state) != Some(verdict.state) {
                events.push(ProgressEvent::VerdictChanged {
                    region: region.clone(),
                    verdict: verdict.state,
                });
            }
        }
        let phase = (view.phase.as_str(), reason_code(&view.phase));
        if self.phase.replace(phase) != Some(phase) {
            events.push(ProgressEvent::PhaseChanged {
                phase: view.phase.clone(),
            });
        }
        if let Some(run) = run {
            self.run(run, &mut events);
        }
        for ((run, step), activity) in activities {
            let key = (run.clone(), step.clone());
            // What is left of a step that has come to rest is no longer worth a line.
            let rests = self
                .runs
                .get(run)
                .and_then(|seen| seen.steps.get(step))
                .is_some_and(StepStatus::is_at_rest);
            if !rests && self.activities.get(&key) != Some(activity) {
                events.push(ProgressEvent::StepActivity {
                    step: step.clone(),
                    activity: *activity,
                });
            }
        }
        self.activities.clone_from(activities);
        events
    }

    fn run(&mut self, run: &Run, events: &mut Vec<ProgressEvent>) {
        let seen = self.runs.entry(run.id.clone()).or_insert_with(|| {
            events.push(ProgressEvent::RunOpened {
                run: run.id.clone(),
                kind: run.plan.kind,
                from: run.plan.from.clone(),
                to: run.plan.to.clone(),
                steps: run.plan.steps.len(),
            });
            SeenRun {
                status: RunStatus::Executing,
                open: true,
                steps: BTreeMap::new(),
            }
        });
        for (planned, record) in run.in_order() {
            let before = seen.steps.get(&planned.id).unwrap_or(&StepStatus::Waiting);
            if *before != record.status {
                events.push(ProgressEvent::StepMoved {
                    step: planned.id.clone(),
                    status: record.status.clone(),
                    detail: record.after.clone(),
                });
                seen.steps.insert(planned.id.clone(), record.status.clone());
            }
        }
        if seen.open && !run.is_open() {
            seen.open = false;
            events.push(ProgressEvent::RunClosed {
                run: run.id.clone(),
                status: run.status.clone(),
            });
        } else if seen.status != run.status {
            events.push(ProgressEvent::RunMoved {
                run: run.id.clone(),
                status: run.status.clone(),
            });
        }
        seen.status = run.status.clone();
    }
}

fn voices(tally: &Tally) -> Vec<(MemberId, Voice)> {
    let mut all: Vec<_> = tally
        .down
        .iter()
        .map(|member| (member.clone(), Voice::Down))
        .chain(tally.dissent.iter().map(|m| (m.clone(), Voice::Dissent)))
        .chain(
            tally
                .unusable
                .iter()
                .map(|(m, _)| (m.clone(), Voice::Unusable)),
        )
        .chain(tally.inside.iter().map(|m| (m.clone(), Voice::Inside)))
        .collect();
    all.sort();
    all
}

fn reason_code(phase: &Phase) -> Option<&'static str> {
    match phase {
        Phase::Blocked { reason, .. } => Some(reason.code()),
        Phase::Steady
        | Phase::Suspect { .. }
        | Phase::Confirmed { .. }
        | Phase::Planned { .. }
        | Phase::Executing { .. }
        | Phase::Soaking { .. }
        | Phase::CoolDown { .. }
        | Phase::NeedsOperator { .. } => None,
    }
}
