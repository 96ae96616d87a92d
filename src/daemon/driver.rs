//! The one loop: takes inputs, asks the controller, hands its effects out, publishes what is.
//!
//! ```text
//!  samples, answers, requests ──▶ inbox ──▶ controller.step ──▶ effects ──▶ performer
//!                   tick, ledger changed ─────▲      └──▶ snapshot (watch)     │
//!                                      inbox ◀────────────────────────────────┘
//! ```
//!
//! Invariant: the loop itself never waits for anything but its inbox.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::controller::{Controller, Effect, Input, RunAnswer, RunRequest};
use crate::model::{
    AppView, HoldReason, MemberId, Millis, Now, RunId, SampleOutcome, State, StepActivity, StepId,
};
use crate::notify::Tally;
use crate::ports::{Clock, Ledger, LedgerError};
use crate::probe::{HostHealth, LoopStall, ProbeSet};

use super::alarm::{QuorumAlarm, SlowPeers};
use super::cluster::Cluster;
use super::operate::{AskFailed, Question};
use super::pauses::PausesKnown;
use super::perform::Performer;
use super::snapshot::{LedgerFigures, Readiness, Snapshot, Unready};
use super::stats::Stats;
use super::tell::{Teller, Turning};
use super::trace;

/// World time between two looks at the clock: a tenth of the shortest guard.
pub(super) const TICK: Millis = Millis(500);

/// Real time that one turn of the loop may take at the least, so that a fast world does not spin.
const TICK_FLOOR: Duration = Duration::from_millis(10);

/// Inputs taken in one turn: a burst of samples is worked off without starving the clock.
const TURN: usize = 64;

/// Told to whoever listens.
#[derive(Clone, Debug)]
pub enum Notice {
    /// An application's view has changed.
    View(Box<AppView>),
    /// A person's request cannot be followed.
    Declined {
        /// What was asked.
        request: Box<RunRequest>,
        /// Why not.
        reasons: Vec<HoldReason>,
    },
}

/// What the ledger measures of itself, asked for at each turn.
pub(super) type Figures = Box<dyn Fn() -> LedgerFigures + Send>;

/// The loop and what it holds.
pub(super) struct Driver {
    pub controller: Controller,
    pub ledger: Arc<dyn Ledger>,
    pub figures: Figures,
    pub cluster: Cluster,
    pub me: MemberId,
    pub alarm: QuorumAlarm,
    pub slow_peers: SlowPeers,
    pub pauses: PausesKnown,
    /// Its dates do not jump.
    pub clock: Arc<dyn Clock>,
    /// As the host tells it: what jumps is seen here.
    pub host: Arc<dyn Clock>,
    pub performer: Performer,
    pub inbox: mpsc::Receiver<Input>,
    pub questions: mpsc::Receiver<Question>,
    pub snapshots: watch::Sender<Arc<Snapshot>>,
    pub notices: broadcast::Sender<Notice>,
    pub probes: Vec<(MemberId, ProbeSet)>,
    pub stall: LoopStall,
    pub stats: Arc<Stats>,
    pub told: Tally,
    pub teller: Teller,
    pub stopping: CancellationToken,
    /// The state whose closed runs have been counted.
    pub counted: Arc<State>,
    /// The longest that the last calls may take, in real time.
    pub drain_within: Duration,
}

impl Driver {
    /// Runs until asked to stop, then until nothing is left between an intent and its outcome.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Stopped`] if the log core has stopped: the process must end.
    pub async fn run(mut self) -> Result<(), LedgerError> {
        let period = self.clock.real(TICK, TICK_FLOOR);
        let mut tick = tokio::time::interval(period);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut health = HostHealth::new(self.clock.as_ref());
        let mut turn = Vec::with_capacity(TURN);
        let stopping = self.stopping.clone();
        loop {
            let inputs = tokio::select! {
                () = stopping.cancelled() => break,
                changed = self.ledger.changed() => {
                    changed?;
                    vec![Input::Tick]
                }
                _ = tick.tick() => {
                    self.look_at_the_host(&mut health);
                    vec![Input::Tick]
                }
                Some(question) = self.questions.recv() => {
                    self.answer(question);
                    continue;
                }
                count = self.inbox.recv_many(&mut turn, TURN) => {
                    if count == 0 {
                        break;
                    }
                    std::mem::take(&mut turn)
                }
            };
            let (now, state, leads) = self.present();
            self.teller.leads(leads, self.cluster.ledger().term());
            self.count_closed(&state);
            self.teller.audit(&state.audit);
            let mut changed = false;
            for input in inputs {
                changed |= self.take_in(now, &state, leads, input);
            }
            // A snapshot is as large as the fleet, samples come by the thousand: those that bring
            // no news are shown with the next tick.
            if changed {
                self.publish(now, &state, leads, false);
            }
        }
        self.drain().await
    }

