//! `failoverctl break-glass`: the same plan without a quorum, by a named person from a laptop.
//!
//! ```text
//!  journal ─▶ epoch read and raised ─▶ plan shown ─▶ the Region typed ─▶ run, told step by step
//!     └────────── the same journal again: goes on where it stands ──────────┘
//! ```
//!
//! Invariant: nothing is changed before the Region was typed, or `--yes` given.
//! Invariant: with `--print` and `--plan-only` nothing is changed at all.

mod print;
mod told;

use std::io::{BufRead, IsTerminal, Write, stderr, stdin};
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::{Exit, output};
use crate::config;
use crate::controller::{PlanAsk, Planned, RunRequest};
use crate::daemon::alone::{Alone, AloneError, AloneOptions};
use crate::daemon::clock::WorldClock;
use crate::model::{AppId, CommandBody, Epoch, RegionId, Run, RunId, RunKind, RunStatus, StepId};

/// What may be typed.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct BreakGlass {
    /// The application
    app: String,
    /// The Region it is to be moved to
    #[arg(long, value_name = "REGION")]
    to: String,
    /// The members' configuration
    #[arg(long, value_name = "FILE", default_value = "failoverd.toml")]
    config: PathBuf,
    /// Who says so; told in the run and in the epoch's record
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Ungraceful, or graceful where both Regions are well
    #[arg(long, value_name = "KIND", value_enum, default_value_t = Kind::Failover)]
    kind: Kind,
    /// Where what is done is written down; the same folder goes on with it
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// Unreplicated data may be lost
    #[arg(long)]
    allow_data_loss: bool,
    /// Show the plan and do nothing
    #[arg(long, conflicts_with = "print")]
    plan_only: bool,
    /// Print the plan as AWS commands and do nothing
    #[arg(long)]
    print: bool,
    /// Taken for the epoch outside if Route 53 cannot be read: above any that was used
    #[arg(long, value_name = "N")]
    assume_epoch: Option<u64>,
    /// Try a step again at which an earlier run stopped
    #[arg(long, value_name = "STEP")]
    retry: Option<String>,
    /// Go on without a step at which an earlier run stopped
    #[arg(long, value_name = "STEP", conflicts_with = "retry")]
    skip: Option<String>,
    /// Give up the run of an earlier time
    #[arg(long, conflicts_with_all = ["retry", "skip"])]
    abort: bool,
    /// Do it without asking to type the Region
    #[arg(long)]
    yes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Failover,
    Switchover,
}

/// Why it ended before its end.
enum Stop {
    Alone(AloneError),
    /// Told already.
    Told(Exit),
}

impl From<AloneError> for Stop {
    fn from(error: AloneError) -> Self {
        Self::Alone(error)
    }
}

