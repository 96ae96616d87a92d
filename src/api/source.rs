//! What the API reads from.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::access::Access;
use super::desk::OperatorDesk;
use super::steer::SteerTally;
use super::tls::ServerTls;
use crate::config::Config;
use crate::daemon::snapshot::Snapshot;
use crate::daemon::stats::Stats;
use crate::model::{Application, AutomationWindow, Member, MemberId, Millis, RegionId};

/// Everything an answer is made of. Clones share it.
#[derive(Clone, Debug)]
pub struct ApiSource {
    /// Who answers.
    pub member: Member,
    pub snapshot: watch::Receiver<Arc<Snapshot>>,
    pub stats: Arc<Stats>,
    pub heartbeat: Heartbeat,
    /// Every configured member.
    pub configured: Arc<[Configured]>,
    /// Every configured application, in the order of their names.
    pub applications: Arc<[Application]>,
    /// When automation is to stand still by plan, and after how long a pause is nagged about.
    pub windows: Arc<[AutomationWindow]>,
    pub nag_after: Millis,
    /// Who may ask.
    pub access: Arc<Access>,
    /// What health checks were answered.
    pub steer: SteerTally,
    /// What is spoken before HTTP; plain text without.
    pub tls: Option<Arc<ServerTls>>,
    /// Where everything that changes something is asked for.
    pub desk: Arc<dyn OperatorDesk>,
}

/// One of the `[[member]]` list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configured {
    pub id: MemberId,
    pub region: RegionId,
    /// `host:port`; none for a member that is alone.
    pub address: Option<String>,
}

impl Configured {
    /// All of them.
    pub fn list(config: &Config) -> Arc<[Self]> {
        let addresses = config.peering.as_ref().map(|peering| &peering.addresses);
        let listed = config.members.iter().map(|member| Self {
            id: member.id.clone(),
            region: member.region.clone(),
            address: addresses.and_then(|of| of.get(&member.id).cloned()),
        });
        listed.collect()
    }
}

impl ApiSource {
    /// Every configured application, in the order of their names.
    pub fn applications(config: &Config) -> Arc<[Application]> {
        let mut apps = config.applications.clone();
        apps.sort_by(|a, b| a.name.cmp(&b.name));
        apps.into()
    }

    /// The last turn's snapshot. Never waits longer than it takes to copy a pointer.
    pub(super) fn now(&self) -> Arc<Snapshot> {
        self.snapshot.borrow().clone()
    }
}

/// How long ago the daemon's loop last turned, in real time: it is this process that is judged.
#[derive(Clone)]
pub struct Heartbeat {
    age: Arc<dyn Fn() -> Duration + Send + Sync>,
    limit: Duration,
}

impl Heartbeat {
    /// A loop whose last turn is `age()` old, and which has hung once that exceeds `limit`. The
    /// limit should be several times the longest pause between two turns: whoever watches `/livez`
    /// restarts the process.
    pub fn new(age: impl Fn() -> Duration + Send + Sync + 'static, limit: Duration) -> Self {
        Self {
            age: Arc::new(age),
            limit,
        }
    }

    pub(super) fn age(&self) -> Duration {
        (self.age)()
    }

    pub(super) fn limit(&self) -> Duration {
        self.limit
    }
}

impl fmt::Debug for Heartbeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Heartbeat(limit: {:?})", self.limit)
    }
}
