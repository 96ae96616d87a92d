//! Whether an open run may go on, on the votes of this moment.
//!
//! ```text
//!  automatic, its data not moved       the Region that is left
//!  yet, in nobody's hands         down          disputed, unknown        up
//!    nothing written, inherited   go on         wait, then abandon       abandon
//!    nothing written              go on         wait while disputed      abandon*
//!    something written            go on         wait while disputed      give back*
//!
//!  the Region whose traffic bakes  not up: steps back; its data moved: nothing new is begun
//!  the Region that is gone to     down: nothing new is begun, and nothing is planned anew
//! ```
//!
//! `*`: by quorum and for as long as the hold-down; until then nothing new is begun. A run that was
//! inherited waits for `down` once before it counts like one that was opened here.
//!
//! Invariant: once the data may have been moved the votes on the Region that is left say nothing more.

use crate::model::{
    Application, CommandBody, HoldReason, Millis, Now, Plan, RegionDownRule, RegionId, Run,
    RunStatus, State, Verdict, VerdictState,
};
use crate::quorum;
use crate::run::{Engine, baking};

use super::live_drill::unwell;
use super::{Controller, Effect, by_the_ledger};

/// How long an inherited run may wait for votes that prove its verdict anew, as a multiple of the
/// freshness: two rounds of votes and one to spare. More where detection takes longer.
const PROOF_ROUNDS: u64 = 3;

/// Probes are jittered by a tenth of their interval.
const JITTER_PERCENT: u64 = 110;

/// What the present votes say of an open run.
enum Standing {
    /// It goes on.
    Sound,
    /// Nothing new is begun.
    Held(HoldReason),
    /// It ends by this command; nothing new is begun until the ledger has taken it in.
    Over(CommandBody),
}

impl Controller {
    /// Moves an open run on, or gives up one that no longer holds; watches what a closed one left.
    pub(super) fn carry_on(
        &mut self,
        now: Now,
        state: &State,
        app: &Application,
        verdicts: &[Verdict],
        run: &Run,
    ) -> Vec<Effect> {
        let standing = self.standing(now, state, app, verdicts, run);
        let now = by_the_ledger(now, state);
        let setup = &self.setup;
        let Some(desk) = self.desks.get_mut(&app.name) else {
            return Vec::new();
        };
        let mut effects = Vec::new();
        desk.held = None;
        let may_start = match standing {
            Standing::Sound => true,
            Standing::Held(reason) => {
                desk.held = Some(reason);
                false
            }
            Standing::Over(body) => {
                effects.extend(desk.end(now, run, body));
                false
            }
        };
        let current = desk.engine.as_ref().is_some_and(|(id, _)| id == &run.id);
        if !current {
            let engine = Engine::take_up(run, setup.me.clone(), setup.boot, setup.timing, now);
            desk.engine = Some((run.id.clone(), engine));
        }
        let Some((_, engine)) = &mut desk.engine else {
            return effects;
        };
        let moves = engine.advance(now, run, may_start).into_iter();
        effects.extend(moves.map(|act| Effect::Perform {
            app: app.name.clone(),
            run: run.id.clone(),
            act,
        }));
        effects
    }

    fn standing(
        &mut self,
        now: Now,
        state: &State,
        app: &Application,
        verdicts: &[Verdict],
        run: &Run,
    ) -> Standing {
        // A paused run is in a person's hands, and so is one that asks for them.
        let in_our_hands = run.status == RunStatus::Executing && run.paused.is_none();
        let provable = run.origin.is_automatic() && !run.may_have_promoted();
        if (!in_our_hands || !provable)
            && let Some(desk) = self.desks.get_mut(&app.name)
        {
            desk.unproven_since = None;
        }
        if !in_our_hands {
            return Standing::Sound;
        }
        if provable {
            match self.prove(now, app, verdicts, run) {
                Standing::Sound => {}
                unproven @ (Standing::Held(_) | Standing::Over(_)) => return unproven,
            }
        }
        let moved = run.may_have_promoted();
        if let Some(region) = baking(run)
            && let Some(verdict) = unwell(now, app, verdicts, region)
        {
            return bears_no_more(now, run, verdict, moved);
        }
        match lost_target(now, state, app, verdicts, &run.plan, moved) {
            None => Standing::Sound,
            Some(reason) => Standing::Held(reason),
        }
    }

