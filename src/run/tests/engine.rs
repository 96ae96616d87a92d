//! The engine against a small world that loses replies, answers late, and forgets the engine.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::fixture::*;
use crate::model::*;
use crate::run::{Engine, Heard, Move, Timing, apply, may_call};

const TIMING: Timing = Timing {
    poll: Millis(2_000),
    call_timeout: Millis(10_000),
    lease: Millis(3_000),
    soak_poll: Millis(30_000),
    steady_poll: Millis(300_000),
};

/// What the world does to one call.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Fine,
    /// Executed, and the reply never comes.
    ReplyLost,
    /// Not executed, and nobody says so.
    RequestLost,
    Busy,
    Refused,
    /// The proof lapsed before the socket.
    NotSent,
    /// The member dies before it hears.
    DiesAfter,
    /// The member dies with the request on its way; it is executed.
    DiesBefore,
    /// The same, and it is executed so much later, when a successor is at work already.
    DiesAndLandsLate(Millis),
    /// The connection breaks, and the request is executed so much later all the same.
    LandsLate(Millis),
}

fn any_fate() -> impl Strategy<Value = Fate> {
    let late = || (0..=TIMING.call_timeout.0).prop_map(Millis);
    prop_oneof![
        6 => Just(Fate::Fine),
        1 => Just(Fate::ReplyLost),
        1 => Just(Fate::RequestLost),
        1 => Just(Fate::Busy),
        1 => Just(Fate::Refused),
        1 => Just(Fate::NotSent),
        1 => Just(Fate::DiesAfter),
        1 => Just(Fate::DiesBefore),
        2 => late().prop_map(Fate::DiesAndLandsLate),
        2 => late().prop_map(Fate::LandsLate),
    ]
}

/// Resources by name: when each was written, or will be by a request that is late.
struct Sim {
    state: State,
    now: Now,
    boot: BootId,
    engine: Option<Engine>,
    written_at: BTreeMap<String, Mono>,
    executed: BTreeMap<String, u32>,
    called: BTreeSet<(StepId, u32, BootId)>,
    fates: Vec<Fate>,
    /// From a write until its goal is met.
    delay: Millis,
    /// A read shows what was so long ago.
    stale: Millis,
    deaths: u32,
    commits: u32,
    /// The ledger hears nothing.
    deaf: bool,
}

impl Sim {
    fn new(plan: Plan, fates: Vec<Fate>, delay: Millis) -> Self {
        let world = World::with(plan);
        Self {
            state: world.state,
            now: Now {
                mono: Mono(1_000_000),
                wall: Wall(2_000),
            },
            boot: BootId(1),
            engine: None,
            written_at: BTreeMap::new(),
            executed: BTreeMap::new(),
            called: BTreeSet::new(),
            fates,
            delay,
            stale: Millis::ZERO,
            deaths: 0,
            commits: 0,
            deaf: false,
        }
    }

    fn run(&self) -> Run {
        self.state.runs.values().next().unwrap().clone()
    }

    fn tick(&mut self) {
        self.now.mono = self.now.mono + Millis(500);
        self.now.wall = self.now.wall + Millis(500);
    }

    fn commit(&mut self, body: CommandBody) -> Result<Event, Rejection> {
        let at = self.now.wall;
        apply(&mut self.state, &Command { at, body })
    }

    fn turn(&mut self) {
        self.tick();
        let run = self.run();
        let (boot, now) = (self.boot, self.now);
        let engine = self
            .engine
            .get_or_insert_with(|| Engine::take_up(&run, MemberId::from("m"), boot, TIMING, now));
        let mut moves = engine.advance(now, &run, true);
        while let Some(act) = moves.pop() {
            let Some(heard) = self.perform(act) else {
                return;
            };
            let run = self.run();
            let now = self.now;
            if let Some(engine) = &mut self.engine {
                moves.extend(engine.hear(now, &run, heard));
            }
        }
    }

