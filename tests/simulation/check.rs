//! The invariants of DESIGN section 11, by the world's own account.

use failoverd::model::*;
use failoverd::quorum::majority;
use failoverd::run::may_call;

use crate::aws_write::Taken;
use crate::event::Call;
use crate::product::{self, PROOF_LASTS, SERVING};
use crate::raft::Id;
use crate::world::World;

/// What clocks may differ by, over what is measured here.
const SLACK: u64 = 10;

impl World {
    /// 3. An automatic run stands on what a quorum has really seen.
    pub fn check_opening(&self, id: Id, body: &CommandBody) {
        let CommandBody::OpenRun { plan, origin, .. } = body else {
            panic!("m{id} opens a run by {body:?}");
        };
        let Origin::Quorum { tally, evidence } = origin else {
            return;
        };
        let needed = majority(u32::try_from(self.hosts.len()).expect("a few"));
        assert!(
            tally.down.len() >= needed as usize,
            "a minority opens a run: {tally:?}"
        );
        assert!(tally.dissent.is_empty(), "against dissent: {tally:?}");
        assert!(!evidence.is_empty(), "without evidence");
        let from = product::place_of(&plan.from);
        let fresh = self.application.guards.freshness.0 + SLACK;
        for member in &tally.down {
            let voter = (0..self.hosts.len())
                .find(|id| product::member(*id) == *member)
                .expect("a known member");
            assert_ne!(self.hosts[voter].home, from, "{member} votes from inside");
            let seen = self.hosts[voter].watched[from].down_at;
            assert!(
                seen.is_some_and(|at| self.now - at <= fresh),
                "{member} is said to see {} down and last did at {seen:?}",
                plan.from
            );
        }
    }

    /// 2. and 3. A write is about to leave a host.
    pub fn check_handover(&mut self, number: u64) {
        let call = self.calls[&number].clone();
        let state = &self.ghost.state;
        let age = self.now - call.asked_at;
        assert!(
            age <= PROOF_LASTS.0 + SLACK,
            "a proof {age} ms old for {} {}",
            call.run,
            call.step
        );
        let allowed = may_call(state, &call.run, &call.step, call.attempt, call.boot);
        let stood = call.allowed_at.is_some_and(|at| at >= call.asked_at);
        assert!(
            allowed.is_ok() || stood,
            "{} {} #{} is handed over: {allowed:?}",
            call.run,
            call.step,
            call.attempt
        );
        let key = (call.run.clone(), call.step.clone(), call.attempt, call.boot);
        assert!(self.ghost.handed.insert(key), "{} is sent twice", call.step);
        self.ghost.phase_is_stale = true;
        let run = &self.ghost.state.runs[&call.run];
        let planned = run.planned(&call.step).expect("a step of its run");
        assert_eq!(
            planned.intent, call.intent,
            "what is sent is what was planned"
        );
        if let Intent::AuroraPromote { method, .. } = &call.intent {
            let forced =
                *method == Promotion::FailoverWithDataLoss || call.variant == Variant::Escalated;
            assert!(
                !forced || run.plan.data_loss.is_some(),
                "nobody allowed a loss"
            );
            assert!(
                !forced || !run.plan.kind.is_graceful(),
                "a graceful run loses data"
            );
            match &run.origin {
                Origin::Quorum { tally, evidence } => {
                    let needed = majority(tally.members) as usize;
                    assert!(tally.down.len() >= needed && !evidence.is_empty());
                }
                Origin::Operator { name, .. } => assert!(!name.is_empty()),
            }
        }
    }

    /// 4. and 8. A write has been taken.
    pub fn check_landing(&mut self, call: &Call, taken: &Taken) {
        self.ghost.phase_is_stale = true;
        if *taken != Taken::Changed {
            return;
        }
        let aws = self.aws.now();
        assert!(
            (0..SERVING).any(|at| aws.carries(at)),
            "{} of {} leaves no endpoint group that carries traffic",
            call.step,
            call.run
        );
        let of_role = |role| {
            let roles = aws.records.iter().filter(|set| set.failover == Some(role));
            roles.count()
        };
        assert_eq!(of_role(FailoverRole::Primary), 1, "one PRIMARY");
        assert_eq!(of_role(FailoverRole::Secondary), 1, "one SECONDARY");
        if let Intent::ScaleNodegroup { region, .. } = &call.intent {
            let at = product::place_of(region);
            let before = self.ghost.opened[&call.run].desired[at];
            let after = aws.nodes[at].desired;
            assert!(
                after >= before,
                "{region} is scaled from {before} to {after}"
            );
        }
    }

    /// 5. The writer has moved.
    pub fn check_promotion(&self, to: usize) {
        let Some(run) = self.ghost.state.open_run(&product::app()) else {
            return;
        };
        let verified = run.in_order().any(|(step, record)| {
            matches!(step.intent, Intent::HttpCheck { .. })
                && matches!(record.status, StepStatus::Done { .. })
        });
        assert!(
            !verified || product::place_of(&run.plan.to) == to,
            "the writer moves to {to} after {} was verified",
            run.id
        );
    }

    /// 7. A run has ended: whole, or with what it changed given back.
    pub fn check_closed(&self, id: &RunId) {
        let run = &self.ghost.state.runs[id];
        match &run.status {
            RunStatus::Completed | RunStatus::Aborted { .. } => {}
            status => panic!("{id} is closed as {status:?}"),
        }
        let mut whole = run.status == RunStatus::Completed;
        for (step, record) in run.in_order() {
            let status = &record.status;
            assert!(status.is_at_rest(), "{id} is closed with {} open", step.id);
            whole &= match status {
                StepStatus::Done { .. } => true,
                StepStatus::Skipped { why } => *why == SkipReason::NotNeeded,
                _ => matches!(step.intent, Intent::HttpRequest { .. }),
            };
        }
        if !whole || !run.findings.is_empty() {
            return;
        }
        // What it says it has done is so.
        let (aws, to) = (self.aws.now(), product::place_of(&run.plan.to));
        assert_eq!(
            aws.writer, to,
            "{id} is completed, and its writer is elsewhere"
        );
        assert_eq!(
            aws.primary(),
            Some(to),
            "{id} is completed, and its name is not"
        );
        assert!(
            aws.carries(to),
            "{id} is completed, and {to} carries no traffic"
        );
    }

    /// Every reason is a code people can look up; what is left when all is at rest.
    pub fn check_the_end(&self) {
        let aws = self.aws.now();
        for host in self.hosts.iter().filter(|host| host.alive) {
            assert_eq!(host.applied, self.ghost.len(), "m{} lags", host.id);
            assert!(
                *host.state == self.ghost.state,
                "m{} has another state",
                host.id
            );
        }
        assert_eq!(aws.promoting, None, "a promotion is under way");
        let active = self.active();
        assert!(
            !self.truth.lost[active],
            "the lost Region {active} is left serving"
        );
        let last = self.ghost.state.apps.get(&product::app());
        let last = last.and_then(|app| self.ghost.state.runs.get(app.last_run.as_ref()?));
        // A person may have left the data where it was.
        let skipped = last.is_some_and(|run| {
            run.in_order().any(|(step, record)| {
                let by_hand = matches!(
                    record.status,
                    StepStatus::Skipped {
                        why: SkipReason::Operator(_)
                    }
                );
                step.intent.is_data_step() && by_hand
            })
        });
        assert!(
            skipped || aws.writer == active,
            "the application is in {active}, its writer in {}",
            aws.writer
        );
    }
}
