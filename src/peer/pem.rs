//! Certificates, keys and authorities in files: what a key of the configuration names, read with an error
//! that says which one.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A file in PEM form and where the configuration names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PemFile {
    /// As it is written: `[tls]`.
    pub section: &'static str,
    pub key: &'static str,
    pub path: PathBuf,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PemError {
    #[error("cannot read {key} `{path}` of {section}")]
    Unreadable {
        section: &'static str,
        key: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{key} `{path}` of {section} is not usable: {why}")]
    Unusable {
        section: &'static str,
        key: &'static str,
        path: PathBuf,
        why: String,
    },
}

/// Inode, change time (seconds, nanoseconds) and length of a file: enough to see that it was written,
/// replaced, or made readable. None where it cannot be looked at.
pub(crate) type Mark = Option<(u64, i64, i64, u64)>;

/// How a file stands now.
pub(crate) fn mark(path: &Path) -> Mark {
    let file = std::fs::metadata(path).ok()?;
    Some((file.ino(), file.ctime(), file.ctime_nsec(), file.len()))
}

impl PemFile {
    pub fn new(section: &'static str, key: &'static str, path: &Path) -> Self {
        Self {
            section,
            key,
            path: path.to_owned(),
        }
    }

    /// How it stands now.
    pub fn mark(&self) -> Mark {
        mark(&self.path)
    }

    /// All of its certificates, of which there is one at least.
    pub fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, PemError> {
        let found: io::Result<Vec<_>> =
            rustls_pemfile::certs(&mut self.read()?.as_slice()).collect();
        let found = found.map_err(|e| self.unusable(e.to_string()))?;
        if found.is_empty() {
            return Err(self.unusable("it holds no certificate in PEM form"));
        }
        Ok(found)
    }

    /// Its one key.
    pub fn private_key(&self) -> Result<PrivateKeyDer<'static>, PemError> {
        rustls_pemfile::private_key(&mut self.read()?.as_slice())
            .map_err(|e| self.unusable(e.to_string()))?
            .ok_or_else(|| self.unusable("it holds no private key in PEM form"))
    }

    /// These, which were read from it, as those that may sign.
    pub fn roots(
        &self,
        authorities: &[CertificateDer<'static>],
    ) -> Result<RootCertStore, PemError> {
        let mut roots = RootCertStore::empty();
        for authority in authorities {
            roots
                .add(authority.clone())
                .map_err(|e| self.unusable(e.to_string()))?;
        }
        Ok(roots)
    }

    pub fn unusable(&self, why: impl Into<String>) -> PemError {
        PemError::Unusable {
            section: self.section,
            key: self.key,
            path: self.path.clone(),
            why: why.into(),
        }
    }

    /// Of a key: the wrong one for its certificate, above all, which is half of a new pair.
    pub fn unfit(&self, error: &rustls::Error) -> PemError {
        self.unusable(format!(
            "it does not fit the certificate of cert_file: {error}"
        ))
    }

    fn read(&self) -> Result<Vec<u8>, PemError> {
        std::fs::read(&self.path).map_err(|source| PemError::Unreadable {
            section: self.section,
            key: self.key,
            path: self.path.clone(),
            source,
        })
    }
}
