//! One member, wired: the only place that names concrete adapters.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::actuate::{AwsActuator, AwsOptions};
use crate::config::Config;
use crate::controller::{Controller, Input, RunRequest, Setup};
use crate::ledger::{LedgerOptions, LedgerTiming, NoPeers, RaftLedger, StartError};
use crate::model::{BootId, CommandBody, Event, MemberId, Millis, Probe, Rejection, Target};
use crate::ports::{Clock, Ledger, LedgerError};
use crate::probe::{LoopStall, NetProber, ProbeSet};
use crate::run::{self, Timing};

use super::driver::{Driver, Notice};
use super::perform::{Performer, Unseen};
use super::snapshot::Snapshot;
use super::stats::Stats;
use super::watch as watchers;

/// Inputs that wait for the loop. A hundred applications with four probes each make fewer in a
/// second; beyond it samples are dropped and counted where they are taken.
const INBOX: usize = 1_024;

/// Notices that wait for a slow listener before it misses some.
const NOTICES: usize = 256;

/// Looks at a goal that has not been reached: below Route 53's five requests a second, and a small
/// part of the shortest step.
const POLL: Millis = Millis::from_secs(2);

/// Looks at goals while a run soaks, and later now and then.
const SOAK_POLL: Millis = Millis::from_secs(30);
const STEADY_POLL: Millis = Millis::from_mins(5);

/// One vantage that lives in this process.
#[derive(Clone, Debug)]
pub struct HostedVantage {
    /// Whose eyes.
    pub member: MemberId,
    /// The address its probes come from; the host's choice if absent.
    pub source: Option<IpAddr>,
}

/// How a node is started.
pub struct NodeOptions {
    /// Valid, whole.
    pub config: Config,
    /// The world's time.
    pub clock: Arc<dyn Clock>,
    /// The vantages in this process; this member's own in production.
    pub vantages: Vec<HostedVantage>,
    /// What the configuration file does not say about AWS.
    pub aws: AwsOptions,
    /// Of this life; drawn at random in production.
    pub boot: BootId,
}

impl NodeOptions {
    /// As in production: one vantage, the host's own pace, the SDK's own credentials.
    #[expect(clippy::disallowed_methods, reason = "the wiring draws the boot id")]
    pub fn production(config: Config, clock: Arc<dyn Clock>) -> Self {
        Self {
            vantages: vec![HostedVantage {
                member: config.node.id.clone(),
                source: None,
            }],
            aws: AwsOptions {
                home: Some(config.node.region.clone()),
                ..AwsOptions::default()
            },
            boot: BootId(rand::random()),
            config,
            clock,
        }
    }
}

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The data folder or the log.
    #[error("the ledger does not start")]
    Ledger(#[from] StartError),
    /// The host has no thread left for the probes.
    #[error("the probes of {member} do not start")]
    Probes {
        /// Whose.
        member: MemberId,
        /// Why.
        source: std::io::Error,
    },
}

/// A running member.
pub struct Node {
    handle: NodeHandle,
    ledger: Arc<RaftLedger>,
    stopping: CancellationToken,
    driver: JoinHandle<Result<(), LedgerError>>,
}

/// What others may ask of a running member. Clones ask the same one.
#[derive(Clone)]
pub struct NodeHandle {
    performer: Performer,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    notices: broadcast::Sender<Notice>,
    stats: Arc<Stats>,
}

impl Node {
    /// Opens the ledger, starts the probes, the watchers and the loop.
    ///
    /// # Errors
    ///
    /// If the data folder cannot be used or the host is out of threads.
    pub async fn start(options: NodeOptions) -> Result<Self, NodeError> {
        let NodeOptions {
            config,
            clock,
            vantages,
            aws,
            boot,
        } = options;
        let ledger_timing = LedgerTiming::scaled(&config.cluster, clock.as_ref());
        let ledger = Arc::new(
            RaftLedger::start(LedgerOptions {
                data_dir: config.node.data_dir.clone(),
                member: config.node.id.clone(),
                members: [config.node.id.clone()].into(),
                timing: ledger_timing,
                transition: Arc::new(run::apply),
                peers: Arc::new(NoPeers),
            })
            .await?,
        );
        let actuator =
            Arc::new(AwsActuator::new(&config.applications, Arc::clone(&clock), aws).await);
        let lease = world(clock.as_ref(), ledger_timing.election_max);
        let call_timeout = config
            .applications
            .iter()
            .map(|app| app.aws.call_timeout)
            .max()
            .unwrap_or(Millis::from_secs(10));

        let stats = Arc::new(Stats::new());
        let stopping = CancellationToken::new();
        let (inbox_in, inbox) = mpsc::channel(INBOX);
        let performer = Performer {
            ledger: Arc::clone(&ledger) as Arc<dyn Ledger>,
            actuator,
            clock: Arc::clone(&clock),
            boot,
            proof_lasts: Millis(lease.0 / 2),
            inbox: inbox_in.clone(),
            stats: Arc::clone(&stats),
            journal: TaskTracker::new(),
            unseen: Unseen::default(),
        };
        let controller = Controller::new(
            Setup {
                me: config.node.id.clone(),
                boot,
                members: config.members.clone(),
                hosted: vantages.iter().map(|v| v.member.clone()).collect(),
                applications: config.applications.clone(),
                references: config.references.clone(),
                runbooks: config.runbooks.clone(),
                timing: Timing {
                    poll: POLL,
                    call_timeout,
                    lease,
                    soak_poll: SOAK_POLL,
                    steady_poll: STEADY_POLL,
                },
            },
            clock.now(),
        );
        let mut probes = Vec::new();
        for (index, vantage) in vantages.iter().enumerate() {
            let set = spawn_probes(&config, vantage, &clock, boot.0 ^ index as u64, &inbox_in);
            probes.push((vantage.member.clone(), set?));
        }
        watchers::spawn(&config.applications, &performer, &stopping);
        let stall = LoopStall::new();
        tokio::spawn({
            let (stall, stopping) = (stall.clone(), stopping.clone());
            async move {
                tokio::select! {
                    () = stopping.cancelled() => {}
                    () = stall.watch() => {}
                }
            }
        });
        let (snapshots_in, snapshots) =
            watch::channel(Arc::new(Snapshot::starting(clock.now(), ledger.state())));
        let (notices, _) = broadcast::channel(NOTICES);
        let measured = Arc::clone(&ledger);
        let driver = Driver {
            controller,
            ledger: Arc::clone(&ledger) as Arc<dyn Ledger>,
            figures: Box::new(move || measured.metrics().into()),
            clock: Arc::clone(&clock),
            performer: performer.clone(),
            inbox,
            snapshots: snapshots_in,
            notices: notices.clone(),
            probes,
            stall,
            stats: Arc::clone(&stats),
            stopping: stopping.clone(),
            counted: ledger.state(),
            drain_within: clock.real(call_timeout, std::time::Duration::ZERO)
                + ledger_timing.deadline,
        };
        Ok(Self {
            handle: NodeHandle {
                performer,
                snapshots,
                notices,
                stats,
            },
            ledger,
            stopping,
            driver: tokio::spawn(driver.run()),
        })
    }

