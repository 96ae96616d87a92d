//! A world with three daemons in it, each with its own folder, port and certificate.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Output, Stdio};

use failoverd::sandbox::LoggedRequest;
use serde_json::Value;

use super::child::{Circumstances, Daemon, Ended, FAILOVERCTL, Log, clean};
use super::metrics::Metrics;
use super::stage::{Ground, HOME, Props, STANDBY, Stage};
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

/// Where a member lives.
#[derive(Clone, Debug)]
pub struct Seat {
    pub id: &'static str,
    pub region: &'static str,
    /// Where it listens for the others.
    pub peer: SocketAddr,
    pub api: String,
    /// A folder for its ledger other than the stage's own.
    pub data_dir: Option<PathBuf>,
    pub circumstances: Circumstances,
}

impl Seat {
    /// The access key of its own, so that the request log tells who asked for what.
    pub fn access_key(&self) -> String {
        format!("AKIA{}", self.id.to_uppercase())
    }
}

/// A world with three members in it.
pub struct Trio {
    pub stage: Stage,
    configs: Vec<PathBuf>,
    pub daemons: Vec<Option<Daemon>>,
    seats: Vec<Seat>,
    soak: &'static str,
}

impl Trio {
    /// On this host's loopback interface; nobody runs.
    pub async fn furnished() -> Self {
        // Free ports, all held until all are known.
        let ports: Vec<TcpListener> = MEMBERS
            .iter()
            .map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"))
            .collect();
        let seats = MEMBERS.iter().zip(&ports).map(|((id, region), port)| Seat {
            id,
            region,
            peer: port.local_addr().expect("it is bound"),
            // Whichever is free; the log tells.
            api: "127.0.0.1:0".to_owned(),
            data_dir: None,
            circumstances: Circumstances::usual(),
        });
        let trio = Self::seated(Ground::LOOPBACK, seats.collect(), "1s").await;
        // Certificates are made for everybody who is in the list.
        for index in THREE {
            trio.furnish(index, &THREE);
        }
        trio
    }

    /// Where the caller says, with everybody in the list; nobody runs.
    pub async fn seated(ground: Ground, seats: Vec<Seat>, soak: &'static str) -> Self {
        let stage = Stage::on(ground, Props::default()).await;
        Self::seated_on(stage, seats, soak)
    }

    /// On a stage that is there already.
    pub fn seated_on(stage: Stage, seats: Vec<Seat>, soak: &'static str) -> Self {
        let mut trio = Self {
            stage,
            configs: Vec::new(),
            daemons: seats.iter().map(|_| None).collect(),
            seats,
            soak,
        };
        let everybody: Vec<usize> = (0..trio.seats.len()).collect();
        for index in 0..trio.seats.len() {
            let config = trio.furnish(index, &everybody);
            trio.configs.push(config);
        }
        trio.certify("tls");
        trio
    }

