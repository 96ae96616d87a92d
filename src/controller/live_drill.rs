//! A live game day in the controller: there, a while, and back, by the same way as an operator's runs.
//!
//! ```text
//!  state.drills ─▶ where does it stand?
//!    switching, no run   ─▶ a switchover, asked for in the person's name
//!    soaking             ─▶ probes, drift, time ─▶ MoveDrill: home
//!    returning, no run   ─▶ a failback, asked for until it is opened, or for so long
//!    a Region is lost    ─▶ MoveDrill: over, and what is decided in earnest goes on
//! ```
//!
//! Everything it goes by stands in the ledger, so that a new leader goes on. The runs are carried on by
//! nobody here: an open run is an open run.
//!
//! Invariant: it asks for no run that takes the place of another's, nor while one is in the making.

use crate::model::{
    AppId, Application, CommandBody, Decision, Drill, DrillCause, DrillId, HoldReason, LiveDrill,
    LivePhase, Millis, Now, RegionId, Run, RunKind, State, Verdict, VerdictState,
};

use super::desk::{Intended, Planning};
use super::{Controller, DrillMove, Effect, RETRY_AFTER, RequestId, RunAnswer, RunRequest};

/// So long its first run may be refused before the drill is given up: a vote that was late has come by
/// then, and nobody waits at their terminal for longer.
const SET_OUT: Millis = Millis::from_mins(2);

/// So long it tries to bring the application home. Then a person is told that it stays: hours later,
/// with nobody looking, is not when a drill should move an application.
const GO_HOME: Millis = Millis::from_mins(15);

/// What opens the run, as a part of the drill that it was asked for by.
pub(super) fn as_part_of(drill: Option<DrillId>, opening: CommandBody) -> CommandBody {
    match (drill, opening) {
        (
            Some(drill),
            CommandBody::OpenRun {
                plan,
                origin,
                limits,
            },
        ) => CommandBody::OpenDrillRun {
            drill,
            plan,
            origin: Box::new(origin),
            limits,
        },
        (_, opening) => opening,
    }
}

/// The kind of the run that brings it home again.
pub(super) fn kind_of_return(app: &Application, home: &RegionId) -> RunKind {
    if home == &app.home {
        RunKind::Failback
    } else {
        RunKind::Switchover
    }
}

impl Controller {
    /// Moves every live drill on.
    pub(super) fn live_drills(&mut self, now: Now, state: &State) -> Vec<Effect> {
        let open = state.drills.values().filter_map(|d| d.open.as_ref());
        open.filter_map(|drill| self.live_drill(now, state, drill, drill.live.as_ref()?))
            .collect()
    }

    fn live_drill(
        &mut self,
        now: Now,
        state: &State,
        drill: &Drill,
        live: &LiveDrill,
    ) -> Option<Effect> {
        let Some(app) = self.app(&drill.application) else {
            if now.mono < self.evacuations_at {
                return None;
            }
            self.evacuations_at = now.mono + RETRY_AFTER;
            let why = "the leader's configuration has no such application".to_owned();
            return Some(moving(drill, DrillCause::Refused, why));
        };
        let verdicts = self.judge(now, &app);
        if let Some((cause, why)) = turns(now, state, &app, &verdicts, drill, live) {
            return self.say(now, drill, cause, why);
        }
        let asks = match live.phase {
            LivePhase::Switching => live.there.is_none(),
            LivePhase::Soaking { .. } => false,
            LivePhase::Returning => live.back.is_none(),
        };
        if !asks {
            let desk = self.desks.get_mut(&app.name)?;
            desk.drill_held = None;
            return None;
        }
        let date = state.date(now.wall);
        let (since, patience) = match live.turned_at {
            None => (drill.begun_at, SET_OUT),
            Some(turned) => (turned, GO_HOME),
        };
        if date.since(since) >= patience {
            let held = self.desks.get(&app.name)?.drill_held.as_ref();
            let held = held.map_or_else(
                || "nothing was said against it".to_owned(),
                |(_, reason)| format!("{reason}; {}", reason.remedy()),
            );
            let why = format!("no run could be opened in {patience}: {held}");
            return self.say(now, drill, DrillCause::Refused, why);
        }
        self.ask_for_run(now, state, &app, &verdicts, drill)
    }

