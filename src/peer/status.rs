//! What is known of the others, for `status`, metrics and alerts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Channel, ChannelTraffic, PeerIdentity, Refusal};
use crate::model::MemberId;

/// One other member, as this one sees it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    pub member: MemberId,
    /// `host:port` as configured.
    pub address: String,
    /// Whether every channel to it is open.
    pub connected: bool,
    /// Channels that this member opened to it.
    pub outgoing: BTreeSet<Channel>,
    /// Channels that it opened to this member.
    pub incoming: BTreeSet<Channel>,
    /// How long ago the last byte of it came; `None` if never.
    pub last_heard: Option<Duration>,
    /// What it said of itself when it was last let in; kept while it is away.
    pub identity: Option<PeerIdentity>,
    /// Why it did not let this member in at the last attempt; `None` since it did.
    pub refuses: Option<Refusal>,
    /// The last thing that went wrong with it.
    pub last_error: Option<PeerFault>,
    /// The latest ping's.
    pub round_trip: Option<Duration>,
    /// The worst of the last hundred or so pings: what a heartbeat must exceed.
    pub round_trip_worst: Option<Duration>,
    /// What has passed since this process started, for every channel.
    pub traffic: BTreeMap<Channel, ChannelTraffic>,
}

/// Something that went wrong, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerFault {
    /// One word, as [`super::Refusal::code`], `unreachable` or `lost`.
    pub code: String,
    pub message: String,
    /// How long ago.
    pub ago: Duration,
}

/// This member's own certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateStatus {
    /// Milliseconds since 1970 at which it ends.
    pub not_after_ms: i64,
    /// The names it is for.
    pub names: Vec<String>,
    /// Why the files as they stand now could not be taken; the certificate before them is in use.
    pub reload_error: Option<String>,
    /// How often new files were taken since the start.
    pub reloads: u64,
}
