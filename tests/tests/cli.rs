//! The command `sbh`: exit statuses, JSON, and a stack that comes and goes cleanly.
#![allow(clippy::unwrap_used, clippy::expect_used)] // Also in what the tests share.

use std::net::TcpListener;
use std::process::{Command, Output};

use rustix::process::Signal;
use sbh_tests::binaries::program;
use sbh_tests::documents::{document, proved, refuted};
use sbh_tests::harness::{text, tools};
use sbh_tests::processes::{is_alive, mentioning, send};
use sbh_tests::{SHORT, Stack, StackOptions, Tenant, eventually};
use serde_json::Value;

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(output)))
}

/// `sbh prove` on files with these contents, in a folder without any stack.
fn prove(files: &[(&str, &str)], extra: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut sbh = Command::new(program("sbh"));
    sbh.arg("prove").args(extra).current_dir(folder.path());
    sbh.env("SBH_TOOLS", tools()).env("SBH_HOME", folder.path().join("home"));
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).unwrap();
        sbh.arg(name);
    }
    sbh.output().unwrap()
}

#[test]
fn prove_judges_local_files_without_any_server() {
    let good = document("Good", [proved("G-1", 1)]);
    let bad = document("Bad", [proved("B-1", 1), refuted("B-2", 41)]);

    let output = prove(&[("good.md", &good)], &["--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let invariant = &json(&output)["documents"][0]["invariants"][0];
    assert_eq!(invariant["id"], "G-1");
    assert_eq!(invariant["verdict"], "proved");
    for field in ["story", "title", "line", "duration_ms", "counterexample", "reason"] {
        assert!(invariant.get(field).is_some(), "{field} in {invariant}");
    }

    let output = prove(&[("good.md", &good), ("bad.md", &bad)], &["--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let documents = json(&output)["documents"].clone();
    assert_eq!(documents[1]["path"], "bad.md");
    assert_eq!(documents[1]["invariants"][1]["verdict"], "refuted");
    assert!(
        documents[1]["invariants"][1]["counterexample"].to_string().contains("42"),
        "{documents}"
    );

    let output = prove(&[("bad.md", &bad)], &[]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("B-2") && shown.contains("balance"), "{shown}");
}

#[test]
fn prove_says_what_it_cannot_use() {
    for (files, extra) in
        [(vec![], vec!["missing.md"]), (vec![("a.txt", "no spec")], vec![]), (vec![], vec![])]
    {
        let output = prove(&files, &extra);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert!(!output.stderr.is_empty(), "it says why");
        assert!(!text(&output).contains("panicked"), "{}", text(&output));
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("latin.md"), b"# Betr\xe4ge\n").unwrap();
    let mut sbh = Command::new(program("sbh"));
    sbh.args(["prove", "latin.md"]).current_dir(folder.path()).env("SBH_TOOLS", tools());
    let output = sbh.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
}

#[tokio::test]
async fn repositories_and_specs_by_command() {
    let stack = Stack::shared();
    let tenant = Tenant::new(stack, "cli").await;
    let repo = stack.repo("cli");
    repo.commit_file("specs/a.md", document("A", [proved("A-1", 1), refuted("A-2", 1)]));
    let token = stack.token(&tenant.id, "owner");
    let run = |arguments: &[&str]| {
        let mut sbh = stack.command(arguments);
        let output = sbh.env("SBH_TOKEN", &token).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", text(&output));
        json(&output)
    };
    let url = repo.url();
    let added = run(&["repo", "add", &url, "--specs", "specs/**", "--json"]);
    let repository = added["status"]["repository"]["id"]
        .as_str()
        .unwrap_or_else(|| panic!("{added}"))
        .to_owned();
    tenant.settled(&repository).await;
    assert!(run(&["repo", "list", "--json"]).to_string().contains(&repository));
    assert!(run(&["repo", "show", &repository, "--json"]).to_string().contains(&url));

    repo.commit_file("specs/a.md", document("A", [proved("A-1", 1), proved("A-2", 2)]));
    run(&["repo", "sync", &repository, "--json"]);
    eventually(SHORT, "the synchronisation to be recorded", async || {
        let seen = tenant.verdicts(&repository, "specs/a.md").await;
        if seen.iter().all(|(_, verdict)| verdict == "proved") {
            Ok(())
        } else {
            Err(format!("{seen:?}"))
        }
    })
    .await;
    let found = tenant.document(&repository, "specs/a.md").await;
    let shown = run(&["spec", "show", found["id"].as_str().unwrap(), "--json"]);
    assert!(shown.to_string().contains("A-2"), "{shown}");

    run(&["repo", "remove", &repository, "--json"]);
    assert!(!run(&["repo", "list", "--json"]).to_string().contains(&repository));
    run(&["repo", "restore", &repository, "--json"]);
    assert!(run(&["repo", "list", "--json"]).to_string().contains(&repository));
}

#[tokio::test]
async fn a_command_without_a_stack_says_how_to_start_it() {
    let home = tempfile::tempdir().unwrap();
    for arguments in [&["status"][..], &["repo", "list"], &["env"]] {
        let mut sbh = Command::new(program("sbh"));
        sbh.args(arguments).env("SBH_HOME", home.path()).env("SBH_TOOLS", tools()).current_dir("/");
        let output = sbh.output().unwrap();
        let said = text(&output);
        assert!(said.contains("sbh up") || said.contains("not running"), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[tokio::test]
async fn a_stack_comes_back_with_its_data_and_leaves_no_process_behind() {
    let stack = Stack::start(StackOptions::default());
    let home = stack.home().display().to_string();
    let (id, repository, repo);
    {
        let tenant = Tenant::new(&stack, "kept").await;
        repo = stack.repo("kept");
        repo.commit_file("specs/a.md", document("A", [proved("A-1", 1)]));
        repository = tenant.track(&repo, None).await;
        tenant.settled(&repository).await;
        id = tenant.id.clone();
    }
    let status = json(&stack.sbh(&["status", "--json"]));
    assert!(status.to_string().contains("temporal"), "{status}");

    // Up while it is up changes nothing.
    let before = (stack.starter(), stack.workers());
    stack.up();
    assert_eq!((stack.starter(), stack.workers()), before);

    let mine = |kept: &[(u32, String)]| -> Vec<String> {
        let dog = |command: &String| command.contains("cat >/dev/null") || command == "cat ";
        kept.iter().map(|(_, c)| c.clone()).filter(|c| !dog(c)).collect()
    };
    let output = stack.sbh(&["down"]);
    assert!(output.status.success(), "{}", text(&output));
    let left = mine(&mentioning(&home));
    assert!(left.is_empty(), "left behind: {left:?}");
    let again = stack.sbh(&["down"]);
    assert!(again.status.success(), "down twice is no error: {}", text(&again));

    stack.up();
    let api = stack.api().with_token(Some(stack.token(&id, "owner")));
    let seen = api.get(&format!("/api/coverage/repository/{repository}")).await.ok();
    assert_eq!(seen["proved"], 1, "{seen}");
}

#[tokio::test]
async fn interrupted_while_it_starts_it_leaves_no_process_behind() {
    let home = tempfile::tempdir().unwrap();
    let mut sbh = Command::new(program("sbh"));
    sbh.arg("up").env("SBH_HOME", home.path()).env("SBH_TOOLS", tools()).current_dir("/");
    sbh.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut child = sbh.spawn().unwrap();
    let path = home.path().display().to_string();
    eventually(SHORT, "parts to be starting", async || {
        if mentioning(&path).len() > 2 { Ok(()) } else { Err("not yet") }
    })
    .await;
    if is_alive(child.id()) {
        send(child.id(), Signal::INT);
    }
    let status = child.wait().unwrap();
    // Ready before the signal came is possible on a fast machine, and then it is to run.
    if status.success() {
        let mut down = Command::new(program("sbh"));
        down.arg("down").env("SBH_HOME", home.path()).env("SBH_TOOLS", tools()).current_dir("/");
        assert!(down.status().unwrap().success());
    }
    eventually(SHORT, "all parts to be gone", async || {
        let left = mentioning(&path);
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
}

#[tokio::test]
async fn a_port_in_use_is_one_clear_sentence() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let home = tempfile::tempdir().unwrap();
    let mut sbh = Command::new(program("sbh"));
    sbh.arg("up").env("SBH_HOME", home.path()).env("SBH_TOOLS", tools()).current_dir("/");
    sbh.env("SBH_PORT_API", port.to_string());
    let output = sbh.output().unwrap();
    assert!(!output.status.success(), "{}", text(&output));
    let said = text(&output);
    assert!(said.contains(&port.to_string()) && said.contains("SBH_PORT_API"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    assert!(mentioning(&home.path().display().to_string()).is_empty(), "nothing was started");
}
