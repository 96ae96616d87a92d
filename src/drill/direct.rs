//! The director: does what the scenario says when it says so, watches what failoverd makes of it,
//! and ends the drill when its outcome is plain.

mod break_glass;
mod ledger;
mod operate;
mod take_in;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::daemon::alone::{self, Alone};
use crate::model::{
    AppId, AppView, Drill, HoldReason, Intent, LivePhase, Millis, Phase, RegionId, Run, RunStatus,
    State, StepStatus, Verdict, VerdictState, Wall,
};
use crate::sandbox::Execution;

use super::furnish::APP;
use super::progress::{Progress, ProgressEvent, SnapshotDiff};
use super::reigns::Reign;
use super::report::{Invariant, Mark, MarkKind, Marks, seconds_after};
use super::scenario::{Deed, FaultSpec, Moment, Outcome, Scenario, StepWord, Trigger, Who};
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
    /// What the open run waits for a person to do, though no step of it has failed.
    pub waits: Option<String>,
    pub active: Option<RegionId>,
    pub view: Option<AppView>,
    /// Set where an open run was seen beside another of the same application.
    pub two_open: bool,
    /// The votes when a run was opened, or last.
    pub votes: Vec<String>,
    /// Where the member is at home that leads from then on; `None`: nobody does.
    pub leaders: Vec<(Wall, Option<RegionId>)>,
    /// Who led when, as each has said of itself.
    pub reigns: Vec<Reign>,
    /// Of each member that ran in the end: whether it had said that the quorum is lost.
    pub alarms: BTreeMap<RegionId, bool>,
    /// By access key: whose it is.
    pub callers: BTreeMap<String, RegionId>,
    /// Why votes counted for nothing, at any time.
    pub unusable: BTreeSet<&'static str>,
    /// The newest game day.
    pub drill: Option<Drill>,
    /// Who, in the end, did not know the same as another.
    pub disagreement: Option<String>,
    /// The runs of every application, in a drill of several.
    pub fleet: Vec<Run>,
    /// How many applications have left by an evacuation that is completed.
    pub evacuated: Option<usize>,
    /// Applications that an evacuation has held at any time.
    pub held: BTreeSet<AppId>,
    /// How an evacuation was not as it was asked for.
    pub disorder: Option<String>,
    /// What must hold of a ledger that was begun anew, as it was seen then.
    pub begun_anew: Vec<Invariant>,
}

impl Seen {
    /// Who led when the scenario began, and who led last of all others: leadership may come back.
    pub fn first_and_last_leader(&self) -> (Option<&RegionId>, Option<&RegionId>) {
        let mut known = self.leaders.iter().filter_map(|(_, who)| who.as_ref());
        let first = known.next();
        (
            first,
            known.rfind(|leader| Some(*leader) != first).or(first),
        )
    }
}

/// Plays a scenario on a stage.
pub(super) struct Director<'a> {
    stage: &'a mut Stage,
    scenario: &'a Scenario,
    progress: &'a Progress,
    diff: SnapshotDiff,
    app: AppId,
    /// The newest that any member has shown of the replicated state.
    state: Arc<State>,
    /// From which all that is seen of a fleet was taken.
    fleet_of: Arc<State>,
    seen: Seen,
    /// The next event of the scenario, and since when it may come.
    next: usize,
    armed_at: Wall,
    /// What had happened when the event was armed: `run_closed` twice means two runs.
    armed_runs: usize,
    /// Who led then.
    armed_leader: Option<RegionId>,
    triggered_at: Option<Wall>,
    settled_at: Option<Wall>,
    /// The person who needs no member, once there is one.
    alone: Option<Alone>,
    /// The last backup.
    backup: Option<Vec<u8>>,
    /// Runs that only a lost ledger knew, or knew better.
    lost: Vec<Run>,
}

