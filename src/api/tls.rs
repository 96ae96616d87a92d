//! TLS for callers: the certificate that they are shown, and the one that they may show.
//!
//! A caller without a certificate is let in here; whether it may do anything is for [`super::access`] to
//! say. One whose certificate is not of the configured authority gets no further than the handshake.
//!
//! Invariant: a certificate that a caller shows was verified in the handshake of this very connection:
//! sessions are never resumed, so that an authority that is gone is gone at once.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::peer::Shown;
use super::serve::HEAD_BYTES;
use crate::config::ApiTls;
use crate::model::Wall;
use crate::peer::{CertificateStatus, Facts, Mark, PemError, PemFile, facts};

/// Between two looks at the files, in real time.
const RELOAD: Duration = Duration::from_secs(2);

/// What somebody who speaks plain HTTP is told before the connection closes.
const PLAIN_HTTP: &str = "HTTP/1.1 400 Bad Request\r\n\
content-type: application/problem+json\r\n\
connection: close\r\n\r\n\
{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,\"code\":\"plain_http\",\
\"detail\":\"this port speaks HTTPS, and the request came in plain HTTP\",\
\"remedy\":\"Use https:// in the address, and --ca-file with the authority of [api_tls].\"}";

const SECTION: &str = "[api_tls]";

/// Why TLS cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error(transparent)]
    File(#[from] PemError),
    #[error("TLS cannot be set up: {why}")]
    Setup { why: String },
}

/// The settings of `[api_tls]`, as the files have them now; replaced as a whole.
pub struct ServerTls {
    files: Files,
    now: Mutex<Current>,
}

#[derive(Clone, Debug)]
struct Files {
    cert: PemFile,
    key: PemFile,
    /// Who signs the certificates of callers.
    callers: Option<PemFile>,
}

struct Current {
    loaded: Loaded,
    /// How the files stood when they were last looked at, taken or not.
    seen: Vec<Mark>,
    reload_error: Option<String>,
    reloads: u64,
}

/// One good set.
struct Loaded {
    server: Arc<ServerConfig>,
    facts: Facts,
}

impl ServerTls {
    /// Reads the files for the first time. Blocks on them.
    ///
    /// # Errors
    ///
    /// If one of them cannot be read, or they do not fit together.
    pub fn open(tls: &ApiTls) -> Result<Self, TlsError> {
        let file = |key, path| PemFile::new(SECTION, key, path);
        let files = Files {
            cert: file("cert_file", &tls.cert_file),
            key: file("key_file", &tls.key_file),
            callers: tls
                .client_ca_file
                .as_ref()
                .map(|path| file("client_ca_file", path)),
        };
        let seen = files.marks();
        let loaded = files.read()?;
        Ok(Self {
            files,
            now: Mutex::new(Current {
                loaded,
                seen,
                reload_error: None,
                reloads: 0,
            }),
        })
    }

    /// Speaks TLS with whoever has connected. Bounded by its caller.
    ///
    /// # Errors
    ///
    /// If they cannot agree. Somebody who speaks plain HTTP is told so first.
    pub(super) async fn greet(
        &self,
        mut stream: TcpStream,
    ) -> io::Result<(TlsStream<TcpStream>, Option<Shown>)> {
        let mut first = [0_u8; 1];
        // A method's name; a TLS handshake begins with the byte 22 (RFC 8446, section 5.1).
        if stream.peek(&mut first).await? == 1 && first[0].is_ascii_uppercase() {
            // What is left unread would reset the connection, and the answer with it.
            let _all_or_some = stream.read(&mut [0; HEAD_BYTES]).await?;
            stream.write_all(PLAIN_HTTP.as_bytes()).await?;
            stream.shutdown().await?;
            return Err(io::Error::other("plain HTTP"));
        }
        let acceptor = TlsAcceptor::from(Arc::clone(&self.lock().loaded.server));
        let stream = acceptor.accept(stream).await?;
        let shown = stream.get_ref().1.peer_certificates();
        let shown = shown.and_then(<[_]>::first).map(facts).transpose();
        let shown = shown.map_err(io::Error::other)?.map(Shown::from);
        Ok((stream, shown))
    }

    /// Looks at the files now and then, for good.
    pub(super) async fn keep_current(self: Arc<Self>) {
        let mut tick = tokio::time::interval(RELOAD);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let tls = Arc::clone(&self);
            if let Err(error) = tokio::task::spawn_blocking(move || tls.reload()).await {
                tracing::error!(%error, "the files of [api_tls] were not looked at");
            }
        }
    }

    /// What is in use, for metrics and alerts.
    pub(super) fn status(&self) -> CertificateStatus {
        let now = self.lock();
        CertificateStatus {
            not_after_ms: now.loaded.facts.not_after.saturating_mul(1_000),
            names: now.loaded.facts.names.clone(),
            reload_error: now.reload_error.clone(),
            reloads: now.reloads,
        }
    }

    /// Takes new files, if they were written and fit together. Whoever writes them does so one after
    /// the other: until they fit, the old ones stay in use. Blocks on them.
    fn reload(&self) {
        let seen = self.files.marks();
        if self.lock().seen == seen {
            return;
        }
        // Not under the lock: handshakes go on while a slow disk is read.
        let read = self.files.read();
        let mut now = self.lock();
        now.seen = seen;
        match read {
            Ok(loaded) => {
                now.loaded = loaded;
                now.reload_error = None;
                now.reloads += 1;
                tracing::info!("a new certificate of the API is in use");
            }
            Err(error) => {
                let why = error.to_string();
                tracing::warn!(
                    why,
                    "the new files of [api_tls] cannot be taken: the old ones stay in use"
                );
                now.reload_error = Some(why);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Current> {
        // Fields are assigned one by one and none of that can panic.
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerTls({})", self.files.cert.path.display())
    }
}

impl Files {
    fn marks(&self) -> Vec<Mark> {
        let mut marks = vec![self.cert.mark(), self.key.mark()];
        marks.extend(self.callers.as_ref().map(PemFile::mark));
        marks
    }

    fn read(&self) -> Result<Loaded, TlsError> {
        let setup = |error: rustls::Error| TlsError::Setup {
            why: error.to_string(),
        };
        let chain = self.cert.certificates()?;
        // One at least: a file without any is not taken.
        let own = chain
            .first()
            .ok_or_else(|| self.cert.unusable("it is empty"))?;
        let facts = facts(own).map_err(|why| self.cert.unusable(why))?;
        let key = self.key.private_key()?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(setup)?;
        let builder = match &self.callers {
            None => builder.with_no_client_auth(),
            Some(file) => {
                let roots = Arc::new(file.roots(&file.certificates()?)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
                    .allow_unauthenticated()
                    .build()
                    .map_err(|e| file.unusable(e.to_string()))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut server = builder
            .with_single_cert(chain, key)
            .map_err(|e| self.key.unfit(&e))?;
        server.send_tls13_tickets = 0;
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Loaded {
            server: Arc::new(server),
            facts,
        })
    }
}

impl From<Facts> for Shown {
    fn from(facts: Facts) -> Self {
        let mut names = facts.names;
        names.extend(facts.common_name);
        let ms = facts.not_after.saturating_mul(1_000);
        Self {
            names,
            not_after: Wall(u64::try_from(ms).unwrap_or(0)),
        }
    }
}
