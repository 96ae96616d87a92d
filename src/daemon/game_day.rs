//! Game days at the shell: what a drill's moves do, and what operators ask of them.
//!
//! ```text
//!  DrillMove ─▶ Performer ─┬─ Gossip ──▶ what the others are told, beside the real votes
//!                          ├─ ReadTraffic, Look ──▶ Eyes ══▶ AWS, read calls only
//!                          └─ Close ──▶ ledger
//! ```
//!
//! Invariant: no drill's move can change anything outside: what looks for it has no way to write.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use tokio::sync::oneshot;

use crate::actuate::permissions::{control_plane, permissions};
use crate::controller::{DrillAsk, DrillHeard, DrillMove, Input, PlanAsk};
use crate::model::{
    AppId, CommandBody, DrillCause, DrillId, DrillMode, DrillOutcome, DrillReport, Event, Goal,
    Intent, Observation, Outlook, Plan, PlannedStep, RehearsalSheet, RehearsedStep, Rejection,
    RunKind, State, Traffic, VoteSheet,
};
use crate::ports::{Actuator, Clock, LedgerError, ReadError};

use super::forward::{self, Answered, Forwarded};
use super::live_drill;
use super::node::NodeHandle;
use super::operate::{AskFailed, Question, another_question, of_ledger, plan_here};
use super::perform::Performer;

/// Looks at a time: a run under way elsewhere wants Route 53's few requests a second, too.
const AT_ONCE: usize = 4;

/// Real time after which a person is told that nobody knows yet: as for a run.
const PATIENCE: Duration = Duration::from_secs(8);

/// The newest made-up votes of the vantages in this process.
#[derive(Clone, Debug, Default)]
pub(super) struct RehearsalSheets(Arc<Mutex<Vec<RehearsalSheet>>>);

impl RehearsalSheets {
    /// Replaces all of them.
    fn put(&self, sheets: Vec<RehearsalSheet>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = sheets;
    }

    /// As they leave now, for the same reason as real ones.
    pub fn leaving(&self, clock: &dyn Clock) -> Vec<RehearsalSheet> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sent_at = clock.now().mono;
        held.iter()
            .map(|sheet| RehearsalSheet {
                drill: sheet.drill.clone(),
                made_up: VoteSheet {
                    sent_at,
                    ..sheet.made_up.clone()
                },
            })
            .collect()
    }
}

/// An actuator that can only look.
#[derive(Clone)]
struct Eyes(Arc<dyn Actuator>);

impl Eyes {
    async fn read_traffic(&self, app: &AppId) -> Result<Traffic, ReadError> {
        self.0.read_traffic(app).await
    }

    /// What performing that step would come to, as far as looking tells.
    async fn look(&self, app: &AppId, step: &PlannedStep) -> RehearsedStep {
        let intent = &step.intent;
        let seen = match looks_at(intent) && !intent.follows_its_own_run() {
            true => Some(self.0.observe(app, intent).await),
            false => None,
        };
        rehearsed(step, seen)
    }
}

/// Whether there is something to look at before the move. A check is not: it is a request to the
/// users' way in, which may write, and only tells something once traffic has moved.
fn looks_at(intent: &Intent) -> bool {
    match intent {
        Intent::Dial { .. }
        | Intent::Weight { .. }
        | Intent::Route53Failover { .. }
        | Intent::Route53Weights { .. }
        | Intent::RoutingControl { .. }
        | Intent::AuroraPromote { .. }
        | Intent::ScaleNodegroup { .. }
        | Intent::Steer { .. } => true,
        Intent::HttpCheck { .. }
        | Intent::HttpRequest { .. }
        | Intent::Approval { .. }
        | Intent::Bake { .. }
        | Intent::Wait { .. } => false,
    }
}

