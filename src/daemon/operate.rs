//! What operators ask of the loop, and how each of them gets an answer.
//!
//! ```text
//!  plan ──┬─ leads ──▶ read traffic ──▶ question ──▶ loop: rehearse ──▶ last look ──▶ Planned
//!         └─ follows ══ operator ══▶ the same, at the leader
//!
//!  start ─┬─ leads ──▶ request with an id ──▶ loop ─ ─ ─ its answer, by the id ──▶ Started
//!         └─ follows ══ operator ══▶ the same, at the leader
//! ```
//!
//! Invariant: a dry run writes nothing and takes no place in the loop's own affairs: it reads traffic
//! for itself, few at a time, and the loop only computes.
//! Invariant: that a run was not opened is said only where it is certain. Whatever is not answered in
//! time may have been done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::controller::{
    DrillAsk, Input, PlanAsk, Planned, RequestId, RunAnswer, RunRequest, Started,
};
use crate::model::{AppId, CommandBody, HoldReason, Plan, Traffic};
use crate::ports::LedgerError;

use super::forward::{self, Answered, Forwarded};
use super::node::NodeHandle;
use super::perform::Performer;
use super::preflight;

/// Dry runs at a time on one member. Each reads Route 53, which answers an account five requests a
/// second, and a run that is in the making wants those.
const DRY_RUNS: usize = 2;

/// Questions that wait for the loop: as many as dry runs there are, and none is ever turned away.
const QUESTIONS: usize = DRY_RUNS;

/// Real time after which a person is told that nobody knows yet. Shorter than what another member
/// waits that has forwarded the call, and than a connection of the API lives.
const PATIENCE: Duration = Duration::from_secs(8);

/// Why there is no answer, or it is no.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum AskFailed {
    /// No run was opened, for each of these reasons.
    #[error("{}", told(.0))]
    Declined(Vec<HoldReason>),
    /// The leader knows no application of that name.
    #[error("no application is called {app}")]
    NoSuchApplication {
        /// The name asked for.
        app: AppId,
    },
    /// Nobody leads, or it is not reached. Nothing was done.
    #[error("there is no leader to ask: {why}")]
    NoLeader {
        /// What is known.
        why: String,
    },
    /// Nobody here can tell whether it was done.
    #[error("it is not known what became of it: {why}")]
    Unknown {
        /// What is known.
        why: String,
    },
}

impl AskFailed {
    /// A bounded word for metrics and JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Declined(_) => "declined",
            Self::NoSuchApplication { .. } => "no_such_application",
            Self::NoLeader { .. } => "no_leader",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// What a person can do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::Declined(reasons) => {
                let remedies: Vec<&str> = reasons.iter().map(HoldReason::remedy).collect();
                remedies.join("; ")
            }
            Self::NoSuchApplication { .. } => {
                "`failoverctl status` lists the applications".to_owned()
            }
            Self::NoLeader { .. } => {
                "ask again in a few seconds; if nobody leads then, bring back enough members (`failoverctl member list`), or run `failoverctl break-glass`".to_owned()
            }
            Self::Unknown { .. } => {
                "it may open yet: look at `failoverctl runs` before asking again".to_owned()
            }
        }
    }
}

fn told(reasons: &[HoldReason]) -> String {
    let told: Vec<String> = reasons.iter().map(ToString::to_string).collect();
    told.join("; ")
}

/// What only the loop can answer, on its way there. Nothing of the loop changes by it.
pub(super) enum Question {
    /// A dry run.
    Plan {
        ask: PlanAsk,
        traffic: Option<Traffic>,
        reply: oneshot::Sender<Result<Planned, AskFailed>>,
    },
    /// What begins a game day.
    Drill {
        ask: DrillAsk,
        /// A live one's way there, as a dry run has made it.
        plan: Option<Box<Plan>>,
        reply: oneshot::Sender<Result<CommandBody, AskFailed>>,
    },
}

