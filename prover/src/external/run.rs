//! One run of a program in the sandbox, seen from outside.

use std::ffi::OsString;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use crate::sandbox::{End, Jail, WORD};

/// The longest answer of the sandbox itself, in bytes.
const MAX_ANSWER: usize = 4 * 1024;

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// As the sandbox says.
    By(End),
    /// It was killed for its time on the clock.
    Time,
    /// It was killed for writing more than it may.
    Output,
}

/// What a run said and how it ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) output: String,
    pub(crate) ended: Ended,
}

/// A process group that is killed when nobody holds it any more.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // No id means that the process was waited for: its number may be another's by now.
        let id = self.0.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(pid) = id {
            // It may have ended by itself: then there is nothing to do. The inner process and all
            // that it started die with it.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// Runs a program in the sandbox that `runner` starts. Dropping the future kills everything.
///
/// # Errors
/// When the sandbox does not start.
pub(crate) async fn run(
    runner: &[OsString],
    jail: &Jail,
    input: &[u8],
    time: Duration,
    most: usize,
) -> io::Result<Run> {
    let [program, words @ ..] = runner else {
        return Err(io::Error::other("no program is named to make the sandbox"));
    };
    let mut command = Command::new(program);
    command.args(words).arg(WORD).args(jail.to_arguments()).env_clear().process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut group = Group(command.spawn()?);
    let pipes = (group.0.stdin.take(), group.0.stdout.take(), group.0.stderr.take());
    let (Some(mut stdin), Some(mut stdout), Some(mut stderr)) = pipes else {
        return Err(io::Error::other("a pipe to the sandbox is missing"));
    };
    let (mut output, mut answer) = (Vec::new(), Vec::new());
    let conversation = async {
        // A sandbox that refuses does not read; its answer says why.
        let _ = stdin.write_all(input).await;
        let _ = stdin.flush().await;
        tokio::try_join!(
            read(&mut stdout, &mut output, most),
            read(&mut stderr, &mut answer, MAX_ANSWER)
        )?;
        group.0.wait().await?;
        Ok::<_, Stop>(())
    };
    let ended = match tokio::time::timeout(time, conversation).await {
        Err(_) => Ended::Time,
        Ok(Ok(())) => Ended::By(said(&answer)),
        Ok(Err(Stop::TooMuch)) => Ended::Output,
        Ok(Err(Stop::Io(error))) => return Err(error),
    };
    // The standard input is what the run lives by.
    drop(stdin);
    drop(group);
    Ok(Run { output: String::from_utf8_lossy(&output).into_owned(), ended })
}

/// Why a conversation stops before its end.
enum Stop {
    TooMuch,
    Io(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads to the end, and at most `most` bytes.
async fn read(
    pipe: &mut (impl AsyncRead + Unpin),
    text: &mut Vec<u8>,
    most: usize,
) -> Result<(), Stop> {
    let mut chunk = vec![0; 16 * 1024];
    loop {
        let length = pipe.read(&mut chunk).await?;
        let room = most - text.len();
        text.extend_from_slice(chunk.get(..length.min(room)).unwrap_or_default());
        if length > room {
            return Err(Stop::TooMuch);
        }
        if length == 0 {
            return Ok(());
        }
    }
}

/// The sandbox's last line. One that died without saying so was killed by somebody.
fn said(answer: &[u8]) -> End {
    let text = String::from_utf8_lossy(answer);
    text.lines().rev().find_map(End::read).unwrap_or_else(|| {
        let said: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
        End::Refused(if said.is_empty() { "the sandbox was killed".to_owned() } else { said })
    })
}
