//! Figures as they are printed: a value beside its baseline of the same run, and their ratio.

use serde::Serialize;

/// One measured figure.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// What was measured.
    pub name: &'static str,
    /// The value.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// What the value is compared with, measured in the same run.
    pub baseline: Option<Baseline>,
    /// What it should be.
    pub target: Option<Target>,
}

/// What a figure is compared with.
#[derive(Debug, Clone, Serialize)]
pub struct Baseline {
    /// What it is.
    pub name: &'static str,
    /// Its value, in the figure's unit.
    pub value: f64,
}

/// What a figure should be.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(tag = "kind", content = "bound", rename_all = "snake_case")]
pub enum Target {
    /// The value at most.
    AtMost(f64),
    /// The value at least.
    AtLeast(f64),
    /// The ratio to the baseline at most.
    RatioAtMost(f64),
    /// The ratio to the baseline at least.
    RatioAtLeast(f64),
}

impl Figure {
    /// A figure without comparison.
    pub fn new(name: &'static str, value: f64, unit: &'static str) -> Self {
        Self { name, value, unit, baseline: None, target: None }
    }

    /// Compares it with a baseline of the same run.
    pub fn against(mut self, name: &'static str, value: f64) -> Self {
        self.baseline = Some(Baseline { name, value });
        self
    }

    /// Says what it should be.
    pub fn target(mut self, target: Target) -> Self {
        self.target = Some(target);
        self
    }

    /// The value divided by its baseline.
    pub fn ratio(&self) -> Option<f64> {
        self.baseline.as_ref().filter(|b| b.value > 0.0).map(|b| self.value / b.value)
    }

    /// Whether the target is reached; `None` where there is none.
    pub fn reached(&self) -> Option<bool> {
        Some(match self.target? {
            Target::AtMost(bound) => self.value <= bound,
            Target::AtLeast(bound) => self.value >= bound,
            Target::RatioAtMost(bound) => self.ratio()? <= bound,
            Target::RatioAtLeast(bound) => self.ratio()? >= bound,
        })
    }

    /// The figure on one line.
    pub fn line(&self) -> String {
        let mut line = format!("{:<58} {:>11.2} {:<6}", self.name, self.value, self.unit);
        if let (Some(baseline), Some(ratio)) = (&self.baseline, self.ratio()) {
            line += &format!("  {ratio:>6.2} × {} ({:.2})", baseline.name, baseline.value);
        }
        if let (Some(target), Some(reached)) = (self.target, self.reached()) {
            let bound = match target {
                Target::AtMost(b) => format!("at most {b}"),
                Target::AtLeast(b) => format!("at least {b}"),
                Target::RatioAtMost(b) => format!("ratio at most {b}"),
                Target::RatioAtLeast(b) => format!("ratio at least {b}"),
            };
            line += &format!("  [{bound}: {}]", if reached { "reached" } else { "MISSED" });
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_target_says_so() {
        let figure = Figure::new("accepted", 40.0, "1/s")
            .against("bare insert", 100.0)
            .target(Target::RatioAtLeast(0.5));
        assert_eq!(figure.reached(), Some(false));
        assert!(figure.line().contains("0.40 × bare insert (100.00)"));
        assert!(figure.line().ends_with("MISSED]"));
        assert_eq!(Figure::new("p50", 3.0, "ms").target(Target::AtMost(3.0)).reached(), Some(true));
        assert_eq!(Figure::new("p50", 3.0, "ms").reached(), None);
    }
}
