//! Floor 2: composes the pure core. Everything that happens to a member is an [`Input`]; everything
//! it wants done is an [`Effect`].
//!
//! ```text
//!  sample ─▶ vantage ─▶ vote ─▶ matrix ─▶ verdict ─▶ guards ─▶ decision
//!                                                                 │ act
//!            state ◀─ ledger ◀─ open run ◀─ plan ◀─ traffic read ◀┘
//!              └─▶ engine ─▶ observe, commit, call
//! ```
//!
//! Invariant: no effect that changes anything is asked for by a member that does not lead.
//! Invariant: between the decision and the opening of a run the decision is made anew, on the votes
//! of that moment.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::{Discriminant, discriminant};
use std::sync::Arc;

use crate::detect::Vantage;
use crate::model::{
    AppId, AppView, Application, BootId, CommandBody, Decision, Epoch, Event, GuardVerdict,
    HoldReason, Member, MemberId, Millis, Mono, NeedsOperator, Now, Origin, Phase, Plan, Probe,
    RegionId, Rejection, Run, RunId, RunKind, RunLimits, RunStatus, Runbook, Sample,
    StandDownReason, State, StepActivity, StepId, StepStatus, Traffic, Verdict, VerdictState,
    VoteSheet, Wall,
};
use crate::quorum::{self, GuardContext, GuardOrigin, Matrix, Verdicts};
use crate::run::{Engine, Heard, Move, Timing};
use crate::runbook::{PlanRequest, plan};

#[cfg(test)]
mod tests;

/// After a plan or an opening was refused, this long until it is tried again: often enough to miss
/// nothing, seldom enough not to flood the ledger.
const RETRY_AFTER: Millis = Millis::from_secs(5);

/// How long an inherited run may wait for votes that prove its verdict anew, as a multiple of the
/// freshness: two rounds of votes and one to spare.
const PROOF_ROUNDS: u64 = 3;

/// AWS calls in a row that must fail before a leader lets one lead whose calls succeed: the SDK has
/// retried each of them already.
const AWS_FAILURES: u32 = 3;

/// News does not wait for its round, but two rounds are this part of a round apart at least: when a
/// Region is lost to a thousand applications, each of them is news of its own.
const EARLY_ROUNDS: u64 = 10;

/// What the controller is told once.
#[derive(Clone, Debug)]
pub struct Setup {
    /// This member.
    pub me: MemberId,
    /// This life of it.
    pub boot: BootId,
    /// The configured members.
    pub members: Vec<Member>,
    /// The members whose vantages live in this process.
    pub hosted: Vec<MemberId>,
    /// What is failed over.
    pub applications: Vec<Application>,
    /// The reference targets.
    pub references: Vec<Probe>,
    /// By name.
    pub runbooks: BTreeMap<String, Runbook>,
    /// What the engine goes by.
    pub timing: Timing,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// Time passed.
    Tick,
    /// A probe of a hosted vantage came back.
    Sample {
        /// Whose vantage.
        member: MemberId,
        /// What it found.
        sample: Sample,
    },
    /// This host stalled or its clock stepped: a hosted vantage does not trust itself.
    Tilt {
        /// Whose vantage.
        member: MemberId,
    },
    /// A round of votes of another member, asked for at that moment on our clock.
    Sheet {
        /// What it said.
        sheet: VoteSheet,
        /// When it was asked: the sheet is no older than that.
        asked_at: Mono,
    },
    /// Where traffic stands, as asked for by [`Effect::ReadTraffic`]; `None` if unreadable.
    TrafficRead {
        /// Of which application.
        app: AppId,
        /// What was read.
        traffic: Option<Traffic>,
    },
    /// What the ledger said to [`Effect::OpenRun`]; `None` if it did not say.
    Opened {
        /// Of which application.
        app: AppId,
        /// The answer.
        answer: Option<Result<Event, Rejection>>,
    },
    /// What came back to a move of an engine.
    Heard {
        /// Of which run.
        run: RunId,
        /// What.
        heard: Heard,
    },
    /// An AWS call of this member was answered, or not.
    AwsAnswered {
        /// Whether it was.
        reached: bool,
    },
    /// A person asks for a run.
    Request(RunRequest),
}

/// A run that a person asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRequest {
    /// Which application.
    pub app: AppId,
    /// Why it is made.
    pub kind: RunKind,
    /// Where to; chosen like an automatic run's if absent, home for a failback.
    pub to: Option<RegionId>,
    /// Who asks.
    pub by: String,
    /// Why they ask.
    pub reason: String,
    /// Whether unreplicated data may be lost.
    pub allow_data_loss: bool,
}