fn rehearsed(step: &PlannedStep, seen: Option<Observation>) -> RehearsedStep {
    let intent = &step.intent;
    let mut obstacles = Vec::new();
    let outlook = match seen.as_ref().map(|seen| &seen.goal) {
        None if intent.writes() => Outlook::WouldWrite,
        None => Outlook::NotAsked,
        Some(Goal::NotMet) => Outlook::WouldWrite,
        Some(Goal::Met | Goal::PartlyMet | Goal::UnderWay) => Outlook::AlreadyMet,
        Some(Goal::Impossible { code, message }) => {
            obstacles.push((code.clone(), message.clone()));
            Outlook::WouldBeRefused
        }
        Some(Goal::StaleEpoch { seen }) => {
            let text = format!("epoch {seen} stands in the zone, which is newer than the plan's");
            obstacles.push(("stale_epoch".to_owned(), text));
            Outlook::WouldBeRefused
        }
        Some(Goal::Unobservable { why }) => {
            obstacles.push(("unobservable".to_owned(), why.clone()));
            Outlook::Unobservable
        }
    };
    RehearsedStep {
        id: step.id.clone(),
        uses: intent.name().to_owned(),
        goal: intent.to_string(),
        outlook,
        seen: seen.map(|seen| seen.seen),
        permissions: permissions(intent)
            .into_iter()
            .map(|needed| format!("{} on {}", needed.action, needed.resource))
            .collect(),
        control_plane: control_plane(intent)
            .map(|plane| format!("{} in {}", plane.service, plane.region)),
        obstacles,
    }
}

impl Performer {
    /// Does what a game day wants.
    pub fn drill(&self, act: DrillMove) {
        let eyes = Eyes(Arc::clone(&self.actuator));
        match act {
            DrillMove::Gossip(sheets) => self.rehearsals.put(sheets),
            DrillMove::ReadTraffic { drill, app } => {
                let unread = Input::Drill(DrillHeard::TrafficRead {
                    drill: drill.clone(),
                    app: app.clone(),
                    traffic: None,
                });
                tokio::spawn(self.clone().answered(unread, async move {
                    let traffic = match eyes.read_traffic(&app).await {
                        Ok(traffic) => Some(traffic),
                        Err(error) => {
                            tracing::warn!(%app, %drill, %error, "the drill plans from what was recorded");
                            None
                        }
                    };
                    Input::Drill(DrillHeard::TrafficRead {
                        drill,
                        app,
                        traffic,
                    })
                }));
            }
            DrillMove::Look { drill, app, plan } => self.look(eyes, drill, app, plan),
            DrillMove::Move { drill, body } => {
                let this = self.clone();
                self.journal.spawn(async move {
                    match this.propose(body).await {
                        Ok(Ok(_)) => tracing::info!(%drill, "the live drill moves on"),
                        Ok(Err(rejection)) => {
                            tracing::warn!(%drill, %rejection, "the live drill stays as it is");
                        }
                        Err(error) => tracing::debug!(%drill, %error, "the live drill's move"),
                    }
                });
            }
            DrillMove::Close { drill, body } => {
                let this = self.clone();
                self.journal.spawn(async move {
                    // What it came to shows in the state; if it does not, it is asked for again.
                    match this.propose(body).await {
                        Ok(Ok(_)) => tracing::info!(%drill, "the drill is over"),
                        Ok(Err(rejection)) => {
                            tracing::warn!(%drill, %rejection, "the drill is not ended");
                        }
                        Err(error) => tracing::debug!(%drill, %error, "the drill's end"),
                    }
                });
            }
        }
    }

    fn look(&self, eyes: Eyes, drill: DrillId, app: AppId, plan: Box<Plan>) {
        tracing::info!(%drill, %app, hash = plan.hash.short(), "the drill looks at each step of its plan");
        let failed = Observation {
            goal: Goal::Unobservable {
                why: "the task that was to look failed: see this member's log".to_owned(),
            },
            seen: String::new(),
        };
        let unseen = plan.steps.iter().map(|step| {
            let seen = looks_at(&step.intent).then(|| failed.clone());
            rehearsed(step, seen)
        });
        let unseen = Input::Drill(DrillHeard::Looked {
            drill: drill.clone(),
            app: app.clone(),
            steps: unseen.collect(),
        });
        tokio::spawn(self.clone().answered(unseen, async move {
            let looks = plan.steps.into_iter().map(|step| {
                let (eyes, app) = (eyes.clone(), app.clone());
                async move { eyes.look(&app, &step).await }
            });
            let steps = stream::iter(looks).buffered(AT_ONCE).collect().await;
            Input::Drill(DrillHeard::Looked { drill, app, steps })
        }));
    }
}

