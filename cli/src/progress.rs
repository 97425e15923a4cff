//! Progress of long work, on standard error: moving lines on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::style::Style;

/// Several steps shown together.
pub struct Progress {
    lines: Option<MultiProgress>,
    quiet: bool,
}

/// One step.
pub struct Step {
    bar: Option<ProgressBar>,
    lines: Option<MultiProgress>,
    name: String,
    started: Instant,
    said: std::sync::Mutex<String>,
    quiet: bool,
}

impl Progress {
    /// `quiet` shows nothing at all.
    pub fn new(quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal()
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self { lines: (terminal && !quiet).then(MultiProgress::new), quiet }
    }

    /// Begins a step.
    pub fn step(&self, name: impl Into<String>) -> Step {
        let name = name.into();
        let bar = self.lines.as_ref().map(|lines| {
            let bar = lines.add(ProgressBar::new_spinner());
            bar.set_style(spinner());
            bar.set_prefix(format!("{name:<WIDTH$}"));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Step {
            bar,
            lines: self.lines.clone(),
            name,
            started: Instant::now(),
            said: std::sync::Mutex::default(),
            quiet: self.quiet,
        }
    }

    /// Writes a line above the running steps.
    pub fn say(&self, line: impl AsRef<str>) {
        match &self.lines {
            Some(lines) => lines.suspend(|| eprintln!("{}", line.as_ref())),
            None if self.quiet => {}
            None => eprintln!("{}", line.as_ref()),
        }
    }
}

/// Of the names' column.
const WIDTH: usize = 12;

fn spinner() -> ProgressStyle {
    ProgressStyle::with_template("  {spinner:.cyan} {prefix} {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .tick_strings(&["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏", " "])
}

impl Step {
    /// Says what is going on. Elsewhere than on a terminal, only what is new is written.
    pub fn say(&self, message: impl Into<String>) {
        let message = message.into();
        match &self.bar {
            Some(bar) => bar.set_message(message),
            None if self.quiet => {}
            None => {
                let Ok(mut said) = self.said.lock() else { return };
                if *said != message {
                    eprintln!("  … {:<WIDTH$} {message}", self.name);
                    *said = message;
                }
            }
        }
    }

    /// Shows a moving state, which only a terminal can.
    pub fn tick(&self, message: impl Into<String>) {
        if let Some(bar) = &self.bar {
            bar.set_message(message.into());
        }
    }

    /// Ends well.
    pub fn done(self, message: impl AsRef<str>) {
        let took = Style::Dim.paint(seconds(self.started.elapsed()));
        let line = format!("{} {took}", message.as_ref());
        self.end(&Style::Good.paint("✓"), &line);
    }

    /// Ends badly; the error itself is shown by whoever reports it.
    pub fn failed(self, message: impl AsRef<str>) {
        self.end(&Style::Bad.paint("✗"), message.as_ref());
    }

    fn end(mut self, mark: &str, message: &str) {
        let line = format!("  {mark} {:<WIDTH$} {message}", self.name);
        match (self.bar.take(), &self.lines) {
            (Some(bar), Some(lines)) => {
                // What stays is written as a line of its own: a finished bar would be wiped later.
                bar.finish_and_clear();
                lines.remove(&bar);
                lines.suspend(|| eprintln!("{line}"));
            }
            _ if self.quiet => {}
            _ => eprintln!("{}", line.trim_end()),
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// A duration for people.
pub fn seconds(duration: Duration) -> String {
    match duration.as_secs_f64() {
        s if s < 0.0995 => format!("{:.0} ms", s * 1e3),
        s if s < 60.0 => format!("{s:.1} s"),
        s => format!("{:.0} min {:02.0} s", (s / 60.0).floor(), s % 60.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        assert_eq!(seconds(Duration::from_millis(7)), "7 ms");
        assert_eq!(seconds(Duration::from_millis(1_240)), "1.2 s");
        assert_eq!(seconds(Duration::from_secs(125)), "2 min 05 s");
    }
}