/// Something to be done by the shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send these votes to every other member.
    Gossip(Vec<VoteSheet>),
    /// Let another member lead: this one cannot trust itself, or cannot act.
    StandDown(StandDownReason),
    /// Read where traffic stands; answer with [`Input::TrafficRead`].
    ReadTraffic {
        /// Of which application.
        app: AppId,
    },
    /// Commit; answer with [`Input::Opened`].
    OpenRun {
        /// Of which application.
        app: AppId,
        /// Always `OpenRun`.
        body: CommandBody,
    },
    /// A move of a run's engine; answer with [`Input::Heard`].
    Perform {
        /// Of which application.
        app: AppId,
        /// Of which run.
        run: RunId,
        /// What to do.
        act: Move,
    },
    /// The view of an application has changed, by more than that time has passed.
    Publish(AppView),
    /// A person's request cannot be followed.
    Decline {
        /// What was asked.
        request: RunRequest,
        /// Why not.
        reasons: Vec<HoldReason>,
    },
}

/// One member's pure core.
#[derive(Debug)]
pub struct Controller {
    setup: Setup,
    started_at: Mono,
    vantages: BTreeMap<MemberId, Vantage>,
    matrix: Matrix,
    verdicts: Verdicts,
    /// Between two rounds of votes.
    round: Millis,
    voted_at: Mono,
    gossip_at: Mono,
    /// Whether this member led at the last step.
    led: bool,
    /// AWS calls of this member in a row that were not answered; `None` before the first answer.
    aws_failures: Option<u32>,
    /// Since when the others see this member's own Region failing.
    own_region_suspect_since: Option<Mono>,
    desks: BTreeMap<AppId, Desk>,
}

/// What the controller keeps of one application between two steps. All of it may be lost.
#[derive(Debug)]
struct Desk {
    app: Arc<Application>,
    planning: Option<Planning>,
    engine: Option<(RunId, Engine)>,
    /// Runs that this life opened: their verdict is known to have held.
    opened_here: BTreeSet<RunId>,
    /// Since when an inherited run waits for its verdict.
    unproven_since: Option<Mono>,
    /// Not planned again before then, and why.
    refused: Option<(Mono, HoldReason)>,
    request: Option<RunRequest>,
    view: Option<AppView>,
}

impl Desk {
    fn new(app: &Application) -> Self {
        Self {
            app: Arc::new(app.clone()),
            planning: None,
            engine: None,
            opened_here: BTreeSet::new(),
            unproven_since: None,
            refused: None,
            request: None,
            view: None,
        }
    }
}

/// Whose affairs an input may have changed.
enum Affected {
    Nobody,
    One(AppId),
    Everybody,
}

/// A run in the making.
#[derive(Clone, Debug)]
enum Planning {
    Reading { intended: Intended, since: Mono },
    Opening { region: RegionId, since: Mono },
}

/// A run that is wanted.
#[derive(Clone, Debug)]
struct Intended {
    kind: RunKind,
    from: RegionId,
    to: Option<RegionId>,
    request: Option<RunRequest>,
}

impl Controller {
    /// A controller that has just started.
    pub fn new(setup: Setup, now: Now) -> Self {
        let vantages = setup
            .hosted
            .iter()
            .map(|member| {
                let vantage = Vantage::new(
                    member.clone(),
                    setup.boot,
                    &setup.applications,
                    &setup.references,
                );
                (member.clone(), vantage)
            })
            .collect();
        let desks = setup
            .applications
            .iter()
            .map(|app| (app.name.clone(), Desk::new(app)))
            .collect();
        let round = setup
            .applications
            .iter()
            .map(|app| app.detection.gossip)
            .min()
            .unwrap_or(Millis::from_secs(1));
        Self {
            setup,
            started_at: now.mono,
            vantages,
            matrix: Matrix::default(),
            verdicts: Verdicts::default(),
            round,
            voted_at: now.mono,
            gossip_at: now.mono,
            led: false,
            aws_failures: None,
            own_region_suspect_since: None,
            desks,
        }
    }

    /// The last view of each application.
    pub fn views(&self) -> BTreeMap<AppId, AppView> {
        self.desks
            .iter()
            .filter_map(|(app, desk)| Some((app.clone(), desk.view.clone()?)))
            .collect()
    }

    /// The votes as this member holds them.
    pub fn matrix(&self) -> &Matrix {
        &self.matrix
    }

    /// What this member is doing about a step of an open run.
    pub fn activity(&self, run: &Run, step: &StepId) -> Option<StepActivity> {
        let (_, engine) = self.desks.get(&run.application)?.engine.as_ref()?;
        engine.activity(run, step)
    }

