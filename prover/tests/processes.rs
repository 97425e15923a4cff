//! The solver processes as the system sees them. Linux only, like what is tested.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod z3;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use sbh_domain::Verdict;
use sbh_prover::{Limits, Pool};

const ENDLESS: &str = "(declare-const x Int)(declare-const y Int)(declare-const z Int)
     (define-fun invariant () Bool (distinct (+ (* x x x) (* y y y) (* z z z)) 114))";
const TRUE: &str = "(define-fun invariant () Bool true)";

/// Set for the process whose death is watched.
const PARENT: &str = "SBH_TEST_SOLVER_PARENT";

async fn patient_pool() -> Pool {
    let limits = Limits { time: Duration::from_secs(600), rlimit: 0, ..Limits::default() };
    z3::pool(1, limits).await
}

/// The z3 processes that `parent` started, with the processor time they used in clock ticks.
fn solvers(parent: u32) -> Vec<(i32, u64)> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let stats =
        processes.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    stats
        .filter_map(|stat| {
            let (start, rest) = stat.rsplit_once(") ")?;
            let (pid, name) = start.split_once(" (")?;
            let fields: Vec<&str> = rest.split(' ').collect();
            let ours = name == "z3" && fields[0] != "Z" && fields[1] == parent.to_string();
            ours.then(|| (pid.parse().unwrap(), fields[11].parse().unwrap()))
        })
        .collect()
}

/// Looks until `found` finds something.
fn wait_for<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(value) = found() {
            return value;
        }
        assert!(Instant::now() < deadline, "{what} did not happen");
        std::thread::yield_now();
    }
}

/// Whether a process is gone, or waits to be reaped with its last thread. (The first thread alone
/// can be a zombie while others still end; then nobody can reap the process yet.)
fn has_ended(pid: i32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return true };
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    stat.contains(") Z ") && threads <= 1
}

#[test]
fn a_busy_solver_dies_with_its_parent() {
    let name = "a_busy_solver_dies_with_its_parent";
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if std::env::var_os(PARENT).is_some() {
        runtime.block_on(async { z3::prove(&patient_pool().await, ENDLESS).await });
        unreachable!("the proof is endless");
    }
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name])
        .env(PARENT, "1")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // It reads nothing while it works, so that the end of its input cannot be what ends it.
    let solver = wait_for("a busy solver", || {
        solvers(parent.id()).into_iter().find(|(_, ticks)| *ticks >= 20).map(|(pid, _)| pid)
    });
    parent.kill().unwrap();
    parent.wait().unwrap();
    wait_for("the solver's end", || has_ended(solver).then_some(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_solver_is_fenced_in_and_replaced_when_it_dies() {
    let pool = patient_pool().await;
    let pid = || solvers(std::process::id()).first().map(|(pid, _)| *pid);
    let kill = |pid: i32| kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();

    assert_eq!(z3::prove(&pool, TRUE).await.verdict, Verdict::Proved);
    let first = pid().unwrap();
    let limits = std::fs::read_to_string(format!("/proc/{first}/limits")).unwrap();
    let limit = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..].split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(limit("Max open files"), ["3", "3"]);
    assert_eq!(limit("Max file size"), ["0", "0"]);
    assert_eq!(limit("Max address space"), ["1073741824", "1073741824"]);
    assert_ne!(limit("Max cpu time")[0], "unlimited");
    assert_eq!(std::fs::read(format!("/proc/{first}/environ")).unwrap(), b"");
    assert_eq!(std::fs::read_link(format!("/proc/{first}/cwd")).unwrap(), Path::new("/"));

    // Killed while it waits: the next proof does not notice.
    kill(first);
    wait_for("its end", || has_ended(first).then_some(()));
    assert_eq!(z3::prove(&pool, TRUE).await.verdict, Verdict::Proved);
    assert_eq!((pool.stats().spawned, pool.stats().replaced), (2, 1));

    // Killed while it works: that proof is an error, the next one is not.
    let proof = tokio::spawn({
        let pool = pool.clone();
        async move { z3::prove(&pool, ENDLESS).await }
    });
    let busy = tokio::task::spawn_blocking(move || {
        wait_for("a busy solver", || {
            solvers(std::process::id())
                .into_iter()
                .find(|(_, ticks)| *ticks >= 20)
                .map(|(pid, _)| pid)
        })
    });
    kill(busy.await.unwrap());
    let outcome = proof.await.unwrap();
    assert_eq!(outcome.verdict, Verdict::Error);
    assert!(outcome.reason.as_deref().unwrap().contains("signal: 9"), "{outcome:?}");
    assert_eq!(z3::prove(&pool, TRUE).await.verdict, Verdict::Proved);
    assert_eq!((pool.stats().spawned, pool.stats().replaced), (3, 2));
}
