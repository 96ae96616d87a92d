//! One HTTP request on a connection of its own.
//!
//! On hyper itself and not on a client with a pool: the proof of leadership is to be checked
//! between "the connection stands" and "the request goes", and only whoever holds the connection
//! can do that.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HOST, USER_AGENT};
use hyper::http::request::Builder;
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

use super::classify::chain;
use super::gate::Dropped;

/// How much of an answer is read: what is looked for stands in the first lines, and an endless
/// body must not fill this process.
const BODY_LIMIT: usize = 64 * 1024;

/// Makes single HTTP and HTTPS requests. Follows no redirects.
#[derive(Clone, Default)]
pub(super) struct HttpOnce {
    tls: Arc<OnceLock<Arc<ClientConfig>>>,
}

impl std::fmt::Debug for HttpOnce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HttpOnce")
    }
}

/// What is asked.
pub(super) struct Ask<'a> {
    pub(super) method: &'a str,
    pub(super) url: &'a str,
    pub(super) body: Option<&'a str>,
    pub(super) headers: Vec<(&'static str, String)>,
    /// Real time for everything, from the name's resolution to the end of the answer.
    pub(super) timeout: Duration,
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    /// The `x-region` header.
    pub(super) region: Option<String>,
    /// The first [`BODY_LIMIT`] bytes at most.
    pub(super) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error("{url} is no http or https URL: {why}")]
    Url { url: String, why: String },
    #[error("{method} cannot be asked of {url}: {why}")]
    Request {
        method: String,
        url: String,
        why: String,
    },
    #[error("cannot connect to {authority}: {why}")]
    Connect { authority: String, why: String },
    #[error(transparent)]
    Dropped(#[from] Dropped),
    #[error("no answer from {authority}: {why}")]
    NoAnswer { authority: String, why: String },
    #[error("no answer from {url} within `call_timeout`")]
    TimedOut { url: String },
}

/// Where a URL points.
struct Place {
    tls: bool,
    host: String,
    port: u16,
    authority: String,
    target: String,
}

impl HttpOnce {
    /// Loads nothing yet: the system's authorities are read at the first HTTPS request.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Asks once. `last_moment` is called when the connection stands, right before the request is
    /// handed to it.
    pub(super) async fn ask(
        &self,
        ask: &Ask<'_>,
        last_moment: impl FnOnce() -> Result<(), Dropped> + Send,
    ) -> Result<Answered, HttpError> {
        tokio::time::timeout(ask.timeout, self.ask_unbounded(ask, last_moment))
            .await
            .unwrap_or_else(|_| {
                Err(HttpError::TimedOut {
                    url: ask.url.to_owned(),
                })
            })
    }

    async fn ask_unbounded(
        &self,
        ask: &Ask<'_>,
        last_moment: impl FnOnce() -> Result<(), Dropped> + Send,
    ) -> Result<Answered, HttpError> {
        let place = Place::of(ask.url)?;
        let request = request(ask, &place)?;
        let refused = |why: String| HttpError::Connect {
            authority: place.authority.clone(),
            why,
        };
        let tcp = TcpStream::connect((place.host.as_str(), place.port))
            .await
            .map_err(|error| refused(error.to_string()))?;
        // A request is one small write; its delay would only be felt.
        tcp.set_nodelay(true)
            .map_err(|error| refused(error.to_string()))?;
        if place.tls {
            let name = ServerName::try_from(place.host.clone())
                .map_err(|error| refused(error.to_string()))?;
            let tls = TlsConnector::from(self.tls_config().map_err(refused)?)
                .connect(name, tcp)
                .await
                .map_err(|error| refused(format!("TLS: {error}")))?;
            exchange(TokioIo::new(tls), request, &place, last_moment).await
        } else {
            exchange(TokioIo::new(tcp), request, &place, last_moment).await
        }
    }

