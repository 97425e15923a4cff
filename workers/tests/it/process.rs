//! One `sbh-workers`.

use std::fs::File;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::ground::{Ground, eventually};

/// A running program. It is killed with its value.
pub struct Workers {
    child: Child,
    address: String,
    log: std::path::PathBuf,
    http: reqwest::Client,
}

impl Workers {
    /// Starts one with settings beyond the ground's.
    pub fn start(ground: &Ground, settings: &[(&str, &str)]) -> Self {
        let port = crate::ground::free_port();
        let address = format!("127.0.0.1:{port}");
        let log = ground.folder().join(format!("workers-{port}.log"));
        let child = Command::new(env!("CARGO_BIN_EXE_sbh-workers"))
            .envs(ground.settings())
            .env("SBH_WORKERS_LISTEN", &address)
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        sbh_runtime::temporal::install_crypto_provider();
        let http = reqwest::Client::builder()
            .timeout(std::time::Duration::from_secs(10))
            .no_proxy()
            .build()
            .unwrap();
        Self { child, address, log, http }
    }

    /// Status and body of `/readyz`.
    pub async fn readyz(&self) -> Result<(u16, Value), String> {
        let asked = self.http.get(format!("http://{}/readyz", self.address)).send().await;
        let answer = asked.map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        let text = answer.text().await.map_err(|error| error.to_string())?;
        Ok((status, serde_json::from_str(&text).map_err(|error| error.to_string())?))
    }

    /// Waits until `/readyz` answers with a status.
    pub async fn ready(&self, wanted: u16) -> Value {
        eventually(&format!("/readyz to be {wanted}"), async || match self.readyz().await? {
            (status, body) if status == wanted => Ok(body),
            (status, body) => Err(format!("{status} {body}")),
        })
        .await
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    /// Waits until it ended.
    pub async fn ended(&mut self) -> ExitStatus {
        eventually("the program to end", async || {
            self.child.try_wait().unwrap().ok_or_else(|| "it runs".to_owned())
        })
        .await
    }

    /// What it logged.
    pub fn log(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.log).unwrap();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", std::fs::read_to_string(&self.log).unwrap_or_default());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
