//! Whether a game day may begin: on a day on which all is well.

use crate::model::{
    AppId, Application, Command, CommandBody, DrillMode, Drills, HoldReason, Millis, Now, Origin,
    Plan, RegionId, State, VerdictState,
};

use crate::controller::live_drill::{self, kind_of_return};
use crate::controller::{Controller, DrillAsk, active_region, in_the_way};
use crate::run;

/// Unless a person says otherwise: the slowest detection that anybody configures, the hold-down, and
/// some minutes of looks.
const LASTS: Millis = Millis::from_mins(15);

/// The same for a live one: two runs of some minutes each, and the soak between them.
const LASTS_LIVE: Millis = Millis::from_mins(30);

/// How long a live one stays there: some rounds of every probe, and of the caches in between.
const SOAKS: Millis = Millis::from_mins(5);

impl Controller {
    /// What begins the game day that is asked for, or why none is begun; `None` if no application is
    /// called so. A live one stands on the dry run of its way there. Only the leader's answer counts.
    pub fn begin_drill(
        &self,
        now: Now,
        state: &State,
        ask: &DrillAsk,
        plan: Option<&Plan>,
    ) -> Option<Result<CommandBody, Vec<HoldReason>>> {
        let desk = self.desks.get(&ask.app)?;
        let app = desk.app.as_ref();
        let live = ask.mode == DrillMode::Live;
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
        let way_home = kind_of_return(app, &from);
        if live && self.runbook(app, way_home).is_none() {
            reasons.push(HoldReason::NoRunbook { kind: way_home });
        }
        if !reasons.is_empty() {
            return Some(Err(reasons));
        }
        let to = plan.filter(|_| live).map(|plan| plan.to.clone());
        let beginning = CommandBody::BeginDrill {
            id: next_id(state, &app.name),
            app: app.name.clone(),
            mode: ask.mode,
            from,
            to: to.or_else(|| ask.to.clone()),
            by: ask.by.clone(),
            reason: ask.reason.clone(),
            max_duration: ask
                .max_duration
                .unwrap_or(if live { LASTS_LIVE } else { LASTS }),
            soak: live.then(|| ask.soak.unwrap_or(SOAKS)),
        };
        let against = plan.filter(|_| live).and_then(|plan| {
            let by = ask.by.clone();
            self.against_drill(now, state, app, &beginning, plan, by)
        });
        Some(match against {
            Some(reason) => Err(vec![reason]),
            None => Ok(beginning),
        })
    }

    /// What the ledger would have against the drill, and against its way there.
    fn against_drill(
        &self,
        now: Now,
        state: &State,
        app: &Application,
        beginning: &CommandBody,
        plan: &Plan,
        name: String,
    ) -> Option<HoldReason> {
        let CommandBody::BeginDrill { id, .. } = beginning else {
            return None;
        };
        let reason = String::new();
        let opening = self.opening(app, plan.clone(), Origin::Operator { name, reason });
        // The one transition function itself, on a copy: it cannot say another thing later.
        let mut copy = state.clone();
        [
            beginning.clone(),
            live_drill::as_part_of(Some(id.clone()), opening),
        ]
        .into_iter()
        .find_map(|body| run::apply(&mut copy, &Command { at: now.wall, body }).err())
        .map(in_the_way)
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
