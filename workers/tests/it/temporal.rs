//! A Temporal server of the test's own.

use std::process::{Child, Command, Stdio};

use crate::ground::tool;

/// A running server. Ends with its value.
pub struct Temporal {
    server: Child,
}

impl Temporal {
    /// Starts one on a port, with nothing in it. It takes requests some time later.
    pub fn start(port: u16) -> Self {
        let server = Command::new(tool("temporal"))
            .args(["server", "start-dev", "--headless", "--log-level", "never"])
            .args(["--ip", "127.0.0.1", "--port", &port.to_string()])
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
