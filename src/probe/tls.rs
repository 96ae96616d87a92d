//! TLS settings of HTTPS probes, made once per file of authorities.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::outcome::{failed, local, of_handshake};
use crate::model::{FailureReason, SampleOutcome};

/// Settings by authority file; `None` are the system's authorities. Files are read once: a member
/// must be restarted to trust others. At most one entry per configured file.
#[derive(Debug, Default)]
pub(super) struct TlsSettings {
    made: Mutex<BTreeMap<Option<String>, Arc<ClientConfig>>>,
}

impl TlsSettings {
    /// A handshake with `host` before `deadline`.
    pub async fn handshake(
        &self,
        stream: TcpStream,
        host: &str,
        ca_file: Option<&str>,
        deadline: Instant,
    ) -> Result<TlsStream<TcpStream>, SampleOutcome> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|e| local(format!("`{host}` cannot be verified by TLS: {e}")))?;
        let settings = self.settings(ca_file).await?;
        match timeout_at(deadline, TlsConnector::from(settings).connect(name, stream)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(of_handshake(&error)),
            Err(_elapsed) => Err(failed(FailureReason::Timeout)),
        }
    }

    /// Reads and parses on the first call for `ca_file`. A failure is not remembered.
    pub async fn settings(
        &self,
        ca_file: Option<&str>,
    ) -> Result<Arc<ClientConfig>, SampleOutcome> {
        let key = ca_file.map(str::to_owned);
        let known = self.lock().get(&key).cloned();
        if let Some(settings) = known {
            return Ok(settings);
        }
        let file = key.clone();
        // Off this runtime: files may hang, and hundreds of certificates take a while to parse.
        let made = tokio::task::spawn_blocking(move || make(file.as_deref()))
            .await
            .map_err(|e| local(format!("cannot load certificate authorities: {e}")))?
            .map_err(local)?;
        Ok(self.lock().entry(key).or_insert(made).clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Option<String>, Arc<ClientConfig>>> {
        // No code that can panic runs under the lock; a map is whole after each call anyway.
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make(ca_file: Option<&str>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            let authorities =
                read_pem(path).map_err(|e| format!("cannot read ca_file `{path}`: {e}"))?;
            for authority in authorities {
                roots
                    .add(authority)
                    .map_err(|e| format!("ca_file `{path}` holds an unusable certificate: {e}"))?;
            }
        }
        // Single bad certificates of the system's are passed over, as every client does.
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(match ca_file {
            Some(path) => format!("ca_file `{path}` holds no certificate"),
            None => "this host has no certificate authorities: install ca-certificates or set \
                     ca_file"
                .to_owned(),
        });
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut settings = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| format!("TLS cannot be set up: {e}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    settings.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A resumed session skips the certificate: a fresh connection must be a whole handshake.
    settings.resumption = Resumption::disabled();
    Ok(Arc::new(settings))
}

fn read_pem(path: &str) -> io::Result<Vec<CertificateDer<'static>>> {
    let file = std::fs::File::open(path)?;
    rustls_pemfile::certs(&mut io::BufReader::new(file)).collect()
}
