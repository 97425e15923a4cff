//! Connections that do nothing are closed, and more than there may be are refused.

use std::time::Duration;

use sbh_starter::listen::Limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::server::{Ground, Server};

const SHORT: Duration = Duration::from_millis(300);

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.address).await.unwrap()
}

/// Everything until the server closes. Fails when it never does.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes));
    // Closing with bytes of ours unread is a reset.
    let _ = end.await.expect("the server closes");
    String::from_utf8(bytes).unwrap()
}

/// Reads one answer of a body without a line's end to spare.
async fn health(stream: &mut TcpStream) {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    while !answer.ends_with("\r\n\r\nok\n") {
        answer.push(char::from(stream.read_u8().await.unwrap()));
    }
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn half_a_head_an_idle_connection_and_silence_are_closed() {
    let ground = Ground::new().await;
    let server = ground.start_with(Limits { idle: SHORT, ..Limits::default() }).await;
    let mut silent = connect(&server).await;
    let mut half = connect(&server).await;
    half.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: ").await.unwrap();
    let mut idle = connect(&server).await;
    health(&mut idle).await;
    // Kept alive: the second request goes over the same connection.
    health(&mut idle).await;
    for stream in [&mut silent, &mut half, &mut idle] {
        assert!(!rest(stream).await.contains("200 OK"));
    }
    server.stop().await;
}

#[tokio::test]
async fn connections_beyond_the_limit_are_told_so_and_closed() {
    let ground = Ground::new().await;
    let server = ground.start_with(Limits { connections: 2, ..Limits::default() }).await;
    let (mut first, mut second) = (connect(&server).await, connect(&server).await);
    health(&mut first).await;
    health(&mut second).await;
    let refused = rest(&mut connect(&server).await).await;
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("retry-after"), "{refused}");
    // One goes, and another gets its place.
    second
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    assert!(rest(&mut second).await.ends_with("ok\n"));
    loop {
        let mut third = connect(&server).await;
        third
            .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();
        // The place is free a moment after the close was seen.
        if rest(&mut third).await.starts_with("HTTP/1.1 200") {
            break;
        }
    }
    health(&mut first).await;
}

#[tokio::test]
async fn stopping_closes_idle_connections_at_once_and_gives_stuck_ones_up() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    let (mut idle, mut stuck) = (connect(&server).await, connect(&server).await);
    health(&mut idle).await;
    health(&mut stuck).await;
    stuck.write_all(b"POST /webhooks/github/x HTTP/1.1\r\nhost: x\r\ncontent-le").await.unwrap();
    server.stop().await;
    assert_eq!(rest(&mut idle).await, "");
    assert!(!rest(&mut stuck).await.contains("HTTP/1.1 2"));
}
