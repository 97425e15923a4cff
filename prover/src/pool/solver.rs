//! One solver process: fenced in, spoken to in framed exchanges, killed with its group.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::time::Instant;

use super::spawner::Spawner;

/// How long a new process may take to answer its first, empty exchange.
const START: Duration = Duration::from_secs(10);

/// What a process may map beyond its memory limit: its code, its threads' stacks and arenas.
const OVERHEAD_MB: u64 = 512;

/// Why an exchange failed. After any of these the process must not be used again.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The first line of the solver's own `(error …)`.
    Error(String),
    /// The process ended, after having written this.
    Ended(Option<ExitStatus>, String),
    /// It wrote more than the bound, in bytes.
    TooMuch(usize),
    /// The deadline passed.
    Late,
    /// A pipe broke or the process did not start.
    Io(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A running process.
#[derive(Debug)]
pub(crate) struct Solver {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    /// Lines sent so far: the solver counts them in its messages.
    pub(crate) lines_sent: u32,
    /// How long it has been asked to work, which bounds the processor time it may have used.
    busy: Duration,
    /// How many proofs it was used for.
    pub(crate) uses: u32,
}

impl Solver {
    /// Starts a process, waits until it answers, and takes away what it will not need: files, and
    /// memory beyond `memory_mb`.
    pub(crate) async fn start(spawner: &Spawner, memory_mb: u64) -> Result<Self, Failure> {
        let mut child = spawner.spawn().await?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::Io(io::Error::other("a pipe to the solver is missing")));
        };
        let mut solver =
            Self { child, stdin, stdout, lines_sent: 0, busy: Duration::ZERO, uses: 0 };
        let answer = solver.exchange("", 1_024, Instant::now() + START).await?;
        if let Some(line) = answer.first() {
            return Err(Failure::Error(line.clone()));
        }
        solver.fence(memory_mb)?;
        Ok(solver)
    }

    /// Sends `text`, which must end in a new line, and returns the lines of the answer. At most
    /// `bound` bytes are read, and only until `deadline`.
    pub(crate) async fn exchange(
        &mut self,
        text: &str,
        bound: usize,
        deadline: Instant,
    ) -> Result<Vec<String>, Failure> {
        // The frame's end cannot be guessed by a spec, so that no output can pass for it.
        let sentinel = format!("end-{:032x}", rand::random::<u128>());
        let message = format!("{text}(echo \"{sentinel}\")\n");
        self.lines_sent = self.lines_sent.saturating_add(crate::lexer::count_lines(&message));
        let started = Instant::now();
        let Self { stdin, stdout, .. } = self;
        let write = async {
            stdin.write_all(message.as_bytes()).await?;
            stdin.flush().await
        };
        let read = read_frame(stdout, &sentinel, bound);
        // A long text and its answers can fill both pipes: write and read at the same time. A
        // failed write is left to the reader, who sees what the solver said before it ended.
        let both = async {
            tokio::pin!(read);
            tokio::select! {
                biased;
                answer = &mut read => answer,
                _ = write => read.await,
            }
        };
        let answer = tokio::time::timeout_at(deadline, both).await.unwrap_or(Err(Failure::Late));
        self.busy += started.elapsed();
        match answer {
            Err(Failure::Ended(_, text)) => {
                let status = tokio::time::timeout_at(deadline, self.child.wait()).await;
                Err(Failure::Ended(status.ok().and_then(Result::ok), text))
            }
            other => other,
        }
    }

    /// Lets the process use `time` more of the processor: it ends by itself soon after its time
    /// limit even when nobody is left to kill it.
    pub(crate) fn allow_cpu(&self, time: Duration) -> io::Result<()> {
        let seconds = (self.busy + time).as_secs() + 2;
        self.limit(limits::CPU, seconds, false)
    }

    /// Whether the process still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    fn fence(&self, memory_mb: u64) -> io::Result<()> {
        let memory = memory_mb.saturating_add(OVERHEAD_MB).saturating_mul(1 << 20);
        for (resource, most) in [
            (limits::MEMORY, memory),
            (limits::FILE_SIZE, 0),
            // The three that are open stay open; no other can be opened.
            (limits::FILES, 3),
            (limits::CORE, 0),
        ] {
            self.limit(resource, most, true)?;
        }
        Ok(())
    }

    fn pid(&self) -> Option<Pid> {
        self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
    }

    /// Lowers one of the process's limits, for good if `hard`; one that is lower already stays.
    #[cfg(target_os = "linux")]
    fn limit(&self, resource: rustix::process::Resource, most: u64, hard: bool) -> io::Result<()> {
        use rustix::process::{Rlimit, getrlimit, prlimit};
        let pid = self.pid().ok_or_else(|| io::Error::other("the solver has ended"))?;
        // The process inherited ours, and only root may go beyond it.
        let ceiling = getrlimit(resource).maximum;
        let most = most.min(ceiling.unwrap_or(u64::MAX));
        let maximum = if hard { Some(most) } else { ceiling };
        prlimit(Some(pid), resource, Rlimit { current: Some(most), maximum })?;
        Ok(())
    }

    /// Elsewhere the solver's own limits and the parser's allow-list must do.
    #[cfg(not(target_os = "linux"))]
    fn limit(&self, (): (), _: u64, _: bool) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(target_os = "linux")]
