//! Programs that try to get out of the sandbox, or to outlive it. They are shell scripts: the test's
//! prover runs its block. Linux only, like the sandbox.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

#[path = "external/shell.rs"]
mod shell;
mod z3;

use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use sbh_domain::Verdict;
use shell::{gone, is_running, runners, sandbox, shell};

/// A number of seconds that no other process sleeps.
fn mark(test: u32, runner: usize) -> String {
    format!("{}.{test}{runner}", 1_000_000 + std::process::id())
}

#[tokio::test]
async fn nothing_outside_its_folder_is_written_and_little_is_read() {
    let secret = tempfile::tempdir().unwrap();
    let file = secret.path().join("secret");
    std::fs::write(&file, "secret").unwrap();
    let script = format!(
        "cat '{0}' && exit 9
         for place in / /usr /etc /proc /proc/sys /dev '{1}' /tmp/../usr; do
             echo x > $place/sbh-escape && exit 8
         done
         cat /etc/passwd /proc/1/environ && exit 7
         grep -q '^CapEff:[[:space:]]*0*$' /proc/self/status || exit 6
         grep -q '^NoNewPrivs:[[:space:]]*1$' /proc/self/status || exit 5
         mount -o remount,rw /usr && exit 4
         [ $(ls -d /proc/[0-9]* | wc -l) -lt 6 ] || exit 3
         echo mine > mine && [ $(cat mine) = mine ] && echo held",
        file.display(),
        secret.path().display(),
    );
    for runner in runners() {
        let outcome = shell(runner, &script).await;
        assert_eq!(outcome.verdict, Verdict::Proved, "{outcome:?}");
    }
    assert_eq!(std::fs::read_dir(secret.path()).unwrap().count(), 1);
    assert!(!Path::new("/usr/sbh-escape").exists());
}

#[tokio::test]
async fn there_is_no_network() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    for runner in runners() {
        let script = format!(
            "(exec 3<>/dev/tcp/127.0.0.1/{port}) && exit 9
             [ $(wc -l < /proc/net/dev) -eq 3 ] && echo held"
        );
        let outcome = shell(runner, &script).await;
        assert_eq!(outcome.verdict, Verdict::Proved, "{outcome:?}");
    }
    let nobody = listener.accept().unwrap_err();
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn what_forks_without_end_is_ended_whole() {
    for (index, runner) in runners().into_iter().enumerate() {
        let mark = mark(1, index);
        let script = format!("f() {{ sleep {mark} & f & f; }}; f; wait");
        let outcome = shell(runner, &script).await;
        assert!(!outcome.verdict.is_decisive(), "{outcome:?}");
        gone(&mark);
    }
}

#[tokio::test]
async fn whoever_leaves_its_session_and_ignores_signals_dies_all_the_same() {
    for (index, runner) in runners().into_iter().enumerate() {
        let mark = mark(2, index);
        let daemon = format!("trap '' TERM INT HUP; setsid sleep {mark} < /dev/null & disown");
        let outcome = shell(runner.clone(), &format!("{daemon}; echo held")).await;
        assert_eq!(outcome.verdict, Verdict::Proved, "{outcome:?}");
        gone(&mark);
        let outcome = shell(runner, &format!("{daemon}; sleep {mark}; sleep {mark}")).await;
        assert_eq!(outcome.verdict, Verdict::Timeout, "{outcome:?}");
        assert!(outcome.reason.unwrap().contains("time limit of 2 s"));
        gone(&mark);
    }
}

#[tokio::test]
async fn a_proof_that_is_given_up_takes_everything_along() {
    let mark = mark(3, 0);
    let script = format!("setsid sleep {mark} & sleep {mark}");
    let proof = tokio::spawn(async move { shell(vec![sandbox()], &script).await });
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_running(&mark) {
        assert!(!proof.is_finished() && Instant::now() < deadline, "it never ran");
        tokio::task::yield_now().await;
    }
    proof.abort();
    assert!(proof.await.unwrap_err().is_cancelled());
    gone(&mark);
}

#[tokio::test]
async fn time_memory_disk_and_output_have_limits() {
    for runner in runners() {
        for (script, verdict, why) in [
            ("while :; do :; done", Verdict::Timeout, "processor time"),
            ("exec yes", Verdict::Error, "more than 64 KB"),
            ("x=$(head -c 300M /dev/zero | tr '\\0' x); sleep 9", Verdict::Error, "memory limit"),
            ("head -c 20M /dev/zero > big || exit 6", Verdict::Error, "status 6"),
            (
                "for n in 1 2 3; do head -c 4M /dev/zero > $n || exit 7; done",
                Verdict::Error,
                "status 7",
            ),
        ] {
            let outcome = shell(runner.clone(), script).await;
            assert_eq!(outcome.verdict, verdict, "{script}: {outcome:?}");
            assert!(outcome.reason.as_ref().unwrap().contains(why), "{script}: {outcome:?}");
        }
    }
}
