//! A drill from beginning to end.

use crate::actuate::policy::{self, PolicyDocument};
use crate::model::{Application, Objective, RunKind};

use super::direct::Director;
use super::progress::Progress;
use super::report::Report;
use super::scenario::{Scenario, Start};
use super::stage::{DrillError, Stage};
use super::tell::Told;
use super::{DrillOptions, furnish};

/// Plays a scenario in the sandbox against the real daemon and tells what came of it.
///
/// # Errors
///
/// If it could not be played. A drill that was played and failed is a report.
pub async fn run(
    scenario: &Scenario,
    options: &DrillOptions,
    progress: &Progress,
) -> Result<Report, DrillError> {
    let most_speed = scenario.most_speed.unwrap_or(options.speed);
    let options = &DrillOptions {
        speed: options.speed.min(most_speed),
        ..options.clone()
    };
    let mut stage = Stage::build(scenario, options).await?;
    let seen = Director::new(&mut stage, scenario, progress).play().await;
    let (places, setup) = (stage.places.clone(), stage.setup.clone());
    let (objective, lease) = (objective(&stage, scenario), stage.lease);
    // The log of what mattered ends with the drill, not with its taking down.
    let log = stage.world.request_log();
    let policy = policy(&stage);
    let (tally, world) = stage.strike().await;
    let told = Told {
        scenario,
        options,
        places: &places,
        setup: &setup,
        objective,
        lease,
        world: &world,
        tally: &tally,
        log: &log,
        policy: &policy,
    };
    Ok(told.report(seen?))
}

/// What `failoverctl iam-policy` prints for the application.
fn policy(stage: &Stage) -> PolicyDocument {
    let config = &stage.config;
    let applications = config.applications.iter();
    let needed = applications.flat_map(|app| policy::needed(app, &config.runbooks));
    PolicyDocument::of(&needed.collect())
}

fn objective(stage: &Stage, scenario: &Scenario) -> Objective {
    let kind = |app: &Application| match scenario.start {
        Start::Outage => app.automatic_kind(),
        Start::Switchover => RunKind::Switchover,
        Start::Failback => RunKind::Failback,
        Start::Shift => RunKind::Shift,
        Start::Return => RunKind::Return,
    };
    let apps = &stage.config.applications;
    apps.iter()
        .filter(|app| app.name.as_str() == furnish::APP)
        .find_map(|app| stage.config.runbooks.get(app.runbooks.get(&kind(app))?))
        .map_or_else(Default::default, |runbook| runbook.objective)
}