    /// `None`: the member died.
    fn perform(&mut self, act: Move) -> Option<Heard> {
        match act {
            Move::Observe { step, intent } => {
                let name = intent.resource().unwrap();
                let shown = self.now.mono - self.stale;
                let goal = match self.written_at.get(&name) {
                    Some(at) if shown >= *at + self.delay => Goal::Met,
                    Some(at) if shown >= *at => Goal::UnderWay,
                    Some(_) | None => Goal::NotMet,
                };
                let seen = format!("{goal:?}");
                let observation = Observation { goal, seen };
                Some(Heard::Observed { step, observation })
            }
            Move::Commit { step, body } => {
                self.commits += 1;
                if !self.deaf {
                    // A rejection is an answer, too.
                    let _ = self.commit(body);
                }
                Some(Heard::Committed { step })
            }
            Move::Call {
                step,
                attempt,
                intent,
                ..
            } => {
                let run = self.run();
                if let Err(why) = may_call(&self.state, &run.id, &step, attempt, self.boot) {
                    let outcome = CallOutcome::NotSent { why };
                    return Some(Heard::Called {
                        step,
                        attempt,
                        outcome,
                    });
                }
                assert!(
                    self.called.insert((step.clone(), attempt, self.boot)),
                    "attempt {attempt} of {step} was called twice"
                );
                let fate = self.fates.pop().unwrap_or(Fate::Fine);
                let name = intent.resource().unwrap();
                let late = match fate {
                    Fate::Fine | Fate::ReplyLost | Fate::DiesAfter | Fate::DiesBefore => {
                        Some(Millis::ZERO)
                    }
                    Fate::DiesAndLandsLate(late) | Fate::LandsLate(late) => Some(late),
                    Fate::RequestLost | Fate::Busy | Fate::Refused | Fate::NotSent => None,
                };
                if let Some(late) = late {
                    *self.executed.entry(name.clone()).or_default() += 1;
                    let at = self.now.mono + late;
                    self.written_at.entry(name).or_insert(at);
                }
                let outcome = match fate {
                    Fate::Fine => CallOutcome::Accepted,
                    Fate::ReplyLost | Fate::RequestLost | Fate::LandsLate(_) => {
                        CallOutcome::Unknown {
                            why: "timeout".to_owned(),
                        }
                    }
                    Fate::Busy => CallOutcome::Busy {
                        code: "Throttling".to_owned(),
                        message: "Rate exceeded".to_owned(),
                    },
                    Fate::Refused => CallOutcome::Refused {
                        code: "AccessDenied".to_owned(),
                        message: "no".to_owned(),
                    },
                    Fate::NotSent => CallOutcome::NotSent {
                        why: "proof lapsed".to_owned(),
                    },
                    Fate::DiesAfter | Fate::DiesBefore | Fate::DiesAndLandsLate(_) => {
                        self.boot = BootId(self.boot.0 + 1);
                        self.engine = None;
                        self.deaths += 1;
                        return None;
                    }
                };
                Some(Heard::Called {
                    step,
                    attempt,
                    outcome,
                })
            }
        }
    }

    fn until(&mut self, turns: u32, wanted: impl Fn(&Run) -> bool) -> bool {
        for _ in 0..turns {
            if wanted(&self.run()) {
                return true;
            }
            self.turn();
        }
        wanted(&self.run())
    }
}

#[test]
fn a_run_without_faults_writes_each_goal_once_and_completes() {
    let mut sim = Sim::new(plan("shop", 1), Vec::new(), Millis::from_secs(30));
    assert!(sim.until(10_000, |run| run.status == RunStatus::Completed));
    assert!(sim.executed.values().all(|count| *count == 1));
    assert_eq!(sim.executed.len(), 3);
}

#[test]
fn a_goal_that_is_already_met_is_not_written() {
    let mut sim = Sim::new(plan("shop", 1), Vec::new(), Millis::ZERO);
    sim.written_at.insert("arn:group/b".to_owned(), Mono(0));
    assert!(sim.until(10_000, |run| run.status == RunStatus::Completed));
    assert_eq!(sim.executed.get("arn:group/b"), None);
    let raise = &sim.run().steps[&StepId::from("raise")];
    assert_eq!(
        raise.status,
        StepStatus::Done {
            wrote: false,
            partly: false
        }
    );
}

