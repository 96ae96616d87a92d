//! TCP probes.

use std::net::{IpAddr, SocketAddr};

use tokio::net::TcpListener;

use super::*;

fn tcp(address: SocketAddr) -> Check {
    Check::Tcp {
        address: address.to_string(),
    }
}

#[tokio::test]
async fn an_accepted_connection_is_a_success() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let source: IpAddr = "127.0.1.7".parse().unwrap();
    let result = prober(Some(source))
        .probe(&probe(tcp(address), AMPLE))
        .await;
    assert_eq!(result.outcome, SampleOutcome::Success);
    assert!(result.timings.connect_us.is_some());
    assert_eq!(listener.accept().await.unwrap().1.ip(), source);
}

#[tokio::test]
async fn a_refused_connection_is_a_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let result = look(tcp(address)).await;
    assert_failure(&result, |r| *r == FailureReason::ConnectRefused);
}

#[tokio::test]
async fn a_full_backlog_is_a_connect_timeout() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    // Nobody accepts: from some connection on, the kernel drops what comes.
    let mut held = Vec::new();
    loop {
        let connect = tokio::net::TcpStream::connect(address);
        match tokio::time::timeout(SHORT.as_duration(), connect).await {
            Ok(stream) => held.push(stream.unwrap()),
            Err(_elapsed) => break,
        }
    }
    let result = look_shortly(tcp(address)).await;
    assert_failure(&result, |r| *r == FailureReason::ConnectTimeout);
}

#[tokio::test]
async fn an_address_without_a_port_is_our_own_trouble() {
    let result = look(Check::Tcp {
        address: "127.0.0.1".to_owned(),
    })
    .await;
    assert_unknown(&result, |r| matches!(r, UnknownReason::Local(_)));
}

#[tokio::test]
async fn a_name_in_the_hosts_file_is_resolved() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let result = look(Check::Tcp {
        address: format!("localhost:{port}"),
    })
    .await;
    assert_eq!(result.outcome, SampleOutcome::Success);
}
