//! The port as others use it: start, call, look, shut down.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::{timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::Ended;
use super::credentials::{Credentials, Files, Reload};
use super::dial::{self, Line, LineState};
use super::frame::Frame;
use super::registry::Registry;
use super::warnings::Warnings;
use super::{
    CertificateStatus, Channel, NotSent, PeerError, PeerIdentity, PeerMember, PeerOptions,
    PeerStartError, PeerStatus, Refusal, UnknownOutcome, accept, host_time,
};
use crate::config::PeerSecurity;
use crate::model::MemberId;

/// What answers the other members.
#[async_trait]
pub trait PeerHandler: Send + Sync + 'static {
    /// Whether a member may speak at all: asked on each connection, in both directions, before
    /// anything else of it is looked at. Here a wiped disk is refused ([`Refusal::Disk`]). Must not
    /// block.
    ///
    /// # Errors
    ///
    /// Whatever the other side is to be told; the connection is closed.
    fn admit(&self, hello: &PeerIdentity) -> Result<(), Refusal>;

    /// Another member does not let this one in. Must not block.
    fn refused_by(&self, _by: &MemberId, _refusal: &Refusal) {}

    /// Answers one call. It is dropped when its caller has waited long enough: what must be brought
    /// to an end all the same belongs into a task of its own.
    async fn handle(
        &self,
        from: &PeerIdentity,
        channel: Channel,
        body: Bytes,
    ) -> Result<Bytes, Refusal>;
}

/// What every task of the port shares.
pub(super) struct Shared {
    pub options: PeerOptions,
    pub identity: PeerIdentity,
    pub credentials: Option<Credentials>,
    pub handler: Arc<dyn PeerHandler>,
    pub registry: Arc<Registry>,
    pub warnings: Warnings,
    pub tracker: TaskTracker,
    pub stop: CancellationToken,
    /// Calls that are worked on, by caller and channel.
    working: Mutex<BTreeMap<(MemberId, Channel), Arc<Semaphore>>>,
}

impl Shared {
    /// Something is wrong with a member.
    pub fn trouble(&self, member: &MemberId, code: &str, message: &str) {
        self.registry.fault(member, code, message);
        self.warnings.warn(member.as_str(), code, message);
    }

    /// A connection that had been let in is over.
    pub fn ended(&self, member: &MemberId, ended: &Ended) {
        match ended {
            Ended::Broken(broken) => self.trouble(member, "lost", &broken.to_string()),
            Ended::Goodbye(Refusal::ShuttingDown) => {
                self.registry.fault(member, "lost", "it was shut down");
            }
            Ended::Goodbye(reason) => {
                self.trouble(member, reason.code(), &format!("it closed: {reason}"));
            }
            Ended::Refused(reason) => {
                self.registry.count(reason);
                self.trouble(member, reason.code(), &format!("closed here: {reason}"));
            }
            Ended::Closed(reason) => {
                tracing::debug!(peer = %member, code = reason.code(), "connection closed");
            }
        }
    }

    /// The places for calls of one member.
    pub fn in_flight(&self, member: &MemberId, channel: Channel) -> Arc<Semaphore> {
        let places = self.options.limits.channel(channel).in_flight;
        let mut working = self.working.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(
            working
                .entry((member.clone(), channel))
                .or_insert_with(|| Arc::new(Semaphore::new(places))),
        )
    }
}

/// One member's side of the port between members.
pub struct PeerNet {
    shared: Arc<Shared>,
    peers: Mutex<BTreeMap<MemberId, Peer>>,
    address: SocketAddr,
}

/// Another member, to be called.
struct Peer {
    address: String,
    lines: BTreeMap<Channel, CallLine>,
    stop: CancellationToken,
}

#[derive(Clone)]
struct CallLine {
    state: watch::Receiver<LineState>,
    places: Arc<Semaphore>,
}

