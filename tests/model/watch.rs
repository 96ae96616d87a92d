//! Looks at what really happens and remembers what must not have: nothing here asks the code under
//! test what it thinks of itself.

use std::collections::BTreeSet;

use failoverd::model::{
    BootId, Command, CommandBody, Event, Origin, Rejection, Run, RunId, RunStatus, State, StepId,
    StepStatus,
};

use crate::claims;
use crate::scene::{Evidence, Scene};
use crate::setting::{FRESH_ROUNDS, FROM, INSIDE, MEMBERS, member, shop};
use crate::world::Request;

/// A controller wants a run opened: did more than half of the members, all outside, really see the
/// Region fail, so far as it can know, and did nobody outside see otherwise?
pub fn opening(scene: &mut Scene, by: usize, body: &CommandBody) {
    let CommandBody::OpenRun { origin, .. } = body else {
        return broken(scene, claims::AGREED);
    };
    if !origin.is_automatic() {
        return;
    }
    let round = scene.round;
    let fresh: Vec<Evidence> = (0..MEMBERS)
        .filter(|from| *from != INSIDE)
        .filter_map(|from| scene.truth.told[by][from])
        .filter(|evidence| round - evidence.round <= FRESH_ROUNDS)
        .collect();
    let down = fresh.iter().filter(|evidence| evidence.failed).count();
    if down * 2 <= MEMBERS || down < fresh.len() {
        broken(scene, claims::AGREED);
    }
}

/// A member is told what another has seen. What is older than what it knows tells it nothing.
pub fn told(scene: &mut Scene, from: usize, to: usize, evidence: Evidence) {
    let known = &mut scene.truth.told[to][from];
    *known = (*known).max(Some(evidence));
}

/// A command was committed.
pub fn applied(
    scene: &mut Scene,
    before: &State,
    command: &Command,
    result: &Result<Event, Rejection>,
) {
    let after = scene.committed.clone();
    if result.is_err() {
        if before != &*after {
            broken(scene, claims::KEPT);
        }
        return;
    }
    match (&command.body, result) {
        (CommandBody::OpenRun { plan, origin, .. }, Ok(Event::RunOpened { .. })) => {
            if scene.truth.epochs.iter().any(|epoch| *epoch >= plan.epoch) {
                broken(scene, claims::EPOCHS);
            }
            scene.truth.epochs.push(plan.epoch);
            let paused = before.automation_pause(&shop(), command.at).is_some();
            if origin.is_automatic() && paused {
                broken(scene, claims::PAUSED);
            }
        }
        (
            CommandBody::StepIntent {
                run,
                step,
                attempt,
                boot,
                ..
            },
            _,
        ) => {
            let intent = (run.clone(), step.clone(), *attempt, *boot);
            scene.truth.intents.insert(intent.clone());
            scene.truth.stood.insert(intent);
        }
        _ => {}
    }
    if !keeps(before, &after) {
        broken(scene, claims::KEPT);
    }
    for run in after.runs.values() {
        let just_closed = before.runs.get(&run.id).is_some_and(Run::is_open) && !run.is_open();
        if just_closed && !is_given_back(scene, run) {
            broken(scene, claims::GIVEN_BACK);
        }
    }
}

/// Whether nothing that was acknowledged is forgotten: no run, no attempt, no closing.
fn keeps(before: &State, after: &State) -> bool {
    before.runs.iter().all(|(id, run)| {
        after.runs.get(id).is_some_and(|now| {
            now.plan.hash == run.plan.hash
                && now.epoch == run.epoch
                && (run.is_open() || stays_closed(run, now))
                && run.steps.iter().all(|(step, record)| {
                    now.steps
                        .get(step)
                        .is_some_and(|now| now.attempts >= record.attempts)
                })
        })
    })
}

/// A closed run may still be found to have drifted; nothing else changes of it.
fn stays_closed(run: &Run, now: &Run) -> bool {
    now.status == run.status && now.closed_at == run.closed_at && now.steps == run.steps
}

