//! Runs a program that nobody trusts: without network, in a private folder, with nothing else to
//! write to, within limits, and gone with all it started when it ends or is given up.
//!
//! It takes two steps, because some of it must be in place before a process starts. The *outer*
//! process enters namespaces of its own (as root without a user namespace, otherwise in one) and
//! starts the *inner* one, which is the first process of the new process namespace: it builds the
//! file system, gives up its capabilities and starts the program. When the inner process ends, the
//! system kills everything in its namespace, whatever it did to get away.
//!
//! Both are this very program, started anew with the word [`WORD`] or [`INNER`]: call
//! [`run_if_asked`] first of all in `main`. The outer process reads the files' content from its
//! standard input and ends when that is closed, so that a run does not outlive who asked for it.
//! Standard output is the program's. On standard error stands one line that says how it ended:
//! [`End`].

#[cfg(target_os = "linux")]
mod inner;
mod jail;
#[cfg(target_os = "linux")]
mod outer;
#[cfg(target_os = "linux")]
mod tree;
#[cfg(target_os = "linux")]
mod watch;

use std::ffi::OsString;
use std::fmt;
use std::process::ExitCode;

pub use jail::Jail;

/// The first argument that makes a program the outer process.
pub const WORD: &str = "sandbox";

/// The first argument that makes a program the inner process.
pub const INNER: &str = "sandbox-inner";

/// The private folder, as the program sees it. It is its home and the place of temporary files,
/// lives in memory, and is gone afterwards.
pub const FOLDER: &str = "/sandbox";

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The program ended by itself with this status.
    Exit(i32),
    /// A signal killed it: 24 (`SIGXCPU`) or 9 for its processor time, for example.
    Signal(i32),
    /// It used more memory than it may, all its processes together.
    Memory,
    /// It had more processes than it may.
    Processes,
    /// The sandbox could not be set up, so nothing ran; with the reason.
    Refused(String),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(status) => write!(f, "exit {status}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
            Self::Memory => f.write_str("memory"),
            Self::Processes => f.write_str("processes"),
            Self::Refused(reason) => write!(f, "refused {reason}"),
        }
    }
}

impl End {
    /// Reads the line that says how a run ended; `None` when it is none.
    pub fn read(line: &str) -> Option<Self> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "exit" => Some(Self::Exit(rest.parse().ok()?)),
            "signal" => Some(Self::Signal(rest.parse().ok()?)),
            "memory" => Some(Self::Memory),
            "processes" => Some(Self::Processes),
            "refused" => Some(Self::Refused(rest.to_owned())),
            _ => None,
        }
    }
}

/// Becomes the sandbox when the program was started as one; the program ends with the status that
/// is returned. It must be called while there is one thread only.
pub fn run_if_asked() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let step = arguments.next().filter(|word| word == WORD || word == INNER)?;
    let end = run(step == INNER, arguments.collect());
    // Whoever asked reads this line, and nothing else tells them.
    #[allow(clippy::print_stderr, reason = "the answer is given there")]
    if let Some(end) = end {
        eprintln!("{end}");
    }
    Some(ExitCode::SUCCESS)
}

/// `None`: somebody else has told already.
#[cfg(target_os = "linux")]
fn run(inner: bool, arguments: Vec<OsString>) -> Option<End> {
    let jail = match Jail::from_arguments(&arguments) {
        Ok(jail) => jail,
        Err(reason) => return Some(End::Refused(reason)),
    };
    if inner {
        Some(inner::run(&jail).unwrap_or_else(End::Refused))
    } else {
        outer::run(&jail).err().map(End::Refused)
    }
}

#[cfg(not(target_os = "linux"))]
fn run(_: bool, _: Vec<OsString>) -> Option<End> {
    Some(End::Refused("the sandbox needs Linux".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_read_as_it_is_written() {
        let refused = End::Refused("no user namespaces".to_owned());
        for end in [End::Exit(3), End::Signal(9), End::Memory, End::Processes, refused] {
            assert_eq!(End::read(&end.to_string()), Some(end));
        }
        for line in ["", "exit", "exit x", "exited 3", "thread 'main' panicked"] {
            assert_eq!(End::read(line), None, "{line}");
        }
    }
}
