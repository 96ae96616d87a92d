//! `failoverctl drill APPLICATION`: a game day on the live cluster. Without an application the drill is
//! played in an emulated world, and that is another file's affair.
//!
//! ```text
//!  begun ──▶ asked again every second ──▶ over ──▶ clocks beside the last time's, checks, steps
//!    ▲
//!    └─ live: the plan of the way there is shown, and the Region is typed
//! ```

use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::frame::{
    Cell, ClientError, Ended, Frame, Palette, Stop, Table, Tone, confirm, moment, or_dash, wrapped,
};
use super::why::reason_lines;
use super::{Exit, output, plan, steer};
use crate::api::wire::{
    Because, Done, Drill, DrillClocks, DrillMode, MakePlan, Page, PreviousDrill, RehearsedStep,
    Run, RunKind, StartDrill,
};
use crate::drill::report::{self, RemoteReport};
use crate::drill::scenario::SHIPPED;
use crate::model::Millis;

/// Between two questions.
const PAUSE: Duration = Duration::from_secs(1);

/// So many questions in a row without an answer end it: some minutes, longer than any election.
const PATIENCE: u32 = 240;

/// What is said of the emulated world, and not of a live one.
pub const SANDBOX: [&str; 5] = ["scenario", "speed", "seed", "json", "runbook"];

/// As typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct RawGameDay {
    /// The Region to go to; chosen like an automatic run's if absent
    #[arg(long, value_name = "REGION", requires = "application", conflicts_with_all = SANDBOX)]
    to: Option<String>,
    /// Why: it stands in the drill and in the audit
    #[arg(long, value_name = "WHY", requires = "application", conflicts_with_all = SANDBOX)]
    reason: Option<String>,
    /// After so long it is ended: 90s, 15m, 2h
    #[arg(long, value_name = "LENGTH", requires = "application", conflicts_with_all = SANDBOX, value_parser = length)]
    max_duration: Option<u64>,
    /// Move the application there and back in earnest, instead of on paper
    #[arg(long, requires = "application", conflicts_with_all = SANDBOX)]
    live: bool,
    /// Live: how long it stays there: 90s, 5m
    #[arg(long, value_name = "LENGTH", requires = "live", value_parser = length)]
    soak: Option<u64>,
    /// Live: do it without asking to type the Region
    #[arg(long, requires = "live")]
    yes: bool,
    /// End the drill that is under way instead; a live one goes home first
    #[arg(long, alias = "abort", requires = "application", conflicts_with_all = SANDBOX, conflicts_with_all = ["to", "live"])]
    stop: bool,
    /// Return as soon as it has begun
    #[arg(long, requires = "application", conflicts_with_all = SANDBOX)]
    no_follow: bool,
}

/// One game day, of that application.
#[derive(Debug, PartialEq, Eq)]
pub struct GameDay {
    pub application: String,
    pub typed: RawGameDay,
    /// Where its report is written, if anywhere.
    pub out: Option<PathBuf>,
}

/// So many milliseconds.
fn length(text: &str) -> Result<u64, String> {
    let split = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(split.unwrap_or(text.len()));
    let unit = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err("give it as 90s, 15m or 2h".to_owned()),
    };
    match number.parse::<u32>() {
        Ok(number) if number > 0 => Ok(u64::from(number) * unit),
        Ok(_) | Err(_) => Err("give it as 90s, 15m or 2h".to_owned()),
    }
}

impl GameDay {
    /// Has it done, and shows what came of it.
    ///
    /// # Errors
    /// Nobody answers, the answer is no, or it was not confirmed.
    pub fn run(&self, frame: &Frame) -> Ended {
        if self.typed.stop {
            return self.stop(frame);
        }
        let Some(reason) = self.typed.reason.clone() else {
            let name = &self.application;
            if SHIPPED.iter().any(|(scenario, _)| scenario == name) {
                return Err(usage(
                    &format!("{name} is a scenario, and here stands an application"),
                    &format!("Play it with `failoverctl drill --scenario {name}`."),
                ));
            }
            return Err(usage(
                "--reason is missing",
                "Say why: it stands in the drill.",
            ));
        };
        let (mode, to) = if self.typed.live {
            (DrillMode::Live, Some(self.way_there(frame)?))
        } else {
            (DrillMode::Rehearse, self.typed.to.clone())
        };
        let begun: Drill = frame.client.post(
            &["v1", "applications", &self.application, "drills"],
            &StartDrill {
                mode,
                to,
                reason,
                max_duration_ms: self.typed.max_duration,
                soak_ms: self.typed.soak,
                by: Some(frame.by.clone()),
            },
        )?;
        if self.typed.no_follow {
            return Ok(frame.show(&begun, Exit::Good, |drill, _| begun_text(drill)));
        }
        let drill = follow(frame, begun)?;
        let exit = if drill.status == "passed" {
            Exit::Good
        } else {
            Exit::No
        };
        if let Some(folder) = &self.out {
            self.write(frame, &drill, folder)?;
        }
        Ok(frame.show(&drill, exit, render))
    }

