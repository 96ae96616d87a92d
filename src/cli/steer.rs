//! Steering a run: `approve`, `abort`, `pause`, `resume`, `retry`, `skip`.

use clap::Args;

use super::frame::{Ended, Frame, Palette, Stop, confirm, wrapped};
use super::{Exit, output};
use crate::api::wire::{Approve, Because, Done, OfStep, Run, Step};

/// `approve`, as typed.
#[derive(Debug, PartialEq, Eq, Args)]
pub struct RawApprove {
    /// The run
    run: String,
    /// The step; the one that waits, if absent
    step: Option<String>,
    /// Say no: the step is not taken
    #[arg(long)]
    decline: bool,
    /// Why
    #[arg(long, value_name = "WHY")]
    reason: Option<String>,
    /// Do it without asking to type the step
    #[arg(long)]
    yes: bool,
}

/// What needs nothing but a reason, as typed.
#[derive(Debug, PartialEq, Eq, Args)]
pub struct RawBecause {
    /// The run
    run: String,
    /// Why
    #[arg(long, value_name = "WHY")]
    reason: String,
    /// Do it without asking to type the run
    #[arg(long)]
    yes: bool,
}

/// `resume`, as typed.
#[derive(Debug, PartialEq, Eq, Args)]
pub struct RawResume {
    /// The run
    run: String,
    /// Why
    #[arg(long, value_name = "WHY")]
    reason: Option<String>,
}

/// `retry` and `skip`, as typed.
#[derive(Debug, PartialEq, Eq, Args)]
pub struct RawOfStep {
    /// The run
    run: String,
    /// The step
    step: String,
    /// Why
    #[arg(long, value_name = "WHY")]
    reason: Option<String>,
    /// Do it without asking to type the step
    #[arg(long)]
    yes: bool,
}

impl RawApprove {
    /// Approves or declines a step that waits for it.
    ///
    /// # Errors
    /// Nobody answers, the answer is no, nothing waits, or it was not confirmed.
    pub fn run(&self, frame: &Frame) -> Ended {
        let run: Run = frame.client.get(&["v1", "runs", &self.run])?;
        let step = match waiting(&run, self.step.as_deref()) {
            Ok(step) => step,
            Err((text, exit)) => {
                output::complain(text.trim_end());
                return Err(Stop::Told(exit));
            }
        };
        if !self.yes {
            confirm(&self.warning(&run, step), &step.id)?;
        }
        let done: Done = frame.client.post(
            &["v1", "runs", &self.run, "approve"],
            &Approve {
                step: step.id.clone(),
                granted: !self.decline,
                reason: self.reason.clone(),
                by: Some(frame.by.clone()),
            },
        )?;
        Ok(told(frame, &done))
    }

    fn warning(&self, run: &Run, step: &Step) -> String {
        let verb = if self.decline { "decline" } else { "approve" };
        let mut text = wrapped(
            "",
            &format!("You {verb} {} ({}) of {}:", step.id, step.uses, run.row.id),
        );
        text += &wrapped("  ", &step.goal);
        if let Some(detail) = &step.detail {
            text += &wrapped("  ", detail);
        }
        if let Some(loss) = &run.plan.data_loss {
            text += &wrapped("DATA MAY BE LOST: ", loss);
        }
        text
    }
}

/// The step that is meant.
fn waiting<'a>(run: &'a Run, named: Option<&str>) -> Result<&'a Step, (String, Exit)> {
    let waits = |step: &&Step| step.status == "awaiting_approval";
    let id = &run.row.id;
    let all: Vec<&Step> = run.progress.iter().filter(waits).collect();
    let names: Vec<&str> = all.iter().map(|step| step.id.as_str()).collect();
    match named {
        Some(name) => {
            let Some(step) = run.progress.iter().find(|step| step.id == name) else {
                return Err((
                    wrapped("error: ", &format!("{id} has no step {name}"))
                        + &wrapped("  help: ", &format!("See failoverctl show {id}.")),
                    Exit::Usage,
                ));
            };
            // The daemon refuses what does not wait, and says why.
            Ok(step)
        }
        None => match all.as_slice() {
            [step] => Ok(step),
            [] => Err((
                wrapped("error: ", &format!("no step of {id} waits for an approval"))
                    + &wrapped("  help: ", &format!("See failoverctl show {id}.")),
                Exit::Refused,
            )),
            _ => Err((
                wrapped(
                    "error: ",
                    &format!("several steps of {id} wait: {}", names.join(", ")),
                ) + &wrapped("  help: ", "Name the one that is meant."),
                Exit::Usage,
            )),
        },
    }
}