    /// An authority in a folder of that name, and certificates for everybody.
    pub fn certify(&self, folder: &str) {
        let made = clean(&FAILOVERCTL)
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
        let seat = &self.seats[index];
        let me = seat.id;
        let tls = self.stage.folder().join("tls");
        let tls = tls.display();
        let members: String = list
            .iter()
            .map(|&index| {
                let Seat {
                    id, region, peer, ..
                } = &self.seats[index];
                format!(
                    "[[member]]\nid = \"{id}\"\nregion = \"{region}\"\naddress = \"{peer}\"\n\n"
                )
            })
            .collect();
        let props = Props {
            me,
            api: seat.api.clone(),
            soak: self.soak,
            node: format!("peer = \"{}\"", seat.peer),
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
        let peer = format!("peer = \"{}\"", self.seats[index].peer);
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
        let seat = &self.seats[index];
        let own = || self.stage.folder().join(format!("data-{}", seat.id));
        seat.data_dir.clone().unwrap_or_else(own)
    }

    /// Where the others reach it.
    pub fn address(&self, index: usize) -> SocketAddr {
        self.seats[index].peer
    }

    pub fn seat(&self, index: usize) -> &Seat {
        &self.seats[index]
    }

    pub fn config(&self, index: usize) -> &PathBuf {
        &self.configs[index]
    }

    /// Changes the text of one's configuration.
    pub fn edit(&self, index: usize, from: &str, to: &str) {
        let path = &self.configs[index];
        let text = std::fs::read_to_string(path).expect("it is there");
        assert!(text.contains(from), "no {from:?} in\n{text}");
        std::fs::write(path, text.replace(from, to)).expect("it can be written");
    }

    #[track_caller]
    pub fn daemon(&mut self, index: usize) -> &mut Daemon {
        self.daemons[index].as_mut().expect("it runs")
    }

    /// `failoverctl`, asking that member; it must run.
    pub async fn failoverctl(&mut self, index: usize, arguments: &[&str]) -> Output {
        let daemon = self.daemons[index].as_mut().expect("it runs");
        let api = daemon.api().await;
        let mut command = clean(&FAILOVERCTL);
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
        let seat = &self.seats[index];
        let circumstances = seat
            .circumstances
            .clone()
            .with("AWS_ACCESS_KEY_ID", &seat.access_key());
        let daemon = Daemon::start(&self.configs[index], &circumstances);
        self.daemons[index] = Some(daemon);
    }

    /// All three run, in that order of their start, and know all that a plan needs.
    pub async fn steady(order: [usize; 3]) -> Self {
        let mut trio = Self::furnished().await;
        for index in order {
            trio.start(index);
        }
        trio.becomes_steady().await;
        trio
    }

    /// Waits until all that run know all that a plan needs.
    pub async fn becomes_steady(&mut self) {
        let running = self.running();
        let ids: Vec<&str> = running.iter().map(|index| self.seats[*index].id).collect();
        self.until("everybody follows one leader and is steady", |metrics| {
            let leaders = metrics.iter().filter(|m| m.is("leader", &[])).count();
            let heard = metrics.iter().all(|m| m.is("quorum_reachable", &[]));
            let knowing = metrics.iter().all(super::stage::knows_everything);
            let steady = metrics.iter().all(|m| m.phase("steady"));
            let votes_up = metrics.iter().all(|m| votes_up(m, &ids));
            leaders == 1 && heard && knowing && steady && votes_up
        })
        .await;
    }

    fn running(&self) -> Vec<usize> {
        (0..self.daemons.len())
            .filter(|index| self.daemons[*index].is_some())
            .collect()
    }

    /// Waits until the metrics of those that run, together, are so.
    pub async fn until(&mut self, what: &str, is: impl Fn(&[Metrics]) -> bool) {
        let running = self.running();
        self.among(&running, what, is).await;
    }

    /// Waits until the metrics of these, together and in this order, are so.
    pub async fn among(&mut self, these: &[usize], what: &str, is: impl Fn(&[Metrics]) -> bool) {
        let found = wait::for_some(PATIENCE, async || {
            let mut all = Vec::new();
            for index in these {
                let daemon = self.daemon(*index);
                if let Some(status) = daemon.has_ended() {
                    let (id, told) = (self.seats[*index].id, self.tell().await);
                    panic!("waiting until {what}: {id} ended, {status}\n{told}");
                }
                all.push(daemon.metrics().await?);
            }
            is(&all).then_some(())
        })
        .await;
        if found.is_none() {
            panic!("{what}: it never was\n{}", self.tell().await);
        }
    }

    /// What everybody says, for a failure's text.
    pub async fn tell(&mut self) -> String {
        let mut text = String::new();
        for (seat, daemon) in self.seats.iter().zip(&mut self.daemons) {
            let Some(daemon) = daemon else { continue };
            let metrics = daemon.metrics().await.unwrap_or_default();
            text += &format!("{}\n{}{}", seat.id, metrics.brief(), daemon.log());
        }
        let writes = self.writes().into_iter().map(|request| {
            let LoggedRequest {
                number,
                caller,
                operation,
                execution,
                ..
            } = request;
            format!("  {number} {caller} {operation} {execution:?}\n")
        });
        text + "requests that were to change something\n" + &writes.collect::<String>()
    }

    /// The requests that were to change something, in the order in which they came.
    pub fn writes(&self) -> Vec<LoggedRequest> {
        let log = self.stage.world.request_log();
        log.into_iter().filter(|request| request.mutating).collect()
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

    pub fn kill_9(&mut self, index: usize) -> Log {
        self.daemons[index].take().expect("it runs").kill_9()
    }

    /// Waits for the end of one.
    pub async fn ended(&mut self, index: usize) -> Ended {
        self.daemons[index].take().expect("it runs").ended().await
    }
}

/// Every member's vote on every Region is held, and is `up`.
pub fn all_votes_up(metrics: &Metrics) -> bool {
    votes_up(metrics, &THREE.map(|index| MEMBERS[index].0))
}

/// The votes of these on every Region are held, and are `up`.
fn votes_up(metrics: &Metrics, members: &[&str]) -> bool {
    members.iter().all(|member| {
        [HOME, STANDBY].iter().all(|region| {
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
