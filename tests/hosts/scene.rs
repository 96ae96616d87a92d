//! A world with three hosts in it, brought to a point of a run, struck, and brought to rest.

use std::net::SocketAddr;

use failoverd::sandbox::{Execution, Gate, HoldPoint, LoggedRequest, Service};

use super::child::Circumstances;
use super::metrics::Metrics;
use super::net::{AWS, HOSTS, NETWORK, Name, address};
use super::stage::{Ground, HOME, STANDBY};
use super::trio::{Seat, Trio};

/// Each member's id and Region; none is in a Region of the application.
const MEMBERS: [(&str, &str); HOSTS] = [
    ("paris", "eu-west-3"),
    ("milan", "eu-south-1"),
    ("stockholm", "eu-north-1"),
];

/// The ports of every member, each on an address of its own.
const API: u16 = 7400;
const PEER: u16 = 7401;

/// A member that may act has done so by then: detection takes three, the hold-down one or two.
const LOOKS: f64 = 12.0;

/// The step that is held up: it may be called once only, and everything later needs it.
pub const HELD: &str = "promote-database";
pub const WRITE: (Service, &str) = (Service::Rds, "FailoverGlobalCluster");
pub const READ: (Service, &str) = (Service::Rds, "DescribeGlobalClusters");

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Nothing has happened yet.
    Steady,
    /// The intent is in the ledger, and the call was taken by AWS: it will be lost.
    Lost,
    /// Carried out, and the answer does not come.
    CarriedOut,
    /// Answered, and the goal is being looked at.
    Settling,
    /// Everything is done and is being watched.
    Soaking,
}

/// Three hosts, a world, and what has been held up in it.
pub struct Scene {
    pub net: Name,
    pub trio: Trio,
    point: Point,
    gate: Option<Gate>,
}

/// A change of the hosts before they start.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    /// What is different about each member's process.
    pub circumstances: [Circumstances; HOSTS],
    /// Folders that are not the stage's own.
    pub data_dirs: [Option<std::path::PathBuf>; HOSTS],
}

impl Scene {
    /// All three run and are steady; the run that will come is to be met at `point`.
    pub async fn steady(net: Name, point: Point) -> Self {
        Self::steady_with(net, point, Hosts::default()).await
    }

    pub async fn steady_with(net: Name, point: Point, hosts: Hosts) -> Self {
        let mut scene = Self::furnished(net, point, hosts).await;
        for index in 0..HOSTS {
            scene.trio.start(index);
        }
        scene.trio.becomes_steady().await;
        scene.trio.stage.untouched();
        scene
    }

    /// Nobody runs yet.
    pub async fn furnished(net: Name, point: Point, hosts: Hosts) -> Self {
        let seats = MEMBERS.iter().enumerate().map(|(index, (id, region))| {
            let mut circumstances = hosts.circumstances[index].clone();
            for (name, value) in Circumstances::usual().variables {
                circumstances = circumstances.with(&name, &value);
            }
            circumstances.entrance = Name::entrance(&net.host(index));
            Seat {
                id,
                region,
                peer: SocketAddr::new(address(index), PEER),
                api: SocketAddr::new(address(index), API).to_string(),
                data_dir: hosts.data_dirs[index].clone(),
                circumstances,
            }
        });
        let ground = Ground {
            aws: AWS.into(),
            product: NETWORK,
        };
        // Long enough to be struck in, where that is the point.
        let soak = if point == Point::Soaking { "15s" } else { "1s" };
        Self {
            trio: Trio::seated(ground, seats.collect(), soak).await,
            net,
            point,
            gate: None,
        }
    }

    /// Loses the application's Region and waits until the run has come to the point. Says who leads.
    pub async fn reach(&mut self) -> usize {
        let stage = &self.trio.stage;
        match self.point {
            Point::Steady => {}
            Point::Lost => {
                let mut gate = stage.hold(WRITE.0, WRITE.1, HoldPoint::BeforeExecution);
                stage.lose_home();
                gate.reached().await.expect("the sandbox runs");
                self.gate = Some(gate);
                self.stands("at its intent", |m| m.step(HELD, "intent"))
                    .await;
            }
            Point::CarriedOut => {
                let mut gate = stage.hold(WRITE.0, WRITE.1, HoldPoint::AfterExecution);
                stage.lose_home();
                gate.reached().await.expect("the sandbox runs");
                self.gate = Some(gate);
                self.stands("at its intent", |m| m.step(HELD, "intent"))
                    .await;
            }
            Point::Settling => {
                let mut written = stage.hold(WRITE.0, WRITE.1, HoldPoint::AfterExecution);
                stage.lose_home();
                written.reached().await.expect("the sandbox runs");
                self.gate = Some(stage.hold(READ.0, READ.1, HoldPoint::BeforeExecution));
                written.release();
                let leader = self.trio.leader().await;
                self.trio
                    .among(&[leader], "the step settles", |metrics| {
                        metrics[0].doing(HELD, "settling")
                    })
                    .await;
            }
            Point::Soaking => {
                stage.lose_home();
                self.trio
                    .until("everybody sees the run soaking", |metrics| {
                        metrics.iter().all(|m| m.phase("soaking"))
                    })
                    .await;
            }
        }
        self.trio.leader().await
    }

    /// The ledger of every member says so of the held step.
    async fn stands(&mut self, what: &str, is: impl Fn(&Metrics) -> bool) {
        let what = format!("{HELD} stands {what}");
        self.trio
            .until(&what, |metrics| metrics.iter().all(&is))
            .await;
    }

