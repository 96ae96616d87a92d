//! HTTP and HTTPS: is the request answered as expected?
//!
//! ```text
//!  resolve ─▶ connect ─▶ (TLS) ─▶ request ─▶ head ─▶ status? ─▶ header? ─▶ body, ≤ 64 KiB ─▶ text?
//!     └ idle connection, if kept alive ──┘
//! ```
//!
//! The body is read to its end or to 64 KiB, whichever comes first, also when no text is expected in
//! it: a server that sends a head and then hangs is not well. A wrong status or header ends the
//! probe before the body.

use std::net::IpAddr;

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use http::uri::PathAndQuery;
use http::{Method, Request, Response, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use super::address::Endpoint;
use super::idle::{Connection, Idle};
use super::outcome::{failed, local, of_exchange};
use super::prober::micros_since;
use super::tls::TlsSettings;
use crate::model::{Check, FailureReason, HeaderMatch, SampleOutcome, StatusRange, Timings};

/// How much of a body is read, in bytes; the configuration promises it to `body_contains`.
const BODY_LIMIT: usize = 64 * 1024;

/// How long a head may be, in bytes, and how many headers it may have: what the usual servers and
/// proxies are willing to send, several times over.
const HEAD_LIMIT: usize = 64 * 1024;
const HEADERS_LIMIT: usize = 128;

/// The request and the answer hoped for.
pub(super) struct HttpCheck<'a> {
    /// What an idle connection is kept under.
    pub check: &'a Check,
    pub url: &'a str,
    pub method: &'a str,
    pub expect_status: &'a [StatusRange],
    pub body_contains: Option<&'a str>,
    pub expect_header: Option<&'a HeaderMatch>,
    pub headers: &'a [(String, String)],
    pub keep_alive: bool,
    pub ca_file: Option<&'a str>,
}

/// What outlives a single probe.
#[derive(Debug, Default)]
pub(super) struct HttpState {
    pub tls: TlsSettings,
    pub idle: Idle,
}

/// A URL taken apart.
struct Parts {
    secure: bool,
    endpoint: Endpoint,
    request: Request<Empty<Bytes>>,
}

