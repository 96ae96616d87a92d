//! A small plan with every sort of step, and the commands that move it.

use crate::model::*;
use crate::run::apply;

pub const BOOT: BootId = BootId(7);
pub const OTHER_BOOT: BootId = BootId(8);

pub fn region(name: &str) -> RegionId {
    RegionId::from(name)
}

pub fn dial(side: &str, percent: u8) -> Intent {
    Intent::Dial {
        region: region(side),
        endpoint_group_arn: format!("arn:group/{side}"),
        percent,
    }
}

pub fn promote(escalate_after: Option<Millis>) -> Intent {
    Intent::AuroraPromote {
        global_cluster: "shop".to_owned(),
        target_arn: "arn:cluster/b".to_owned(),
        target_region: region("b"),
        source_region: region("a"),
        method: if escalate_after.is_some() {
            Promotion::Switchover
        } else {
            Promotion::FailoverWithDataLoss
        },
        escalate_after,
    }
}

pub fn step(id: &str, intent: Intent, needs: &[&str]) -> PlannedStep {
    PlannedStep {
        id: StepId::from(id),
        intent,
        needs: needs.iter().map(|need| StepId::from(*need)).collect(),
        timeout: Millis::from_mins(5),
        on_failure: OnFailure::Hold,
        or_else: None,
        stands_in_for: None,
        best_effort: false,
        restore: None,
        before: None,
    }
}

/// promote ∥ raise (dial, with an inverse) → flip, which may be stood in for by `other`.
pub fn plan(app: &str, epoch: u64) -> Plan {
    let mut raise = step("raise", dial("b", 100), &[]);
    raise.restore = Some(dial("b", 0));
    let mut flip = step("flip", dial("c", 100), &["promote", "raise"]);
    flip.or_else = Some(StepId::from("other"));
    let mut other = step("other", dial("d", 100), &["promote", "raise"]);
    other.stands_in_for = Some(StepId::from("flip"));
    Plan {
        carriers: Vec::new(),
        application: AppId::from(app),
        kind: RunKind::Failover,
        from: region("a"),
        to: region("b"),
        runbook: "test".to_owned(),
        objective: Objective {
            rto: Millis::from_mins(5),
            rpo: Millis::from_secs(10),
        },
        config: ConfigHash::from("c"),
        epoch: Epoch(epoch),
        steps: vec![step("promote", promote(None), &[]), raise, flip, other],
        notes: Vec::new(),
        data_loss: None,
        made_at: Wall(0),
        hash: PlanHash(format!("{app}-{epoch}")),
    }
}

pub fn limits() -> RunLimits {
    RunLimits {
        cool_down: Millis::from_mins(60),
        brake: 2,
        quarantine: true,
        soak: Millis::from_mins(15),
        data_loss_approval: DataLossApproval::default(),
    }
}

pub fn automatic() -> Origin {
    Origin::Quorum {
        tally: Tally::default(),
        evidence: Vec::new(),
    }
}

pub fn operator() -> Origin {
    Origin::Operator {
        name: "ada".to_owned(),
        reason: "game day".to_owned(),
    }
}

/// A state with its commands applied one after the other.
#[derive(Debug, Default, Clone)]
pub struct World {
    pub state: State,
    pub at: Wall,
}

impl World {
    /// With one open run of `plan`.
    pub fn with(plan: Plan) -> Self {
        let mut world = Self::default();
        world.open(plan, operator()).unwrap();
        world
    }

    pub fn send(&mut self, body: CommandBody) -> Result<Event, Rejection> {
        self.at = self.at + Millis(1_000);
        let before = self.state.clone();
        let result = apply(&mut self.state, &Command { at: self.at, body });
        if result.is_err() {
            assert_eq!(before, self.state, "a rejection changed the state");
        }
        result
    }

    pub fn open(&mut self, plan: Plan, origin: Origin) -> Result<Event, Rejection> {
        self.send(CommandBody::OpenRun {
            plan: Box::new(plan),
            origin,
            limits: limits(),
        })
    }

    pub fn run(&self) -> &Run {
        self.state.runs.values().next_back().unwrap()
    }

    pub fn status(&self, step: &str) -> StepStatus {
        self.run().steps[&StepId::from(step)].status.clone()
    }

    pub fn attempts(&self, step: &str) -> u32 {
        self.run().steps[&StepId::from(step)].attempts
    }

    pub fn intend(&mut self, step: &str, boot: BootId) -> Result<Event, Rejection> {
        self.intend_as(step, boot, Variant::AsPlanned)
    }

    pub fn intend_as(
        &mut self,
        step: &str,
        boot: BootId,
        variant: Variant,
    ) -> Result<Event, Rejection> {
        let attempt = self.attempts(step) + 1;
        let (run, epoch) = (self.run().id.clone(), self.run().epoch);
        self.send(CommandBody::StepIntent {
            run,
            step: StepId::from(step),
            attempt,
            member: MemberId::from("m"),
            boot,
            epoch,
            variant,
            before: None,
        })
    }

    pub fn outcome(&mut self, step: &str, outcome: Outcome) -> Result<Event, Rejection> {
        let attempt = self.attempts(step);
        let run = self.run().id.clone();
        self.send(CommandBody::StepOutcome {
            run,
            step: StepId::from(step),
            attempt,
            outcome,
            after: None,
        })
    }

    pub fn done(&mut self, step: &str) -> Result<Event, Rejection> {
        self.outcome(step, Outcome::Done { partly: false })
    }

    pub fn fail(&mut self, step: &str) -> Result<Event, Rejection> {
        self.outcome(step, Outcome::Failed { failure: failure() })
    }

    pub fn unknown(&mut self, step: &str) -> Result<Event, Rejection> {
        self.outcome(
            step,
            Outcome::Unknown {
                why: "timeout".to_owned(),
            },
        )
    }

    pub fn not_sent(&mut self, step: &str) -> Result<Event, Rejection> {
        self.outcome(
            step,
            Outcome::NotSent {
                why: "proof lapsed".to_owned(),
            },
        )
    }

    pub fn approve(&mut self, step: &str, granted: bool) -> Result<Event, Rejection> {
        let run = self.run().id.clone();
        self.send(CommandBody::Approve {
            run,
            step: StepId::from(step),
            by: "ada".to_owned(),
            granted,
            reason: None,
        })
    }

    pub fn skip(&mut self, step: &str) -> Result<Event, Rejection> {
        let run = self.run().id.clone();
        self.send(CommandBody::SkipStep {
            run,
            step: StepId::from(step),
            by: "ada".to_owned(),
            reason: None,
        })
    }

    pub fn retry(&mut self, step: &str) -> Result<Event, Rejection> {
        let run = self.run().id.clone();
        self.send(CommandBody::RetryStep {
            run,
            step: StepId::from(step),
            by: "ada".to_owned(),
            reason: None,
        })
    }

    pub fn abort(&mut self) -> Result<Event, Rejection> {
        let run = self.run().id.clone();
        self.send(CommandBody::Abort {
            run,
            by: "ada".to_owned(),
            reason: "changed my mind".to_owned(),
        })
    }

    pub fn close(&mut self) -> Result<Event, Rejection> {
        let run = self.run().id.clone();
        self.send(CommandBody::CloseRun { run })
    }
}

pub fn failure() -> Failure {
    Failure::Refused {
        code: "ValidationError".to_owned(),
        message: "no".to_owned(),
    }
}
