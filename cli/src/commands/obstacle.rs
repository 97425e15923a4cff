//! Why nothing moves: which part of the service is away while somebody waits.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::client::Client;
use crate::failure::Failure;
use crate::home::Home;
use crate::progress::Step;
use crate::stack::state::{PartStatus, State};

/// How long nothing may move before somebody asks why.
const CALM: Duration = Duration::from_secs(4);

/// How long a part may be away before nobody waits any longer.
const STUBBORN: Duration = Duration::from_secs(30);

/// How long nothing may move, with every part there, before that is said.
const LONG: Duration = Duration::from_secs(60);

/// What people are told whose work waits.
const KEPT: &str = "what was accepted is kept and goes on then";

/// Watches whether somebody's wait moves.
pub struct Watch<'a> {
    home: &'a Home,
    client: &'a Client,
    last: String,
    moved: Instant,
    looked: Instant,
    away_since: Option<Instant>,
    said: bool,
}

impl<'a> Watch<'a> {
    /// Begins.
    pub fn new(home: &'a Home, client: &'a Client) -> Self {
        let now = Instant::now();
        let last = String::new();
        Self { home, client, last, moved: now, looked: now, away_since: None, said: false }
    }

    /// Takes note of how far it is. When that has not changed for a while, says why.
    ///
    /// # Errors
    /// [`Failure`] when a part is stopped on purpose, or away for long.
    pub async fn look(&mut self, now: &str, step: &Step) -> Result<()> {
        if now != self.last {
            now.clone_into(&mut self.last);
            self.moved = Instant::now();
            self.away_since = None;
            self.said = false;
        }
        if self.moved.elapsed() < CALM || self.looked.elapsed() < Duration::from_secs(1) {
            return Ok(());
        }
        self.looked = Instant::now();
        if let Some(stopped) = self.stopped() {
            let what = format!("{stopped} is stopped, so that nothing is proved");
            return Err(Failure::new(what).hint(format!("start it: ./sbh up; {KEPT}")).into());
        }
        let Some(away) = self.away().await else {
            self.away_since = None;
            if self.moved.elapsed() > LONG && !self.said {
                self.said = true;
                step.say(format!("{now}; nothing new for a minute (are the workers well?)"));
            }
            return Ok(());
        };
        let since = *self.away_since.get_or_insert_with(Instant::now);
        if since.elapsed() > STUBBORN {
            let hint = if self.client.is_local() {
                format!("look at ./sbh status, or start it: ./sbh up; {KEPT}")
            } else {
                format!("tell whoever runs {}; {KEPT}", self.client.base())
            };
            return Err(Failure::new(away).hint(hint).into());
        }
        step.say(format!("waiting: {away}"));
        Ok(())
    }

    /// A part of the local stack that somebody stopped and that work needs.
    fn stopped(&self) -> Option<String> {
        let state = State::running(self.home).filter(|_| self.client.is_local())?;
        let stopped = |name: &str| {
            state
                .parts
                .iter()
                .filter(|part| part.name.starts_with(name))
                .all(|part| part.status == PartStatus::Stopped)
        };
        ["workers", "temporal", "postgres"]
            .into_iter()
            .find(|name| stopped(name))
            .map(str::to_owned)
    }

    /// What is away, in a few words.
    async fn away(&self) -> Option<String> {
        if self.client.is_local() {
            let Some(state) = State::running(self.home) else {
                return Some("the local stack is not running any more".to_owned());
            };
            // Valkey only makes things faster.
            let away = state.parts.iter().find(|part| {
                part.name != "valkey"
                    && !matches!(part.status, PartStatus::Ready | PartStatus::Stopped)
            });
            if let Some(part) = away {
                return Some(format!("{} is {}", part.name, part.status.as_str()));
            }
        }
        self.client
            .away()
            .await
            .filter(|name| name != "valkey")
            .map(|name| format!("{name} is away"))
    }
}