    /// Once in a while, until the state shows it.
    fn say(&mut self, now: Now, drill: &Drill, cause: DrillCause, why: String) -> Option<Effect> {
        let desk = self.desks.get_mut(&drill.application)?;
        if now.mono < desk.drill_said_at {
            return None;
        }
        desk.drill_said_at = now.mono + RETRY_AFTER;
        Some(moving(drill, cause, why))
    }

    fn ask_for_run(
        &mut self,
        now: Now,
        state: &State,
        app: &Application,
        verdicts: &[Verdict],
        drill: &Drill,
    ) -> Option<Effect> {
        let desk = self.desks.get(&app.name)?;
        let busy = desk.planning.is_some() || desk.request.is_some();
        if busy || now.mono < desk.drill_asks_at || state.open_run(&app.name).is_some() {
            return None;
        }
        let intended = intended(app, drill)?;
        if let Some(unclear) = unclear(now, app, verdicts, &intended.from) {
            self.put_off_drill(now, &app.name, unclear);
            return None;
        }
        let (_, decision) = self.decide(now, state, app, verdicts, &intended);
        if let Decision::Hold(reasons) | Decision::Ask { reasons, .. } = decision {
            let reason = reasons.into_iter().next();
            self.put_off_drill(now, &app.name, reason.unwrap_or(HoldReason::NoCandidate));
            return None;
        }
        let desk = self.desks.get_mut(&app.name)?;
        desk.refused = None;
        let since = now.mono;
        desk.planning = Some(Planning::Reading { intended, since });
        let app = app.name.clone();
        Some(Effect::ReadTraffic { app })
    }

    /// The answer to a drill's request: nobody waits for it but the drill.
    pub(super) fn told_to_drill(&mut self, now: Now, request: &RunRequest, answer: RunAnswer) {
        // What was opened, or may have been, the state tells.
        if let RunAnswer::Declined(reasons) = answer
            && let Some(reason) = reasons.into_iter().next()
        {
            self.put_off_drill(now, &request.app, reason);
        }
    }

    fn put_off_drill(&mut self, now: Now, name: &AppId, reason: HoldReason) {
        if let Some(desk) = self.desks.get_mut(name) {
            desk.drill_asks_at = now.mono + RETRY_AFTER;
            let since = desk.drill_held.take().map_or(now.mono, |(since, _)| since);
            desk.drill_held = Some((since, reason));
        }
    }
}

fn moving(drill: &Drill, cause: DrillCause, why: String) -> Effect {
    Effect::Drill(DrillMove::Move {
        drill: drill.id.clone(),
        body: CommandBody::MoveDrill {
            id: drill.id.clone(),
            cause,
            why,
        },
    })
}

/// The run that it wants now.
fn intended(app: &Application, drill: &Drill) -> Option<Intended> {
    let (live, there) = (drill.live.as_ref()?, drill.to.as_ref()?);
    let (kind, from, to) = match live.phase {
        LivePhase::Switching => (RunKind::Switchover, &drill.from, there),
        LivePhase::Returning => (kind_of_return(app, &drill.from), there, &drill.from),
        LivePhase::Soaking { .. } => return None,
    };
    Some(Intended {
        kind,
        from: from.clone(),
        to: Some(to.clone()),
        request: Some(RunRequest {
            from: None,
            app: app.name.clone(),
            kind,
            to: Some(to.clone()),
            by: drill.by.clone(),
            reason: format!("drill {}: {}", drill.id, drill.reason),
            allow_data_loss: false,
            plan_hash: None,
            id: RequestId::default(),
            evacuation: None,
            drill: Some(drill.id.clone()),
        }),
    })
}

