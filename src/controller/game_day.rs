//! A game day in the controller: what the members would do if a Region were lost, on votes that are
//! made up for it.
//!
//! ```text
//!  real sample of the Region ─▶ made-up failure ─▶ shadow vantage ─▶ made-up vote ══▶ the others
//!  real sample of a reference target ────────────────▲                  │
//!                                                                       ▼
//!  real votes on the other Regions ─────────────────────────▶ imagined matrix ─▶ verdict ─▶ guards
//!                                                                                             │
//!          report ◀─ looks at each step, read only ◀─ plan ◀─ traffic read ◀─ decision ◀──────┘
//! ```
//!
//! A probe that fails here failed when its real probe was made: so `fall` times the interval, jitter
//! and all, is really lived through, on every member's own clock. The functions are those of real
//! life (`judge`, `evaluate`, `decide`, the planner); only the votes on one Region are made up.
//!
//! Invariant: nothing here is read by what is decided in earnest, and nothing here asks for an effect
//! that changes anything outside.
//! Invariant: whatever happens in earnest ends it.

use std::sync::Arc;

use crate::model::{
    AppId, Application, CommandBody, Decision, Drill, DrillId, DrillOutcome, DrillReport, Drills,
    GuardVerdict, HoldReason, Now, Plan, State, Target, Verdict, VerdictState,
};
use crate::quorum::{self, GuardContext};

use super::{Controller, DrillHeard, DrillMove, Effect, Intended, RETRY_AFTER, by_the_ledger};

mod begin;
mod report;
mod shadow;

use report::Found;
pub(super) use shadow::GameDays;
use shadow::{GameDay, Marks, Stage};

/// What follows from the imagined votes at one moment.
struct Imagined {
    verdicts: Vec<Verdict>,
    intended: Intended,
    guards: Vec<GuardVerdict>,
    decision: Decision,
}

fn closing(drill: &DrillId, outcome: DrillOutcome, report: Box<DrillReport>) -> Effect {
    Effect::Drill(DrillMove::Close {
        drill: drill.clone(),
        body: CommandBody::CloseDrill {
            id: drill.clone(),
            outcome,
            report,
        },
    })
}

/// The one that is under way on paper. A live one is another matter.
fn rehearsal(drills: &Drills) -> Option<&Drill> {
    drills.open.as_ref().filter(|drill| drill.live.is_none())
}

fn ended(summary: &str) -> Box<DrillReport> {
    Box::new(DrillReport {
        summary: summary.to_owned(),
        ..DrillReport::default()
    })
}

impl Controller {
    /// Whether samples of that target are replaced for a game day: a reference target may have to be
    /// asked though nothing failed in earnest.
    pub fn makes_up(&self, target: &Target) -> bool {
        self.game_days.concerns(target)
    }

    /// Something has happened in earnest that the votes do not tell: every game day is over.
    pub fn end_drills(&mut self, why: &str) {
        for day in self.game_days.open.values_mut() {
            day.over.get_or_insert_with(|| why.to_owned());
        }
    }

    /// Lives on through every game day that is under way.
    pub(super) fn drill(&mut self, now: Now, state: &State, leads: bool) -> Vec<Effect> {
        let any = state
            .drills
            .values()
            .any(|drills| rehearsal(drills).is_some());
        if !any && self.game_days.open.is_empty() && !self.game_days.told {
            return Vec::new();
        }
        let mut days = std::mem::replace(&mut self.game_days, GameDays::new(now));
        let mut effects = self.take_up(&mut days, now, state, leads);
        let speaks = !days.open.is_empty() && now.mono >= days.gossip_at;
        if speaks || days.open.is_empty() && days.told {
            effects.push(days.vote(now, self.round));
        }
        for (name, day) in &mut days.open {
            if let Some(app) = self.app(name) {
                effects.extend(self.live_on(day, now, state, leads, &app));
            }
        }
        self.game_days = days;
        effects
    }