impl NodeHandle {
    /// Begins a game day, if all is well; the leader answers where this member follows. What comes of
    /// it shows in the state.
    ///
    /// # Errors
    ///
    /// With every reason why none was begun, or [`AskFailed::Unknown`]: then it may begin yet.
    pub async fn begin_drill(&self, ask: DrillAsk) -> Result<DrillId, AskFailed> {
        self.performer.operators.check_known(&ask.app)?;
        if self.performer.ledger.leads() {
            return begin_here(&self.performer, ask).await;
        }
        match forward::forward(&self.cluster, &Forwarded::BeginDrill(ask)).await {
            Ok(Answered::DrillBegun(answer)) => answer,
            Ok(answered) => Err(another_question(&answered)),
            Err(error) => Err(of_ledger(error)),
        }
    }

    /// Ends a game day on a person's word. One that has ended stays as it ended.
    ///
    /// # Errors
    ///
    /// If the ledger did not answer; whether it was ended is then unknown.
    pub async fn stop_drill(
        &self,
        drill: DrillId,
        by: &str,
        reason: Option<&str>,
    ) -> Result<Result<Event, Rejection>, LedgerError> {
        let why = reason.map(|why| format!(": {why}")).unwrap_or_default();
        let state = Arc::clone(&self.snapshots().borrow().state);
        let summary = format!("{by} stopped it{why}");
        self.command(stopping_drill(&state, drill, summary)).await
    }
}

/// What ends that game day on a person's word: a live one is turned home.
pub fn stopping_drill(state: &State, drill: DrillId, summary: String) -> CommandBody {
    let known = state.drill(&drill);
    if known.is_some_and(|known| known.live.is_some()) {
        return CommandBody::MoveDrill {
            id: drill,
            cause: DrillCause::Operator,
            why: summary,
        };
    }
    CommandBody::CloseDrill {
        id: drill,
        outcome: DrillOutcome::Ended,
        report: Box::new(DrillReport {
            summary,
            ..DrillReport::default()
        }),
    }
}

/// Begins it, where this member leads.
pub(super) async fn begin_here(performer: &Performer, ask: DrillAsk) -> Result<DrillId, AskFailed> {
    performer.operators.check_known(&ask.app)?;
    let (app, by, reason) = (ask.app.clone(), ask.by.clone(), ask.reason.clone());
    tracing::info!(%app, mode = %ask.mode, by, reason, "an operator asks for a drill");
    let unknown = |why: &str| AskFailed::Unknown {
        why: why.to_owned(),
    };
    match tokio::time::timeout(PATIENCE, begin(performer, ask)).await {
        Ok(begun) => begun,
        Err(_elapsed) => Err(unknown("the drill was neither begun nor refused in time")),
    }
}

/// The dry run of a live one's first run: whatever is in the way of an operator's is in its way.
async fn way_there(performer: &Performer, ask: &DrillAsk) -> Result<Box<Plan>, AskFailed> {
    let planned = plan_here(
        performer,
        PlanAsk {
            from: None,
            app: ask.app.clone(),
            kind: RunKind::Switchover,
            to: ask.to.clone(),
            by: ask.by.clone(),
            allow_data_loss: false,
        },
    )
    .await?;
    match planned.plan {
        Some(plan) if planned.refused.is_empty() => Ok(Box::new(plan)),
        Some(_) | None => Err(AskFailed::Declined(planned.refused)),
    }
}

async fn begin(performer: &Performer, ask: DrillAsk) -> Result<DrillId, AskFailed> {
    let plan = match ask.mode {
        DrillMode::Rehearse => None,
        DrillMode::Live => {
            live_drill::alarms_are_silent(performer, &ask.app).await?;
            Some(way_there(performer, &ask).await?)
        }
    };
    let (reply, answer) = oneshot::channel();
    performer
        .operators
        .ask(Question::Drill { ask, plan, reply })
        .await?;
    let body = answer.await.map_err(|_| AskFailed::Unknown {
        why: "this member is stopping; nothing was changed".to_owned(),
    })??;
    match performer.operate(body).await {
        Ok(Ok(Event::DrillMoved { drill })) => Ok(drill),
        Ok(Ok(event)) => Err(AskFailed::Unknown {
            why: format!("the ledger says {event:?}"),
        }),
        Ok(Err(Rejection::Guard { reason })) => Err(AskFailed::Declined(vec![reason])),
        Ok(Err(rejection)) => Err(AskFailed::Declined(vec![
            crate::model::HoldReason::PlanImpossible {
                step: None,
                why: rejection.to_string(),
            },
        ])),
        Err(error) => Err(of_ledger(error)),
    }
}
