//! A Temporal server of the test's own.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A running server. Ends with its value.
pub struct Temporal {
    server: Child,
}

impl Temporal {
    /// Starts one on a port, with nothing in it. It takes requests some time later.
    pub fn start(port: u16) -> Self {
        let tools = std::env::var_os("SBH_TOOLS").map_or_else(
            || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.sbh/tools")),
            PathBuf::from,
        );
        let server = Command::new(tools.join("bin/temporal"))
            .args([
                "server",
                "start-dev",
                "--headless",
                "--ip",
                "127.0.0.1",
                "--log-level",
                "never",
                "--port",
            ])
            .arg(port.to_string())
            .args(["--dynamic-config-value", "matching.enableFairness=true"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the temporal tool: run ./sbh up once, or set SBH_TOOLS");
        Self { server }
    }
}

impl Drop for Temporal {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