    /// Those that the ledger has begun are taken up, those it has ended are dropped.
    fn take_up(&self, days: &mut GameDays, now: Now, state: &State, leads: bool) -> Vec<Effect> {
        let mut effects = Vec::new();
        days.open.retain(|app, day| {
            let open = state.drills.get(app).and_then(rehearsal);
            open.is_some_and(|open| open.id == day.drill.id)
        });
        let again = leads && now.mono >= days.forgotten_at;
        for (name, drills) in &state.drills {
            let Some(drill) = rehearsal(drills) else {
                continue;
            };
            if let Some(app) = self.app(name) {
                days.open
                    .entry(name.clone())
                    .or_insert_with(|| GameDay::new(drill, &app, self));
            } else if again {
                days.forgotten_at = now.mono + RETRY_AFTER;
                let report = ended("the leader's configuration has no such application");
                effects.push(closing(&drill.id, DrillOutcome::Ended, report));
            }
        }
        effects
    }

    fn live_on(
        &self,
        day: &mut GameDay,
        now: Now,
        state: &State,
        leads: bool,
        app: &Application,
    ) -> Option<Effect> {
        if day.over.is_none() {
            day.over = self.real_life(now, state, app, &day.drill);
        }
        if let Some(why) = &day.over {
            let report = ended(why);
            return leads
                .then(|| day.close(now, DrillOutcome::Ended, report))
                .flatten();
        }
        if !leads {
            // Who led before has told nobody what it found.
            day.stage = Stage::Watching;
        }
        match &day.stage {
            Stage::Watching => self.watch(day, now, state, leads, app),
            Stage::Reading | Stage::Looking(_) => None,
            Stage::Closing(outcome, report) => {
                let (outcome, report) = (*outcome, report.clone());
                day.close(now, outcome, report)
            }
        }
    }

    /// What ends a game day at once.
    fn real_life(
        &self,
        now: Now,
        state: &State,
        app: &Application,
        drill: &Drill,
    ) -> Option<String> {
        for region in app.regions.iter().filter(|region| !region.cold) {
            let Some(verdict) = self.verdicts.get(&app.name, &region.name) else {
                continue;
            };
            match verdict.state {
                VerdictState::Suspect | VerdictState::Down => {
                    return Some(format!(
                        "{} is {} in earnest: real life goes first",
                        region.name, verdict.state
                    ));
                }
                // Votes that are missing are for the hold-down, and for the quorum's alarm.
                VerdictState::Up | VerdictState::Unknown => {}
            }
        }
        let desk = self.desks.get(&app.name)?;
        if desk.planning.is_some() || desk.request.is_some() {
            return Some("a run is in the making: real life goes first".to_owned());
        }
        if app.region(&drill.from).is_none() {
            return Some(format!("{} is no Region of it any more", drill.from));
        }
        let lasted = by_the_ledger(now, state).wall.since(drill.begun_at);
        (lasted >= drill.max_duration).then(|| format!("its time of {} was up", drill.max_duration))
    }

    /// Until the imagined votes have led to a decision that time alone does not change.
    fn watch(
        &self,
        day: &mut GameDay,
        now: Now,
        state: &State,
        leads: bool,
        app: &Application,
    ) -> Option<Effect> {
        let imagined = self.imagine(day, now, state, app);
        if !imagined.is_lost() {
            day.marks = Marks::default();
            return None;
        }
        let verdict = imagined.verdict()?;
        day.marks.down_at.get_or_insert(now.mono);
        day.marks.failing_since = verdict.failing_since;
        if is_waiting(&imagined.decision) {
            day.marks.decided_at = None;
            return None;
        }
        day.marks.decided_at.get_or_insert(now.mono);
        if !leads {
            return None;
        }
        day.stage = Stage::Reading;
        Some(Effect::Drill(DrillMove::ReadTraffic {
            drill: day.drill.id.clone(),
            app: app.name.clone(),
        }))
    }

    /// The verdicts and the decision that would be, by the functions of real life.
    fn imagine(&self, day: &mut GameDay, now: Now, state: &State, app: &Application) -> Imagined {
        let from = &day.drill.from;
        let matrix = self.matrix.imagining(&app.name, from, &day.made_up);
        let members = &self.setup.members;
        let verdicts: Vec<Verdict> = app
            .regions
            .iter()
            .map(|region| {
                let judgement = quorum::judge(now.mono, &matrix, members, app, &region.name);
                let freshness = app.guards.freshness;
                day.verdicts
                    .observe(now.mono, &app.name, freshness, judgement)
                    .clone()
            })
            .collect();
        let chosen = || quorum::choose_target(app, state, &verdicts, from);
        let intended = Intended {
            kind: app.automatic_kind(),
            from: from.clone(),
            to: day.drill.to.clone().or_else(chosen),
            request: None,
        };
        let guards = quorum::evaluate(&GuardContext {
            matrix: &matrix,
            ..self.guard_context(now, state, app, &verdicts, &intended)
        });
        let decision = quorum::decide(&guards, from, intended.to.as_ref());
        Imagined {
            verdicts,
            intended,
            guards,
            decision,
        }
    }

