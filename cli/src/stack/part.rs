//! The parts of the stack.

use std::time::Duration;

use rustix::process::Signal;

/// One part. There may be several `Workers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// PostgreSQL.
    Postgres,
    /// Valkey.
    Valkey,
    /// Temporal with its Web UI.
    Temporal,
    /// `sbh-starter`.
    Starter,
    /// `sbh-workers`, counted from 0.
    Workers(usize),
}

impl Part {
    /// All parts of a stack with so many worker processes, in the order in which they start.
    pub fn all(workers: usize) -> Vec<Self> {
        let mut all = vec![Self::Postgres, Self::Valkey, Self::Temporal, Self::Starter];
        all.extend((0..workers).map(Self::Workers));
        all
    }

    /// Its name in states, logs and commands.
    pub fn name(self) -> String {
        match self {
            Self::Postgres => "postgres".into(),
            Self::Valkey => "valkey".into(),
            Self::Temporal => "temporal".into(),
            Self::Starter => "starter".into(),
            Self::Workers(0) => "workers".into(),
            Self::Workers(other) => format!("workers-{}", other + 1),
        }
    }

    /// Whether it is one of this project's own programs.
    pub fn is_own(self) -> bool {
        matches!(self, Self::Starter | Self::Workers(_))
    }

    /// Parts of a lower rank are stopped first.
    pub fn stop_rank(self) -> u8 {
        match self {
            Self::Starter | Self::Workers(_) => 0,
            Self::Temporal => 1,
            Self::Valkey | Self::Postgres => 2,
        }
    }

    /// The signal that asks it to end. PostgreSQL would wait for its clients at SIGTERM.
    pub fn stop_signal(self) -> Signal {
        if self == Self::Postgres { Signal::INT } else { Signal::TERM }
    }

    /// How long it may take to end before it is killed: the programs' own drain times and a bit.
    pub fn stop_deadline(self) -> Duration {
        Duration::from_secs(match self {
            Self::Starter => 15,
            Self::Workers(_) => 25,
            Self::Temporal | Self::Postgres => 15,
            Self::Valkey => 5,
        })
    }
}
