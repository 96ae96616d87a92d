//! A small world at the host's own pace, and the `failoverd.toml` of the one member that watches it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use failoverd::daemon::clock::WorldClock;
use failoverd::model::{Millis, RegionId};
use failoverd::ports::Clock;
use failoverd::sandbox::network::Network;
use failoverd::sandbox::plane::DataPlane;
use failoverd::sandbox::product::{Product, ProductSetup};
use failoverd::sandbox::{Delays, Execution, Fault, Sandbox, SandboxSetup, Service, World};
use tempfile::TempDir;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::child::{Circumstances, Daemon};
use super::metrics::Metrics;

pub const HOME: &str = "eu-west-1";
pub const STANDBY: &str = "eu-central-1";

/// Worlds at a time: each is mostly waiting, but all of their timeouts are the host's.
pub static PLACES: Semaphore = Semaphore::const_new(4);

/// The shipped runbook, which each world has as a file of its own.
const RUNBOOK: &str = include_str!("../../runbooks/active-passive.toml");

/// A cluster of one, that may act on what it alone sees.
const ALONE: &str = r#"
[[member]]
id = "witness"
region = "eu-north-1"
"#;

/// A file of tokens with one that nobody has: what its hash is of is not known.
const NOBODYS: &str = "[[token]]
name = \"nobody\"
role = \"viewer\"
sha256 = \"5f2c6a0b9d8e47138c1f0a6b7e93d2458ab1c0de73f4956a8b2c1d0e9f8a7b6c\"
";

/// What a test may change of its world before the daemon sees it.
#[derive(Clone, Debug)]
pub struct Props {
    /// What the configuration calls the global database; the sandbox's own if absent.
    pub global_cluster: Option<String>,
    /// A folder for the ledger other than the stage's own.
    pub data_dir: Option<PathBuf>,
    pub api: String,
    pub soak: &'static str,
    /// Beyond `[node]`: the members, their authority and the guards that follow from their number.
    pub members: String,
    /// `[node] id`.
    pub me: &'static str,
    /// `[node]`'s further keys.
    pub node: String,
    /// How long what changes in AWS takes.
    pub delays: Delays,
}

impl Default for Props {
    fn default() -> Self {
        Self {
            global_cluster: None,
            data_dir: None,
            // Whichever is free; the log tells.
            api: "127.0.0.1:0".to_owned(),
            soak: "1s",
            members: ALONE.to_owned(),
            me: "witness",
            node: String::new(),
            delays: quick(),
        }
    }
}

/// Where the world listens.
#[derive(Clone, Copy, Debug)]
pub struct Ground {
    pub aws: IpAddr,
    /// The first two octets of the product's addresses.
    pub product: [u8; 2],
}

impl Ground {
    pub const LOOPBACK: Self = Self {
        aws: IpAddr::V4(Ipv4Addr::LOCALHOST),
        product: [127, 0],
    };
}

pub struct Stage {
    pub world: Arc<World>,
    pub config: PathBuf,
    pub data_dir: PathBuf,
    sandbox: Sandbox,
    product: Product,
    folder: TempDir,
    setup: SandboxSetup,
    _place: SemaphorePermit<'static>,
}

impl Stage {
    pub async fn new() -> Self {
        Self::with(Props::default()).await
    }

    pub async fn with(props: Props) -> Self {
        Self::on(Ground::LOOPBACK, props).await
    }