    /// Takes in what a game day was told.
    pub(super) fn hear_of_drill(
        &mut self,
        now: Now,
        state: &State,
        leads: bool,
        heard: DrillHeard,
    ) -> Option<Effect> {
        match heard {
            DrillHeard::Sheet { sheet, asked_at } => {
                let mut days = self.game_days.open.values_mut();
                if let Some(day) = days.find(|day| day.drill.id == sheet.drill) {
                    day.made_up.hold_remote(&sheet.made_up, asked_at);
                }
                None
            }
            DrillHeard::TrafficRead {
                drill,
                app,
                traffic,
            } => {
                let (app, mut day) = self.waiting(&drill, &app, leads)?;
                let effect = match day.stage {
                    Stage::Reading => {
                        let imagined = self.imagine(&mut day, now, state, &app);
                        let plan = self.make_plan(
                            now,
                            state,
                            &app,
                            &imagined.verdicts,
                            &imagined.intended,
                            traffic.as_ref(),
                        );
                        day.planned(now, imagined, plan)
                    }
                    Stage::Watching | Stage::Looking(_) | Stage::Closing(..) => None,
                };
                self.game_days.open.insert(app.name.clone(), day);
                effect
            }
            DrillHeard::Looked { drill, app, steps } => {
                let (app, mut day) = self.waiting(&drill, &app, leads)?;
                if let Stage::Looking(found) = &day.stage {
                    let (outcome, report) = found.report(now, &day.marks, steps);
                    day.stage = Stage::Closing(outcome, Box::new(report));
                }
                self.game_days.open.insert(app.name.clone(), day);
                None
            }
        }
    }

    /// The game day that a leader's answer is for, taken out.
    fn waiting(
        &mut self,
        drill: &DrillId,
        name: &AppId,
        leads: bool,
    ) -> Option<(Arc<Application>, GameDay)> {
        let app = self.app(name)?;
        let day = self.game_days.open.get(name)?;
        if !leads || &day.drill.id != drill || day.over.is_some() {
            return None;
        }
        let day = self.game_days.open.remove(name)?;
        Some((app, day))
    }
}

impl GameDay {
    /// The plan is made, or cannot be. On the votes of this moment: if they no longer hold, it waits
    /// anew, as it would in earnest.
    fn planned(
        &mut self,
        now: Now,
        imagined: Imagined,
        plan: Result<Plan, HoldReason>,
    ) -> Option<Effect> {
        if !imagined.is_lost() || is_waiting(&imagined.decision) {
            self.stage = Stage::Watching;
            return None;
        }
        self.marks.planned_at = Some(now.mono);
        let found = Found::new(imagined, plan);
        let look = found.plan.as_ref().ok().map(|plan| {
            Effect::Drill(DrillMove::Look {
                drill: self.drill.id.clone(),
                app: self.drill.application.clone(),
                plan: Box::new(plan.clone()),
            })
        });
        self.stage = if look.is_some() {
            Stage::Looking(Box::new(found))
        } else {
            let (outcome, report) = found.report(now, &self.marks, Vec::new());
            Stage::Closing(outcome, Box::new(report))
        };
        look
    }
}

impl Imagined {
    fn verdict(&self) -> Option<&Verdict> {
        let from = &self.intended.from;
        self.verdicts.iter().find(|v| &v.region == from)
    }

    fn is_lost(&self) -> bool {
        self.verdict()
            .is_some_and(|verdict| verdict.state == VerdictState::Down)
    }
}

/// Whether it is only a matter of time.
fn is_waiting(decision: &Decision) -> bool {
    match decision {
        Decision::Act { .. } | Decision::Ask { .. } => false,
        Decision::Hold(reasons) => reasons.iter().any(|reason| {
            matches!(
                reason,
                HoldReason::HoldDown { .. } | HoldReason::StartupGrace { .. }
            )
        }),
    }
}
