//! TLS on the wire: who is let in, who is not, and what they are told.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::support::{Answer, Served, answer, starting};
use crate::api::serve::Limits;
use crate::api::{ServerTls, TlsError, token_hash, token_of};
use crate::config::{ApiTls, Auth, AuthCertificate, AuthRole};

/// Who signs, and whose files those are.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// A certificate and its key.
    fn sign(&self, common: &str, names: &[&str], until: i32) -> (String, String) {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, common);
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

/// An API with an authority for itself and another for callers.
struct Stage {
    dir: TempDir,
    servers: Authority,
    callers: Authority,
    tls: ApiTls,
}

impl Stage {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (servers, callers) = (Authority::new("servers"), Authority::new("callers"));
        let path = |name: &str| dir.path().join(name);
        fs::write(path("callers.pem"), callers.0.pem()).unwrap();
        let tls = ApiTls {
            cert_file: path("api.pem"),
            key_file: path("api.key"),
            client_ca_file: Some(path("callers.pem")),
        };
        let stage = Self {
            dir,
            servers,
            callers,
            tls,
        };
        stage.write("first");
        stage
    }

    /// A new pair for the API.
    fn write(&self, common: &str) {
        let (certificate, key) = self.servers.sign(common, &["localhost"], 2100);
        fs::write(&self.tls.key_file, key).unwrap();
        fs::write(&self.tls.cert_file, certificate).unwrap();
    }

    fn auth(&self) -> Auth {
        let hash = token_hash(&token());
        let tokens = self.dir.path().join("tokens.toml");
        let row = format!("[[token]]\nname = \"ada\"\nrole = \"viewer\"\nsha256 = \"{hash}\"\n");
        fs::write(&tokens, row).unwrap();
        Auth {
            tokens_file: Some(tokens),
            certificates: vec![AuthCertificate {
                name: "grace.example".to_owned(),
                role: AuthRole::Admin,
                applications: None,
            }],
            metrics: false,
            insecure: false,
        }
    }

    async fn serve(&self) -> Served {
        let tls = ServerTls::open(&self.tls).unwrap();
        let limits = Limits {
            head: Duration::from_millis(300),
            ..Limits::default()
        };
        Served::encrypted(&self.auth(), tls, limits, starting()).await
    }
}

fn token() -> String {
    token_of(&std::array::from_fn(|at| at as u8 * 7))
}

/// `GET path` over TLS, as whoever shows that certificate.
async fn get(
    api: &Served,
    roots: &Authority,
    shows: Option<&(String, String)>,
    head: &str,
    path: &str,
) -> std::io::Result<(Answer, Vec<u8>)> {
    let mut store = RootCertStore::empty();
    store.add(roots.0.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(store);
    let config = match shows {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => builder
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
            )
            .unwrap(),
    };
    let tcp = TcpStream::connect(api.address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await?;
    let leaf = stream.get_ref().1.peer_certificates().unwrap()[0].to_vec();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{head}\r\n");
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    // In TLS 1.3 a refused certificate shows when the client reads.
    let mut peeked = [0_u8; 1];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut peeked).await?;
    let rest = tokio::io::AsyncReadExt::chain(&peeked[..], stream);
    Ok((answer(rest).await, leaf))
}

fn body(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap()
}

#[tokio::test]
async fn a_token_and_a_certificate_both_say_who_asks() {
    let stage = Stage::new();
    let api = stage.serve().await;
    let bearer = format!("authorization: Bearer {}\r\n", token());
    let (by_token, _) = get(&api, &stage.servers, None, &bearer, "/v1/whoami")
        .await
        .unwrap();
    assert_eq!(body(&by_token)["name"], "ada", "{by_token:?}");
    assert_eq!(body(&by_token)["how"], "token");

    let grace = stage.callers.sign("Grace", &["grace.example"], 2100);
    let (shown, _) = get(&api, &stage.servers, Some(&grace), "", "/v1/whoami")
        .await
        .unwrap();
    assert_eq!(body(&shown)["name"], "grace.example", "{shown:?}");
    assert_eq!(body(&shown)["how"], "certificate");
    assert_eq!(body(&shown)["role"], "admin");
    assert_eq!(body(&shown)["expires_at"], "2100-01-01T00:00:00.000Z");

    // The common name counts as well as a DNS name.
    let common = stage.callers.sign("grace.example", &[], 2100);
    let (shown, _) = get(&api, &stage.servers, Some(&common), "", "/v1/whoami")
        .await
        .unwrap();
    assert_eq!(body(&shown)["name"], "grace.example", "{shown:?}");
}

