//! HTTPS probes against certificates good and bad.

use std::io::Write;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::NamedTempFile;

use super::server::{Reply, Server};
use super::*;

/// An authority, and the file it is trusted by.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: NamedTempFile,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "test authority");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(issuer.pem().as_bytes()).unwrap();
        Self { issuer, file }
    }

    fn path(&self) -> &str {
        self.file.path().to_str().unwrap()
    }

    fn issue(&self, params: &CertificateParams) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        server_settings(certificate.der().clone(), &key)
    }
}

fn server_settings(certificate: CertificateDer<'static>, key: &KeyPair) -> ServerConfig {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap()
}

fn named(name: &str) -> CertificateParams {
    CertificateParams::new(vec![name.to_owned()]).unwrap()
}

fn trusting(url: String, file: Option<&str>, keep: bool) -> Check {
    match get(url) {
        Check::Http {
            url,
            method,
            expect_status,
            body_contains,
            expect_header,
            headers,
            ..
        } => Check::Http {
            url,
            method,
            expect_status,
            body_contains,
            expect_header,
            headers,
            keep_alive: keep,
            ca_file: file.map(str::to_owned),
        },
        other => other,
    }
}

async fn ask(settings: ServerConfig, file: Option<&str>) -> ProbeResult {
    let server = Server::start_tls(Reply::ok("fine"), settings).await;
    look(trusting(
        format!("https://{}/", server.address),
        file,
        false,
    ))
    .await
}

#[track_caller]
fn assert_tls_failure(result: &ProbeResult, text: &str) {
    assert_failure(
        result,
        |r| matches!(r, FailureReason::Tls(why) if why.contains(text)),
    );
}

#[tokio::test]
async fn a_good_certificate_is_a_success_and_the_handshake_is_timed() {
    let authority = Authority::new();
    let result = ask(authority.issue(&named("127.0.0.1")), Some(authority.path())).await;
    assert_eq!(result.outcome, SampleOutcome::Success);
    assert!(result.timings.connect_us.is_some() && result.timings.tls_us.is_some());
}

#[tokio::test]
async fn a_certificate_by_name_is_verified_by_that_name() {
    let authority = Authority::new();
    let settings = authority.issue(&named("localhost"));
    let server = Server::start_tls(Reply::ok(""), settings).await;
    let url = format!("https://localhost:{}/", server.address.port());
    let result = look(trusting(url, Some(authority.path()), false)).await;
    assert_eq!(result.outcome, SampleOutcome::Success);
}

#[tokio::test]
async fn a_certificate_for_another_name_fails() {
    let authority = Authority::new();
    let settings = authority.issue(&named("other.example.com"));
    let result = ask(settings, Some(authority.path())).await;
    assert_tls_failure(&result, "not valid for name");
}

#[tokio::test]
async fn an_expired_certificate_fails() {
    let authority = Authority::new();
    let mut params = named("127.0.0.1");
    params.not_before = date_time_ymd(2019, 1, 1);
    params.not_after = date_time_ymd(2020, 1, 1);
    let result = ask(authority.issue(&params), Some(authority.path())).await;
    assert_tls_failure(&result, "expired");
}

#[tokio::test]
async fn a_self_signed_certificate_fails() {
    let authority = Authority::new();
    let key = KeyPair::generate().unwrap();
    let certificate = named("127.0.0.1").self_signed(&key).unwrap();
    let settings = server_settings(certificate.der().clone(), &key);
    let result = ask(settings, Some(authority.path())).await;
    assert_tls_failure(&result, "UnknownIssuer");
}

#[tokio::test]
async fn a_server_without_tls_fails_the_handshake() {
    let authority = Authority::new();
    for reply in [
        Reply::BytesThenClose(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        Reply::BytesThenClose(Vec::new()),
    ] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap());
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            if let Reply::BytesThenClose(bytes) = &reply {
                use tokio::io::{AsyncReadExt, AsyncWriteExt};
                let mut hello = [0; 16];
                stream.read_exact(&mut hello).await.unwrap();
                stream.write_all(bytes).await.unwrap();
            }
        };
        let (result, ()) = tokio::join!(look(trusting(url, Some(authority.path()), false)), serve);
        assert_failure(&result, |r| matches!(r, FailureReason::Tls(_)));
    }
}

#[tokio::test]
async fn a_handshake_that_hangs_times_out() {
    let authority = Authority::new();
    let prober = prober(None);
    // A good handshake first: reading the file is no part of the short timeout.
    let good = Server::start_tls(Reply::ok(""), authority.issue(&named("127.0.0.1"))).await;
    let url = format!("https://{}/", good.address);
    let check = trusting(url, Some(authority.path()), false);
    let result = prober.probe(&probe(check, AMPLE)).await;
    assert_eq!(result.outcome, SampleOutcome::Success);

    let hanging = Server::start(Reply::BytesThenHang(Vec::new())).await;
    let url = format!("https://{}/", hanging.address);
    let check = trusting(url, Some(authority.path()), false);
    let result = prober.probe(&probe(check, SHORT)).await;
    assert_failure(&result, |r| *r == FailureReason::Timeout);
}

#[tokio::test]
async fn authorities_that_cannot_be_read_are_our_own_trouble() {
    let empty = NamedTempFile::new().unwrap();
    let authority = Authority::new();
    for file in ["/nonexistent/ca.pem", empty.path().to_str().unwrap()] {
        let result = ask(authority.issue(&named("127.0.0.1")), Some(file)).await;
        assert_unknown(
            &result,
            |r| matches!(r, UnknownReason::Local(why) if why.contains(file)),
        );
    }
}

#[tokio::test]
async fn kept_connections_work_over_tls_too() {
    let authority = Authority::new();
    let settings = authority.issue(&named("127.0.0.1"));
    let server = Server::start_tls(Reply::ok(""), settings).await;
    let url = format!("https://{}/", server.address);
    let prober = prober(None);
    let probe = probe(trusting(url, Some(authority.path()), true), AMPLE);
    assert!(prober.probe(&probe).await.timings.tls_us.is_some());
    let again = prober.probe(&probe).await;
    assert_eq!(again.outcome, SampleOutcome::Success);
    assert_eq!(again.timings.tls_us, None);
    let used: Vec<_> = server.received().iter().map(|r| r.connection).collect();
    assert_eq!(used, [0, 0]);
}
