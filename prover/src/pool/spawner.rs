//! The thread that starts solver processes.
//!
//! The system sends the parent-death signal when the *thread* that started a process ends. The
//! runtime's threads come and go, so all processes are started from one thread that lives as long
//! as the pool.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::sync::{Arc, mpsc};

use tokio::process::{Child, Command};
use tokio::sync::oneshot;

use super::binary::Binary;

type Answer = oneshot::Sender<io::Result<Child>>;

/// A handle on the thread. The thread ends with the last clone of its handle.
#[derive(Debug, Clone)]
pub(crate) struct Spawner(mpsc::Sender<(tokio::runtime::Handle, Answer)>);

impl Spawner {
    /// Starts the thread.
    pub(crate) fn start(binary: Arc<Binary>) -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel::<(tokio::runtime::Handle, Answer)>();
        std::thread::Builder::new().name("z3-spawner".to_owned()).spawn(move || {
            for (runtime, answer) in queue {
                let _entered = runtime.enter();
                // When nobody waits any more the child comes back and is killed as it is dropped.
                drop(answer.send(spawn(&binary)));
            }
        })?;
        Ok(Self(jobs))
    }

    /// Starts a process with both its ends open.
    pub(crate) async fn spawn(&self) -> io::Result<Child> {
        let (answer, child) = oneshot::channel();
        let ended = || io::Error::other("the thread that starts solvers has ended");
        self.0.send((tokio::runtime::Handle::current(), answer)).map_err(|_| ended())?;
        child.await.map_err(|_| ended())?
    }
}

fn spawn(binary: &Binary) -> io::Result<Child> {
    binary.check_unchanged()?;
    let mut command = binary.command();
    command.arg("-in").process_group(0);
    Command::from(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
}