    /// Whether the Region that an automatic run leaves is still lost.
    fn prove(&mut self, now: Now, app: &Application, verdicts: &[Verdict], run: &Run) -> Standing {
        let patience = self.patience(app, &run.plan.from);
        let members = u32::try_from(self.setup.members.len()).unwrap_or(u32::MAX);
        let Some(desk) = self.desks.get_mut(&app.name) else {
            return Standing::Sound;
        };
        let proven = desk.proven_here.as_ref() == Some(&run.id);
        let from = &run.plan.from;
        let verdict = verdicts.iter().find(|v| &v.region == from);
        let state = verdict.map_or(VerdictState::Unknown, |v| v.state);
        if state == VerdictState::Down {
            desk.proven_here = Some(run.id.clone());
            desk.unproven_since = None;
            return Standing::Sound;
        }
        let stale = || {
            Standing::Over(CommandBody::AbandonStale {
                run: run.id.clone(),
            })
        };
        let wrote = run.anything_intended();
        let is_back = verdict.is_some_and(|v| is_back(now, app, members, v));
        match state {
            VerdictState::Up if !wrote && (is_back || !proven) => stale(),
            VerdictState::Up if is_back => Standing::Over(CommandBody::AbortRecovered {
                run: run.id.clone(),
            }),
            VerdictState::Up => Standing::Held(HoldReason::RegionReturned {
                region: from.clone(),
                required: app.guards.hold_down,
            }),
            VerdictState::Suspect | VerdictState::Unknown | VerdictState::Down => {
                let dissent = verdict.map_or(&[][..], |v| v.tally.dissent.as_slice());
                if proven && dissent.is_empty() {
                    desk.unproven_since = None;
                    return Standing::Sound;
                }
                let since = *desk.unproven_since.get_or_insert(now.mono);
                if !wrote && now.mono.since(since) >= patience {
                    return stale();
                }
                Standing::Held(if dissent.is_empty() {
                    let down = verdict.map_or(0, |v| v.tally.down.len());
                    HoldReason::NoQuorum {
                        down: u32::try_from(down).unwrap_or(u32::MAX),
                        needed: quorum::majority(members),
                        members,
                    }
                } else {
                    HoldReason::Disagreement {
                        dissent: dissent.to_vec(),
                    }
                })
            }
        }
    }

    /// How long votes on `region` may be missing before that means anything. A member that has just
    /// started must see as many failures as make a probe fall, then a reference target's answer, and
    /// be heard of.
    pub(super) fn patience(&self, app: &Application, region: &RegionId) -> Millis {
        let jittered = |interval: Millis| Millis(interval.0.saturating_mul(JITTER_PERCENT) / 100);
        let probes = app.region(region).map_or(&[][..], |r| &r.probes);
        let by_weight = matches!(app.detection.region_down, RegionDownRule::WeightPercent(_));
        let all = by_weight || !probes.iter().any(|probe| probe.critical);
        let falls = probes
            .iter()
            .filter(|probe| all || probe.critical)
            .map(|probe| {
                let rounds = u64::from(probe.fall) + 1;
                jittered(probe.interval).times(rounds).plus(probe.timeout)
            })
            .max()
            .unwrap_or_default();
        let confirmed = self
            .setup
            .references
            .iter()
            .map(|probe| jittered(probe.interval).plus(probe.timeout))
            .max()
            .unwrap_or_default();
        let detected = falls
            .plus(confirmed)
            .plus(app.detection.gossip.times(2))
            .plus(app.guards.freshness);
        detected.max(app.guards.freshness.times(PROOF_ROUNDS))
    }
}

/// Whether a quorum of fresh outside votes says `up`, and has for as long as the hold-down: a Region
/// that flaps is not back.
fn is_back(now: Now, app: &Application, members: u32, verdict: &Verdict) -> bool {
    let up = u32::try_from(verdict.tally.dissent.len()).unwrap_or(u32::MAX);
    verdict.state == VerdictState::Up
        && up >= quorum::majority(members)
        && now.mono.since(verdict.since) >= app.guards.hold_down
}

/// What becomes of a run whose Region is not well while its new traffic bakes: it steps back, or, where
/// its data has moved and there is no way back, gives it no more until it is well again.
fn bears_no_more(now: Now, run: &Run, verdict: &Verdict, moved: bool) -> Standing {
    let Verdict { region, state, .. } = verdict;
    if moved {
        return Standing::Held(HoldReason::NotCalm {
            region: region.clone(),
            state: *state,
        });
    }
    let lasted = now.mono.since(verdict.since);
    Standing::Over(CommandBody::AbortWorsened {
        run: run.id.clone(),
        why: format!("it has been {state} for {lasted}, by its critical probes"),
    })
}

/// Why nothing more is begun towards a Region that is lost itself. A promotion restarts what the
/// probes ask, so that after one a loss must last.
pub(super) fn lost_target(
    now: Now,
    state: &State,
    app: &Application,
    verdicts: &[Verdict],
    plan: &Plan,
    moved: bool,
) -> Option<HoldReason> {
    let mut carriers = std::iter::once(&plan.to).chain(&plan.carriers);
    let to = carriers.find(|to| quorum::looks_down(app, verdicts, to))?;
    let verdict = verdicts.iter().find(|v| &v.region == to)?;
    let lasted = now.mono.since(verdict.since) >= app.guards.hold_down;
    if moved && !lasted {
        return None;
    }
    // Whoever else serves takes over already.
    let next = (!plan.kind.moves_share())
        .then(|| quorum::choose_target(app, state, verdicts, &plan.from))
        .flatten();
    Some(HoldReason::TargetLost {
        region: to.clone(),
        next,
    })
}