#[test]
fn a_promotion_whose_reply_is_lost_is_not_issued_twice() {
    let mut only = plan("shop", 1);
    only.steps.truncate(1);
    let mut sim = Sim::new(only, vec![Fate::ReplyLost], Millis::from_secs(90));
    assert!(sim.until(10_000, |run| run.status == RunStatus::Completed));
    assert_eq!(sim.executed["rds:global-cluster:shop"], 1);
}

#[test]
fn a_bounded_switchover_that_is_refused_becomes_a_failover() {
    let mut only = plan("shop", 1);
    only.steps.truncate(1);
    only.steps[0].intent = promote(Some(Millis::from_secs(60)));
    let mut sim = Sim::new(only, vec![Fate::Refused], Millis::from_secs(30));
    assert!(sim.until(10_000, |run| run.status == RunStatus::Completed));
    assert_eq!(sim.run().steps[&StepId::from("promote")].attempts, 2);
}

#[test]
fn an_abort_gives_back_and_comes_to_rest() {
    let mut sim = Sim::new(plan("shop", 1), Vec::new(), Millis::from_secs(20));
    // Traffic only: the promotion waits for an approval that never comes.
    sim.commit(CommandBody::StepOutcome {
        run: sim.run().id,
        step: StepId::from("promote"),
        attempt: 0,
        outcome: Outcome::AwaitingApproval,
        after: None,
    })
    .unwrap();
    let raise = StepId::from("raise");
    assert!(sim.until(1_000, |run| run.steps[&raise].status.is_at_rest()));
    sim.commit(CommandBody::Abort {
        run: sim.run().id,
        by: "ada".to_owned(),
        reason: "false alarm".to_owned(),
    })
    .unwrap();
    // The dial's two goals share a resource: giving it back must be seen as not yet met.
    sim.written_at.clear();
    assert!(sim.until(10_000, |run| !run.is_open()));
    assert!(matches!(sim.run().status, RunStatus::Aborted { .. }));
    assert_eq!(sim.executed["arn:group/b"], 2);
}

#[test]
fn an_abort_between_intent_and_call_stops_the_call() {
    let mut sim = Sim::new(plan("shop", 1), Vec::new(), Millis::from_secs(20));
    let raise = StepId::from("raise");
    // Everything but the call itself: the engine is asked, and its answer is not performed.
    let mut call = None;
    while call.is_none() {
        sim.tick();
        let (run, now, boot) = (sim.run(), sim.now, sim.boot);
        let engine = sim
            .engine
            .get_or_insert_with(|| Engine::take_up(&run, MemberId::from("m"), boot, TIMING, now));
        let mut moves = engine.advance(now, &run, true);
        while let Some(act) = moves.pop() {
            if let Move::Call { step, .. } = &act {
                if step == &raise {
                    call = Some(act);
                }
                continue;
            }
            let heard = sim.perform(act).unwrap();
            let (run, now) = (sim.run(), sim.now);
            moves.extend(sim.engine.as_mut().unwrap().hear(now, &run, heard));
        }
    }
    sim.commit(CommandBody::Abort {
        run: sim.run().id,
        by: "ada".to_owned(),
        reason: "false alarm".to_owned(),
    })
    .unwrap();
    let heard = sim.perform(call.unwrap()).unwrap();
    let (run, now) = (sim.run(), sim.now);
    let mut moves = sim.engine.as_mut().unwrap().hear(now, &run, heard);
    while let Some(act) = moves.pop() {
        sim.perform(act);
    }
    assert_eq!(sim.executed.get("arn:group/b"), None);
    assert_eq!(
        sim.run().steps[&raise].status,
        StepStatus::Skipped {
            why: SkipReason::Aborted
        }
    );
}

#[test]
fn a_leader_that_comes_back_in_the_same_life_calls_no_attempt_again() {
    let mut only = plan("shop", 1);
    only.steps.truncate(1);
    let mut sim = Sim::new(only, Vec::new(), Millis::from_secs(30));
    let promote = StepId::from("promote");
    assert!(sim.until(1_000, |run| run.steps[&promote].attempts == 1));
    // The call's answer arrives while another member leads, and then this one leads again.
    let (run, now) = (sim.run(), sim.now);
    let engine = sim.engine.as_mut().unwrap();
    engine.absorb(&Heard::Called {
        step: promote.clone(),
        attempt: 1,
        outcome: CallOutcome::Unknown {
            why: "timeout".to_owned(),
        },
    });
    engine.lead_again(&run, now);
    assert!(sim.until(10_000, |run| run.status == RunStatus::Completed));
    assert_eq!(sim.executed["rds:global-cluster:shop"], 1);
}

