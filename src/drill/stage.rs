//! The stage of a drill: the emulated world, the product and its users, and the members, each a real
//! daemon with eyes on a loopback address of its own.
//!
//! ```text
//!  127.0.1.1 ─┐                       ┌─▶ Regions 127.0.2.x ◀── users 127.0.4.1
//!  127.0.1.2 ─┼─ probes ── network ───┤
//!  127.0.1.3 ─┘                       └─▶ references 127.0.3.x
//!      │ ╲___ wires ___ the other members
//!      └───── wire ──── SDK ──▶ the sandbox's AWS
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use crate::config::{self, BUILT_IN_RUNBOOKS, Config};
use crate::daemon::NodeError;
use crate::daemon::clock::{SpeedOutOfRange, WorldClock};
use crate::model::{MemberId, Millis, RegionId, RunKind};
use crate::ports::Clock;
use crate::runbook::spanned::{Source, Style};
use crate::sandbox::network::{Network, Place as NetworkPlace};
use crate::sandbox::plane::DataPlane;
use crate::sandbox::product::{Product, ProductAddresses, ProductError, ProductSetup};
use crate::sandbox::users::{UserTally, Users, UsersSetup};
use crate::sandbox::{Gate, HoldPoint, Sandbox, SandboxSetup, World};

use super::DrillOptions;
use super::cast::{Cast, Script};
use super::faults;
use super::fleet;
use super::furnish::{APP, Furniture};
use super::member::Member;
use super::scenario::{
    AppOverrides, FaultSpec, Place, Places, RunbookChoice, Scenario, shipped_runbook,
};
use super::wires::Wires;

const HOME: &str = "eu-west-1";
const STANDBY: &str = "eu-central-1";
const WITNESS: &str = "eu-north-1";
const WITNESS_2: &str = "eu-west-3";
const WITNESS_3: &str = "eu-south-1";

/// As many as a member needs to trust its own eyes.
const REFERENCES: usize = 3;

/// Real time of the ledger's lease in a drill. Half of it is how long a proof of leadership holds,
/// and a busy laptop signs and sends a request well within that.
const LEASE: Duration = Duration::from_millis(1_200);

