//! What `src/daemon/perform.rs` does with an effect, one await at a time, so that anything may happen
//! in between.
//!
//! ```text
//!  commit   proposed ──▶ committed ──▶ answered
//!              ├───────▶ stranded (committed later or never), not told
//!              └───────▶ not heard, not told
//!  call     asked ──prove, may_call──▶ proven ──proof looked at──▶ sent ──▶ landed ──▶ replied
//!              └─ no ─▶ not sent          └─ too old ─▶ not sent    └────────┴─ lost ─▶ unknown
//! ```

use failoverd::controller::Input;
use failoverd::model::{CallOutcome, Command, Goal, RunId, StepId};
use failoverd::run::{Heard, may_call};

use crate::bounds::Fault;
use crate::bugs::Bug;
use crate::scene::{Job, Progress, Scene, Stage, Task};
use crate::setting::{date, shop};
use crate::shared::Shared;
use crate::story::traffic;
use crate::turn::Turn;
use crate::watch;
use crate::world::{self, Request};

/// What can be done with a task next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// The leader reads traffic, or cannot.
    Read { lost: bool },
    /// The leader commits it, with what is before it in its log.
    Commit,
    /// The leader writes it into its log; whether it is ever committed, its proposer is not told.
    Strand,
    /// It never gets into a log.
    Miss,
    /// The proposer is told what came of it, or that nothing is known.
    Answer { lost: bool },
    /// A look at the world: as it is, as it was when it was asked, or at nothing.
    Look(Sight),
    /// The linearizable read and what it must show.
    Prove,
    /// The proof is looked at for the last time and the request handed to the wire.
    Send,
    /// The reply arrives, or is lost.
    Reply { lost: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    Now,
    Then,
    Nothing,
}

pub fn deeds(scene: &Scene, task: &Task) -> Vec<Deed> {
    let lossy = scene.left.has(Fault::Loss);
    let mut deeds = Vec::new();
    match &task.job {
        Job::ReadTraffic => {
            deeds.push(Deed::Read { lost: false });
            if lossy {
                deeds.push(Deed::Read { lost: true });
            }
        }
        Job::Open { progress, .. } | Job::Commit { progress, .. } => match progress {
            Progress::Proposed => {
                let rules = scene.rules(task.by);
                if rules {
                    deeds.push(Deed::Commit);
                }
                if scene.leader == Some(task.by) && scene.left.has(Fault::Stranding) {
                    deeds.push(Deed::Strand);
                }
                // Who does not lead any more is refused or hangs.
                if !rules || lossy {
                    deeds.push(Deed::Miss);
                }
            }
            Progress::Committed(_) => {
                deeds.push(Deed::Answer { lost: false });
                // A move's answer is the same either way.
                if lossy && matches!(task.job, Job::Open { .. }) {
                    deeds.push(Deed::Answer { lost: true });
                }
            }
            Progress::Untold => deeds.push(Deed::Answer { lost: true }),
        },
        Job::Observe {
            intent, was_met, ..
        } => {
            deeds.push(Deed::Look(Sight::Now));
            if scene.world.is_met(intent) != *was_met {
                deeds.push(Deed::Look(Sight::Then));
            }
            if lossy {
                deeds.push(Deed::Look(Sight::Nothing));
            }
        }
        Job::Call { stage, .. } => match stage {
            Stage::Asked => deeds.push(Deed::Prove),
            Stage::Proven { .. } => deeds.push(Deed::Send),
            Stage::Sent => {
                if lossy || !has_travelled_or_does(scene, task) {
                    deeds.push(Deed::Reply { lost: true });
                }
            }
            Stage::Landed => {
                deeds.push(Deed::Reply { lost: false });
                if lossy {
                    deeds.push(Deed::Reply { lost: true });
                }
            }
        },
    }
    deeds
}

pub fn act(turn: &mut Turn, index: usize, deed: Deed) {
    let mut task = turn.take_task(index);
    let by = task.by;
    let travels = has_travelled_or_does(&turn.scene, &task);
    match (deed, &mut task.job) {
        (Deed::Read { lost }, Job::ReadTraffic) => {
            if lost {
                turn.scene.left.pay(Fault::Loss);
            }
            let traffic = (!lost).then(|| traffic(&turn.scene.world));
            let app = shop();
            turn.step(by, Input::TrafficRead { app, traffic });
        }
        (Deed::Commit, Job::Open { body, progress } | Job::Commit { body, progress, .. }) => {
            *progress = Progress::Committed(turn.commit(body.clone()));
            turn.put_task(task);
            turn.tell_leader();
        }
        (Deed::Strand, Job::Open { body, progress } | Job::Commit { body, progress, .. }) => {
            turn.scene.left.pay(Fault::Stranding);
            let at = date(turn.scene.leapt);
            let body = body.clone();
            turn.scene.tail.push(Shared::new(Command { at, body }));
            *progress = Progress::Untold;
            turn.put_task(task);
        }
        (Deed::Miss, Job::Open { .. } | Job::Commit { .. }) => {
            if turn.scene.rules(by) {
                turn.scene.left.pay(Fault::Loss);
            }
            answer(turn, by, task.job, false);
        }
        (Deed::Answer { lost }, Job::Open { progress, .. } | Job::Commit { progress, .. }) => {
            let told = matches!(progress, Progress::Committed(_));
            if lost && told {
                turn.scene.left.pay(Fault::Loss);
            }
            answer(turn, by, task.job, told && !lost);
        }
        (
            Deed::Look(sight),
            Job::Observe {
                run,
                step,
                intent,
                was_met,
            },
        ) => {
            let goal = match sight {
                Sight::Now => met(turn.scene.world.is_met(intent)),
                Sight::Then => met(*was_met),
                Sight::Nothing => {
                    turn.scene.left.pay(Fault::Loss);
                    let why = "no answer".to_owned();
                    Goal::Unobservable { why }
                }
            };
            let (run, step) = (run.clone(), step.clone());
            let observation = world::seen(goal);
            let heard = Heard::Observed { step, observation };
            turn.step(by, Input::Heard { run, heard });
        }
        (Deed::Prove, Job::Call { .. }) => prove(turn, task),
        (Deed::Send, Job::Call { .. }) => send(turn, task),
        (
            Deed::Reply { lost },
            Job::Call {
                run, step, attempt, ..
            },
        ) => {
            let outcome = if lost {
                // Who waits for a request that is gone waits in vain: that is paid already.
                if travels {
                    turn.scene.left.pay(Fault::Loss);
                }
                let why = "no reply".to_owned();
                CallOutcome::Unknown { why }
            } else {
                CallOutcome::Accepted
            };
            let (run, step, attempt) = (run.clone(), step.clone(), *attempt);
            called(turn, by, run, step, attempt, outcome);
        }
        (deed, job) => panic!("{deed:?} of {job:?}"),
    }
}