/// Whether a run that ends aborted, and might give back all that it may have changed, leaves the world
/// as it found it.
fn is_given_back(scene: &Scene, run: &Run) -> bool {
    let aborted = matches!(run.status, RunStatus::Aborted { .. });
    // What stood there before must be known: a plan says so of each step.
    let cannot = run.plan.steps.iter().any(|step| {
        let tried = run
            .steps
            .get(&step.id)
            .is_some_and(|record| record.attempts > 0);
        tried && (step.intent.is_data_step() || step.restore.is_none())
    });
    let world = &scene.world;
    !aborted || cannot || (world.dial_to == 0 && world.dial_from == 100)
}

/// A request is handed to the wire.
pub fn sending(scene: &mut Scene, by: usize, request: &Request) {
    let (run, step) = (request.run.clone(), request.step.clone());
    let intent = (run.clone(), step.clone(), request.attempt, request.boot);
    if !scene.truth.intents.contains(&intent) {
        broken(scene, claims::INTENDED);
    }
    if !scene.truth.led.contains(&by) || !scene.truth.stood.contains(&intent) {
        broken(scene, claims::PROVEN);
    }
    if !scene
        .truth
        .sent
        .insert((run.clone(), step.clone(), request.attempt))
    {
        broken(scene, claims::ONCE);
    }
    let resource = request.intent.resource();
    let requests = &scene.world.requests;
    if requests
        .iter()
        .any(|other| other.intent.resource() == resource)
    {
        broken(scene, claims::ALONE);
    }
    let Some(run) = scene.committed.runs.get(&run).cloned() else {
        return broken(scene, claims::INTENDED);
    };
    if run.epoch < scene.truth.epoch_then {
        broken(scene, claims::NEWEST);
    }
    if request.intent.is_data_step() && !is_warranted(&run) {
        broken(scene, claims::WARRANTED);
    }
    let promoted = run
        .plan
        .steps
        .iter()
        .filter(|step| step.intent.is_data_step())
        .any(|step| {
            let sent = &scene.truth.sent;
            sent.iter()
                .any(|(of, name, _)| *of == run.id && *name == step.id)
        });
    let gives_back = run.restoring.iter().any(|restoring| restoring.id == step);
    if gives_back && promoted {
        broken(scene, claims::FORWARD);
    }
}

/// Whether the run stands on a stored quorum's evidence or on a person's name.
fn is_warranted(run: &Run) -> bool {
    match &run.origin {
        Origin::Operator { name, .. } => !name.is_empty(),
        Origin::Quorum { tally, evidence } => {
            let outside: BTreeSet<_> = (0..MEMBERS).filter(|m| *m != INSIDE).map(member).collect();
            let down: BTreeSet<_> = tally.down.iter().cloned().collect();
            run.plan.from.as_str() == FROM
                && down.is_subset(&outside)
                && down.len() * 2 > MEMBERS
                && tally.dissent.is_empty()
                && !evidence.is_empty()
        }
    }
}

/// A round is over: whoever leads now can commit in the next.
pub fn new_round(scene: &mut Scene) {
    let leader = scene.leader.filter(|_| scene.has_quorum());
    scene.truth.led = leader.into_iter().collect();
    scene.truth.stood = standing(&scene.committed);
    let app = scene.committed.apps.get(&shop());
    scene.truth.epoch_then = app.map(|app| app.epoch).unwrap_or_default();
}

fn standing(state: &State) -> BTreeSet<(RunId, StepId, u32, BootId)> {
    let open = state
        .runs
        .values()
        .filter(|run| run.is_open() && run.paused.is_none());
    open.flat_map(|run| {
        run.steps
            .iter()
            .filter_map(|(step, record)| match &record.status {
                StepStatus::Intent { attempt, boot, .. } => {
                    Some((run.id.clone(), step.clone(), *attempt, *boot))
                }
                _ => None,
            })
    })
    .collect()
}

/// Whether a step of that run was tried more than once.
pub fn is_retried(run: &Run) -> bool {
    run.steps
        .values()
        .any(|record| record.attempts > 1 && matches!(record.status, StepStatus::Done { .. }))
}

fn broken(scene: &mut Scene, claim: &'static str) {
    scene.truth.broken.insert(claim);
}