impl<'a> Director<'a> {
    pub fn new(stage: &'a mut Stage, scenario: &'a Scenario, progress: &'a Progress) -> Self {
        Self {
            stage,
            scenario,
            progress,
            diff: SnapshotDiff::default(),
            app: AppId::from(APP),
            state: Arc::default(),
            fleet_of: Arc::default(),
            seen: Seen::default(),
            next: 0,
            armed_at: Wall(0),
            armed_runs: 0,
            armed_leader: None,
            triggered_at: None,
            settled_at: None,
            alone: None,
            backup: None,
            lost: Vec::new(),
        }
    }

    /// Plays it to its end.
    pub async fn play(mut self) -> Result<Seen, DrillError> {
        let leader = self.stage.places.region(&self.scenario.members.leader);
        let leader = leader.clone();
        self.stage.cast.let_lead(&leader).await?;
        self.wait_until_steady().await?;
        let steady = self.now();
        self.stage.cast.record().forget_alarms();
        self.seen.steady_at = steady;
        self.seen.zero = steady;
        self.armed_at = steady;
        self.armed_leader = Some(leader);
        self.note(steady, "everything is steady; the scenario begins");
        let deadline = steady + self.scenario.deadline;
        loop {
            self.look().await?;
            let now = self.now();
            self.take_in(now);
            self.direct(now).await?;
            if now >= deadline || self.is_over(now) {
                self.seen.ended_at = now;
                return Ok(self.close().await);
            }
        }
    }

    /// What can only be said in the end.
    async fn close(mut self) -> Seen {
        if let Some(alone) = self.alone.take() {
            alone.shutdown().await;
            self.seen
                .callers
                .insert(break_glass::CALLER.to_owned(), RegionId::from(alone::ME));
        }
        let cast = &self.stage.cast;
        self.seen.reigns = cast.reigns();
        self.seen.alarms = cast
            .awake()
            .map(|(member, _)| (member.region.clone(), cast.record().has_alarmed(&member.id)))
            .collect();
        let callers = cast.members().iter();
        self.seen
            .callers
            .extend(callers.map(|member| (member.caller.clone(), member.region.clone())));
        self.seen.disagreement = cast.disagreement().await;
        self.seen
    }

    fn now(&self) -> Wall {
        self.stage.clock.now().wall
    }

    /// Waits for something new, or for a little while.
    async fn look(&mut self) -> Result<(), DrillError> {
        let pause = self.stage.clock.sleep(LOOK);
        let news = Arc::clone(&self.stage.cast.record().news);
        tokio::select! {
            () = pause => {}
            () = news.notified() => {}
        }
        let now = self.now();
        self.stage.cast.look_after(now).await
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

    /// Whether nothing is meant to answer there yet.
    fn is_cold(&self, region: &RegionId) -> bool {
        self.scenario.app.cold_standby && *region == self.stage.places.standby
    }

    /// A drill begins once its daemon may decide.
    fn grace(&self) -> Millis {
        let apps = self.stage.config.applications.iter();
        apps.map(|app| app.guards.startup_grace)
            .max()
            .unwrap_or_default()
    }

    /// What is still missing until the members know all that a plan needs.
    fn missing(&self) -> Option<String> {
        for (member, snapshot) in self.stage.cast.awake() {
            if !snapshot.ready.is_ready() {
                return Some(format!("{}: {}", member.id, snapshot.ready));
            }
            for app in self.stage.config.applications.iter().map(|app| &app.name) {
                let Some(view) = snapshot.views.get(app) else {
                    return Some(format!("{} has no view of {app}", member.id));
                };
                let is_up = |v: &&Verdict| v.state == VerdictState::Up || self.is_cold(&v.region);
                if let Some(verdict) = view.verdicts.iter().find(|v| !is_up(v)) {
                    return Some(format!(
                        "{app} in {} is {} to {}",
                        verdict.region, verdict.state, member.id
                    ));
                }
            }
            let Some(known) = snapshot.state.apps.get(&self.app) else {
                return Some(format!("{} knows of nothing recorded", member.id));
            };
            if known.traffic.is_none() {
                return Some("where traffic stands is not recorded".to_owned());
            }
            let mut regions = self.stage.setup.regions.iter().map(|region| &region.name);
            if let Some(region) = regions.find(|r| !known.capacity.contains_key(*r)) {
                return Some(format!("the node groups of {region} are not recorded"));
            }
            if self.scenario.app.database && !known.lag.contains_key(&self.stage.places.standby) {
                return Some("no replication lag is recorded".to_owned());
            }
        }
        self.stage
            .cast
            .leader()
            .is_none()
            .then(|| "nobody leads".to_owned())
    }

    fn line(&mut self, at: Wall, kind: MarkKind, text: String) {
        self.seen.lines.push((at, kind, text));
    }

    fn note(&self, at: Wall, text: &str) {
        let text = text.to_owned();
        self.progress.push(at, &ProgressEvent::Note { text });
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
            self.armed_leader = self.stage.cast.leader().map(|m| m.region.clone());
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
            Trigger::Confirmed => self.seen.view.as_ref().is_some_and(|view| {
                let active = view.verdicts.iter().find(|v| v.region == view.active);
                active.is_some_and(|verdict| verdict.state == VerdictState::Down)
            }),
            Trigger::Rested => !self.seen.runs.iter().any(Run::is_open),
            Trigger::LeaderChanged => {
                let leader = self.stage.cast.leader().map(|member| &member.region);
                leader.is_some() && leader != self.armed_leader.as_ref()
            }
            Trigger::MemberFrozen => self.stage.cast.anyone_frozen(),
            Trigger::CallHeld => self.stage.any_call_held(),
            Trigger::LiveDrillSoaks => self.state.open_drill(&self.app).is_some_and(|drill| {
                let live = drill.live.as_ref();
                live.is_some_and(|live| matches!(live.phase, LivePhase::Soaking { .. }))
            }),
        }
    }

