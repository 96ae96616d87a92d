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

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::detect::{Level, Vantage};
use crate::model::{
    AppId, AppView, Application, CommandBody, Decision, Event, HeldReadiness, HoldReason, MemberId,
    Millis, Mono, Now, Origin, Plan, RegionId, Rejection, Run, RunId, RunKind, RunLimits,
    RunStatus, Runbook, Sample, StandDownReason, State, StepActivity, StepId, Target, Touches,
    Traffic, Verdict, VoteSheet,
};
use crate::quorum::{self, Matrix, Verdicts};
use crate::run::Heard;

mod alike;
mod carry;
mod decide;
mod desk;
mod doubt;
mod evacuate;
mod game_day;
#[cfg(test)]
mod interleavings;
mod live_drill;
mod phase;
mod rehearse;
mod request;
mod shares;
#[cfg(test)]
mod tests;
mod words;

pub use words::{
    DrillAsk, DrillHeard, DrillMove, Effect, Input, PlanAsk, Planned, RequestId, RunAnswer,
    RunRequest, Setup, Started,
};

use game_day::GameDays;

use desk::{Desk, Intended, Planning, decline, opened};
use phase::is_news;

/// After a plan or an opening was refused, this long until it is tried again: often enough to miss
/// nothing, seldom enough not to flood the ledger.
const RETRY_AFTER: Millis = Millis::from_secs(5);

/// News does not wait for its round, but two rounds are this part of a round apart at least: when a
/// Region is lost to a thousand applications, each of them is news of its own.
const EARLY_ROUNDS: u64 = 10;

/// One member's pure core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controller {
    setup: Arc<Setup>,
    started_at: Mono,
    vantages: BTreeMap<MemberId, Vantage>,
    matrix: Matrix,
    verdicts: Verdicts,
    /// Between two rounds of votes.
    round: Millis,
    voted_at: Mono,
    gossip_at: Mono,
    /// Whether this member acted as the leader at the last step.
    led: bool,
    /// It has asked that another lead, and does not act until then even if it is still told to.
    silent_until: Mono,
    /// AWS calls of this member in a row that were not answered; `None` before the first answer.
    aws_failures: Option<u32>,
    /// Since when the others see this member's own Region failing.
    own_region_suspect_since: Option<Mono>,
    /// Whether this member gave way when it last led.
    doubted: bool,
    /// It does not do so again before then.
    spared_until: Mono,
    /// The end of an evacuation is not proposed again before then.
    evacuations_at: Mono,
    desks: BTreeMap<AppId, Desk>,
    /// Read by nothing that is decided in earnest.
    game_days: GameDays,
}