#[test]
fn a_goal_undone_while_soaking_asks_for_a_person() {
    let mut sim = Sim::new(plan("shop", 1), Vec::new(), Millis::ZERO);
    assert!(sim.until(10_000, |run| matches!(
        run.status,
        RunStatus::Soaking { .. }
    )));
    sim.written_at.remove("arn:group/b");
    assert!(sim.until(1_000, |run| matches!(
        run.status,
        RunStatus::NeedsOperator {
            reason: NeedsOperator::Drift { .. }
        }
    )));
    assert_eq!(
        sim.executed["arn:group/b"], 1,
        "drift is not mended by itself"
    );
}

#[test]
fn a_step_whose_goal_never_comes_asks_at_its_timeout() {
    let mut sim = Sim::new(plan("shop", 1), Vec::new(), Millis::from_mins(600));
    assert!(sim.until(10_000, |run| matches!(
        run.status,
        RunStatus::NeedsOperator { .. }
    )));
    assert_eq!(sim.executed["rds:global-cluster:shop"], 1);
    assert_eq!(sim.executed.get("arn:group/c"), None, "went on regardless");
}

fn only_promote(escalate_after: Option<Millis>) -> Plan {
    let mut only = plan("shop", 1);
    only.steps.truncate(1);
    only.steps[0].intent = promote(escalate_after);
    only
}

/// A promotion whose time is over long before its request lands.
fn lands_after_its_time() -> Sim {
    let mut plan = only_promote(None);
    plan.steps[0].timeout = Millis::from_secs(4);
    let late = vec![Fate::LandsLate(Millis::from_secs(10))];
    Sim::new(plan, late, Millis::from_secs(1))
}

#[test]
fn a_step_is_not_given_up_while_its_request_may_be_on_its_way() {
    let mut sim = lands_after_its_time();
    assert!(sim.until(1_000, |run| run.status != RunStatus::Executing));
    assert!(matches!(sim.run().status, RunStatus::Soaking { .. }));
    assert_eq!(sim.executed["rds:global-cluster:shop"], 1);
}

#[test]
fn an_aborted_run_does_not_close_while_a_request_may_be_on_its_way() {
    let mut sim = lands_after_its_time();
    let promote = StepId::from("promote");
    let unknown = |run: &Run| matches!(run.steps[&promote].status, StepStatus::Unknown { .. });
    assert!(sim.until(100, unknown));
    sim.commit(CommandBody::Abort {
        run: sim.run().id,
        by: "ada".to_owned(),
        reason: "false alarm".to_owned(),
    })
    .unwrap();
    assert!(sim.until(1_000, |run| !run.is_open()));
    let known = sim.run().steps[&promote].status.clone();
    assert!(matches!(known, StepStatus::Done { .. }), "{known:?}");
}

#[test]
fn a_date_that_jumps_ahead_does_not_hasten_a_second_write() {
    let late = vec![Fate::LandsLate(Millis::from_secs(9))];
    let mut sim = Sim::new(only_promote(None), late, Millis::from_secs(1));
    let promote = StepId::from("promote");
    assert!(sim.until(100, |run| matches!(
        run.steps[&promote].status,
        StepStatus::Unknown { .. }
    )));
    sim.now.wall = sim.now.wall + Millis::from_secs(60);
    assert!(sim.until(10_000, |run| run.status == RunStatus::Completed));
    assert_eq!(sim.executed["rds:global-cluster:shop"], 1);
}

#[test]
fn a_refusal_after_an_unknown_outcome_may_be_our_own_success() {
    // The first lands after the second was decided upon, which is refused because of it.
    let fates = vec![Fate::Refused, Fate::LandsLate(Millis::from_secs(30))];
    let mut sim = Sim::new(only_promote(None), fates, Millis::from_secs(1));
    let attempts = |run: &Run| run.steps[&StepId::from("promote")].attempts;
    assert!(
        sim.until(10_000, |run| run.status == RunStatus::Completed),
        "{:?}",
        sim.run().status
    );
    assert_eq!(attempts(&sim.run()), 2);
}