    /// This process is ending: what must still be journaled before it may.
    pub fn drain(&mut self, now: Now, state: &State) -> Vec<Effect> {
        let mut effects = Vec::new();
        for (app, desk) in &mut self.desks {
            let (Some(run), Some((id, engine))) = (state.open_run(app), &mut desk.engine) else {
                continue;
            };
            if &run.id != id {
                continue;
            }
            effects.extend(
                engine
                    .drain(now, run)
                    .into_iter()
                    .map(|act| Effect::Perform {
                        app: app.clone(),
                        run: run.id.clone(),
                        act,
                    }),
            );
        }
        effects
    }

    /// Takes in what happened and says what is to be done. `leads` and `state` are as of now.
    pub fn step(&mut self, now: Now, state: &State, leads: bool, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        if leads && !self.led {
            self.lead_again(now, state);
        }
        self.led = leads;
        match &input {
            Input::Sample { member, sample } => self.sampled(now, member, sample),
            Input::Tilt { member } => effects.extend(self.tilted(now, leads, member)),
            Input::Tick
            | Input::Sheet { .. }
            | Input::AwsAnswered { .. }
            | Input::TrafficRead { .. }
            | Input::Opened { .. }
            | Input::Heard { .. }
            | Input::Request(_) => {}
        }
        // Before anything is decided, so that it is decided on the votes of this moment.
        let voted = now.mono >= self.gossip_at;
        if voted {
            effects.extend(self.vote(now));
        }
        let affected = match input {
            // What it changed it changes through the votes.
            Input::Sample { .. } => Affected::Nobody,
            Input::Tick | Input::Tilt { .. } => Affected::Everybody,
            Input::Sheet { sheet, asked_at } => match self.matrix.hold_remote(&sheet, asked_at) {
                true => Affected::Everybody,
                false => Affected::Nobody,
            },
            Input::AwsAnswered { reached } => {
                let failures = self.aws_failures.unwrap_or(0);
                self.aws_failures = Some(if reached { 0 } else { failures + 1 });
                Affected::Nobody
            }
            Input::TrafficRead { app, traffic } => {
                effects.extend(self.after_read(now, state, leads, &app, traffic));
                Affected::One(app)
            }
            Input::Opened { app, answer } => {
                self.after_opening(now, &app, answer);
                Affected::One(app)
            }
            Input::Heard { run, heard } => {
                effects.extend(self.hear(now, state, leads, &run, heard));
                match state.runs.get(&run) {
                    Some(run) => Affected::One(run.application.clone()),
                    None => Affected::Nobody,
                }
            }
            Input::Request(request) => {
                let app = request.app.clone();
                effects.extend(self.request(now, leads, request));
                Affected::One(app)
            }
        };
        let affected = if voted { Affected::Everybody } else { affected };
        let everybody = matches!(affected, Affected::Everybody);
        let tended: Vec<Arc<Application>> = match affected {
            Affected::Nobody => Vec::new(),
            Affected::One(app) => self.app(&app).into_iter().collect(),
            Affected::Everybody => self.desks.values().map(|d| Arc::clone(&d.app)).collect(),
        };
        for app in tended {
            effects.extend(self.tend(now, state, leads, &app));
        }
        if everybody && leads && self.has_peers() {
            effects.extend(self.doubt(now).map(Effect::StandDown));
        }
        effects
    }

    fn sampled(&mut self, now: Now, member: &MemberId, sample: &Sample) {
        let Some(vantage) = self.vantages.get_mut(member) else {
            return;
        };
        // Nearly every sample only repeats the last one: that waits for the next round.
        if vantage.observe(now.mono, sample) && vantage.has_news(now.mono, &sample.target) {
            let early = self.voted_at + Millis(self.round.0 / EARLY_ROUNDS);
            self.gossip_at = self.gossip_at.min(early);
        }
    }

    fn tilted(&mut self, now: Now, leads: bool, member: &MemberId) -> Option<Effect> {
        if let Some(vantage) = self.vantages.get_mut(member) {
            vantage.tilt(now.mono);
            self.verdicts.interrupt(now.mono);
            self.gossip_at = now.mono;
        }
        let stands_down = leads && member == &self.setup.me && self.has_peers();
        stands_down.then_some(Effect::StandDown(StandDownReason::Tilt))
    }

    fn has_peers(&self) -> bool {
        self.setup.members.len() > 1
    }