/// Whose affairs an input may have changed.
enum Affected {
    Nobody,
    One(AppId),
    Everybody,
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
            setup: Arc::new(setup),
            started_at: now.mono,
            vantages,
            matrix: Matrix::default(),
            verdicts: Verdicts::default(),
            round,
            voted_at: now.mono,
            gossip_at: now.mono,
            led: false,
            silent_until: now.mono,
            aws_failures: None,
            own_region_suspect_since: None,
            doubted: false,
            spared_until: now.mono,
            evacuations_at: now.mono,
            desks,
            game_days: GameDays::new(now),
        }
    }

    /// The last view of each application.
    pub fn views(&self) -> BTreeMap<AppId, AppView> {
        self.desks
            .iter()
            .filter_map(|(app, desk)| Some((app.clone(), desk.view.clone()?)))
            .collect()
    }

    /// What the last look at each application's readiness found.
    pub fn checks(&self) -> BTreeMap<AppId, Arc<HeldReadiness>> {
        self.desks
            .iter()
            .filter_map(|(app, desk)| Some((app.clone(), Arc::clone(desk.readiness.as_ref()?))))
            .collect()
    }

    /// The votes as this member holds them.
    pub fn matrix(&self) -> &Matrix {
        &self.matrix
    }

    /// Where a probe of a hosted vantage stands.
    pub fn probe_level(&self, member: &MemberId, target: &Target) -> Option<Level> {
        self.vantages.get(member)?.level(target)
    }

    /// Whether a hosted vantage cannot say `down` only because no reference target has answered yet.
    pub fn lacks_reference(&self, now: Now, member: &MemberId, target: &Target) -> bool {
        self.vantages
            .get(member)
            .is_some_and(|vantage| vantage.lacks_reference(now.mono, target))
            || self.game_days.lacks_reference(now, member, target)
    }

    /// What this member is doing about a step of an open run.
    pub fn activity(&self, run: &Run, step: &StepId) -> Option<StepActivity> {
        let (_, engine) = self.desks.get(&run.application)?.engine.as_ref()?;
        engine.activity(run, step)
    }

    /// This process is ending: what must still be journaled before it may.
    pub fn drain(&mut self, now: Now, state: &State) -> Vec<Effect> {
        let mut effects = Vec::new();
        let now = by_the_ledger(now, state);
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
        let is_leader = leads;
        match &input {
            Input::Sample { member, sample } => {
                self.sampled(now, member, sample);
                self.game_days.sampled(now, self.round, member, sample);
            }
            Input::Tilt { member } => effects.extend(self.tilted(now, is_leader, member)),
            Input::Tick
            | Input::Sheet { .. }
            | Input::AwsAnswered { .. }
            | Input::TrafficRead { .. }
            | Input::Opened { .. }
            | Input::Heard { .. }
            | Input::Readiness(_)
            | Input::Request(_)
            | Input::Drill(_) => {}
        }
        let leads = is_leader && now.mono >= self.silent_until;
        if leads && !self.led {
            self.spare(now);
            self.lead_again(now, state);
        }
        self.led = leads;
        // Before anything is decided, so that it is decided on the votes of this moment.
        let voted = now.mono >= self.gossip_at;
        if voted {
            effects.extend(self.vote(now));
        }
        let of_drill = matches!(input, Input::Drill(_));
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
                effects.extend(self.after_opening(now, state, &app, answer));
                Affected::One(app)
            }
            Input::Heard { run, heard } => {
                effects.extend(self.hear(now, state, leads, &run, heard));
                match state.runs.get(&run) {
                    Some(run) => Affected::One(run.application.clone()),
                    None => Affected::Nobody,
                }
            }
            Input::Readiness(held) => {
                let app = held.report.application.clone();
                if let Some(desk) = self.desks.get_mut(&app) {
                    desk.readiness = Some(held);
                }
                Affected::One(app)
            }
            Input::Request(request) => {
                let app = request.app.clone();
                effects.extend(self.request(now, state, leads, request));
                Affected::One(app)
            }
            Input::Drill(heard) => {
                effects.extend(self.hear_of_drill(now, state, leads, heard));
                Affected::Nobody
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
        if everybody && leads {
            effects.extend(self.evacuate(now, state));
            effects.extend(self.live_drills(now, state));
        }
        let mut effects = self.told_to_evacuations(now, state, leads, effects);
        if everybody || of_drill {
            effects.extend(self.drill(now, state, leads));
        }
        if everybody && is_leader && self.has_peers() {
            let doubt = self.doubt(now);
            effects.extend(doubt.map(|reason| self.stand_down(now, reason)));
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
            self.game_days.tilted(now, member);
            self.verdicts.interrupt(now.mono);
            self.gossip_at = now.mono;
        }
        let stands_down = leads && member == &self.setup.me && self.has_peers();
        stands_down.then(|| self.stand_down(now, StandDownReason::Tilt))
    }

    /// From here on it leaves all acting to others, though it takes them a lease to take over: what
    /// it would do until then it would do by a clock, or on a path, that it does not trust.
    fn stand_down(&mut self, now: Now, reason: StandDownReason) -> Effect {
        self.silent_until = now.mono + self.setup.timing.lease;
        Effect::StandDown(reason)
    }

    /// Leadership has come (back): another member may have acted in between.
    fn lead_again(&mut self, now: Now, state: &State) {
        for desk in self.desks.values_mut() {
            desk.proven_here = None;
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
        if open.is_none()
            && let Some(lost) = shares::lost(app, state, &verdicts, &active)
        {
            let wanted = Intended {
                kind: app.automatic_kind(),
                from: lost.clone(),
                to: quorum::choose_target(app, state, &verdicts, lost),
                request: None,
            };
            let (rulings, made) = self.decide(now, state, app, &verdicts, &wanted);
            guards = rulings;
            decision = Some(made);
        }
        if leads {
            effects.extend(self.lead(now, state, app, &verdicts, decision.as_ref(), &active));
        } else if let Some(desk) = self.desks.get_mut(name) {
            // The engine stays: it knows what this life has called.
            effects.extend(desk.stand_down());
        }
        if let Some(open) = open {
            let held = self.desks.get(name).and_then(|desk| desk.held.clone());
            let held = held.or_else(|| shares::unwell(&verdicts, open));
            decision = held.map(|reason| Decision::Hold(vec![reason]));
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
            // What the last run left is watched for drift, now and then, while it still serves; so
            // is what an abort has given up or given back.
            let last = state.apps.get(&app.name)?.last_run.as_ref()?;
            let run = state.runs.get(last)?;
            let is_watched = match &run.status {
                RunStatus::Completed if run.plan.kind.moves_share() => {
                    shares::still_stands(state, run)
                }
                RunStatus::Completed => &run.plan.to == active,
                RunStatus::Aborted { .. } => {
                    run.promotions_given_up().next().is_some() || !run.restoring.is_empty()
                }
                RunStatus::Executing
                | RunStatus::NeedsOperator { .. }
                | RunStatus::Aborting { .. }
                | RunStatus::Soaking { .. } => false,
            };
            is_watched.then_some(run)
        });
        let mut effects = Vec::new();
        if let Some(run) = watched {
            effects.extend(self.carry_on(now, state, app, verdicts, run));
        }
        let open = state.open_run(&app.name);
        let Some(desk) = self.desks.get_mut(&app.name) else {
            return effects;
        };
        if let (Some(planning), Some(run)) = (&mut desk.planning, open) {
            effects.extend(planning.sees_open(run));
        }
        if let Some(planning) = &desk.planning {
            if !planning.is_overdue(now, self.setup.timing.call_timeout) {
                return effects;
            }
            match desk.planning.take() {
                // The state has told what the ledger did not.
                Some(Planning::Opening { run, request, .. })
                    if open.is_some_and(|open| open.id == run) =>
                {
                    // Not the plan that was made here: another member's, of the same epoch.
                    let reason = open.map(HoldReason::run_open);
                    effects.extend(
                        request
                            .zip(reason)
                            .map(|(request, reason)| decline(request, reason)),
                    );
                }
                planning => effects.extend(planning.and_then(Planning::give_up)),
            }
        }
        if let Some(run) = open {
            let reason = HoldReason::run_open(run);
            effects.extend(desk.request.take().map(|request| decline(request, reason)));
            return effects;
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
                    kind: app.automatic_kind(),
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

    /// Takes in what came back to a move of an engine, and no more: what a process that is ending
    /// still does.
    pub fn hear(
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
            .hear(by_the_ledger(now, state), run, heard)
            .into_iter()
            .map(|act| Effect::Perform {
                app: run.application.clone(),
                run: id.clone(),
                act,
            })
            .collect()
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
        // The answer to a question that was asked twice comes twice.
        let Some(Planning::Reading { intended, .. }) = &desk.planning else {
            return Vec::new();
        };
        if !leads {
            return Vec::new();
        }
        let intended = intended.clone();
        desk.planning = None;
        let verdicts = self.judge(now, &app);
        let (_, decision) = self.decide(now, state, &app, &verdicts, &intended);
        let refusals = match decision {
            Decision::Act { to, .. } if Some(&to) == intended.to.as_ref() => Vec::new(),
            // The world has moved on since; the next turn begins anew.
            Decision::Act { .. } => {
                if let Some(desk) = self.desks.get_mut(name) {
                    desk.request = intended.request;
                }
                return Vec::new();
            }
            Decision::Hold(reasons) | Decision::Ask { reasons, .. } => reasons,
        };
        if !refusals.is_empty() {
            return self.refuse(now, name, intended.request, refusals);
        }
        match self.make_plan(now, state, &app, &verdicts, &intended, traffic.as_ref()) {
            Err(reason) => self.refuse(now, name, intended.request, vec![reason]),
            Ok(plan) if is_another(&plan, intended.request.as_ref()) => {
                let changed = intended.request.and_then(|request| {
                    let expected = request.plan_hash.clone()?;
                    let made = plan.hash;
                    Some(decline(request, HoldReason::PlanChanged { expected, made }))
                });
                changed.into_iter().collect()
            }
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
                    desk.planning = Some(Planning::Opening {
                        run,
                        hash: plan.hash.clone(),
                        region: intended.from.clone(),
                        request: intended.request.clone(),
                        since: now.mono,
                    });
                }
                let (evacuation, drill) = intended
                    .request
                    .map_or((None, None), |request| (request.evacuation, request.drill));
                let body = self.opening(&app, plan, origin);
                let app = name.clone();
                let body = evacuate::as_part_of(evacuation, body);
                let body = live_drill::as_part_of(drill, body);
                vec![Effect::OpenRun { app, body }]
            }
        }
    }

    /// What opens a run of that plan.
    fn opening(&self, app: &Application, plan: Plan, origin: Origin) -> CommandBody {
        CommandBody::OpenRun {
            plan: Box::new(plan),
            origin,
            limits: RunLimits {
                cool_down: app.guards.cool_down,
                brake: app.guards.brake,
                quarantine: app.guards.quarantine,
                soak: app.guards.soak,
                data_loss_approval: self.setup.data_loss_approval,
            },
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
            (Some(request), _) => {
                let answer = RunAnswer::Declined(reasons);
                vec![Effect::Answer { request, answer }]
            }
            (None, Some(desk)) => {
                if let Some(reason) = reasons.into_iter().next() {
                    desk.refused = Some((now.mono + RETRY_AFTER, reason));
                }
                Vec::new()
            }
            (None, None) => Vec::new(),
        }
    }

    fn after_opening(
        &mut self,
        now: Now,
        state: &State,
        name: &AppId,
        answer: Option<Result<Event, Rejection>>,
    ) -> Vec<Effect> {
        let Some(desk) = self.desks.get_mut(name) else {
            return Vec::new();
        };
        let Some(Planning::Opening {
            run, hash, request, ..
        }) = &desk.planning
        else {
            return Vec::new();
        };
        let (run, hash, request) = (run.clone(), hash.clone(), request.clone());
        match answer {
            Some(Ok(event)) => {
                desk.planning = None;
                desk.proven_here = Some(run.clone());
                let Some(request) = request else {
                    return Vec::new();
                };
                // Open already: by an earlier answer of ours that was lost, or by another person.
                let known = state.runs.get(&run).filter(|_| event == Event::NoChange);
                vec![match known {
                    Some(known) => opened(request, known),
                    None => Effect::Answer {
                        request,
                        answer: RunAnswer::Started(Started {
                            run,
                            plan_hash: hash,
                        }),
                    },
                }]
            }
            Some(Err(rejection)) => {
                desk.planning = None;
                self.refuse(now, name, request, vec![in_the_way(rejection)])
            }
            // Not known to be committed, nor not to be: the state will tell, or time will pass.
            None => Vec::new(),
        }
    }

    fn app(&self, name: &AppId) -> Option<Arc<Application>> {
        self.desks.get(name).map(|desk| Arc::clone(&desk.app))
    }

    fn runbook(&self, app: &Application, kind: RunKind) -> Option<&Runbook> {
        self.setup.runbooks.get(app.runbooks.get(&kind)?)
    }

    /// What that kind's runbook changes; nothing where there is none.
    fn touches(&self, app: &Application, kind: RunKind) -> Touches {
        let runbook = self.runbook(app, kind);
        let mut touches = runbook.map(Runbook::touches).unwrap_or_default();
        // Whoever is served there writes: its database must be a part of the whole again.
        touches.database |= kind == RunKind::Return && app.resources.global_cluster.is_some();
        touches
    }
}

