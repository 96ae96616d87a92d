//! One request on a connection of its own, as a user's browser opens one after DNS has answered.
//! No pool, no redirects, no TLS: hundreds of these run each second beside everything else of a
//! drill, in one unoptimised process.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpSocket;

use super::REGION_HEADER;

/// No answer of the product is near this size; a larger one is not the product's.
const BODY_LIMIT: usize = 64 * 1024;

/// What came back.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Answer {
    pub status: StatusCode,
    /// The `x-region` header.
    pub region: Option<HeaderValue>,
    pub body: Bytes,
}

/// Why nothing usable came back.
#[derive(Debug, thiserror::Error)]
pub(in crate::sandbox) enum NoAnswer {
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    #[error("cannot connect")]
    Connect(#[source] std::io::Error),
    #[error("the exchange broke off")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Sends one request without a body from `source` and waits for the whole answer, `limit` of real
/// time at most.
pub(in crate::sandbox) async fn exchange(
    source: IpAddr,
    to: SocketAddr,
    method: Method,
    path: &str,
    limit: Duration,
) -> Result<Answer, NoAnswer> {
    match tokio::time::timeout(limit, converse(source, to, method, path)).await {
        Ok(outcome) => outcome,
        Err(_elapsed) => Err(NoAnswer::Timeout(limit)),
    }
}

async fn converse(
    source: IpAddr,
    to: SocketAddr,
    method: Method,
    path: &str,
) -> Result<Answer, NoAnswer> {
    let socket = TcpSocket::new_v4().map_err(NoAnswer::Connect)?;
    socket
        .bind(SocketAddr::new(source, 0))
        .map_err(NoAnswer::Connect)?;
    // The answer is whole before the socket closes, so nothing is lost by a reset; and a reset
    // leaves no TIME_WAIT, of which a drill would otherwise pile up ten thousand.
    socket.set_zero_linger().map_err(NoAnswer::Connect)?;
    let stream = socket.connect(to).await.map_err(NoAnswer::Connect)?;
    stream.set_nodelay(true).map_err(NoAnswer::Connect)?;

    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| NoAnswer::Broken(error.into()))?;
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, to.to_string())
        .body(Empty::<Bytes>::new())
        .map_err(|error| NoAnswer::Broken(error.into()))?;
    let talk = async move {
        let response = sender.send_request(request).await?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, BODY_LIMIT).collect().await?.to_bytes();
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>((head, body))
    };
    // The connection is driven from here, not from a task of its own: both end together.
    let outcome = match select(std::pin::pin!(talk), std::pin::pin!(connection)).await {
        Either::Left((outcome, _connection)) => outcome,
        Either::Right((Ok(()), talk)) => talk.await,
        Either::Right((Err(error), _talk)) => Err(error.into()),
    };
    let (head, body) = outcome.map_err(NoAnswer::Broken)?;
    Ok(Answer {
        status: head.status,
        region: head.headers.get(&REGION_HEADER).cloned(),
        body,
    })
}
