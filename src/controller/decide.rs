//! From the votes of this moment to a decision, and from a decision to a plan.

use crate::model::{
    Application, DataLossApproval, DataLossGrant, Decision, Epoch, GuardVerdict, HoldReason, Now,
    Origin, Plan, RegionId, RunKind, State, Traffic, Verdict,
};
use crate::quorum::{self, GuardContext, GuardOrigin, Verdicts};
use crate::runbook::{PlanRequest, plan};

use super::{Controller, Intended};

impl Controller {
    /// The verdict on every Region of the application as of now.
    pub(super) fn judge(&mut self, now: Now, app: &Application) -> Vec<Verdict> {
        let mut verdicts = std::mem::take(&mut self.verdicts);
        let judged = self.judge_into(&mut verdicts, now, app);
        self.verdicts = verdicts;
        judged
    }

    /// The same into other verdicts: a look that leaves no trace takes a copy.
    pub(super) fn judge_into(
        &self,
        verdicts: &mut Verdicts,
        now: Now,
        app: &Application,
    ) -> Vec<Verdict> {
        let members = &self.setup.members;
        app.regions
            .iter()
            .map(|region| {
                let judgement = quorum::judge(now.mono, &self.matrix, members, app, &region.name);
                verdicts
                    .observe(now.mono, &app.name, app.guards.freshness, judgement)
                    .clone()
            })
            .collect()
    }

    pub(super) fn decide(
        &self,
        now: Now,
        state: &State,
        app: &Application,
        verdicts: &[Verdict],
        intended: &Intended,
    ) -> (Vec<GuardVerdict>, Decision) {
        let context = self.guard_context(now, state, app, verdicts, intended);
        let guards = quorum::evaluate(&context);
        // Whatever the guards say of it: what stands outside is not what this ledger knows.
        if let Some(epoch) = state.overtaken_by(&app.name) {
            let ours = state.apps.get(&app.name).map_or(Epoch(0), |a| a.epoch);
            let reason = HoldReason::Overtaken { epoch, ours };
            return (guards, Decision::Hold(vec![reason]));
        }
        let decision = quorum::decide(&guards, &intended.from, intended.to.as_ref());
        (guards, decision)
    }

    pub(super) fn guard_context<'a>(
        &'a self,
        now: Now,
        state: &'a State,
        app: &'a Application,
        verdicts: &'a [Verdict],
        intended: &'a Intended,
    ) -> GuardContext<'a> {
        let origin = match &intended.request {
            Some(request) => GuardOrigin::Operator {
                name: request.by.clone(),
                allow_data_loss: request.allow_data_loss,
            },
            None => GuardOrigin::Automatic,
        };
        let mut touches = self.touches(app, intended.kind);
        // The plan leaves the promotion out where the writer goes on serving: nothing can be lost.
        let writer = state.serves_from(&app.name, &app.home);
        if intended.kind == RunKind::Shift && writer != &intended.from {
            touches.database = false;
        }
        GuardContext {
            now,
            started_at: self.started_at,
            app,
            members: &self.setup.members,
            matrix: &self.matrix,
            verdicts,
            state,
            ledger_fault: None,
            kind: intended.kind,
            from: &intended.from,
            windows: &self.setup.windows,
            to: intended.to.as_ref(),
            origin,
            touches,
            readiness: self
                .desks
                .get(&app.name)
                .and_then(|desk| desk.readiness.as_deref()),
        }
    }

    pub(super) fn make_plan(
        &self,
        now: Now,
        state: &State,
        app: &Application,
        verdicts: &[Verdict],
        intended: &Intended,
        traffic: Option<&Traffic>,
    ) -> Result<Plan, HoldReason> {
        let kind = intended.kind;
        let ours = state.apps.get(&app.name).map_or(Epoch(0), |a| a.epoch);
        let outside = match traffic {
            Some(traffic) => {
                let outside = traffic.epoch_of(&app.name);
                outside.filter(|epoch| state.is_anothers(&app.name, *epoch))
            }
            None => state.overtaken_by(&app.name),
        };
        if let Some(epoch) = outside {
            return Err(HoldReason::Overtaken { epoch, ours });
        }
        let runbook = self
            .runbook(app, kind)
            .ok_or(HoldReason::NoRunbook { kind })?;
        let to = intended.to.as_ref().ok_or(HoldReason::NoCandidate)?;
        let context = self.guard_context(now, state, app, verdicts, intended);
        let moved = match kind {
            RunKind::Return => Some(to),
            RunKind::Shift => Some(&intended.from),
            RunKind::Failover | RunKind::Switchover | RunKind::Failback => None,
        };
        let carriers: Vec<RegionId> = moved
            .into_iter()
            .flat_map(|moved| quorum::candidates(app, state, verdicts, moved))
            .cloned()
            .collect();
        plan(&PlanRequest {
            carriers: &carriers,
            app,
            runbook,
            kind,
            from: &intended.from,
            to,
            state,
            fresh: traffic.map(|traffic| (traffic, now.wall)),
            epoch: ours.next(),
            data_loss: self.grant(&context),
            now: now.wall,
        })
    }

    /// On whose word the run may lose data. Where another person's is wanted, that of whoever asks
    /// only makes the plan; the data step then waits.
    fn grant(&self, context: &GuardContext<'_>) -> Option<DataLossGrant> {
        let grant = quorum::data_loss_grant(context)?;
        Some(match (grant, self.setup.data_loss_approval) {
            (DataLossGrant::Operator(name), DataLossApproval::OtherPerson) => {
                DataLossGrant::AskedBy(name)
            }
            (
                grant @ (DataLossGrant::Operator(_)
                | DataLossGrant::AskedBy(_)
                | DataLossGrant::WithinRpo { .. }),
                DataLossApproval::Anyone | DataLossApproval::OtherPerson,
            ) => grant,
        })
    }

    pub(super) fn quorum_origin(
        &self,
        app: &Application,
        verdicts: &[Verdict],
        from: &RegionId,
    ) -> Origin {
        let tally = verdicts
            .iter()
            .find(|v| &v.region == from)
            .map(|v| v.tally.clone())
            .unwrap_or_default();
        let evidence = tally
            .down
            .iter()
            .filter_map(|member| self.matrix.vote(member, &app.name, from))
            .flat_map(|held| {
                held.vote.probes.iter().map(|probe| {
                    let failure = probe.last_failure.as_deref().unwrap_or("no failure");
                    format!(
                        "{}: {failure}, {} in a row",
                        probe.probe, probe.failures_in_row
                    )
                })
            })
            .collect();
        Origin::Quorum { tally, evidence }
    }
}
