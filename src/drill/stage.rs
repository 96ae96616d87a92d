//! The stage of a drill: the emulated world, the product and its users, and the real daemon with
//! its three vantages, each on a loopback address of its own.
//!
//! ```text
//!  127.0.1.1 ─┐                       ┌─▶ Regions 127.0.2.x ◀── users 127.0.4.1
//!  127.0.1.2 ─┼─ probes ── network ───┤
//!  127.0.1.3 ─┘                       └─▶ references 127.0.3.x
//!      └── one node ── SDK ──▶ the sandbox's AWS
//! ```

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use tempfile::TempDir;

use crate::actuate::AwsOptions;
use crate::config::{self, Config};
use crate::daemon::clock::{SpeedOutOfRange, WorldClock};
use crate::daemon::{HostedVantage, Node, NodeError, NodeOptions};
use crate::model::{BootId, Millis, RegionId};
use crate::ports::Clock;
use crate::runbook::spanned::{Source, Style};
use crate::sandbox::network::{Network, Place as NetworkPlace};
use crate::sandbox::plane::DataPlane;
use crate::sandbox::product::{Product, ProductAddresses, ProductError, ProductSetup};
use crate::sandbox::users::{Users, UsersSetup};
use crate::sandbox::{Fault, Sandbox, SandboxSetup, Service, World};

use super::DrillOptions;
use super::furnish::Furniture;
use super::scenario::{
    AwsService, FaultSpec, LostReply, Place, Places, RunbookChoice, Scenario, shipped_runbook,
};

const HOME: &str = "eu-west-1";
const STANDBY: &str = "eu-central-1";
const WITNESS: &str = "eu-north-1";

/// As many as a member needs to trust its own eyes.
const REFERENCES: usize = 3;

/// Real time of the ledger's lease in a drill. Half of it is how long a proof of leadership holds,
/// and a busy laptop signs and sends a request well within that.
const LEASE: Duration = Duration::from_secs(2);

/// The longest that a configuration may ask for: beyond thirty times real time the lease is shorter.
const LONGEST_LEASE: Millis = Millis::from_mins(1);

