//! The programs under test, as cargo built them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The workspace that this crate is part of.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are a folder of the workspace")
}

/// The path of one of our programs: `sbh`, `sbh-workers` or `sbh-starter`.
pub fn program(name: &str) -> PathBuf {
    folder().join(name)
}

/// Where cargo put the programs: beside the folder of this test executable. They are built once,
/// so that a test never runs against yesterday's program.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let this = std::env::current_exe().expect("the path of this test executable");
        // A test is target/<profile>/deps/<test>-<hash>; the benchmark is target/<profile>/sbh-bench.
        let beside = this.parent().expect("a program is in a folder");
        let folder = if beside.ends_with("deps") {
            beside.parent().expect("deps/ is inside the profile's folder")
        } else {
            beside
        };
        if std::env::var_os("SBH_TESTS_BUILT").is_none() {
            build(folder);
        }
        for name in ["sbh", "sbh-workers", "sbh-starter"] {
            let path = folder.join(name);
            assert!(
                path.is_file(),
                "{} is missing: run `cargo build --workspace --bins`",
                path.display()
            );
        }
        folder.to_owned()
    })
}

/// Builds the programs into the same folder; a matter of a second when nothing changed.
fn build(folder: &Path) {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace()).args(["build", "--quiet", "--bins"]);
    cargo.args(["-p", "sbh-cli", "-p", "sbh-workers", "-p", "sbh-starter"]);
    cargo.arg("--target-dir").arg(folder.parent().expect("a profile is a folder of the target"));
    if folder.ends_with("release") {
        cargo.arg("--release");
    }
    let status = cargo.status().expect("cargo starts");
    assert!(
        status.success(),
        "the programs do not build ({status}): run `cargo build --workspace --bins`"
    );
}