    /// Why this leader should not lead, if there is a reason.
    fn doubt(&mut self, now: Now) -> Option<StandDownReason> {
        let me = &self.setup.me;
        if self
            .vantages
            .get(me)
            .is_some_and(|vantage| vantage.isolated(now.mono))
        {
            return Some(StandDownReason::Isolated);
        }
        let guards = self.setup.applications.iter().map(|app| &app.guards);
        let freshness = guards.clone().map(|g| g.freshness).min()?;
        if self.aws_failures >= Some(AWS_FAILURES) {
            let reached_by: Vec<MemberId> = self
                .matrix
                .reaching_aws(now.mono, freshness)
                .filter(|member| *member != me)
                .cloned()
                .collect();
            if !reached_by.is_empty() {
                return Some(StandDownReason::AwsUnreachable { reached_by });
            }
        }
        let home = self.setup.members.iter().find(|member| &member.id == me)?;
        let suspect = self.setup.applications.iter().any(|app| {
            let verdict = self.verdicts.get(&app.name, &home.region);
            verdict.is_some_and(|v| matches!(v.state, VerdictState::Suspect | VerdictState::Down))
        });
        if !suspect {
            self.own_region_suspect_since = None;
            return None;
        }
        let since = *self.own_region_suspect_since.get_or_insert(now.mono);
        let hold_down = guards.map(|g| g.hold_down).min()?;
        let suspect_for = now.mono.since(since);
        (suspect_for.times(2) >= hold_down).then(|| StandDownReason::OwnRegionSuspect {
            region: home.region.clone(),
            since: suspect_for,
        })
    }

    /// Leadership has come (back): another member may have acted in between.
    fn lead_again(&mut self, now: Now, state: &State) {
        for desk in self.desks.values_mut() {
            if let Some((id, engine)) = &mut desk.engine
                && let Some(run) = state.runs.get(id)
            {
                engine.lead_again(run, now);
            }
        }
    }

    /// A round of votes: every hosted vantage's go into the matrix and out to the others.
    fn vote(&mut self, now: Now) -> Option<Effect> {
        self.voted_at = now.mono;
        self.gossip_at = now.mono + self.round;
        let sheets: Vec<VoteSheet> = self
            .vantages
            .values_mut()
            .map(|vantage| VoteSheet {
                aws_reachable: self.aws_failures.map(|failures| failures == 0),
                ..vantage.vote_sheet(now.mono)
            })
            .collect();
        for sheet in &sheets {
            self.matrix.hold(sheet);
        }
        (!sheets.is_empty()).then_some(Effect::Gossip(sheets))
    }

    /// Everything that follows for one application from the present votes and state.
    fn tend(&mut self, now: Now, state: &State, leads: bool, app: &Application) -> Vec<Effect> {
        let name = &app.name;
        let mut effects = Vec::new();
        let verdicts = self.judge(now, app);
        let active = active_region(app, state).clone();

        let (mut guards, mut decision) = (Vec::new(), None);
        let open = state.open_run(name);
        if open.is_none() {
            let lost = verdicts
                .iter()
                .any(|v| v.region == active && v.state == VerdictState::Down);
            if lost {
                let wanted = Intended {
                    kind: RunKind::Failover,
                    from: active.clone(),
                    to: quorum::choose_target(app, state, &verdicts, &active),
                    request: None,
                };
                let (rulings, made) = self.decide(now, state, app, &verdicts, &wanted);
                guards = rulings;
                decision = Some(made);
            }
        }
        if leads {
            effects.extend(self.lead(now, state, app, &verdicts, decision.as_ref(), &active));
        } else if let Some(desk) = self.desks.get_mut(name) {
            // The engine stays: it knows what this life has called.
            desk.planning = None;
            desk.unproven_since = None;
            desk.request = None;
        }

        let phase = self.phase(now, state, app, &verdicts, decision.as_ref(), &active);
        let view = AppView {
            application: name.clone(),
            active,
            phase,
            verdicts,
            guards,
            decision,
        };
        if let Some(desk) = self.desks.get_mut(name) {
            if desk.view.as_ref().is_none_or(|old| is_news(old, &view)) {
                effects.push(Effect::Publish(view.clone()));
            }
            desk.view = Some(view);
        }
        effects
    }

