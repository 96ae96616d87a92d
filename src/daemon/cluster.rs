//! This member among the others: the port, what answers on it, and how the cluster comes to be.
//!
//! ```text
//!   ledger ──Carrier──▶ PeerNet ══ raft, snapshot ══▶ Exchange ──▶ ledger of another
//!   Asker ────────────▶ PeerNet ══ votes ═══════════▶ Exchange ──▶ its newest sheets
//!   NodeHandle ───────▶ PeerNet ══ operator ════════▶ Exchange ──▶ the leader's performer
//! ```
//!
//! Invariant: nothing of a member that speaks from another data folder than the one on record comes
//! past [`Exchange::admit`].

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Peering};
use crate::ledger::{
    Formation, Freight, NotAdmitted, PeerCallError, PeerCalls, RaftLedger, SCHEMA,
};
use crate::model::{BootId, MemberId};
use crate::peer::{
    Channel, PeerError, PeerHandler, PeerIdentity, PeerNet, PeerOptions, PeerStartError, Refusal,
};
use crate::ports::Clock;

use super::forward;
use super::gossip::{self, Asker, Followed, Sheets};
use super::odd_clock::OddClock;
use super::perform::Performer;
use super::snapshot::ClusterView;

/// Real time between two looks at what the others have said of themselves, until the cluster is.
const LOOK: Duration = Duration::from_millis(200);

/// Carries the ledger's messages. The port opens after the ledger, whose voice it is; until then
/// nobody is reached. It does not keep the port, whose answers keep the ledger: each would keep the
/// other's files and sockets for ever.
#[derive(Default)]
pub(super) struct Carrier(OnceLock<Weak<PeerNet>>);

#[async_trait]
impl PeerCalls for Carrier {
    async fn call(
        &self,
        to: &MemberId,
        freight: Freight,
        body: Vec<u8>,
        within: Duration,
    ) -> Result<Vec<u8>, PeerCallError> {
        let Some(net) = self.0.get().and_then(Weak::upgrade) else {
            return Err(PeerCallError::Refused("the port is not open".to_owned()));
        };
        let channel = match freight {
            Freight::Message => Channel::Raft,
            Freight::Snapshot => Channel::Snapshot,
        };
        match net.call(to, channel, body.into(), within).await {
            Ok(answer) => Ok(answer.into()),
            Err(error @ (PeerError::NotSent { .. } | PeerError::Refused { .. })) => {
                Err(PeerCallError::Refused(error.to_string()))
            }
            Err(error @ PeerError::Unknown { .. }) => {
                Err(PeerCallError::Unknown(error.to_string()))
            }
        }
    }
}

/// Answers the other members.
struct Exchange {
    ledger: Arc<RaftLedger>,
    sheets: Sheets,
    clock: Arc<dyn Clock>,
    performer: Performer,
}

#[async_trait]
impl PeerHandler for Exchange {
    fn admit(&self, hello: &PeerIdentity) -> Result<(), Refusal> {
        let life = hello.mark.map(|mark| (hello.boot, mark));
        let admitted = self.ledger.admits(&hello.member, hello.disk, life);
        admitted.map_err(|refused| match refused {
            NotAdmitted::Wiped(wiped) => Refusal::Disk {
                member: wiped.member,
                known: wiped.known,
                got: wiped.got,
                remedy: wiped.remedy,
            },
            NotAdmitted::PutBack(back) => Refusal::PutBack {
                member: back.member,
                disk: back.disk,
                known: back.known,
                got: back.got,
                remedy: back.remedy,
            },
        })
    }

    fn refused_by(&self, _by: &MemberId, refusal: &Refusal) {
        if let Refusal::PutBack { disk, known, .. } = refusal
            && *disk == self.ledger.disk()
        {
            let (ledger, known) = (Arc::clone(&self.ledger), *known);
            tokio::spawn(async move { ledger.take_no_part(known).await });
        }
    }

