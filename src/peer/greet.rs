//! From a TCP connection to one that is let in: TLS, names, hello, and the checks of both sides.

use std::io;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, DnsName, ServerName};
use rustls::{AlertDescription, CommonState, Error as TlsError};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::certificate;
use super::connection::{self, Broken, Wire};
use super::credentials::Trust;
use super::frame::{Frame, FrameError};
use super::hello::{GREETING_LIMIT, Hello};
use super::net::Shared;
use super::registry::{Control, Direction, Entered};
use super::{Channel, PeerIdentity, PeerMember, Refusal};
use crate::model::MemberId;

/// Why a connection was not made.
#[derive(Debug)]
pub(super) enum Failed {
    /// Nobody listens there, or nothing comes back.
    Unreachable { why: String },
    /// This side says no; the other was told, as far as it listens.
    WeRefuse(Refusal),
    /// The other side says no.
    TheyRefuse(Refusal),
    /// It broke on the way.
    Lost { why: String },
}

impl Failed {
    pub fn code(&self) -> &str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::WeRefuse(refusal) | Self::TheyRefuse(refusal) => refusal.code(),
            Self::Lost { .. } => "lost",
        }
    }

    pub fn message(&self) -> String {
        match self {
            Self::Unreachable { why } => format!("cannot be reached: {why}"),
            Self::WeRefuse(refusal) => format!("refused here: {refusal}"),
            Self::TheyRefuse(refusal) => format!("it refuses this member: {refusal}"),
            Self::Lost { why } => format!("lost while connecting: {why}"),
        }
    }
}

/// A connection that was let in.
pub(super) struct Greeted {
    pub wire: Wire,
    pub identity: PeerIdentity,
    pub channel: Channel,
    pub entered: Entered,
}

/// A wire, and what the other side's certificate proves; `None` in plain text.
type Secured = (Wire, Option<Certified>);

/// What a certificate proves, and under which authorities it does.
struct Certified {
    names: Vec<String>,
    trust: Trust,
}

/// Connects to `peer` for one channel.
pub(super) async fn dial(
    shared: &Arc<Shared>,
    peer: &PeerMember,
    channel: Channel,
    control: Control,
) -> Result<Greeted, Failed> {
    let limits = &shared.options.limits;
    let connect = TcpStream::connect(&peer.address);
    let tcp = match timeout(limits.connect, connect).await {
        Ok(Ok(tcp)) => tcp,
        Ok(Err(error)) => {
            return Err(Failed::Unreachable {
                why: format!("{}: {error}", peer.address),
            });
        }
        Err(_elapsed) => {
            return Err(Failed::Unreachable {
                why: format!(
                    "{}: no answer within {} ms",
                    peer.address,
                    limits.connect.as_millis()
                ),
            });
        }
    };
    bounded(shared, async {
        no_delay(&tcp)?;
        let (mut wire, certified) = secure_outgoing(shared, tcp, &peer.id).await?;
        let ours = Hello::new(
            shared.identity.clone(),
            &shared.options.cluster,
            peer.id.clone(),
            channel,
        );
        wire.write(Frame::Hello(ours.encode()))
            .await
            .map_err(broken)?;
        let welcome = match wire.read(GREETING_LIMIT).await {
            Ok(Frame::Welcome(body)) => body,
            Ok(Frame::Goodbye(reason)) => return Err(Failed::TheyRefuse(Refusal::decode(&reason))),
            Ok(_) => return Err(refuse(wire, out_of_turn()).await),
            Err(error) => return Err(unreadable(wire, error).await),
        };
        let checked = async {
            let theirs = Hello::decode(&welcome)?;
            if theirs.identity.member != peer.id {
                return Err(Refusal::WrongMember {
                    expected: peer.id.clone(),
                    actual: theirs.identity.member,
                });
            }
            let known = |id: &MemberId| shared.registry.knows(id);
            let names = certified.as_ref().map(|c| c.names.as_slice());
            theirs.check(&ours, known, names)?;
            let identity = theirs.identity;
            let kind = (Direction::Outgoing, channel);
            let entered = let_in(shared, &identity, certified.as_ref(), kind, control).await?;
            Ok::<_, Refusal>((identity, entered))
        };
        match checked.await {
            Ok((identity, entered)) => Ok(Greeted {
                wire,
                identity,
                channel,
                entered,
            }),
            Err(refusal) => Err(refuse(wire, refusal).await),
        }
    })
    .await
}

