//! Everything that is not let in: a typed reason on both sides, and the others go on.

use super::support::*;
use crate::config::PeerSecurity;
use crate::model::{BootId, DiskId, MemberId};
use crate::peer::{Channel, NotSent, PeerError, PeerOptions, PeerStartError, Refusal};

fn plain(id: &str) -> PeerOptions {
    options(id, PeerSecurity::InsecureLoopback)
}

/// `b` is refused by `a` with `code`, both say so, and `a` and `c` do not mind.
async fn refused(a: PeerOptions, b: PeerOptions, c: PeerOptions, code: &str) -> (String, String) {
    let (a, b) = pair(a, b).await;
    let c = start(c).await;
    a.meets(&[("b", b.address()), ("c", c.address())]);
    c.meets(&[("a", a.address())]);
    let at_a = a.fault("b", code).await;
    let at_b = b.fault("a", code).await;
    assert!(!a.of("b").connected && !b.of("a").connected);
    let call = a.ask("b", Channel::Votes, "x").await.unwrap_err();
    assert!(
        matches!(
            call,
            PeerError::NotSent {
                why: NotSent::Unreachable { .. } | NotSent::NotConnectedInTime,
                ..
            }
        ),
        "{call}"
    );
    assert_eq!(
        a.ask("c", Channel::Votes, "x").await.unwrap(),
        "c to a on votes: x"
    );
    assert_eq!(b.echo.seen.lock().unwrap().len(), 0);
    (at_a, at_b)
}

#[tokio::test]
async fn another_cluster() {
    let mut foreign = plain("b");
    foreign.cluster = "other".to_owned();
    let (at_a, at_b) = refused(plain("a"), foreign, plain("c"), "foreign_cluster").await;
    assert!(at_a.contains("check `name` under [cluster]"), "{at_a}");
    assert!(
        at_b.contains("foreign") || at_b.contains("another cluster"),
        "{at_b}"
    );
}

/// What a daemon writes to its log.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Warnings so far.
    fn warnings(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines().filter(|line| line.contains("WARN"));
        lines.map(str::to_owned).collect()
    }

    /// Takes what this thread logs: all tasks of a test run on it.
    fn kept(&self) -> tracing::subscriber::DefaultGuard {
        let writer = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .finish();
        tracing::subscriber::set_default(subscriber)
    }
}

/// `a`, and a `b` of another cluster, which repeat a warning after `repeat`.
async fn strangers(repeat: std::time::Duration) -> (Running, Running) {
    let (mut near, mut far) = (plain("a"), plain("b"));
    far.cluster = "other".to_owned();
    for options in [&mut near, &mut far] {
        options.limits.repeat_warning = repeat;
    }
    pair(near, far).await
}

#[tokio::test]
async fn both_sides_log_what_they_refuse_and_what_they_are_refused() {
    let log = Log::default();
    let _kept = log.kept();
    // Each time: the library's own cache of who listens may miss some while other tests begin.
    let (_a, _b) = strangers(std::time::Duration::ZERO).await;
    for peer in ["peer=\"a\"", "peer=\"b\""] {
        for said in ["refused here", "it refuses this member"] {
            until(&format!("{peer} {said}"), || {
                let warnings = log.warnings();
                let found = |w: &String| w.contains(peer) && w.contains(said);
                warnings.iter().any(found).then_some(())
            })
            .await;
        }
    }
}

#[tokio::test]
async fn what_is_refused_again_and_again_is_logged_once() {
    let log = Log::default();
    let _kept = log.kept();
    let (a, b) = strangers(PATIENCE * 100).await;
    until("refused many times", || {
        let times = [&a, &b].map(|m| m.net.refusals().get("foreign_cluster").copied());
        times.iter().all(|t| t.unwrap_or(0) > 20).then_some(())
    })
    .await;
    // Each refuses and is refused, in both directions: a handful of sentences.
    let warnings = log.warnings();
    assert!(warnings.len() <= 8, "{warnings:#?}");
}

#[tokio::test]
async fn an_unknown_schema() {
    let mut ahead = plain("b");
    ahead.schema = 5;
    let (at_a, _) = refused(plain("a"), ahead, plain("c"), "schema").await;
    assert!(at_a.contains("upgrade one version at a time"), "{at_a}");
}

#[tokio::test]
async fn one_schema_apart_is_a_rolling_upgrade() {
    let mut ahead = plain("b");
    ahead.schema = 4;
    let (a, b) = pair(plain("a"), ahead).await;
    a.connected("b").await;
    b.connected("a").await;
    assert_eq!(a.of("b").identity.unwrap().schema, 4);
}

