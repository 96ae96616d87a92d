//! What may befall a controller, its ledger and its Regions.

use super::*;

/// What happens, and how long nothing else does.
#[derive(Clone, Debug)]
pub(super) enum Happening {
    Lose(&'static str),
    Regain,
    Cut(&'static str),
    Mend,
    Leads(bool),
    Ledger(Hearing),
    ReadsTake(Millis),
    Restart,
    Tilt(&'static str),
    PauseAutomation,
    ResumeAutomation,
    Request(RunKind, Option<&'static str>),
    Abort,
    PauseRun,
    ResumeRun,
    Retry(&'static str),
    Skip(&'static str),
    Acknowledge,
    Rejoin(&'static str),
}

impl Scene {
    /// A person's word, as the API would pass it on; a refusal is an answer.
    pub(super) fn say(&mut self, body: CommandBody) {
        let _ = self.commit(body);
    }

    pub(super) fn happen(&mut self, happening: Happening) {
        let by = "ada".to_owned();
        let reason = by.clone();
        let open = self.open_run().map(|run| run.id.clone());
        match (happening, open) {
            (Happening::Lose(region), _) => self.lose(region),
            (Happening::Regain, _) => self.down.clear(),
            (Happening::Cut(member), _) => {
                self.cut.insert(member.into());
            }
            (Happening::Mend, _) => self.cut.clear(),
            (Happening::Leads(leads), _) => self.leads = leads,
            (Happening::Ledger(hearing), _) => self.hearing = hearing,
            (Happening::ReadsTake(length), _) => self.read_takes = length,
            (Happening::Restart, _) => self.restart(),
            (Happening::Tilt(member), _) => self.step(Input::Tilt {
                member: member.into(),
            }),
            (Happening::PauseAutomation, _) => self.say(CommandBody::PauseAutomation {
                app: None,
                by,
                reason,
                until: None,
            }),
            (Happening::ResumeAutomation, _) => {
                self.say(CommandBody::ResumeAutomation { app: None, by });
            }
            (Happening::Request(kind, to), _) => {
                self.request(kind, to.map(RegionId::from));
            }
            (Happening::Acknowledge, _) => self.say(CommandBody::Acknowledge {
                app: Self::app(),
                by,
            }),
            (Happening::Rejoin(region), _) => self.say(CommandBody::Rejoin {
                app: Self::app(),
                region: region.into(),
                by,
            }),
            (Happening::Abort, Some(run)) => self.say(CommandBody::Abort { run, by, reason }),
            (Happening::PauseRun, Some(run)) => {
                self.say(CommandBody::PauseRun { run, by, reason });
            }
            (Happening::ResumeRun, Some(run)) => self.say(CommandBody::ResumeRun { run, by }),
            (Happening::Retry(step), Some(run)) => {
                let step = step.into();
                self.say(CommandBody::RetryStep {
                    run,
                    step,
                    by,
                    reason: None,
                });
            }
            (Happening::Skip(step), Some(run)) => {
                let step = step.into();
                self.say(CommandBody::SkipStep {
                    run,
                    step,
                    by,
                    reason: None,
                });
            }
            (
                Happening::Abort
                | Happening::PauseRun
                | Happening::ResumeRun
                | Happening::Retry(_)
                | Happening::Skip(_),
                None,
            ) => {}
        }
    }

    /// Everything but the lost Regions.
    pub(super) fn heal(&mut self) {
        self.cut.clear();
        self.leads = true;
        self.hearing = Hearing::Fine;
        self.read_takes = Millis::ZERO;
        self.happen(Happening::ResumeAutomation);
        self.happen(Happening::ResumeRun);
    }
}