    pub async fn on(ground: Ground, props: Props) -> Self {
        let place = PLACES.acquire().await.expect("it is never closed");
        let folder = TempDir::new().expect("a folder for the test");
        let mut setup = SandboxSetup::active_passive(HOME, STANDBY, 7);
        setup.delays = props.delays.clone();
        let clock: Arc<dyn Clock> = Arc::new(WorldClock::real());
        let sandbox = Sandbox::start_on(ground.aws, setup.clone(), Arc::clone(&clock))
            .await
            .expect("the sandbox starts");
        let world = sandbox.world();
        let product = Product::start_in(
            ground.product,
            Arc::clone(&world) as Arc<dyn DataPlane>,
            Arc::new(Network::new()),
            clock,
            ProductSetup {
                regions: vec![RegionId::from(HOME), RegionId::from(STANDBY)],
                references: 3,
            },
        )
        .await
        .expect("the product starts");
        let data_dir = props
            .data_dir
            .clone()
            .unwrap_or_else(|| folder.path().join("data"));
        let config = folder.path().join("failoverd.toml");
        let endpoint_url = sandbox.endpoint_url();
        let text = text(&props, &setup, &product, &endpoint_url, &data_dir);
        std::fs::write(&config, text).expect("the configuration is written");
        let runbooks = folder.path().join("runbooks");
        std::fs::create_dir(&runbooks).expect("the folder is the test's own");
        let own = RUNBOOK.replace("name = \"active-passive\"", "name = \"own\"");
        std::fs::write(runbooks.join("own.toml"), own).expect("the runbook is written");
        Self {
            world,
            config,
            data_dir,
            sandbox,
            product,
            folder,
            setup,
            _place: place,
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A daemon with credentials, as far as it can be told from outside: not known to run.
    pub fn daemon(&self) -> Daemon {
        Daemon::start(&self.config, &Circumstances::usual())
    }

    /// A daemon that knows all that a plan needs.
    pub async fn steady(&self) -> Daemon {
        let mut daemon = self.daemon();
        becomes_steady(&mut daemon).await;
        daemon
    }

    /// Writes the configuration of one more member of the same world.
    pub fn furnish(&self, file: &str, props: &Props) -> PathBuf {
        let path = self.folder.path().join(file);
        let data_dir = props.data_dir.clone().expect("each member has its own");
        let endpoint_url = self.sandbox.endpoint_url();
        let text = text(props, &self.setup, &self.product, &endpoint_url, &data_dir);
        // Only a cluster of one needs to be allowed it.
        let mut text = text.replace("single_vantage = \"allow\"\n", "");
        if !props.api.starts_with("127.") {
            // Beyond loopback everybody must show who they are; what is looked at here is open.
            std::fs::write(self.folder.path().join("tokens.toml"), NOBODYS)
                .expect("the tokens are written");
            text.push_str("\n[auth]\ntokens_file = \"tokens.toml\"\ninsecure = true\n");
        }
        std::fs::write(&path, text).expect("the configuration is written");
        path
    }

    /// Changes the configuration's text.
    pub fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(&self.config).expect("it is there");
        assert!(text.contains(from), "no {from:?} in\n{text}");
        std::fs::write(&self.config, text.replace(from, to)).expect("it can be written");
    }

    pub fn lose_home(&self) {
        self.sandbox.inject(Fault::RegionDown {
            region: RegionId::from(HOME),
        });
    }

    /// The calls that were to change something, as often as each was carried out.
    pub fn executed(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for mut request in self.world.request_log() {
            if request.mutating && request.execution == Execution::Executed {
                // It tells attempts apart, not what they ask for.
                if let Some(parameters) = request.parameters.as_object_mut() {
                    parameters.remove("clientRequestToken");
                }
                let call = format!("{} {}", request.operation, request.parameters);
                *counts.entry(call).or_default() += 1;
            }
        }
        counts
    }

    /// How many requests of an operation came, carried out or not.
    pub fn received(&self, operation: &str) -> usize {
        let log = self.world.request_log();
        log.iter().filter(|r| r.operation == operation).count()
    }

    /// The application moved, whole, and nothing was done twice.
    #[track_caller]
    pub fn moved_once(&self) {
        self.moved_once_but("");
    }

    /// The same, but for calls of one operation that does no harm when it is repeated.
    #[track_caller]
    pub fn moved_once_but(&self, repeated: &str) {
        let executed = self.executed();
        let harmless = |call: &str| !repeated.is_empty() && call.starts_with(repeated);
        let twice: Vec<_> = executed
            .iter()
            .filter(|(call, count)| **count > 1 && !harmless(call))
            .collect();
        assert!(twice.is_empty(), "done more than once: {twice:#?}");
        let times = |operation: &str| {
            let calls = executed.keys();
            calls.filter(|call| call.starts_with(operation)).count()
        };
        let expected = [
            ("UpdateNodegroupConfig", 1),
            ("FailoverGlobalCluster", 1),
            ("ChangeResourceRecordSets", 1),
            // One dial up, one down, one weight to 0.
            ("UpdateEndpointGroup", 3),
        ];
        for (operation, count) in expected {
            assert_eq!(times(operation), count, "{operation}: {executed:#?}");
        }
        assert_eq!(executed.len(), 6, "{executed:#?}");
        assert_eq!(self.world.writers_now(), [RegionId::from(STANDBY)]);
        assert!(!self.world.ever_two_writers(), "two writers");
        assert!(!self.world.ever_all_dials_zero(), "every dial was at 0");
        assert!(!self.world.ever_all_weights_zero(), "no weight was left");
        assert!(!self.world.ever_unresolvable(), "the name was lost");
        assert_eq!(self.world.unknown_operations(), Vec::<String>::new());
    }

    /// Nothing was changed in AWS, and nothing was tried.
    #[track_caller]
    pub fn untouched(&self) {
        let log = self.world.request_log();
        let writes: Vec<_> = log.iter().filter(|r| r.mutating).collect();
        assert!(writes.is_empty(), "{writes:#?}");
        let writers = self.world.writers_now();
        assert!(!writers.contains(&RegionId::from(STANDBY)), "{writers:?}");
    }

    /// Where the product answers in that Region.
    pub fn region_address(&self, region: &str) -> SocketAddr {
        self.product.addresses().regions[&RegionId::from(region)]
    }

    pub async fn strike(self) {
        self.product.stop().await;
    }

    pub fn hold(
        &self,
        service: Service,
        operation: &str,
        point: failoverd::sandbox::HoldPoint,
    ) -> failoverd::sandbox::Gate {
        self.world.hold(service, operation, point)
    }

    pub fn inject(&self, fault: Fault) {
        self.sandbox.inject(fault);
    }

    pub fn clear(&self, fault: &Fault) {
        assert!(self.sandbox.clear(fault), "{fault:?} was not on");
    }
}

/// Waits until it knows all that a plan needs.
pub async fn becomes_steady(daemon: &mut Daemon) -> Metrics {
    daemon.api().await;
    daemon
        .shows("everything is steady and recorded", |metrics| {
            metrics.phase("steady") && knows_everything(metrics) && both_up(metrics)
        })
        .await
}

/// Whether everything that may be asked of a lost Region is recorded.
pub fn knows_everything(metrics: &Metrics) -> bool {
    let desired = |region| metrics.value("nodegroup_desired_nodes", &[("region", region)]);
    metrics
        .value("replication_lag_seconds", &[("region", STANDBY)])
        .is_some()
        && desired(HOME) == Some(6.0)
        && desired(STANDBY) == Some(2.0)
        && metrics.value("traffic_dial_ratio", &[("region", HOME)]) == Some(1.0)
        && metrics.value("traffic_dial_ratio", &[("region", STANDBY)]) == Some(0.0)
}

fn both_up(metrics: &Metrics) -> bool {
    [HOME, STANDBY]
        .into_iter()
        .all(|region| metrics.is("verdict", &[("region", region), ("state", "up")]))
}

/// Everything that takes AWS a minute takes it half a second.
pub fn quick() -> Delays {
    Delays {
        route53_insync: Millis(500),
        route53_serialised: Millis(100),
        route53_health: Millis(500),
        routing_control: Millis(500),
        accelerator_deploy: Millis(300),
        accelerator_transaction: Millis(50),
        accelerator_health: Millis(500),
        aurora_pending: Millis(200),
        aurora_failover: Millis(800),
        aurora_switchover: Millis(800),
        aurora_refusal: Millis(200),
        aurora_rejoin: Millis(500),
        aurora_lag: Millis(100),
        eks_update: Millis(300),
        node_first: Millis(400),
        node_next: Millis(50),
    }
}

fn text(
    props: &Props,
    setup: &SandboxSetup,
    product: &Product,
    endpoint_url: &str,
    data_dir: &Path,
) -> String {
    let mut out = String::new();
    write_text(&mut out, props, setup, product, endpoint_url, data_dir)
        .expect("writing to a string cannot fail");
    out
}

fn write_text(
    out: &mut String,
    props: &Props,
    setup: &SandboxSetup,
    product: &Product,
    endpoint_url: &str,
    data_dir: &Path,
) -> std::fmt::Result {
    let addresses = product.addresses();
    writeln!(
        out,
        r#"
[node]
id = "{me}"
data_dir = "{data_dir}"
api = "{api}"
{node}
{members}
[cluster]
heartbeat = "150ms"
election_min = "500ms"
election_max = "1s"

[aws]
endpoint_url = "{endpoint_url}"
call_timeout = "1500ms"

[detection]
interval = "500ms"
timeout = "450ms"
fall = 3
rise = 1
gossip = "200ms"

[guards]
single_vantage = "allow"
hold_down = "500ms"
startup_grace = "500ms"
soak = "{soak}"
"#,
        data_dir = data_dir.display(),
        api = props.api,
        me = props.me,
        node = props.node,
        members = props.members,
        soak = props.soak,
    )?;
    for (index, address) in addresses.references.iter().enumerate() {
        writeln!(
            out,
            "[[detection.reference]]\nid = \"reference-{index}\"\nkind = \"http\"\n\
             url = \"http://{address}/\"\n"
        )?;
    }
    writeln!(
        out,
        r#"
[[application]]
name = "shop"
automation = "automatic"
accelerator_arn = "{accelerator}"
global_cluster = "{global_cluster}"

[application.dns]
hosted_zone_id = "{zone}"
records = [{{ name = "{record}", type = "{record_type}" }}]

[application.runbooks]
failover = "own"
switchover = "own"
failback = "own"

[application.vars]
write_check_url = "{write_check}"
"#,
        accelerator = setup.accelerator.arn,
        global_cluster = props
            .global_cluster
            .as_ref()
            .unwrap_or(&setup.database.global_cluster),
        zone = setup.dns.hosted_zone_id,
        record = setup.dns.record_name.trim_end_matches('.'),
        record_type = setup.dns.record_type,
        write_check = addresses.front_url("/write-check"),
    )?;
    for (region, role) in setup.regions.iter().zip(["active", "standby"]) {
        let url = |path: &str| {
            let url = addresses.region_url(&region.name, path);
            url.expect("the product is in every Region")
        };
        writeln!(
            out,
            r#"
[[application.region]]
name = "{name}"
role = "{role}"
db_cluster_arn = "{cluster}"
endpoint_group_arn = "{group}"
record_set_identifier = "{identifier}"
vars = {{ fence_url = "http://{outside}/fence" }}

[[application.region.nodegroup]]
cluster = "{eks}"
name = "web"

[[application.region.probe]]
id = "health"
kind = "http"
url = "{health}"
"#,
            name = region.name,
            cluster = region.db_cluster_arn(),
            group = region.endpoint_group_arn,
            identifier = region.record_set_identifier,
            // A hook stands outside of what it fences, so that it answers for a lost Region.
            outside = addresses.references[0],
            eks = region.eks_cluster,
            health = url("/healthz"),
        )?;
    }
    Ok(())
}
