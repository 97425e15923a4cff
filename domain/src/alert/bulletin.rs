//! The order of a message that tells of several alerts.

use super::{Severity, Told};

/// One alert of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<T> {
    /// What is told of it.
    pub told: Told,
    /// How grave it is.
    pub severity: Severity,
    /// When it was raised, in any unit: the older of two alike comes first.
    pub raised: i64,
    /// The alert.
    pub alert: T,
}

/// What one message says: the worst first, what is gone last, with counts of everything and lines for
/// as many as fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bulletin<T> {
    /// How many are there by severity, as [`Severity::ALL`] orders them.
    pub active: [usize; 3],
    /// How many are gone.
    pub resolved: usize,
    /// The lines that fit.
    pub lines: Vec<Line<T>>,
    /// How many more there are.
    pub left_out: usize,
}

impl<T> Bulletin<T> {
    /// Orders the alerts of a message, and keeps the first `most`.
    pub fn new(mut lines: Vec<Line<T>>, most: usize) -> Self {
        lines.sort_by_key(|line| {
            (line.told == Told::Resolved, std::cmp::Reverse(line.severity), line.raised)
        });
        let mut active = [0; 3];
        let mut resolved = 0;
        for line in &lines {
            match line.told {
                Told::Resolved => resolved += 1,
                Told::Raised | Told::Escalated => active[line.severity as usize] += 1,
            }
        }
        let left_out = lines.len().saturating_sub(most);
        lines.truncate(most);
        Self { active, resolved, lines, left_out }
    }

    /// The worst that is there; `None` when everything is gone.
    pub fn worst(&self) -> Option<Severity> {
        Severity::ALL.into_iter().rev().find(|severity| self.active[*severity as usize] > 0)
    }

    /// The counts as people read them: `2 critical, 1 warning, 3 resolved`.
    pub fn counts(&self) -> String {
        let mut parts: Vec<_> = Severity::ALL
            .into_iter()
            .rev()
            .map(|severity| (self.active[severity as usize], severity.as_str()))
            .collect();
        parts.push((self.resolved, "resolved"));
        let parts: Vec<_> = parts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        parts.join(", ")
    }
}
