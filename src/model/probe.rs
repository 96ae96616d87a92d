//! Probes and what comes of them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AppId, Millis, Mono, ProbeId, RegionId};

/// A configured check of one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Probe {
    pub id: ProbeId,
    pub check: Check,
    /// World time between two probes, before jitter.
    pub interval: Millis,
    /// World time after which a probe has failed.
    pub timeout: Millis,
    /// Failures in a row until the probe is down.
    pub fall: u32,
    /// Successes in a row until it is up again.
    pub rise: u32,
    /// Whether the Region is down when this probe is.
    pub critical: bool,
    /// This probe's share where the Region is judged by weight.
    pub weight: u32,
}

/// What a probe does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Check {
    /// One HTTP or HTTPS request; redirects are answers, never followed.
    Http {
        url: String,
        method: String,
        /// Inclusive ranges of status codes that count as success.
        expect_status: Vec<StatusRange>,
        /// Text that the first 64 KiB of the body must hold.
        body_contains: Option<String>,
        /// A response header that must be there, and its value if given.
        expect_header: Option<HeaderMatch>,
        /// Request headers.
        headers: Vec<(String, String)>,
        /// Keep the connection between probes; a fresh one per probe otherwise.
        keep_alive: bool,
        /// PEM file of the authorities to trust instead of the system's.
        ca_file: Option<String>,
    },
    /// A TCP connection to `host:port` is accepted.
    Tcp { address: String },
    /// A DNS question has an answer.
    Dns {
        name: String,
        record_type: DnsType,
        /// `ip:port` of the resolver; the system's own if absent.
        resolver: Option<String>,
        /// Of these at least one must be among the answers; any answer does if empty.
        expect: Vec<String>,
    },
}

/// The record types a DNS probe may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DnsType {
    A,
    Aaaa,
    Cname,
    Txt,
}

/// Status codes from `low` to `high`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StatusRange {
    pub low: u16,
    pub high: u16,
}

impl StatusRange {
    /// Whether `status` is in the range.
    pub fn contains(&self, status: u16) -> bool {
        (self.low..=self.high).contains(&status)
    }
}

/// A header that must be present, and with this value if one is given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HeaderMatch {
    pub name: String,
    pub value: Option<String>,
}

/// What a sample is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Target {
    /// A probe of an application's Region.
    Region {
        app: AppId,
        region: RegionId,
        probe: ProbeId,
    },
    /// A reference target: something outside every application that tells whether *we* see at all.
    Reference(ProbeId),
}

/// One outcome of one probe.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sample {
    pub target: Target,
    /// When the probe was started: a sample is never younger than that.
    pub started: Mono,
    pub ended: Mono,
    pub result: ProbeResult,
}

/// What a probe found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProbeResult {
    pub outcome: SampleOutcome,
    pub timings: Timings,
}

/// The three values of a sample.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SampleOutcome {
    Success,
    Failure(FailureReason),
    /// The probe could not ask: says nothing about the endpoint.
    Unknown(UnknownReason),
}

/// Why a probe failed, in bounded words (they become metric labels).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureReason {
    ConnectRefused,
    ConnectTimeout,
    Connect(String),
    Tls(String),
    /// No complete answer within the timeout.
    Timeout,
    /// The connection ended before a whole response.
    ClosedEarly,
    Status(u16),
    BodyMismatch,
    HeaderMismatch,
    Protocol(String),
    /// The resolver answered, and there is no such name or record.
    NoRecords,
    WrongAnswer(String),
}

/// Why a probe could not ask.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownReason {
    /// The resolver did not answer.
    ResolverUnreachable(String),
    /// This host is out of sockets, addresses or memory.
    Local(String),
}

/// Where the time of a probe went, in real microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timings {
    pub connect_us: Option<u64>,
    pub tls_us: Option<u64>,
    pub first_byte_us: Option<u64>,
    pub total_us: u64,
}

impl FailureReason {
    /// A bounded word for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::ConnectRefused => "connect_refused",
            Self::ConnectTimeout => "connect_timeout",
            Self::Connect(_) => "connect",
            Self::Tls(_) => "tls",
            Self::Timeout => "timeout",
            Self::ClosedEarly => "closed_early",
            Self::Status(_) => "status",
            Self::BodyMismatch => "body_mismatch",
            Self::HeaderMismatch => "header_mismatch",
            Self::Protocol(_) => "protocol",
            Self::NoRecords => "no_records",
            Self::WrongAnswer(_) => "wrong_answer",
        }
    }
}

impl fmt::Display for FailureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConnectRefused => f.write_str("connection refused"),
            Self::ConnectTimeout => f.write_str("no connection within the timeout"),
            Self::Connect(why) => write!(f, "cannot connect: {why}"),
            Self::Tls(why) => write!(f, "TLS handshake failed: {why}"),
            Self::Timeout => f.write_str("no answer within the timeout"),
            Self::ClosedEarly => f.write_str("connection closed before a whole answer"),
            Self::Status(code) => write!(f, "answered {code}"),
            Self::BodyMismatch => f.write_str("the body lacks the expected text"),
            Self::HeaderMismatch => f.write_str("the expected header is missing or differs"),
            Self::Protocol(why) => write!(f, "not a valid answer: {why}"),
            Self::NoRecords => f.write_str("the name has no such record"),
            Self::WrongAnswer(got) => write!(f, "answered {got}, which is not expected"),
        }
    }
}

impl fmt::Display for UnknownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ResolverUnreachable(why) => write!(f, "the resolver does not answer: {why}"),
            Self::Local(why) => write!(f, "this host cannot probe: {why}"),
        }
    }
}
