//! Whom to ask, with which token and certificate: everything that can be wrong before a byte is sent.
//!
//! Invariant: a token never leaves this host unprotected.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use url::{Host, Url};

use super::ClientError;
use super::error::chain;
use crate::cli::output;

/// A daemon on this host, or behind a tunnel, answers a connection at once or never.
const CONNECT: Duration = Duration::from_secs(3);

/// Longer than the API keeps a connection.
const ANSWER: Duration = Duration::from_secs(15);

/// Whom to ask, and what to show them.
pub struct Access {
    pub servers: Vec<String>,
    pub token: Option<Secret>,
    /// The only authority that is trusted, and where it was read.
    pub authority: Option<(PathBuf, Vec<u8>)>,
    pub certificate: Option<ClientCertificate>,
}

/// Certificates and key, one after the other.
pub struct ClientCertificate {
    pub path: PathBuf,
    pub pem: Vec<u8>,
}

/// A token. It is never printed.
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// What stands in that file, which nobody else should be able to read.
    pub fn from_file(path: &Path) -> Result<Self, ClientError> {
        use std::os::unix::fs::PermissionsExt as _;
        let bad = |error: std::io::Error| ClientError::BadFile {
            path: path.to_owned(),
            why: error.to_string(),
        };
        let text = std::fs::read_to_string(path).map_err(bad)?;
        let mode = std::fs::metadata(path).map_err(bad)?.permissions().mode();
        if mode & 0o077 != 0 {
            output::complain(&format!(
                "warning: others on this host can read your token: chmod 600 {}",
                path.display()
            ));
        }
        Self::parse(&text, &path.display().to_string())
    }

    /// One word of visible characters.
    pub fn parse(text: &str, place: &str) -> Result<Self, ClientError> {
        let token = text.trim();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ClientError::BadToken {
                place: place.to_owned(),
            });
        }
        Ok(Self(token.to_owned()))
    }
}

impl Access {
    /// The servers, each once, in their order.
    pub fn urls(&self) -> Result<Vec<Url>, ClientError> {
        let mut urls = Vec::new();
        for server in &self.servers {
            let url = self.url(server.trim())?;
            if !urls.contains(&url) {
                urls.push(url);
            }
        }
        if urls.is_empty() {
            return Err(bad(String::new(), "it is empty"));
        }
        Ok(urls)
    }

    fn url(&self, server: &str) -> Result<Url, ClientError> {
        let url = Url::parse(server).map_err(|error| bad(server, &error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(bad(server, "it begins with neither http:// nor https://"));
        }
        if url.path() != "/" || url.query().is_some() || !url.username().is_empty() {
            return Err(bad(server, "only the host and the port are given"));
        }
        if self.token.is_some() && url.scheme() == "http" && !here(&url) {
            return Err(ClientError::Unprotected {
                server: server.to_owned(),
            });
        }
        Ok(url)
    }

    /// What speaks HTTP with all that.
    pub fn http(&self) -> Result<reqwest::Client, ClientError> {
        // Installed already is just as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .user_agent(concat!("failoverctl/", env!("CARGO_PKG_VERSION")))
            // An operator's call goes to the member that was named, not to whoever stands between.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none());
        if let Some(Secret(token)) = &self.token {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| {
                ClientError::BadToken {
                    place: "the token".to_owned(),
                }
            })?;
            value.set_sensitive(true);
            builder = builder.default_headers(HeaderMap::from_iter([(AUTHORIZATION, value)]));
        }
        if let Some((path, pem)) = &self.authority {
            let wrong = |why: String| ClientError::BadFile {
                path: path.clone(),
                why,
            };
            let authorities =
                reqwest::Certificate::from_pem_bundle(pem).map_err(|error| wrong(chain(&error)))?;
            if authorities.is_empty() {
                return Err(wrong("it holds no certificate in PEM".to_owned()));
            }
            builder = builder.tls_built_in_root_certs(false);
            for authority in authorities {
                builder = builder.add_root_certificate(authority);
            }
        }
        if let Some(ClientCertificate { path, pem }) = &self.certificate {
            let identity =
                reqwest::Identity::from_pem(pem).map_err(|error| ClientError::BadFile {
                    path: path.clone(),
                    why: format!(
                        "with its key it is no client certificate: {}",
                        chain(&error)
                    ),
                })?;
            builder = builder.identity(identity);
        }
        builder
            .build()
            .map_err(|error| ClientError::Setup { why: chain(&error) })
    }
}

/// Whether what is sent there stays on this host.
fn here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn bad(server: impl Into<String>, why: &str) -> ClientError {
    ClientError::BadServer {
        server: server.into(),
        why: why.to_owned(),
    }
}
