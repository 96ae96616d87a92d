//! Whether a game day may begin: on a day on which all is well.

use crate::model::{
    AppId, Application, CommandBody, Drills, HoldReason, Millis, Now, RegionId, State, VerdictState,
};

use crate::controller::{Controller, DrillAsk, active_region};

/// Unless a person says otherwise: the slowest detection that anybody configures, the hold-down, and
/// some minutes of looks.
const LASTS: Millis = Millis::from_mins(15);

impl Controller {
    /// What begins the game day that is asked for, or why none is begun; `None` if no application is
    /// called so. Only the leader's answer counts.
    pub fn begin_drill(
        &self,
        now: Now,
        state: &State,
        ask: &DrillAsk,
    ) -> Option<Result<CommandBody, Vec<HoldReason>>> {
        let desk = self.desks.get(&ask.app)?;
        let app = desk.app.as_ref();
        let from = active_region(app, state).clone();
        let mut reasons = Vec::new();
        reasons.extend(state.open_run(&app.name).map(HoldReason::run_open));
        reasons.extend(desk.being_planned(now));
        reasons.extend(
            state
                .open_drill(&app.name)
                .map(|drill| HoldReason::DrillOpen {
                    drill: drill.id.clone(),
                    by: drill.by.clone(),
                }),
        );
        reasons.extend(self.not_up(now, app));
        reasons.extend(ask.to.as_ref().and_then(|to| unfit(app, &from, to)));
        if !reasons.is_empty() {
            return Some(Err(reasons));
        }
        Some(Ok(CommandBody::BeginDrill {
            id: next_id(state, &app.name),
            app: app.name.clone(),
            mode: ask.mode,
            from,
            to: ask.to.clone(),
            by: ask.by.clone(),
            reason: ask.reason.clone(),
            max_duration: ask.max_duration.unwrap_or(LASTS),
        }))
    }

    /// The Regions that are not up, by the votes of this moment. A cold one is not meant to be.
    fn not_up(&self, now: Now, app: &Application) -> Vec<HoldReason> {
        self.judge_into(&mut self.verdicts.clone(), now, app)
            .into_iter()
            .filter(|verdict| verdict.state != VerdictState::Up)
            .filter(|verdict| app.region(&verdict.region).is_some_and(|r| !r.cold))
            .map(|verdict| HoldReason::NotCalm {
                region: verdict.region,
                state: verdict.state,
            })
            .collect()
    }
}

fn unfit(app: &Application, from: &RegionId, to: &RegionId) -> Option<HoldReason> {
    let why = if app.region(to).is_none() {
        format!("it is no Region of {}", app.name)
    } else if to == from {
        "it is the Region that is taken for lost".to_owned()
    } else {
        return None;
    };
    Some(HoldReason::TargetNotReady {
        region: to.clone(),
        why,
    })
}

fn next_id(state: &State, app: &AppId) -> crate::model::DrillId {
    match state.drills.get(app) {
        Some(drills) => drills.next_id(app),
        None => Drills::default().next_id(app),
    }
}
