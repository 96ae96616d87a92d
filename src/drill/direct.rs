//! The director: does what the scenario says when it says so, watches what failoverd makes of it,
//! and ends the drill when its outcome is plain.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use crate::controller::{RunRequest, active_region};
use crate::daemon::snapshot::Snapshot;
use crate::daemon::{NodeHandle, Notice};
use crate::model::{
    AppId, AppView, CommandBody, Decision, HoldReason, Intent, Millis, Phase, RegionId, Ruling,
    Run, RunId, RunKind, RunStatus, StepStatus, VerdictState, Wall,
};
use crate::sandbox::Execution;

use super::furnish::APP;
use super::progress::{Progress, ProgressEvent, SnapshotDiff};
use super::report::{Mark, MarkKind, Marks, seconds_after};
use super::scenario::{Deed, Moment, OperatorAct, Outcome, Scenario, StepWord, Trigger};
use super::stage::{DrillError, Stage};

/// The person of every drill.
const PERSON: &str = "drill";

/// World time between two looks where nothing was published: a fraction of any delay of the world.
const LOOK: Millis = Millis(250);

/// World time until everything must be steady: startup grace, three lag samples, and to spare.
const STEADY_WITHIN: Millis = Millis::from_mins(10);

/// World time that users get to become whole after a run was executed: the longest TTL, twice over,
/// and the propagation of the last change.
const WHOLE_WITHIN: Millis = Millis::from_secs(90);

/// World time without a failed request after which users are whole.
const WHOLE_FOR: u64 = 10;

/// World time that steps in flight get to settle after a run has stopped for a person.
const SETTLE_WITHIN: Millis = Millis::from_secs(60);

/// What was seen, in the order in which it was.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// World time of the first steady moment.
    pub steady_at: Wall,
    /// From which the clocks count.
    pub zero: Wall,
    pub ended_at: Wall,
    pub marks: Marks,
    pub lines: Vec<(Wall, MarkKind, String)>,
    pub phases: Vec<(Wall, String)>,
    pub runs: Vec<Run>,
    pub reasons: Vec<HoldReason>,
    pub asked: bool,
    pub active: Option<RegionId>,
    pub view: Option<AppView>,
    /// Set where an open run was seen beside another of the same application.
    pub two_open: bool,
    /// The votes when a run was opened, or last.
    pub votes: Vec<String>,
}

/// Plays a scenario on a stage.
pub(super) struct Director<'a> {
    stage: &'a mut Stage,
    scenario: &'a Scenario,
    progress: &'a Progress,
    handle: NodeHandle,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    notices: tokio::sync::broadcast::Receiver<Notice>,
    diff: SnapshotDiff,
    app: AppId,
    seen: Seen,
    /// The next event of the scenario, and since when it may come.
    next: usize,
    armed_at: Wall,
    /// What had happened when the event was armed: `run_closed` twice means two runs.
    armed_runs: usize,
    triggered_at: Option<Wall>,
    settled_at: Option<Wall>,
}

impl<'a> Director<'a> {
    pub fn new(stage: &'a mut Stage, scenario: &'a Scenario, progress: &'a Progress) -> Self {
        let handle = stage.node.handle();
        Self {
            snapshots: handle.snapshots(),
            notices: handle.notices(),
            handle,
            stage,
            scenario,
            progress,
            diff: SnapshotDiff::default(),
            app: AppId::from(APP),
            seen: Seen::default(),
            next: 0,
            armed_at: Wall(0),
            armed_runs: 0,
            triggered_at: None,
            settled_at: None,
        }
    }

    /// Plays it to its end.
    pub async fn play(mut self) -> Result<Seen, DrillError> {
        self.wait_until_steady().await?;
        let steady = self.now();
        self.seen.steady_at = steady;
        self.seen.zero = steady;
        self.armed_at = steady;
        self.note(steady, "everything is steady; the scenario begins");
        let deadline = steady + self.scenario.deadline;
        loop {
            self.look().await?;
            let now = self.now();
            self.take_in(now);
            self.direct(now).await?;
            if now >= deadline || self.is_over(now) {
                self.seen.ended_at = now;
                return Ok(self.seen);
            }
        }
    }

    fn now(&self) -> Wall {
        self.stage.clock.now().wall
    }