#[test]
fn a_refused_switchover_escalates_though_the_ledger_did_not_hear_of_it() {
    let plan = only_promote(Some(Millis::from_mins(10)));
    let mut sim = Sim::new(plan, vec![Fate::Refused], Millis::from_secs(1));
    let promote = StepId::from("promote");
    assert!(sim.until(100, |run| run.steps[&promote].attempts == 1));
    sim.deaf = true;
    for _ in 0..10 {
        sim.turn();
    }
    sim.deaf = false;
    assert!(sim.until(10_000, |run| run.status == RunStatus::Completed));
    assert_eq!(sim.executed["rds:global-cluster:shop"], 1);
}

#[test]
fn a_ledger_that_does_not_hear_is_not_shouted_at() {
    let mut plan = plan("shop", 1);
    plan.steps.truncate(1);
    plan.steps[0].intent = Intent::HttpRequest {
        url: "http://127.0.0.1/fence".to_owned(),
        method: "POST".to_owned(),
        body: None,
        expect_status: Vec::new(),
    };
    let mut sim = Sim::new(plan, Vec::new(), Millis::ZERO);
    sim.deaf = true;
    for _ in 0..40 {
        sim.turn();
    }
    assert!(sim.commits <= 11, "{} in 20 s", sim.commits);
}

#[test]
fn a_step_that_nobody_was_there_to_begin_is_begun_all_the_same() {
    let mut sim = Sim::new(plan("shop", 1), Vec::new(), Millis::from_secs(20));
    // The process was gone for longer than any step may take.
    sim.now.wall = sim.now.wall + Millis::from_mins(30);
    assert!(sim.until(10_000, |run| run.status == RunStatus::Completed));
}

#[test]
fn time_in_which_nobody_led_is_not_a_steps() {
    let plan = only_promote(None);
    let mut sim = Sim::new(plan, vec![Fate::RequestLost], Millis::from_secs(20));
    let promote = StepId::from("promote");
    let unknown = |run: &Run| matches!(run.steps[&promote].status, StepStatus::Unknown { .. });
    assert!(sim.until(1_000, unknown));
    // Its leader dies, and the next is elected after longer than any step may take.
    sim.engine = None;
    sim.boot = BootId(2);
    sim.now.wall = sim.now.wall + Millis::from_mins(30);
    sim.now.mono = sim.now.mono + Millis::from_mins(30);
    assert!(sim.until(10_000, |run| run.status == RunStatus::Completed));
    assert_eq!(sim.executed["rds:global-cluster:shop"], 1);
}

#[test]
fn a_switchover_that_was_kept_waiting_is_tried_before_it_escalates() {
    let plan = only_promote(Some(Millis::from_secs(60)));
    let mut sim = Sim::new(plan, Vec::new(), Millis::from_secs(1));
    sim.now.wall = sim.now.wall + Millis::from_mins(30);
    let promote = StepId::from("promote");
    assert!(sim.until(100, |run| run.steps[&promote].attempts == 1));
    assert!(matches!(
        sim.run().steps[&promote].status,
        StepStatus::Intent {
            variant: Variant::AsPlanned,
            ..
        }
    ));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// Whatever becomes of the calls and of the member: the run comes to rest, and a promotion that
    /// AWS has taken in is never sent again.
    #[test]
    fn every_run_comes_to_rest_and_promotes_once(
        fates in prop::collection::vec(any_fate(), 0..12),
        delay in 0..200_000_u64,
        stale in 0..=TIMING.call_timeout.0,
    ) {
        let mut sim = Sim::new(plan("shop", 1), fates, Millis(delay));
        sim.stale = Millis(stale);
        let rested = sim.until(20_000, |run| matches!(
            run.status,
            RunStatus::Completed | RunStatus::Aborted { .. } | RunStatus::NeedsOperator { .. }
        ));
        prop_assert!(rested, "{:?}", sim.run().steps);
        let promoted = sim.executed.get("rds:global-cluster:shop").copied().unwrap_or(0);
        prop_assert!(promoted <= 1, "promoted {promoted} times");
    }
}