    fn count_closed(&mut self, state: &Arc<State>) {
        if Arc::ptr_eq(&self.counted, state) {
            return;
        }
        for (id, run) in &state.runs {
            let was_open = self.counted.runs.get(id).is_some_and(|run| run.is_open());
            if was_open && !run.is_open() {
                self.stats.run_closed(run);
                if self.ledger.leads() {
                    trace::closed(run);
                }
            }
        }
        self.counted = Arc::clone(state);
    }

    fn present(&self) -> (Now, Arc<State>, bool) {
        (self.clock.now(), self.ledger.state(), self.ledger.leads())
    }

    /// Says whether there may be something new to show.
    fn take_in(&mut self, now: Now, state: &Arc<State>, leads: bool, input: Input) -> bool {
        let is_sample = matches!(&input, Input::Sample { .. });
        let (mut turning, mut failed) = (None, None);
        if let Input::Sample { member, sample } = &input {
            self.stats.sampled(member, sample);
            turning = Turning::by(&self.controller, member, sample);
            let fails = matches!(sample.result.outcome, SampleOutcome::Failure(_));
            failed = (fails || self.controller.makes_up(&sample.target))
                .then(|| (member.clone(), sample.target.clone()));
        }
        let effects = self.controller.step(now, state, leads, input);
        if let Some(turning) = turning {
            turning.tell(&self.controller);
        }
        if let Some((member, target)) = failed
            && self.controller.lacks_reference(now, &member, &target)
        {
            let own = self.probes.iter().filter(|(of, _)| *of == member);
            own.for_each(|(_, probes)| probes.ask_references());
        }
        let changed = !is_sample || !effects.is_empty();
        for effect in effects {
            if let Effect::Gossip(sheets) = &effect {
                self.teller.votes(sheets);
            }
            match effect {
                Effect::Publish(view) => {
                    tracing::info!(
                        app = %view.application,
                        phase = view.phase.as_str(),
                        active = %view.active,
                        "{}",
                        describe(&view)
                    );
                    // Nobody needs to listen.
                    let _ = self.notices.send(Notice::View(Box::new(view)));
                }
                Effect::Answer { request, answer } => self.tell(request, answer),
                effect @ (Effect::Perform { .. }
                | Effect::ReadTraffic { .. }
                | Effect::OpenRun { .. }
                | Effect::Evacuate { .. }
                | Effect::StandDown(_)
                | Effect::Gossip(_)
                | Effect::Drill(_)) => self.performer.perform(effect),
            }
        }
        changed
    }

    /// Answers without any change of the loop's own affairs. Whoever asked may have gone.
    fn answer(&self, question: Question) {
        let (now, state, leads) = self.present();
        let led = || {
            leads.then_some(()).ok_or_else(|| AskFailed::NoLeader {
                why: "the member that led leads no longer".to_owned(),
            })
        };
        let controller = &self.controller;
        match question {
            Question::Plan {
                ask,
                traffic,
                reply,
            } => {
                let planned = led().and_then(|()| {
                    let planned = controller.rehearse(now, &state, &ask, traffic.as_ref());
                    planned.ok_or(AskFailed::NoSuchApplication { app: ask.app })
                });
                let _ = reply.send(planned);
            }
            Question::Drill { ask, plan, reply } => {
                let begun = led().and_then(|()| {
                    let begun = controller.begin_drill(now, &state, &ask, plan.as_deref());
                    let begun = begun.ok_or(AskFailed::NoSuchApplication { app: ask.app })?;
                    begun.map_err(AskFailed::Declined)
                });
                let _ = reply.send(begun);
            }
        }
    }

    /// Tells whoever asked for a run what becomes of it.
    fn tell(&self, request: RunRequest, answer: RunAnswer) {
        let (app, by) = (&request.app, &request.by);
        match &answer {
            RunAnswer::Started(started) => {
                tracing::info!(%app, by, run = %started.run, "the run asked for is open");
            }
            RunAnswer::Declined(reasons) => {
                for reason in reasons {
                    tracing::warn!(%app, by, %reason, "declined");
                }
            }
            RunAnswer::Unknown { why } => {
                tracing::warn!(%app, by, why, "whether the run asked for is open is not known");
            }
        }
        self.performer.operators.answer(request.id, answer.clone());
        if let RunAnswer::Declined(reasons) = answer {
            // Nobody needs to listen.
            let request = Box::new(request);
            let _ = self.notices.send(Notice::Declined { request, reasons });
        }
    }

