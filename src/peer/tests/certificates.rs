//! Certificates good and bad, and new ones while it runs.

use std::fs;
use std::sync::Arc;

use rcgen::date_time_ymd;

use super::support::*;
use crate::config::PeerSecurity;
use crate::model::MemberId;
use crate::peer::{Channel, PeerHandler, PeerNet, PeerStartError};

/// `b` shows this; `a` and `c` are good. What `a` counts and what `b` hears.
async fn shows(authority: &Authority, b: PeerSecurity, code: &str) -> String {
    let a = start(options("a", authority.member("a"))).await;
    let c = start(options("c", authority.member("c"))).await;
    let mut other = options("b", authority.member("b"));
    other.security = b;
    let b = start(other).await;
    a.meets(&[("b", b.address()), ("c", c.address())]);
    b.meets(&[("a", a.address())]);
    c.meets(&[("a", a.address())]);
    until("a counts the refusal", || {
        a.net.refusals().contains_key(code).then_some(())
    })
    .await;
    let heard = b.fault("a", code).await;
    a.fault("b", code).await;
    a.connected("c").await;
    c.connected("a").await;
    assert!(a.of("b").outgoing.is_empty() && a.of("b").incoming.is_empty());
    assert_eq!(a.echo.seen.lock().unwrap().len(), 0);
    heard
}

#[tokio::test]
async fn another_authoritys_certificate() {
    let (authority, foreign) = (Authority::new(), Authority::new());
    let wrong = trusting(foreign.member("b"), &authority.path("ca.pem"));
    let heard = shows(&authority, wrong, "certificate").await;
    assert!(heard.contains("same ca_file"), "{heard}");
}

#[tokio::test]
async fn an_expired_certificate() {
    let authority = Authority::new();
    let mut params = named(&["b"]);
    params.not_after = date_time_ymd(2001, 1, 1);
    let expired = authority.files("old-b", &params);
    shows(&authority, expired, "certificate").await;
}

#[tokio::test]
async fn a_certificate_of_another_member() {
    let authority = Authority::new();
    // It says that it is `b`, and can prove to be `b`, but those are not the same `b`: the twin
    // listens where `b` should and shows `c`'s name as well as none of its own.
    let a = start(options("a", authority.member("a"))).await;
    let c = start(options("c", authority.member("c"))).await;
    a.meets(&[("b", c.address()), ("c", c.address())]);
    c.meets(&[("a", a.address())]);
    let heard = a.fault("b", "certificate").await;
    assert!(heard.contains("not valid for name"), "{heard}");
    a.connected("c").await;
}

#[tokio::test]
async fn a_wildcard_is_no_member() {
    let authority = Authority::new();
    let wild = authority.files("wild", &named(&["b.x.y", "*.x.y"]));
    let mut b = options("b.x.y", wild);
    b.boot = crate::model::BootId(4);
    let b = start(b).await;
    let a = start(options("a", authority.member("a"))).await;
    // The same host, called by a name that only the wildcard covers.
    a.meets(&[("c.x.y", b.address())]);
    let heard = a.fault("c.x.y", "certificate").await;
    assert!(heard.contains("it is for `b.x.y`, `*.x.y`"), "{heard}");
    b.meets(&[("a", a.address())]);
    let heard = b.fault("a", "unknown_member").await;
    assert!(heard.contains("no member"), "{heard}");
}

#[tokio::test]
async fn a_member_in_plain_text_meets_one_with_tls() {
    let authority = Authority::new();
    let a = start(options("a", authority.member("a"))).await;
    let b = start(options("b", PeerSecurity::InsecureLoopback)).await;
    a.meets(&[("b", b.address())]);
    b.meets(&[("a", a.address())]);
    until("both count it", || {
        let both = [&a, &b].map(|m| m.net.refusals().contains_key("garbled"));
        (both == [true, true]).then_some(())
    })
    .await;
    assert!(!a.of("b").connected && !b.of("a").connected);
}

async fn refused_to_start(id: &str, security: PeerSecurity) -> PeerStartError {
    let handler: Arc<dyn PeerHandler> = Arc::new(Echo::default());
    PeerNet::start(options(id, security), handler)
        .await
        .unwrap_err()
}

