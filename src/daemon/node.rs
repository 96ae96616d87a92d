//! One member, wired: the only place that names concrete adapters.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::actuate::{AwsActuator, AwsOptions};
use crate::config::Config;
use crate::controller::{Controller, Input, RunRequest, Setup};
use crate::ledger::{LedgerOptions, LedgerTiming, NoPeers, PeerCalls, RaftLedger, StartError};
use crate::model::{
    AppId, BootId, CommandBody, Event, HeldReadiness, MemberId, Millis, Probe, Rejection, Target,
};
use crate::notify::{ClientError, Tally};
use crate::peer::PeerStartError;
use crate::ports::{Actuator, Clock, Inspector, Ledger, LedgerError};
use crate::probe::{LoopStall, NetProber, ProbeSet};
use crate::run::{self, Timing};

use super::alarm::{QuorumAlarm, SlowPeers};
use super::cluster::{Carrier, Cluster, Opening};
use super::driver::{Driver, Notice};
use super::evacuate::Fleet;
use super::forward::{self, Answered, Forwarded};
use super::game_day::RehearsalSheets;
use super::gossip::Sheets;
use super::live_drill;
use super::members::{self, ChangeRefused, MemberChange, MembersNow};
use super::notify;
use super::operate::Operators;
use super::pauses::PausesKnown;
use super::perform::{Performer, Unseen};
use super::readiness::{self, CheckDesk, NotChecked};
use super::snapshot::Snapshot;
use super::stats::Stats;
use super::steady::SteadyClock;
use super::steering::Steering;
use super::tell::Teller;
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

/// Without a quorum for so many leases, a member alarms: an election takes two at the most when the
/// leader is lost, and may have to be held twice.
const ALARM_LEASES: u64 = 4;

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
    /// The port between members if it was taken before; as configured if not.
    pub peer_listener: Option<std::net::TcpListener>,
    /// Something between this member and its actuator: a drill stops it there.
    pub interpose: Option<Interpose>,
}

