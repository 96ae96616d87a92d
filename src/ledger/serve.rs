//! What other members ask of this one.

use openraft::error::{Fatal, RaftError};
use openraft::raft::AppendEntriesResponse;

use crate::model::MemberId;

use super::core::Core;
use super::error::{ServeError, StopReason};
use super::formation::readmit_command;
use super::host::since_boot;
use super::keeper::Order;
use super::store::SCHEMA;
use super::wire::{self, Answer, Call, Request, WireError};

/// Answers one message. The sender is who the transport says it is.
pub(super) async fn serve(
    core: &Core,
    from: &MemberId,
    body: &[u8],
) -> Result<Vec<u8>, ServeError> {
    let request = match wire::decode_request(body) {
        Ok(request) => request,
        Err(source) => {
            if let WireError::NewerSchema { found } = &source {
                // Without these entries every later one would be applied to another state.
                let reason = StopReason::NewerSchema {
                    found: *found,
                    known: SCHEMA,
                };
                // A full queue holds an order that ends or replaces the core as well.
                if let Some(orders) = core.orders.upgrade() {
                    let _ = orders.try_send(Order::Halt { reason });
                }
            }
            return Err(ServeError::Wire {
                from: from.clone(),
                source,
            });
        }
    };
    core.roll.contact(from);
    if let Some(how) = core.roll.put_back() {
        return Err(ServeError::PutBack(how));
    }
    core.roll.same_ledger(from, request.ledger)?;
    let answer = take(core, request).await?;
    Ok(wire::encode_answer(&answer))
}

async fn take(core: &Core, request: Request) -> Result<Answer, ServeError> {
    let raft = core.raft();
    let meant = request.to_disk;
    match request.call {
        Call::Append(append) => {
            // A learner that was just added may not be on record where the message comes from.
            if meant.is_some() || core.roll.is_begun_anew() {
                check_disk(core, meant)?;
            }
            let _heard = core.hearing.read().await;
            let answer = raft.append_entries(append).await.map_err(unavailable)?;
            match answer {
                AppendEntriesResponse::Success
                | AppendEntriesResponse::PartialSuccess(_)
                | AppendEntriesResponse::Conflict => {
                    core.roll.set_leader_heard(Some(since_boot()));
                }
                AppendEntriesResponse::HigherVote(_) => {}
            }
            Ok(Answer::Append(answer))
        }
        Call::Snapshot(part) => {
            if meant.is_some() || core.roll.is_begun_anew() {
                check_disk(core, meant)?;
            }
            let vote = part.vote;
            let _heard = core.hearing.read().await;
            match raft.install_snapshot(part).await {
                Ok(answer) => {
                    if answer.vote <= vote {
                        core.roll.set_leader_heard(Some(since_boot()));
                    }
                    Ok(Answer::Snapshot(Ok(answer)))
                }
                Err(RaftError::APIError(error)) => Ok(Answer::Snapshot(Err(error))),
                Err(RaftError::Fatal(fatal)) => Err(unavailable_core(&fatal)),
            }
        }
        Call::Vote(vote) => {
            check_disk(core, meant)?;
            let answer = raft.vote(vote).await.map_err(unavailable)?;
            Ok(Answer::Vote(answer))
        }
        Call::Canvass { last_log } => {
            // Its vote would be refused: a yes would only raise the asker's term.
            check_disk(core, meant)?;
            let leads = core.view.borrow().leads();
            let content = leads || core.roll.hears_leader();
            Ok(Answer::Canvass {
                yes: !content && last_log >= core.last_log(),
            })
        }
    }
}

/// A data folder that is new under an old name has promised nothing it remembers: it must neither
/// vote nor acknowledge in that name.
fn check_disk(core: &Core, meant: Option<crate::model::DiskId>) -> Result<(), ServeError> {
    if core.roll.is_me(meant) {
        return Ok(());
    }
    Err(ServeError::OtherDisk {
        member: core.member.clone(),
        own: core.roll.disk,
        meant: meant.map_or_else(|| "one not on record".to_owned(), |disk| disk.to_string()),
        remedy: readmit_command(&core.member),
    })
}

fn unavailable(error: RaftError<super::types::NodeId>) -> ServeError {
    match error {
        RaftError::Fatal(fatal) => unavailable_core(&fatal),
        RaftError::APIError(never) => match never {},
    }
}

fn unavailable_core(fatal: &Fatal<super::types::NodeId>) -> ServeError {
    ServeError::Unavailable {
        why: fatal.to_string(),
    }
}
