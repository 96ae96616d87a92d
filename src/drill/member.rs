//! One member of a drill: a real daemon with a data folder, a port, eyes and a runtime of its own, so
//! that it can be killed, stopped and started as a whole like a process.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::actuate::AwsOptions;
use crate::api::{self, SteerSource, SteerTally};
use crate::config::Config;
use crate::controller::{DrillAsk, RunRequest};
use crate::daemon::members::{ChangeRefused, MemberChange, MembersNow};
use crate::daemon::{
    AskFailed, EvacuationAsk, HostedVantage, Node, NodeError, NodeHandle, NodeOptions,
};
use crate::ledger::{OpenError, StartError};
use crate::model::{
    BootId, CommandBody, DrillId, Evacuation, Event, MemberId, RegionId, Rejection,
};
use crate::ports::{Actuator, Clock, LedgerError};

use super::hourglass::{Brake, MemberClock};
use super::interlude::{Cue, Interlude};
use super::stage::DrillError;

/// Real time that a start may take: a data folder is opened, nobody is waited for.
const START_WITHIN: Duration = Duration::from_secs(20);

/// Real time between two looks whether the folder of the life before is free.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Real time until a runtime's worker has come to its next pause.
const KILL_WITHIN: Duration = Duration::from_secs(5);

/// Real time that a person waits for an answer: more than the ledger's own deadline.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Ends with the runtime it runs on.
async fn tell_health_checks(door: TcpListener, handle: NodeHandle, config: Config) {
    let door = match tokio::net::TcpListener::from_std(door) {
        Ok(door) => door,
        Err(error) => return tracing::error!(%error, "no health check is told anything"),
    };
    let source = SteerSource {
        snapshot: handle.snapshots(),
        applications: config.applications.into(),
        alone: false,
        tally: SteerTally::default(),
    };
    api::serve_steer(door, source, std::future::pending()).await;
}

/// A member, alive or not.
pub(super) struct Member {
    pub id: MemberId,
    pub region: RegionId,
    /// Where its probes come from.
    pub source: IpAddr,
    /// Its access key: whose requests AWS has received.
    pub caller: String,
    /// Its clock against everybody's, in world milliseconds.
    pub step: Arc<AtomicI64>,
    /// Before which call it stands still.
    pub cue: Cue,
    /// Where it tells health checks what is steered, in every life.
    pub steer: Option<TcpListener>,
    world: Arc<dyn Clock>,
    life: Option<Life>,
}

/// One life: from a start to its end.
struct Life {
    handle: NodeHandle,
    brake: Arc<Brake>,
    node: Node,
    /// Taken when the life ends.
    runtime: Option<Runtime>,
}

impl Member {
    /// The `number`th member, from 1, not yet alive.
    pub fn new(id: MemberId, region: RegionId, number: u8, world: Arc<dyn Clock>) -> Self {
        Self {
            id,
            region,
            source: IpAddr::V4(Ipv4Addr::new(127, 0, 1, number)),
            caller: format!("AKIADRILL{number:02}"),
            step: Arc::default(),
            cue: Cue::default(),
            steer: None,
            world,
            life: None,
        }
    }

    /// Begins a life; returns where it listens for the others.
    pub async fn start(&mut self, config: &Config) -> Result<SocketAddr, DrillError> {
        let port = (Ipv4Addr::LOCALHOST, 0);
        let listener = TcpListener::bind(port).map_err(DrillError::Port)?;
        let address = listener.local_addr().map_err(DrillError::Port)?;
        // One worker: where it stands, the whole member stands.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name(format!("member-{}", self.id))
            .enable_all()
            .build()
            .map_err(DrillError::Threads)?;
        let brake = Arc::<Brake>::default();
        let begun = timeout(
            START_WITHIN,
            self.begin(&runtime, &brake, config, &listener),
        );
        let node = match begun.await {
            Ok(Ok(node)) => node,
            Ok(Err(error)) => {
                runtime.shutdown_background();
                return Err(error);
            }
            Err(_elapsed) => {
                runtime.shutdown_background();
                return Err(DrillError::Stopped {
                    why: format!("{} did not start within {START_WITHIN:?}", self.id),
                });
            }
        };
        if let Some(door) = &self.steer {
            let door = door.try_clone().map_err(DrillError::Port)?;
            runtime.spawn(tell_health_checks(door, node.handle(), config.clone()));
        }
        self.life = Some(Life {
            handle: node.handle(),
            brake,
            node,
            runtime: Some(runtime),
        });
        Ok(address)
    }