/// Makes of an actuator another.
pub type Interpose = Box<dyn FnOnce(Arc<dyn Actuator>) -> Arc<dyn Actuator> + Send>;

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
            peer_listener: None,
            interpose: None,
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
    /// The port between members.
    #[error("the port between members does not open")]
    Peers(#[from] PeerStartError),
    /// Nobody can be told anything.
    #[error("notifications cannot be sent")]
    Notify(#[from] ClientError),
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
    cluster: Cluster,
    stopping: CancellationToken,
    driver: JoinHandle<Result<(), LedgerError>>,
}

/// What others may ask of a running member. Clones ask the same one.
#[derive(Clone)]
pub struct NodeHandle {
    pub(super) performer: Performer,
    pub(super) cluster: Cluster,
    pub(super) snapshots: watch::Receiver<Arc<Snapshot>>,
    notices: broadcast::Sender<Notice>,
    stats: Arc<Stats>,
    pub(super) fleet: Arc<Fleet>,
    checks: CheckDesk,
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
            peer_listener,
            interpose,
        } = options;
        let host = clock;
        let clock: Arc<dyn Clock> = Arc::new(SteadyClock::new(Arc::clone(&host)));
        let ledger_timing = LedgerTiming::scaled(&config.cluster, clock.as_ref());
        let carrier = Arc::new(Carrier::default());
        let peers: Arc<dyn PeerCalls> = match config.peering {
            Some(_) => Arc::clone(&carrier) as Arc<dyn PeerCalls>,
            None => Arc::new(NoPeers),
        };
        let ledger = Arc::new(
            RaftLedger::start(LedgerOptions {
                data_dir: config.node.data_dir.clone(),
                member: config.node.id.clone(),
                members: voters(&config),
                timing: ledger_timing,
                transition: Arc::new(run::apply),
                peers,
            })
            .await?,
        );
        let aws = AwsActuator::new(&config.applications, Arc::clone(&clock), aws).await;
        let aws = Arc::new(aws);
        let inspector: Arc<dyn Inspector> = Arc::clone(&aws) as Arc<dyn Inspector>;
        let actuator: Arc<dyn Actuator> = Arc::new(Steering {
            outward: aws,
            ledger: Arc::clone(&ledger) as Arc<dyn Ledger>,
            clock: Arc::clone(&clock),
            boot,
            apps: config.applications.clone().into(),
        });
        let actuator = match interpose {
            Some(interpose) => interpose(actuator),
            None => actuator,
        };
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
        let (operators, questions) =
            Operators::new(config.applications.iter().map(|app| app.name.clone()));
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
            sheets: Sheets::default(),
            rehearsals: RehearsalSheets::default(),
            standing_down: Arc::default(),
            apps: config.applications.clone().into(),
            looked: Arc::default(),
            operators,
        };
        let opened = Cluster::open(Opening {
            config: &config,
            boot,
            listener: peer_listener,
            carrier: &carrier,
            ledger: &ledger,
            heartbeat: ledger_timing.heartbeat,
            performer: &performer,
            stopping: &stopping,
        });
        let cluster = match opened.await {
            Ok(cluster) => cluster,
            Err(error) => {
                // The folder must be free again for the next attempt.
                ledger.shutdown().await;
                return Err(error.into());
            }
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
                windows: config.windows.clone(),
                timing: Timing {
                    poll: POLL,
                    call_timeout,
                    lease,
                    soak_poll: SOAK_POLL,
                    steady_poll: STEADY_POLL,
                },
                data_loss_approval: config.auth.data_loss_approval,
            },
            clock.now(),
        );
        let mut probes = Vec::new();
        for (index, vantage) in vantages.iter().enumerate() {
            let set = spawn_probes(&config, vantage, &clock, boot.0 ^ index as u64, &inbox_in);
            probes.push((vantage.member.clone(), set?));
            stats.hosts(&vantage.member);
        }
        watchers::spawn(&config.applications, &performer, &stopping);
        live_drill::spawn(&config.applications, &performer, &stopping);
        let checks = readiness::spawn(&config, inspector, &performer, &stopping);
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
        let told = Tally::of(&config.notifications, config.heartbeat.is_some());
        notify::start(&config, &told, &host, &snapshots, &stopping)?;
        let measured = Arc::clone(&ledger);
        let driver = Driver {
            controller,
            ledger: Arc::clone(&ledger) as Arc<dyn Ledger>,
            figures: Box::new(move || measured.metrics().into()),
            cluster: cluster.clone(),
            alarm: QuorumAlarm::new(Millis(lease.0 * ALARM_LEASES)),
            slow_peers: SlowPeers::default(),
            pauses: PausesKnown::default(),
            me: config.node.id.clone(),
            clock: Arc::clone(&clock),
            host,
            performer: performer.clone(),
            inbox,
            questions,
            snapshots: snapshots_in,
            notices: notices.clone(),
            probes,
            stall,
            stats: Arc::clone(&stats),
            told: told.clone(),
            teller: Teller::default(),
            stopping: stopping.clone(),
            counted: ledger.state(),
            drain_within: clock.real(call_timeout, std::time::Duration::ZERO)
                + ledger_timing.deadline,
        };
        Ok(Self {
            handle: NodeHandle {
                performer,
                cluster: cluster.clone(),
                snapshots,
                notices,
                stats,
                fleet: Arc::new(Fleet::of(&config)),
                checks,
            },
            ledger,
            cluster,
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
        self.cluster.close().await;
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

    /// What the last look of this member at the application's readiness found, if there was one.
    pub fn readiness(&self, app: &AppId) -> Option<Arc<HeldReadiness>> {
        self.snapshots.borrow().checks.get(app).cloned()
    }

    /// Looks now, after those who asked before, and answers with what it found. Bounded.
    ///
    /// # Errors
    ///
    /// If there is no such application, a run is under way, or AWS does not answer.
    pub async fn check_now(&self, app: AppId) -> Result<Arc<HeldReadiness>, NotChecked> {
        self.checks.check_now(app).await
    }

    /// Asks for a run, of the leader where this member follows. Whether it is made shows in the
    /// snapshots, or as [`Notice::Declined`] at the leader.
    ///
    /// # Errors
    ///
    /// If there is no leader, or it did not answer; whether the request is followed is then unknown.
    pub async fn request(&self, request: RunRequest) -> Result<(), LedgerError> {
        let leads = self.performer.ledger.leads();
        if !leads && self.cluster.ledger().leader().is_some() {
            let forwarded = Forwarded::Request(request);
            return forward::forward(&self.cluster, &forwarded).await.map(drop);
        }
        // Without a leader anywhere this member's own loop says no, with the reason.
        let sent = self.performer.inbox.send(Input::Request(request)).await;
        sent.map_err(|_| LedgerError::Stopped {
            why: "the loop has ended".to_owned(),
        })
    }

    /// Writes an operator's word to the ledger, through the leader where this member follows.
    ///
    /// # Errors
    ///
    /// If the ledger did not answer; whether it was written is then unknown.
    pub async fn command(
        &self,
        body: CommandBody,
    ) -> Result<Result<Event, Rejection>, LedgerError> {
        if self.performer.ledger.leads() {
            return self.performer.operate(body).await;
        }
        match forward::forward(&self.cluster, &Forwarded::Command(body)).await? {
            Answered::Committed(answer) => Ok(answer),
            Answered::Taken
            | Answered::Members(_)
            | Answered::Planned(_)
            | Answered::Started(_)
            | Answered::DrillBegun(_)
            | Answered::NotLeader
            | Answered::Unknown { .. } => Err(LedgerError::Unknown {
                why: "the leader answered another question".to_owned(),
            }),
        }
    }

    /// Changes who is a member, through the leader where this member follows.
    ///
    /// # Errors
    ///
    /// If it was refused, or if nobody here can tell whether it was done.
    pub async fn change_members(&self, change: MemberChange) -> Result<MembersNow, ChangeRefused> {
        members::change(&self.cluster, change).await
    }
}

/// Who keeps the ledger: every configured member; this one alone where the others have no address,
/// because they live in this process.
fn voters(config: &Config) -> BTreeSet<MemberId> {
    match config.peering {
        Some(_) => config.members.iter().map(|m| m.id.clone()).collect(),
        None => BTreeSet::from([config.node.id.clone()]),
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
