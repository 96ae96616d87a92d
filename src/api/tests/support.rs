//! A served API and a client that speaks HTTP by hand.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::api::serve::{Limits, serve_within};
use crate::api::tls::ServerTls;
use crate::api::{Access, ApiSource, Configured, Heartbeat, OperatorDesk, SteerTally, bind};
use crate::config::Auth;
use crate::controller::{DrillAsk, PlanAsk, Planned, RunRequest, Started};
use crate::daemon::members::{ChangeRefused, MemberChange, MembersNow};
use crate::daemon::snapshot::Snapshot;
use crate::daemon::stats::Stats;
use crate::daemon::{AskFailed, DEFAULT_PARALLEL, EvacuationAsk, NotChecked};
use crate::model::{
    AppId, AuditCall, Command, CommandBody, DrillId, Evacuation, Event, HeldReadiness, HoldReason,
    Millis, Mono, Now, ReadinessCode, ReadinessFinding, ReadinessLevel, ReadinessReport, Rejection,
    State, Wall, fixtures,
};
use crate::ports::LedgerError;
use crate::run;

/// An API that is being served, and what it is served from.
pub struct Served {
    pub address: SocketAddr,
    pub snapshot: watch::Sender<Arc<Snapshot>>,
    pub stats: Arc<Stats>,
    pub desk: Arc<Desk>,
    pub stop: CancellationToken,
    pub served: JoinHandle<()>,
}

/// A desk that is a ledger of one, and remembers what it was asked.
#[derive(Default)]
pub struct Desk {
    pub asked: Mutex<Vec<MemberChange>>,
    pub refusal: Mutex<Option<ChangeRefused>>,
    /// What every command is answered with instead of being applied.
    pub trouble: Mutex<Option<LedgerError>>,
    pub state: Mutex<State>,
    pub commands: Mutex<Vec<CommandBody>>,
    pub requests: Mutex<Vec<RunRequest>>,
    pub drills: Mutex<Vec<DrillAsk>>,
    /// Why no run is opened.
    pub declined: Mutex<Vec<HoldReason>>,
    /// Why nothing is looked at.
    pub not_checked: Mutex<Option<NotChecked>>,
}

/// What a look at that moment found: something that blocks, and something that is well.
pub fn checked(app: &str, looked_at: Mono) -> HeldReadiness {
    let blocks = ReadinessFinding {
        code: ReadinessCode::DatabaseInstances,
        level: ReadinessLevel::Blocking,
        region: Some("eu-central-1".into()),
        subject: "shop-eu-central-1".to_owned(),
        text: "the cluster has no instance".to_owned(),
        remedy: Some("add an instance to it".to_owned()),
    };
    let well = ReadinessFinding {
        code: ReadinessCode::Accelerator,
        level: ReadinessLevel::Passed,
        region: None,
        remedy: None,
        ..blocks.clone()
    };
    HeldReadiness {
        report: ReadinessReport::new(app.into(), "m1".into(), Wall(1_000), vec![well, blocks]),
        active: "eu-west-1".into(),
        looked_at,
        interval: Millis::from_mins(5),
    }
}

impl Desk {
    /// Everything that is in the audit.
    pub fn audit(&self) -> Vec<AuditCall> {
        let state = self.state.lock().unwrap();
        state.audit.entries.iter().map(|e| e.call.clone()).collect()
    }
}

#[async_trait]
impl OperatorDesk for Desk {
    async fn command(&self, body: CommandBody) -> Result<Result<Event, Rejection>, LedgerError> {
        if let Some(trouble) = self.trouble.lock().unwrap().clone() {
            return Err(trouble);
        }
        if !matches!(body, CommandBody::RecordAudit { .. }) {
            self.commands.lock().unwrap().push(body.clone());
        }
        let command = Command { at: Wall(0), body };
        Ok(run::apply(&mut self.state.lock().unwrap(), &command))
    }

