//! A person asks for a run.
//!
//! Invariant: every request is answered, by a run or by a reason, and none is kept for later: what
//! was right to ask for then need not be so now.

use crate::model::{Application, HoldReason, Now, RegionId, State, Verdict};

use super::desk::{Intended, Planning, decline};
use super::{Controller, Effect, RunRequest, shares};

impl Controller {
    pub(super) fn request(
        &mut self,
        now: Now,
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
            return Some(decline(request, HoldReason::run_open(run)));
        }
        if let Some(first) = desk.being_planned(now) {
            return Some(decline(request, first));
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
        let asked = (request.kind, request.from.as_ref(), request.to.as_ref());
        let (from, to) = shares::wanted(app, state, verdicts, active, asked);
        let Some(desk) = self.desks.get_mut(&app.name) else {
            return Vec::new();
        };
        desk.planning = Some(Planning::Reading {
            intended: Intended {
                kind: request.kind,
                from,
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
