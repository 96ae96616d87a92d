//! `failoverctl drill`.

use std::io::{IsTerminal, stdout};

use super::args::PlayDrill;
use super::{Exit, output};
use crate::drill::report::{self, Summary};
use crate::drill::{self, DrillError, Progress, Scenario};

/// Names every shipped scenario.
pub fn list() -> Exit {
    let scenarios = match Scenario::shipped() {
        Ok(scenarios) => scenarios,
        Err(error) => {
            output::complain_findings(&error.diagnostics());
            return Exit::No;
        }
    };
    let widest = scenarios.iter().map(|s| s.name.len()).max().unwrap_or(0);
    let text: String = scenarios
        .iter()
        .map(|scenario| format!("{:<widest$}  {}\n", scenario.name, scenario.title))
        .collect();
    output::answer(&text, Exit::Good)
}

/// Plays one, writes its report, and says what came of it.
pub fn play(play: PlayDrill) -> Exit {
    let scenario = match Scenario::find(&play.scenario) {
        Ok(scenario) => scenario,
        Err(error) => {
            output::complain_findings(&error.diagnostics());
            return Exit::Usage;
        }
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::complain(&format!("error: this host gives no threads: {error}"));
            return Exit::No;
        }
    };
    let progress = Progress::on_stderr();
    let played = runtime.block_on(async {
        tokio::select! {
            played = drill::run(&scenario, &play.options, &progress) => Some(played),
            // Dropping the drill takes its stage down and removes its folder.
            _ = tokio::signal::ctrl_c() => None,
        }
    });
    progress.finish();
    let report = match played {
        Some(Ok(report)) => report,
        Some(Err(error)) => {
            output::complain_chain(&error);
            return exit_of(&error);
        }
        None => {
            output::complain("interrupted: no report is written");
            return Exit::No;
        }
    };
    let verdict = if report.passed { Exit::Good } else { Exit::No };
    let written = report::write(&report, &play.out);
    if let Err(error) = &written {
        output::complain_chain(error);
    }
    let text = if play.json {
        report.to_json()
    } else {
        Summary {
            report: &report,
            folder: written.is_ok().then_some(play.out.as_path()),
            colour: output::colour(stdout().is_terminal()),
        }
        .to_string()
    };
    let exit = output::answer(&text, verdict);
    // The report is part of what was asked for.
    if written.is_err() { Exit::No } else { exit }
}

fn exit_of(error: &DrillError) -> Exit {
    match error {
        DrillError::Speed(_)
        | DrillError::Runbook { .. }
        | DrillError::Invalid(_)
        | DrillError::Scenario { .. } => Exit::Usage,
        DrillError::Folder { .. }
        | DrillError::Sandbox(_)
        | DrillError::Product(_)
        | DrillError::Node(_)
        | DrillError::Port(_)
        | DrillError::Threads(_)
        | DrillError::NotSteady { .. }
        | DrillError::Stopped { .. } => Exit::No,
    }
}