impl std::fmt::Debug for PeerNet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PeerNet")
            .field("me", &self.shared.options.me)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl PeerNet {
    /// Opens the port and begins to connect to the others. Does not wait for them.
    ///
    /// # Errors
    ///
    /// If the address cannot be taken or the certificate's files are not good.
    pub async fn start(
        options: PeerOptions,
        handler: Arc<dyn PeerHandler>,
    ) -> Result<Self, PeerStartError> {
        let address = options.listen;
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| PeerStartError::Listen { address, source })?;
        Self::start_on(listener, options, handler).await
    }

    /// As [`PeerNet::start`], on a port that was taken before: `options.listen` is passed over.
    ///
    /// # Errors
    ///
    /// As [`PeerNet::start`].
    pub async fn start_on(
        listener: TcpListener,
        options: PeerOptions,
        handler: Arc<dyn PeerHandler>,
    ) -> Result<Self, PeerStartError> {
        let address = listener
            .local_addr()
            .map_err(|source| PeerStartError::Listen {
                address: options.listen,
                source,
            })?;
        let credentials = match &options.security {
            PeerSecurity::MutualTls {
                ca_file,
                cert_file,
                key_file,
            } => {
                let files = Files::new(ca_file, cert_file, key_file);
                let me = options.me.clone();
                let loaded = tokio::task::spawn_blocking(move || Credentials::load(files, me));
                let loaded = loaded
                    .await
                    .map_err(|e| PeerStartError::Tls { why: e.to_string() })??;
                Some(loaded)
            }
            PeerSecurity::InsecureLoopback => {
                loopback_only(&address.to_string())?;
                None
            }
        };
        let shared = Arc::new(Shared {
            identity: PeerIdentity {
                member: options.me.clone(),
                region: options.region.clone(),
                boot: options.boot,
                disk: options.disk,
                schema: options.schema,
                version: env!("CARGO_PKG_VERSION").to_owned(),
                mark: Some(options.mark),
            },
            credentials,
            handler,
            registry: Arc::new(Registry::new(options.limits.liveness)),
            warnings: Warnings::new(options.limits.repeat_warning),
            tracker: TaskTracker::new(),
            stop: CancellationToken::new(),
            working: Mutex::default(),
            options,
        });
        let net = Self {
            shared: Arc::clone(&shared),
            peers: Mutex::default(),
            address,
        };
        // Before the first connection is accepted: its member must be known.
        net.set_members(&shared.options.members)?;
        shared
            .tracker
            .spawn(accept::listen(Arc::clone(&shared), listener));
        if shared.credentials.is_some() {
            shared.tracker.spawn(watch_files(Arc::clone(&shared)));
        }
        Ok(net)
    }

    /// Where others connect to.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Who this member says it is.
    pub fn identity(&self) -> &PeerIdentity {
        &self.shared.identity
    }

    /// Replaces the member list. Connections to members that stay at their address stay; others are
    /// closed or opened. This member itself is passed over.
    ///
    /// # Errors
    ///
    /// If a member stands in it twice, or is beyond this host while nothing is encrypted. Nothing is
    /// changed then.
    pub fn set_members(&self, members: &[PeerMember]) -> Result<(), PeerStartError> {
        let mut wanted = BTreeMap::new();
        for member in members {
            if wanted.insert(&member.id, member).is_some() {
                return Err(PeerStartError::TwiceInList {
                    member: member.id.clone(),
                });
            }
            if self.shared.credentials.is_none() {
                loopback_only(&member.address)?;
            }
        }
        wanted.remove(&self.shared.options.me);
        let mut peers = self.lock();
        let gone: BTreeSet<MemberId> = peers
            .iter()
            .filter(|(id, peer)| wanted.get(id).is_none_or(|w| w.address != peer.address))
            .map(|(id, _)| id.clone())
            .collect();
        for id in gone {
            if let Some(peer) = peers.remove(&id) {
                peer.stop.cancel();
            }
            if !wanted.contains_key(&id) {
                self.shared.registry.remove(&id);
            }
        }
        for member in wanted.into_values() {
            if !peers.contains_key(&member.id) {
                self.shared.registry.add(member);
                peers.insert(member.id.clone(), self.open(member));
            }
        }
        Ok(())
    }

    fn open(&self, member: &PeerMember) -> Peer {
        let stop = self.shared.stop.child_token();
        let lines = Channel::ALL
            .into_iter()
            .map(|channel| {
                let (sender, state) = watch::channel(LineState::Connecting);
                let places = self.shared.options.limits.channel(channel).in_flight;
                self.shared.tracker.spawn(dial::keep(
                    Arc::clone(&self.shared),
                    member.clone(),
                    channel,
                    sender,
                    stop.clone(),
                ));
                let line = CallLine {
                    state,
                    places: Arc::new(Semaphore::new(places)),
                };
                (channel, line)
            })
            .collect();
        Peer {
            address: member.address.clone(),
            lines,
            stop,
        }
    }

    /// Asks another member. Waits at most `within`, for a connection that is being made and for the
    /// answer together; fails at once where there is none.
    ///
    /// # Errors
    ///
    /// Three-valued: [`PeerError::NotSent`] and [`PeerError::Refused`] mean that it was not done,
    /// [`PeerError::Unknown`] that nobody here can tell.
    pub async fn call(
        &self,
        to: &MemberId,
        channel: Channel,
        body: Bytes,
        within: Duration,
    ) -> Result<Bytes, PeerError> {
        let not_sent = |why| PeerError::NotSent {
            member: to.clone(),
            why,
        };
        let unknown = |why| PeerError::Unknown {
            member: to.clone(),
            why,
        };
        // A deadline of a real network.
        let deadline = tokio::time::Instant::from_std(host_time::now() + within);
        let line = self
            .lock()
            .get(to)
            .and_then(|peer| peer.lines.get(&channel).cloned())
            .ok_or_else(|| not_sent(NotSent::UnknownMember))?;
        let limits = self.shared.options.limits.channel(channel);
        if body.len() > limits.body as usize {
            return Err(not_sent(NotSent::TooLarge {
                channel,
                size: body.len(),
                limit: limits.body,
            }));
        }
        let Ok(_place) = Arc::clone(&line.places).try_acquire_owned() else {
            return Err(not_sent(NotSent::Busy {
                channel,
                limit: limits.in_flight,
            }));
        };
        let Line { pending, outgoing } = timeout_at(deadline, up(line.state))
            .await
            .unwrap_or(Err(NotSent::NotConnectedInTime))
            .map_err(not_sent)?;
        let lost = || NotSent::Unreachable {
            why: "the connection was just lost".to_owned(),
        };
        let mut waiting = pending.open().ok_or_else(|| not_sent(lost()))?;
        let request = |left: Duration| Frame::Request {
            id: waiting.id,
            within_ms: u32::try_from(left.as_millis()).unwrap_or(u32::MAX).max(1),
            body,
        };
        let place = match timeout_at(deadline, outgoing.reserve()).await {
            Ok(Ok(place)) => place,
            Ok(Err(_closed)) => return Err(not_sent(lost())),
            Err(_elapsed) => return Err(not_sent(NotSent::NotConnectedInTime)),
        };
        place.send(request(
            deadline
                .into_std()
                .saturating_duration_since(host_time::now()),
        ));
        match timeout_at(deadline, &mut waiting.answered).await {
            Ok(Ok(Ok(answer))) => Ok(answer),
            Ok(Ok(Err(Refusal::AnswerTooLarge { size, limit }))) => {
                Err(unknown(UnknownOutcome::AnswerTooLarge { size, limit }))
            }
            Ok(Ok(Err(refusal))) => Err(PeerError::Refused {
                member: to.clone(),
                refusal,
            }),
            Ok(Err(_dropped)) => Err(unknown(UnknownOutcome::ConnectionLost)),
            Err(_elapsed) => Err(unknown(UnknownOutcome::Timeout)),
        }
    }

    /// Every other member, by id.
    pub fn status(&self) -> Vec<PeerStatus> {
        self.shared.registry.status()
    }

    /// This member's own certificate; `None` in plain text.
    pub fn certificate(&self) -> Option<CertificateStatus> {
        self.shared.credentials.as_ref().map(Credentials::status)
    }

    /// How often this member refused another (or a stranger), by [`Refusal::code`].
    pub fn refusals(&self) -> BTreeMap<String, u64> {
        self.shared.registry.refusals()
    }

    /// Closes every connection with a member, in both directions, so that
    /// [`PeerHandler::admit`] is asked again.
    pub fn disconnect(&self, member: &MemberId, reason: &Refusal) {
        self.shared.registry.close(member, reason);
    }

    /// Says goodbye to everybody and closes the port. Calls that wait end as unknown.
    pub async fn shutdown(&self) {
        self.shared.stop.cancel();
        self.shared.tracker.close();
        // A goodbye takes a second at most; who does not hear it sees the connection close.
        let patience = Duration::from_secs(3);
        if timeout(patience, self.shared.tracker.wait()).await.is_err() {
            tracing::warn!("connections to other members did not close in time");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<MemberId, Peer>> {
        // Nothing under the lock can panic half-way.
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PeerNet {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

/// Waits for a line that is being made; one that is down fails at once.
async fn up(mut state: watch::Receiver<LineState>) -> Result<Line, NotSent> {
    loop {
        let now = state.borrow_and_update().clone();
        match now {
            LineState::Up(line) => return Ok(line),
            LineState::Down { why } => return Err(NotSent::Unreachable { why }),
            LineState::Connecting => {}
        }
        if state.changed().await.is_err() {
            return Err(NotSent::ShuttingDown);
        }
    }
}

fn loopback_only(address: &str) -> Result<(), PeerStartError> {
    if PeerSecurity::is_this_host(address) {
        Ok(())
    } else {
        Err(PeerStartError::InsecureBeyondLoopback {
            address: address.to_owned(),
        })
    }
}

/// Takes new files of the certificate as they come.
async fn watch_files(shared: Arc<Shared>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(shared.options.limits.reload) => {}
            () = shared.stop.cancelled() => return,
        }
        let by_task = Arc::clone(&shared);
        // Off the runtime: files may hang.
        let look = tokio::task::spawn_blocking(move || {
            by_task.credentials.as_ref().map(Credentials::reload)
        });
        match look.await {
            Ok(Some(Reload::Taken { distrusts })) => {
                tracing::info!("new certificate taken");
                if distrusts {
                    shared.registry.close_all(&Refusal::new_authority());
                }
            }
            Ok(Some(Reload::Kept { why })) => shared.warnings.warn(
                "certificate",
                "reload",
                &format!(
                    "new files cannot be taken, the certificate before them stays in use: {why}"
                ),
            ),
            Ok(Some(Reload::Unchanged) | None) => {}
            Err(error) => shared
                .warnings
                .warn("certificate", "reload", &error.to_string()),
        }
    }
}