#[tokio::test]
async fn a_start_with_files_that_do_not_fit_says_which() {
    let authority = Authority::new();
    let error = refused_to_start("a", authority.member("b")).await;
    assert!(
        error
            .to_string()
            .contains("is for `b`, and this member is `a`"),
        "{error}"
    );
    let good = authority.member("a");
    let PeerSecurity::MutualTls {
        ca_file,
        cert_file,
        key_file,
    } = good.clone()
    else {
        unreachable!("made so");
    };
    let (_, other_key) = authority.issue(&named(&["a"]));
    fs::write(&key_file, other_key).unwrap();
    let error = refused_to_start("a", good.clone()).await;
    assert!(
        error
            .to_string()
            .contains("does not fit the certificate of cert_file"),
        "{error}"
    );
    for (file, key) in [
        (&ca_file, "ca_file"),
        (&cert_file, "cert_file"),
        (&key_file, "key_file"),
    ] {
        let kept = fs::read(file).unwrap();
        fs::write(file, "not PEM at all").unwrap();
        let error = refused_to_start("a", good.clone()).await;
        assert!(error.to_string().starts_with(key), "{error}");
        fs::remove_file(file).unwrap();
        let error = refused_to_start("a", good.clone()).await;
        assert!(
            error.to_string().starts_with(&format!("cannot read {key}")),
            "{error}"
        );
        fs::write(file, kept).unwrap();
    }
}

#[tokio::test]
async fn a_new_certificate_is_taken_and_a_half_written_one_is_not() {
    let authority = Authority::new();
    let (a, b) = pair(
        options("a", authority.member("a")),
        options("b", authority.member("b")),
    )
    .await;
    a.connected("b").await;
    let before = a.net.certificate().unwrap();
    let mut params = named(&["a"]);
    params.not_after = date_time_ymd(2060, 1, 1);
    let (certificate, key) = authority.issue(&params);
    // The certificate first: until its key is there too, the old pair stays.
    fs::write(authority.path("a.pem"), certificate).unwrap();
    let half = until("the half-written pair is seen", || {
        let now = a.net.certificate().unwrap();
        now.reload_error.is_some().then_some(now)
    })
    .await;
    assert_eq!(half.not_after_ms, before.not_after_ms);
    assert_eq!(half.reloads, 0);
    assert!(a.ask("b", Channel::Raft, "x").await.is_ok());
    fs::write(authority.path("a.key"), key).unwrap();
    let after = until("the new pair is taken", || {
        let now = a.net.certificate().unwrap();
        (now.reloads == 1).then_some(now)
    })
    .await;
    assert_eq!(after.reload_error, None);
    // 2060-01-01.
    assert_eq!(after.not_after_ms, 2_840_140_800_000);
    // New connections show it.
    let reason = crate::peer::Refusal::ShuttingDown;
    a.net.disconnect(&MemberId::from("b"), &reason);
    a.connected("b").await;
    b.connected("a").await;
}

#[tokio::test]
async fn a_new_authority_must_vouch_for_everybody_again() {
    let (old, new) = (Authority::new(), Authority::new());
    let (a, b) = pair(options("a", old.member("a")), options("b", old.member("b"))).await;
    a.connected("b").await;
    b.connected("a").await;
    // First both are trusted, then everybody gets a certificate of the new one, then the old one goes.
    let both = fs::read_to_string(old.path("ca.pem")).unwrap()
        + &fs::read_to_string(new.path("ca.pem")).unwrap();
    fs::write(old.path("ca.pem"), both).unwrap();
    let reloaded = |n| {
        let (a, b) = (&a, &b);
        move || {
            let both = [a, b].map(|m| m.net.certificate().unwrap().reloads >= n);
            (both == [true, true]).then_some(())
        }
    };
    until("both authorities are trusted", reloaded(1)).await;
    let (certificate, key) = new.issue(&named(&["a"]));
    fs::write(old.path("a.pem"), certificate).unwrap();
    fs::write(old.path("a.key"), key).unwrap();
    until("`a` has one of the new authority", || {
        let now = a.net.certificate().unwrap();
        (now.reloads >= 2 && now.reload_error.is_none()).then_some(())
    })
    .await;
    fs::copy(new.path("ca.pem"), old.path("ca.pem")).unwrap();
    // `b` still shows one of the old authority: it is out, though it was let in before.
    a.fault("b", "certificate").await;
    until("b is out", || {
        let status = a.of("b");
        (status.outgoing.is_empty() && status.incoming.is_empty()).then_some(())
    })
    .await;
    let (certificate, key) = new.issue(&named(&["b"]));
    fs::write(old.path("b.pem"), certificate).unwrap();
    fs::write(old.path("b.key"), key).unwrap();
    a.connected("b").await;
    b.connected("a").await;
}