    /// Lets what is held come to its end; where the run has not begun, gives it reason to.
    pub fn go_on(&mut self) {
        match (self.point, self.gate.take()) {
            (Point::Steady, _) => self.trio.stage.lose_home(),
            (Point::Lost, Some(gate)) => gate.discard(),
            (Point::CarriedOut | Point::Settling, Some(gate)) => gate.release(),
            (Point::Soaking, None) => {}
            (point, gate) => panic!("{point:?} with {gate:?}"),
        }
    }

    /// Waits until these alarm, and nobody of them leads.
    pub async fn without_quorum(&mut self, these: &[usize]) {
        self.trio
            .among(these, "they alarm: the quorum is lost", |metrics| {
                let mut each = metrics.iter();
                each.all(|m| m.is("quorum_lost", &[]) && !m.is("leader", &[]))
            })
            .await;
    }

    /// Waits until one of the others leads.
    pub async fn another_leads(&mut self, struck: usize) {
        self.trio
            .among(&others(struck), "one of the others leads", |metrics| {
                metrics.iter().filter(|m| m.is("leader", &[])).count() == 1
                    && metrics.iter().all(|m| m.is("quorum_reachable", &[]))
            })
            .await;
    }

    /// Waits until these see the run at its end.
    pub async fn closes(&mut self, these: &[usize]) {
        self.trio
            .among(these, "the run comes to its end", |metrics| {
                metrics.iter().all(rests)
            })
            .await;
    }

    /// Waits until all three say the same of everything, and checks what must hold of the whole story.
    pub async fn all_agree(&mut self) {
        self.all_agree_but("").await;
    }

    /// The same, but for calls of one operation that does no harm when it is repeated.
    pub async fn all_agree_but(&mut self, repeated: &str) {
        let everybody: Vec<usize> = (0..HOSTS).collect();
        self.agree(&everybody).await;
        self.trio.stage.moved_once_but(repeated);
    }

    /// Waits until these say the same of everything.
    pub async fn agree(&mut self, these: &[usize]) {
        self.trio
            .among(these, "they agree, at rest", |metrics| {
                let same = |name: &str| {
                    let first = metrics[0].value(name, &[]);
                    first.is_some() && metrics.iter().all(|m| m.value(name, &[]) == first)
                };
                let leaders = metrics.iter().filter(|m| m.is("leader", &[])).count();
                leaders == 1
                    && metrics.iter().all(rests)
                    && metrics.iter().all(|m| m.is("quorum_reachable", &[]))
                    && !metrics.iter().any(|m| m.is("quorum_lost", &[]))
                    && same("ledger_term")
                    && same("ledger_last_log_index")
                    && same("application_epoch")
            })
            .await;
    }

    /// The application moved once, and nothing was done twice.
    #[track_caller]
    pub fn moved_once(&self) {
        self.trio.stage.moved_once();
    }

    /// How many requests AWS has had until now.
    pub fn mark(&self) -> usize {
        self.trio.stage.world.request_log().len()
    }

    /// Waits until these have looked at the lost Region many times more: time enough to do something
    /// about it, for whoever would.
    pub async fn looks_on(&mut self, these: &[usize]) {
        let looks = |metrics: &Metrics| -> f64 {
            let down = [("region", HOME), ("result", "timeout")];
            metrics.value("probe_samples_total", &down).unwrap_or(0.0)
        };
        let mut begun = Vec::new();
        for index in these {
            let metrics = self.trio.daemon(*index).metrics().await;
            begun.push(looks(&metrics.unwrap_or_default()));
        }
        self.trio
            .among(these, "they look at the lost Region", |metrics| {
                let mut pairs = metrics.iter().zip(&begun);
                pairs.all(|(now, begun)| looks(now) >= begun + LOOKS)
            })
            .await;
    }

    /// What a member sent since then that was to change something.
    pub fn writes_of(&self, member: usize, since: usize) -> Vec<LoggedRequest> {
        let key = self.trio.seat(member).access_key();
        let mut writes = self.trio.writes();
        writes.retain(|write| write.number >= since && write.caller == key);
        writes
    }

    /// It has sent nothing since then that was to change something.
    #[track_caller]
    pub fn wrote_nothing(&self, member: usize, since: usize) {
        let writes = self.writes_of(member, since);
        assert!(writes.is_empty(), "written by the struck: {writes:#?}");
    }

    /// Whether AWS had the held step's call from that member.
    pub fn called(&self, member: usize) -> bool {
        let mut writes = self.writes_of(member, 0).into_iter();
        writes.any(|write| write.operation == WRITE.1)
    }

    /// Nobody has changed anything since then.
    #[track_caller]
    pub fn nothing_done(&self, since: usize) {
        let mut writes = self.trio.writes();
        writes.retain(|w| w.number >= since && w.execution != Execution::NotExecuted);
        assert!(writes.is_empty(), "written without a quorum: {writes:#?}");
    }
}

/// The two that were not struck.
pub fn others(struck: usize) -> Vec<usize> {
    (0..HOSTS).filter(|index| *index != struck).collect()
}

/// The run is over, and the application serves from where it was brought to.
fn rests(metrics: &Metrics) -> bool {
    metrics.phase("cool_down")
        && metrics.value("run_open", &[]) == Some(0.0)
        && metrics.is("application_active", &[("region", STANDBY)])
}
