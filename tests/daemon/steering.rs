//! Steered without any control plane: HAProxy, which nobody here wrote, asks the members and follows,
//! while Route 53 and Global Accelerator take no changes.
//!
//! ```text
//!  test ──requests──▶ HAProxy ──▶ the product in either Region
//!                        └─ health checks ─▶ /steer of the member beside it
//! ```
//!
//! It needs Debian's haproxy; `FAILOVERD_TEST_HAPROXY=required` makes its absence a failure.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use failoverd::sandbox::{Fault, Service};
use rustix::process::{Pid, Signal, kill_process};

use super::child::{clean, get};
use super::stage::{HOME, STANDBY};
use super::trio::{THREE, Trio};
use super::wait::{self, PATIENCE};

/// The shipped runbook.
const RUNBOOK: &str = include_str!("../../runbooks/steer.toml");

/// In Stockholm, with nothing of the application: whom HAProxy asks.
const WITNESS: usize = 2;

#[tokio::test(flavor = "multi_thread")]
async fn haproxy_follows_a_failover_while_the_control_planes_are_down() {
    let Some(program) = haproxy() else {
        let required = std::env::var("FAILOVERD_TEST_HAPROXY");
        assert_ne!(
            required.as_deref(),
            Ok("required"),
            "FAILOVERD_TEST_HAPROXY=required, and there is no haproxy: install Debian's package"
        );
        println!("there is no haproxy here: nothing is shown");
        return;
    };
    let (mut trio, steers) = steering().await;
    let mut proxy = HaProxy::start(&program, &trio, steers[WITNESS]).await;
    for steer in steers {
        assert_eq!(steered(steer).await, [(200, true), (503, false)], "{steer}");
    }
    proxy.sends_to(HOME).await;

    for service in [Service::Route53, Service::GlobalAccelerator] {
        trio.stage.inject(Fault::FailControlPlane {
            service,
            status: 503,
            code: None,
        });
    }
    trio.stage.lose_home();
    proxy.sends_to(STANDBY).await;
    for steer in steers {
        let follows = async || (steered(steer).await == [(503, false), (200, true)]).then_some(());
        let followed = wait::for_some(PATIENCE, follows).await;
        assert!(followed.is_some(), "{steer}\n{}", trio.tell().await);
    }
    for operation in ["ChangeResourceRecordSets", "UpdateEndpointGroup"] {
        let executed = trio.stage.executed();
        let any = executed.keys().any(|call| call.starts_with(operation));
        assert!(!any, "{operation}: {executed:#?}");
    }

    // Whoever comes back is not gone back to: it is steered closed, not believed to be down.
    trio.stage.clear(&Fault::RegionDown {
        region: HOME.into(),
    });
    let back = async || product_answers(trio.stage.region_address(HOME)).await;
    assert!(
        wait::for_some(PATIENCE, back).await.is_some(),
        "{HOME} is back"
    );
    proxy.sends_to(STANDBY).await;

    // Cut off from the others, and started anew, the member repeats what was last agreed.
    for index in THREE {
        trio.kill_9(index);
    }
    proxy.sends_nowhere().await;
    trio.start(WITNESS);
    trio.daemon(WITNESS).api().await;
    let repeats =
        async || (steered(steers[WITNESS]).await == [(503, false), (200, true)]).then_some(());
    let repeated = wait::for_some(PATIENCE, repeats).await;
    assert!(repeated.is_some(), "{}", trio.tell().await);
    proxy.sends_to(STANDBY).await;
    drop(proxy);
    drop(trio.daemons);
    trio.stage.strike().await;
}

