//! Votes between members: each asks every other once a round and takes what it says.
//!
//! ```text
//!   asked_at ─ Ask { hello } ─────────▶ the other's newest sheets, stamped as they leave
//!   Input::Sheet { sheet, asked_at } ◀─ Told { hello, sheets }
//! ```
//!
//! Asking is the challenge: whatever is answered was said after it, so a sheet that lay in a queue, or
//! with a member that was stopped, is never taken for younger than it is (DESIGN section 4).
//!
//! Invariant: a member speaks for itself alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::controller::{DrillHeard, Input};
use crate::ledger::{HelloBody, RaftLedger};
use crate::model::{MemberId, Millis, RehearsalSheet, VoteSheet, Wall};
use crate::peer::{Channel, PeerNet, Refusal};
use crate::ports::Clock;

use super::cluster::{decode, encode};
use super::game_day::RehearsalSheets;
use super::odd_clock::OddClock;

/// World time for which one question waits for its answer, and the least of it in real time: twice
/// the longest way between two Regions and back.
const WITHIN: Millis = Millis::from_secs(2);
const WITHIN_FLOOR: Duration = Duration::from_millis(500);

/// Real time that one round takes at the least, so that a fast world does not spin.
const ROUND_FLOOR: Duration = Duration::from_millis(20);

/// A round's question: what do you see?
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ask {
    pub hello: HelloBody,
}

/// Its answer.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Told {
    pub hello: HelloBody,
    /// What time it is there; nothing from a release that does not say.
    #[serde(default)]
    pub wall: Option<Wall>,
    /// How far it has followed the log; nothing from a release that does not say.
    #[serde(default)]
    pub applied: Option<u64>,
    pub sheets: Vec<VoteSheet>,
    /// What it makes up for game days: no real vote; nothing from a release that knows none.
    #[serde(default)]
    pub rehearsals: Vec<RehearsalSheet>,
}

/// The newest sheets of the vantages in this process.
#[derive(Clone, Debug, Default)]
pub(super) struct Sheets(Arc<Mutex<BTreeMap<MemberId, VoteSheet>>>);

impl Sheets {
    /// Replaces those of the same members.
    pub fn put(&self, sheets: Vec<VoteSheet>) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.extend(sheets.into_iter().map(|s| (s.member.clone(), s)));
    }

    /// As they leave now: a vote's age at the receiver counts from the question, so what is told
    /// must say how old the evidence is at the time of the answer.
    fn leaving(&self, clock: &dyn Clock) -> Vec<VoteSheet> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sent_at = clock.now().mono;
        held.values()
            .map(|sheet| VoteSheet {
                sent_at,
                ..sheet.clone()
            })
            .collect()
    }
}

/// How far each other member had followed the log when it was last heard.
#[derive(Clone, Debug, Default)]
pub(super) struct Followed(Arc<Mutex<BTreeMap<MemberId, u64>>>);

impl Followed {
    fn put(&self, member: &MemberId, applied: u64) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.insert(member.clone(), applied);
    }

    /// By member.
    pub fn all(&self) -> BTreeMap<MemberId, u64> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.clone()
    }
}

/// Answers a question of another member.
pub(super) fn tell(
    ledger: &RaftLedger,
    sheets: &Sheets,
    rehearsals: &RehearsalSheets,
    clock: &dyn Clock,
    from: &MemberId,
    body: &[u8],
) -> Result<Vec<u8>, Refusal> {
    let ask: Ask = decode(body)?;
    ledger.hear(from, ask.hello);
    // What this member sees is no vote in another ledger's decision.
    let is_ours = ledger.same_ledger(from).is_ok();
    encode(&Told {
        hello: ledger.hello(),
        wall: Some(clock.now().wall),
        applied: is_ours.then(|| ledger.applied()),
        sheets: if is_ours {
            sheets.leaving(clock)
        } else {
            Vec::new()
        },
        rehearsals: if is_ours {
            rehearsals.leaving(clock)
        } else {
            Vec::new()
        },
    })
}

/// Asks one other member, round after round, until this process stops.
#[derive(Clone)]
pub(super) struct Asker {
    pub net: Arc<PeerNet>,
    pub ledger: Arc<RaftLedger>,
    pub clock: Arc<dyn Clock>,
    /// Between two questions, in world time.
    pub round: Millis,
    pub inbox: mpsc::Sender<Input>,
    /// This member, which does not trust itself while its clock contradicts the others'.
    pub me: MemberId,
    pub clocks: OddClock,
    pub followed: Followed,
}

impl Asker {
    /// Never returns before `stopping`.
    pub async fn keep_asking(self, member: MemberId, stopping: CancellationToken) {
        let asking = async {
            loop {
                self.ask(&member).await;
                tokio::join!(self.clock.sleep(self.round), at_least(ROUND_FLOOR));
            }
        };
        tokio::select! {
            () = stopping.cancelled() => {}
            () = asking => {}
        }
    }

    async fn ask(&self, member: &MemberId) {
        let question = Ask {
            hello: self.ledger.hello(),
        };
        let Ok(body) = encode(&question) else {
            return;
        };
        let within = self.clock.real(WITHIN, WITHIN_FLOOR);
        let asked = self.clock.now();
        let called = self
            .net
            .call(member, Channel::Votes, body.into(), within)
            .await;
        let told: Told = match called {
            // The port tells what is wrong with the connection, once.
            Err(error) => return tracing::debug!(%error, "no votes"),
            Ok(answer) => match decode(&answer) {
                Ok(told) => told,
                Err(why) => {
                    return tracing::warn!(%member, %why, "its votes cannot be read");
                }
            },
        };
        self.ledger.hear(member, told.hello);
        if let Err(error) = self.ledger.same_ledger(member) {
            return tracing::debug!(%error, "its votes do not count");
        }
        if let Some(applied) = told.applied {
            self.followed.put(member, applied);
        }
        let answered = self.clock.now();
        if let Some(theirs) = told.wall
            && self.clocks.is_ours(member, asked, theirs, answered)
        {
            let member = self.me.clone();
            // The loop is gone only when the process ends.
            let _ = self.inbox.send(Input::Tilt { member }).await;
        }
        let asked_at = asked.mono;
        for sheet in told.sheets {
            if sheet.member != *member {
                tracing::warn!(%member, votes_of = %sheet.member, "it speaks for another: not heard");
                continue;
            }
            // The loop is gone only when the process ends.
            let _ = self.inbox.send(Input::Sheet { sheet, asked_at }).await;
        }
        for sheet in told.rehearsals {
            if sheet.member() == member {
                let heard = DrillHeard::Sheet { sheet, asked_at };
                let _ = self.inbox.send(Input::Drill(heard)).await;
            }
        }
    }
}

/// A floor under a wait in world time.
async fn at_least(real: Duration) {
    tokio::time::sleep(real).await;
}
