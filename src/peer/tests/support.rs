//! Members to test with, their certificates, and a wire between two that can be cut.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::config::PeerSecurity;
use crate::model::{BootId, DiskId, MemberId, RegionId};
use crate::peer::{
    Channel, ChannelLimits, Limits, PeerHandler, PeerIdentity, PeerMember, PeerNet, PeerOptions,
    PeerStatus, Refusal,
};

/// More than anything here takes, on a busy host.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Asks until it is so.
pub async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let asked = async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(found) => found,
        Err(_elapsed) => panic!("never: {what}"),
    }
}

/// Small and quick.
pub fn limits() -> Limits {
    let channel = |body, in_flight| ChannelLimits { body, in_flight };
    Limits {
        channels: BTreeMap::from([
            (Channel::Raft, channel(64 * 1024, 4)),
            (Channel::Snapshot, channel(32 << 20, 2)),
            (Channel::Votes, channel(64 * 1024, 4)),
            (Channel::Operator, channel(1 << 20, 2)),
        ]),
        keepalive: Duration::from_millis(50),
        reconnect_min: Duration::from_millis(5),
        reconnect_max: Duration::from_millis(50),
        reload: Duration::from_millis(10),
        ..Limits::default()
    }
}

/// Answers with what it was asked, its own name before it. On the way it can be told to wait, and
/// whom to refuse.
#[derive(Default)]
pub struct Echo {
    pub name: String,
    pub refuse: Mutex<Option<Refusal>>,
    /// Disks that are not let in.
    pub wiped: Mutex<Option<DiskId>>,
    /// Calls with the body `wait` wait for it.
    pub go: Notify,
    /// How many wait.
    pub waiting: watch::Sender<usize>,
    /// Bodies that came, as far as they are short.
    pub seen: Mutex<Vec<(Channel, Bytes)>>,
}

#[async_trait]
impl PeerHandler for Echo {
    fn admit(&self, hello: &PeerIdentity) -> Result<(), Refusal> {
        if *self.wiped.lock().unwrap() == Some(hello.disk) {
            return Err(Refusal::Disk {
                member: hello.member.clone(),
                known: DiskId(1),
                got: hello.disk,
                remedy: "failoverctl member replace".to_owned(),
            });
        }
        Ok(())
    }

    async fn handle(
        &self,
        from: &PeerIdentity,
        channel: Channel,
        body: Bytes,
    ) -> Result<Bytes, Refusal> {
        if body.len() < 100 {
            self.seen.lock().unwrap().push((channel, body.clone()));
        }
        if let Some(refusal) = self.refuse.lock().unwrap().clone() {
            return Err(refusal);
        }
        match &body[..] {
            b"wait" => {
                let go = self.go.notified();
                self.waiting.send_modify(|n| *n += 1);
                go.await;
                self.waiting.send_modify(|n| *n -= 1);
            }
            b"large" => return Ok(Bytes::from(vec![0; 2 << 20])),
            _ => {}
        }
        if body.len() > 100 {
            return Ok(Bytes::from(body.len().to_string()));
        }
        let text = format!(
            "{} to {} on {channel}: {}",
            self.name,
            from.member,
            String::from_utf8_lossy(&body)
        );
        Ok(Bytes::from(text))
    }
}

/// A member that runs.
pub struct Running {
    pub net: PeerNet,
    pub echo: Arc<Echo>,
}

impl Running {
    pub fn address(&self) -> SocketAddr {
        self.net.local_addr()
    }

    pub fn meets(&self, others: &[(&str, SocketAddr)]) {
        let members: Vec<PeerMember> = others
            .iter()
            .map(|(id, address)| PeerMember {
                id: MemberId::from(*id),
                address: address.to_string(),
            })
            .collect();
        self.net.set_members(&members).unwrap();
    }

    pub fn of(&self, member: &str) -> PeerStatus {
        let mut all = self.net.status();
        let at = all.iter().position(|s| s.member.as_str() == member);
        all.remove(at.unwrap())
    }

    pub async fn connected(&self, member: &str) {
        until(&format!("connected to {member}"), || {
            self.of(member).connected.then_some(())
        })
        .await;
    }

    /// The code of the last thing that went wrong with `member`.
    pub async fn fault(&self, member: &str, code: &str) -> String {
        let asked = async {
            loop {
                match self.of(member).last_error {
                    Some(fault) if fault.code == code => return fault.message,
                    Some(_) | None => tokio::time::sleep(Duration::from_millis(2)).await,
                }
            }
        };
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(message) => message,
            Err(_elapsed) => panic!("no {code} with {member}: {:?}", self.of(member)),
        }
    }

    pub async fn ask(
        &self,
        to: &str,
        channel: Channel,
        body: &'static str,
    ) -> Result<String, crate::peer::PeerError> {
        let body = Bytes::from_static(body.as_bytes());
        let answer = self
            .net
            .call(&MemberId::from(to), channel, body, PATIENCE)
            .await?;
        Ok(String::from_utf8(answer.to_vec()).unwrap())
    }
}

