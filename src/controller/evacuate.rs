//! The leader moves the applications of a Region that is being evacuated: whoever's turn it is, and
//! whom the guards let go.
//!
//! ```text
//!  state.evacuations ──run::turns──▶ its turn ──▶ verdict: lost ▶ failover, up ▶ switchover
//!                                                   │ else, or a guard says no
//!                                                   ├─▶ HoldEvacuee, looked at again
//!                                                   └─▶ a run, asked for in the person's name
//! ```
//!
//! Everything it goes by stands in the ledger, so that a new leader goes on. It asks for runs as a
//! person does, and every guard that binds a person binds it.
//!
//! Invariant: at most as many of its runs are under way, or in the making, as the evacuation says.
//! Invariant: it asks for no run that takes the place of one which somebody else asked for.

use std::collections::BTreeMap;
use std::mem::discriminant;

use crate::model::{
    AppId, Application, CommandBody, Decision, Evacuation, EvacuationId, EvacueeStatus, HoldReason,
    Millis, Now, RunKind, State, Verdict, VerdictState,
};
use crate::quorum;
use crate::run::{Turn, all_out, turns, under_way};

use super::desk::{Intended, Planning};
use super::{Controller, Effect, RequestId, RunAnswer, RunRequest};

/// After an application was refused, this long until it is asked for again: as often as a lone run
/// is planned anew.
const AGAIN: Millis = Millis::from_secs(5);

/// A plan that could not be made is not made again sooner: each attempt reads where traffic stands,
/// of which one account's control planes answer a few in a second.
const PLAN_AGAIN: Millis = Millis::from_secs(30);

/// What opens the run, as a part of the evacuation that it was asked for by.
pub(super) fn as_part_of(evacuation: Option<EvacuationId>, opening: CommandBody) -> CommandBody {
    match (evacuation, opening) {
        (
            Some(evacuation),
            CommandBody::OpenRun {
                plan,
                origin,
                limits,
            },
        ) => CommandBody::OpenEvacuationRun {
            evacuation,
            plan,
            origin: Box::new(origin),
            limits,
        },
        (_, opening) => opening,
    }
}

impl Controller {
    /// Moves every open evacuation on.
    pub(super) fn evacuate(&mut self, now: Now, state: &State) -> Vec<Effect> {
        let mut effects = Vec::new();
        for evacuation in state.evacuations.values().filter(|e| e.is_open()) {
            if all_out(state, evacuation) {
                effects.extend(self.end_evacuation(now, evacuation));
            } else {
                effects.extend(self.next_departures(now, state, evacuation));
            }
        }
        effects
    }

    fn end_evacuation(&mut self, now: Now, evacuation: &Evacuation) -> Option<Effect> {
        if now.mono < self.evacuations_at {
            return None;
        }
        self.evacuations_at = now.mono + AGAIN;
        let id = evacuation.id.clone();
        let body = CommandBody::CloseEvacuation { id };
        Some(Effect::Evacuate { body })
    }

    fn next_departures(&mut self, now: Now, state: &State, evacuation: &Evacuation) -> Vec<Effect> {
        let mut effects = Vec::new();
        let turns: BTreeMap<AppId, Turn> = turns(state, state.date(now.wall), evacuation);
        let in_the_making = self
            .desks
            .values()
            .filter(|desk| {
                let planned = desk.planning.as_ref().and_then(Planning::request);
                let asked = planned.or(desk.request.as_ref());
                // One that the state shows open already is counted there.
                state.open_run(&desk.app.name).is_none()
                    && asked.and_then(|r| r.evacuation.as_ref()) == Some(&evacuation.id)
            })
            .count();
        let taken = under_way(evacuation) + in_the_making;
        let mut room = (evacuation.parallel as usize).saturating_sub(taken);
        for (name, _) in evacuation.in_order() {
            if room == 0 {
                break;
            }
            if turns.get(name) != Some(&Turn::Now) {
                continue;
            }
            let (begun, effect) = self.depart(now, state, evacuation, name);
            room -= usize::from(begun);
            effects.extend(effect);
        }
        effects
    }

    /// Asks for the run of an application whose turn it is; says whether one is in the making.
    fn depart(
        &mut self,
        now: Now,
        state: &State,
        evacuation: &Evacuation,
        name: &AppId,
    ) -> (bool, Option<Effect>) {
        let Some(app) = self.app(name) else {
            let reason = HoldReason::PlanImpossible {
                step: None,
                why: "this application is no longer configured".to_owned(),
            };
            return (false, note(state, &evacuation.id, name, reason));
        };
        let busy = self.desks.get(name).is_none_or(|desk| {
            desk.planning.is_some()
                || desk.request.is_some()
                || now.mono < desk.not_evacuated_before
        });
        if busy || state.open_run(name).is_some() {
            return (false, None);
        }
        let verdicts = self.judge(now, &app);
        let intended = match self.way_out(state, evacuation, &app, &verdicts) {
            Ok(intended) => intended,
            Err(reason) => return (false, self.put_off(now, state, evacuation, name, reason)),
        };
        let (_, decision) = self.decide(now, state, &app, &verdicts, &intended);
        match decision {
            Decision::Act { .. } => {}
            Decision::Hold(reasons) | Decision::Ask { reasons, .. } => {
                let reason = reasons.into_iter().next();
                let reason = reason.unwrap_or(HoldReason::NoCandidate);
                return (false, self.put_off(now, state, evacuation, name, reason));
            }
        }
        if let Some(desk) = self.desks.get_mut(name) {
            desk.refused = None;
            let since = now.mono;
            desk.planning = Some(Planning::Reading { intended, since });
        }
        (true, Some(Effect::ReadTraffic { app: name.clone() }))
    }