    /// What only the leader does.
    fn lead(
        &mut self,
        now: Now,
        state: &State,
        app: &Application,
        verdicts: &[Verdict],
        decision: Option<&Decision>,
        active: &RegionId,
    ) -> Vec<Effect> {
        let watched = state.open_run(&app.name).or_else(|| {
            // What the last run left is watched for drift, now and then, while it still serves.
            let last = state.apps.get(&app.name)?.last_run.as_ref()?;
            let run = state.runs.get(last)?;
            (run.status == RunStatus::Completed && &run.plan.to == active).then_some(run)
        });
        let mut effects = Vec::new();
        if let Some(run) = watched {
            effects.extend(self.carry_on(now, app, verdicts, run));
        }
        if state.open_run(&app.name).is_some() {
            return effects;
        }
        let Some(desk) = self.desks.get_mut(&app.name) else {
            return effects;
        };
        if let Some(planning) = &desk.planning {
            let since = match planning {
                Planning::Reading { since, .. } | Planning::Opening { since, .. } => *since,
            };
            // An answer that never came: both questions are bounded well within this.
            if now.mono.since(since) < self.setup.timing.call_timeout.times(3) {
                return effects;
            }
            desk.planning = None;
        }
        if desk
            .refused
            .as_ref()
            .is_some_and(|(until, _)| now.mono < *until)
        {
            return effects;
        }
        desk.refused = None;
        if let Some(request) = desk.request.take() {
            effects.extend(self.begin_requested(now, state, app, verdicts, active, request));
        } else if let Some(Decision::Act { from, to }) = decision {
            desk.planning = Some(Planning::Reading {
                intended: Intended {
                    kind: RunKind::Failover,
                    from: from.clone(),
                    to: Some(to.clone()),
                    request: None,
                },
                since: now.mono,
            });
            effects.push(Effect::ReadTraffic {
                app: app.name.clone(),
            });
        }
        effects
    }

    /// Moves an open run on, or gives up one that was inherited and no longer holds.
    fn carry_on(
        &mut self,
        now: Now,
        app: &Application,
        verdicts: &[Verdict],
        run: &Run,
    ) -> Vec<Effect> {
        let setup = &self.setup;
        let Some(desk) = self.desks.get_mut(&app.name) else {
            return Vec::new();
        };
        let mut may_start = true;
        let needs_proof = run.status == RunStatus::Executing
            && run.origin.is_automatic()
            && !run.anything_intended()
            && !desk.opened_here.contains(&run.id);
        if needs_proof {
            let since = *desk.unproven_since.get_or_insert(now.mono);
            let patience = app.guards.freshness.times(PROOF_ROUNDS);
            let verdict = verdicts.iter().find(|v| v.region == run.plan.from);
            match verdict.map(|v| v.state) {
                Some(VerdictState::Down) => {}
                Some(VerdictState::Up) => {
                    return vec![abandon(app, run)];
                }
                Some(VerdictState::Suspect | VerdictState::Unknown) | None => {
                    if now.mono.since(since) >= patience {
                        return vec![abandon(app, run)];
                    }
                    may_start = false;
                }
            }
        } else {
            desk.unproven_since = None;
        }
        let current = desk.engine.as_ref().is_some_and(|(id, _)| id == &run.id);
        if !current {
            let engine = Engine::take_up(run, setup.me.clone(), setup.boot, setup.timing, now);
            desk.engine = Some((run.id.clone(), engine));
        }
        let Some((_, engine)) = &mut desk.engine else {
            return Vec::new();
        };
        engine
            .advance(now, run, may_start)
            .into_iter()
            .map(|act| Effect::Perform {
                app: app.name.clone(),
                run: run.id.clone(),
                act,
            })
            .collect()
    }

    fn hear(
        &mut self,
        now: Now,
        state: &State,
        leads: bool,
        id: &RunId,
        heard: Heard,
    ) -> Vec<Effect> {
        let Some(run) = state.runs.get(id) else {
            return Vec::new();
        };
        let Some(desk) = self.desks.get_mut(&run.application) else {
            return Vec::new();
        };
        // Without the engine that asked, the answer is nobody's: the ledger tells its successor.
        let Some((of, engine)) = &mut desk.engine else {
            return Vec::new();
        };
        if of != id {
            return Vec::new();
        }
        if !leads {
            engine.absorb(&heard);
            return Vec::new();
        }
        engine
            .hear(now, run, heard)
            .into_iter()
            .map(|act| Effect::Perform {
                app: run.application.clone(),
                run: id.clone(),
                act,
            })
            .collect()
    }

    fn request(&mut self, _now: Now, leads: bool, request: RunRequest) -> Option<Effect> {
        let decline = |request: RunRequest, reason: HoldReason| {
            Some(Effect::Decline {
                request,
                reasons: vec![reason],
            })
        };
        if !leads {
            return decline(request, HoldReason::NotLeader);
        }
        let Some(desk) = self.desks.get_mut(&request.app) else {
            let why = format!("no application is called {}", request.app);
            return decline(request, HoldReason::PlanImpossible { step: None, why });
        };
        desk.refused = None;
        desk.request = Some(request);
        None
    }