/// What a member with another configuration waits for instead: any that no scenario has.
const OTHER_HOLD_DOWN: Millis = Millis::from_secs(31);

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
    /// A member.
    #[error("a member does not start")]
    Node(#[from] NodeError),
    /// A member's port, or a wire to it.
    #[error("the members' ports cannot be opened on the loopback interface")]
    Port(#[source] std::io::Error),
    /// A member's runtime.
    #[error("this host gives no threads for a member")]
    Threads(#[source] std::io::Error),
    /// It never became steady.
    #[error(
        "the emulated world did not become steady: {why}; is this host very busy? try a lower --speed"
    )]
    NotSteady {
        /// What was missing.
        why: String,
    },
    /// A member ended by itself.
    #[error("a member stopped during the drill: {why}")]
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
    /// What all members have the same of: applications, runbooks.
    pub config: Config,
    /// World time of the members' lease.
    pub lease: Millis,
    pub setup: SandboxSetup,
    pub world: Arc<World>,
    pub cast: Cast,
    pub users: Users,
    network: Arc<Network>,
    sandbox: Sandbox,
    product: Product,
    /// Calls that are held, by the words of the fault that holds them.
    gates: BTreeMap<String, Gate>,
    folder: TempDir,
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
            witness_2: RegionId::from(WITNESS_2),
            witness_3: RegionId::from(WITNESS_3),
        };
        let mut setup = SandboxSetup::active_passive(HOME, STANDBY, options.seed);
        if scenario.app.third_region || scenario.app.side_by_side {
            setup = setup.with_candidate(WITNESS);
        }
        if scenario.app.side_by_side {
            setup = setup.side_by_side(AppOverrides::NODES);
        }
        if scenario.app.weighted_records {
            setup = setup.with_weighted_records();
        }
        if scenario.app.routing_controls {
            setup = setup.with_routing_controls();
        }
        setup = fleet::add(setup, scenario.app.fleet);
        if scenario.app.cold_standby {
            setup = setup.with_no_nodes(STANDBY);
        }
        let doors = steer_doors(scenario)?;
        if !doors.is_empty() {
            let told: Result<Vec<SocketAddr>, _> = doors.iter().map(|d| d.local_addr()).collect();
            setup = setup.with_steering(APP, &told.map_err(DrillError::Port)?);
        }
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
                regions: setup.regions.iter().map(|r| r.name.clone()).collect(),
                references: REFERENCES,
            },
        )
        .await?;
        let lease = Millis(LEASE.as_millis() as u64 * u64::from(options.speed)).min(LONGEST_LEASE);
        let (members, wires) = members(scenario, &clock, &sandbox, doors).await?;
        let script = Playwright {
            scenario,
            options,
            places: &places,
            setup: &setup,
            addresses: product.addresses(),
            folder: folder.path(),
            lease,
        };
        let (config, scripts) = script.write(&members, &wires)?;
        let users = start_users(&world, product.addresses(), &clock, scenario, options.seed);
        let cast = Cast::start(members, scripts, wires, Arc::clone(&clock)).await?;
        Ok(Self {
            clock,
            places,
            config,
            lease,
            setup,
            world,
            cast,
            users,
            network,
            sandbox,
            product,
            gates: BTreeMap::new(),
            folder,
        })
    }

    /// Does what a scenario names; says to whom, where it is a member.
    pub async fn inject(&mut self, spec: &FaultSpec) -> Result<Option<RegionId>, DrillError> {
        if let Some(who) = spec.member() {
            let victim = self.cast.inject(spec, who, &self.places).await?;
            return Ok(Some(victim));
        }
        match spec {
            FaultSpec::MembersPartitioned {} => self.cast.scatter(true),
            FaultSpec::CallHeld { service, operation } => {
                let service = faults::of_aws(*service);
                let gate = self
                    .world
                    .hold(service, operation, HoldPoint::BeforeExecution);
                self.gates.insert(spec.to_string(), gate);
            }
            FaultSpec::PathCut { vantage, region } => {
                let place = NetworkPlace::Region(self.places.region(region).clone());
                self.network.cut(self.source(vantage)?, place);
            }
            FaultSpec::VantageIsolated { vantage } => {
                let places: Vec<NetworkPlace> = self.everywhere();
                self.network.isolate(self.source(vantage)?, places);
            }
            spec => {
                for fault in faults::of_world(spec, &self.places, &self.setup) {
                    self.sandbox.inject(fault);
                }
            }
        }
        Ok(None)
    }

    /// Undoes what a scenario names; says to whom, where it was a member.
    pub async fn clear(&mut self, spec: &FaultSpec) -> Result<Option<RegionId>, DrillError> {
        if let Some(who) = spec.member() {
            let victim = self.cast.clear(spec, who, &self.places).await?;
            return Ok(Some(victim));
        }
        let is_not_on = || DrillError::Scenario {
            why: format!("it clears a fault that is not on: {spec}"),
        };
        match spec {
            FaultSpec::MembersPartitioned {} => self.cast.scatter(false),
            FaultSpec::CallHeld { .. } => {
                let gate = self.gates.remove(&spec.to_string());
                gate.ok_or_else(is_not_on)?.release();
            }
            FaultSpec::PathCut { vantage, region } => {
                let place = NetworkPlace::Region(self.places.region(region).clone());
                self.network.mend(self.source(vantage)?, &place);
            }
            FaultSpec::VantageIsolated { vantage } => self.network.rejoin(self.source(vantage)?),
            spec => {
                for fault in faults::of_world(spec, &self.places, &self.setup) {
                    if !self.sandbox.clear(&fault) {
                        return Err(is_not_on());
                    }
                }
            }
        }
        Ok(None)
    }

    /// Where a person without any member writes down what is done.
    pub fn journal(&self) -> PathBuf {
        self.folder.path().join("break-glass")
    }

    /// Whether a call that is held has been received.
    pub fn any_call_held(&self) -> bool {
        self.gates.values().any(|gate| gate.held() > 0)
    }

    fn everywhere(&self) -> Vec<NetworkPlace> {
        let regions = self.setup.regions.iter().map(|region| &region.name);
        regions
            .map(|region| NetworkPlace::Region(region.clone()))
            .chain((0..REFERENCES).map(NetworkPlace::Reference))
            .collect()
    }

    fn source(&self, place: &Place) -> Result<IpAddr, DrillError> {
        self.cast.source(self.places.region(place))
    }

    /// Takes the stage down; what was seen of users and world remains.
    pub async fn strike(self) -> (UserTally, Arc<World>) {
        let tally = self.users.stop().await;
        self.cast.strike().await;
        self.product.stop().await;
        drop(self.sandbox);
        (tally, self.world)
    }
}

/// The runbook that is played.
struct Chosen {
    name: String,
    /// What it is for.
    kinds: BTreeSet<RunKind>,
    /// The texts that the loader needs beside its own.
    sources: Vec<Arc<Source>>,
}