    /// How that application would leave, on the votes of this moment.
    fn way_out(
        &self,
        state: &State,
        evacuation: &Evacuation,
        app: &Application,
        verdicts: &[Verdict],
    ) -> Result<Intended, HoldReason> {
        let from = &evacuation.region;
        // Its writer alone would leave, and count as gone with its users.
        if app.is_active_active() {
            return Err(HoldReason::ServesSideBySide {
                region: from.clone(),
            });
        }
        let kind = self.kind(verdicts.iter().find(|v| &v.region == from))?;
        let to = quorum::choose_target(app, state, verdicts, from);
        Ok(Intended {
            kind,
            from: from.clone(),
            to: to.clone(),
            request: Some(RunRequest {
                from: None,
                app: app.name.clone(),
                kind,
                to,
                by: evacuation.by.clone(),
                reason: format!("evacuation {}: {}", evacuation.id, evacuation.reason),
                allow_data_loss: evacuation.allow_data_loss,
                plan_hash: None,
                id: RequestId::default(),
                evacuation: Some(evacuation.id.clone()),
                drill: None,
            }),
        })
    }

    /// A failover where the quorum agrees that the Region is lost, a switchover where it answers. In
    /// between neither is right: the one would lose data for nothing, the other would stop half way.
    fn kind(&self, verdict: Option<&Verdict>) -> Result<RunKind, HoldReason> {
        let state = verdict.map_or(VerdictState::Unknown, |v| v.state);
        let tally = verdict.map(|v| v.tally.clone()).unwrap_or_default();
        // Nobody could ever say: it is the person's eyes that count.
        let nobody_outside = tally.inside.len() == self.setup.members.len();
        match state {
            VerdictState::Down => Ok(RunKind::Failover),
            VerdictState::Up => Ok(RunKind::Switchover),
            VerdictState::Unknown if nobody_outside => Ok(RunKind::Switchover),
            VerdictState::Suspect if !tally.dissent.is_empty() => Err(HoldReason::Disagreement {
                dissent: tally.dissent,
            }),
            VerdictState::Suspect | VerdictState::Unknown => {
                let members = u32::try_from(self.setup.members.len()).unwrap_or(u32::MAX);
                Err(HoldReason::NoQuorum {
                    down: u32::try_from(tally.down.len()).unwrap_or(u32::MAX),
                    needed: quorum::majority(members),
                    members,
                })
            }
        }
    }

    /// The answer to an evacuation's request is told to the ledger instead of to whoever asked, and a
    /// drill's to the drill: nobody asked just now.
    pub(super) fn told_to_evacuations(
        &mut self,
        now: Now,
        state: &State,
        leads: bool,
        effects: Vec<Effect>,
    ) -> Vec<Effect> {
        let mut told = Vec::with_capacity(effects.len());
        for effect in effects {
            let Effect::Answer { request, answer } = effect else {
                told.push(effect);
                continue;
            };
            if request.drill.is_some() {
                self.told_to_drill(now, &request, answer);
                continue;
            }
            let Some(id) = &request.evacuation else {
                told.push(Effect::Answer { request, answer });
                continue;
            };
            // What was opened, or may have been, the state tells.
            let RunAnswer::Declined(reasons) = answer else {
                continue;
            };
            let Some(reason) = reasons.into_iter().next().filter(|_| leads) else {
                continue;
            };
            if let Some(evacuation) = state.evacuations.get(id) {
                told.extend(self.put_off(now, state, evacuation, &request.app, reason));
            }
        }
        told
    }

    /// Not now; says why in the ledger, unless it only has to wait for others.
    fn put_off(
        &mut self,
        now: Now,
        state: &State,
        evacuation: &Evacuation,
        name: &AppId,
        reason: HoldReason,
    ) -> Option<Effect> {
        if let Some(desk) = self.desks.get_mut(name) {
            let unplanned = matches!(reason, HoldReason::PlanImpossible { .. });
            let pause = if unplanned { PLAN_AGAIN } else { AGAIN };
            desk.not_evacuated_before = now.mono + pause;
        }
        if only_waits(&reason) {
            return None;
        }
        note(state, &evacuation.id, name, reason)
    }
}

/// Whether another run, or the ledger itself, is all that is in the way.
fn only_waits(reason: &HoldReason) -> bool {
    matches!(
        reason,
        HoldReason::ResourceBusy { .. }
            | HoldReason::RunOpen { .. }
            | HoldReason::BeingPlanned { .. }
            | HoldReason::NotLeader
            | HoldReason::LedgerUnavailable { .. }
    )
}

/// Writes down why, unless that stands there already: figures that count are no news.
fn note(state: &State, id: &EvacuationId, app: &AppId, reason: HoldReason) -> Option<Effect> {
    let evacuation = state.evacuations.get(id).filter(|e| e.is_open())?;
    match &evacuation.applications.get(app)?.status {
        EvacueeStatus::Held { reason: known, .. }
            if discriminant(known) == discriminant(&reason) =>
        {
            return None;
        }
        EvacueeStatus::Waiting | EvacueeStatus::Held { .. } | EvacueeStatus::Elsewhere { .. } => {}
        EvacueeStatus::Running { .. }
        | EvacueeStatus::Moved { .. }
        | EvacueeStatus::Failed { .. } => return None,
    }
    let body = CommandBody::HoldEvacuee {
        evacuation: id.clone(),
        app: app.clone(),
        reason,
    };
    Some(Effect::Evacuate { body })
}

#[cfg(test)]
mod tests;