    fn begin_requested(
        &mut self,
        now: Now,
        state: &State,
        app: &Application,
        verdicts: &[Verdict],
        active: &RegionId,
        request: RunRequest,
    ) -> Vec<Effect> {
        let home = (request.kind == RunKind::Failback).then(|| app.home.clone());
        let to = request
            .to
            .clone()
            .or(home)
            .or_else(|| quorum::choose_target(app, state, verdicts, active));
        let Some(desk) = self.desks.get_mut(&app.name) else {
            return Vec::new();
        };
        desk.planning = Some(Planning::Reading {
            intended: Intended {
                kind: request.kind,
                from: active.clone(),
                to,
                request: Some(request),
            },
            since: now.mono,
        });
        vec![Effect::ReadTraffic {
            app: app.name.clone(),
        }]
    }

    /// The traffic is read: decide anew, make the plan, open the run.
    fn after_read(
        &mut self,
        now: Now,
        state: &State,
        leads: bool,
        name: &AppId,
        traffic: Option<Traffic>,
    ) -> Vec<Effect> {
        let Some(app) = self.app(name) else {
            return Vec::new();
        };
        let Some(desk) = self.desks.get_mut(name) else {
            return Vec::new();
        };
        let Some(Planning::Reading { intended, .. }) = desk.planning.take() else {
            return Vec::new();
        };
        if !leads {
            return Vec::new();
        }
        let verdicts = self.judge(now, &app);
        let (_, decision) = self.decide(now, state, &app, &verdicts, &intended);
        let refusals = match decision {
            Decision::Act { to, .. } if Some(&to) == intended.to.as_ref() => Vec::new(),
            // The world has moved on since; the next turn begins anew.
            Decision::Act { .. } => return Vec::new(),
            Decision::Hold(reasons) | Decision::Ask { reasons, .. } => reasons,
        };
        if !refusals.is_empty() {
            return self.refuse(now, name, intended.request, refusals);
        }
        match self.make_plan(now, state, &app, &verdicts, &intended, traffic.as_ref()) {
            Err(reason) => self.refuse(now, name, intended.request, vec![reason]),
            Ok(plan) => {
                let run = RunId(format!("{}-{}", plan.application, plan.epoch));
                let origin = match &intended.request {
                    Some(request) => Origin::Operator {
                        name: request.by.clone(),
                        reason: request.reason.clone(),
                    },
                    None => self.quorum_origin(&app, &verdicts, &intended.from),
                };
                if let Some(desk) = self.desks.get_mut(name) {
                    desk.opened_here.insert(run);
                    desk.planning = Some(Planning::Opening {
                        region: intended.from.clone(),
                        since: now.mono,
                    });
                }
                vec![Effect::OpenRun {
                    app: name.clone(),
                    body: CommandBody::OpenRun {
                        plan: Box::new(plan),
                        origin,
                        limits: RunLimits {
                            cool_down: app.guards.cool_down,
                            brake: app.guards.brake,
                            quarantine: app.guards.quarantine,
                            soak: app.guards.soak,
                        },
                    },
                }]
            }
        }
    }

    fn refuse(
        &mut self,
        now: Now,
        name: &AppId,
        request: Option<RunRequest>,
        reasons: Vec<HoldReason>,
    ) -> Vec<Effect> {
        match (request, self.desks.get_mut(name)) {
            (Some(request), _) => vec![Effect::Decline { request, reasons }],
            (None, Some(desk)) => {
                if let Some(reason) = reasons.into_iter().next() {
                    desk.refused = Some((now.mono + RETRY_AFTER, reason));
                }
                Vec::new()
            }
            (None, None) => Vec::new(),
        }
    }

    fn after_opening(&mut self, now: Now, name: &AppId, answer: Option<Result<Event, Rejection>>) {
        let Some(desk) = self.desks.get_mut(name) else {
            return;
        };
        if !matches!(desk.planning, Some(Planning::Opening { .. })) {
            return;
        }
        match answer {
            Some(Ok(_)) => desk.planning = None,
            Some(Err(rejection)) => {
                desk.planning = None;
                let reason = match rejection {
                    Rejection::Guard { reason } => reason,
                    Rejection::NoSuchRun { .. }
                    | Rejection::NoSuchStep { .. }
                    | Rejection::WrongEpoch { .. }
                    | Rejection::RunStatus { .. }
                    | Rejection::StepStatus { .. }
                    | Rejection::WrongAttempt { .. }
                    | Rejection::Paused { .. }
                    | Rejection::InFlight { .. }
                    | Rejection::NeedUnmet { .. }
                    | Rejection::BadPlan { .. }
                    | Rejection::OtherDisk { .. }
                    | Rejection::Founded
                    | Rejection::LastDisk { .. } => HoldReason::PlanImpossible {
                        step: None,
                        why: rejection.to_string(),
                    },
                };
                desk.refused = Some((now.mono + RETRY_AFTER, reason));
            }
            // Not known to be committed, nor not to be: the state will tell, or time will pass.
            None => {}
        }
    }