/// What turns it home, or ends it, on the votes of this moment.
fn turns(
    now: Now,
    state: &State,
    app: &Application,
    verdicts: &[Verdict],
    drill: &Drill,
    live: &LiveDrill,
) -> Option<(DrillCause, String)> {
    let there = drill.to.as_ref()?;
    let open = state.open_run(&app.name);
    let lost = [&drill.from, there]
        .into_iter()
        .find_map(|region| lost(now, app, verdicts, region, open));
    if let Some(why) = lost {
        return Some((DrillCause::RealOutage, why));
    }
    if live.phase == LivePhase::Returning || live.cut.is_some() {
        return None;
    }
    let date = state.date(now.wall);
    if date.since(drill.begun_at) >= drill.max_duration {
        let why = format!("its time of {} was up", drill.max_duration);
        return Some((DrillCause::TimeUp, why));
    }
    let LivePhase::Soaking { until } = live.phase else {
        return None;
    };
    if let Some(verdict) = unwell(now, app, verdicts, there) {
        let why = format!(
            "{there} has been {} for {}, by its critical probes",
            verdict.state,
            now.mono.since(verdict.since)
        );
        return Some((DrillCause::Probes, why));
    }
    let left = live.there.as_ref().and_then(|run| state.runs.get(run));
    if let Some(finding) = left.and_then(|run| run.findings.last()) {
        let why = format!("step {}: {}", finding.step, finding.text);
        return Some((DrillCause::Drift, why));
    }
    (date >= until).then(|| (DrillCause::Soaked, "its soak was over".to_owned()))
}

fn verdict_on<'a>(verdicts: &'a [Verdict], region: &RegionId) -> Option<&'a Verdict> {
    verdicts.iter().find(|verdict| &verdict.region == region)
}

/// That the quorum agrees that the Region is lost. A promotion restarts what the probes ask, so that
/// under one it must last, as for any run.
fn lost(
    now: Now,
    app: &Application,
    verdicts: &[Verdict],
    region: &RegionId,
    open: Option<&Run>,
) -> Option<String> {
    let verdict = verdict_on(verdicts, region)?;
    let cold = app.region(region).is_some_and(|known| known.cold);
    if cold || verdict.state != VerdictState::Down {
        return None;
    }
    let lasted = now.mono.since(verdict.since) >= app.guards.hold_down;
    let moving = open.is_some_and(Run::may_have_promoted);
    let members = verdict.tally.members;
    let down = verdict.tally.down.len();
    (lasted || !moving)
        .then(|| format!("{region} is lost in earnest: {down} of {members} members see it down"))
}

/// That somebody's critical probes of the Region fail, and have for as long as a vote is fresh: one that
/// only stumbled is well again by then. Votes that are missing say nothing.
pub(super) fn unwell<'a>(
    now: Now,
    app: &Application,
    verdicts: &'a [Verdict],
    region: &RegionId,
) -> Option<&'a Verdict> {
    let verdict = verdict_on(verdicts, region)?;
    let not_up = match verdict.state {
        VerdictState::Suspect | VerdictState::Down => true,
        VerdictState::Up | VerdictState::Unknown => false,
    };
    (not_up && now.mono.since(verdict.since) >= app.guards.freshness).then_some(verdict)
}

/// Why no graceful run is begun yet from a Region that may be about to be lost: it would stop half-way
/// and keep the place of the failover. What has not been agreed upon within the hold-down will not be.
fn unclear(
    now: Now,
    app: &Application,
    verdicts: &[Verdict],
    region: &RegionId,
) -> Option<HoldReason> {
    let verdict = verdict_on(verdicts, region)?;
    let lasted = now.mono.since(verdict.since) >= app.guards.hold_down;
    (verdict.state == VerdictState::Suspect && !lasted).then(|| HoldReason::NotCalm {
        region: region.clone(),
        state: verdict.state,
    })
}