fn met(is_met: bool) -> Goal {
    if is_met { Goal::Met } else { Goal::NotMet }
}

/// The proposer hears. A move is answered whatever came of it: the state tells.
fn answer(turn: &mut Turn, by: usize, job: Job, told: bool) {
    match job {
        Job::Open { progress, .. } => {
            let answer = match progress {
                Progress::Committed(result) if told => Some(result),
                Progress::Committed(_) | Progress::Proposed | Progress::Untold => None,
            };
            let app = shop();
            turn.step(by, Input::Opened { app, answer });
        }
        Job::Commit { run, step, .. } => {
            let heard = Heard::Committed { step };
            turn.step(by, Input::Heard { run, heard });
        }
        Job::ReadTraffic | Job::Observe { .. } | Job::Call { .. } => {}
    }
}

fn called(
    turn: &mut Turn,
    by: usize,
    run: RunId,
    step: StepId,
    attempt: u32,
    outcome: CallOutcome,
) {
    let heard = Heard::Called {
        step,
        attempt,
        outcome,
    };
    turn.step(by, Input::Heard { run, heard });
}

fn prove(turn: &mut Turn, mut task: Task) {
    let Job::Call {
        run,
        step,
        attempt,
        stage,
        ..
    } = &mut task.job
    else {
        return;
    };
    let unproven = turn.has(Bug::Unproven);
    let shown = if unproven {
        let own = turn.member(task.by).stale.clone();
        Some(own.unwrap_or_else(|| turn.scene.committed.clone()))
    } else {
        turn.scene
            .rules(task.by)
            .then(|| turn.scene.committed.clone())
    };
    let allowed = shown
        .ok_or_else(|| "leadership is not proven".to_owned())
        .and_then(|state| may_call(&state, run, step, *attempt, task.boot));
    match allowed {
        Ok(()) => {
            let round = turn.scene.round;
            *stage = Stage::Proven { round };
            turn.put_task(task);
        }
        Err(why) => {
            let (run, step, attempt) = (run.clone(), step.clone(), *attempt);
            called(
                turn,
                task.by,
                run,
                step,
                attempt,
                CallOutcome::NotSent { why },
            );
        }
    }
}

fn send(turn: &mut Turn, mut task: Task) {
    let now = turn.scene.round;
    let boot = task.boot;
    let Job::Call {
        run,
        step,
        attempt,
        intent,
        stage,
        ..
    } = &mut task.job
    else {
        return;
    };
    if *stage != (Stage::Proven { round: now }) {
        let why = "the proof is too old".to_owned();
        let (run, step, attempt) = (run.clone(), step.clone(), *attempt);
        return called(
            turn,
            task.by,
            run,
            step,
            attempt,
            CallOutcome::NotSent { why },
        );
    }
    let request = Request {
        run: run.clone(),
        step: step.clone(),
        attempt: *attempt,
        boot,
        intent: intent.clone(),
        sent: now,
    };
    watch::sending(&mut turn.scene, task.by, &request);
    turn.scene.world.send(request);
    *stage = Stage::Sent;
    turn.put_task(task);
}

/// Whoever still waits for that request can be told.
pub fn landed(turn: &mut Turn, request: &Request) {
    let waiting = turn
        .scene
        .tasks
        .iter()
        .position(|task| is_of(request, task));
    if let Some(index) = waiting {
        let mut task = turn.take_task(index);
        if let Job::Call { stage, .. } = &mut task.job {
            *stage = Stage::Landed;
        }
        turn.put_task(task);
    }
}

/// Whether the request of that call is on its way or has landed, so that a reply may come.
fn has_travelled_or_does(scene: &Scene, task: &Task) -> bool {
    let landed = matches!(
        &task.job,
        Job::Call {
            stage: Stage::Landed,
            ..
        }
    );
    landed
        || scene
            .world
            .requests
            .iter()
            .any(|request| is_of(request, task))
}

fn is_of(request: &Request, task: &Task) -> bool {
    match &task.job {
        Job::Call {
            run, step, attempt, ..
        } => {
            task.boot == request.boot
                && *run == request.run
                && *step == request.step
                && *attempt == request.attempt
        }
        Job::ReadTraffic | Job::Open { .. } | Job::Observe { .. } | Job::Commit { .. } => false,
    }
}
