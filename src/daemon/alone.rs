//! Break-glass: one member that is a person's own, without any cluster. The same engine on a journal of
//! its own; what it lacks is the other members' votes, and a person's word stands in for them.
//!
//! ```text
//!  failoverd.toml ─▶ this application alone, one member, no peers ─▶ Node
//!  journal folder ─▶ begins as Restored(break-glass): automation paused, epoch unknown
//!                    zone read ─▶ RaiseEpoch ─▶ plan ─▶ (a person types the Region) ─▶ run
//! ```
//!
//! Invariant: it never acts by itself: automation is paused from the journal's first moment.
//! Invariant: its epoch is above the one that stands outside before it opens anything, so that the
//! members who come back find that somebody has acted, and do not.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::actuate::AwsOptions;
use crate::config::Config;
use crate::ledger::{self, Beginning, FoundError};
use crate::model::{
    AppId, Automation, CommandBody, Epoch, Member, MemberId, Millis, RegionId, RestoredHow, Run,
    RunStatus, State, VerdictState,
};
use crate::ports::{Clock, LedgerError};

use super::node::{HostedVantage, Node, NodeError, NodeHandle, NodeOptions};
use super::snapshot::Snapshot;

/// What the journal's one member is called, and where it is at home: in none of the Regions, so that
/// its own look at each of them counts.
pub const ME: &str = "break-glass";

/// The longest that goals are watched after the last step: a person waits before a terminal.
const SOAK: Millis = Millis::from_mins(1);

/// World time that may pass until the zone was read and the epoch is raised.
const EPOCH_WITHIN: Millis = Millis::from_mins(2);

/// World time that is given to what a plan is better for: lag, sizes, an own look at the Region. Some
/// rounds of probes; what has not come by then is shown as missing.
const LOOK_WITHIN: Millis = Millis::from_secs(40);

/// Real time that is waited at the least, however fast the world: this host opens files and elects
/// itself at its own pace.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is to be moved, and by whom.
pub struct AloneOptions {
    /// The members' own configuration.
    pub config: Config,
    /// The world's time.
    pub clock: Arc<dyn Clock>,
    /// Which application.
    pub app: AppId,
    /// Where to.
    pub to: RegionId,
    /// Where what is done is written down; the same folder goes on with it.
    pub journal: PathBuf,
    /// Who says so.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Taken for the epoch outside if Route 53 cannot be read.
    pub assumed_epoch: Option<Epoch>,
    /// As whom AWS is asked; the host's own credentials if absent.
    pub aws: Option<AwsOptions>,
}