    async fn plan(&self, ask: PlanAsk) -> Result<Planned, AskFailed> {
        Err(AskFailed::NoSuchApplication { app: ask.app })
    }

    fn plan_evacuation(&self, ask: &EvacuationAsk) -> Result<Evacuation, Rejection> {
        let mut state = self.state.lock().unwrap().clone();
        let body = beginning(ask);
        run::apply(&mut state, &Command { at: Wall(0), body })?;
        Ok(state.evacuation_of(&ask.region).unwrap().clone())
    }

    async fn begin_evacuation(
        &self,
        ask: &EvacuationAsk,
    ) -> Result<Result<Evacuation, Rejection>, LedgerError> {
        let planned = self.plan_evacuation(ask);
        Ok(self.command(beginning(ask)).await?.and(planned))
    }

    async fn check_now(&self, app: AppId) -> Result<Arc<HeldReadiness>, NotChecked> {
        if let Some(why) = self.not_checked.lock().unwrap().clone() {
            return Err(why);
        }
        Ok(Arc::new(checked(app.as_str(), Mono(1_000))))
    }

    async fn start(&self, request: RunRequest) -> Result<Started, AskFailed> {
        let declined = self.declined.lock().unwrap().clone();
        if !declined.is_empty() {
            return Err(AskFailed::Declined(declined));
        }
        self.requests.lock().unwrap().push(request);
        Ok(Started {
            run: "shop-1".into(),
            plan_hash: "c0ffee".into(),
        })
    }

    async fn begin_drill(&self, ask: DrillAsk) -> Result<DrillId, AskFailed> {
        let declined = self.declined.lock().unwrap().clone();
        if !declined.is_empty() {
            return Err(AskFailed::Declined(declined));
        }
        let drill = DrillId(format!("{}-drill-3", ask.app));
        self.drills.lock().unwrap().push(ask);
        Ok(drill)
    }

    async fn change_members(&self, change: MemberChange) -> Result<MembersNow, ChangeRefused> {
        let member = change.member.clone();
        self.asked.lock().unwrap().push(change);
        match self.refusal.lock().unwrap().clone() {
            Some(refusal) => Err(refusal),
            None => Ok(MembersNow {
                voters: [member].into(),
                warning: None,
            }),
        }
    }
}