    /// The verdict on every Region of the application as of now.
    fn judge(&mut self, now: Now, app: &Application) -> Vec<Verdict> {
        let setup = &self.setup;
        app.regions
            .iter()
            .map(|region| {
                let judgement =
                    quorum::judge(now.mono, &self.matrix, &setup.members, app, &region.name);
                self.verdicts
                    .observe(now.mono, &app.name, app.guards.freshness, judgement)
                    .clone()
            })
            .collect()
    }

    fn decide(
        &self,
        now: Now,
        state: &State,
        app: &Application,
        verdicts: &[Verdict],
        intended: &Intended,
    ) -> (Vec<GuardVerdict>, Decision) {
        let context = self.guard_context(now, state, app, verdicts, intended);
        let guards = quorum::evaluate(&context);
        let decision = quorum::decide(&guards, &intended.from, intended.to.as_ref());
        (guards, decision)
    }

    fn guard_context<'a>(
        &'a self,
        now: Now,
        state: &'a State,
        app: &'a Application,
        verdicts: &'a [Verdict],
        intended: &'a Intended,
    ) -> GuardContext<'a> {
        let origin = match &intended.request {
            Some(request) => GuardOrigin::Operator {
                name: request.by.clone(),
                allow_data_loss: request.allow_data_loss,
            },
            None => GuardOrigin::Automatic,
        };
        GuardContext {
            now,
            started_at: self.started_at,
            app,
            members: &self.setup.members,
            matrix: &self.matrix,
            verdicts,
            state,
            ledger_fault: None,
            kind: intended.kind,
            from: &intended.from,
            to: intended.to.as_ref(),
            origin,
            data_step: self.runbook(app, intended.kind).is_some_and(has_data_step),
        }
    }

    fn make_plan(
        &self,
        now: Now,
        state: &State,
        app: &Application,
        verdicts: &[Verdict],
        intended: &Intended,
        traffic: Option<&Traffic>,
    ) -> Result<Plan, HoldReason> {
        let kind = intended.kind;
        let runbook = self
            .runbook(app, kind)
            .ok_or(HoldReason::NoRunbook { kind })?;
        let to = intended.to.as_ref().ok_or(HoldReason::NoCandidate)?;
        let context = self.guard_context(now, state, app, verdicts, intended);
        let epoch = state.apps.get(&app.name).map_or(Epoch(0), |a| a.epoch);
        plan(&PlanRequest {
            app,
            runbook,
            kind,
            from: &intended.from,
            to,
            state,
            fresh: traffic.map(|traffic| (traffic, now.wall)),
            epoch: epoch.next(),
            data_loss: quorum::data_loss_grant(&context),
            now: now.wall,
        })
    }

    fn quorum_origin(&self, app: &Application, verdicts: &[Verdict], from: &RegionId) -> Origin {
        let tally = verdicts
            .iter()
            .find(|v| &v.region == from)
            .map(|v| v.tally.clone())
            .unwrap_or_default();
        let evidence = tally
            .down
            .iter()
            .filter_map(|member| self.matrix.vote(member, &app.name, from))
            .flat_map(|held| {
                held.vote.probes.iter().map(|probe| {
                    let failure = probe.last_failure.as_deref().unwrap_or("no failure");
                    format!(
                        "{}: {failure}, {} in a row",
                        probe.probe, probe.failures_in_row
                    )
                })
            })
            .collect();
        Origin::Quorum { tally, evidence }
    }

    fn phase(
        &self,
        now: Now,
        state: &State,
        app: &Application,
        verdicts: &[Verdict],
        decision: Option<&Decision>,
        active: &RegionId,
    ) -> Phase {
        if let Some(run) = state.open_run(&app.name) {
            return run_phase(run);
        }
        let desk = self.desks.get(&app.name);
        if let Some(planning) = desk.and_then(|desk| desk.planning.as_ref()) {
            let region = match planning {
                Planning::Reading { intended, .. } => intended.from.clone(),
                Planning::Opening { region, .. } => region.clone(),
            };
            return Phase::Planned { region };
        }
        let region = active.clone();
        match decision {
            Some(Decision::Act { .. }) => {
                return match desk.and_then(|desk| desk.refused.as_ref()) {
                    Some((_, reason)) => Phase::Blocked {
                        region,
                        reason: reason.clone(),
                    },
                    None => Phase::Confirmed { region },
                };
            }
            Some(Decision::Ask { reasons, .. }) => {
                let text: Vec<String> = reasons
                    .iter()
                    .map(|reason| format!("{reason}; {}", reason.remedy()))
                    .collect();
                return Phase::NeedsOperator {
                    run: None,
                    reason: text.join("; "),
                };
            }
            Some(Decision::Hold(reasons)) => {
                let waiting = |reason: &&HoldReason| {
                    matches!(
                        reason,
                        HoldReason::HoldDown { .. } | HoldReason::StartupGrace { .. }
                    )
                };
                return match reasons.iter().find(|reason| !waiting(reason)) {
                    Some(reason) => Phase::Blocked {
                        region,
                        reason: reason.clone(),
                    },
                    None => Phase::Confirmed { region },
                };
            }
            None => {}
        }
        let suspect = verdicts
            .iter()
            .any(|v| v.region == region && v.state == VerdictState::Suspect);
        if suspect {
            return Phase::Suspect { region };
        }
        match cool_down(app, state, now.wall) {
            Some(remaining) => Phase::CoolDown { remaining },
            None => Phase::Steady,
        }
    }

    fn app(&self, name: &AppId) -> Option<Arc<Application>> {
        self.desks.get(name).map(|desk| Arc::clone(&desk.app))
    }

    fn runbook(&self, app: &Application, kind: RunKind) -> Option<&Runbook> {
        self.setup.runbooks.get(app.runbooks.get(&kind)?)
    }
}