fn runbook(scenario: &Scenario, options: &DrillOptions) -> Result<Chosen, DrillError> {
    let (source, is_built_in) = match (&options.runbook, &scenario.runbook) {
        (Some(path), _) | (None, RunbookChoice::File(path)) => {
            let text = std::fs::read_to_string(path).map_err(|source| DrillError::Runbook {
                path: path.clone(),
                source,
            })?;
            (Source::new(path.display().to_string(), text), false)
        }
        (None, RunbookChoice::Shipped(name)) => {
            let built_in = BUILT_IN_RUNBOOKS.iter().find(|(known, _)| known == name);
            let text = shipped_runbook(name).or(built_in.map(|(_, text)| *text));
            let text = text.ok_or_else(|| DrillError::Scenario {
                why: format!("no runbook `{name}` ships with failoverd"),
            })?;
            let source = Source::new(format!("{name}.toml"), text.to_owned());
            (source, shipped_runbook(name).is_none())
        }
    };
    let parsed = crate::runbook::parse(&source)
        .map_err(|found| DrillError::Invalid(found.render(Style::Plain)))?;
    let mut sources = if is_built_in {
        Vec::new()
    } else {
        vec![source]
    };
    if scenario.app.fleet > 0 {
        let texts = fleet::RUNBOOKS.into_iter();
        sources.extend(texts.filter_map(|name| {
            let text = shipped_runbook(name)?;
            Some(Source::new(format!("{name}.toml"), text.to_owned()))
        }));
    }
    Ok(Chosen {
        name: parsed.runbook.name,
        kinds: parsed.runbook.kinds,
        sources,
    })
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
    scenario: &Scenario,
    seed: u64,
) -> Users {
    let setup = UsersSetup {
        by_dns: !scenario.app.side_by_side,
        ..UsersSetup::at_pace_of(clock.as_ref(), seed)
    };
    let plane = Arc::clone(world) as Arc<dyn DataPlane>;
    Users::start(plane, addresses.clone(), Arc::clone(clock), setup)
}

/// Where each member tells health checks what is steered; nowhere unless the scenario asks for it.
fn steer_doors(scenario: &Scenario) -> Result<Vec<TcpListener>, DrillError> {
    if !scenario.app.steered {
        return Ok(Vec::new());
    }
    (0..scenario.members.count)
        .map(|_| {
            let door = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            door.set_nonblocking(true)?;
            Ok(door)
        })
        .collect::<std::io::Result<_>>()
        .map_err(DrillError::Port)
}

/// The members, not yet alive, and the wires between them and to AWS.
async fn members(
    scenario: &Scenario,
    clock: &Arc<dyn Clock>,
    sandbox: &Sandbox,
    doors: Vec<TcpListener>,
) -> Result<(Vec<Member>, Wires), DrillError> {
    let mut doors = doors.into_iter();
    let members: Vec<Member> = [HOME, STANDBY, WITNESS, WITNESS_2, WITNESS_3]
        .into_iter()
        .take(scenario.members.count)
        .zip(1_u8..)
        .map(|(region, number)| {
            // Called by where it is at home, as most would call it.
            let id = MemberId::from(region);
            let mut member = Member::new(id, RegionId::from(region), number, Arc::clone(clock));
            member.steer = doors.next();
            member
        })
        .collect();
    let ids: Vec<MemberId> = members.iter().map(|member| member.id.clone()).collect();
    let wires = Wires::lay(&ids, sandbox.address())
        .await
        .map_err(DrillError::Port)?;
    Ok((members, wires))
}

/// Writes each member's configuration.
struct Playwright<'a> {
    scenario: &'a Scenario,
    options: &'a DrillOptions,
    places: &'a Places,
    setup: &'a SandboxSetup,
    addresses: &'a ProductAddresses,
    folder: &'a Path,
    lease: Millis,
}

impl Playwright<'_> {
    /// What all have the same of, and each one's own.
    fn write(
        &self,
        members: &[Member],
        wires: &Wires,
    ) -> Result<(Config, BTreeMap<MemberId, Script>), DrillError> {
        let runbook = runbook(self.scenario, self.options)?;
        let regions: Vec<RegionId> = members.iter().map(|m| m.region.clone()).collect();
        let mut scripts = BTreeMap::new();
        for member in members {
            let read = |overrides: &AppOverrides| {
                let furniture = Furniture {
                    setup: self.setup,
                    addresses: self.addresses,
                    places: self.places,
                    me: &member.region,
                    members: &regions,
                    others: &wires.addresses(&member.id),
                    runbook: &runbook.name,
                    kinds: &runbook.kinds,
                    overrides,
                    data_dir: &self.folder.join(member.id.as_str()),
                    endpoint_url: &wires
                        .aws(&member.id)
                        .map(|address| format!("http://{address}"))
                        .unwrap_or_default(),
                    lease: self.lease,
                };
                read_config(&furniture.config(), &runbook.sources)
            };
            let config = read(&self.scenario.app)?;
            let drifted = read(&AppOverrides {
                hold_down: Some(OTHER_HOLD_DOWN),
                ..self.scenario.app.clone()
            })?;
            scripts.insert(member.id.clone(), Script { config, drifted });
        }
        let any = scripts.values().next().map(|script| script.config.clone());
        let config = any.ok_or_else(|| DrillError::Scenario {
            why: "it has no members".to_owned(),
        })?;
        Ok((config, scripts))
    }
}