    /// Waits for something new, or for a little while.
    async fn look(&mut self) -> Result<(), DrillError> {
        let pause = self.stage.clock.sleep(LOOK);
        tokio::select! {
            () = pause => Ok(()),
            changed = self.snapshots.changed() => match changed {
                Ok(()) => Ok(()),
                Err(_) => Err(DrillError::Stopped {
                    why: self.stage.node.ended().await.to_string(),
                }),
            },
        }
    }

    async fn wait_until_steady(&mut self) -> Result<(), DrillError> {
        let begun = self.now();
        let grace = self.grace();
        loop {
            self.look().await?;
            let now = self.now();
            let missing = self.missing();
            if missing.is_none() && now.since(begun) >= grace {
                return Ok(());
            }
            if now.since(begun) > STEADY_WITHIN {
                let why = missing.unwrap_or_else(|| "nothing is missing".to_owned());
                return Err(DrillError::NotSteady { why });
            }
        }
    }

    /// A drill begins once its daemon may decide.
    fn grace(&self) -> Millis {
        let apps = self.stage.config.applications.iter();
        apps.map(|app| app.guards.startup_grace)
            .max()
            .unwrap_or_default()
    }

    /// What is still missing until the daemon knows all that a plan needs.
    fn missing(&self) -> Option<String> {
        let snapshot = self.snapshots.borrow();
        if !snapshot.ready.is_ready() {
            return Some(snapshot.ready.to_string());
        }
        let Some(view) = snapshot.views.get(&self.app) else {
            return Some("the daemon has no view of the application".to_owned());
        };
        if let Some(verdict) = view.verdicts.iter().find(|v| v.state != VerdictState::Up) {
            return Some(format!("{} is {}", verdict.region, verdict.state));
        }
        let Some(known) = snapshot.state.apps.get(&self.app) else {
            return Some("nothing is recorded yet".to_owned());
        };
        if known.traffic.is_none() {
            return Some("where traffic stands is not recorded".to_owned());
        }
        let regions = [&self.stage.places.home, &self.stage.places.standby];
        if let Some(region) = regions.iter().find(|r| !known.capacity.contains_key(**r)) {
            return Some(format!("the node groups of {region} are not recorded"));
        }
        if self.scenario.app.database && !known.lag.contains_key(&self.stage.places.standby) {
            return Some("no replication lag is recorded".to_owned());
        }
        None
    }

    /// Takes in what failoverd shows.
    fn take_in(&mut self, now: Wall) {
        let snapshot = Arc::clone(&self.snapshots.borrow_and_update());
        while let Ok(notice) = self.notices.try_recv() {
            if let Notice::Declined { reasons, .. } = notice {
                for reason in reasons {
                    self.note(now, &format!("declined: {reason}"));
                    self.remember(&reason);
                }
            }
        }
        let runs: Vec<Run> = snapshot
            .state
            .runs
            .values()
            .filter(|run| run.application == self.app)
            .cloned()
            .collect();
        self.seen.two_open |= runs.iter().filter(|run| run.is_open()).count() > 1;
        let Some(view) = snapshot.views.get(&self.app) else {
            return;
        };
        let events = self.diff.next(view, newest(&runs), &snapshot.activities);
        for event in &events {
            self.mark(now, event, &runs);
        }
        self.progress.push_all(now, &events);
        for verdict in &view.guards {
            if let Ruling::Hold(reason) | Ruling::Ask(reason) = &verdict.ruling {
                self.remember(reason);
            }
        }
        self.seen.asked = matches!(view.decision, Some(Decision::Ask { .. }));
        if let Phase::Blocked { reason, .. } = &view.phase {
            self.remember(reason);
        }
        let word = view.phase.as_str();
        if self.seen.phases.last().is_none_or(|(_, last)| last != word) {
            self.seen.phases.push((now, word.to_owned()));
        }
        let app = self.stage.config.applications.first();
        self.seen.active = app.map(|app| active_region(app, &snapshot.state).clone());
        self.seen.view = Some(view.clone());
        self.seen.runs = runs;
    }

    /// One of each sort: a hold-down counts down at every look.
    fn remember(&mut self, reason: &HoldReason) {
        match self
            .seen
            .reasons
            .iter_mut()
            .find(|known| known.code() == reason.code())
        {
            Some(known) => *known = reason.clone(),
            None => self.seen.reasons.push(reason.clone()),
        }
    }

