//! Which alerts a channel takes, and when it may be told of them.

use serde::{Deserialize, Serialize};

use super::{AlertKind, Severity, Told};

/// Minutes of a day.
const DAY_MIN: i64 = 24 * 60;

/// The hours in which a channel is only told what is critical: from one minute of the local day to
/// another, past midnight when the end is not after the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietHours {
    /// The first quiet minute of the local day, 0 to 1,439.
    pub from_min: u16,
    /// The first minute that is not quiet any more, 0 to 1,439.
    pub to_min: u16,
}

/// Rules that mean nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableRules {
    /// Not `HH:MM-HH:MM`.
    #[error("quiet hours {0:?} cannot be read: write them as 22:00-07:00")]
    Hours(String),
    /// Not `+HH:MM`.
    #[error("the time-zone offset {0:?} cannot be read: write it as +02:00, -05:30 or Z")]
    Offset(String),
}

impl QuietHours {
    /// Reads `22:00-07:00`.
    ///
    /// # Errors
    /// When it is not that; equal ends are refused, for nobody knows whether they mean all or nothing.
    pub fn parse(text: &str) -> Result<Self, UnreadableRules> {
        let unreadable = || UnreadableRules::Hours(text.chars().take(40).collect());
        let (from, to) = text.split_once('-').ok_or_else(unreadable)?;
        let (from_min, to_min) =
            minute(from).zip(minute(to)).filter(|(from, to)| from != to).ok_or_else(unreadable)?;
        Ok(Self { from_min, to_min })
    }

    /// When the quiet hours end in which the instant `now_s` lies; `None` when it lies in none.
    /// Both in seconds since 1970, UTC.
    pub fn end(self, now_s: i64, utc_offset_min: i16) -> Option<i64> {
        let local_min = (now_s.div_euclid(60) + i64::from(utc_offset_min)).rem_euclid(DAY_MIN);
        let (from, to) = (i64::from(self.from_min), i64::from(self.to_min));
        let quiet = if from < to {
            (from..to).contains(&local_min)
        } else {
            local_min >= from || local_min < to
        };
        let left_min = (to - local_min).rem_euclid(DAY_MIN);
        quiet.then(|| (now_s.div_euclid(60) + left_min) * 60)
    }
}

impl std::fmt::Display for QuietHours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (from, to) = (self.from_min, self.to_min);
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

/// Reads `HH:MM` as a minute of the day.
fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |text: &str| {
        (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
    };
    let (hours, minutes): (u16, u16) = (two(hours)?, two(minutes)?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

/// What a channel wants to be told, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelRules {
    /// The least severity that it takes.
    pub floor: Severity,
    /// The kinds that it takes; none named: all of them.
    pub kinds: Vec<AlertKind>,
    /// When it is told only what is critical.
    pub quiet: Option<QuietHours>,
    /// How many minutes its local time is ahead of UTC, -840 to 840.
    pub utc_offset_min: i16,
    /// A condition that comes back within so many seconds after it was told is told only when it lasts
    /// that long.
    pub dedup_window_s: u32,
    /// After how many seconds an alert that nobody acknowledged counts as one step graver and is told
    /// again; `None`: never.
    pub escalate_after_s: Option<u32>,
}

impl Default for ChannelRules {
    fn default() -> Self {
        Self {
            floor: Severity::Warning,
            kinds: Vec::new(),
            quiet: None,
            utc_offset_min: 0,
            dedup_window_s: 600,
            escalate_after_s: None,
        }
    }
}

/// What a message's time depends on.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Now, in seconds since 1970, UTC.
    pub now_s: i64,
    /// What the message says.
    pub told: Told,
    /// How grave its alert is.
    pub severity: Severity,
    /// When the channel was last told that the same condition is there, if ever.
    pub last_raised_s: Option<i64>,
}

impl ChannelRules {
    /// Whether the channel takes such alerts. A trial is for the one channel that is tried, whatever its
    /// rules, and for no other.
    pub fn takes(&self, kind: AlertKind, severity: Severity) -> bool {
        kind != AlertKind::Test
            && severity >= self.floor
            && (self.kinds.is_empty() || self.kinds.contains(&kind))
    }

    /// The earliest that the channel may be told, in seconds since 1970. Never before now.
    pub fn due(&self, timing: Timing) -> i64 {
        let mut due = timing.now_s;
        if timing.told == Told::Raised
            && let Some(last) = timing.last_raised_s
        {
            due = due.max(last.saturating_add(i64::from(self.dedup_window_s)));
        }
        self.quiet_end(due, timing.told, timing.severity).unwrap_or(due)
    }

    /// When the quiet hours end that hold a message back at `now_s`; `None` when it may go. Critical
    /// alerts always may; that one is gone can wait for the morning.
    pub fn quiet_end(&self, now_s: i64, told: Told, severity: Severity) -> Option<i64> {
        if severity == Severity::Critical && told != Told::Resolved {
            return None;
        }
        self.quiet?.end(now_s, self.utc_offset_min)
    }

    /// Reads a time-zone offset such as `+02:00`, `-05:30` or `Z`, in minutes.
    ///
    /// # Errors
    /// When it is none, or more than 14 hours.
    pub fn parse_offset(text: &str) -> Result<i16, UnreadableRules> {
        let unreadable = || UnreadableRules::Offset(text.chars().take(40).collect());
        if text == "Z" {
            return Ok(0);
        }
        let sign = match text.as_bytes().first() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return Err(unreadable()),
        };
        let minutes =
            minute(&text[1..]).filter(|minutes| *minutes <= 840).ok_or_else(unreadable)?;
        i16::try_from(minutes).map(|minutes| sign * minutes).map_err(|_| unreadable())
    }

    /// The time-zone offset as people write it, for example `+02:00`.
    pub fn offset_text(&self) -> String {
        let sign = if self.utc_offset_min < 0 { '-' } else { '+' };
        let minutes = self.utc_offset_min.unsigned_abs();
        format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}