impl HttpCheck<'_> {
    /// Asks once. On a kept connection that turns out to be closed, once more on a fresh one: the
    /// server was free to close it, and that says nothing about its health.
    pub async fn run(
        &self,
        state: &HttpState,
        source: Option<IpAddr>,
        deadline: Instant,
        timings: &mut Timings,
    ) -> Result<(), SampleOutcome> {
        let parts = self.parts()?;
        if let Some(mut connection) = self.kept(state) {
            match self.ask(&mut connection, &parts, deadline, timings).await {
                Err(SampleOutcome::Failure(FailureReason::ClosedEarly)) => {}
                Err(outcome) => return Err(outcome),
                Ok(response) => {
                    return self.judge(state, connection, response, deadline).await;
                }
            }
        }
        let mut connection = self
            .connect(state, &parts, source, deadline, timings)
            .await?;
        let response = self.ask(&mut connection, &parts, deadline, timings).await?;
        self.judge(state, connection, response, deadline).await
    }

    fn kept(&self, state: &HttpState) -> Option<Connection> {
        self.keep_alive.then(|| state.idle.take(self.check))?
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "connect, TLS and first byte are measured on this host"
    )]
    async fn connect(
        &self,
        state: &HttpState,
        parts: &Parts,
        source: Option<IpAddr>,
        deadline: Instant,
        timings: &mut Timings,
    ) -> Result<Connection, SampleOutcome> {
        // Loading authorities is this host's own time, not the handshake's.
        if parts.secure {
            match timeout_at(deadline, state.tls.settings(self.ca_file)).await {
                Ok(loaded) => drop(loaded?),
                Err(_elapsed) => return Err(local("certificate authorities take long to load")),
            }
        }
        let started = Instant::now();
        let stream = parts.endpoint.connect(source, deadline).await?;
        timings.connect_us = Some(micros_since(started));
        if !parts.secure {
            return open(stream).await;
        }
        let started = Instant::now();
        let stream = state
            .tls
            .handshake(stream, &parts.endpoint.host, self.ca_file, deadline)
            .await?;
        timings.tls_us = Some(micros_since(started));
        open(stream).await
    }

    /// Sends the request and waits for the head of the answer.
    #[expect(
        clippy::disallowed_methods,
        reason = "connect, TLS and first byte are measured on this host"
    )]
    async fn ask(
        &self,
        connection: &mut Connection,
        parts: &Parts,
        deadline: Instant,
        timings: &mut Timings,
    ) -> Result<Response<Incoming>, SampleOutcome> {
        let started = Instant::now();
        let answer = async {
            connection.sender.ready().await?;
            connection.sender.send_request(parts.request.clone()).await
        };
        match timeout_at(deadline, answer).await {
            Ok(Ok(response)) => {
                timings.first_byte_us = Some(micros_since(started));
                Ok(response)
            }
            Ok(Err(error)) => Err(of_exchange(&error)),
            Err(_elapsed) => Err(failed(FailureReason::Timeout)),
        }
    }

    async fn judge(
        &self,
        state: &HttpState,
        connection: Connection,
        response: Response<Incoming>,
        deadline: Instant,
    ) -> Result<(), SampleOutcome> {
        let (head, body) = response.into_parts();
        let status = head.status.as_u16();
        if !self.expect_status.iter().any(|r| r.contains(status)) {
            return Err(failed(FailureReason::Status(status)));
        }
        if let Some(expected) = self.expect_header
            && !has_header(&head.headers, expected)
        {
            return Err(failed(FailureReason::HeaderMismatch));
        }
        let (body, whole) = match timeout_at(deadline, read(body)).await {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => return Err(of_exchange(&error)),
            Err(_elapsed) => return Err(failed(FailureReason::Timeout)),
        };
        // A connection in the middle of a body is of no further use.
        if self.keep_alive && whole {
            state.idle.keep(self.check, connection);
        }
        match self.body_contains {
            Some(text) if !contains(&body, text.as_bytes()) => {
                Err(failed(FailureReason::BodyMismatch))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The configuration has checked all this; were it wrong nevertheless, the endpoint would not
    /// be to blame.
    fn parts(&self) -> Result<Parts, SampleOutcome> {
        let uri: Uri = self
            .url
            .parse()
            .map_err(|e| local(format!("`{}` is not a URL: {e}", self.url)))?;
        let (secure, default_port) = match uri.scheme_str() {
            Some("http") => (false, 80),
            Some("https") => (true, 443),
            Some(_) | None => {
                return Err(local(format!(
                    "`{}` is neither an http nor an https URL",
                    self.url
                )));
            }
        };
        let authority = uri
            .authority()
            .ok_or_else(|| local(format!("`{}` names no host", self.url)))?;
        let request = self
            .request(&uri, authority)
            .map_err(|e| local(format!("no request can be made for `{}`: {e}", self.url)))?;
        Ok(Parts {
            secure,
            endpoint: Endpoint::of_authority(authority, default_port),
            request,
        })
    }

    fn request(
        &self,
        uri: &Uri,
        authority: &http::uri::Authority,
    ) -> Result<Request<Empty<Bytes>>, http::Error> {
        let target = uri
            .path_and_query()
            .map_or("/", PathAndQuery::as_str)
            .to_owned();
        // Credentials in a URL are not sent: `headers` is the place for them.
        let host = match authority.as_str().rsplit_once('@') {
            Some((_, host)) => host,
            None => authority.as_str(),
        };
        let request_method = Method::from_bytes(self.method.as_bytes())?;
        let mut request = Request::builder()
            .method(request_method.clone())
            .uri(target)
            .header(HOST, host)
            .header(USER_AGENT, concat!("failoverd/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new())?;
        let headers = request.headers_mut();
        if !self.keep_alive {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        // Without it, servers answer a POST with "411 Length Required".
        if request_method == Method::POST {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        for (name, value) in self.headers {
            // Replaces: a probe that sets `Host` means it.
            headers.insert(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
        }
        Ok(request)
    }
}

async fn open<S>(stream: S) -> Result<Connection, SampleOutcome>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, driver) = http1::Builder::new()
        .max_headers(HEADERS_LIMIT)
        .max_header_size(HEAD_LIMIT)
        .max_buf_size(HEAD_LIMIT)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|e| of_exchange(&e))?;
    let driver = tokio::spawn(async move {
        // What goes wrong reaches whoever waits for the answer.
        drop(driver.await);
    });
    Ok(Connection {
        sender,
        _driver: AbortOnDropHandle::new(driver),
    })
}

/// At most [`BODY_LIMIT`] bytes of the body, and whether that was all of it.
async fn read(mut body: Incoming) -> Result<(Vec<u8>, bool), hyper::Error> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue; // trailers
        };
        let room = BODY_LIMIT - bytes.len();
        if data.len() > room {
            bytes.extend_from_slice(&data[..room]);
            return Ok((bytes, false));
        }
        bytes.extend_from_slice(&data);
    }
    Ok((bytes, true))
}

fn has_header(headers: &HeaderMap, expected: &HeaderMatch) -> bool {
    headers
        .get_all(expected.name.as_str())
        .iter()
        .any(|value| match &expected.value {
            Some(text) => value.as_bytes() == text.as_bytes(),
            None => true,
        })
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|window| window == text)
}