    /// The moments between which the clocks run.
    fn mark(&mut self, now: Wall, event: &ProgressEvent, runs: &[Run]) {
        match event {
            ProgressEvent::VerdictChanged {
                region,
                verdict: VerdictState::Down,
            } => {
                if self.seen.marks.verdict.is_none() {
                    self.seen.marks.verdict = Some(now);
                }
                self.line(
                    now,
                    MarkKind::Verdict,
                    format!("{region} is agreed to be lost"),
                );
            }
            ProgressEvent::RunOpened { run, from, to, .. } => {
                let opened = newest(runs).map_or(now, |run| run.opened_at);
                self.seen.marks.opened = Some(opened);
                self.line(opened, MarkKind::Decision, format!("{run}: {from} → {to}"));
                self.seen.votes = self.votes();
            }
            ProgressEvent::StepMoved { step, status, .. } => {
                let verifies = newest(runs)
                    .and_then(verifying_step)
                    .is_some_and(|verifying| &verifying == step);
                if verifies && matches!(status, StepStatus::Done { .. }) {
                    self.seen.marks.verified = Some(now);
                    self.line(now, MarkKind::Verified, step.to_string());
                }
            }
            ProgressEvent::RunMoved { .. } => {
                self.seen.marks.executed = newest(runs).and_then(|run| run.executed_at);
            }
            ProgressEvent::VerdictChanged { .. }
            | ProgressEvent::VoteChanged { .. }
            | ProgressEvent::PhaseChanged { .. }
            | ProgressEvent::RunClosed { .. }
            | ProgressEvent::StepActivity { .. }
            | ProgressEvent::FaultInjected { .. }
            | ProgressEvent::FaultCleared { .. }
            | ProgressEvent::OperatorActed { .. }
            | ProgressEvent::Note { .. } => {}
        }
    }

    fn line(&mut self, at: Wall, kind: MarkKind, text: String) {
        self.seen.lines.push((at, kind, text));
    }

    fn note(&self, at: Wall, text: &str) {
        let text = text.to_owned();
        self.progress.push(at, &ProgressEvent::Note { text });
    }

    /// Who says what, a line per vote.
    fn votes(&self) -> Vec<String> {
        let snapshot = self.snapshots.borrow();
        snapshot
            .votes
            .iter()
            .filter(|(_, held)| held.vote.app == self.app)
            .map(|(member, held)| {
                let age = held.age(snapshot.at.mono);
                let why: Vec<String> = held
                    .vote
                    .probes
                    .iter()
                    .filter(|probe| probe.failures_in_row > 0)
                    .map(|probe| {
                        let failure = probe.last_failure.as_deref().unwrap_or("failing");
                        format!("{} {failure} ×{}", probe.probe, probe.failures_in_row)
                    })
                    .collect();
                let tail = if why.is_empty() {
                    String::new()
                } else {
                    format!(": {}", why.join(", "))
                };
                format!(
                    "{member} says {} is {} (evidence {age} old){tail}",
                    held.vote.region, held.vote.opinion
                )
            })
            .collect()
    }

    /// Does what is due.
    async fn direct(&mut self, now: Wall) -> Result<(), DrillError> {
        while let Some(event) = self.scenario.events.get(self.next) {
            if !self.is_due(&event.moment, now) {
                return Ok(());
            }
            let is_zero = self.scenario.zero() == self.next;
            if is_zero {
                self.seen.zero = now;
                self.seen.marks = Marks {
                    start: now,
                    ..Marks::default()
                };
                self.progress.start_clocks(now);
            }
            self.act(&event.deed, now).await?;
            self.next += 1;
            self.armed_at = now;
            self.armed_runs = self.closed_runs();
            self.triggered_at = None;
        }
        Ok(())
    }

    fn is_due(&mut self, moment: &Moment, now: Wall) -> bool {
        match moment {
            Moment::At(after) => now >= self.seen.steady_at + *after,
            Moment::When { trigger, after } => {
                if self.triggered_at.is_none() && self.is_triggered(trigger) {
                    self.triggered_at = Some(now);
                }
                self.triggered_at.is_some_and(|at| now >= at + *after)
            }
        }
    }

    fn closed_runs(&self) -> usize {
        self.seen.runs.iter().filter(|run| !run.is_open()).count()
    }