    async fn handle(
        &self,
        from: &PeerIdentity,
        channel: Channel,
        body: Bytes,
    ) -> Result<Bytes, Refusal> {
        match channel {
            Channel::Raft | Channel::Snapshot => self
                .ledger
                .serve(&from.member, &body)
                .await
                .map(Bytes::from)
                .map_err(|error| refused("ledger", &error)),
            Channel::Votes => gossip::tell(
                &self.ledger,
                &self.sheets,
                &self.performer.rehearsals,
                self.clock.as_ref(),
                &from.member,
                &body,
            )
            .map(Bytes::from),
            Channel::Operator => {
                self.ledger
                    .same_ledger(&from.member)
                    .map_err(|error| refused("other_ledger", &error))?;
                forward::answer(&self.performer, &self.ledger, &from.member, &body)
                    .await
                    .map(Bytes::from)
            }
        }
    }
}

/// What a node knows of the others. Clones share it.
#[derive(Clone)]
pub(super) struct Cluster {
    ledger: Arc<RaftLedger>,
    /// `None`: this cluster has one member, and nothing was said of others.
    net: Option<Arc<PeerNet>>,
    /// In real time: what a round trip must stay below.
    heartbeat: Duration,
    me: MemberId,
    followed: Followed,
}

/// Everything that opens the port.
pub(super) struct Opening<'a> {
    pub config: &'a Config,
    pub boot: BootId,
    /// Taken before, or taken now as configured.
    pub listener: Option<std::net::TcpListener>,
    pub carrier: &'a Carrier,
    pub ledger: &'a Arc<RaftLedger>,
    /// As the ledger was told, in real time.
    pub heartbeat: Duration,
    pub performer: &'a Performer,
    pub stopping: &'a CancellationToken,
}

impl Cluster {
    /// Opens the port, begins to ask the others, and founds the cluster when all are there.
    pub async fn open(opening: Opening<'_>) -> Result<Self, PeerStartError> {
        let Opening {
            config,
            boot,
            listener,
            carrier,
            ledger,
            heartbeat,
            performer,
            stopping,
        } = opening;
        let net = match &config.peering {
            None => None,
            Some(peering) => {
                let exchange = Exchange {
                    ledger: Arc::clone(ledger),
                    sheets: performer.sheets.clone(),
                    clock: Arc::clone(&performer.clock),
                    performer: performer.clone(),
                };
                Some(listen(config, peering, boot, listener, exchange).await?)
            }
        };
        let followed = Followed::default();
        if let Some(net) = &net {
            // Set once: a carrier is made for each start.
            let _ = carrier.0.set(Arc::downgrade(net));
            let round = config
                .applications
                .iter()
                .map(|app| app.detection.gossip)
                .min()
                .unwrap_or(crate::model::Millis::from_secs(1));
            let asker = Asker {
                net: Arc::clone(net),
                ledger: Arc::clone(ledger),
                clock: Arc::clone(&performer.clock),
                round,
                inbox: performer.inbox.clone(),
                me: config.node.id.clone(),
                clocks: OddClock::new(config.members.len()),
                followed: followed.clone(),
            };
            for member in &config.members {
                if member.id != config.node.id {
                    let asking = asker
                        .clone()
                        .keep_asking(member.id.clone(), stopping.clone());
                    tokio::spawn(asking);
                }
            }
        }
        tokio::spawn(form(Arc::clone(ledger), stopping.clone()));
        Ok(Self {
            ledger: Arc::clone(ledger),
            net,
            heartbeat,
            me: config.node.id.clone(),
            followed,
        })
    }

    /// How the cluster looks from here at this moment; whether that is an alarm, the loop says.
    pub fn view(&self) -> ClusterView {
        let peers = self
            .net
            .as_ref()
            .map(|net| net.status())
            .unwrap_or_default();
        ClusterView {
            formation: self.ledger.formation(),
            quorum: self.ledger.quorum(),
            quorum_lost: false,
            applied: self.applied(),
            automation_as_of: 0,
            slow: peers
                .iter()
                .filter_map(|peer| Some((peer.member.clone(), peer.round_trip_worst?)))
                .filter(|(_, worst)| *worst > self.heartbeat)
                .collect(),
            heartbeat: self.heartbeat,
            peers,
            certificate: self.net.as_ref().and_then(|net| net.certificate()),
            refusals: self
                .net
                .as_ref()
                .map(|net| net.refusals())
                .unwrap_or_default(),
        }
    }

