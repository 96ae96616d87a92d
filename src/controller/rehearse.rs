//! The dry run: what a run would be if a person asked for it now.
//!
//! ```text
//!  ask, traffic ─▶ verdicts (a copy) ─▶ guards ─▶ plan ─▶ `apply` on a copy of the state ─▶ Planned
//! ```
//!
//! Invariant: nothing of the controller changes: a dry run takes no desk's place, starts or breaks no
//! hold-down, and is forgotten with its answer.

use crate::model::{
    Application, Command, Decision, HoldReason, Now, Origin, Plan, State, Traffic, Verdict,
};
use crate::run;

use super::{
    Controller, Intended, PlanAsk, Planned, RequestId, RunRequest, active_region, in_the_way,
    shares,
};

impl Controller {
    /// What would become of a run that is asked for now, with traffic as read for it; `None` if no
    /// application is called so. Only the leader's answer counts.
    pub fn rehearse(
        &self,
        now: Now,
        state: &State,
        ask: &PlanAsk,
        traffic: Option<&Traffic>,
    ) -> Option<Planned> {
        let desk = self.desks.get(&ask.app)?;
        let app = desk.app.as_ref();
        let verdicts = self.judge_into(&mut self.verdicts.clone(), now, app);
        let intended = intended(state, app, &verdicts, ask);
        let (guards, decision) = self.decide(now, state, app, &verdicts, &intended);
        let mut refused = match decision {
            Decision::Act { .. } => Vec::new(),
            Decision::Hold(reasons) | Decision::Ask { reasons, .. } => reasons,
        };
        refused.extend(desk.being_planned(now));
        let plan = self.make_plan(now, state, app, &verdicts, &intended, traffic);
        let against = match &plan {
            Ok(plan) => self.against(now, state, app, ask, plan),
            Err(reason) => Some(reason.clone()),
        };
        refused.extend(against.filter(|reason| !is_told(&refused, reason)));
        let moves_data = self.touches(app, ask.kind).database;
        let known = state.apps.get(&app.name);
        let lag = known
            .zip(intended.to.as_ref())
            .and_then(|(known, to)| known.lag.get(to)?.iter().max_by_key(|sample| sample.at))
            .filter(|_| moves_data);
        Some(Planned {
            at: state.date(now.wall),
            plan: plan.ok(),
            guards,
            refused,
            lag: lag.copied(),
            rpo_max: moves_data.then_some(app.guards.rpo_max),
        })
    }

    /// What the ledger would have against that run.
    fn against(
        &self,
        now: Now,
        state: &State,
        app: &Application,
        ask: &PlanAsk,
        plan: &Plan,
    ) -> Option<HoldReason> {
        let origin = Origin::Operator {
            name: ask.by.clone(),
            reason: String::new(),
        };
        let command = Command {
            at: now.wall,
            body: self.opening(app, plan.clone(), origin),
        };
        // The one transition function itself, on a copy: it cannot say another thing later.
        run::apply(&mut state.clone(), &command)
            .err()
            .map(in_the_way)
    }
}

fn intended(state: &State, app: &Application, verdicts: &[Verdict], ask: &PlanAsk) -> Intended {
    let active = active_region(app, state);
    let asked = (ask.kind, ask.from.as_ref(), ask.to.as_ref());
    let (from, to) = shares::wanted(app, state, verdicts, active, asked);
    Intended {
        kind: ask.kind,
        from,
        to,
        request: Some(RunRequest {
            from: ask.from.clone(),
            app: ask.app.clone(),
            kind: ask.kind,
            to: ask.to.clone(),
            by: ask.by.clone(),
            reason: String::new(),
            allow_data_loss: ask.allow_data_loss,
            evacuation: None,
            drill: None,
            plan_hash: None,
            id: RequestId::default(),
        }),
    }
}

/// Whether people have been told already: by the same reason, or, where nobody granted a loss of
/// data, by the guard that knows how much it would be.
fn is_told(told: &[HoldReason], reason: &HoldReason) -> bool {
    let about_data = |reason: &HoldReason| {
        matches!(
            reason,
            HoldReason::LagUnknown { .. } | HoldReason::LagTooHigh { .. }
        )
    };
    told.iter()
        .any(|other| other.code() == reason.code() || about_data(other) && about_data(reason))
}