/// Where the application serves from.
pub fn active_region<'a>(app: &'a Application, state: &'a State) -> &'a RegionId {
    state
        .apps
        .get(&app.name)
        .and_then(|known| known.active.as_ref())
        .unwrap_or(&app.home)
}

fn has_data_step(runbook: &Runbook) -> bool {
    runbook
        .steps
        .iter()
        .any(|step| matches!(step.action, crate::model::ActionSpec::AuroraPromote { .. }))
}

fn abandon(app: &Application, run: &Run) -> Effect {
    Effect::Perform {
        app: app.name.clone(),
        run: run.id.clone(),
        act: Move::Commit {
            step: StepId(String::new()),
            body: CommandBody::AbandonStale {
                run: run.id.clone(),
            },
        },
    }
}

fn run_phase(run: &Run) -> Phase {
    let id = run.id.clone();
    match &run.status {
        RunStatus::NeedsOperator { reason } => Phase::NeedsOperator {
            run: Some(id),
            reason: NeedsOperator::to_string(reason),
        },
        RunStatus::Soaking { .. } => Phase::Soaking { run: id },
        RunStatus::Executing
        | RunStatus::Aborting { .. }
        | RunStatus::Completed
        | RunStatus::Aborted { .. } => {
            let asked = run
                .in_order()
                .find(|(_, record)| record.status == StepStatus::AwaitingApproval);
            match asked {
                Some((step, _)) => Phase::NeedsOperator {
                    run: Some(id),
                    reason: format!("step {} waits for an approval", step.id),
                },
                None => Phase::Executing { run: id },
            }
        }
    }
}

/// Whether more has changed than ages and what is left of a delay: those count with every tick, and
/// a line in the log for each of them would bury the others.
fn is_news(old: &AppView, new: &AppView) -> bool {
    old.active != new.active
        || !same_phase(&old.phase, &new.phase)
        || !old
            .verdicts
            .iter()
            .map(|v| (&v.region, v.state))
            .eq(new.verdicts.iter().map(|v| (&v.region, v.state)))
        || !reasons(old).eq(reasons(new))
}

fn same_phase(old: &Phase, new: &Phase) -> bool {
    match (old, new) {
        (
            Phase::Blocked { region, reason },
            Phase::Blocked {
                region: other,
                reason: another,
            },
        ) => region == other && discriminant(reason) == discriminant(another),
        // Asked before there is a run, the text is that of the reasons, with their ages.
        (Phase::NeedsOperator { run: None, .. }, Phase::NeedsOperator { run: None, .. })
        | (Phase::CoolDown { .. }, Phase::CoolDown { .. }) => true,
        (old, new) => old == new,
    }
}

/// Which reasons stand in the way, without their figures.
fn reasons(view: &AppView) -> impl Iterator<Item = Discriminant<HoldReason>> {
    let reasons = match &view.decision {
        Some(Decision::Hold(reasons) | Decision::Ask { reasons, .. }) => reasons.as_slice(),
        Some(Decision::Act { .. }) | None => &[],
    };
    reasons.iter().map(discriminant)
}

/// What is left of the cool-down, in whole seconds as a person counts them.
fn cool_down(app: &Application, state: &State, now: Wall) -> Option<Millis> {
    let known = state.apps.get(&app.name)?;
    if known.acknowledged {
        return None;
    }
    let ends = known.last_closed_at? + app.guards.cool_down;
    let left = ends.since(now);
    (left > Millis::ZERO).then(|| Millis::from_secs(left.0.div_ceil(1_000)))
}