mod limits {
    use rustix::process::Resource;

    pub(super) const CPU: Resource = Resource::Cpu;
    pub(super) const MEMORY: Resource = Resource::As;
    pub(super) const FILE_SIZE: Resource = Resource::Fsize;
    pub(super) const FILES: Resource = Resource::Nofile;
    pub(super) const CORE: Resource = Resource::Core;
}

#[cfg(not(target_os = "linux"))]
mod limits {
    pub(super) const CPU: () = ();
    pub(super) const MEMORY: () = ();
    pub(super) const FILE_SIZE: () = ();
    pub(super) const FILES: () = ();
    pub(super) const CORE: () = ();
}

impl Drop for Solver {
    fn drop(&mut self) {
        // No id means that the process was waited for: its number may be another's by now.
        if let Some(pid) = self.pid() {
            // It may have ended by itself: then there is nothing to do.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// Reads lines up to the sentinel. An `(error` ends the exchange at once: what follows it means
/// nothing.
async fn read_frame(
    stdout: &mut (impl AsyncRead + Unpin),
    sentinel: &str,
    bound: usize,
) -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    let mut buffer = Vec::new();
    let mut chunk = vec![0; 16 * 1024];
    let mut read = 0;
    loop {
        let length = stdout.read(&mut chunk).await?;
        read += length;
        let Some(news) = chunk.get(..length).filter(|news| !news.is_empty()) else {
            lines.push(String::from_utf8_lossy(&buffer).into_owned());
            return Err(Failure::Ended(None, lines.join(" ")));
        };
        for &byte in news {
            if byte != b'\n' {
                buffer.push(byte);
                continue;
            }
            let line = String::from_utf8_lossy(&buffer).into_owned();
            buffer.clear();
            if line == sentinel {
                return Ok(lines);
            }
            if line.starts_with("(error") {
                return Err(Failure::Error(line));
            }
            lines.push(line);
        }
        if read > bound {
            return Err(Failure::TooMuch(bound));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn frame(mut output: &[u8], bound: usize) -> Result<Vec<String>, Failure> {
        read_frame(&mut output, "end-1", bound).await
    }

    #[tokio::test]
    async fn only_the_whole_sentinel_ends_an_answer() {
        assert_eq!(frame(b"unsat\nend-1\n", 100).await.unwrap(), ["unsat"]);
        assert_eq!(frame(b"end-2\n end-1\nend-1 \nend-1\n", 100).await.unwrap().len(), 3);
    }

    #[tokio::test]
    async fn an_error_ends_the_exchange_whatever_follows() {
        let failure = frame(b"(error \"line 1\")\nunsat\nend-1\n", 100).await.unwrap_err();
        assert!(matches!(failure, Failure::Error(line) if line == "(error \"line 1\")"));
        let failure = frame(b"unsat\n(error \"late\")\nend-1\n", 100).await.unwrap_err();
        assert!(matches!(failure, Failure::Error(_)));
    }

    #[tokio::test]
    async fn an_answer_without_an_end_is_none() {
        for output in [b"".as_slice(), b"unsat\n", b"unsat\nend-1"] {
            assert!(matches!(frame(output, 100).await.unwrap_err(), Failure::Ended(None, _)));
        }
        let endless = vec![b'x'; 200_000];
        assert!(matches!(frame(&endless, 100).await.unwrap_err(), Failure::TooMuch(100)));
    }
}
