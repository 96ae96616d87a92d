//! From `host:port` to a connection.

use std::net::{IpAddr, SocketAddr};

use http::uri::Authority;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout_at};

use super::outcome::{failed, local, of_connect};
use super::resolve;
use crate::model::{FailureReason, SampleOutcome};

/// Addresses of a name that one probe tries. The timeout is shared out among them; with more, each
/// would have too little of it to mean anything.
const ADDRESSES_TRIED: usize = 4;

/// Where an endpoint is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// A name or an address, without brackets.
    pub host: String,
    pub port: u16,
}

impl Endpoint {
    /// From the authority of a URL.
    pub fn of_authority(authority: &Authority, default_port: u16) -> Self {
        let host = authority.host();
        Self {
            host: host
                .strip_prefix('[')
                .and_then(|h| h.strip_suffix(']'))
                .unwrap_or(host)
                .to_owned(),
            port: authority.port_u16().unwrap_or(default_port),
        }
    }

    /// From `host:port`.
    pub fn parse(text: &str) -> Option<Self> {
        let authority: Authority = text.parse().ok()?;
        authority.port_u16()?;
        Some(Self::of_authority(&authority, 0))
    }

    /// Connects before `deadline`, from `source` if given. Of several addresses the first that
    /// accepts is taken, as users' programs do.
    #[expect(clippy::disallowed_methods, reason = "a deadline on this host")]
    pub async fn connect(
        &self,
        source: Option<IpAddr>,
        deadline: Instant,
    ) -> Result<TcpStream, SampleOutcome> {
        let addresses = self.addresses(source, deadline).await?;
        let tried = &addresses[..addresses.len().min(ADDRESSES_TRIED)];
        let mut last = failed(FailureReason::ConnectTimeout);
        for (index, address) in tried.iter().enumerate() {
            // Host-side on purpose: the deadline is in real time.
            let now = Instant::now();
            let left = deadline.saturating_duration_since(now);
            // `tried` holds at most ADDRESSES_TRIED, so this fits.
            let share = left / (tried.len() - index) as u32;
            match timeout_at(now + share, dial(*address, source)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(outcome @ SampleOutcome::Unknown(_))) => return Err(outcome),
                Ok(Err(outcome)) => last = outcome,
                Err(_elapsed) => last = failed(FailureReason::ConnectTimeout),
            }
        }
        Err(last)
    }

    async fn addresses(
        &self,
        source: Option<IpAddr>,
        deadline: Instant,
    ) -> Result<Vec<SocketAddr>, SampleOutcome> {
        let ips = match self.host.parse::<IpAddr>() {
            Ok(ip) => vec![ip],
            Err(_) => resolve::addresses(&self.host, source, deadline).await?,
        };
        if let (Some(source), [ip]) = (source, ips.as_slice())
            && source.is_ipv4() != ip.is_ipv4()
        {
            return Err(local(format!(
                "{ip} cannot be probed from {source}: another address family"
            )));
        }
        Ok(ips
            .into_iter()
            .map(|ip| SocketAddr::new(ip, self.port))
            .collect())
    }
}

async fn dial(address: SocketAddr, source: Option<IpAddr>) -> Result<TcpStream, SampleOutcome> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }
    .map_err(|e| local(format!("cannot make a socket: {e}")))?;
    if let Some(source) = source {
        socket
            .bind(SocketAddr::new(source, 0))
            .map_err(|e| local(format!("cannot bind the source address {source}: {e}")))?;
    }
    // One small request each: waiting to fill a segment would only be measured as latency.
    socket
        .set_nodelay(true)
        .map_err(|e| local(format!("cannot set up a socket: {e}")))?;
    socket.connect(address).await.map_err(|e| of_connect(&e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_are_told_apart() {
        let cases = [
            ("127.0.0.1:80", Some(("127.0.0.1", 80))),
            ("[::1]:8080", Some(("::1", 8080))),
            ("db.example.com:5432", Some(("db.example.com", 5432))),
            ("db.example.com", None),
            ("db.example.com:99999", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let parsed = Endpoint::parse(text);
            assert_eq!(
                parsed.as_ref().map(|e| (e.host.as_str(), e.port)),
                expected,
                "{text}"
            );
        }
    }
}
