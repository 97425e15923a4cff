//! What runs where: the ports and programs of one start, in `run/plan.json`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::part::Part;
use super::ports::{self, Ports};
use super::secrets::Secrets;
use super::{postgres, programs, temporal, valkey};
use crate::failure::Failure;
use crate::home::{Home, private_folder, read_json, write_private};
use crate::tools::Tools;

/// The most worker processes of a local stack.
const MAX_WORKERS: usize = 16;

/// Everything that the supervisor needs to start any part.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// The layout that wrote it, see [`super::state::LAYOUT`].
    pub layout: u32,
    /// The ports.
    pub ports: Ports,
    /// How many worker processes.
    pub workers: usize,
    /// `temporal`.
    pub temporal: PathBuf,
    /// The folder with `initdb` and `postgres`.
    pub postgres_bin: PathBuf,
    /// `valkey-server`.
    pub valkey: PathBuf,
    /// `z3`.
    pub z3: PathBuf,
    /// The folder with `sbh`, `sbh-starter` and `sbh-workers`.
    pub programs: PathBuf,
}

/// How to start a part.
#[derive(Debug, Clone, Default)]
pub struct Launch {
    /// The program and its arguments.
    pub command: Vec<OsString>,
    /// Variables that it gets besides the inherited ones.
    pub variables: BTreeMap<String, OsString>,
    /// Arguments that go before the whole command: what changes the process and then executes it.
    pub wrapper: Vec<OsString>,
}

impl Plan {
    /// Chooses ports and finds the programs.
    pub fn make(home: &Home, tools: &Tools) -> Result<Self> {
        let workers = worker_processes()?;
        let before = Self::read(home).ok().flatten().map(|plan| plan.ports).unwrap_or_default();
        let programs = super::program::this()?.parent().map(Path::to_owned).unwrap_or_default();
        Ok(Self {
            layout: super::state::LAYOUT,
            ports: ports::choose(&names(workers), &before)?,
            workers,
            temporal: tools.temporal.clone(),
            postgres_bin: tools.postgres_bin.clone(),
            valkey: tools.valkey.clone(),
            z3: tools.z3.clone(),
            programs,
        })
    }

    /// The project's own programs must be beside this one.
    pub fn check_programs(&self) -> Result<()> {
        for program in ["sbh-starter", "sbh-workers"] {
            if !self.programs.join(program).is_file() {
                let what = format!("{program} is not beside sbh in {}", self.programs.display());
                return Err(Failure::new(what)
                    .hint("start through ./sbh, which builds all three")
                    .into());
            }
        }
        Ok(())
    }

    /// The plan of the last start.
    pub fn read(home: &Home) -> Result<Option<Self>> {
        read_json(&path(home))
    }

    /// Hands it to the supervisor.
    pub fn write(&self, home: &Home) -> Result<()> {
        private_folder(&home.run())?;
        write_private(&path(home), &serde_json::to_vec_pretty(self)?)
    }

    /// The port of a listener; 0 for a name that does not exist.
    pub fn port(&self, name: &str) -> u16 {
        self.ports.get(name).copied().unwrap_or(0)
    }

    /// The parts in the order in which they start.
    pub fn parts(&self) -> Vec<Part> {
        Part::all(self.workers)
    }

    /// The address of the API.
    pub fn api_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port("api"))
    }

    /// The address of Temporal's Web UI.
    pub fn temporal_ui_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port("temporal_ui"))
    }

    /// The address of the database for a role.
    pub fn database_url(&self, role: &str, password: &str) -> String {
        format!("postgres://{role}:{password}@127.0.0.1:{}/sbh", self.port("postgres"))
    }

    /// The page of the Web UI that lists the workflows.
    pub fn workflows_url(&self) -> String {
        format!("{}/namespaces/{}/workflows", self.temporal_ui_url(), temporal::NAMESPACE)
    }

    /// How to start a part.
    pub fn launch(&self, home: &Home, secrets: &Secrets, part: Part) -> Launch {
        match part {
            Part::Postgres => postgres::launch(self, home),
            Part::Valkey => valkey::launch(self, home),
            Part::Temporal => temporal::launch(self, home, secrets),
            Part::Starter => programs::starter(self, home, secrets),
            Part::Workers(index) => programs::workers(self, home, secrets, index),
        }
    }
}

impl Launch {
    /// A command without variables.
    pub fn new(command: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self { command: command.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// What tells whether the program file is still the one that was started.
    pub fn program_stamp(&self) -> Option<String> {
        program_stamp(Path::new(self.command.first()?))
    }
}

/// Identifies a program file without reading it.
pub fn program_stamp(program: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let file = std::fs::metadata(program).ok()?;
    Some(format!("{}-{}-{}.{}", file.ino(), file.len(), file.mtime(), file.mtime_nsec()))
}

fn path(home: &Home) -> PathBuf {
    home.run().join("plan.json")
}

fn names(workers: usize) -> Vec<String> {
    let fixed = ["postgres", "valkey", "temporal", "temporal_ui", "temporal_http", "api"];
    let workers = (0..workers).map(|index| Part::Workers(index).name().replace('-', "_"));
    fixed.into_iter().map(String::from).chain(workers).collect()
}

fn worker_processes() -> Result<usize> {
    let Ok(value) = std::env::var("SBH_WORKER_PROCESSES") else { return Ok(1) };
    value.parse().ok().filter(|count| (1..=MAX_WORKERS).contains(count)).ok_or_else(|| {
        let what = format!("SBH_WORKER_PROCESSES is {value:?}");
        Failure::new(what).hint(format!("use a number from 1 to {MAX_WORKERS}, or unset it")).into()
    })
}