#[tokio::test]
async fn a_wiped_disk() {
    let (a, b) = (start(plain("a")).await, start(plain("b")).await);
    *a.echo.wiped.lock().unwrap() = Some(DiskId(u128::from(b'b')));
    a.meets(&[("b", b.address())]);
    b.meets(&[("a", a.address())]);
    let at_a = a.fault("b", "disk").await;
    let at_b = b.fault("a", "disk").await;
    for said in [at_a, at_b] {
        assert!(said.contains("failoverctl member replace"), "{said}");
    }
    assert_eq!(a.echo.seen.lock().unwrap().len(), 0);
    // Once it is admitted, it is let in.
    *a.echo.wiped.lock().unwrap() = None;
    a.connected("b").await;
    // And out again, when that is revoked.
    *a.echo.wiped.lock().unwrap() = Some(DiskId(u128::from(b'b')));
    a.net
        .disconnect(&MemberId::from("b"), &Refusal::ShuttingDown);
    until("it is out", || {
        let status = a.of("b");
        (status.outgoing.is_empty() && status.incoming.is_empty()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_member_that_is_not_in_the_list() {
    let (a, b) = (start(plain("a")).await, start(plain("b")).await);
    b.meets(&[("a", a.address())]);
    let at_b = b.fault("a", "unknown_member").await;
    assert!(at_b.contains("must be the same everywhere"), "{at_b}");
    until("a counts it", || {
        a.net
            .refusals()
            .contains_key("unknown_member")
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn another_member_at_that_address() {
    let (a, c) = (start(plain("a")).await, start(plain("c")).await);
    a.meets(&[("b", c.address()), ("c", c.address())]);
    c.meets(&[("a", a.address())]);
    let at_a = a.fault("b", "wrong_member").await;
    assert!(
        at_a.contains("check the `address` of [[member]] `b`"),
        "{at_a}"
    );
    a.connected("c").await;
}

#[tokio::test]
async fn two_members_of_one_id() {
    let (a, b) = pair(plain("a"), plain("b")).await;
    a.connected("b").await;
    b.connected("a").await;
    let mut twin = plain("b");
    twin.boot = BootId(99);
    let twin = start(twin).await;
    twin.meets(&[("a", a.address())]);
    let at_twin = twin.fault("a", "duplicate_id").await;
    let at_a = a.fault("b", "duplicate_id").await;
    for said in [at_twin, at_a] {
        assert!(said.contains("two daemons call themselves `b`"), "{said}");
    }
    // The first one goes on.
    assert!(b.ask("a", Channel::Raft, "still here").await.is_ok());
    assert_eq!(a.of("b").identity.unwrap().boot, BootId(u64::from(b'b')));
    // When it has gone, the second one is the member.
    b.net.shutdown().await;
    twin.connected("a").await;
}

/// A twin has a disk of its own. To let that in is the last thing that anybody should be advised.
#[tokio::test]
async fn a_second_daemon_with_a_disk_of_its_own_is_not_taken_for_a_wiped_one() {
    let (a, b) = pair(plain("a"), plain("b")).await;
    a.connected("b").await;
    let mut twin = plain("b");
    (twin.boot, twin.disk) = (BootId(99), DiskId(99));
    *a.echo.wiped.lock().unwrap() = Some(DiskId(99));
    let twin = start(twin).await;
    twin.meets(&[("a", a.address())]);
    twin.fault("a", "duplicate_id").await;
    a.fault("b", "duplicate_id").await;
    assert!(
        !a.net.refusals().contains_key("disk"),
        "{:?}",
        a.net.refusals()
    );
    let refusal = twin.of("a").refuses.expect("it is told why");
    assert_eq!(refusal.code(), "duplicate_id");
    assert!(b.ask("a", Channel::Raft, "still here").await.is_ok());

    // When the first one has gone, it is a member whose disk was lost.
    b.net.shutdown().await;
    twin.fault("a", "disk").await;
    *a.echo.wiped.lock().unwrap() = None;
    twin.connected("a").await;
    assert_eq!(twin.of("a").refuses, None);
}

#[tokio::test]
async fn its_own_id_from_elsewhere() {
    let a = start(plain("a")).await;
    let mut twin = plain("a");
    twin.boot = BootId(99);
    let twin = start(twin).await;
    // The twin was told that `a` is somebody else's name: only its own list can be wrong so.
    let mut wire = super::bounds::Raw::connect(a.address()).await;
    wire.hello(twin.net.identity().clone(), "test", "a").await;
    let refusal = wire.goodbye().await;
    assert_eq!(
        refusal,
        Refusal::DuplicateId {
            member: MemberId::from("a"),
            present: BootId(u64::from(b'a')),
            refused: BootId(99)
        }
    );
}

#[tokio::test]
async fn plain_text_beyond_this_host_does_not_start() {
    let mut open = plain("a");
    open.listen = "0.0.0.0:0".parse().unwrap();
    let handler = std::sync::Arc::new(Echo::default());
    let error = crate::peer::PeerNet::start(open, handler)
        .await
        .unwrap_err();
    assert!(
        matches!(error, PeerStartError::InsecureBeyondLoopback { .. }),
        "{error}"
    );
    let a = start(plain("a")).await;
    let far = crate::peer::PeerMember {
        id: MemberId::from("b"),
        address: "b.example.com:7401".to_owned(),
    };
    assert!(a.net.set_members(&[far]).is_err());
}