/// Three members that steer by the shipped runbook, and where each tells.
async fn steering() -> (Trio, [SocketAddr; 3]) {
    let mut trio = Trio::furnished().await;
    let runbook = trio
        .stage
        .folder()
        .join("runbooks")
        .join("by-steering.toml");
    let own = RUNBOOK.replace("name = \"steer\"", "name = \"by-steering\"");
    std::fs::write(runbook, own).expect("the runbook is written");
    let ports = THREE.map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    let steers = ports.map(|port| port.local_addr().expect("it is bound"));
    for index in THREE {
        let peer = format!("peer = \"{}\"", trio.address(index));
        let steer = format!("{peer}\nsteer = \"{}\"", steers[index]);
        trio.edit(index, &peer, &steer);
        trio.edit(index, "failover = \"own\"", "failover = \"by-steering\"");
        trio.start(index);
    }
    trio.becomes_steady().await;
    (trio, steers)
}

/// What a member tells of the home and of the standby: the status, and whether the word is `open`.
async fn steered(steer: SocketAddr) -> [(u16, bool); 2] {
    let mut told = [(0, false); 2];
    for (told, region) in told.iter_mut().zip([HOME, STANDBY]) {
        if let Ok((status, text)) = get(steer, &format!("/steer/shop/{region}")).await {
            *told = (status, text == "open\n");
        }
    }
    told
}

async fn product_answers(address: SocketAddr) -> Option<()> {
    let (status, _) = get(address, "/healthz").await.ok()?;
    (status == 200).then_some(())
}

fn haproxy() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        // Where Debian has it, which is not in everybody's path.
        .chain([PathBuf::from("/usr/sbin")])
        .map(|folder| folder.join("haproxy"))
        .find(|program| program.is_file())
}

struct HaProxy {
    child: Child,
    address: SocketAddr,
}

impl HaProxy {
    /// One server for each Region, called as the Region is; its check asks the member for that name.
    async fn start(program: &Path, trio: &Trio, member: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        drop(listener);
        let servers: String = [HOME, STANDBY]
            .iter()
            .map(|region| {
                let serves = trio.stage.region_address(region);
                format!(
                    "    server {region} {serves} check addr {} port {}\n",
                    member.ip(),
                    member.port()
                )
            })
            .collect();
        let text = format!(
            "defaults\n    mode http\n    timeout connect 1s\n    timeout client 2s\n    \
             timeout server 2s\n\nfrontend users\n    bind {address}\n    default_backend shop\n\n\
             backend shop\n    option httpchk\n    \
             http-check send meth GET uri-lf /steer/shop/%[srv_name] ver HTTP/1.1 hdr Host failoverd\n    \
             http-check expect status 200\n    \
             default-server inter 200ms fall 2 rise 1 on-marked-down shutdown-sessions\n{servers}"
        );
        let config = trio.stage.folder().join("haproxy.cfg");
        std::fs::write(&config, text).expect("it can be written");
        let child = clean(program.to_str().expect("a plain path"))
            .arg("-db")
            .arg("-f")
            .arg(&config)
            .stdin(Stdio::null())
            .spawn()
            .expect("haproxy starts");
        let listens = wait::for_some(PATIENCE, async || TcpStream::connect(address).ok()).await;
        assert!(listens.is_some(), "haproxy does not listen on {address}");
        Self { child, address }
    }

    /// Waits until ten requests in a row are answered by that Region.
    async fn sends_to(&mut self, region: &str) {
        let named = format!("\"region\":\"{region}\"");
        let sends = async || {
            for _ in 0..10 {
                let (status, text) = get(self.address, "/healthz").await.ok()?;
                if status != 200 || !text.replace(' ', "").contains(&named) {
                    return None;
                }
            }
            Some(())
        };
        let sent = wait::for_some(PATIENCE, sends).await;
        assert!(sent.is_some(), "haproxy does not send to {region}");
    }

    /// Waits until nobody is told to serve.
    async fn sends_nowhere(&mut self) {
        let refuses = async || {
            let (status, _) = get(self.address, "/healthz").await.ok()?;
            (status == 503).then_some(())
        };
        let refused = wait::for_some(PATIENCE, refuses).await;
        assert!(refused.is_some(), "haproxy still sends somewhere");
    }
}

impl Drop for HaProxy {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
            let _ = self.child.wait();
        }
    }
}