    async fn act(&mut self, deed: &Deed, now: Wall) -> Result<(), DrillError> {
        match deed {
            Deed::Inject(fault) => {
                let victim = self.stage.inject(fault).await?;
                let text = self.in_words(fault, victim.as_ref());
                self.line(now, MarkKind::Fault, text.clone());
                self.progress
                    .push(now, &ProgressEvent::FaultInjected { text });
            }
            Deed::Clear(fault) => {
                let victim = self.stage.clear(fault).await?;
                let text = self.in_words(fault, victim.as_ref());
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

    /// A fault as it is told; a leader by its name.
    fn in_words(&self, fault: &FaultSpec, victim: Option<&RegionId>) -> String {
        let text = fault.to_string();
        match (fault.member(), victim) {
            (Some(who @ Who::Leader), Some(victim)) => {
                text.replace(&who.to_string(), &format!("the leader, {victim},"))
            }
            _ => self.in_names(&text),
        }
    }

    /// Parts by the names they play under.
    fn in_names(&self, text: &str) -> String {
        let places = &self.stage.places;
        let parts = BTreeMap::from([
            ("home", &places.home),
            ("standby", &places.standby),
            ("witness", &places.witness),
            ("witness-2", &places.witness_2),
            ("witness-3", &places.witness_3),
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

    /// Whether nothing more is to come that the drill is about.
    fn is_over(&mut self, now: Wall) -> bool {
        if self.next < self.scenario.events.len()
            || self.scenario.expect.outcome.is_without_run()
            || self.seen.runs.len() < self.scenario.expect.runs
            || now.since(self.armed_at) < self.scenario.linger
            || (self.scenario.expect.evacuated.is_some() && self.seen.evacuated.is_none())
        {
            return false;
        }
        let Some(run) = newest(&self.seen.runs) else {
            return false;
        };
        let expected = self.scenario.expect.outcome;
        let in_flight = run.steps.values().any(|r| r.status.is_in_flight());
        match &run.status {
            // Held: a person may end it, or the world.
            RunStatus::Executing
                if expected == Outcome::NeedsOperator && self.seen.waits.is_some() =>
            {
                let since = *self.settled_at.get_or_insert(now);
                !in_flight && now.since(since) >= SETTLE_WITHIN
            }
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
