//! The replicated state's transition function, and the engine of one run.

use divan::Bencher;
use divan::counter::ItemsCount;
use failoverd::model::{
    BootId, Command, CommandBody, Epoch, LagSample, Millis, Origin, RegionId, Run, RunLimits,
    State, StepId, Variant, Wall,
};
use failoverd::run::{Engine, Timing, apply};

use super::planning::{LENGTHS, planned, runbook};
use super::world::{FLEETS, START, TO, application, now};

const TIMING: Timing = Timing {
    poll: Millis::from_secs(2),
    call_timeout: Millis::from_secs(10),
    lease: Millis::from_secs(3),
    soak_poll: Millis::from_secs(30),
    steady_poll: Millis::from_mins(5),
};

fn command(at: u64, body: CommandBody) -> Command {
    Command { at: Wall(at), body }
}

fn apply_or_panic(state: &mut State, command: &Command) {
    if let Err(rejection) = apply(state, command) {
        panic!("{rejection}");
    }
}

fn open(steps: usize) -> Command {
    let body = CommandBody::OpenRun {
        plan: Box::new(planned(&runbook(steps), 0)),
        origin: Origin::Operator {
            name: "ada".to_owned(),
            reason: "game day".to_owned(),
        },
        limits: RunLimits {
            cool_down: Millis::from_mins(60),
            brake: 2,
            quarantine: true,
            soak: Millis::from_mins(15),
            data_loss_approval: failoverd::model::DataLossApproval::default(),
        },
    };
    command(10_000, body)
}

/// One open run of so many steps.
fn opened(steps: usize) -> (State, Run) {
    let mut state = State::default();
    apply_or_panic(&mut state, &open(steps));
    let run = state.runs.values().next().cloned();
    (state, run.unwrap_or_else(|| panic!("no run was opened")))
}

/// State in which each of `apps` applications has its lag on record.
pub fn recorded(apps: usize) -> State {
    let mut state = State::default();
    for number in 0..apps {
        for at in 0..10 {
            apply_or_panic(&mut state, &lag(number, at));
        }
    }
    state
}

pub fn lag(number: usize, at: u64) -> Command {
    let body = CommandBody::RecordLag {
        app: application(number).name,
        region: RegionId::from(TO),
        samples: vec![LagSample {
            at: Wall(at),
            lag: Millis(250),
        }],
    };
    command(at, body)
}

/// `apply` of the opening of a run: every guard again, a record for each step.
#[divan::bench(args = LENGTHS)]
fn apply_open(bencher: Bencher<'_, '_>, steps: usize) {
    let open = open(steps);
    bencher
        .with_inputs(State::default)
        .bench_refs(|state| apply(state, &open));
}

/// `apply` of the intent of a step that has no needs.
#[divan::bench(args = LENGTHS)]
fn apply_intent(bencher: Bencher<'_, '_>, steps: usize) {
    let (state, run) = opened(steps);
    let body = CommandBody::StepIntent {
        run: run.id,
        // The third of each three is a request: a step that writes.
        step: StepId::from("step-002"),
        attempt: 1,
        member: "m3".into(),
        boot: BootId(1),
        epoch: Epoch(1),
        variant: Variant::AsPlanned,
        before: None,
    };
    let intent = command(20_000, body);
    apply_or_panic(&mut state.clone(), &intent);
    bencher
        .with_inputs(|| state.clone())
        .bench_refs(|state| apply(state, &intent));
}

/// `apply` of a lag sample, the most frequent command, with so many applications on record.
#[divan::bench(args = FLEETS)]
fn apply_lag(bencher: Bencher<'_, '_>, apps: usize) {
    let mut state = recorded(apps);
    let mut command = lag(apps / 2, 100);
    bencher.bench_local(|| {
        command.at = command.at + Millis(1);
        if let CommandBody::RecordLag { samples, .. } = &mut command.body {
            samples[0].at = command.at;
        }
        apply(&mut state, &command)
    });
}

/// `Engine::advance` of a run that has just been opened: its first row begins.
#[divan::bench(args = LENGTHS)]
fn advance_at_first(bencher: Bencher<'_, '_>, steps: usize) {
    let (_, run) = opened(steps);
    bencher
        .counter(ItemsCount::new(steps))
        .with_inputs(|| Engine::take_up(&run, "m3".into(), BootId(1), TIMING, now(START)))
        .bench_refs(|engine| engine.advance(now(START), &run, true));
}

/// `Engine::advance` while everything that could begin is being waited for: a tick.
#[divan::bench(args = LENGTHS)]
fn advance_while_waiting(bencher: Bencher<'_, '_>, steps: usize) {
    let (_, run) = opened(steps);
    let mut engine = Engine::take_up(&run, "m3".into(), BootId(1), TIMING, now(START));
    engine.advance(now(START), &run, true);
    bencher
        .counter(ItemsCount::new(steps))
        .bench_local(|| engine.advance(now(START), &run, true));
}
