//! A person asks for a run.
//!
//! Invariant: every request is answered, by a run or by a reason, and none is kept for later: what
//! was right to ask for then need not be so now.

use crate::model::{Application, HoldReason, Now, RegionId, RunKind, State, Verdict};
use crate::quorum;

use super::desk::{Intended, Planning, decline};
use super::{Controller, Effect, RunRequest};

impl Controller {
    pub(super) fn request(
        &mut self,
        state: &State,
        leads: bool,
        request: RunRequest,
    ) -> Option<Effect> {
        if !leads {
            return Some(decline(request, HoldReason::NotLeader));
        }
        let impossible = |why| HoldReason::PlanImpossible { step: None, why };
        let Some(desk) = self.desks.get_mut(&request.app) else {
            let why = format!("no application is called {}", request.app);
            return Some(decline(request, impossible(why)));
        };
        if let Some(run) = state.open_run(&request.app) {
            let run = run.id.clone();
            return Some(decline(request, HoldReason::RunOpen { run }));
        }
        let planned = desk.planning.as_ref().and_then(Planning::request);
        if let Some(other) = desk.request.as_ref().or(planned) {
            let why = format!("the run that {} asked for is being planned", other.by);
            return Some(decline(request, impossible(why)));
        }
        desk.refused = None;
        desk.request = Some(request);
        None
    }

    pub(super) fn begin_requested(
        &mut self,
        now: Now,
        state: &State,
        app: &Application,
        verdicts: &[Verdict],
        active: &RegionId,
        request: RunRequest,
    ) -> Vec<Effect> {
        let home = (request.kind == RunKind::Failback).then(|| app.home.clone());
        let to = request
            .to
            .clone()
            .or(home)
            .or_else(|| quorum::choose_target(app, state, verdicts, active));
        let Some(desk) = self.desks.get_mut(&app.name) else {
            return Vec::new();
        };
        desk.planning = Some(Planning::Reading {
            intended: Intended {
                kind: request.kind,
                from: active.clone(),
                to,
                request: Some(request),
            },
            since: now.mono,
        });
        vec![Effect::ReadTraffic {
            app: app.name.clone(),
        }]
    }
}