    async fn begin(
        &self,
        runtime: &Runtime,
        brake: &Arc<Brake>,
        config: &Config,
        listener: &TcpListener,
    ) -> Result<Node, DrillError> {
        loop {
            let options = self.options(brake, config, listener)?;
            let started = runtime.spawn(Node::start(options)).await;
            match started.map_err(|join| DrillError::Stopped {
                why: format!("{} failed while it started: {join}", self.id),
            })? {
                Ok(node) => return Ok(node),
                // The disk thread of the life before is about to end.
                Err(NodeError::Ledger(StartError::Open(OpenError::Locked { .. }))) => {
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "each life draws its boot id")]
    fn options(
        &self,
        brake: &Arc<Brake>,
        config: &Config,
        listener: &TcpListener,
    ) -> Result<NodeOptions, DrillError> {
        let clock = MemberClock::new(
            Arc::clone(&self.world),
            Arc::clone(&self.step),
            Arc::clone(brake),
        );
        // The sandbox reads whose a signature is, and does not check it.
        let credentials = Credentials::new(&self.caller, "drill", None, None, "drill");
        let (brake, cue) = (Arc::clone(brake), self.cue.clone());
        Ok(NodeOptions {
            config: config.clone(),
            clock: Arc::new(clock),
            vantages: vec![HostedVantage {
                member: self.id.clone(),
                source: Some(self.source),
            }],
            aws: AwsOptions {
                credentials: Some(SharedCredentialsProvider::new(credentials)),
                home: Some(self.region.clone()),
            },
            boot: BootId(rand::random()),
            peer_listener: Some(listener.try_clone().map_err(DrillError::Port)?),
            interpose: Some(Box::new(move |inner: Arc<dyn Actuator>| {
                Arc::new(Interlude { inner, brake, cue }) as Arc<dyn Actuator>
            })),
        })
    }

    /// Ends its life where it stands: no farewell, no outcome journaled, its connections closed by
    /// the host. What its disk had taken in stays.
    pub async fn kill(&mut self) {
        let Some(mut life) = self.life.take() else {
            return;
        };
        life.brake.end();
        let ended = tokio::task::spawn_blocking(move || {
            if let Some(runtime) = life.runtime.take() {
                runtime.shutdown_timeout(KILL_WITHIN);
            }
        });
        // A panic in there is one of the runtime's own; the life is over all the same.
        let _ = ended.await;
    }

    /// From now on every thread of it stands still, as under SIGSTOP.
    pub fn freeze(&self) {
        if let Some(life) = &self.life {
            life.brake.pull();
            if let Some(runtime) = &life.runtime {
                let brake = Arc::clone(&life.brake);
                runtime.spawn(async move { brake.pass() });
            }
        }
    }

    /// It goes on where it stood.
    pub fn thaw(&self) {
        if let Some(life) = &self.life {
            life.brake.release();
        }
    }

    /// Whether it stands still.
    pub fn is_frozen(&self) -> bool {
        self.life.as_ref().is_some_and(|life| life.brake.is_on())
    }

    /// What others may ask of its present life.
    pub fn handle(&self) -> Option<&NodeHandle> {
        self.life.as_ref().map(|life| &life.handle)
    }

    /// Asks it for a run.
    pub async fn request(&self, request: RunRequest) -> Result<(), LedgerError> {
        self.ask(|handle| async move { handle.request(request).await })
            .await?
    }

    /// Asks it for a game day.
    pub async fn begin_drill(
        &self,
        ask: DrillAsk,
    ) -> Result<Result<DrillId, AskFailed>, LedgerError> {
        self.ask(|handle| async move { handle.begin_drill(ask).await })
            .await
    }

    /// Asks it that a Region be left.
    pub async fn evacuate(
        &self,
        ask: &EvacuationAsk,
    ) -> Result<Result<Evacuation, Rejection>, LedgerError> {
        let ask = ask.clone();
        self.ask(|handle| async move { handle.begin_evacuation(&ask).await })
            .await?
    }

    /// Gives it an operator's word for the ledger.
    pub async fn command(
        &self,
        body: CommandBody,
    ) -> Result<Result<Event, Rejection>, LedgerError> {
        self.ask(|handle| async move { handle.command(body).await })
            .await?
    }

    /// Has it change who is a member.
    pub async fn change_members(
        &self,
        change: MemberChange,
    ) -> Result<Result<MembersNow, ChangeRefused>, LedgerError> {
        self.ask(|handle| async move { handle.change_members(change).await })
            .await
    }

    /// On its own runtime, as by a call that has arrived: should it stand still, only the caller's
    /// patience ends.
    async fn ask<F, T>(&self, question: impl FnOnce(NodeHandle) -> F) -> Result<T, LedgerError>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let unanswered = |why: &str| LedgerError::Unknown {
            why: format!("{} {why}", self.id),
        };
        let life = self.life.as_ref();
        let Some((life, runtime)) = life.and_then(|life| Some((life, life.runtime.as_ref()?)))
        else {
            return Err(unanswered("does not run"));
        };
        let asked = runtime.spawn(question(life.handle.clone()));
        match timeout(ANSWER_WITHIN, asked).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_ended)) => Err(unanswered("ended meanwhile")),
            Err(_elapsed) => Err(unanswered("did not answer")),
        }
    }

    /// Why it ended by itself, once its snapshots have ended.
    pub async fn ended(&mut self) -> String {
        match &mut self.life {
            Some(life) => match timeout(START_WITHIN, life.node.ended()).await {
                Ok(why) => why.to_string(),
                Err(_elapsed) => "it does not say why".to_owned(),
            },
            None => "it was killed".to_owned(),
        }
    }
}

impl Drop for Life {
    /// However a drill ends, it waits for nobody here: a runtime must not be waited for where
    /// others are driven.
    fn drop(&mut self) {
        self.brake.end();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