    /// Shows the plan of a live one's way there, and has the Region typed. Where to, if it is meant.
    fn way_there(&self, frame: &Frame) -> Result<String, Stop> {
        let ask = MakePlan {
            from: None,
            kind: Some(RunKind::Switchover),
            to: self.typed.to.clone(),
            allow_data_loss: false,
        };
        let report = plan::make(frame, &self.application, &ask)?;
        let palette = Palette::new(frame.colours(stderr().is_terminal()));
        output::complain(plan::render(&report, palette).trim_end());
        let Some(plan) = report.plan.as_ref().filter(|_| report.would_start) else {
            return Err(Stop::Told(Exit::Refused));
        };
        if !self.typed.yes {
            let warning = palette.paint_lines(Tone::Strong, &self.warning(&plan.from, &plan.to));
            confirm(&format!("\n{warning}"), &plan.to)?;
        }
        Ok(plan.to.clone())
    }

    fn warning(&self, from: &str, to: &str) -> String {
        let soak = self.typed.soak.map_or_else(
            || "a soak".to_owned(),
            |soak| format!("a soak of {}", Millis(soak)),
        );
        wrapped(
            "",
            &format!(
                "This live drill moves {app} from {from} to {to} and, after {soak}, back to {from}. \
                 Its users are moved twice.",
                app = self.application
            ),
        )
    }

    /// The report's files, with the runs of a live one.
    fn write(&self, frame: &Frame, drill: &Drill, folder: &Path) -> Result<(), Stop> {
        let mut runs = Vec::new();
        for run in &drill.runs {
            runs.push(frame.client.get::<Run>(&["v1", "runs", run])?);
        }
        if let Err(error) = report::write_remote(&RemoteReport::new(drill, &runs), folder) {
            output::complain_chain(&error);
            return Err(Stop::Told(Exit::No));
        }
        output::complain(&format!("The report is in {}", folder.display()));
        Ok(())
    }

    fn stop(&self, frame: &Frame) -> Ended {
        let query = [
            ("application", self.application.clone()),
            ("limit", "1".to_owned()),
        ];
        let page: Page<Drill> = frame.client.get_with(&["v1", "drills"], &query)?;
        let under_way = page
            .items
            .into_iter()
            .find(|drill| drill.status == "running");
        let Some(drill) = under_way else {
            let text = format!("no drill of {} is under way", self.application);
            output::complain(wrapped("error: ", &text).trim_end());
            return Err(Stop::Told(Exit::Refused));
        };
        let done: Done = frame.client.post(
            &["v1", "drills", &drill.id, "stop"],
            &Because {
                reason: self.typed.reason.clone(),
                by: Some(frame.by.clone()),
            },
        )?;
        Ok(steer::told(frame, &done))
    }
}

fn usage(what: &str, help: &str) -> Stop {
    let text = wrapped("error: ", what) + &wrapped("  help: ", help);
    output::complain(text.trim_end());
    Stop::Told(Exit::Usage)
}

