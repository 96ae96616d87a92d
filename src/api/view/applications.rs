//! One application: how it stands, and why nothing happens to it.

use super::{Look, age, count, moment, reason};
use crate::api::wire::{ApplicationStatus, GuardRow, LastDrill, Ruling as RulingWord, Why};
use crate::model::{
    AppView, Application, Automation, Decision, GuardVerdict, HoldReason, Phase, Ruling, RunStatus,
};
use crate::quorum::BRAKE_WINDOW;
use crate::run::last_completed;

impl Look<'_> {
    pub(super) fn app_view(&self, app: &Application) -> Option<&AppView> {
        self.snapshot.views.get(&app.name)
    }

    pub(super) fn phase(&self, app: &Application) -> Option<&Phase> {
        self.app_view(app).map(|view| &view.phase)
    }

    /// The Region it serves from, as agreed.
    pub(super) fn active<'s>(&'s self, app: &'s Application) -> &'s crate::model::RegionId {
        let moved = self.snapshot.state.apps.get(&app.name);
        moved
            .and_then(|state| state.active.as_ref())
            .unwrap_or(&app.home)
    }

    pub fn application(&self, app: &Application) -> ApplicationStatus {
        let state = self.snapshot.state.apps.get(&app.name);
        let open = self.snapshot.state.open_run(&app.name);
        let last = state
            .and_then(|state| state.last_run.as_ref())
            .and_then(|run| self.snapshot.state.runs.get(run));
        let date = self.snapshot.state.date(self.now());
        let lately = state.map(|state| {
            let runs = state.automatic_runs.iter();
            runs.filter(|at| date.since(**at) < BRAKE_WINDOW).count()
        });
        ApplicationStatus {
            name: app.name.to_string(),
            active: self.active(app).to_string(),
            home: app.home.to_string(),
            phase: self.phase_word(app).to_owned(),
            summary: self.summary(app),
            reasons: self.reasons(app).into_iter().map(reason).collect(),
            automation: match app.automation {
                Automation::Automatic => "automatic",
                Automation::Ask => "ask",
            }
            .to_owned(),
            epoch: state.map_or(0, |state| state.epoch.0),
            regions: app
                .regions
                .iter()
                .map(|region| self.region(app, region))
                .collect(),
            open_run: open.map(|run| self.run_row(run)),
            last_run: last.map(|run| self.run_row(run)),
            automatic_runs: count(lately.unwrap_or(0)),
            brake: app.guards.brake,
            brake_latched: state.is_some_and(|state| state.brake_latched),
            cool_down_ms: self.cool_down(app),
            readiness: self.readiness_summary(app),
            last_drill: self.last_drill(app),
        }
    }

    /// The last game day that came to its end, rehearsed or live.
    fn last_drill(&self, app: &Application) -> Option<LastDrill> {
        let last = last_completed(&self.snapshot.state, &app.name)?;
        Some(LastDrill {
            id: last.drill.to_string(),
            mode: last.mode.as_str().to_owned(),
            passed: last.passed,
            ended_at: moment(last.at),
            age_ms: self.date().since(last.at).0,
        })
    }

    /// Before the first turn of the loop only what is agreed is known.
    pub(super) fn phase_word(&self, app: &Application) -> &'static str {
        if let Some(phase) = self.phase(app) {
            return phase.as_str();
        }
        match self
            .snapshot
            .state
            .open_run(&app.name)
            .map(|run| &run.status)
        {
            Some(RunStatus::NeedsOperator { .. }) => "needs_operator",
            Some(RunStatus::Soaking { .. }) => "soaking",
            Some(
                RunStatus::Executing
                | RunStatus::Aborting { .. }
                | RunStatus::Completed
                | RunStatus::Aborted { .. },
            ) => "executing",
            None => "steady",
        }
    }

    /// How much of the cool-down is left.
    fn cool_down(&self, app: &Application) -> Option<u64> {
        let state = self.snapshot.state.apps.get(&app.name)?;
        let closed = state.last_closed_at.filter(|_| !state.acknowledged)?;
        let ends = closed + app.guards.cool_down;
        let left = ends.since(self.snapshot.state.date(self.now())).0;
        (left > 0).then_some(left)
    }

    pub(super) fn reasons<'s>(&'s self, app: &Application) -> Vec<&'s HoldReason> {
        let Some(view) = self.app_view(app) else {
            return Vec::new();
        };
        match (&view.decision, &view.phase) {
            (Some(Decision::Hold(reasons) | Decision::Ask { reasons, .. }), _) => {
                reasons.iter().collect()
            }
            (Some(Decision::Act { .. }) | None, Phase::Blocked { reason, .. }) => vec![reason],
            (
                Some(Decision::Act { .. }) | None,
                Phase::Steady
                | Phase::Suspect { .. }
                | Phase::Confirmed { .. }
                | Phase::Planned { .. }
                | Phase::Executing { .. }
                | Phase::Soaking { .. }
                | Phase::CoolDown { .. }
                | Phase::NeedsOperator { .. },
            ) => Vec::new(),
        }
    }

    pub fn why(&self, app: &Application) -> Why {
        let view = self.app_view(app);
        Why {
            application: app.name.to_string(),
            answered_by: self.source.member.id.to_string(),
            leads: self.snapshot.leads,
            at: moment(self.now()),
            active: self.active(app).to_string(),
            phase: self.phase_word(app).to_owned(),
            summary: self.summary(app),
            decision: view.and_then(|view| view.decision.as_ref()).map(|d| {
                match d {
                    Decision::Act { .. } => "act",
                    Decision::Hold(_) => "hold",
                    Decision::Ask { .. } => "ask",
                }
                .to_owned()
            }),
            reasons: self.reasons(app).into_iter().map(reason).collect(),
            guards: view
                .map(|view| view.guards.iter().map(guard).collect())
                .unwrap_or_default(),
            votes: self.vote_matrix(app),
        }
    }

    pub(super) fn age_of(&self, then: crate::model::Wall) -> u64 {
        age(self.now(), then)
    }
}

/// A guard's word.
pub(in crate::api) fn guard(verdict: &GuardVerdict) -> GuardRow {
    let (ruling, why) = match &verdict.ruling {
        Ruling::Pass => (RulingWord::Pass, None),
        Ruling::Warn(why) => (RulingWord::Warn, Some(why)),
        Ruling::Hold(why) => (RulingWord::Hold, Some(why)),
        Ruling::Ask(why) => (RulingWord::Ask, Some(why)),
    };
    GuardRow {
        guard: verdict.guard.as_str().to_owned(),
        ruling,
        reason: why.map(reason),
    }
}