/// Whether it is not the plan that whoever asks has looked at.
fn is_another(plan: &Plan, request: Option<&RunRequest>) -> bool {
    let expected = request.and_then(|request| request.plan_hash.as_ref());
    expected.is_some_and(|expected| *expected != plan.hash)
}

/// What the ledger has against a run, as a reason for people.
fn in_the_way(rejection: Rejection) -> HoldReason {
    match rejection {
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
        | Rejection::NeedsOtherPerson { .. }
        | Rejection::MayNotCall { .. }
        | Rejection::LastOpen { .. }
        | Rejection::BadPlan { .. }
        | Rejection::OtherDisk { .. }
        | Rejection::NoSuchEvacuation { .. }
        | Rejection::EvacuationOpen { .. }
        | Rejection::Evacuation { .. }
        | Rejection::Founded
        | Rejection::PauseWithoutEnd
        | Rejection::LastDisk { .. }
        | Rejection::NoSuchDrill { .. }
        | Rejection::NoDrill { .. }
        | Rejection::OldMember { .. } => HoldReason::PlanImpossible {
            step: None,
            why: rejection.to_string(),
        },
    }
}

/// What is counted from the ledger's dates is counted in the ledger's time.
fn by_the_ledger(now: Now, state: &State) -> Now {
    Now {
        mono: now.mono,
        wall: state.date(now.wall),
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
