//! Clients that send too much, too slowly, or never end: over a plain connection.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::server::{Ground, Server, token};

/// Sends the beginning of a request and reads the answer while the request has no end.
async fn unfinished(server: &Server, head: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(format!("{head}\r\n\r\n").as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = String::new();
    // The server ends the connection: nothing else could follow an unfinished request.
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[track_caller]
fn assert_problem(answer: &str, status: &str, slug: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    assert!(answer.contains("application/problem+json"), "{answer}");
    assert!(answer.contains(&format!("/problems/{slug}")), "{answer}");
}

/// A chunk of HTTP/1.1 without the end of the body.
fn chunk(bytes: usize) -> Vec<u8> {
    let mut chunk = format!("{bytes:x}\r\n").into_bytes();
    chunk.resize(chunk.len() + bytes, b'x');
    chunk.extend(b"\r\n");
    chunk
}

#[tokio::test]
async fn a_stream_beyond_the_limit_is_refused_before_it_ends() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    let (connection, _) = server.connection("hooks").await;
    let head = format!(
        "POST /api/repositories HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked",
        token("demo", "owner")
    );
    let answer = unfinished(&server, &head, &chunk((1 << 20) + 1)).await;
    assert_problem(&answer, "413", "too-large");
    let with_key = format!("{head}\r\nIdempotency-Key: k1");
    let answer = unfinished(&server, &with_key, &chunk((1 << 20) + 1)).await;
    assert_problem(&answer, "413", "too-large");
    let head = format!(
        "POST /webhooks/github/{connection} HTTP/1.1\r\nHost: h\r\nX-GitHub-Event: push\r\n\
         X-Hub-Signature-256: sha256={}\r\nTransfer-Encoding: chunked",
        "0".repeat(64)
    );
    let answer = unfinished(&server, &head, &chunk(25 * 1024 * 1024 + 1)).await;
    assert_problem(&answer, "413", "too-large");
}

#[tokio::test]
async fn a_declared_length_beyond_the_limit_is_refused_before_anything_comes() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    let (connection, _) = server.connection("hooks").await;
    let head = format!(
        "POST /webhooks/github/{connection} HTTP/1.1\r\nHost: h\r\nX-GitHub-Event: push\r\n\
         X-Hub-Signature-256: sha256={}\r\nContent-Length: {}",
        "0".repeat(64),
        25 * 1024 * 1024 + 1
    );
    assert_problem(&unfinished(&server, &head, b"").await, "413", "too-large");
}

#[tokio::test]
async fn a_webhook_whose_body_does_not_come_is_given_up() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    let (connection, _) = server.connection("hooks").await;
    let head = format!(
        "POST /webhooks/github/{connection} HTTP/1.1\r\nHost: h\r\nX-GitHub-Event: push\r\n\
         X-Hub-Signature-256: sha256={}\r\nContent-Length: 100",
        "0".repeat(64)
    );
    assert_problem(&unfinished(&server, &head, b"x").await, "408", "request-timeout");
}

#[tokio::test]
async fn an_api_request_whose_body_does_not_come_is_given_up() {
    let ground = Ground::new().await;
    let server = ground.start().await;
    let head = format!(
        "POST /api/repositories HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 100",
        token("demo", "owner")
    );
    assert_problem(&unfinished(&server, &head, b"x").await, "503", "deadline");
}