/// What is done to a whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Abort,
    Pause,
}

impl RawBecause {
    /// Aborts or pauses a run.
    ///
    /// # Errors
    /// Nobody answers, the answer is no, or it was not confirmed.
    pub fn run(&self, frame: &Frame, act: Act) -> Ended {
        let (path, warning) = match act {
            Act::Abort => (
                "abort",
                "Nothing new is begun; what is under way is waited for. Before the promotion what \
                 was changed is given back, after it nothing is.",
            ),
            Act::Pause => (
                "pause",
                "Nothing new is begun until it is resumed; what is under way comes to rest.",
            ),
        };
        if act == Act::Abort && !self.yes {
            confirm(&wrapped("", warning), &self.run)?;
        }
        because(frame, &self.run, path, Some(&self.reason))
    }
}

impl RawResume {
    /// Lets a paused run go on.
    ///
    /// # Errors
    /// Nobody answers, or the answer is no.
    pub fn run(&self, frame: &Frame) -> Ended {
        because(frame, &self.run, "resume", self.reason.as_deref())
    }
}

fn because(frame: &Frame, run: &str, act: &str, reason: Option<&str>) -> Ended {
    let done: Done = frame.client.post(
        &["v1", "runs", run, act],
        &Because {
            reason: reason.map(str::to_owned),
            by: Some(frame.by.clone()),
        },
    )?;
    Ok(told(frame, &done))
}

impl RawOfStep {
    /// Tries a step again.
    ///
    /// # Errors
    /// Nobody answers, or the answer is no.
    pub fn retry(&self, frame: &Frame) -> Ended {
        self.post(frame, "retry")
    }

    /// Leaves a step out, as if it were done.
    ///
    /// # Errors
    /// Nobody answers, the answer is no, or it was not confirmed.
    pub fn skip(&self, frame: &Frame) -> Ended {
        if !self.yes {
            let warning = wrapped(
                "",
                "What needs this step will be begun as if it were done. Look first whether it is: \
                 nobody looks for you.",
            );
            confirm(&warning, &self.step)?;
        }
        self.post(frame, "skip")
    }

    fn post(&self, frame: &Frame, act: &str) -> Ended {
        let done: Done = frame.client.post(
            &["v1", "runs", &self.run, act],
            &OfStep {
                step: self.step.clone(),
                reason: self.reason.clone(),
                by: Some(frame.by.clone()),
            },
        )?;
        Ok(told(frame, &done))
    }
}

/// Shows what came of it.
pub fn told(frame: &Frame, done: &Done) -> Exit {
    frame.show(done, Exit::Good, in_words)
}

fn in_words(done: &Done, _: Palette) -> String {
    let again = if done.changed {
        ""
    } else {
        " (It was so already.)"
    };
    wrapped("", &format!("{}{again}", done.text))
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn the_step_that_waits_needs_no_name() {
        let mut run = sample::run_needs_operator();
        assert_eq!(waiting(&run, None).expect("one").id, "promote-another-way");
        let named = waiting(&run, Some("fence-old")).expect("it is there");
        assert_eq!(named.id, "fence-old");
        let (nowhere, exit) = waiting(&run, Some("nothing")).expect_err("no such step");
        assert_eq!(exit, Exit::Usage);
        run.progress
            .push(sample::step("another", "awaiting_approval"));
        let (several, exit) = waiting(&run, None).expect_err("two");
        assert_eq!(exit, Exit::Usage);
        let (none, exit) = waiting(&sample::run_soaking(), None).expect_err("none");
        assert_eq!(exit, Exit::Refused);
        insta::assert_snapshot!("approve_errors", format!("{nowhere}\n{several}\n{none}"));
    }

    #[test]
    fn an_approval_says_what_is_approved() {
        let raw = RawApprove {
            run: "shop-4".to_owned(),
            step: None,
            decline: false,
            reason: None,
            yes: false,
        };
        let mut run = sample::run_needs_operator();
        run.plan.data_loss = Some("on the word of ada: up to 42 s of writes".to_owned());
        let step = waiting(&run, None).expect("one");
        insta::assert_snapshot!("approve_warning", raw.warning(&run, step));
    }

    #[test]
    fn a_repetition_is_told_as_one() {
        let done = |changed| Done {
            changed,
            text: "shop-4 is paused.".to_owned(),
        };
        assert_eq!(in_words(&done(true), Palette::PLAIN), "shop-4 is paused.\n");
        assert_eq!(
            in_words(&done(false), Palette::PLAIN),
            "shop-4 is paused. (It was so already.)\n"
        );
    }
}
