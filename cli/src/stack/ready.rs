//! Whether a part works: asked of the part itself.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::part::Part;
use super::plan::Plan;
use super::{postgres, temporal};
use crate::home::Home;

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether the part does its work now.
pub async fn is_ready(plan: &Plan, home: &Home, part: Part) -> bool {
    match part {
        Part::Postgres => postgres::is_ready(home),
        Part::Valkey => {
            let port = plan.port("valkey");
            ask(port, "PING\r\n").await.is_some_and(|answer| answer.starts_with("+PONG"))
        }
        Part::Temporal => {
            let path = format!("/api/v1/namespaces/{}", temporal::NAMESPACE);
            get(plan.port("temporal_http"), &path).await
                && TcpStream::connect(("127.0.0.1", plan.port("temporal_ui"))).await.is_ok()
        }
        Part::Starter => get(plan.port("api"), "/readyz").await,
        Part::Workers(_) => get(plan.port(&part.name().replace('-', "_")), "/readyz").await,
    }
}

/// Whether an address answers 200.
async fn get(port: u16, path: &str) -> bool {
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    let answer = ask(port, &request).await;
    answer.is_some_and(|answer| answer.split(' ').nth(1) == Some("200"))
}

/// Sends a question and returns the beginning of the answer.
async fn ask(port: u16, question: &str) -> Option<String> {
    let exchange = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        stream.write_all(question.as_bytes()).await.ok()?;
        let mut answer = [0_u8; 256];
        let read = stream.read(&mut answer).await.ok()?;
        Some(String::from_utf8_lossy(answer.get(..read)?).into_owned())
    };
    tokio::time::timeout(PATIENCE, exchange).await.ok().flatten()
}