#[tokio::test]
async fn who_shows_nothing_or_somebody_elses_certificate_may_nothing() {
    let stage = Stage::new();
    let api = stage.serve().await;
    let (nobody, _) = get(&api, &stage.servers, None, "", "/v1/whoami")
        .await
        .unwrap();
    assert_eq!(
        (nobody.status, &body(&nobody)["code"]),
        (401, &"no_token".into())
    );

    let linus = stage.callers.sign("Linus", &["linus.example"], 2100);
    let (unknown, _) = get(&api, &stage.servers, Some(&linus), "", "/v1/whoami")
        .await
        .unwrap();
    assert_eq!(unknown.status, 401);
    assert_eq!(body(&unknown)["code"], "unknown_certificate");

    let foreign = Authority::new("somebody else").sign("Grace", &["grace.example"], 2100);
    let expired = stage.callers.sign("Grace", &["grace.example"], 2020);
    for (what, pair) in [("foreign", foreign), ("expired", expired)] {
        let refused = get(&api, &stage.servers, Some(&pair), "", "/v1/whoami").await;
        assert!(refused.is_err(), "{what}: {refused:?}");
    }
}

#[tokio::test]
async fn plain_http_is_told_so_and_silence_is_dropped() {
    let stage = Stage::new();
    let api = stage.serve().await;
    let plain = api.get("/v1/status").await;
    assert_eq!(plain.status, 400);
    assert_eq!(body(&plain)["code"], "plain_http");
    assert!(plain.head.contains("application/problem+json"), "{plain:?}");

    // Keeps its place for as long as a head may take, and no longer: the read ends.
    let mut silent = TcpStream::connect(api.address).await.unwrap();
    let mut byte = [0_u8; 1];
    let read = tokio::io::AsyncReadExt::read(&mut silent, &mut byte).await;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
}

#[tokio::test]
async fn new_files_are_taken_and_half_of_a_pair_is_not() {
    let stage = Stage::new();
    let api = stage.serve().await;
    let bearer = format!("authorization: Bearer {}\r\n", token());
    let served = async || {
        let got = get(&api, &stage.servers, None, &bearer, "/metrics").await;
        got.unwrap()
    };
    let (_, first) = served().await;

    // A certificate of another key: the old pair stays in use, and a metric says so.
    let (certificate, _key) = stage.servers.sign("half", &["localhost"], 2100);
    fs::write(&stage.tls.cert_file, certificate).unwrap();
    let failed = "failoverd_certificate_reload_failed{certificate=\"api\"} 1";
    let leaf = until(async || {
        let (metrics, leaf) = served().await;
        metrics.body.contains(failed).then_some(leaf)
    })
    .await;
    assert_eq!(leaf, first);

    stage.write("second");
    let second = until(async || {
        let (metrics, leaf) = served().await;
        (leaf != first).then_some(metrics)
    })
    .await;
    assert!(!second.body.contains(failed), "{}", second.body);
}

/// Asks until it is so.
async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let asked = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asked)
        .await
        .unwrap()
}

#[test]
fn what_cannot_be_served_says_which_file_and_why() {
    let stage = Stage::new();
    let refused = |tls: &ApiTls| {
        let error = ServerTls::open(tls).unwrap_err();
        assert!(matches!(error, TlsError::File(_)), "{error}");
        error.to_string().replace(&path_of(stage.dir.path()), "")
    };
    let missing = ApiTls {
        cert_file: stage.dir.path().join("none.pem"),
        ..stage.tls.clone()
    };
    let no_key = ApiTls {
        key_file: stage.tls.cert_file.clone(),
        ..stage.tls.clone()
    };
    let no_authority = ApiTls {
        client_ca_file: Some(stage.tls.key_file.clone()),
        ..stage.tls.clone()
    };
    let (_, other) = stage.servers.sign("other", &["localhost"], 2100);
    fs::write(stage.dir.path().join("other.key"), other).unwrap();
    let unfit = ApiTls {
        key_file: stage.dir.path().join("other.key"),
        ..stage.tls.clone()
    };
    let told: Vec<String> = [missing, no_key, no_authority, unfit]
        .iter()
        .map(refused)
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

fn path_of(dir: &Path) -> String {
    format!("{}/", dir.display())
}