    /// A host that stalled or whose clock stepped does not trust its own eyes.
    fn look_at_the_host(&mut self, health: &mut HostHealth) {
        let stall = self
            .probes
            .iter()
            .map(|(_, probes)| probes.stall())
            .chain([self.stall.take()])
            .max()
            .unwrap_or_default();
        for (member, probes) in &self.probes {
            self.stats.samples_dropped(member, probes.dropped());
        }
        let now = self.host.now();
        let Some(tilt) = health.check(now, TICK, stall) else {
            return;
        };
        tracing::warn!(%tilt, "this member does not trust itself for now");
        let (now, state, leads) = self.present();
        let members: Vec<MemberId> = self.probes.iter().map(|(m, _)| m.clone()).collect();
        for member in members {
            self.stats.tilted(&member, &tilt);
            self.take_in(now, &state, leads, Input::Tilt { member });
        }
    }

    fn publish(&mut self, now: Now, state: &Arc<State>, leads: bool, draining: bool) {
        let views = self.controller.views();
        let mut activities: BTreeMap<(RunId, StepId), StepActivity> = BTreeMap::new();
        for run in state.runs.values().filter(|run| run.is_open()) {
            for (step, _) in run.in_order() {
                if let Some(activity) = self.controller.activity(run, &step.id) {
                    activities.insert((run.id.clone(), step.id.clone()), activity);
                }
            }
        }
        let votes: Vec<_> = self
            .controller
            .matrix()
            .iter()
            .map(|(member, held)| (member.clone(), held.clone()))
            .collect();
        let mut cluster = self.cluster.view();
        cluster.quorum_lost = self.alarm.look(now.mono, cluster.quorum.reachable);
        let own = cluster.applied.get(&self.me).copied().unwrap_or(0);
        cluster.automation_as_of = self.pauses.look(state, own);
        if cluster.quorum_lost {
            self.controller
                .end_drills("the quorum was lost: real life goes first");
        }
        self.slow_peers.look(&cluster.slow, cluster.heartbeat);
        let unready = [
            draining.then_some(Unready::Draining),
            (!cluster.quorum.reachable).then_some(Unready::NoLeader),
            cluster
                .takes_no_part()
                .map(|why| Unready::TakesNoPart { why }),
            votes.is_empty().then_some(Unready::NoVotes),
        ];
        let ready = Readiness::new(unready.into_iter().flatten());
        self.snapshots.send_replace(Arc::new(Snapshot {
            at: now,
            views,
            state: Arc::clone(state),
            leads,
            votes,
            activities,
            checks: self.controller.checks(),
            ledger: (self.figures)(),
            cluster,
            ready,
            told: self.told.clone(),
        }));
    }

    /// Journals every call that is under way, for at most as long as a call may take.
    #[expect(
        clippy::disallowed_methods,
        reason = "the patience of whoever stops the process is real time"
    )]
    async fn drain(mut self) -> Result<(), LedgerError> {
        let deadline = tokio::time::Instant::now() + self.drain_within;
        tracing::info!("shutting down: no new step is begun");
        loop {
            let (now, state, leads) = self.present();
            let left = self.controller.drain(now, &state);
            // In this order: a task answers before it ends, so that of one that has ended the answer
            // is in the inbox.
            let idle =
                left.is_empty() && self.performer.journal.is_empty() && self.inbox.is_empty();
            for effect in left {
                self.performer.perform_ending(effect);
            }
            self.publish(now, &state, leads, true);
            if idle {
                tracing::info!("nothing is left between an intent and its outcome");
                return Ok(());
            }
            let input = tokio::select! {
                input = self.inbox.recv() => input,
                changed = self.ledger.changed() => {
                    changed?;
                    None
                }
                () = tokio::time::sleep_until(deadline) => {
                    tracing::warn!("a call was not answered in time; the ledger shows its intent");
                    return Ok(());
                }
            };
            // Not a step of the controller: that would begin what is not performed any more, and
            // then wait for it.
            if let Some(Input::Heard { run, heard }) = input {
                let (now, state, leads) = self.present();
                for effect in self.controller.hear(now, &state, leads, &run, heard) {
                    self.performer.perform_ending(effect);
                }
            }
        }
    }
}

fn describe(view: &AppView) -> String {
    use crate::model::Phase;
    match &view.phase {
        Phase::Steady => format!("{} serves", view.active),
        Phase::Suspect { region } => format!("{region} is suspect"),
        Phase::Confirmed { region } => format!("{region} is agreed to be lost"),
        Phase::Blocked { region, reason } => {
            format!("{region} is lost, but: {reason}; {}", reason.remedy())
        }
        Phase::Planned { region } => format!("leaving {region}"),
        Phase::Executing { run } => format!("run {run} is under way"),
        Phase::Soaking { run } => format!("run {run} is done and being watched"),
        Phase::CoolDown { remaining } => format!("cooling down, {remaining} left"),
        Phase::NeedsOperator { reason, .. } => format!("a person is needed: {reason}"),
    }
}
