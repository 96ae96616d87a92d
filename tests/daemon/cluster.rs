//! Three daemons, each with its own folder, port and certificate, and one decision.

use std::net::TcpListener;
use std::path::PathBuf;

use super::child::{Circumstances, Daemon, FAILOVERCTL, clean};
use super::metrics::Metrics;
use super::stage::{Props, STANDBY, Stage};
use super::wait::{self, PATIENCE};

/// Each member's id and Region.
const MEMBERS: [(&str, &str); 3] = [
    ("ireland", "eu-west-1"),
    ("frankfurt", "eu-central-1"),
    ("stockholm", "eu-north-1"),
];

/// A world with three members in it.
struct Trio {
    stage: Stage,
    configs: Vec<PathBuf>,
    daemons: Vec<Option<Daemon>>,
}

impl Trio {
    /// Furnished; nobody runs.
    async fn furnished() -> Self {
        let stage = Stage::new().await;
        // Free ports, all held until all are known.
        let ports: Vec<TcpListener> = MEMBERS
            .iter()
            .map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"))
            .collect();
        let address = |index: usize| ports[index].local_addr().expect("it is bound");
        let mut members = String::new();
        for (index, (id, region)) in MEMBERS.iter().enumerate() {
            members += &format!(
                "[[member]]\nid = \"{id}\"\nregion = \"{region}\"\naddress = \"{}\"\n\n",
                address(index)
            );
        }
        let configs: Vec<PathBuf> = MEMBERS
            .iter()
            .enumerate()
            .map(|(index, (me, _))| {
                let tls = stage.folder().join("tls");
                let tls = tls.display();
                let props = Props {
                    me,
                    node: format!("peer = \"{}\"", address(index)),
                    members: format!(
                        "{members}[tls]\nca_file = \"{tls}/ca.pem\"\ncert_file = \"{tls}/{me}.pem\"\n\
                         key_file = \"{tls}/{me}.key\"\n"
                    ),
                    data_dir: Some(stage.folder().join(format!("data-{me}"))),
                    ..Props::default()
                };
                stage.furnish(&format!("{me}.toml"), &props)
            })
            .collect();
        let made = clean(FAILOVERCTL)
            .arg("dev-certs")
            .arg("--config")
            .arg(&configs[0])
            .arg("--out")
            .arg(stage.folder().join("tls"))
            .output()
            .expect("failoverctl runs");
        assert!(made.status.success(), "{made:?}");
        Self {
            stage,
            configs,
            daemons: MEMBERS.iter().map(|_| None).collect(),
        }
    }

    fn start(&mut self, index: usize) {
        let daemon = Daemon::start(&self.configs[index], &Circumstances::usual());
        self.daemons[index] = Some(daemon);
    }

    /// All three run, in that order of their start, and know all that a plan needs.
    async fn steady(order: [usize; 3]) -> Self {
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
    async fn until(&mut self, what: &str, is: impl Fn(&[Metrics]) -> bool) {
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

    async fn leader(&mut self) -> usize {
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

    fn kill_9(&mut self, index: usize) {
        self.daemons[index].take().expect("it runs").kill_9();
    }
}

/// Every member's vote on every Region is held, and is `up`.
fn all_votes_up(metrics: &Metrics) -> bool {
    MEMBERS.iter().all(|(member, _)| {
        ["eu-west-1", STANDBY].iter().all(|region| {
            metrics.is(
                "vote",
                &[("member", member), ("region", region), ("state", "up")],
            )
        })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn three_members_are_one_cluster_and_move_the_application_once() {
    let mut trio = Trio::steady([2, 0, 1]).await;
    trio.stage.untouched();
    trio.stage.lose_home();
    trio.until("every member sees it moved", |metrics| {
        metrics
            .iter()
            .all(|m| m.is("application_active", &[("region", STANDBY)]) && m.phase("cool_down"))
    })
    .await;
    trio.stage.moved_once();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_leader_is_killed_and_another_carries_on() {
    let mut trio = Trio::steady([0, 1, 2]).await;
    let leader = trio.leader().await;
    let mut gate = trio.stage.hold(
        failoverd::sandbox::Service::Rds,
        "FailoverGlobalCluster",
        failoverd::sandbox::HoldPoint::AfterExecution,
    );
    trio.stage.lose_home();
    gate.reached().await;
    trio.kill_9(leader);
    gate.release();
    trio.until("the others see it moved", |metrics| {
        metrics
            .iter()
            .all(|m| m.is("application_active", &[("region", STANDBY)]))
    })
    .await;
    trio.stage.moved_once();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_quorum_nothing_is_done_and_every_member_alarms() {
    let mut trio = Trio::steady([1, 2, 0]).await;
    // The two that stand outside of the Region to be lost are needed to agree on it.
    let (inside, returns) = (0, 2);
    trio.kill_9(inside);
    trio.kill_9(returns);
    trio.until("it alarms", |metrics| {
        metrics
            .iter()
            .all(|m| m.is("quorum_lost", &[]) && !m.is("leader", &[]))
    })
    .await;
    trio.stage.lose_home();
    trio.until("it sees the loss", |metrics| {
        metrics
            .iter()
            .all(|m| m.is("vote", &[("region", "eu-west-1"), ("state", "down")]))
    })
    .await;
    trio.stage.untouched();
    // Another one returns: there is a quorum, and the votes of two members outside.
    trio.start(returns);
    trio.until("the two act", |metrics| {
        metrics
            .iter()
            .all(|m| m.is("application_active", &[("region", STANDBY)]))
    })
    .await;
    trio.stage.moved_once();
}