/// Where operators' calls meet the loop. Clones share it.
#[derive(Clone)]
pub(super) struct Operators {
    apps: Arc<BTreeSet<AppId>>,
    questions: mpsc::Sender<Question>,
    places: Arc<Semaphore>,
    next: Arc<AtomicU64>,
    waiting: Arc<Mutex<Waiting>>,
}

type Waiting = BTreeMap<RequestId, oneshot::Sender<RunAnswer>>;

impl Operators {
    /// For these applications; the loop answers what comes out of the other end.
    pub fn new(apps: impl IntoIterator<Item = AppId>) -> (Self, mpsc::Receiver<Question>) {
        let (questions, asked) = mpsc::channel(QUESTIONS);
        let operators = Self {
            apps: Arc::new(apps.into_iter().collect()),
            questions,
            places: Arc::new(Semaphore::new(DRY_RUNS)),
            // 0 is nobody's.
            next: Arc::new(AtomicU64::new(1)),
            waiting: Arc::default(),
        };
        (operators, asked)
    }

    /// Tells whoever waits for the answer to that request; nobody does if they have gone.
    pub fn answer(&self, id: RequestId, answer: RunAnswer) {
        if let Some(waiting) = self.lock().remove(&id) {
            let _ = waiting.send(answer);
        }
    }

    /// Puts a question to the loop.
    pub async fn ask(&self, question: Question) -> Result<(), AskFailed> {
        let sent = self.questions.send(question).await;
        sent.map_err(|_| AskFailed::Unknown {
            why: "this member is stopping; nothing was changed".to_owned(),
        })
    }

    fn wait(&self) -> Ticket {
        let id = RequestId(self.next.fetch_add(1, Ordering::Relaxed));
        let (tell, answer) = oneshot::channel();
        self.lock().insert(id, tell);
        Ticket {
            id,
            answer,
            operators: self.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn check_known(&self, app: &AppId) -> Result<(), AskFailed> {
        if self.apps.contains(app) {
            return Ok(());
        }
        Err(AskFailed::NoSuchApplication { app: app.clone() })
    }
}

/// A place among those who wait, given up when they go.
struct Ticket {
    id: RequestId,
    answer: oneshot::Receiver<RunAnswer>,
    operators: Operators,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.operators.lock().remove(&self.id);
    }
}

impl NodeHandle {
    /// Shows what a run would do if that person asked for it now, and what stands in its way. Changes
    /// nothing; the leader answers where this member follows.
    ///
    /// # Errors
    ///
    /// If there is no such application, no leader, or no answer in time. That a run would be refused
    /// is no error: [`Planned::refused`] says so.
    pub async fn plan(&self, ask: PlanAsk) -> Result<Planned, AskFailed> {
        self.performer.operators.check_known(&ask.app)?;
        if self.performer.ledger.leads() {
            return plan_here(&self.performer, ask).await;
        }
        match forward::forward(&self.cluster, &Forwarded::Plan(ask)).await {
            Ok(Answered::Planned(answer)) => answer.map(|planned| *planned),
            Ok(answered) => Err(another_question(&answered)),
            Err(error) => Err(of_ledger(error)),
        }
    }

