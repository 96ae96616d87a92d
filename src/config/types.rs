//! The configuration past the edge: everything here is already valid.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use crate::model::{
    AppId, Application, AutomationWindow, DataLossApproval, Member, MemberId, Millis, Precedence,
    Probe, RegionId, Runbook,
};

/// Everything one daemon is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// This member.
    pub node: Node,
    /// Every member of the cluster, this one included.
    pub members: Vec<Member>,
    /// At least three things outside every application that tell whether *we* see at all.
    pub references: Vec<Probe>,
    /// What is failed over.
    pub applications: Vec<Application>,
    /// In which order they leave a Region that is evacuated. Not of the application itself: no vote is
    /// cast under it, and members that differ in it still agree on what is lost.
    pub order: BTreeMap<AppId, Precedence>,
    /// When automation is held.
    pub windows: Vec<AutomationWindow>,
    /// A pause that is older is asked for.
    pub nag_after: Millis,
    /// By name; every runbook an application names is here.
    pub runbooks: BTreeMap<String, Runbook>,
    /// Lease and timers of the replicated log.
    pub cluster: ClusterTiming,
    /// How often everything that plans will touch is looked at.
    pub readiness: ReadinessPolicy,
    /// How the members reach each other. `None` only where there is one member, and nothing is said
    /// of others.
    pub peering: Option<Peering>,
    /// Who is told what happens.
    pub notifications: Vec<NotifySink>,
    /// Who is called for as long as all is well.
    pub heartbeat: Option<Heartbeat>,
    /// Where spans go; nowhere if absent.
    pub tracing: Option<Tracing>,
    /// Who may do what.
    pub auth: AuthPolicy,
    /// Who may ask over the API. `None`: only this host's own users can, and they may everything.
    pub callers: Option<Auth>,
    /// What the API is encrypted with; plain text without.
    pub api_tls: Option<ApiTls>,
}

/// `[auth]`: who may do what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthPolicy {
    /// Whose word a loss of data needs where a person asked for the run.
    pub data_loss_approval: DataLossApproval,
}

/// `[auth]`: who may ask over the API, and how they show who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// Hashed bearer tokens.
    pub tokens_file: Option<PathBuf>,
    /// Client certificates, by a name in them.
    pub certificates: Vec<AuthCertificate>,
    /// Whether `/metrics` asks, too.
    pub metrics: bool,
    /// Tokens travel in plain text beyond this host, because something else encrypts there.
    pub insecure: bool,
}

/// A client certificate that is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthCertificate {
    /// A DNS name of the certificate, or its common name.
    pub name: String,
    pub role: AuthRole,
    /// All of them if absent.
    pub applications: Option<BTreeSet<AppId>>,
}

/// What a caller of the API may do. Each may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AuthRole {
    Viewer,
    Operator,
    Admin,
}

/// `[api_tls]`: the API's own certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiTls {
    pub cert_file: PathBuf,
    pub key_file: PathBuf,
    /// Who signs the certificates of callers; none are asked for if absent.
    pub client_ca_file: Option<PathBuf>,
}

/// When readiness is looked at, and what is asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadinessPolicy {
    /// World time between two looks at an application.
    pub interval: Millis,
    /// A run or a drill of it must not be longer ago.
    pub drill_max_age: Millis,
}

impl Default for ReadinessPolicy {
    fn default() -> Self {
        Self {
            interval: Millis::from_mins(5),
            drill_max_age: Millis::from_mins(30 * 24 * 60),
        }
    }
}

/// The port between members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peering {
    /// Two clusters of different names never talk, wherever their addresses lead.
    pub cluster: String,
    /// Where this member listens for the others.
    pub listen: SocketAddr,
    /// `host:port` of every member that has one; of all of them, where there are several.
    pub addresses: BTreeMap<MemberId, String>,
    pub security: PeerSecurity,
}

/// What protects the port between members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerSecurity {
    /// Both sides show a certificate of the cluster's authority, with the member's id as a DNS name.
    MutualTls {
        ca_file: PathBuf,
        cert_file: PathBuf,
        key_file: PathBuf,
    },
    /// Nothing, and therefore on this host only.
    InsecureLoopback,
}

impl PeerSecurity {
    /// Whether `host:port` is certainly this host: what plain text is limited to.
    pub fn is_this_host(address: &str) -> bool {
        let Some((host, _port)) = address.rsplit_once(':') else {
            return false;
        };
        let bare = host
            .strip_prefix('[')
            .and_then(|h| h.strip_suffix(']'))
            .unwrap_or(host);
        bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

/// Who this daemon is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// One of the members.
    pub id: MemberId,
    /// Where it is at home.
    pub region: RegionId,
    /// The ledger's folder.
    pub data_dir: PathBuf,
    /// Where `/livez`, `/readyz` and `/metrics` are served. Loopback unless configured.
    pub api: SocketAddr,
    /// Where `/steer` is served to health checks, which ask from the internet and show nothing of
    /// themselves. Nowhere unless configured.
    pub steer: Option<SocketAddr>,
}

/// One receiver of notifications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotifySink {
    /// In logs and metrics.
    pub id: String,
    pub kind: SinkKind,
    pub address: SinkAddress,
    /// Only what is about these, and about the cluster; everything if absent.
    pub applications: Option<BTreeSet<AppId>>,
    /// Nothing less urgent.
    pub least: Urgency,
}

/// What a receiver understands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkKind {
    /// Our own JSON, signed with the file's secret if there is one.
    Webhook { secret_file: Option<PathBuf> },
    /// An incoming webhook of Slack, or of what speaks like it.
    Slack,
    /// Events v2.
    PagerDuty { routing_key_file: PathBuf },
}

/// Where a receiver is. Where the URL itself is the secret it stands in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkAddress {
    Url(String),
    File(PathBuf),
}

/// How urgent a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    Info,
    Warning,
    Critical,
}

impl Urgency {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// A dead man's switch elsewhere: it raises the alarm when this member's calls stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    pub address: SinkAddress,
    /// Real time between two calls: it is somebody outside who counts.
    pub interval: Millis,
}

/// A collector of spans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracing {
    /// Its OTLP address over HTTP, without the path.
    pub otlp_url: String,
    /// Whether each probe is a span.
    pub probes: bool,
}

/// Timers of the replicated log, in world time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClusterTiming {
    /// Must exceed the worst round trip between members: openraft bounds a linearizable read by it.
    pub heartbeat: Millis,
    /// The election timeout is drawn between these.
    pub election_min: Millis,
    /// See `election_min`; also the lease.
    pub election_max: Millis,
}

impl Default for ClusterTiming {
    fn default() -> Self {
        Self {
            heartbeat: Millis(500),
            election_min: Millis(1_500),
            election_max: Millis(3_000),
        }
    }
}
