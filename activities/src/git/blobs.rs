//! The content of objects, through one process for many.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};

use super::Mirror;
use super::command::{Call, Group};
use crate::error::Failure;

/// Time for one answer of a process that reads local files.
const ANSWER: Duration = Duration::from_secs(60);

/// What an object holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Blob {
    /// Its bytes.
    Bytes(Vec<u8>),
    /// It is larger than the limit: its size in bytes.
    TooLarge(u64),
}

/// A `git cat-file` that answers one request after the other.
#[derive(Debug)]
pub struct Blobs<'mirror> {
    mirror: &'mirror Mirror,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    // Dropped before the child: the group is killed while its number is still taken.
    _group: Group,
    _child: Child,
}

impl Mirror {
    /// Starts reading objects.
    ///
    /// # Errors
    /// When git cannot be started.
    pub fn blobs(&self) -> Result<Blobs<'_>, Failure> {
        let call = Call::in_repository(self.path()).arguments(["cat-file", "--batch-command"]);
        let mut command = call.command();
        command.stdin(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| self.unreadable(&error))?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (requests, answers) = pipes.ok_or_else(|| self.unreadable(&"no pipes"))?;
        let answers = BufReader::with_capacity(64 << 10, answers);
        Ok(Blobs { mirror: self, requests, answers, _group: Group::of(&child), _child: child })
    }
}

impl Blobs<'_> {
    /// Reads an object unless it is larger than `limit` bytes.
    ///
    /// # Errors
    /// When the mirror has it not.
    pub async fn read(&mut self, object: &str, limit: u64) -> Result<Blob, Failure> {
        let mirror = self.mirror;
        match tokio::time::timeout(ANSWER, self.exchange(object, limit)).await {
            Ok(Ok(blob)) => Ok(blob),
            Ok(Err(error)) => Err(mirror.unreadable(&error)),
            Err(_) => Err(mirror.unreadable(&"git did not answer")),
        }
    }

    async fn exchange(&mut self, object: &str, limit: u64) -> std::io::Result<Blob> {
        let size = self.ask("info", object).await?;
        if size > limit {
            return Ok(Blob::TooLarge(size));
        }
        let size = self.ask("contents", object).await?;
        let mut bytes = vec![0; usize::try_from(size).map_err(std::io::Error::other)?];
        self.answers.read_exact(&mut bytes).await?;
        let mut end = [0];
        self.answers.read_exact(&mut end).await?;
        Ok(Blob::Bytes(bytes))
    }

    /// Sends a request and reads the line `<object> blob <size>`.
    async fn ask(&mut self, request: &str, object: &str) -> std::io::Result<u64> {
        self.requests.write_all(format!("{request} {object}\n").as_bytes()).await?;
        self.requests.flush().await?;
        let mut line = String::new();
        self.answers.read_line(&mut line).await?;
        let mut words = line.trim_end().rsplit(' ');
        match (words.next().map(str::parse), words.next()) {
            (Some(Ok(size)), Some("blob")) => Ok(size),
            _ => Err(std::io::Error::other(format!("object {object}: {}", line.trim_end()))),
        }
    }
}
