//! Ctrl-C, heard at one place for the whole program.
//!
//! What runs is dropped where it waits, and cleans up in its destructors. What blocks cannot be
//! dropped: when nobody reacts, the program ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use crate::failure::Failure;

/// The exit status of what was interrupted, as shells have it.
pub const STATUS: u8 = 130;

/// How long whoever blocks may take: a child that was interrupted too ends within this.
const GRACE: Duration = Duration::from_secs(1);

static CAME: AtomicBool = AtomicBool::new(false);
static TAKEN: AtomicBool = AtomicBool::new(false);
static NOTICE: Notify = Notify::const_new();

/// Begins to listen.
///
/// # Errors
/// When the system refuses a thread or a signal handler.
pub fn listen() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut interrupt = {
        let _inside = runtime.enter();
        signal(SignalKind::interrupt())?
    };
    let wait = async move {
        interrupt.recv().await;
        CAME.store(true, Ordering::Relaxed);
        NOTICE.notify_one();
        tokio::select! {
            _ = interrupt.recv() => std::process::exit(STATUS.into()),
            () = tokio::time::sleep(GRACE) => {}
        }
        if !TAKEN.load(Ordering::Relaxed) {
            eprintln!("error: interrupted");
            std::process::exit(STATUS.into());
        }
        // Something cleans up. Who has no patience for that asks again.
        interrupt.recv().await;
        std::process::exit(STATUS.into());
    };
    std::thread::Builder::new().name("interrupt".into()).spawn(move || runtime.block_on(wait))?;
    Ok(())
}

/// Waits for Ctrl-C.
pub async fn heard() {
    NOTICE.notified().await;
    take();
}

/// Whether Ctrl-C came: what failed since then failed because of it.
pub fn came() -> bool {
    let came = CAME.load(Ordering::Relaxed);
    if came {
        take();
    }
    came
}

/// The failure of what was interrupted.
pub fn failure() -> Failure {
    Failure::new("interrupted").status(STATUS)
}

fn take() {
    TAKEN.store(true, Ordering::Relaxed);
}
