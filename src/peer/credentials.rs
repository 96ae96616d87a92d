//! The certificate, its key and the authority, as the files have them now.
//!
//! Files are looked at every few seconds and taken when all three fit together. Whoever writes them
//! does so one after the other: until they fit, the old ones stay in use.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{ClientConfig, ServerConfig};

use super::certificate::{self, Facts};
use super::pem::{Mark, PemFile};
use super::{CertificateStatus, PeerStartError};
use crate::model::MemberId;

/// Said in the TLS handshake: whoever speaks anything else gets no further.
const ALPN: &[u8] = b"failoverd-peer/1";

/// Where the three files are.
#[derive(Clone, Debug)]
pub(super) struct Files {
    ca: PemFile,
    cert: PemFile,
    key: PemFile,
}

impl Files {
    pub fn new(ca: &Path, cert: &Path, key: &Path) -> Self {
        let file = |key, path| PemFile::new("[tls]", key, path);
        Self {
            ca: file("ca_file", ca),
            cert: file("cert_file", cert),
            key: file("key_file", key),
        }
    }

    fn marks(&self) -> Seen {
        [self.ca.mark(), self.cert.mark(), self.key.mark()]
    }
}

/// The settings of both directions; replaced as a whole.
pub(super) struct Credentials {
    files: Files,
    me: MemberId,
    now: Mutex<Current>,
}

struct Current {
    loaded: Loaded,
    /// How the files stood when they were last looked at, taken or not.
    seen: Seen,
    reload_error: Option<String>,
    reloads: u64,
    /// Raised with every change of the authorities.
    trust: Trust,
}

/// Which authorities a handshake was begun under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trust(u64);

/// One good set.
#[derive(Clone)]
struct Loaded {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
    facts: Facts,
    authorities: Vec<CertificateDer<'static>>,
}

/// How each file stood.
type Seen = [Mark; 3];

/// What a look at the files brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reload {
    Unchanged,
    /// A new certificate. `distrusts` if the authorities are others than before: whoever was let in
    /// by an authority that is gone has to show a certificate again.
    Taken {
        distrusts: bool,
    },
    /// The files do not fit together (yet).
    Kept {
        why: String,
    },
}

impl Credentials {
    /// Reads the files for the first time. Blocks on them.
    pub fn load(files: Files, me: MemberId) -> Result<Self, PeerStartError> {
        let seen = files.marks();
        let loaded = read(&files, &me)?;
        Ok(Self {
            files,
            me,
            now: Mutex::new(Current {
                loaded,
                seen,
                reload_error: None,
                reloads: 0,
                trust: Trust(0),
            }),
        })
    }

    /// Looks whether the files were written since. Blocks on them.
    pub fn reload(&self) -> Reload {
        let seen = self.files.marks();
        if self.lock().seen == seen {
            return Reload::Unchanged;
        }
        // Not under the lock: handshakes go on while a slow disk is read.
        let read = read(&self.files, &self.me);
        let mut now = self.lock();
        now.seen = seen;
        match read {
            Ok(loaded) => {
                let distrusts = loaded.authorities != now.loaded.authorities;
                now.loaded = loaded;
                now.reload_error = None;
                now.reloads += 1;
                if distrusts {
                    now.trust.0 += 1;
                }
                Reload::Taken { distrusts }
            }
            Err(error) => {
                let why = chain(&error);
                now.reload_error = Some(why.clone());
                Reload::Kept { why }
            }
        }
    }

    /// For connections that others open.
    pub fn server(&self) -> (Arc<ServerConfig>, Trust) {
        let now = self.lock();
        (Arc::clone(&now.loaded.server), now.trust)
    }

    /// For connections to others.
    pub fn client(&self) -> (Arc<ClientConfig>, Trust) {
        let now = self.lock();
        (Arc::clone(&now.loaded.client), now.trust)
    }

    /// Whether the authorities are still those. Asked once a connection is in the registry: if they
    /// change after that, it is closed with all others.
    pub fn still_trusts(&self, trust: Trust) -> bool {
        self.lock().trust == trust
    }

    pub fn status(&self) -> CertificateStatus {
        let now = self.lock();
        CertificateStatus {
            not_after_ms: now.loaded.facts.not_after.saturating_mul(1_000),
            names: now.loaded.facts.names.clone(),
            reload_error: now.reload_error.clone(),
            reloads: now.reloads,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Current> {
        // Fields are assigned one by one and none of that can panic.
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

fn read(files: &Files, me: &MemberId) -> Result<Loaded, PeerStartError> {
    let tls = |error: rustls::Error| PeerStartError::Tls {
        why: error.to_string(),
    };
    let authorities = files.ca.certificates()?;
    let roots = Arc::new(files.ca.roots(&authorities)?);
    let chain = files.cert.certificates()?;
    // One at least: an empty file is not taken.
    let own = chain
        .first()
        .ok_or_else(|| files.cert.unusable("it is empty"))?;
    let facts = certificate::facts(own).map_err(|why| files.cert.unusable(why))?;
    if !facts.names.iter().any(|name| name == me.as_str()) {
        return Err(PeerStartError::CertificateName {
            path: files.cert.path.clone(),
            member: me.clone(),
            names: certificate::list(&facts.names),
        });
    }
    let key = files.key.private_key()?;
    let unfit = |error: rustls::Error| files.key.unfit(&error);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider))
            .build()
            .map_err(|e| files.ca.unusable(e.to_string()))?;
    let only = [&rustls::version::TLS13];
    let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&only)
        .map_err(tls)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain.clone(), key.clone_key())
        .map_err(unfit)?;
    // Every connection is a whole handshake: a resumed one would not show its certificate again.
    server.send_tls13_tickets = 0;
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.alpn_protocols = vec![ALPN.to_vec()];
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&only)
        .map_err(tls)?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(unfit)?;
    client.resumption = Resumption::disabled();
    client.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Loaded {
        server: Arc::new(server),
        client: Arc::new(client),
        facts,
        authorities,
    })
}
