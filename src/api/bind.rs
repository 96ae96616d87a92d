//! Taking the API's address before anything else is started, so that a wrong one is told at once.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

/// Why something cannot be served; `key` is where its address stands under `[node]`.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error(
        "cannot listen on {address}: the port is in use; stop whoever has it, or set `{key}` under [node] to another"
    )]
    InUse {
        key: &'static str,
        address: SocketAddr,
    },
    #[error(
        "cannot listen on {address}: not permitted; set `{key}` under [node] to a port from 1024 up"
    )]
    NotPermitted {
        key: &'static str,
        address: SocketAddr,
    },
    #[error(
        "cannot listen on {address}: it is not an address of this host; set `{key}` under [node] to one that is, such as 127.0.0.1:{}",
        address.port()
    )]
    NotOurs {
        key: &'static str,
        address: SocketAddr,
    },
    #[error("cannot listen on {address}; check `{key}` under [node]")]
    Other {
        key: &'static str,
        address: SocketAddr,
        source: io::Error,
    },
}

/// Takes `address`.
///
/// # Errors
///
/// If it is in use, not permitted, or not an address of this host.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, ApiError> {
    bind_for("api", address).await
}

/// Takes `address` for what stands under that key of `[node]`.
///
/// # Errors
///
/// As [`bind`].
pub async fn bind_for(key: &'static str, address: SocketAddr) -> Result<TcpListener, ApiError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| refusal(key, address, source))
}

fn refusal(key: &'static str, address: SocketAddr, source: io::Error) -> ApiError {
    match source.kind() {
        io::ErrorKind::AddrInUse => ApiError::InUse { key, address },
        io::ErrorKind::PermissionDenied => ApiError::NotPermitted { key, address },
        io::ErrorKind::AddrNotAvailable => ApiError::NotOurs { key, address },
        // Not a domain enum: whatever else the system says is told as it says it.
        _ => ApiError::Other {
            key,
            address,
            source,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    const ADDRESS: &str = "127.0.0.1:80";

    #[test]
    fn each_refusal_says_where_and_how_to_mend_it() {
        let address: SocketAddr = ADDRESS.parse().unwrap();
        let cases = [
            (io::ErrorKind::PermissionDenied, "not permitted; set `api`"),
            (
                io::ErrorKind::AddrNotAvailable,
                "not an address of this host; set `api`",
            ),
            (io::ErrorKind::AddrInUse, "the port is in use; stop whoever"),
            (io::ErrorKind::OutOfMemory, "check `api` under [node]"),
        ];
        for (kind, words) in cases {
            let refusal = refusal("api", address, io::Error::from(kind));
            let text = refusal.to_string();
            assert!(text.contains(ADDRESS) && text.contains(words), "{text}");
            assert_eq!(
                refusal.source().is_some(),
                kind == io::ErrorKind::OutOfMemory,
                "{text}"
            );
        }
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_told_as_such() {
        let first = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let taken = first.local_addr().unwrap();
        let second = bind(taken).await;
        assert!(
            matches!(second, Err(ApiError::InUse { address, .. }) if address == taken),
            "{second:?}"
        );
    }
}