/// Does it.
pub fn break_glass(asked: &BreakGlass) -> Exit {
    let loaded = match config::load(&asked.config, config::environment()) {
        Ok(loaded) => loaded,
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
    runtime.block_on(async {
        tokio::select! {
            done = act(asked, loaded.config) => done.unwrap_or_else(told_stop),
            // What is under way stands in the journal as an intent; the next time looks for it.
            _ = tokio::signal::ctrl_c() => {
                output::complain("interrupted: run the same again with the same journal to go on");
                Exit::No
            }
        }
    })
}

fn told_stop(stop: Stop) -> Exit {
    match stop {
        Stop::Told(exit) => exit,
        Stop::Alone(error) => {
            output::complain_chain(&error);
            match error {
                AloneError::NoSuchApplication { .. }
                | AloneError::NoSuchRegion { .. }
                | AloneError::OtherJournal { .. } => Exit::Usage,
                AloneError::Refused { .. } => Exit::Refused,
                AloneError::EpochUnread => Exit::Unreachable,
                AloneError::Journal(_) | AloneError::Node(_) | AloneError::Ledger(_) => Exit::No,
            }
        }
    }
}

impl BreakGlass {
    fn journal(&self) -> PathBuf {
        self.journal
            .clone()
            .unwrap_or_else(|| PathBuf::from(format!("break-glass-{}", self.app)))
    }

    fn kind(&self) -> RunKind {
        match self.kind {
            Kind::Failover => RunKind::Failover,
            Kind::Switchover => RunKind::Switchover,
        }
    }
}

async fn act(asked: &BreakGlass, config: config::Config) -> Result<Exit, Stop> {
    let journal = asked.journal();
    output::complain(&format!(
        "break-glass: no quorum is asked; the journal is {}",
        journal.display()
    ));
    let alone = Alone::start(AloneOptions {
        config,
        clock: Arc::new(WorldClock::real()),
        app: AppId(asked.app.clone()),
        to: RegionId(asked.to.clone()),
        journal,
        by: asked.by.clone(),
        reason: asked.reason.clone(),
        assumed_epoch: asked.assume_epoch.map(Epoch),
        aws: None,
    })
    .await?;
    let done = with(asked, &alone).await;
    alone.shutdown().await;
    done
}

async fn with(asked: &BreakGlass, alone: &Alone) -> Result<Exit, Stop> {
    output::complain("reading where traffic stands, the epoch, and what can be seen from here …");
    let missing = alone.ready().await?;
    if let Some(run) = alone.open_run() {
        return go_on(asked, alone, &run, &missing).await;
    }
    let planned = plan(asked, alone).await?;
    let Some(plan) = planned.plan.as_ref().filter(|_| planned.refused.is_empty()) else {
        output::complain(&told::refused(&planned.refused));
        return Err(Stop::Told(Exit::Refused));
    };
    if asked.print {
        return Ok(output::answer(&print::commands(plan), Exit::Good));
    }
    output::answer(&told::plan(&planned, plan, &missing), Exit::Good);
    if asked.plan_only {
        return Ok(Exit::Good);
    }
    confirm(asked, &missing)?;
    let request = RunRequest {
        from: None,
        app: plan.application.clone(),
        kind: plan.kind,
        to: Some(plan.to.clone()),
        by: asked.by.clone(),
        reason: asked.reason.clone(),
        allow_data_loss: asked.allow_data_loss,
        plan_hash: Some(plan.hash.clone()),
        evacuation: None,
        drill: None,
        id: crate::controller::RequestId::default(),
    };
    match alone.handle().start(request).await {
        Ok(started) => follow(alone, &started.run).await,
        Err(error) => {
            output::complain(&format!("error: {error}\n  help: {}", error.remedy()));
            Err(Stop::Told(Exit::Refused))
        }
    }
}

async fn plan(asked: &BreakGlass, alone: &Alone) -> Result<Planned, Stop> {
    let ask = PlanAsk {
        from: None,
        app: AppId(asked.app.clone()),
        kind: asked.kind(),
        to: Some(RegionId(asked.to.clone())),
        by: asked.by.clone(),
        allow_data_loss: asked.allow_data_loss,
    };
    alone.handle().plan(ask).await.map_err(|error| {
        output::complain(&format!("error: {error}\n  help: {}", error.remedy()));
        Stop::Told(Exit::Unreachable)
    })
}

/// A run of an earlier time with the same journal.
async fn go_on(
    asked: &BreakGlass,
    alone: &Alone,
    run: &Run,
    missing: &[String],
) -> Result<Exit, Stop> {
    output::answer(&told::run(run), Exit::Good);
    if asked.plan_only {
        return Ok(Exit::Good);
    }
    if asked.print {
        return Ok(output::answer(&print::commands(&run.plan), Exit::Good));
    }
    if run.plan.to.as_str() != asked.to {
        output::complain(&format!(
            "error: the journal's open run goes to {}, not to {}\n  help: Go on with it, or give it up with --abort.",
            run.plan.to, asked.to
        ));
        return Err(Stop::Told(Exit::Refused));
    }
    confirm(asked, missing)?;
    let (run, by) = (run.id.clone(), asked.by.clone());
    let word = match (&asked.retry, &asked.skip, asked.abort) {
        (Some(step), _, _) => Some(CommandBody::RetryStep {
            run: run.clone(),
            step: StepId(step.clone()),
            by,
            reason: Some(asked.reason.clone()),
        }),
        (None, Some(step), _) => Some(CommandBody::SkipStep {
            run: run.clone(),
            step: StepId(step.clone()),
            by,
            reason: Some(asked.reason.clone()),
        }),
        (None, None, true) => Some(CommandBody::Abort {
            run: run.clone(),
            by,
            reason: asked.reason.clone(),
        }),
        (None, None, false) => None,
    };
    if let Some(word) = word {
        alone.command(word).await?;
    }
    follow(alone, &run).await
}

async fn follow(alone: &Alone, run: &RunId) -> Result<Exit, Stop> {
    let mut teller = told::Teller::default();
    let run = alone
        .follow(run, |run| {
            for line in teller.news(run) {
                output::complain(&line);
            }
        })
        .await?;
    let exit = match run.status {
        RunStatus::Completed => Exit::Good,
        RunStatus::NeedsOperator { .. }
        | RunStatus::Aborted { .. }
        | RunStatus::Executing
        | RunStatus::Aborting { .. }
        | RunStatus::Soaking { .. } => Exit::No,
    };
    Ok(output::answer(&told::ended(&run), exit))
}

fn confirm(asked: &BreakGlass, missing: &[String]) -> Result<(), Stop> {
    if asked.yes {
        return Ok(());
    }
    if !stdin().is_terminal() || !stderr().is_terminal() {
        output::complain(
            "error: nobody can be asked to confirm: this is not a terminal; nothing was done\n  \
             help: Add --yes to do it without having the Region typed.",
        );
        return Err(Stop::Told(Exit::Usage));
    }
    let warning = told::warning(missing);
    let mut shown = stderr().lock();
    let mut line = String::new();
    let asking = write!(shown, "{warning}Type {} to confirm: ", asked.to)
        .and_then(|()| shown.flush())
        .and_then(|()| stdin().lock().read_line(&mut line));
    if asking.is_ok() && line.trim() == asked.to {
        return Ok(());
    }
    drop(shown);
    output::complain("not confirmed: nothing was done");
    Err(Stop::Told(Exit::No))
}
