//! The first words of a connection, and whether they are believed.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Channel, Refusal};
use crate::model::{BootId, DiskId, DiskMark, MemberId, RegionId};

/// Of the hello's form; a member with another is refused.
const PROTOCOL: u32 = 1;

/// What a hello begins with: a stranger that happens to send a good length is known by it.
const MAGIC: &[u8] = b"failoverd-peer\n";

/// More than any hello or goodbye; nobody may send more before it is known who it is.
pub(super) const GREETING_LIMIT: u32 = 8 * 1024;

/// A member as it presents itself. With mutual TLS its name has been proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerIdentity {
    pub member: MemberId,
    pub region: RegionId,
    /// This life of the process.
    pub boot: BootId,
    /// Its data folder.
    pub disk: DiskId,
    /// The log schema that it speaks.
    pub schema: u32,
    /// Its failoverd's version, for people.
    pub version: String,
    /// How far its data folder went when this life began; nothing from a release that does not say.
    #[serde(default)]
    pub mark: Option<DiskMark>,
}

/// What both sides say first. Unknown keys are passed over: a later version may say more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hello {
    pub protocol: u32,
    pub cluster: String,
    /// Whom the speaker believes to be talking to.
    pub to: MemberId,
    pub channel: Channel,
    #[serde(flatten)]
    pub identity: PeerIdentity,
}

/// Read before the rest, whose form it tells.
#[derive(Deserialize)]
struct Version {
    protocol: u32,
}

impl Hello {
    pub fn new(identity: PeerIdentity, cluster: &str, to: MemberId, channel: Channel) -> Self {
        Self {
            protocol: PROTOCOL,
            cluster: cluster.to_owned(),
            to,
            channel,
            identity,
        }
    }

    pub fn encode(&self) -> Bytes {
        let mut body = MAGIC.to_vec();
        // Text keys, text and numbers: nothing in it that JSON cannot write.
        body.extend(serde_json::to_vec(self).unwrap_or_default());
        Bytes::from(body)
    }

    pub fn decode(body: &[u8]) -> Result<Self, Refusal> {
        let garbled = |why: String| Refusal::Garbled { why };
        let Some(json) = body.strip_prefix(MAGIC) else {
            return Err(garbled("its first words are not a member's".to_owned()));
        };
        let version: Version =
            serde_json::from_slice(json).map_err(|e| garbled(format!("its hello: {e}")))?;
        if version.protocol != PROTOCOL {
            return Err(Refusal::Protocol {
                ours: PROTOCOL,
                theirs: version.protocol,
            });
        }
        serde_json::from_slice(json).map_err(|e| garbled(format!("its hello: {e}")))
    }

    /// Whether this hello of another may be believed by `ours`, what this side says (or would say).
    /// `certified` are the names that its certificate proves; `None` in plain text.
    pub fn check(
        &self,
        ours: &Self,
        is_member: impl Fn(&MemberId) -> bool,
        certified: Option<&[String]>,
    ) -> Result<(), Refusal> {
        let (them, us) = (&self.identity, &ours.identity);
        if self.cluster != ours.cluster {
            return Err(Refusal::ForeignCluster {
                ours: ours.cluster.clone(),
                theirs: self.cluster.clone(),
            });
        }
        if let Some(names) = certified
            && !names.iter().any(|name| name == them.member.as_str())
        {
            return Err(Refusal::Certificate {
                why: format!(
                    "it says that it is `{}`, and its certificate is for {}",
                    them.member,
                    super::certificate::list(names)
                ),
            });
        }
        // Before the look at its name: an address that leads back to the caller itself is no second
        // member.
        if self.to != us.member {
            return Err(Refusal::WrongMember {
                expected: self.to.clone(),
                actual: us.member.clone(),
            });
        }
        if them.member == us.member {
            return Err(Refusal::DuplicateId {
                member: us.member.clone(),
                present: us.boot,
                refused: them.boot,
            });
        }
        if !is_member(&them.member) {
            return Err(Refusal::UnknownMember {
                member: them.member.clone(),
            });
        }
        if them.schema.abs_diff(us.schema) > 1 {
            return Err(Refusal::Schema {
                ours: us.schema,
                theirs: them.schema,
            });
        }
        Ok(())
    }
}