    fn is_triggered(&self, trigger: &Trigger) -> bool {
        let run = newest(&self.seen.runs);
        let since = self.armed_at;
        match trigger {
            Trigger::RunOpened => run.is_some_and(|run| run.opened_at >= since),
            Trigger::RunClosed => self.closed_runs() > self.armed_runs,
            Trigger::PromotionStarted => self.stage.world.request_log().iter().any(|request| {
                request.at >= since
                    && request.mutating
                    && request.execution == Execution::Executed
                    && request.operation.ends_with("GlobalCluster")
            }),
            Trigger::Step { id, status } => run.is_some_and(|run| has_step(run, id, *status)),
            Trigger::Verified => run.is_some_and(|run| {
                verifying_step(run)
                    .is_some_and(|step| matches!(run.steps[&step].status, StepStatus::Done { .. }))
            }),
            Trigger::Blocked => self
                .seen
                .view
                .as_ref()
                .is_some_and(|view| matches!(view.phase, Phase::Blocked { .. })),
        }
    }

    async fn act(&mut self, deed: &Deed, now: Wall) -> Result<(), DrillError> {
        match deed {
            Deed::Inject(fault) => {
                self.stage.inject(fault)?;
                let text = self.in_names(&fault.to_string());
                self.line(now, MarkKind::Fault, text.clone());
                self.progress
                    .push(now, &ProgressEvent::FaultInjected { text });
            }
            Deed::Clear(fault) => {
                self.stage.clear(fault)?;
                let text = self.in_names(&fault.to_string());
                self.line(now, MarkKind::Cleared, text.clone());
                self.progress
                    .push(now, &ProgressEvent::FaultCleared { text });
            }
            Deed::Operator(act) => {
                let text = self.in_names(&act.to_string());
                self.line(now, MarkKind::Operator, text.clone());
                self.progress
                    .push(now, &ProgressEvent::OperatorActed { text });
                self.operate(act, now).await?;
            }
        }
        Ok(())
    }

    /// Parts by the names they play under.
    fn in_names(&self, text: &str) -> String {
        let places = &self.stage.places;
        let parts = BTreeMap::from([
            ("home", &places.home),
            ("standby", &places.standby),
            ("witness", &places.witness),
        ]);
        text.split(' ')
            .map(|word| {
                let bare = word.trim_end_matches(',');
                match parts.get(bare) {
                    Some(region) => format!("{region}{}", &word[bare.len()..]),
                    None => word.to_owned(),
                }
            })
            .collect::<Vec<_>>()
            .join(" ")
    }

    async fn ask(&self, wanted: RunRequest) -> Result<(), DrillError> {
        let asked = self.handle.request(wanted).await;
        asked.map_err(|error| DrillError::Scenario {
            why: format!("a person's request was not taken: {error}"),
        })
    }

    async fn operate(&mut self, act: &OperatorAct, now: Wall) -> Result<(), DrillError> {
        let by = PERSON.to_owned();
        let reason = self.scenario.title.clone();
        let run = newest(&self.seen.runs).map(|run| run.id.clone());
        let request = |kind, to: &super::scenario::Place, allow_data_loss| RunRequest {
            app: self.app.clone(),
            kind,
            to: Some(self.stage.places.region(to).clone()),
            by: by.clone(),
            reason: reason.clone(),
            allow_data_loss,
        };
        match act {
            OperatorAct::Failover {
                to,
                allow_data_loss,
            } => {
                let wanted = request(RunKind::Failover, to, *allow_data_loss);
                return self.ask(wanted).await;
            }
            OperatorAct::Switchover { to } => {
                return self.ask(request(RunKind::Switchover, to, false)).await;
            }
            OperatorAct::Failback { to } => {
                return self.ask(request(RunKind::Failback, to, false)).await;
            }
            OperatorAct::Approve { .. }
            | OperatorAct::Decline { .. }
            | OperatorAct::Abort { .. }
            | OperatorAct::Pause { .. }
            | OperatorAct::Resume {}
            | OperatorAct::Retry { .. }
            | OperatorAct::Skip { .. }
            | OperatorAct::Ack {}
            | OperatorAct::Rejoin { .. } => {}
        }
        let body = self.command(act, run, by)?;
        match self.handle.command(body).await {
            Ok(Ok(_)) => {}
            Ok(Err(rejection)) => self.note(now, &format!("refused: {rejection}")),
            Err(error) => self.note(now, &format!("no answer: {error}")),
        }
        Ok(())
    }