    /// How far each member has followed the log, this one included, as far as is known.
    fn applied(&self) -> BTreeMap<MemberId, u64> {
        let mut applied = self.followed.all();
        applied.insert(self.me.clone(), self.ledger.applied());
        applied
    }

    /// The ledger of this member.
    pub fn ledger(&self) -> &Arc<RaftLedger> {
        &self.ledger
    }

    /// The way to another member; none in a cluster of one.
    pub fn net(&self) -> Option<&PeerNet> {
        self.net.as_deref()
    }

    /// Says goodbye to the others.
    pub async fn close(&self) {
        if let Some(net) = &self.net {
            net.shutdown().await;
        }
    }
}

async fn listen(
    config: &Config,
    peering: &Peering,
    boot: BootId,
    listener: Option<std::net::TcpListener>,
    exchange: Exchange,
) -> Result<Arc<PeerNet>, PeerStartError> {
    let folder = (exchange.ledger.disk(), exchange.ledger.began_at());
    let options = PeerOptions::new(config, peering, boot, folder, SCHEMA);
    let handler = Arc::new(exchange);
    let net = match listener {
        None => PeerNet::start(options, handler).await?,
        Some(listener) => {
            let address = options.listen;
            let taken = listener
                .set_nonblocking(true)
                .and_then(|()| TcpListener::from_std(listener))
                .map_err(|source| PeerStartError::Listen { address, source })?;
            PeerNet::start_on(taken, options, handler).await?
        }
    };
    tracing::info!(address = %net.local_addr(), "listening for the other members");
    Ok(Arc::new(net))
}

/// Looks again and again whether the cluster can be founded, and tells what it waits for.
async fn form(ledger: Arc<RaftLedger>, stopping: CancellationToken) {
    let mut told: Option<Formation> = None;
    loop {
        let formation = ledger.formation();
        if told.as_ref() != Some(&formation) {
            tell(&formation);
        }
        if formation == Formation::Form
            && let Err(error) = ledger.form().await
        {
            tracing::error!(%error, "the cluster was not founded");
        }
        told = Some(formation);
        tokio::select! {
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

fn tell(formation: &Formation) {
    match formation {
        Formation::Form => tracing::info!("every member is there: founding the cluster"),
        Formation::Wait { missing } => {
            let missing: Vec<&str> = missing.iter().map(MemberId::as_str).collect();
            tracing::info!(
                missing = missing.join(", "),
                "waiting for every member to be there"
            );
        }
        Formation::Join => tracing::info!("the others are a cluster: waiting for its leader"),
        Formation::Formed => tracing::info!("this member is of the cluster"),
        Formation::Refuse { reason, remedy } => {
            tracing::error!(reason, remedy, "this member takes no part");
        }
    }
}

/// A body for the port.
pub(super) fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    ciborium::into_writer(message, &mut bytes).map_err(|error| refused("encoding", &error))?;
    Ok(bytes)
}

/// A body from the port.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    ciborium::from_reader(bytes).map_err(|error| Refusal::Garbled {
        why: error.to_string(),
    })
}

/// What the other members may send, as far as these bytes are any of it: for whoever tries to hurt a
/// member with them (`fuzz/`).
pub fn understand(body: &[u8]) -> Vec<&'static str> {
    let read = [
        ("ask", decode::<gossip::Ask>(body).is_ok()),
        ("told", decode::<gossip::Told>(body).is_ok()),
        ("forwarded", decode::<forward::Forwarded>(body).is_ok()),
        ("answered", decode::<forward::Answered>(body).is_ok()),
        ("ledger", crate::ledger::understands(body)),
    ];
    let known = read.into_iter().filter(|(_, is)| *is);
    known.map(|(what, _)| what).collect()
}

fn refused(code: &str, error: &dyn std::error::Error) -> Refusal {
    Refusal::Other {
        code: code.to_owned(),
        message: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forwarded_change_of_members_is_understood_and_noise_is_not() {
        let change = include_bytes!("../../fuzz/seeds/peer_bodies/member-change");
        assert_eq!(understand(change), ["forwarded"]);
        assert!(understand(b"").is_empty());
        // Nested beyond any stack.
        assert!(understand(&[0x81; 100_000]).is_empty());
        // A list of more than there is memory for.
        assert!(understand(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).is_empty());
    }
}
