//! What a new leader does first: it looks at once, and waits only where it must.

use super::fixture::*;
use crate::model::*;
use crate::run::{Engine, Heard, Move, Timing};

const TIMING: Timing = Timing {
    poll: Millis(2_000),
    call_timeout: Millis(10_000),
    lease: Millis(3_000),
    soak_poll: Millis(30_000),
    steady_poll: Millis(300_000),
};

/// So long a predecessor's call may still be on its way.
const QUIET: u64 = 13_000;

/// So long nothing is written again where a request may land late and a read be stale.
const SETTLED: u64 = 23_000;

struct Successor {
    engine: Engine,
    run: Run,
    begun: Now,
    looked: Vec<StepId>,
}

impl Successor {
    fn of(world: &World) -> Self {
        let run = world.run().clone();
        let begun = Now {
            mono: Mono(1_000_000),
            wall: world.at,
        };
        let engine = Engine::take_up(&run, MemberId::from("n"), BOOT, TIMING, begun);
        Self {
            engine,
            run,
            begun,
            looked: Vec::new(),
        }
    }

    /// The steps that it wants to write, so many milliseconds after it took over. Nothing is met.
    fn writes(&mut self, after: u64) -> Vec<StepId> {
        let now = Now {
            mono: self.begun.mono + Millis(after),
            wall: self.begun.wall + Millis(after),
        };
        let mut moves = self.engine.advance(now, &self.run, true);
        let mut written = Vec::new();
        while let Some(act) = moves.pop() {
            let heard = match act {
                Move::Observe { step, .. } => {
                    self.looked.push(step.clone());
                    let observation = Observation {
                        goal: Goal::NotMet,
                        seen: String::new(),
                    };
                    Heard::Observed { step, observation }
                }
                Move::Commit { step, body } => {
                    if matches!(body, CommandBody::StepIntent { .. }) {
                        written.push(step.clone());
                    }
                    Heard::Committed { step }
                }
                Move::Call { step, .. } => panic!("{step} is called without an intent"),
            };
            moves.extend(self.engine.hear(now, &self.run, heard));
        }
        written.sort();
        written
    }

    fn first_write(&mut self, step: &str) -> u64 {
        let step = StepId::from(step);
        (0..60_000)
            .step_by(500)
            .find(|after| self.writes(*after).contains(&step))
            .expect("it writes in the end")
    }
}

#[test]
fn where_nothing_is_in_flight_a_new_leader_goes_on_at_once() {
    let world = World::with(plan("shop", 1));
    let mut successor = Successor::of(&world);
    let both = ["promote", "raise"].map(StepId::from);
    assert_eq!(successor.writes(0), both);
}

#[test]
fn where_an_intent_stands_a_new_leader_looks_and_writes_nothing_before_it_is_quiet() {
    let mut world = World::with(plan("shop", 1));
    world.intend("raise", OTHER_BOOT).unwrap();
    let mut successor = Successor::of(&world);
    assert_eq!(successor.writes(0), []);
    let mut looked = successor.looked.clone();
    looked.sort();
    assert_eq!(looked, ["promote", "raise"].map(StepId::from), "it looks");
    let first = successor.first_write("promote");
    assert!((QUIET..QUIET + 3_000).contains(&first), "after {first} ms");
    let mut successor = Successor::of(&world);
    let again = successor.first_write("raise");
    assert!(
        (SETTLED..SETTLED + 3_000).contains(&again),
        "after {again} ms"
    );
}

#[test]
fn where_an_outcome_is_unknown_a_new_leader_waits_with_that_step_alone() {
    let mut world = World::with(plan("shop", 1));
    world.intend("raise", OTHER_BOOT).unwrap();
    world.unknown("raise").unwrap();
    let mut successor = Successor::of(&world);
    // Its predecessor has said what it knew: it makes no call any more.
    assert_eq!(successor.writes(0), [StepId::from("promote")]);
    assert!(successor.looked.contains(&StepId::from("raise")));
    let again = successor.first_write("raise");
    assert!(
        (SETTLED..SETTLED + 3_000).contains(&again),
        "after {again} ms"
    );
}
