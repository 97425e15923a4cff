//! The tests' provers: a shell that runs its block, and cvc5.
#![allow(dead_code, clippy::unwrap_used)]

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sbh_prover::external::Provers;
use sbh_prover::{Invariant, Kind, Outcome};

pub const SHELL: &str = r##"
    name = "shell"
    languages = ["shell"]
    comment = "#"
    program = "/bin/bash"
    arguments = ["{file}"]
    version = ["--version"]
    version_pattern = 'version (\S+)'
    file = "block.sh"
    counterexample = '(?m)^(?<name>\w+) = (?<value>.+)$'
    [limits]
    time_s = 2
    cpu_s = 1
    memory_mb = 128
    processes = 24
    disk_mb = 8
    output_kb = 64
    [[verdict]]
    is = "proved"
    exit = [0]
    pattern = "held"
    [[verdict]]
    is = "refuted"
    exit = [1]
"##;

pub fn sandbox() -> OsString {
    env!("CARGO_BIN_EXE_sbh-sandbox").into()
}

/// As whom the tests run, and, when that is root, as an ordinary user besides.
pub fn runners() -> Vec<Vec<OsString>> {
    let mut all = vec![vec![sandbox()]];
    if rustix::process::geteuid().is_root() {
        let user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
        all.push(user.map(OsString::from).into_iter().chain([sandbox()]).collect());
    }
    all
}

/// The prover of one description.
pub fn provers(description: &str, runner: Vec<OsString>) -> Provers {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("one.toml"), description).unwrap();
    Provers::open(folder.path(), runner, 4).unwrap()
}

/// A block with a name.
pub fn block(provers: &Provers, language: &str, text: &str) -> Invariant {
    let comment = if language == "shell" { "#" } else { ";" };
    let text = format!("```{language}\n{comment} invariant: A\n{text}\n```\n");
    let document = sbh_prover::parse_with(Kind::Markdown, &text, &provers.languages());
    document.invariants[0].parsed.clone().unwrap()
}

pub async fn shell(runner: Vec<OsString>, script: &str) -> Outcome {
    let provers = provers(SHELL, runner);
    provers.prove(&block(&provers, "shell", script)).await
}

/// Whether any process of the machine has `mark` among its arguments.
pub fn is_running(mark: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|process| std::fs::read(process.path().join("cmdline")).ok())
        .any(|line| line.split(|byte| *byte == 0).any(|argument| argument == mark.as_bytes()))
}

/// Looks until no process has `mark` among its arguments.
pub fn gone(mark: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while is_running(mark) {
        assert!(Instant::now() < deadline, "{mark} is still running");
        std::thread::yield_now();
    }
}

/// The shipped description of cvc5, for the library that the tools hold.
pub fn cvc5() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    let tools = crate::z3::path().parent().unwrap().parent().unwrap().canonicalize().unwrap();
    let python = tools.join("bin/python");
    let base = std::process::Command::new(&python)
        .args(["-c", "import cvc5, sys; print(sys.base_prefix)"])
        .output()
        .unwrap();
    assert!(base.status.success(), "cvc5 is missing: run ./sbh tools");
    let base = PathBuf::from(String::from_utf8(base.stdout).unwrap().trim());
    let script = root.join("tools/run_cvc5.py");
    let shipped = std::fs::read_to_string(root.join("provers/cvc5.toml")).unwrap();
    shipped
        .replace("[\"--version\"]", &format!("[{script:?}, \"--version\"]"))
        .replace("[\"--incremental\"", &format!("[{script:?}, \"--incremental\""))
        .replace(
            "smt_lib = true",
            &format!("smt_lib = true\nread = [{tools:?}, {base:?}, {script:?}]"),
        )
        .replace("program = \"cvc5\"", &format!("program = {python:?}"))
}