    /// The system's authorities, read once.
    fn tls_config(&self) -> Result<Arc<ClientConfig>, String> {
        if let Some(config) = self.tls.get() {
            return Ok(config.clone());
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be set up: {error}"))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(self.tls.get_or_init(|| Arc::new(config)).clone())
    }
}

async fn exchange<IO>(
    io: IO,
    request: Request<Full<Bytes>>,
    place: &Place,
    last_moment: impl FnOnce() -> Result<(), Dropped> + Send,
) -> Result<Answered, HttpError>
where
    IO: Read + Write + Unpin + Send + 'static,
{
    let no_answer = |error: hyper::Error| HttpError::NoAnswer {
        authority: place.authority.clone(),
        why: chain(&error),
    };
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(io)
            .await
            .map_err(|error| HttpError::Connect {
                authority: place.authority.clone(),
                why: chain(&error),
            })?;
    // What breaks the connection is told by the request that it breaks.
    let _connection = AbortOnDropHandle::new(tokio::spawn(async move {
        let _ = connection.await;
    }));
    last_moment()?;
    let response = sender.send_request(request).await.map_err(no_answer)?;
    let status = response.status().as_u16();
    let region = response
        .headers()
        .get("x-region")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let body = first_bytes(response.into_body()).await;
    Ok(Answered {
        status,
        region,
        body,
    })
}

/// As much of the body as is looked at. One that breaks off is as long as it came.
async fn first_bytes(mut body: Incoming) -> Bytes {
    let mut held = BytesMut::new();
    while held.len() < BODY_LIMIT {
        let Some(Ok(frame)) = body.frame().await else {
            break;
        };
        if let Some(data) = frame.data_ref() {
            held.extend_from_slice(data);
        }
    }
    held.truncate(BODY_LIMIT);
    held.freeze()
}

fn request(ask: &Ask<'_>, place: &Place) -> Result<Request<Full<Bytes>>, HttpError> {
    let mut builder: Builder = Request::builder()
        .method(ask.method)
        .uri(&place.target)
        .header(HOST, &place.authority)
        .header(USER_AGENT, concat!("failoverd/", env!("CARGO_PKG_VERSION")));
    for (name, value) in &ask.headers {
        builder = builder.header(*name, value);
    }
    if let Some(body) = ask.body {
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(body).is_ok();
        builder = builder.header(
            CONTENT_TYPE,
            if is_json {
                "application/json"
            } else {
                "text/plain; charset=utf-8"
            },
        );
    }
    builder
        .body(Full::new(Bytes::from(
            ask.body.unwrap_or_default().to_owned(),
        )))
        .map_err(|error| HttpError::Request {
            method: ask.method.to_owned(),
            url: ask.url.to_owned(),
            why: error.to_string(),
        })
}

impl Place {
    fn of(url: &str) -> Result<Self, HttpError> {
        let wrong = |why: &str| HttpError::Url {
            url: url.to_owned(),
            why: why.to_owned(),
        };
        let uri: hyper::Uri = url
            .parse()
            .map_err(|error: hyper::http::uri::InvalidUri| wrong(&error.to_string()))?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            Some(_) | None => return Err(wrong("it must begin with http:// or https://")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("names and passwords do not belong into a URL"));
        }
        let host = authority.host();
        let host = host.strip_prefix('[').unwrap_or(host);
        let host = host.strip_suffix(']').unwrap_or(host);
        Ok(Self {
            tls,
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            authority: authority.as_str().to_owned(),
            target: uri
                .path_and_query()
                .map_or_else(|| "/".to_owned(), |target| target.as_str().to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_from_urls() -> Result<(), HttpError> {
        let place = Place::of("https://[::1]/x?y=1")?;
        assert!(place.tls);
        assert_eq!((place.host.as_str(), place.port), ("::1", 443));
        assert_eq!(place.target, "/x?y=1");
        let place = Place::of("http://127.0.0.1:8080")?;
        assert_eq!((place.host.as_str(), place.port), ("127.0.0.1", 8080));
        assert_eq!(place.target, "/");
        for wrong in ["", "/x", "ftp://host/", "http://user:pw@host/", "http://"] {
            assert!(
                matches!(Place::of(wrong), Err(HttpError::Url { .. })),
                "{wrong}"
            );
        }
        Ok(())
    }
}
