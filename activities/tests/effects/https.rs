//! A real git server over HTTPS, on the loopback interface.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use crate::origin::Origin;

/// A server that ends with the value.
pub struct HttpsServer {
    child: Child,
    port: u16,
    requests: Receiver<String>,
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/effects/fixtures").join(name)
}

/// The certificate to trust.
pub fn certificate() -> PathBuf {
    fixture("localhost.crt")
}

impl HttpsServer {
    /// Serves a copy of a repository as `repo.git`.
    pub fn serve(origin: &Origin, folder: &Path) -> Self {
        let bare = folder.join("served/repo.git").display().to_string();
        origin.git(&["clone", "--quiet", "--bare", "--", ".", &bare]);
        origin.git(&["-C", &bare, "update-server-info"]);
        let mut child = Command::new("python3")
            .arg(fixture("https_server.py"))
            .args([&folder.join("served"), &certificate(), &fixture("localhost.key")])
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let port = lines.next().expect("a line").expect("text").parse().expect("a port");
        let (sender, requests) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { child, port, requests }
    }

    /// The address of the repository in one of the server's areas.
    pub fn url(&self, area: &str) -> String {
        format!("https://localhost:{}/{area}/repo.git", self.port)
    }

    /// Waits for the next request.
    pub fn request(&self) -> String {
        self.requests.recv().expect("the server runs")
    }

    /// The requests that came and were not looked at.
    pub fn requests(&self) -> Vec<String> {
        self.requests.try_iter().collect()
    }
}

impl Drop for HttpsServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