pub fn options(id: &str, security: PeerSecurity) -> PeerOptions {
    PeerOptions {
        mark: crate::model::DiskMark::default(),
        me: MemberId::from(id),
        region: RegionId::from("eu-west-1"),
        cluster: "test".to_owned(),
        boot: BootId(u64::from(id.as_bytes()[0])),
        disk: DiskId(u128::from(id.as_bytes()[0])),
        schema: 3,
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        members: Vec::new(),
        security,
        limits: limits(),
    }
}

pub async fn start(options: PeerOptions) -> Running {
    let echo = Arc::new(Echo {
        name: options.me.to_string(),
        ..Echo::default()
    });
    let handler: Arc<dyn PeerHandler> = echo.clone();
    let net = PeerNet::start(options, handler).await.unwrap();
    Running { net, echo }
}

/// `a` and `b`, with certificates of one authority, and each knows where the other is.
pub async fn pair(a: PeerOptions, b: PeerOptions) -> (Running, Running) {
    let (id_a, id_b) = (a.me.clone(), b.me.clone());
    let (a, b) = (start(a).await, start(b).await);
    a.meets(&[(id_b.as_str(), b.address())]);
    b.meets(&[(id_a.as_str(), a.address())]);
    (a, b)
}

/// An authority with a folder of its own.
pub struct Authority {
    pub folder: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "test authority");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { folder, issuer }
    }

    /// Certificate and key for these names, as text.
    pub fn issue(&self, params: &CertificateParams) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// Writes them for `file`; where they are, with this authority's own.
    pub fn files(&self, file: &str, params: &CertificateParams) -> PeerSecurity {
        let (certificate, key) = self.issue(params);
        let (cert_file, key_file) = (
            self.path(&format!("{file}.pem")),
            self.path(&format!("{file}.key")),
        );
        fs::write(&cert_file, certificate).unwrap();
        fs::write(&key_file, key).unwrap();
        PeerSecurity::MutualTls {
            ca_file: self.path("ca.pem"),
            cert_file,
            key_file,
        }
    }

    /// As a member is usually given them.
    pub fn member(&self, id: &str) -> PeerSecurity {
        self.files(id, &named(&[id]))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

pub fn named(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
    CertificateParams::new(names).unwrap()
}

/// Replaces the authority of a member's files: it trusts `file`, whatever it shows itself.
pub fn trusting(security: PeerSecurity, file: &Path) -> PeerSecurity {
    match security {
        PeerSecurity::MutualTls {
            cert_file,
            key_file,
            ca_file: _,
        } => PeerSecurity::MutualTls {
            ca_file: file.to_owned(),
            cert_file,
            key_file,
        },
        PeerSecurity::InsecureLoopback => PeerSecurity::InsecureLoopback,
    }
}

/// A wire to `target` that can be cut: bytes are then swallowed, as by a network that is partitioned.
/// A narrow one lets only so many bytes of each connection through until it is widened.
pub struct Cable {
    pub address: SocketAddr,
    cut: watch::Sender<bool>,
    wide: watch::Sender<bool>,
    /// How many connections have come to the end of what a narrow wire lets through.
    pub held: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl Cable {
    pub async fn to(target: SocketAddr) -> Self {
        Self::narrow(target, u64::MAX).await
    }

    /// Bytes towards `target` are counted; what comes back is not.
    pub async fn narrow(target: SocketAddr, bytes: u64) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (cut, wide) = (watch::Sender::new(false), watch::Sender::new(false));
        let (holds, held) = watch::channel(0);
        let (sees, widens) = (cut.subscribe(), wide.subscribe());
        let task = tokio::spawn(async move {
            let mut tasks = tokio::task::JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let (mut sees, mut widens, holds) = (sees.clone(), widens.clone(), holds.clone());
                tasks.spawn(async move {
                    // While it is cut, connections hang; those that were open go deaf for good.
                    let _ = sees.wait_for(|cut| !cut).await;
                    let Ok(far) = TcpStream::connect(target).await else {
                        return;
                    };
                    let (mut near_in, mut near_out) = near.into_split();
                    let (mut far_in, mut far_out) = far.into_split();
                    let there = async {
                        copy(&mut (&mut near_in).take(bytes), &mut far_out).await?;
                        holds.send_modify(|n| *n += 1);
                        let _ = widens.wait_for(|wide| *wide).await;
                        copy(&mut near_in, &mut far_out).await
                    };
                    let back = copy(&mut far_in, &mut near_out);
                    let cut = tokio::select! {
                        _ = there => false,
                        _ = back => false,
                        _ = sees.wait_for(|cut| *cut) => true,
                    };
                    if cut {
                        // Held open and never read.
                        std::future::pending::<()>().await;
                    }
                });
            }
        });
        Self {
            address,
            cut,
            wide,
            held,
            task,
        }
    }

    pub fn cut(&self) {
        self.cut.send_replace(true);
    }

    pub fn mend(&self) {
        self.cut.send_replace(false);
    }

    pub fn widen(&self) {
        self.wide.send_replace(true);
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.task.abort();
    }
}