/// Why it does not begin.
#[derive(Debug, thiserror::Error)]
pub enum AloneError {
    /// The configuration does not name it.
    #[error("no application is called {app}; the configuration has: {known}")]
    NoSuchApplication {
        /// What was asked for.
        app: AppId,
        /// What there is.
        known: String,
    },
    /// The application has no such Region.
    #[error("{app} has no Region {region}; it has: {known}")]
    NoSuchRegion {
        /// Which application.
        app: AppId,
        /// What was asked for.
        region: RegionId,
        /// What there is.
        known: String,
    },
    /// The folder holds the journal of something else.
    #[error("the journal {} is not one of break-glass, or of another application; name another folder with --journal", journal.display())]
    OtherJournal {
        /// Which folder.
        journal: PathBuf,
    },
    /// The journal cannot be made.
    #[error("the journal cannot be made")]
    Journal(#[from] FoundError),
    /// The member does not start.
    #[error("it does not start")]
    Node(#[from] NodeError),
    /// The epoch outside was not read.
    #[error(
        "which epoch stands in Route 53 could not be read in time, and nothing is done without knowing; see that the zone can be read, or give --assume-epoch with a number above any that was used"
    )]
    EpochUnread,
    /// The journal cannot be written.
    #[error("the journal is not written")]
    Ledger(#[from] LedgerError),
    /// The journal says no.
    #[error("the journal refuses: {why}")]
    Refused {
        /// Why.
        why: String,
    },
}

/// One member without a cluster.
pub struct Alone {
    node: Node,
    clock: Arc<dyn Clock>,
    options: Wanted,
}

struct Wanted {
    app: AppId,
    to: RegionId,
    by: String,
    database: bool,
    assumed_epoch: Option<Epoch>,
}

impl Alone {
    /// Makes the journal if there is none, and starts on it.
    ///
    /// # Errors
    ///
    /// If the configuration does not fit, or the journal cannot be used.
    pub async fn start(options: AloneOptions) -> Result<Self, AloneError> {
        let AloneOptions {
            config,
            clock,
            app,
            to,
            journal,
            by,
            reason,
            assumed_epoch,
            aws,
        } = options;
        let config = alone(config, &app, &to, journal)?;
        let dir = &config.node.data_dir;
        let member = &config.node.id;
        let beginning = Beginning {
            state: State::default(),
            how: RestoredHow::BreakGlass,
            by: by.clone(),
            reason,
            at: clock.now().wall,
            audit: None,
        };
        match ledger::found(dir, member, beginning).await {
            Ok(_) | Err(FoundError::Occupied { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let database = config.applications.iter().any(|known| {
            let mut regions = known.regions.iter();
            regions.any(|region| region.resources.db_cluster_arn.is_some())
        });
        let journal = dir.clone();
        let mut production = NodeOptions::production(config, Arc::clone(&clock));
        production.vantages = vec![HostedVantage {
            member: ME.into(),
            source: None,
        }];
        production.aws = aws.unwrap_or(AwsOptions {
            home: Some(to.clone()),
            ..production.aws
        });
        let node = Node::start(production).await?;
        let this = Self {
            node,
            clock,
            options: Wanted {
                app,
                to,
                by,
                database,
                assumed_epoch,
            },
        };
        let state = this.now().state.clone();
        let is_ours = state.restored.as_ref().map(|restored| restored.how)
            == Some(RestoredHow::BreakGlass)
            && state.apps.keys().all(|known| known == &this.options.app);
        if !is_ours {
            this.node.shutdown().await;
            return Err(AloneError::OtherJournal { journal });
        }
        Ok(this)
    }

    /// What may be asked of it.
    pub fn handle(&self) -> NodeHandle {
        self.node.handle()
    }

    /// What it sees now.
    pub fn now(&self) -> Arc<Snapshot> {
        self.node.handle().snapshots().borrow().clone()
    }

    /// The run that is open, here or from an earlier time with the same journal.
    pub fn open_run(&self) -> Option<Run> {
        self.now().state.open_run(&self.options.app).cloned()
    }

    /// Waits until the epoch outside is read and raised, and for a while until what a plan is better
    /// for has been seen. Says what has not.
    ///
    /// # Errors
    ///
    /// If the epoch outside stays unknown.
    pub async fn ready(&self) -> Result<Vec<String>, AloneError> {
        let app = self.options.app.clone();
        let knows = |seen: &Snapshot| seen.leads && seen.state.epoch_is_known(&app);
        if !self.wait(EPOCH_WITHIN, knows).await {
            self.assume().await?;
        }
        // The journal of an earlier time: others may have acted since.
        if self.now().state.overtaken_by(&app).is_some() && self.open_run().is_none() {
            let by = self.options.by.clone();
            self.command(CommandBody::Acknowledge { app, by }).await?;
        }
        self.wait(LOOK_WITHIN, |seen| self.missing(seen).is_empty())
            .await;
        Ok(self.missing(&self.now()))
    }

    /// Writes a person's word into the journal.
    ///
    /// # Errors
    ///
    /// If it is refused, or cannot be written.
    pub async fn command(&self, body: CommandBody) -> Result<(), AloneError> {
        match self.node.handle().command(body).await? {
            Ok(_) => Ok(()),
            Err(rejection) => Err(AloneError::Refused {
                why: rejection.to_string(),
            }),
        }
    }

    async fn assume(&self) -> Result<(), AloneError> {
        let Some(assumed) = self.options.assumed_epoch else {
            return Err(AloneError::EpochUnread);
        };
        let (app, by) = (self.options.app.clone(), self.options.by.clone());
        self.command(CommandBody::RaiseEpoch {
            app,
            to: assumed,
            active: None,
            by,
            reason: "assumed: Route 53 could not be read".to_owned(),
            seen: None,
        })
        .await
    }

    /// What a plan would be better for, and a person should know that it lacks.
    fn missing(&self, seen: &Snapshot) -> Vec<String> {
        let Wanted { app, to, .. } = &self.options;
        let mut missing = Vec::new();
        let known = seen.state.apps.get(app);
        if known.is_none_or(|known| known.traffic.is_none()) {
            missing.push("where traffic stands was not read".to_owned());
        }
        let lag = known.and_then(|known| known.lag.get(to));
        if self.options.database && lag.is_none_or(Vec::is_empty) {
            missing.push(format!(
                "how far the database of {to} is behind is not known"
            ));
        }
        let verdict = seen.views.get(app).and_then(|view| {
            let mut verdicts = view.verdicts.iter();
            verdicts.find(|verdict| &verdict.region == to)
        });
        let state = verdict.map_or(VerdictState::Unknown, |verdict| verdict.state);
        if state != VerdictState::Up {
            missing.push(format!(
                "from here, {to} is {state}: no other member was asked"
            ));
        }
        missing
    }

    /// Follows a run until it is closed or waits for a person; tells each change.
    ///
    /// # Errors
    ///
    /// If the member has ended.
    pub async fn follow(
        &self,
        run: &crate::model::RunId,
        mut tell: impl FnMut(&Run),
    ) -> Result<Run, AloneError> {
        let mut snapshots = self.node.handle().snapshots();
        let mut told: Option<Run> = None;
        loop {
            let now = snapshots.borrow_and_update().state.runs.get(run).cloned();
            if let Some(now) = now {
                if told.as_ref() != Some(&now) {
                    tell(&now);
                }
                let waits = matches!(now.status, RunStatus::NeedsOperator { .. })
                    && !now
                        .in_order()
                        .any(|(_, record)| record.status.is_in_flight());
                if !now.is_open() || waits {
                    return Ok(now);
                }
                told = Some(now);
            }
            if snapshots.changed().await.is_err() {
                let why = "it has stopped: see what it said".to_owned();
                return Err(LedgerError::Stopped { why }.into());
            }
        }
    }

    /// Ends: what is under way is journaled, and the journal is closed.
    pub async fn shutdown(self) {
        self.node.shutdown().await;
    }

    /// Waits for so much world time until that is seen.
    async fn wait(&self, within: Millis, seen: impl Fn(&Snapshot) -> bool) -> bool {
        let mut snapshots = self.node.handle().snapshots();
        let looking = async {
            // Its sender lives as long as the node.
            let _ = snapshots.wait_for(|now| seen(now)).await;
        };
        tokio::select! {
            () = looking => {}
            () = tokio::time::sleep(self.clock.real(within, PATIENCE)) => {}
        }
        let now = self.now();
        seen(&now)
    }
}

/// The configuration of one member for one application. The Region it goes to counts as ready: whether
/// it is, is shown to the person who decides.
fn alone(
    mut config: Config,
    app: &AppId,
    to: &RegionId,
    journal: PathBuf,
) -> Result<Config, AloneError> {
    let known: Vec<String> = config
        .applications
        .iter()
        .map(|known| known.name.to_string())
        .collect();
    config.applications.retain(|known| &known.name == app);
    let Some(wanted) = config.applications.first_mut() else {
        return Err(AloneError::NoSuchApplication {
            app: app.clone(),
            known: known.join(", "),
        });
    };
    wanted.automation = Automation::Ask;
    wanted.guards.soak = wanted.guards.soak.min(SOAK);
    let names: Vec<String> = wanted.regions.iter().map(|r| r.name.to_string()).collect();
    let Some(region) = wanted.regions.iter_mut().find(|r| &r.name == to) else {
        return Err(AloneError::NoSuchRegion {
            app: app.clone(),
            region: to.clone(),
            known: names.join(", "),
        });
    };
    region.cold = true;
    config.node.id = MemberId::from(ME);
    config.node.region = RegionId::from(ME);
    config.node.data_dir = journal;
    config.members = vec![Member {
        id: config.node.id.clone(),
        region: config.node.region.clone(),
    }];
    config.peering = None;
    Ok(config)
}
