//! `failoverctl failover`, `switchover`, `failback`, `shift`, `return`: shows the plan, asks, starts exactly that plan, and
//! follows it.
//!
//! ```text
//!  plan ──▶ shown ──▶ refused? exit 4
//!                 └─▶ the Region typed ──▶ run, with the hash of what was shown ──▶ follow
//! ```
//!
//! Invariant: what is started is what was shown. If the plan has changed meanwhile the daemon refuses.

use std::io::{IsTerminal, stderr};

use clap::Args;

use super::follow;
use super::frame::{Ended, Format, Frame, Palette, Stop, Tone, confirm, wrapped};
use super::{Exit, output, plan, runs};
use crate::api::wire::{MakePlan, Plan, PlanReport, RunKind, RunStarted, StartRun};

/// As typed.
#[derive(Debug, PartialEq, Eq, Args)]
pub struct RawStart {
    /// The application
    application: String,
    /// The Region to go to; chosen like an automatic run's if absent, home for a failback
    #[arg(long, value_name = "REGION")]
    to: Option<String>,
    #[command(flatten)]
    meant: Meant,
}

/// As typed.
#[derive(Debug, PartialEq, Eq, Args)]
pub struct RawShift {
    /// The application
    application: String,
    /// The Region whose share is taken away
    #[arg(long, value_name = "REGION")]
    from: String,
    #[command(flatten)]
    meant: Meant,
}

/// As typed.
#[derive(Debug, PartialEq, Eq, Args)]
pub struct RawReturn {
    /// The application
    application: String,
    /// The Region that gets its share back
    #[arg(long, value_name = "REGION")]
    to: String,
    #[command(flatten)]
    meant: Meant,
}

/// How it is meant, whatever the kind of run.
#[derive(Debug, PartialEq, Eq, Args)]
struct Meant {
    /// Why: it stands in the run and in the audit
    #[arg(long, value_name = "WHY")]
    reason: String,
    /// Only if the plan still has this hash, as `failoverctl plan` showed it
    #[arg(long, value_name = "HASH")]
    plan_hash: Option<String>,
    /// Unreplicated data may be lost
    #[arg(long)]
    allow_data_loss: bool,
    /// Do it without asking to type the Region
    #[arg(long)]
    yes: bool,
    /// Return as soon as the run is open
    #[arg(long)]
    no_follow: bool,
}

impl RawStart {
    /// Has it done, if whoever typed it means it.
    ///
    /// # Errors
    /// Nobody answers, the answer is no, or it was not confirmed.
    pub fn run(&self, frame: &Frame, kind: RunKind) -> Ended {
        let ask = self.meant.ask(kind, None, self.to.clone());
        self.meant.run(frame, &self.application, kind, &ask)
    }
}

impl RawShift {
    /// Has it done, if whoever typed it means it.
    ///
    /// # Errors
    /// Nobody answers, the answer is no, or it was not confirmed.
    pub fn run(&self, frame: &Frame) -> Ended {
        let kind = RunKind::Shift;
        let ask = self.meant.ask(kind, Some(self.from.clone()), None);
        self.meant.run(frame, &self.application, kind, &ask)
    }
}

impl RawReturn {
    /// Has it done, if whoever typed it means it.
    ///
    /// # Errors
    /// Nobody answers, the answer is no, or it was not confirmed.
    pub fn run(&self, frame: &Frame) -> Ended {
        let kind = RunKind::Return;
        let ask = self.meant.ask(kind, None, Some(self.to.clone()));
        self.meant.run(frame, &self.application, kind, &ask)
    }
}

impl Meant {
    fn ask(&self, kind: RunKind, from: Option<String>, to: Option<String>) -> MakePlan {
        MakePlan {
            kind: Some(kind),
            from,
            to,
            allow_data_loss: self.allow_data_loss,
        }
    }

