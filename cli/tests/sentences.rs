//! What goes wrong gives one sentence and the way out.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

fn tools() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    std::env::var_os("SBH_TOOLS").map_or_else(|| workspace.join(".sbh/tools"), PathBuf::from)
}

/// A command with a home of its own and nothing of the caller's settings.
fn sbh(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sbh"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SBH_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).current_dir(home).env("SBH_HOME", home);
    command
}

/// Expects a failure; returns the status and what was said.
fn refused(command: &mut Command) -> (i32, String) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "it worked: {said}");
    (output.status.code().unwrap(), said)
}

/// The error line and the way out; nothing before and after.
fn sentence(said: &str) -> (&str, &str) {
    let mut lines = said.lines().skip_while(|line| !line.starts_with("error: "));
    let error = lines.next().unwrap_or_else(|| panic!("no error in {said:?}"));
    let hint = lines.next().unwrap_or_else(|| panic!("no way out in {said:?}"));
    assert!(hint.trim_start().starts_with('→'), "{said}");
    (error, hint)
}

#[test]
fn no_python() {
    let home = tempfile::tempdir().unwrap();
    let (_, said) = refused(
        sbh(home.path(), &["tools"]).env("PATH", home.path()).env("SBH_PROJECT", home.path()),
    );
    let (error, hint) = sentence(&said);
    assert!(error.contains("Python 3 is not installed"), "{said}");
    assert!(hint.contains("python3-venv"), "{said}");
}

#[test]
fn a_python_that_is_too_old_or_has_no_venv() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().unwrap();
    let python = home.path().join("python");
    for (script, wanted) in [
        ("#!/bin/sh\necho 3 6\n", "Python 3.6 is too old"),
        ("#!/bin/sh\necho 3 11\nexit 1\n", "no venv module"),
    ] {
        std::fs::write(&python, script).unwrap();
        std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = sbh(home.path(), &["tools"]);
        let (_, said) = refused(command.env("SBH_PYTHON", &python).env("SBH_PROJECT", home.path()));
        assert!(sentence(&said).0.contains(wanted), "{said}");
    }
}

#[test]
fn a_program_that_is_named_and_not_there() {
    let home = tempfile::tempdir().unwrap();
    let mut command = sbh(home.path(), &["prove", "."]);
    std::fs::write(
        home.path().join("a.smt2"),
        "; invariant: A\n(define-fun invariant () Bool true)",
    )
    .unwrap();
    let (status, said) = refused(command.env("SBH_Z3", home.path().join("z4")));
    assert_eq!(status, 2, "nothing can be judged");
    let (error, hint) = sentence(&said);
    assert!(error.contains("z4") && hint.contains("SBH_Z3"), "{said}");
}

#[test]
fn a_port_in_use() {
    let home = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut command = sbh(home.path(), &["up"]);
    let (_, said) = refused(command.env("SBH_TOOLS", tools()).env("SBH_PORT_TEMPORAL", &port));
    let (error, hint) = sentence(&said);
    assert!(error.contains(&port) && error.contains("in use"), "{said}");
    assert!(hint.contains("SBH_PORT_TEMPORAL"), "{said}");
    if cfg!(target_os = "linux") {
        assert!(error.contains(&std::process::id().to_string()), "it names the holder: {said}");
    }
    assert!(!home.path().join("data").exists(), "nothing was begun");
}

#[test]
fn data_of_another_version() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("run")).unwrap();
    for plan in [r#"{"layout":0}"#, "{"] {
        std::fs::write(home.path().join("run/plan.json"), plan).unwrap();
        let (_, said) = refused(sbh(home.path(), &["up"]).env("SBH_TOOLS", tools()));
        let (error, hint) = sentence(&said);
        assert!(error.contains("another version") && hint.contains("sbh reset"), "{said}");
    }
}

#[test]
fn a_database_of_another_version() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(home.path().join("data/postgres")).unwrap();
    std::fs::write(home.path().join("data/postgres/PG_VERSION"), "9\n").unwrap();
    let (_, said) = refused(sbh(home.path(), &["up"]).env("SBH_TOOLS", tools()));
    let (error, hint) = sentence(&said);
    assert!(error.contains("PostgreSQL 9") && hint.contains("sbh reset"), "{said}");
}

#[test]
fn a_stack_that_does_not_run() {
    let home = tempfile::tempdir().unwrap();
    for arguments in [
        &["env"][..],
        &["repo", "list"],
        &["token", "--tenant", "a", "--role", "owner"],
        &["down", "temporal"],
    ] {
        let (status, said) = refused(&mut sbh(home.path(), arguments));
        let (error, hint) = sentence(&said);
        assert!(error.contains("not running") && hint.contains("sbh up"), "{said}");
        assert_eq!(status, 1);
    }
    let status = sbh(home.path(), &["status", "--json"]).output().unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(answer["running"], false);
    assert!(sbh(home.path(), &["down"]).status().unwrap().success());
}

#[test]
fn a_reset_that_nobody_confirmed() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let (_, said) = refused(sbh(home.path(), &["reset"]).stdin(std::process::Stdio::null()));
    assert!(sentence(&said).1.contains("--yes"), "{said}");
    assert!(data.exists());
    assert!(sbh(home.path(), &["reset", "--yes"]).status().unwrap().success());
    assert!(!data.exists());
}

#[test]
fn an_api_that_is_not_there_and_a_token_that_is_missing() {
    let home = tempfile::tempdir().unwrap();
    // A port that was free a moment ago.
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let (_, said) = refused(&mut sbh(home.path(), &["coverage", "--api-url", &url]));
    assert!(sentence(&said).1.contains("SBH_TOKEN"), "{said}");
    let (_, said) =
        refused(&mut sbh(home.path(), &["coverage", "--api-url", &url, "--token", "x"]));
    assert!(sentence(&said).0.contains("not reachable"), "{said}");
}