    /// What others may ask.
    pub fn handle(&self) -> NodeHandle {
        self.handle.clone()
    }

    /// Returns when the node has ended by itself, which only its ledger's death makes it do.
    pub async fn ended(&mut self) -> LedgerError {
        let ended = (&mut self.driver).await;
        let why = match ended {
            Ok(Err(error)) => return error,
            Ok(Ok(())) => "the loop ended".to_owned(),
            Err(join) => format!("the loop failed: {join}"),
        };
        LedgerError::Stopped { why }
    }

    /// Stops: nothing new is begun, what is under way is journaled, the ledger is closed.
    pub async fn shutdown(self) {
        self.stopping.cancel();
        match self.driver.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "while shutting down"),
            Err(error) => tracing::error!(%error, "the loop failed while shutting down"),
        }
        self.ledger.shutdown().await;
    }
}

impl NodeHandle {
    /// What is, as of the last turn of the loop.
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.clone()
    }

    /// What happens from now on.
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }

    /// Counters since the start.
    pub fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.stats)
    }

    /// Asks for a run. Whether it is made shows in the snapshots, or as [`Notice::Declined`].
    pub async fn request(&self, request: RunRequest) {
        let _ = self.performer.inbox.send(Input::Request(request)).await;
    }

    /// Writes an operator's word to the ledger.
    ///
    /// # Errors
    ///
    /// If the ledger did not answer; whether it was written is then unknown.
    pub async fn command(
        &self,
        body: CommandBody,
    ) -> Result<Result<Event, Rejection>, LedgerError> {
        self.performer.propose(body).await
    }
}

fn spawn_probes(
    config: &Config,
    vantage: &HostedVantage,
    clock: &Arc<dyn Clock>,
    seed: u64,
    inbox: &mpsc::Sender<Input>,
) -> Result<ProbeSet, NodeError> {
    let mut targets: Vec<(Target, Probe)> = config
        .references
        .iter()
        .map(|probe| (Target::Reference(probe.id.clone()), probe.clone()))
        .collect();
    for app in &config.applications {
        for region in &app.regions {
            targets.extend(region.probes.iter().map(|probe| {
                let target = Target::Region {
                    app: app.name.clone(),
                    region: region.name.clone(),
                    probe: probe.id.clone(),
                };
                (target, probe.clone())
            }));
        }
    }
    let prober = Arc::new(NetProber::new(vantage.source, Arc::clone(clock)));
    let (samples_in, mut samples) = mpsc::channel(INBOX);
    let set = ProbeSet::spawn(
        &vantage.member,
        targets,
        prober,
        Arc::clone(clock),
        seed,
        samples_in,
    )
    .map_err(|source| NodeError::Probes {
        member: vantage.member.clone(),
        source,
    })?;
    let (inbox, member) = (inbox.clone(), vantage.member.clone());
    tokio::spawn(async move {
        while let Some(sample) = samples.recv().await {
            let member = member.clone();
            if inbox.send(Input::Sample { member, sample }).await.is_err() {
                return;
            }
        }
    });
    Ok(set)
}

/// A real duration in world time.
fn world(clock: &dyn Clock, real: std::time::Duration) -> Millis {
    const PROBE: Millis = Millis::from_mins(60);
    let unit = clock.real(PROBE, std::time::Duration::ZERO).as_micros();
    let scaled = real.as_micros() * u128::from(PROBE.0) / unit.max(1);
    Millis(u64::try_from(scaled).unwrap_or(u64::MAX))
}