    fn run(&self, frame: &Frame, application: &str, kind: RunKind, ask: &MakePlan) -> Ended {
        let report = plan::make(frame, application, ask)?;
        let palette = Palette::new(frame.colours(stderr().is_terminal()));
        output::complain(plan::render(&report, palette).trim_end());
        let Some(plan) = report.plan.as_ref().filter(|_| report.would_start) else {
            return Err(Stop::Told(Exit::Refused));
        };
        self.same(plan)?;
        if !self.yes {
            let warning = palette.paint_lines(
                if self.allow_data_loss {
                    Tone::Bad
                } else {
                    Tone::Strong
                },
                &self.warning(&report, plan),
            );
            confirm(&format!("\n{warning}"), moved(plan))?;
        }
        let started: RunStarted = frame.client.post(
            &["v1", "applications", application, "runs"],
            &StartRun {
                kind,
                from: ask.from.clone(),
                to: Some(plan.to.clone()),
                reason: self.reason.clone(),
                plan_hash: Some(plan.hash.clone()),
                allow_data_loss: self.allow_data_loss,
                by: Some(frame.by.clone()),
            },
        )?;
        if self.no_follow || frame.output != Format::Table {
            let opened = frame.show(&started, Exit::Good, |started, _| opened(started));
            if self.no_follow {
                return Ok(opened);
            }
        }
        follow::until_executed(frame, &started.run)
    }

    /// The plan that was looked at earlier is the plan that would be followed now.
    fn same(&self, plan: &Plan) -> Result<(), Stop> {
        match &self.plan_hash {
            Some(hash) if *hash != plan.hash => {
                let text = wrapped(
                    "error: ",
                    "the plan has changed since it was looked at; nothing was done",
                ) + &wrapped(
                    "  help: ",
                    "Look at it above, and give its hash if it is still meant.",
                );
                output::complain(text.trim_end());
                Err(Stop::Told(Exit::Refused))
            }
            _ => Ok(()),
        }
    }

    fn warning(&self, report: &PlanReport, plan: &Plan) -> String {
        let mut text = String::new();
        if self.allow_data_loss {
            text += &wrapped(
                "DATA MAY BE LOST: ",
                &format!(
                    "{}. What {} has not replicated is gone.",
                    plan::lag(report),
                    plan.from
                ),
            );
        }
        let application = &plan.application;
        let what = match plan.kind {
            RunKind::Shift => format!(
                "This shift takes the share of {} in {application} away.",
                plan.from
            ),
            RunKind::Return => format!(
                "This return gives {} its share of {application} back.",
                plan.to
            ),
            RunKind::Failover | RunKind::Switchover | RunKind::Failback => format!(
                "This {} moves {application} from {} to {}.",
                runs::kind(plan.kind),
                plan.from,
                plan.to
            ),
        };
        text + &wrapped("", &what)
    }
}

/// The Region that whoever means it types: of a shift the one that loses its share.
fn moved(plan: &Plan) -> &str {
    match plan.kind {
        RunKind::Shift => &plan.from,
        RunKind::Failover | RunKind::Switchover | RunKind::Failback | RunKind::Return => &plan.to,
    }
}

fn opened(started: &RunStarted) -> String {
    format!(
        "{} is open.\nTo see how it goes: failoverctl follow {}\n",
        started.run, started.run
    )
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn raw(allow_data_loss: bool, plan_hash: Option<&str>) -> Meant {
        Meant {
            reason: "it burns".to_owned(),
            plan_hash: plan_hash.map(str::to_owned),
            allow_data_loss,
            yes: false,
            no_follow: false,
        }
    }

    #[test]
    fn a_loss_of_data_is_said_with_the_last_known_lag_and_its_age() {
        let report = sample::plan_report(Vec::new());
        let mut text = raw(true, None).warning(&report, &sample::plan());
        text += &raw(false, None).warning(&report, &sample::plan());
        let unknown = PlanReport {
            lag: None,
            ..report
        };
        text += &raw(true, None).warning(&unknown, &sample::plan());
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        insta::assert_snapshot!("start_warnings", text);
    }

    #[test]
    fn another_hash_than_the_plans_is_refused() {
        let plan = sample::plan();
        assert!(raw(false, None).same(&plan).is_ok());
        assert!(raw(false, Some(&plan.hash)).same(&plan).is_ok());
        let refused = raw(false, Some("0")).same(&plan);
        assert!(matches!(refused, Err(Stop::Told(Exit::Refused))));
    }
}
