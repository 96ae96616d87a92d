//! Runs: in a line, and whole.

use super::words::{run_summary, step_detail};
use super::{Look, count, moment, reason, run_kind};
use crate::api::wire::{Run as WireRun, RunFinding, RunPaused, RunRow, Step as WireStep};
use crate::model::{
    AppState, Command, CommandBody, Decision, Millis, Origin, PlannedStep, Run, State,
    StepActivity, StepId, StepRecord, Wall,
};
use crate::run::apply;

impl Look<'_> {
    pub fn run_row(&self, run: &Run) -> RunRow {
        let all = run.steps.len();
        let done = run.steps.values().filter(|r| r.status.is_at_rest()).count();
        RunRow {
            id: run.id.to_string(),
            application: run.application.to_string(),
            kind: run_kind(run.plan.kind),
            from: run.plan.from.to_string(),
            to: run.plan.to.to_string(),
            status: run.status.as_str().to_owned(),
            summary: run_summary(run, self.date()),
            origin: match &run.origin {
                Origin::Quorum { .. } => "quorum".to_owned(),
                Origin::Operator { name, .. } => name.clone(),
            },
            drill: run.drill.is_some(),
            opened_at: moment(run.opened_at),
            executed_at: run.executed_at.map(moment),
            closed_at: run.closed_at.map(moment),
            took_ms: took(run).map(|took| took.0),
            steps_done: count(done),
            steps: count(all),
        }
    }

    /// The ledger's own time, which runs' dates are in.
    pub(super) fn date(&self) -> Wall {
        self.snapshot.state.date(self.now())
    }

    pub fn run(&self, run: &Run) -> WireRun {
        let (why, evidence) = match &run.origin {
            Origin::Operator { reason, .. } => (Some(reason.clone()), Vec::new()),
            Origin::Quorum { tally, evidence } => {
                let down = tally.down.len();
                let why = format!(
                    "{down} of {} members saw {} down",
                    tally.members, run.plan.from
                );
                (Some(why), evidence.clone())
            }
        };
        WireRun {
            row: self.run_row(run),
            epoch: run.epoch.0,
            at: moment(self.date()),
            plan: self.plan(&run.plan),
            reason: why,
            evidence,
            paused: run.paused.as_ref().map(|paused| RunPaused {
                by: paused.by.clone(),
                reason: paused.reason.clone(),
                at: moment(paused.at),
            }),
            held: self.held(run),
            may: self.may(run),
            progress: run
                .in_order()
                .map(|(step, record)| self.step(run, step, record))
                .collect(),
            findings: run
                .findings
                .iter()
                .map(|finding| RunFinding {
                    step: finding.step.to_string(),
                    text: finding.text.clone(),
                    at: moment(finding.at),
                })
                .collect(),
        }
    }

    /// Why nothing new is begun in it.
    fn held(&self, run: &Run) -> Option<crate::api::wire::Reason> {
        if !run.is_open() {
            return None;
        }
        match self
            .snapshot
            .views
            .get(&run.application)?
            .decision
            .as_ref()?
        {
            Decision::Hold(reasons) => reasons.first().map(reason),
            Decision::Act { .. } | Decision::Ask { .. } => None,
        }
    }

    fn step(&self, run: &Run, step: &PlannedStep, record: &StepRecord) -> WireStep {
        let activity = self
            .snapshot
            .activities
            .get(&(run.id.clone(), step.id.clone()));
        let ready = record.started_at.is_some() || needs_met(run, step);
        let end = record
            .ended_at
            .or_else(|| run.is_open().then(|| self.date()));
        WireStep {
            id: step.id.to_string(),
            uses: step.intent.name().to_owned(),
            goal: step.intent.to_string(),
            status: record.status.as_str().to_owned(),
            activity: activity.map(|activity| activity_word(*activity).to_owned()),
            detail: step_detail(record),
            needs: step.needs.iter().map(ToString::to_string).collect(),
            attempts: record.attempts,
            ready_at: ready.then(|| moment(run.ready_at(step))),
            started_at: record.started_at.map(moment),
            ended_at: record.ended_at.map(moment),
            took_ms: record
                .started_at
                .and_then(|started| end.map(|end| end.since(started).0)),
            timeout_ms: step.timeout.0,
            before: record.before.clone().or_else(|| step.before.clone()),
            after: record.after.clone(),
            approved_by: record.approved_by.clone(),
        }
    }

    /// What the replicated state would take now: asked of its own transition function, on a copy that
    /// holds this run and nothing else.
    fn may(&self, run: &Run) -> Vec<String> {
        if !run.is_open() {
            return Vec::new();
        }
        let full = &self.snapshot.state;
        let app = full.apps.get(&run.application).cloned();
        let copy = State {
            time: full.time,
            dated_at: full.dated_at,
            apps: [(
                run.application.clone(),
                app.unwrap_or_else(AppState::default),
            )]
            .into(),
            runs: [(run.id.clone(), run.clone())].into(),
            ..State::default()
        };
        let takes = |body: CommandBody| {
            let command = Command {
                at: self.now(),
                body,
            };
            let before = copy.clone();
            let mut after = copy.clone();
            // A repetition is taken, and offered to nobody.
            apply(&mut after, &command).is_ok() && after.runs != before.runs
        };
        ACTS.iter()
            .filter(|(_, act)| act(run).into_iter().any(takes))
            .map(|(word, _)| (*word).to_owned())
            .collect()
    }
}

type Candidates = fn(&Run) -> Vec<CommandBody>;

/// Every act, and the commands it could be now.
const ACTS: [(&str, Candidates); 6] = [
    ("approve", |run| {
        let by = || "anybody".to_owned();
        for_each_step(run, |step| CommandBody::Approve {
            run: run.id.clone(),
            step,
            by: by(),
            granted: true,
            reason: None,
        })
    }),
    ("abort", |run| {
        vec![CommandBody::Abort {
            run: run.id.clone(),
            by: "anybody".to_owned(),
            reason: String::new(),
        }]
    }),
    ("pause", |run| {
        vec![CommandBody::PauseRun {
            run: run.id.clone(),
            by: "anybody".to_owned(),
            reason: String::new(),
        }]
    }),
    ("resume", |run| {
        vec![CommandBody::ResumeRun {
            run: run.id.clone(),
            by: "anybody".to_owned(),
        }]
    }),
    ("skip", |run| {
        for_each_step(run, |step| CommandBody::SkipStep {
            run: run.id.clone(),
            step,
            by: "anybody".to_owned(),
            reason: None,
        })
    }),
    ("retry", |run| {
        for_each_step(run, |step| CommandBody::RetryStep {
            run: run.id.clone(),
            step,
            by: "anybody".to_owned(),
            reason: None,
        })
    }),
];

fn for_each_step(run: &Run, body: impl Fn(StepId) -> CommandBody) -> Vec<CommandBody> {
    run.steps.keys().cloned().map(body).collect()
}

/// From opening to the last step's rest.
fn took(run: &Run) -> Option<Millis> {
    let ended = run.executed_at.or(run.closed_at)?;
    Some(ended.since(run.opened_at))
}

fn needs_met(run: &Run, step: &PlannedStep) -> bool {
    step.needs
        .iter()
        .all(|need| run.steps.get(need).is_some_and(|r| r.ended_at.is_some()))
}

fn activity_word(activity: StepActivity) -> &'static str {
    match activity {
        StepActivity::Ready => "ready",
        StepActivity::Observing => "observing",
        StepActivity::Committing => "committing",
        StepActivity::Applying => "applying",
        StepActivity::Applied => "applied",
        StepActivity::Settling => "settling",
    }
}
