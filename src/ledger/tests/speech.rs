//! What goes over the wire, and what is made of rubbish.

use openraft::raft::AppendEntriesRequest;
use openraft::{Entry, EntryPayload, LogId, Vote};
use proptest::prelude::*;

use super::cluster::Cluster;
use super::encoding::commands;
use super::support::stopped;
use crate::ledger::wire::{self, Call, Request};
use crate::ledger::{SCHEMA, ServeError, StopReason, TypeConfig, WireError};
use crate::model::{DiskId, MemberId};
use crate::ports::Ledger;

fn append() -> Request {
    let entries: Vec<Entry<TypeConfig>> = commands()
        .into_iter()
        .zip(1..)
        .map(|(command, index)| Entry {
            log_id: LogId::new(openraft::CommittedLeaderId::new(3, 7), index),
            payload: EntryPayload::Normal(command),
        })
        .collect();
    Request {
        to_disk: Some(DiskId(u128::MAX)),
        ledger: None,
        call: Call::Append(AppendEntriesRequest {
            vote: Vote::new_committed(3, 7),
            prev_log_id: None,
            entries,
            leader_commit: None,
        }),
    }
}

#[test]
fn every_command_travels() {
    let bytes = wire::encode_request(&append());
    let back = wire::decode_request(&bytes).expect("reads");
    assert_eq!(back.to_disk, Some(DiskId(u128::MAX)));
    let Call::Append(back) = back.call else {
        panic!("another message");
    };
    let sent: Vec<_> = commands();
    assert_eq!(back.entries.len(), sent.len());
    for (entry, command) in back.entries.iter().zip(sent) {
        assert_eq!(entry.payload, EntryPayload::Normal(command));
    }
}

proptest! {
    #[test]
    fn rubbish_is_an_error_and_no_more(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = wire::decode_request(&bytes);
        let _ = wire::decode_answer(&bytes);
    }

    #[test]
    fn a_flipped_byte_is_an_error_or_another_message(at in 0usize..500, to in any::<u8>()) {
        let mut bytes = wire::encode_request(&append());
        let at = at % bytes.len();
        bytes[at] = to;
        let _ = wire::decode_request(&bytes);
    }
}

/// What announces more than it brings, or is nested deeper than anything here.
#[test]
fn a_bomb_is_an_error() {
    let header = &wire::encode_request(&append())[..5];
    let framed = |body: &[u8]| [header, body].concat();
    const DEEP: usize = 4 << 20;
    for opening in [0x81, 0x9f, 0xc1, 0xa1, 0xbf, 0x5f, 0x7f] {
        let bomb = framed(&vec![opening; DEEP]);
        assert!(wire::decode_request(&bomb).is_err(), "{opening:x}");
    }
    for announced in [0x5b, 0x7b, 0x9b, 0xbb] {
        let bomb = framed(&[announced, 0x7f, 255, 255, 255, 255, 255, 255, 255]);
        assert!(wire::decode_request(&bomb).is_err(), "{announced:x}");
    }
    // The same where a list, a text or a number belongs.
    let whole = wire::encode_request(&append());
    for name in ["entries", "to_disk", "plan", "by", "reason", "steps"] {
        let at = whole
            .windows(name.len())
            .position(|window| window == name.as_bytes());
        let Some(at) = at.map(|at| at + name.len()) else {
            panic!("{name} is not there");
        };
        for announced in [0x5b, 0x7b, 0x9b, 0xbb] {
            let mut bomb = whole[..at].to_vec();
            bomb.extend([announced, 0x7f, 255, 255, 255, 255, 255, 255, 255]);
            assert!(wire::decode_request(&bomb).is_err(), "{name} {announced:x}");
        }
        let mut bomb = whole[..at].to_vec();
        bomb.resize(at + DEEP, 0x81);
        assert!(wire::decode_request(&bomb).is_err(), "{name}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_and_the_member_goes_on() {
    let cluster = Cluster::formed(&["a", "b", "c"]).await;
    let ledger = cluster.follower();
    let from = MemberId::from("x");
    for (body, expected) in [
        (&b""[..], "cut off after 0 bytes"),
        (b"\x01\x00", "cut off after 2 bytes"),
        (b"\x09rubbish", "ledger protocol 9"),
        (b"\x01\x00\x00\x00\x01rubbish", "cannot be read"),
    ] {
        let error = ledger.serve(&from, body).await.expect_err("refused");
        let ServeError::Wire { source, .. } = &error else {
            panic!("{error}");
        };
        assert!(source.to_string().contains(expected), "{source}");
    }
    cluster.commit("after").await;
    cluster.agree().await;
    cluster.shut_down().await;
}

#[tokio::test]
async fn a_command_of_a_newer_schema_stops_the_member_with_a_clear_word() {
    let mut cluster = Cluster::formed(&["a", "b", "c"]).await;
    let ledger = cluster.follower();
    let name = cluster.name_of(&ledger);
    let mut body = wire::encode_request(&append());
    let newer = SCHEMA + 1;
    body[1..5].copy_from_slice(&newer.to_be_bytes());
    let error = ledger
        .serve(&MemberId::from("a"), &body)
        .await
        .expect_err("refused");
    assert!(
        matches!(
            error,
            ServeError::Wire {
                source: WireError::NewerSchema { found },
                ..
            } if found == newer
        ),
        "{error}"
    );
    let reason = stopped(&ledger).await;
    assert!(
        matches!(reason, StopReason::NewerSchema { found, known: SCHEMA } if found == newer),
        "{reason}"
    );
    assert!(
        reason.to_string().contains("upgrade this member"),
        "{reason}"
    );
    assert!(!ledger.leads());
    drop(ledger);
    cluster.kill(&name).await;
    cluster.commit("the others go on").await;
    cluster.shut_down().await;
}
