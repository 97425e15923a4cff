//! Whole lives of workflows against a real server.

#![allow(clippy::disallowed_methods, reason = "no workflow code: it reads files and waits")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use support::scenario;
use support::server::Server;

#[tokio::test]
async fn each_life_ends_as_it_should() {
    let server = Server::start().await;
    let lives = scenario::all(&server).await;
    for life in lives {
        let (concern, name) = (life.concern, life.name);
        let json = life.history.to_json().await.unwrap();
        let text = String::from_utf8(json).unwrap();
        assert!(text.contains("WorkflowExecutionCompletedEventAttributes"), "{concern}/{name}");
    }
}
