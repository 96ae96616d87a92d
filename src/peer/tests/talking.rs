//! When all is well, and when it becomes well again.

use std::time::Duration;

use bytes::Bytes;

use super::support::*;
use crate::config::PeerSecurity;
use crate::model::{BootId, MemberId};
use crate::peer::{Channel, NotSent, PeerError, UnknownOutcome};

fn plain(id: &str) -> crate::peer::PeerOptions {
    options(id, PeerSecurity::InsecureLoopback)
}

#[tokio::test]
async fn two_members_talk_on_every_channel_in_both_directions() {
    let authority = Authority::new();
    let (a, b) = pair(
        options("a", authority.member("a")),
        options("b", authority.member("b")),
    )
    .await;
    for channel in Channel::ALL {
        let answer = a.ask("b", channel, "hello").await.unwrap();
        assert_eq!(answer, format!("b to a on {channel}: hello"));
        let answer = b.ask("a", channel, "hello").await.unwrap();
        assert_eq!(answer, format!("a to b on {channel}: hello"));
    }
    a.connected("b").await;
    let status = until("a round trip", || {
        let status = a.of("b");
        (status.round_trip.is_some() && status.incoming.len() == 4).then_some(status)
    })
    .await;
    let identity = status.identity.unwrap();
    assert_eq!(&identity, b.net.identity());
    assert_eq!(identity.version, env!("CARGO_PKG_VERSION"));
    assert!(status.last_heard.is_some());
    assert_eq!(status.last_error, None);
    let certificate = a.net.certificate().unwrap();
    assert_eq!(certificate.names, ["a"]);
    assert!(certificate.not_after_ms > 0);
    a.net.shutdown().await;
    until("b sees that a has gone", || {
        b.of("a").incoming.is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_member_that_restarts_is_reconnected_to() {
    let (a, b) = pair(plain("a"), plain("b")).await;
    a.connected("b").await;
    b.connected("a").await;
    let address = b.address();
    b.net.shutdown().await;
    until("a sees that b has gone", || {
        let gone = a.of("b");
        (gone.outgoing.is_empty() && gone.incoming.is_empty()).then_some(())
    })
    .await;
    let mut again = plain("b");
    again.boot = BootId(77);
    again.listen = address;
    let b = start(again).await;
    b.meets(&[("a", a.address())]);
    a.connected("b").await;
    assert_eq!(a.of("b").identity.unwrap().boot, BootId(77));
    assert_eq!(
        a.ask("b", Channel::Raft, "again").await.unwrap(),
        "b to a on raft: again"
    );
}

#[tokio::test]
async fn a_partition_makes_calls_unknown_and_heals() {
    let mut impatient = plain("a");
    impatient.limits.silence = Duration::from_millis(300);
    let (a, b) = (start(impatient).await, start(plain("b")).await);
    let cable = Cable::to(b.address()).await;
    a.meets(&[("b", cable.address)]);
    b.meets(&[("a", a.address())]);
    a.connected("b").await;
    cable.cut();
    let lost = a.ask("b", Channel::Raft, "anybody?").await.unwrap_err();
    assert_eq!(
        lost,
        PeerError::Unknown {
            member: MemberId::from("b"),
            why: UnknownOutcome::ConnectionLost
        }
    );
    a.fault("b", "lost").await;
    cable.mend();
    a.connected("b").await;
    assert!(a.ask("b", Channel::Raft, "there you are").await.is_ok());
}

#[tokio::test]
async fn no_answer_in_time_is_unknown_and_the_line_stays_good() {
    let (a, b) = pair(plain("a"), plain("b")).await;
    a.connected("b").await;
    let wait = Bytes::from_static(b"wait");
    let to = MemberId::from("b");
    let short = Duration::from_millis(20);
    let late = a.net.call(&to, Channel::Votes, wait, short).await;
    assert_eq!(
        late,
        Err(PeerError::Unknown {
            member: to,
            why: UnknownOutcome::Timeout
        })
    );
    // The handler is dropped when its caller has gone, and the late answer is nobody's.
    assert!(a.ask("b", Channel::Votes, "next").await.is_ok());
    drop(b);
}

#[tokio::test]
async fn who_is_not_there_is_told_at_once() {
    let a = start(plain("a")).await;
    let nobody = a.ask("b", Channel::Raft, "x").await.unwrap_err();
    assert_eq!(
        nobody,
        PeerError::NotSent {
            member: MemberId::from("b"),
            why: NotSent::UnknownMember
        }
    );
    // A port that was free a moment ago.
    let gone = start(plain("b")).await;
    let address = gone.address();
    gone.net.shutdown().await;
    a.meets(&[("b", address)]);
    let down = a.ask("b", Channel::Raft, "x").await.unwrap_err();
    assert!(
        matches!(
            down,
            PeerError::NotSent {
                why: NotSent::Unreachable { .. },
                ..
            }
        ),
        "{down}"
    );
    a.fault("b", "unreachable").await;
}

#[tokio::test]
async fn a_snapshot_does_not_delay_a_vote() {
    let mut patient = [plain("a"), plain("b")];
    for options in &mut patient {
        options.limits.silence = PATIENCE;
        options.limits.stall = PATIENCE;
    }
    let [a, b] = patient;
    let (a, b) = (start(a).await, start(b).await);
    // Half a megabyte of each connection, then no more: only a snapshot gets so far.
    let mut cable = Cable::narrow(b.address(), 512 * 1024).await;
    a.meets(&[("b", cable.address)]);
    b.meets(&[("a", a.address())]);
    a.connected("b").await;
    let to = MemberId::from("b");
    let chunk = Bytes::from(vec![7; 24 << 20]);
    let mut snapshot = std::pin::pin!(a.net.call(&to, Channel::Snapshot, chunk, PATIENCE));
    tokio::select! {
        early = &mut snapshot => panic!("it is on its way: {early:?}"),
        held = cable.held.wait_for(|held| *held == 1) => { held.unwrap(); }
    }
    // While it hangs in the middle, everything else goes through.
    let others = async {
        for _ in 0..20 {
            for channel in [Channel::Votes, Channel::Raft, Channel::Operator] {
                a.ask("b", channel, "beat").await.unwrap();
            }
        }
    };
    tokio::select! {
        biased;
        early = &mut snapshot => panic!("it is on its way: {early:?}"),
        () = others => {}
    }
    cable.widen();
    assert_eq!(snapshot.await.unwrap(), (24 << 20).to_string());
}

#[tokio::test]
async fn a_life_that_does_not_answer_is_replaced_by_a_later_one() {
    let mut waits = plain("a");
    waits.limits.liveness = Duration::from_millis(100);
    let (a, b) = (start(waits).await, start(plain("b")).await);
    let (to_b, to_a) = (Cable::to(b.address()).await, Cable::to(a.address()).await);
    a.meets(&[("b", to_b.address)]);
    b.meets(&[("a", to_a.address)]);
    a.connected("b").await;
    b.connected("a").await;
    // Its host lost power: nothing is closed, nothing answers.
    to_b.cut();
    to_a.cut();
    let mut later = plain("b");
    later.boot = BootId(99);
    let later = start(later).await;
    later.meets(&[("a", a.address())]);
    later.connected("a").await;
    assert_eq!(a.of("b").identity.unwrap().boot, BootId(99));
}

#[tokio::test]
async fn members_come_and_go_at_run_time() {
    let (a, b) = pair(plain("a"), plain("b")).await;
    a.connected("b").await;
    a.meets(&[]);
    assert_eq!(a.net.status(), []);
    b.fault("a", "unknown_member").await;
    a.meets(&[("b", b.address())]);
    a.connected("b").await;
    b.connected("a").await;
}