/// Answers a connection that another opened. The second value is whose it says it is, once that is
/// proven.
pub(super) async fn receive(
    shared: &Arc<Shared>,
    tcp: TcpStream,
    control: Control,
    who: &mut Option<MemberId>,
) -> Result<Greeted, Failed> {
    bounded(shared, async {
        no_delay(&tcp)?;
        let (mut wire, certified) = secure_incoming(shared, tcp).await?;
        if let Some(certified) = &certified {
            *who = certified
                .names
                .iter()
                .map(|name| MemberId::from(name.as_str()))
                .find(|name| shared.registry.knows(name));
        }
        let hello = match wire.read(GREETING_LIMIT).await {
            Ok(Frame::Hello(body)) => body,
            Ok(_) => return Err(refuse(wire, out_of_turn()).await),
            Err(error) => return Err(unreadable(wire, error).await),
        };
        let checked = async {
            let theirs = Hello::decode(&hello)?;
            if certified.is_none() && shared.registry.knows(&theirs.identity.member) {
                *who = Some(theirs.identity.member.clone());
            }
            let ours = Hello::new(
                shared.identity.clone(),
                &shared.options.cluster,
                theirs.identity.member.clone(),
                theirs.channel,
            );
            let known = |id: &MemberId| shared.registry.knows(id);
            let names = certified.as_ref().map(|c| c.names.as_slice());
            theirs.check(&ours, known, names)?;
            let (identity, channel) = (theirs.identity, theirs.channel);
            let kind = (Direction::Incoming, channel);
            let entered = let_in(shared, &identity, certified.as_ref(), kind, control).await?;
            Ok::<_, Refusal>((ours, identity, channel, entered))
        };
        let (ours, identity, channel, entered) = match checked.await {
            Ok(checked) => checked,
            Err(refusal) => return Err(refuse(wire, refusal).await),
        };
        wire.write(Frame::Welcome(ours.encode()))
            .await
            .map_err(broken)?;
        Ok(Greeted {
            wire,
            identity,
            channel,
            entered,
        })
    })
    .await
}

/// The last checks: that it is the only one of its name, the disk (or whatever the handler asks for),
/// and that its authority was not taken away while it was greeting.
async fn let_in(
    shared: &Arc<Shared>,
    identity: &PeerIdentity,
    certified: Option<&Certified>,
    (direction, channel): (Direction, Channel),
    control: Control,
) -> Result<Entered, Refusal> {
    // Before the look at its disk: a second daemon of one name is told that it is one, and nobody is
    // advised to let its disk in for that of the first.
    shared.registry.only_life(identity).await?;
    shared.handler.admit(identity)?;
    let entered = shared
        .registry
        .enter(identity, direction, channel, control)
        .await?;
    if let (Some(credentials), Some(certified)) = (&shared.credentials, certified)
        && !credentials.still_trusts(certified.trust)
    {
        return Err(Refusal::new_authority());
    }
    Ok(entered)
}

async fn bounded<T>(
    shared: &Shared,
    greeting: impl Future<Output = Result<T, Failed>>,
) -> Result<T, Failed> {
    let within = shared.options.limits.handshake;
    timeout(within, greeting).await.unwrap_or_else(|_elapsed| {
        Err(Failed::Lost {
            why: format!("no greeting within {} ms", within.as_millis()),
        })
    })
}

fn no_delay(tcp: &TcpStream) -> Result<(), Failed> {
    // A heartbeat must not wait for the next one to fill a packet.
    tcp.set_nodelay(true).map_err(|error| Failed::Lost {
        why: error.to_string(),
    })
}

async fn secure_outgoing(
    shared: &Shared,
    tcp: TcpStream,
    member: &MemberId,
) -> Result<Secured, Failed> {
    let Some(credentials) = &shared.credentials else {
        return Ok((Wire::new(tcp), None));
    };
    let name = DnsName::try_from(member.as_str().to_owned()).map_err(|_| {
        Failed::WeRefuse(Refusal::Certificate {
            why: format!("`{member}` cannot stand in a certificate"),
        })
    })?;
    let (config, trust) = credentials.client();
    let stream = TlsConnector::from(config)
        .connect(ServerName::DnsName(name), tcp)
        .into_fallible()
        .await;
    let stream = heard_out(stream).await?;
    let names = names(stream.get_ref().1)?;
    let wire = Wire::new(stream);
    // rustls also takes a wildcard for the name; a member's certificate is for that member.
    if names.iter().any(|name| name == member.as_str()) {
        Ok((wire, Some(Certified { names, trust })))
    } else {
        let refusal = Refusal::Certificate {
            why: format!(
                "`{member}` was called, and it is for {}",
                certificate::list(&names)
            ),
        };
        Err(refuse(wire, refusal).await)
    }
}

