//! A world with three daemons in it, each with its own folder, port and certificate.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Output, Stdio};

use serde_json::Value;

use super::child::{Circumstances, Daemon, FAILOVERCTL, clean};
use super::metrics::Metrics;
use super::stage::{Props, STANDBY, Stage};
use super::wait::{self, PATIENCE};

/// Each member's id and Region.
pub const MEMBERS: [(&str, &str); 4] = [
    ("ireland", "eu-west-1"),
    ("frankfurt", "eu-central-1"),
    ("stockholm", "eu-north-1"),
    // Has a certificate and nothing else, until a test makes it a member.
    ("paris", "eu-west-3"),
];

/// The members unless a test says otherwise.
pub const THREE: [usize; 3] = [0, 1, 2];

/// A world with three members in it.
pub struct Trio {
    pub stage: Stage,
    configs: Vec<PathBuf>,
    pub daemons: Vec<Option<Daemon>>,
    addresses: Vec<SocketAddr>,
}

impl Trio {
    /// Furnished; nobody runs.
    pub async fn furnished() -> Self {
        let stage = Stage::new().await;
        // Free ports, all held until all are known.
        let ports: Vec<TcpListener> = MEMBERS
            .iter()
            .map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"))
            .collect();
        let addresses = ports.iter().map(|p| p.local_addr().expect("it is bound"));
        let mut trio = Self {
            addresses: addresses.collect(),
            stage,
            configs: Vec::new(),
            daemons: MEMBERS.iter().map(|_| None).collect(),
        };
        for index in 0..MEMBERS.len() {
            // Certificates are made for everybody who is in the list.
            let config = trio.furnish(index, &[0, 1, 2, 3]);
            trio.configs.push(config);
        }
        trio.certify("tls");
        for index in THREE {
            trio.furnish(index, &THREE);
        }
        trio
    }

    /// An authority in a folder of that name, and certificates for everybody.
    pub fn certify(&self, folder: &str) {
        let made = clean(FAILOVERCTL)
            .arg("dev-certs")
            .arg("--config")
            .arg(&self.configs[0])
            .arg("--out")
            .arg(self.stage.folder().join(folder))
            .output()
            .expect("failoverctl runs");
        assert!(made.status.success(), "{made:?}");
    }

    /// Writes the configuration of a member, with these in its list.
    pub fn furnish(&self, index: usize, list: &[usize]) -> PathBuf {
        let me = MEMBERS[index].0;
        let tls = self.stage.folder().join("tls");
        let tls = tls.display();
        let members: String = list
            .iter()
            .map(|&index| {
                let (id, region) = MEMBERS[index];
                let address = self.addresses[index];
                format!(
                    "[[member]]\nid = \"{id}\"\nregion = \"{region}\"\naddress = \"{address}\"\n\n"
                )
            })
            .collect();
        let props = Props {
            me,
            node: format!("peer = \"{}\"", self.addresses[index]),
            members: format!(
                "{members}[tls]\nca_file = \"{tls}/ca.pem\"\ncert_file = \"{tls}/{me}.pem\"\n\
                 key_file = \"{tls}/{me}.key\"\n"
            ),
            data_dir: Some(self.data_dir(index)),
            ..Props::default()
        };
        self.stage.furnish(&format!("{me}.toml"), &props)
    }

    /// A daemon that is started from a member's configuration with something else in it.
    pub fn stranger(&self, index: usize, name: &str, edits: &[(&str, &str)]) -> Daemon {
        let text = std::fs::read_to_string(&self.configs[index]).expect("it is there");
        let own = self.data_dir(index).display().to_string();
        let mut text = text.replace(&own, &format!("{own}-{name}"));
        // Its own port is another's.
        let peer = format!("peer = \"{}\"", self.addresses[index]);
        for (from, to) in [(peer.as_str(), "peer = \"127.0.0.1:0\"")]
            .iter()
            .chain(edits)
        {
            assert!(text.contains(from), "no {from:?} in\n{text}");
            text = text.replace(from, to);
        }
        let config = self.stage.folder().join(format!("{name}.toml"));
        std::fs::write(&config, text).expect("it can be written");
        Daemon::start(&config, &Circumstances::usual())
    }

    pub fn data_dir(&self, index: usize) -> PathBuf {
        self.stage
            .folder()
            .join(format!("data-{}", MEMBERS[index].0))
    }

    /// Where the others reach it.
    pub fn address(&self, index: usize) -> SocketAddr {
        self.addresses[index]
    }