    fn command(
        &self,
        act: &OperatorAct,
        run: Option<RunId>,
        by: String,
    ) -> Result<CommandBody, DrillError> {
        let of_run = || {
            run.clone().ok_or_else(|| DrillError::Scenario {
                why: format!("`{act}` needs a run, and there is none"),
            })
        };
        Ok(match act {
            OperatorAct::Approve { step } | OperatorAct::Decline { step } => CommandBody::Approve {
                run: of_run()?,
                step: step.clone(),
                by,
                granted: matches!(act, OperatorAct::Approve { .. }),
            },
            OperatorAct::Abort { reason } => CommandBody::Abort {
                run: of_run()?,
                by,
                reason: reason.clone(),
            },
            OperatorAct::Pause { reason } => CommandBody::PauseRun {
                run: of_run()?,
                by,
                reason: reason.clone(),
            },
            OperatorAct::Resume {} => CommandBody::ResumeRun { run: of_run()?, by },
            OperatorAct::Retry { step } => CommandBody::RetryStep {
                run: of_run()?,
                step: step.clone(),
                by,
            },
            OperatorAct::Skip { step } => CommandBody::SkipStep {
                run: of_run()?,
                step: step.clone(),
                by,
            },
            OperatorAct::Ack {} => CommandBody::Acknowledge {
                app: self.app.clone(),
                by,
            },
            OperatorAct::Rejoin { region } => CommandBody::Rejoin {
                app: self.app.clone(),
                region: self.stage.places.region(region).clone(),
                by,
            },
            OperatorAct::Failover { .. }
            | OperatorAct::Switchover { .. }
            | OperatorAct::Failback { .. } => {
                return Err(DrillError::Scenario {
                    why: format!("`{act}` is a request, not a command"),
                });
            }
        })
    }

    /// Whether nothing more is to come that the drill is about.
    fn is_over(&mut self, now: Wall) -> bool {
        if self.next < self.scenario.events.len()
            || self.scenario.expect.outcome.is_without_run()
            || self.seen.runs.len() < self.scenario.expect.runs
        {
            return false;
        }
        let Some(run) = newest(&self.seen.runs) else {
            return false;
        };
        let expected = self.scenario.expect.outcome;
        match &run.status {
            RunStatus::Executing | RunStatus::Aborting { .. } => {
                self.settled_at = None;
                false
            }
            // A soak that is to find something is played out.
            RunStatus::Soaking { .. } if expected != Outcome::Completed => false,
            RunStatus::Soaking { .. } | RunStatus::Completed => {
                let since = *self.settled_at.get_or_insert(now);
                let wait = now.since(since);
                if wait >= WHOLE_WITHIN {
                    return true;
                }
                let tally = self.stage.users.tally();
                let quiet = (tally.series.len() as u64)
                    .saturating_sub(tally.all_good_again_s().unwrap_or(0));
                let whole = !tally.series.last().is_some_and(|s| s.has_failures());
                let rested =
                    matches!(run.status, RunStatus::Completed) || self.scenario.app.soak.is_some();
                whole && quiet >= WHOLE_FOR && wait >= Millis::from_secs(WHOLE_FOR) && rested
            }
            RunStatus::NeedsOperator { .. } | RunStatus::Aborted { .. } => {
                let since = *self.settled_at.get_or_insert(now);
                let in_flight = run.steps.values().any(|r| r.status.is_in_flight());
                !in_flight || now.since(since) >= SETTLE_WITHIN
            }
        }
    }
}

fn newest(runs: &[Run]) -> Option<&Run> {
    runs.iter().max_by_key(|run| run.epoch)
}

/// The last question that a run asks of the application itself.
fn verifying_step(run: &Run) -> Option<crate::model::StepId> {
    let checks = run.plan.steps.iter().rev();
    checks
        .filter(|step| matches!(step.intent, Intent::HttpCheck { .. }))
        .map(|step| step.id.clone())
        .next()
}

/// Whether a step of that name, or each that it was expanded to, stands there.
fn has_step(run: &Run, id: &str, word: StepWord) -> bool {
    let expanded = format!("{id}/");
    let mut found = run
        .steps
        .iter()
        .filter(|(step, _)| step.as_str() == id || step.as_str().starts_with(&expanded))
        .peekable();
    found.peek().is_some() && found.all(|(_, record)| word.matches(&record.status))
}

/// A mark of the report.
pub(super) fn report_marks(seen: &Seen) -> Vec<Mark> {
    seen.lines
        .iter()
        .map(|(at, kind, text)| Mark {
            at_s: seconds_after(seen.zero, *at),
            kind: *kind,
            text: text.clone(),
        })
        .collect()
}