async fn secure_incoming(shared: &Shared, tcp: TcpStream) -> Result<Secured, Failed> {
    let Some(credentials) = &shared.credentials else {
        return Ok((Wire::new(tcp), None));
    };
    let (config, trust) = credentials.server();
    let stream = TlsAcceptor::from(config).accept(tcp).into_fallible().await;
    let stream = heard_out(stream).await?;
    let names = names(stream.get_ref().1)?;
    Ok((Wire::new(stream), Some(Certified { names, trust })))
}

/// After a handshake that failed: the other side's bytes are read to their end, because closing with
/// unread ones would reset the connection, and the alert that tells why would be lost with it.
async fn heard_out<T>(handshake: Result<T, (io::Error, TcpStream)>) -> Result<T, Failed> {
    match handshake {
        Ok(stream) => Ok(stream),
        Err((error, tcp)) => {
            connection::hear_out(tcp).await;
            Err(of_tls(error))
        }
    }
}

fn names(connection: &CommonState) -> Result<Vec<String>, Failed> {
    let own: Option<&CertificateDer<'_>> = connection
        .peer_certificates()
        .and_then(|certificates| certificates.first());
    let refused = |why: String| Failed::WeRefuse(Refusal::Certificate { why });
    let own = own.ok_or_else(|| refused("it showed none".to_owned()))?;
    certificate::facts(own)
        .map(|facts| facts.names)
        .map_err(refused)
}

async fn refuse(wire: Wire, refusal: Refusal) -> Failed {
    wire.goodbye(&refusal).await;
    Failed::WeRefuse(refusal)
}

fn out_of_turn() -> Refusal {
    Refusal::Garbled {
        why: "it did not greet first".to_owned(),
    }
}

/// Something that is no greeting came. Strangers' first bytes read as a length of gigabytes.
async fn unreadable(wire: Wire, error: Broken) -> Failed {
    match error {
        Broken::Frame(FrameError::TooLarge { size, limit }) => {
            let why = format!(
                "its first words are {size} bytes long, and at most {limit} are taken: no member, \
                 or one that speaks TLS while this one does not"
            );
            refuse(wire, Refusal::Garbled { why }).await
        }
        Broken::Frame(FrameError::Garbled { why }) => {
            let why = why.to_owned();
            refuse(wire, Refusal::Garbled { why }).await
        }
        other @ (Broken::Closed | Broken::Io(_) | Broken::Silent(_) | Broken::Stalled(_)) => {
            broken(other)
        }
    }
}

fn broken(error: Broken) -> Failed {
    match error {
        Broken::Io(error) => of_tls(error),
        other @ (Broken::Closed | Broken::Frame(_) | Broken::Silent(_) | Broken::Stalled(_)) => {
            Failed::Lost {
                why: other.to_string(),
            }
        }
    }
}

/// rustls hides its errors in those of the socket. In TLS 1.3 the caller learns only after its own
/// handshake that its certificate was not taken: the alert comes instead of the first answer.
fn of_tls(error: io::Error) -> Failed {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<TlsError>());
    // A foreign enum of dozens: the two that tell about certificates, what is no TLS at all, the rest.
    match inner {
        Some(TlsError::InvalidCertificate(why)) => Failed::WeRefuse(Refusal::Certificate {
            why: why.to_string(),
        }),
        Some(TlsError::NoCertificatesPresented) => Failed::WeRefuse(Refusal::Certificate {
            why: "it showed none".to_owned(),
        }),
        Some(TlsError::AlertReceived(alert)) => Failed::TheyRefuse(of_alert(*alert)),
        Some(other) => Failed::WeRefuse(Refusal::Garbled {
            why: format!("no TLS handshake of a member: {other}"),
        }),
        None => Failed::Lost {
            why: error.to_string(),
        },
    }
}

fn of_alert(alert: AlertDescription) -> Refusal {
    match alert {
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied
        | AlertDescription::CertificateRequired
        // What rustls says of a certificate whose authority has the right name and another key.
        | AlertDescription::DecryptError => Refusal::Certificate {
            why: format!(
                "the certificate that was shown was not taken ({alert:?}); check that both sides \
                 have the same ca_file, and certificates of that authority for their own ids"
            ),
        },
        other => Refusal::Other {
            code: "tls".to_owned(),
            message: format!("the TLS handshake was ended ({other:?})"),
        },
    }
}
