//! What a person does in a drill, through the members as any person would.

use crate::controller::{DrillAsk, RequestId, RunRequest};
use crate::daemon::EvacuationAsk;
use crate::drill::scenario::{OperatorAct, Place};
use crate::drill::stage::DrillError;
use crate::model::{
    CommandBody, DrillCause, DrillId, DrillMode, Millis, RegionId, RunId, RunKind, Wall,
};

use super::{Director, PERSON, newest};

/// How often a person asks for a live drill, and how long they wait in between.
const ASKED_AGAIN: u32 = 10;
const ASKS_AGAIN: Millis = Millis::from_secs(5);

impl Director<'_> {
    /// Does it.
    pub(super) async fn operate(&mut self, act: &OperatorAct, now: Wall) -> Result<(), DrillError> {
        let by = PERSON.to_owned();
        let reason = self.scenario.title.clone();
        let run = newest(&self.seen.runs).map(|run| run.id.clone());
        let request = |kind, to: &Place, allow_data_loss| RunRequest {
            from: None,
            app: self.app.clone(),
            kind,
            to: Some(self.stage.places.region(to).clone()),
            by: by.clone(),
            reason: reason.clone(),
            allow_data_loss,
            plan_hash: None,
            id: RequestId::default(),
            evacuation: None,
            drill: None,
        };
        match act {
            OperatorAct::Failover {
                to,
                allow_data_loss,
            } => {
                let wanted = request(RunKind::Failover, to, *allow_data_loss);
                self.ask(wanted, now).await;
                return Ok(());
            }
            OperatorAct::Switchover { to } => {
                self.ask(request(RunKind::Switchover, to, false), now).await;
                return Ok(());
            }
            OperatorAct::Failback { to } => {
                self.ask(request(RunKind::Failback, to, false), now).await;
                return Ok(());
            }
            OperatorAct::Shift { from } => {
                let wanted = RunRequest {
                    from: Some(self.stage.places.region(from).clone()),
                    to: None,
                    ..request(RunKind::Shift, from, false)
                };
                self.ask(wanted, now).await;
                return Ok(());
            }
            OperatorAct::Return { to } => {
                self.ask(request(RunKind::Return, to, false), now).await;
                return Ok(());
            }
            OperatorAct::Evacuate { region, parallel } => {
                let ask = EvacuationAsk {
                    region: self.stage.places.region(region).clone(),
                    by,
                    reason,
                    parallel: Some(*parallel),
                    allow_data_loss: false,
                };
                self.evacuate(&ask, now).await;
                return Ok(());
            }
            OperatorAct::BreakGlass { to } => {
                let to = self.stage.places.region(to).clone();
                return self.break_glass(to, reason, now).await;
            }
            OperatorAct::LiveDrill { to, soak_s } => {
                let to = self.stage.places.region(to).clone();
                self.drill_live(to, Millis::from_secs(*soak_s), now).await;
                return Ok(());
            }
            OperatorAct::LedgerBackup {} => {
                self.ledger_backup(now);
                return Ok(());
            }
            OperatorAct::LedgerRestore { on } => {
                let on = self.stage.places.region(on).clone();
                return self.ledger_restore(&on, now).await;
            }
            OperatorAct::Approve { .. }
            | OperatorAct::StopDrill {}
            | OperatorAct::Decline { .. }
            | OperatorAct::ResumeAutomation {}
            | OperatorAct::Abort { .. }
            | OperatorAct::Pause { .. }
            | OperatorAct::Resume {}
            | OperatorAct::Retry { .. }
            | OperatorAct::Skip { .. }
            | OperatorAct::Ack {}
            | OperatorAct::Rejoin { .. } => {}
        }
        let body = self.command(act, run, by)?;
        match self.stage.cast.command(body).await {
            Ok(Ok(_)) => {}
            Ok(Err(rejection)) => self.note(now, &format!("refused: {rejection}")),
            Err(error) => self.note(now, &format!("no answer: {error}")),
        }
        Ok(())
    }

    /// A person who has looked at the plan and typed the Region. A live drill begins on a calm moment
    /// only, and on a host that is late a probe stumbles now and then: then they ask once more.
    async fn drill_live(&self, to: RegionId, soak: Millis, now: Wall) {
        let ask = DrillAsk {
            app: self.app.clone(),
            mode: DrillMode::Live,
            to: Some(to),
            by: PERSON.to_owned(),
            reason: self.scenario.title.clone(),
            max_duration: None,
            soak: Some(soak),
        };
        for _ in 0..ASKED_AGAIN {
            match self.stage.cast.begin_drill(ask.clone()).await {
                Ok(Ok(drill)) => return self.note(now, &format!("{drill} has begun")),
                Ok(Err(refused)) => self.note(now, &format!("refused: {refused}")),
                Err(error) => self.note(now, &format!("no answer: {error}")),
            }
            // Should it have begun all the same: a second one is not begun beside it.
            self.stage.clock.sleep(ASKS_AGAIN).await;
        }
    }

    /// One word for all of them.
    async fn evacuate(&self, ask: &EvacuationAsk, now: Wall) {
        let text = match self.stage.cast.evacuate(ask).await {
            Ok(Ok(begun)) => {
                let waves = begun.applications.values().map(|evacuee| evacuee.wave);
                format!(
                    "evacuation {} of {} applications in {} waves",
                    begun.id,
                    begun.applications.len(),
                    waves.max().unwrap_or(0)
                )
            }
            Ok(Err(rejection)) => format!("refused: {rejection}"),
            Err(error) => format!("no answer: {error}"),
        };
        self.note(now, &text);
    }

    /// A person who is not answered reads on the board what came of it, as everybody does.
    async fn ask(&self, wanted: RunRequest, now: Wall) {
        if let Err(error) = self.stage.cast.request(wanted).await {
            self.note(now, &format!("no answer: {error}"));
        }
    }

    fn open_drill(&self) -> Result<DrillId, DrillError> {
        let open = self.state.open_drill(&self.app);
        let missing = || DrillError::Scenario {
            why: "no live drill is under way".to_owned(),
        };
        open.map(|drill| drill.id.clone()).ok_or_else(missing)
    }

    fn command(
        &self,
        act: &OperatorAct,
        run: Option<RunId>,
        by: String,
    ) -> Result<CommandBody, DrillError> {
        let of_run = || {
            run.clone().ok_or_else(|| DrillError::Scenario {
                why: format!("`{act}` needs a run, and there is none"),
            })
        };
        Ok(match act {
            OperatorAct::Approve { step } | OperatorAct::Decline { step } => CommandBody::Approve {
                run: of_run()?,
                step: step.clone(),
                by,
                granted: matches!(act, OperatorAct::Approve { .. }),
                reason: None,
            },
            OperatorAct::Abort { reason } => CommandBody::Abort {
                run: of_run()?,
                by,
                reason: reason.clone(),
            },
            OperatorAct::Pause { reason } => CommandBody::PauseRun {
                run: of_run()?,
                by,
                reason: reason.clone(),
            },
            OperatorAct::Resume {} => CommandBody::ResumeRun { run: of_run()?, by },
            OperatorAct::Retry { step } => CommandBody::RetryStep {
                run: of_run()?,
                step: step.clone(),
                by,
                reason: None,
            },
            OperatorAct::Skip { step } => CommandBody::SkipStep {
                run: of_run()?,
                step: step.clone(),
                by,
                reason: None,
            },
            OperatorAct::Ack {} => CommandBody::Acknowledge {
                app: self.app.clone(),
                by,
            },
            OperatorAct::ResumeAutomation {} => CommandBody::ResumeAutomation { app: None, by },
            OperatorAct::Rejoin { region } => CommandBody::Rejoin {
                app: self.app.clone(),
                region: self.stage.places.region(region).clone(),
                by,
            },
            OperatorAct::StopDrill {} => CommandBody::MoveDrill {
                id: self.open_drill()?,
                cause: DrillCause::Operator,
                why: format!("{by} stopped it"),
            },
            OperatorAct::Failover { .. }
            | OperatorAct::Switchover { .. }
            | OperatorAct::LiveDrill { .. }
            | OperatorAct::BreakGlass { .. }
            | OperatorAct::LedgerBackup {}
            | OperatorAct::LedgerRestore { .. }
            | OperatorAct::Failback { .. }
            | OperatorAct::Shift { .. }
            | OperatorAct::Return { .. }
            | OperatorAct::Evacuate { .. } => {
                return Err(DrillError::Scenario {
                    why: format!("`{act}` is a request, not a command"),
                });
            }
        })
    }
}