    /// `failoverctl`, asking that member; it must run.
    pub async fn failoverctl(&mut self, index: usize, arguments: &[&str]) -> Output {
        let daemon = self.daemons[index].as_mut().expect("it runs");
        let api = daemon.api().await;
        let mut command = clean(FAILOVERCTL);
        command
            .args(arguments)
            .args(["--server", &format!("http://{api}")])
            .stdin(Stdio::null());
        // It waits for what the daemons do, and this thread may be needed for their world.
        tokio::task::spawn_blocking(move || command.output().expect("failoverctl runs"))
            .await
            .expect("it does not panic")
    }

    /// What `member list` says there.
    pub async fn list(&mut self, index: usize) -> Value {
        let output = self
            .failoverctl(index, &["member", "list", "--output", "json"])
            .await;
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    }

    /// Waits until `member list` there is so.
    pub async fn listed(&mut self, index: usize, what: &str, is: impl Fn(&Value) -> bool) {
        let mut last = Value::Null;
        let found = wait::for_some(PATIENCE, async || {
            last = self.list(index).await;
            is(&last).then_some(())
        })
        .await;
        assert!(found.is_some(), "{what}: it never was\n{last:#}");
    }

    /// Changes a member, which must be followed.
    pub async fn must(&mut self, index: usize, verb: &str, id: &str) {
        let typed = ["member", verb, id, "--yes", "--by", "Ada"];
        let output = self.failoverctl(index, &typed).await;
        let said = String::from_utf8_lossy(&output.stderr);
        let logs: String = self
            .daemons
            .iter()
            .flatten()
            .map(|d| d.log().to_string())
            .collect();
        assert_eq!(output.status.code(), Some(0), "{verb} {id}: {said}\n{logs}");
    }

    pub fn start(&mut self, index: usize) {
        let daemon = Daemon::start(&self.configs[index], &Circumstances::usual());
        self.daemons[index] = Some(daemon);
    }

    /// All three run, in that order of their start, and know all that a plan needs.
    pub async fn steady(order: [usize; 3]) -> Self {
        let mut trio = Self::furnished().await;
        for index in order {
            trio.start(index);
        }
        trio.until("everybody follows one leader and is steady", |metrics| {
            let leaders = metrics.iter().filter(|m| m.is("leader", &[])).count();
            let heard = metrics.iter().all(|m| m.is("quorum_reachable", &[]));
            let knowing = metrics.iter().all(super::stage::knows_everything);
            let steady = metrics.iter().all(|m| m.phase("steady"));
            leaders == 1 && heard && knowing && steady && metrics.iter().all(all_votes_up)
        })
        .await;
        trio
    }

    /// Waits until the metrics of those that run, together, are so.
    pub async fn until(&mut self, what: &str, is: impl Fn(&[Metrics]) -> bool) {
        let found = wait::for_some(PATIENCE, async || {
            let mut all = Vec::new();
            for daemon in self.daemons.iter_mut().flatten() {
                all.push(daemon.metrics().await?);
            }
            is(&all).then_some(())
        })
        .await;
        if found.is_none() {
            let mut text = String::new();
            for (index, daemon) in self.daemons.iter_mut().enumerate() {
                let Some(daemon) = daemon else { continue };
                let metrics = daemon.metrics().await.unwrap_or_default();
                text += &format!("{}\n{}{}", MEMBERS[index].0, metrics.brief(), daemon.log());
            }
            panic!("{what}: it never was\n{text}");
        }
    }

    pub async fn leader(&mut self) -> usize {
        let mut found = None;
        for (index, daemon) in self.daemons.iter_mut().enumerate() {
            let Some(daemon) = daemon else { continue };
            let metrics = daemon.metrics().await.expect("it serves");
            if metrics.is("leader", &[]) {
                found = Some(index);
            }
        }
        found.expect("somebody leads")
    }

    pub fn kill_9(&mut self, index: usize) {
        self.daemons[index].take().expect("it runs").kill_9();
    }
}

/// Every member's vote on every Region is held, and is `up`.
pub fn all_votes_up(metrics: &Metrics) -> bool {
    THREE.map(|index| MEMBERS[index].0).iter().all(|member| {
        ["eu-west-1", STANDBY].iter().all(|region| {
            metrics.is(
                "vote",
                &[("member", member), ("region", region), ("state", "up")],
            )
        })
    })
}

/// Nothing is to be seen to; but a busy host is slower than the tests' short heartbeat now and then.
pub fn nothing_to_see_to(list: &Value) -> bool {
    let warnings = list["warnings"].as_array().expect("a list");
    warnings.iter().all(|warning| warning["code"] == "slow")
}
