//! A server that sends exactly the bytes it is told to, and remembers what it was sent.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

/// What it does with each request on a connection.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// Sends this and awaits the next request.
    Bytes(Vec<u8>),
    /// Sends this and closes.
    BytesThenClose(Vec<u8>),
    /// Sends this and then nothing, for ever.
    BytesThenHang(Vec<u8>),
    /// Sends this again and again, for ever.
    Endless(Vec<u8>),
}

impl Reply {
    pub fn ok(body: &str) -> Self {
        Self::status("200 OK", "", body)
    }

    /// `headers` each end in CRLF.
    pub fn status(status: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::Bytes(
            format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}")
                .into_bytes(),
        )
    }
}

/// A request as it came, and on which connection.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub connection: usize,
    pub peer: SocketAddr,
    pub head: String,
}

#[derive(Debug)]
pub(super) struct Server {
    pub address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    _accepting: AbortOnDropHandle<()>,
}

impl Server {
    pub async fn start(reply: Reply) -> Self {
        Self::serve(reply, None).await
    }

    pub async fn start_tls(reply: Reply, settings: ServerConfig) -> Self {
        Self::serve(reply, Some(TlsAcceptor::from(Arc::new(settings)))).await
    }

    async fn serve(reply: Reply, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let log = received.clone();
        let accepting = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            for connection in 0.. {
                let (stream, peer) = listener.accept().await.unwrap();
                let (reply, log, tls) = (reply.clone(), log.clone(), tls.clone());
                connections.spawn(async move {
                    let note = move |head| {
                        log.lock().unwrap().push(Received {
                            connection,
                            peer,
                            head,
                        });
                    };
                    match tls {
                        None => converse(stream, reply, note).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                converse(stream, reply, note).await;
                            }
                        }
                    }
                });
            }
        });
        Self {
            address,
            received,
            _accepting: AbortOnDropHandle::new(accepting),
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

async fn converse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    reply: Reply,
    note: impl Fn(String),
) {
    while let Some(head) = read_head(&mut stream).await {
        note(head);
        match &reply {
            Reply::Bytes(bytes) => {
                if stream.write_all(bytes).await.is_err() {
                    return;
                }
            }
            Reply::BytesThenClose(bytes) => {
                let _ = stream.write_all(bytes).await;
                let _ = stream.shutdown().await;
                return;
            }
            Reply::BytesThenHang(bytes) => {
                let _ = stream.write_all(bytes).await;
                std::future::pending::<()>().await;
            }
            Reply::Endless(bytes) => while stream.write_all(bytes).await.is_ok() {},
        }
    }
}

async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}
