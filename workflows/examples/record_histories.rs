//! Records the histories that the replay test replays, from workflows that run against a real
//! server with stand-in activities:
//!
//! ```sh
//! cargo run -p sbh-workflows --example record_histories
//! ```
//!
//! Only add recordings, for new behaviour. An existing one stands for workflows that may still run.

#![allow(clippy::disallowed_methods, reason = "no workflow code: it reads files and waits")]
#![allow(clippy::print_stdout, clippy::expect_used)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::path::Path;

use support::scenario;
use support::server::Server;

#[tokio::main]
async fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories");
    let server = Server::start().await;
    for life in scenario::all(&server).await {
        let folder = root.join(life.concern);
        std::fs::create_dir_all(&folder).expect("the folder can be made");
        let path = folder.join(life.name).with_extension("json");
        if path.exists() {
            println!(
                "{} is kept: remove it first if no such workflow can run any more",
                path.display()
            );
            continue;
        }
        let json = life.history.to_json().await.expect("the history can be fetched");
        let value: serde_json::Value = serde_json::from_slice(&json).expect("it is JSON");
        let text = serde_json::to_string_pretty(&value).expect("it is JSON");
        std::fs::write(&path, text + "\n").expect("the file can be written");
        println!("{}", path.display());
    }
}