    /// Asks for a run and waits until it is open or refused; the leader answers where this member
    /// follows.
    ///
    /// # Errors
    ///
    /// With every reason why no run was opened, or [`AskFailed::Unknown`]: then it may open yet.
    pub async fn start(&self, request: RunRequest) -> Result<Started, AskFailed> {
        self.performer.operators.check_known(&request.app)?;
        if self.performer.ledger.leads() {
            return start_here(&self.performer, request).await;
        }
        match forward::forward(&self.cluster, &Forwarded::Start(request)).await {
            Ok(Answered::Started(answer)) => answer,
            Ok(answered) => Err(another_question(&answered)),
            Err(error) => Err(of_ledger(error)),
        }
    }
}

/// The dry run, where this member leads.
pub(super) async fn plan_here(performer: &Performer, ask: PlanAsk) -> Result<Planned, AskFailed> {
    let app = ask.app.clone();
    performer.operators.check_known(&app)?;
    match tokio::time::timeout(PATIENCE, rehearse(performer, ask)).await {
        Ok(answer) => answer,
        Err(_elapsed) => {
            tracing::warn!(%app, "a dry run was not done in time");
            let why = "the plan was not made in time: where traffic stands is told slowly, or many plans are asked for at once; nothing was changed";
            Err(AskFailed::Unknown {
                why: why.to_owned(),
            })
        }
    }
}

async fn rehearse(performer: &Performer, ask: PlanAsk) -> Result<Planned, AskFailed> {
    let ended = || AskFailed::Unknown {
        why: "this member is stopping; nothing was changed".to_owned(),
    };
    let operators = &performer.operators;
    let _place = operators.places.acquire().await.map_err(|_| ended())?;
    let app = ask.app.clone();
    let traffic = match performer.actuator.read_traffic(&app).await {
        Ok(traffic) => Some(traffic),
        Err(error) => {
            tracing::warn!(%app, %error, "a dry run is planned from what was recorded");
            None
        }
    };
    let (reply, answer) = oneshot::channel();
    let question = Question::Plan {
        ask,
        traffic,
        reply,
    };
    operators.ask(question).await?;
    let mut planned = answer.await.map_err(|_| ended())??;
    // As before a run is opened: what is already refused need not be looked at as well.
    if let Some(plan) = planned.plan.as_ref().filter(|_| planned.refused.is_empty()) {
        let missing = preflight::missing(performer, &app, &plan.steps).await;
        planned.refused.extend(missing);
    }
    Ok(planned)
}

/// The request, where this member leads.
pub(super) async fn start_here(
    performer: &Performer,
    mut request: RunRequest,
) -> Result<Started, AskFailed> {
    performer.operators.check_known(&request.app)?;
    let (app, by, reason) = (&request.app, &request.by, &request.reason);
    tracing::info!(%app, kind = %request.kind, by, reason, "an operator asks for a run");
    let app = app.clone();
    let mut ticket = performer.operators.wait();
    request.id = ticket.id;
    if performer.inbox.send(Input::Request(request)).await.is_err() {
        // The loop is gone, and the request with it.
        return Err(AskFailed::NoLeader {
            why: "this member is stopping".to_owned(),
        });
    }
    let answer = tokio::time::timeout(PATIENCE, &mut ticket.answer).await;
    match answer {
        Ok(Ok(RunAnswer::Started(started))) => Ok(started),
        Ok(Ok(RunAnswer::Declined(reasons))) => Err(declined(reasons)),
        Ok(Ok(RunAnswer::Unknown { why })) => Err(AskFailed::Unknown { why }),
        Ok(Err(_)) => Err(AskFailed::Unknown {
            why: "this member has stopped".to_owned(),
        }),
        Err(_elapsed) => {
            tracing::warn!(%app, "whoever asked for the run is told that nobody knows yet");
            Err(AskFailed::Unknown {
                why: format!(
                    "the run was neither opened nor refused within {} seconds",
                    PATIENCE.as_secs()
                ),
            })
        }
    }
}

/// That the member asked does not lead says nothing against the run.
fn declined(reasons: Vec<HoldReason>) -> AskFailed {
    if reasons.contains(&HoldReason::NotLeader) {
        return AskFailed::NoLeader {
            why: "the member that led leads no longer".to_owned(),
        };
    }
    AskFailed::Declined(reasons)
}

pub(super) fn of_ledger(error: LedgerError) -> AskFailed {
    match error {
        LedgerError::NotLeader => AskFailed::NoLeader {
            why: "nobody leads, or it is not reached".to_owned(),
        },
        LedgerError::Unknown { why } | LedgerError::Stopped { why } => AskFailed::Unknown { why },
    }
}

pub(super) fn another_question(answered: &Answered) -> AskFailed {
    tracing::error!(?answered, "the leader answered another question");
    AskFailed::Unknown {
        why: "the leader answered another question".to_owned(),
    }
}