/// What begins an evacuation of the one application there is.
fn beginning(ask: &EvacuationAsk) -> CommandBody {
    CommandBody::BeginEvacuation {
        id: format!("{}-1", ask.region).as_str().into(),
        region: ask.region.clone(),
        by: ask.by.clone(),
        reason: ask.reason.clone(),
        parallel: ask.parallel.unwrap_or(DEFAULT_PARALLEL),
        allow_data_loss: ask.allow_data_loss,
        waves: run::waves(&ask.region, &[fixtures::application()], &BTreeMap::new()),
    }
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Served {
    pub async fn start(snapshot: Snapshot) -> Self {
        Self::with_heartbeat(snapshot, Duration::from_millis(1_500)).await
    }

    pub async fn within(limits: Limits, snapshot: Snapshot) -> Self {
        Self::with(limits, snapshot, Duration::from_millis(1_500)).await
    }

    /// The loop's last turn is `age` old; ten seconds are allowed.
    pub async fn with_heartbeat(snapshot: Snapshot, age: Duration) -> Self {
        Self::with(Limits::default(), snapshot, age).await
    }

    async fn with(limits: Limits, snapshot: Snapshot, age: Duration) -> Self {
        Self::on("127.0.0.1:0", limits, snapshot, age).await
    }

    pub async fn on(listen: &str, limits: Limits, snapshot: Snapshot, age: Duration) -> Self {
        Self::for_callers(None, None, listen, limits, snapshot, age).await
    }

    /// For callers that show who they are.
    pub async fn guarded(auth: &Auth, snapshot: Snapshot) -> Self {
        let age = Duration::from_millis(1_500);
        let limits = Limits::default();
        Self::for_callers(Some(auth), None, "127.0.0.1:0", limits, snapshot, age).await
    }

    /// The same over TLS.
    pub async fn encrypted(
        auth: &Auth,
        tls: ServerTls,
        limits: Limits,
        snapshot: Snapshot,
    ) -> Self {
        let age = Duration::from_millis(1_500);
        let tls = Some(Arc::new(tls));
        Self::for_callers(Some(auth), tls, "127.0.0.1:0", limits, snapshot, age).await
    }

    async fn for_callers(
        auth: Option<&Auth>,
        tls: Option<Arc<ServerTls>>,
        listen: &str,
        limits: Limits,
        snapshot: Snapshot,
        age: Duration,
    ) -> Self {
        let listener = bind(listen.parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (snapshot, seen) = watch::channel(Arc::new(snapshot));
        let stop = CancellationToken::new();
        let desk = Arc::new(Desk::default());
        let mut source = source(seen, desk.clone(), age);
        source.access = Arc::new(Access::of(auth).unwrap());
        source.tls = tls;
        let stats = source.stats.clone();
        let served = tokio::spawn(serve_within(
            limits,
            listener,
            source,
            stop.clone().cancelled_owned(),
        ));
        Self {
            address,
            snapshot,
            stats,
            desk,
            stop,
            served,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path).await
    }

    pub async fn ask(&self, method: &str, path: &str) -> Answer {
        self.send(method, path, "127.0.0.1", None, "").await
    }

    /// As a scraper asks that reads OpenMetrics.
    pub async fn scrape(&self) -> Answer {
        let accept =
            "127.0.0.1\r\naccept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
        self.send("GET", "/metrics", accept, None, "").await
    }

    pub async fn send(
        &self,
        method: &str,
        path: &str,
        host: &str,
        kind: Option<&str>,
        body: &str,
    ) -> Answer {
        let kind = kind.map_or_else(String::new, |kind| format!("content-type: {kind}\r\n"));
        self.say(method, path, &format!("host: {host}\r\n{kind}"), body)
            .await
    }

    /// With these lines of the head, whole.
    pub async fn say(&self, method: &str, path: &str, head: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.address.port()))
            .await
            .unwrap();
        let length = body.len();
        let request =
            format!("{method} {path} HTTP/1.1\r\n{head}content-length: {length}\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).await.unwrap();
        answer(stream).await
    }
}

/// What an API answers from, whose loop last turned that long ago.
pub fn source(
    snapshot: watch::Receiver<Arc<Snapshot>>,
    desk: Arc<Desk>,
    age: Duration,
) -> ApiSource {
    ApiSource {
        steer: SteerTally::default(),
        member: fixtures::members().remove(0),
        snapshot,
        stats: Arc::new(Stats::new()),
        heartbeat: Heartbeat::new(move || age, Duration::from_secs(10)),
        configured: fixtures::members()
            .into_iter()
            .map(|member| Configured {
                address: Some(format!("{}.example.org:7401", member.id)),
                id: member.id,
                region: member.region,
            })
            .collect(),
        applications: [fixtures::application()].into(),
        windows: [].into(),
        nag_after: crate::model::Millis::from_mins(240),
        access: Arc::new(Access::of(None).unwrap()),
        tls: None,
        desk,
    }
}

/// Reads until the server closes; of a stream of events only the first one.
pub async fn answer(mut stream: impl AsyncRead + Unpin) -> Answer {
    let mut bytes = Vec::new();
    while stream.read_buf(&mut bytes).await.unwrap() > 0 {
        let so_far = String::from_utf8_lossy(&bytes);
        if so_far.contains("text/event-stream") && so_far.contains("data: ") {
            break;
        }
    }
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer {
        status,
        head: head.to_ascii_lowercase(),
        body: body.to_owned(),
    }
}

/// Before the first turn.
pub fn starting() -> Snapshot {
    Snapshot::starting(Now::default(), Arc::default())
}
