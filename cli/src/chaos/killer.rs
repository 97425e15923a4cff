//! Kills parts at random moments.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{Rng as _, SeedableRng as _};
use serde::Serialize;

use super::stage::Stage;

/// The kinds of part; each is killed once before any is killed again.
pub const KINDS: [&str; 5] = ["workers", "starter", "temporal", "postgres", "valkey"];

/// A part that was killed.
#[derive(Debug, Clone, Serialize)]
pub struct Kill {
    /// Which.
    pub part: String,
    /// When, in seconds since the run began.
    pub at_s: f64,
}

/// How far apart kills are: each pause is drawn between the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pauses {
    /// At least.
    pub least: Duration,
    /// At most.
    pub most: Duration,
}

impl std::str::FromStr for Pauses {
    type Err = String;

    /// `5s..10s`, or `5s` for always the same.
    fn from_str(text: &str) -> Result<Self, String> {
        let (least, most) = text.split_once("..").unwrap_or((text, text));
        let seconds = |text: &str| {
            let number = text.trim().strip_suffix('s').and_then(|n| n.parse::<f64>().ok());
            number.filter(|n| (0.1..=3_600.0).contains(n)).map(Duration::from_secs_f64)
        };
        match (seconds(least), seconds(most)) {
            (Some(least), Some(most)) if least <= most => Ok(Self { least, most }),
            _ => Err(format!("{text:?} is no pause: write for example 5s..10s, or 5s")),
        }
    }
}

/// Who kills.
pub struct Killer<'a> {
    stage: &'a Stage,
    pauses: Pauses,
    began: Instant,
    random: RefCell<StdRng>,
    kills: RefCell<Vec<Kill>>,
}

impl<'a> Killer<'a> {
    /// One that draws from the run's seed.
    pub fn new(stage: &'a Stage, pauses: Pauses, seed: u64, began: Instant) -> Self {
        // Not the same numbers as the script's.
        let random = RefCell::new(StdRng::seed_from_u64(seed ^ 0x6b69_6c6c));
        Self { stage, pauses, began, random, kills: RefCell::default() }
    }

    /// Kills until it is dropped. The first kill comes within half a pause, so that also a short burst
    /// is hit.
    pub async fn go_on(&self, said: impl Fn(&Kill)) -> ! {
        let mut next: Vec<&str> = Vec::new();
        let mut first = true;
        loop {
            let pause = self.random.borrow_mut().random_range(self.pauses.least..=self.pauses.most);
            tokio::time::sleep(if first { pause / 2 } else { pause }).await;
            first = false;
            if next.is_empty() {
                next = KINDS.to_vec();
                next.shuffle(&mut *self.random.borrow_mut());
            }
            let Some(kind) = next.pop() else { continue };
            let parts: Vec<String> =
                self.stage.alive().into_iter().filter(|part| part.starts_with(kind)).collect();
            let part = parts.choose(&mut *self.random.borrow_mut()).cloned();
            match part.filter(|part| self.stage.kill(part)) {
                Some(part) => {
                    let kill = Kill { part, at_s: self.began.elapsed().as_secs_f64() };
                    said(&kill);
                    self.kills.borrow_mut().push(kill);
                }
                // It is being started again: its turn comes later.
                None => next.insert(0, kind),
            }
        }
    }

    /// Whether each kind of part was killed.
    pub fn killed_each(&self) -> bool {
        let kills = self.kills.borrow();
        KINDS.iter().all(|kind| kills.iter().any(|kill| kill.part.starts_with(kind)))
    }

    /// What was killed so far.
    pub fn kills(&self) -> Vec<Kill> {
        self.kills.borrow().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_read() {
        let seconds = Duration::from_secs;
        assert_eq!("5s..10s".parse(), Ok(Pauses { least: seconds(5), most: seconds(10) }));
        assert_eq!("2s".parse(), Ok(Pauses { least: seconds(2), most: seconds(2) }));
        for bad in ["", "5", "0s", "10s..5s", "5s..", "-1s", "infs", "NaNs"] {
            assert!(bad.parse::<Pauses>().is_err(), "{bad}");
        }
    }
}