/// Until it is over. What dies on the way: the next answer tells everything again.
fn follow(frame: &Frame, begun: Drill) -> Result<Drill, Stop> {
    frame.client.catch_interrupts();
    let mut drill = begun;
    let (mut told, mut silent) = (String::new(), 0);
    while drill.status == "running" {
        if drill.summary != told {
            told.clone_from(&drill.summary);
            output::complain(wrapped("", &format!("{}: {told}", drill.id)).trim_end());
        }
        frame.client.pause(PAUSE)?;
        match frame.client.get::<Drill>(&["v1", "drills", &drill.id]) {
            Ok(next) => (drill, silent) = (next, 0),
            Err(error) if error.may_pass() && silent < PATIENCE => silent += 1,
            Err(error @ ClientError::Interrupted) => {
                let text = format!("{} goes on without you", drill.id);
                output::complain(&text);
                return Err(error.into());
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(drill)
}

fn begun_text(drill: &Drill) -> String {
    wrapped("", &format!("{} has begun: {}", drill.id, drill.summary))
}

/// What came of it.
fn render(drill: &Drill, palette: Palette) -> String {
    let (tone, word) = match drill.status.as_str() {
        "passed" => (Tone::Good, "PASSED"),
        "failed" => (Tone::Bad, "FAILED"),
        _ => (Tone::Warn, "ENDED"),
    };
    let what = match drill.mode {
        DrillMode::Rehearse => "Rehearsal",
        DrillMode::Live => "Live drill",
    };
    let head = format!("{what} {} {word}: {}", drill.id, drill.summary);
    let mut text = palette.paint_lines(tone, &wrapped("", &head));
    let by = format!(
        "By {}, {}: {}",
        drill.by,
        moment(&drill.begun_at),
        drill.reason
    );
    text += &palette.paint_lines(Tone::Faint, &wrapped("", &by));
    if !drill.runs.is_empty() {
        let runs = format!("Its runs: {}", drill.runs.join(", "));
        text += &palette.paint_lines(Tone::Faint, &wrapped("", &runs));
    }
    text.push('\n');
    text += &clocks(drill, palette);
    if !drill.checks.is_empty() {
        let mut table = Table::new(["CHECK", "HELD", "SEEN"]);
        for check in &drill.checks {
            let held = match check.held {
                true => Cell::toned(Tone::Good, "yes"),
                false => Cell::toned(Tone::Bad, "NO"),
            };
            table.row([check.name.as_str().into(), held, check.seen.as_str().into()]);
        }
        text.push('\n');
        text += &table.render(palette);
    }
    if !drill.steps.is_empty() {
        text.push('\n');
        text += &steps(&drill.steps, palette);
    }
    text
}

type Clock = fn(&DrillClocks) -> Option<u64>;

/// What was measured, beside the last time's.
fn clocks(drill: &Drill, palette: Palette) -> String {
    let previous = drill.previous.as_ref();
    let before = match previous {
        Some(PreviousDrill { id, status, .. }) => format!("{id} ({status})"),
        None => "BEFORE".to_owned(),
    };
    let mut table = Table::new(["CLOCK".to_owned(), "NOW".to_owned(), before]);
    let told = |ms: Option<u64>| or_dash(ms.map(|ms| Millis(ms).to_string()).as_deref());
    let clocks: [(&str, Clock); 7] = [
        ("detect", |clocks| clocks.detect_ms),
        ("decide", |clocks| clocks.decide_ms),
        ("plan", |clocks| clocks.plan_ms),
        ("execute", |clocks| clocks.execute_ms),
        ("soak", |clocks| clocks.soak_ms),
        ("return", |clocks| clocks.return_ms),
        ("total", |clocks| clocks.total_ms),
    ];
    for (name, clock) in clocks {
        let (now, then) = (
            clock(&drill.clocks),
            previous.and_then(|p| clock(&p.clocks)),
        );
        // What neither has measured is none of this kind of drill.
        if now.is_some() || then.is_some() {
            table.row([name.into(), told(now).into(), told(then).into()]);
        }
    }
    table.render(palette)
}

fn steps(steps: &[RehearsedStep], palette: Palette) -> String {
    let mut table = Table::new(["STEP", "WOULD", "CONTROL PLANE", "SEEN"]);
    for step in steps {
        let (tone, word) = match step.outcome.as_str() {
            "would_write" => (Tone::Plain, "write"),
            "already_met" => (Tone::Faint, "do nothing"),
            "would_be_refused" => (Tone::Bad, "BE REFUSED"),
            "unobservable" => (Tone::Bad, "(unseen)"),
            _ => (Tone::Faint, "(not asked)"),
        };
        table.row([
            step.id.as_str().into(),
            Cell::toned(tone, word),
            or_dash(step.control_plane.as_deref()).into(),
            or_dash(step.seen.as_deref()).into(),
        ]);
    }
    let mut text = table.render(palette);
    for step in steps.iter().filter(|step| !step.obstacles.is_empty()) {
        text.push('\n');
        text += &wrapped("", &format!("In the way of {}:", step.id));
        for obstacle in &step.obstacles {
            text += &reason_lines(obstacle, palette);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::api::wire::DrillCheck;

    fn step(id: &str, outcome: &str, plane: Option<&str>) -> RehearsedStep {
        RehearsedStep {
            id: id.to_owned(),
            uses: "aurora.promote".to_owned(),
            goal: "writer of shop-global to eu-west-1 (failover)".to_owned(),
            outcome: outcome.to_owned(),
            seen: plane.map(|_| "the writer is in eu-central-1".to_owned()),
            permissions: vec!["rds:FailoverGlobalCluster on arn".to_owned()],
            control_plane: plane.map(str::to_owned),
            obstacles: Vec::new(),
        }
    }

    fn check(name: &str, held: bool, seen: &str) -> DrillCheck {
        DrillCheck {
            name: name.to_owned(),
            held,
            seen: seen.to_owned(),
        }
    }

    fn drill(status: &str) -> Drill {
        Drill {
            id: "shop-drill-8".to_owned(),
            application: "shop".to_owned(),
            mode: DrillMode::Rehearse,
            status: status.to_owned(),
            summary:
                "eu-central-1 would have been left for eu-west-1, 46.1s after the first failure"
                    .to_owned(),
            phase: None,
            cause: None,
            by: "ada".to_owned(),
            reason: "the weekly one".to_owned(),
            from: "eu-central-1".to_owned(),
            to: Some("eu-west-1".to_owned()),
            kind: RunKind::Failover,
            begun_at: sample::AT.to_owned(),
            ended_at: Some(sample::AT.to_owned()),
            clocks: DrillClocks {
                detect_ms: Some(15_200),
                decide_ms: Some(30_900),
                plan_ms: Some(420),
                total_ms: Some(47_800),
                ..DrillClocks::default()
            },
            plan: None,
            guards: Vec::new(),
            steps: vec![
                step("promote-database", "would_write", Some("RDS in eu-west-1")),
                step("verify-write", "not_asked", None),
            ],
            checks: vec![
                check(
                    "detected",
                    true,
                    "2 of 3 members agreed that eu-central-1 is lost",
                ),
                check("seen", true, "every goal that can be read was read"),
            ],
            runs: Vec::new(),
            previous: None,
        }
    }

    fn fits(text: &str) {
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    #[test]
    fn one_that_passed_stands_beside_the_last_time() {
        let mut drill = drill("passed");
        drill.previous = Some(PreviousDrill {
            id: "shop-drill-7".to_owned(),
            status: "passed".to_owned(),
            ended_at: None,
            clocks: DrillClocks {
                detect_ms: Some(14_900),
                decide_ms: Some(31_000),
                ..DrillClocks::default()
            },
        });
        let text = render(&drill, Palette::PLAIN);
        fits(&text);
        insta::assert_snapshot!("drill_passed", text);
    }

    #[test]
    fn one_that_failed_says_what_was_in_the_way() {
        let mut drill = drill("failed");
        drill.summary = "would be refused: promote-database".to_owned();
        drill.checks[1] = check("possible", false, "would be refused: promote-database");
        drill.steps[0].outcome = "would_be_refused".to_owned();
        drill.steps[0].obstacles = vec![sample::reason(
            "GlobalClusterNotFoundFault",
            "there is no global cluster shop-globl",
            "",
        )];
        let text = render(&drill, Palette::PLAIN);
        fits(&text);
        insta::assert_snapshot!("drill_failed", text);
    }

    fn live(status: &str) -> Drill {
        Drill {
            mode: DrillMode::Live,
            kind: RunKind::Switchover,
            summary: "eu-central-1 was left for eu-west-1 in 3m12s and taken back in 2m50s, after a soak of 5m".to_owned(),
            clocks: DrillClocks {
                execute_ms: Some(192_000),
                soak_ms: Some(300_000),
                return_ms: Some(170_000),
                total_ms: Some(671_000),
                ..DrillClocks::default()
            },
            steps: Vec::new(),
            checks: vec![
                check("switched", true, "run shop-7 from eu-central-1 to eu-west-1 in 3m12s"),
                check("soaked", true, "5m, and nothing turned it home before"),
                check("returned", true, "run shop-8 from eu-west-1 to eu-central-1 in 2m50s"),
                check("undisturbed", true, "nobody changed what its runs had left"),
                check("in_time", true, "11m11s of 30m allowed"),
            ],
            runs: vec!["shop-7".to_owned(), "shop-8".to_owned()],
            ..drill(status)
        }
    }

    #[test]
    fn a_live_one_shows_its_runs_and_its_clocks() {
        let mut passed = live("passed");
        passed.previous = Some(PreviousDrill {
            id: "shop-drill-4".to_owned(),
            status: "failed".to_owned(),
            ended_at: None,
            clocks: DrillClocks {
                execute_ms: Some(240_000),
                ..DrillClocks::default()
            },
        });
        let mut text = render(&passed, Palette::PLAIN);
        let typed = GameDay {
            application: "shop".to_owned(),
            typed: RawGameDay::default(),
            out: None,
        };
        text += "\n";
        text += &typed.warning("eu-central-1", "eu-west-1");
        fits(&text);
        insta::assert_snapshot!("drill_live", text);
    }

    #[test]
    fn a_length_is_typed_with_its_unit() {
        assert_eq!(length("90s"), Ok(90_000));
        assert_eq!(length("15m"), Ok(900_000));
        assert_eq!(length("2h"), Ok(7_200_000));
        for wrong in ["", "15", "0m", "-1m", "1d", "m"] {
            assert!(length(wrong).is_err(), "{wrong}");
        }
    }
}