/// Why a drill cannot be played. Nothing of it is failoverd's verdict.
#[derive(Debug, thiserror::Error)]
pub enum DrillError {
    /// `--speed`.
    #[error(transparent)]
    Speed(#[from] SpeedOutOfRange),
    /// The folder for the ledger.
    #[error("no temporary folder can be made in {}", dir.display())]
    Folder {
        /// Where it was tried.
        dir: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The sandbox's listener.
    #[error("the sandbox does not start: cannot listen on the loopback interface")]
    Sandbox(#[source] std::io::Error),
    /// The product's listeners.
    #[error("the sandbox's product does not start")]
    Product(#[from] ProductError),
    /// `--runbook`, or a scenario's own.
    #[error("{} cannot be read", path.display())]
    Runbook {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The runbook does not hold together. Every finding, rendered.
    #[error("the drill's runbook is not valid:\n{0}")]
    Invalid(String),
    /// The daemon.
    #[error("the daemon does not start")]
    Node(#[from] NodeError),
    /// It never became steady.
    #[error(
        "the emulated world did not become steady: {why}; is this host very busy? try a lower --speed"
    )]
    NotSteady {
        /// What was missing.
        why: String,
    },
    /// The daemon ended by itself.
    #[error("the daemon stopped during the drill: {why}")]
    Stopped {
        /// Why.
        why: String,
    },
    /// A scenario's act makes no sense here.
    #[error("the scenario asks for something that cannot be done: {why}")]
    Scenario {
        /// What.
        why: String,
    },
}

/// Everything that is on the stage.
pub(super) struct Stage {
    pub clock: Arc<dyn Clock>,
    pub places: Places,
    pub config: Config,
    pub setup: SandboxSetup,
    pub world: Arc<World>,
    pub node: Node,
    pub users: Users,
    sources: BTreeMap<RegionId, IpAddr>,
    network: Arc<Network>,
    sandbox: Sandbox,
    product: Product,
    _folder: TempDir,
}

impl Stage {
    /// Builds everything and starts it.
    pub async fn build(scenario: &Scenario, options: &DrillOptions) -> Result<Self, DrillError> {
        let clock: Arc<dyn Clock> = Arc::new(WorldClock::accelerated(options.speed)?);
        let folder = TempDir::new().map_err(|source| DrillError::Folder {
            dir: std::env::temp_dir(),
            source,
        })?;
        let places = Places {
            home: RegionId::from(HOME),
            standby: RegionId::from(STANDBY),
            witness: RegionId::from(WITNESS),
        };
        let setup = SandboxSetup::active_passive(HOME, STANDBY, options.seed);
        let sandbox = Sandbox::start(setup.clone(), Arc::clone(&clock))
            .await
            .map_err(DrillError::Sandbox)?;
        let world = sandbox.world();
        let network = Arc::new(Network::new());
        let product = Product::start(
            Arc::clone(&world) as Arc<dyn DataPlane>,
            Arc::clone(&network),
            Arc::clone(&clock),
            ProductSetup {
                regions: vec![places.home.clone(), places.standby.clone()],
                references: REFERENCES,
            },
        )
        .await?;
        let (runbook, sources) = runbook(scenario, options)?;
        let lease = Millis(LEASE.as_millis() as u64 * u64::from(options.speed)).min(LONGEST_LEASE);
        let furniture = Furniture {
            setup: &setup,
            addresses: product.addresses(),
            places: &places,
            runbook: &runbook,
            overrides: &scenario.app,
            data_dir: folder.path(),
            endpoint_url: &sandbox.endpoint_url(),
            lease,
        };
        let config = read_config(&furniture.config(), &sources)?;
        let users = start_users(&world, product.addresses(), &clock, options.seed);
        let (node, sources) = start_node(&config, &places, &clock, options.seed).await?;
        Ok(Self {
            clock,
            places,
            config,
            setup,
            world,
            node,
            users,
            sources,
            network,
            sandbox,
            product,
            _folder: folder,
        })
    }

    /// Does what a scenario names.
    pub fn inject(&self, spec: &FaultSpec) -> Result<(), DrillError> {
        match spec {
            FaultSpec::PathCut { vantage, region } => {
                let place = NetworkPlace::Region(self.places.region(region).clone());
                self.network.cut(self.source(vantage)?, place);
            }
            FaultSpec::VantageIsolated { vantage } => {
                let places: Vec<NetworkPlace> = self.everywhere();
                self.network.isolate(self.source(vantage)?, places);
            }
            spec => {
                for fault in self.faults(spec) {
                    self.sandbox.inject(fault);
                }
            }
        }
        Ok(())
    }

    /// Undoes what a scenario names.
    pub fn clear(&self, spec: &FaultSpec) -> Result<(), DrillError> {
        match spec {
            FaultSpec::PathCut { vantage, region } => {
                let place = NetworkPlace::Region(self.places.region(region).clone());
                self.network.mend(self.source(vantage)?, &place);
            }
            FaultSpec::VantageIsolated { vantage } => self.network.rejoin(self.source(vantage)?),
            spec => {
                for fault in self.faults(spec) {
                    if !self.sandbox.clear(&fault) {
                        return Err(DrillError::Scenario {
                            why: format!("it clears a fault that is not on: {spec}"),
                        });
                    }
                }
            }
        }
        Ok(())
    }

    fn everywhere(&self) -> Vec<NetworkPlace> {
        let regions = [&self.places.home, &self.places.standby];
        regions
            .into_iter()
            .map(|region| NetworkPlace::Region(region.clone()))
            .chain((0..REFERENCES).map(NetworkPlace::Reference))
            .collect()
    }

    fn source(&self, place: &Place) -> Result<IpAddr, DrillError> {
        let region = self.places.region(place);
        self.sources
            .get(region)
            .copied()
            .ok_or_else(|| DrillError::Scenario {
                why: format!("no member is at home in {region}"),
            })
    }

    /// The sandbox's own faults behind a scenario's.
    fn faults(&self, spec: &FaultSpec) -> Vec<Fault> {
        let region = |place: &Place| self.places.region(place).clone();
        match spec {
            // The network's, not the world's.
            FaultSpec::PathCut { .. } | FaultSpec::VantageIsolated { .. } => Vec::new(),
            FaultSpec::RegionDown { region: of } => vec![Fault::RegionDown { region: region(of) }],
            FaultSpec::ControlPlaneGone { region: of } => {
                vec![Fault::ControlPlaneGone { region: region(of) }]
            }
            FaultSpec::Throttle {
                service,
                percent,
                times,
            } => {
                let services = match service {
                    Some(service) => vec![of_aws(*service)],
                    None => Service::ALL.to_vec(),
                };
                services
                    .into_iter()
                    .map(|service| Fault::Throttle {
                        service,
                        percent: percent.0,
                        times: *times,
                    })
                    .collect()
            }
            FaultSpec::LoseReply {
                service,
                operation,
                times,
                how,
            } => vec![Fault::LoseReply {
                service: of_aws(*service),
                operation: operation.clone(),
                times: *times,
                how: match how {
                    LostReply::Reset => crate::sandbox::LostReply::Reset,
                    LostReply::Silence => crate::sandbox::LostReply::Silence,
                },
            }],
            FaultSpec::HangControlPlane {
                service,
                region: of,
            } => vec![Fault::HangControlPlane {
                service: service.map(of_aws),
                region: of.as_ref().map(region),
            }],
            FaultSpec::FailControlPlane { service, status } => vec![Fault::FailControlPlane {
                service: of_aws(*service),
                status: *status,
                code: None,
            }],
            FaultSpec::PromotionStuck {} => vec![Fault::PromotionStuck],
            FaultSpec::NoCapacity {
                region: of,
                at_most,
            } => vec![Fault::NoCapacity {
                region: region(of),
                at_most: *at_most,
            }],
            FaultSpec::Lag { lag } => vec![Fault::Lag { lag: *lag }],
            FaultSpec::LagUnknown {} => vec![Fault::LagUnknown],
            FaultSpec::WriterUnfenced { region: of } => {
                vec![Fault::WriterUnfenced { region: region(of) }]
            }
            FaultSpec::RecordChanged {
                ttl,
                just_before_the_batch,
            } => {
                let (name, ttl) = (self.setup.dns.record_name.clone(), *ttl);
                vec![if *just_before_the_batch {
                    Fault::RecordRaced { name, ttl }
                } else {
                    Fault::RecordChangedBy { name, ttl }
                }]
            }
            FaultSpec::DialChanged {
                region: of,
                percent,
            } => vec![Fault::DialChangedBy {
                region: region(of),
                percent: percent.0,
            }],
        }
    }

    /// Takes the stage down; what was seen of users and world remains.
    pub async fn strike(self) -> (crate::sandbox::users::UserTally, Arc<World>) {
        let tally = self.users.stop().await;
        self.node.shutdown().await;
        self.product.stop().await;
        drop(self.sandbox);
        (tally, self.world)
    }
}

fn of_aws(service: AwsService) -> Service {
    match service {
        AwsService::Route53 => Service::Route53,
        AwsService::GlobalAccelerator => Service::GlobalAccelerator,
        AwsService::Rds => Service::Rds,
        AwsService::Eks => Service::Eks,
        AwsService::AutoScaling => Service::AutoScaling,
        AwsService::CloudWatch => Service::CloudWatch,
        AwsService::Sts => Service::Sts,
    }
}

/// The runbook's name, and the texts that the loader needs beside its own.
fn runbook(
    scenario: &Scenario,
    options: &DrillOptions,
) -> Result<(String, Vec<Arc<Source>>), DrillError> {
    let file = |path: &Path| {
        let text = std::fs::read_to_string(path).map_err(|source| DrillError::Runbook {
            path: path.to_owned(),
            source,
        })?;
        let source = Source::new(path.display().to_string(), text);
        let parsed = crate::runbook::parse(&source)
            .map_err(|found| DrillError::Invalid(found.render(Style::Plain)))?;
        Ok((parsed.runbook.name.clone(), vec![source]))
    };
    match (&options.runbook, &scenario.runbook) {
        (Some(path), _) | (None, RunbookChoice::File(path)) => file(path),
        (None, RunbookChoice::Shipped(name)) => {
            let own = shipped_runbook(name)
                .map(|text| Source::new(format!("{name}.toml"), text.to_owned()));
            Ok((name.clone(), own.into_iter().collect()))
        }
    }
}

fn read_config(text: &str, runbooks: &[Arc<Source>]) -> Result<Config, DrillError> {
    let source = Source::new("the drill's failoverd.toml".to_owned(), text.to_owned());
    config::from_sources(&source, &[], runbooks, Path::new(""))
        .map(|loaded| loaded.config)
        .map_err(|found| DrillError::Invalid(found.render(Style::Plain)))
}

fn start_users(
    world: &Arc<World>,
    addresses: &ProductAddresses,
    clock: &Arc<dyn Clock>,
    seed: u64,
) -> Users {
    let setup = UsersSetup::at_pace_of(clock.as_ref(), seed);
    let plane = Arc::clone(world) as Arc<dyn DataPlane>;
    Users::start(plane, addresses.clone(), Arc::clone(clock), setup)
}

async fn start_node(
    config: &Config,
    places: &Places,
    clock: &Arc<dyn Clock>,
    seed: u64,
) -> Result<(Node, BTreeMap<RegionId, IpAddr>), DrillError> {
    let regions = [&places.home, &places.standby, &places.witness];
    let sources: BTreeMap<RegionId, IpAddr> = regions
        .into_iter()
        .zip(1_u8..)
        .map(|(region, last)| (region.clone(), IpAddr::V4(Ipv4Addr::new(127, 0, 1, last))))
        .collect();
    let vantages = config
        .members
        .iter()
        .map(|member| HostedVantage {
            member: member.id.clone(),
            source: sources.get(&member.region).copied(),
        })
        .collect();
    // Anybody's: the sandbox reads the scope of a signature, not whose it is.
    let credentials = Credentials::new("AKIADRILL", "drill", None, None, "drill");
    let node = Node::start(NodeOptions {
        peer_listener: None,
        config: Config {
            peering: None,
            ..config.clone()
        },
        clock: Arc::clone(clock),
        vantages,
        aws: AwsOptions {
            credentials: Some(SharedCredentialsProvider::new(credentials)),
            home: Some(config.node.region.clone()),
        },
        boot: BootId(seed),
    })
    .await?;
    Ok((node, sources))
}
