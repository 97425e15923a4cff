//! External provers as their configuration describes them: one TOML file for each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use regex::Regex;
use sbh_domain::Verdict;
use serde::Deserialize;

/// An external prover, as its file describes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProverFile {
    /// What people call it, and what a portfolio calls it.
    pub name: String,
    /// The words after a code fence that mark a block for it, in lower case.
    #[serde(default)]
    pub languages: Vec<String>,
    /// What begins a line of comment in its language.
    pub comment: String,
    /// The program: a path, or a name to look for in `PATH`.
    pub program: PathBuf,
    /// Its arguments. `{file}` is the block's file, `{time_s}` and `{time_ms}` the time limit and
    /// `{seed}` the seed.
    pub arguments: Vec<String>,
    /// The arguments that make it print its version.
    pub version: Vec<String>,
    /// Finds the version in what it prints then, as the first group.
    pub version_pattern: Pattern,
    /// The name of the block's file in the private folder.
    pub file: String,
    /// Files and folders that it may read besides the system's programs and libraries.
    #[serde(default)]
    pub read: Vec<PathBuf>,
    /// Its environment.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// What it may use.
    #[serde(default)]
    pub limits: ExternalLimits,
    /// How its answer is read: the first rule that fits.
    #[serde(rename = "verdict")]
    pub verdicts: Vec<Rule>,
    /// Finds the values of a counterexample: all matches, with the groups `name` and `value`. One
    /// without a group `name` is shown as a whole.
    #[serde(default)]
    pub counterexample: Option<Pattern>,
    /// Whether it reads SMT-LIB 2 with `push`, and answers each `(check-sat)` in a line: then it
    /// can be a part of a portfolio.
    #[serde(default)]
    pub smt_lib: bool,
}

/// What an external prover may use for one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExternalLimits {
    /// Seconds on the clock.
    pub time_s: u64,
    /// Seconds of the processor, for each process.
    pub cpu_s: u64,
    /// Megabytes of memory, all processes together.
    pub memory_mb: u64,
    /// Megabytes that one process may map.
    pub address_space_mb: u64,
    /// Processes and threads at once.
    pub processes: u64,
    /// Megabytes of the private folder.
    pub disk_mb: u64,
    /// Kilobytes of output.
    pub output_kb: u64,
}

impl Default for ExternalLimits {
    fn default() -> Self {
        Self {
            time_s: 30,
            cpu_s: 60,
            memory_mb: 1_024,
            address_space_mb: 4_096,
            processes: 32,
            disk_mb: 64,
            output_kb: 256,
        }
    }
}

impl ExternalLimits {
    /// The time on the clock.
    pub fn time(&self) -> Duration {
        Duration::from_secs(self.time_s)
    }
}

/// A verdict and when it is the one: every condition that is given must hold.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The verdict.
    pub is: Verdict,
    /// The exit status is one of these.
    #[serde(default)]
    pub exit: Option<Vec<i32>>,
    /// The output holds this.
    #[serde(default)]
    pub pattern: Option<Pattern>,
    /// The output does not hold this.
    #[serde(default)]
    pub unless: Option<Pattern>,
}

impl Rule {
    /// Whether it fits an answer.
    pub(crate) fn fits(&self, status: i32, output: &str) -> bool {
        self.exit.as_ref().is_none_or(|wanted| wanted.contains(&status))
            && self.pattern.as_ref().is_none_or(|pattern| pattern.0.is_match(output))
            && self.unless.as_ref().is_none_or(|pattern| !pattern.0.is_match(output))
    }
}

/// A regular expression.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern(pub(crate) Regex);

impl TryFrom<String> for Pattern {
    type Error = regex::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Regex::new(&text).map(Self)
    }
}

/// Why the provers' configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}", path = path.display())]
pub struct ConfigError {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

impl ProverFile {
    /// Reads one file's text.
    ///
    /// # Errors
    /// Says what is wrong and what to do.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        let wrong = |field: &str, what: &str| Err(format!("{field}: {what}"));
        let plain = |name: &str| {
            !name.is_empty()
                && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_+.".contains(c))
                && !name.starts_with('.')
        };
        if !plain(&file.name) {
            return wrong("name", "use A-Z, a-z, 0-9 and '-_+.'");
        }
        if file.name == "z3" {
            return wrong("name", "z3 is built in; choose another");
        }
        if !plain(&file.file) {
            return wrong("file", "it is a plain file name without a folder");
        }
        if let Some(language) =
            file.languages.iter().find(|l| !plain(l) || l.chars().any(|c| c.is_ascii_uppercase()))
        {
            return wrong("languages", &format!("{language:?} is no word in lower case"));
        }
        if file.languages.iter().any(|language| language.starts_with("smt")) {
            return wrong("languages", "blocks marked smt are z3's and the portfolio's");
        }
        if file.comment.trim().is_empty() {
            return wrong("comment", "it must not be empty");
        }
        if file.verdicts.iter().any(|rule| rule.exit.is_none() && rule.pattern.is_none()) {
            return wrong("verdict", "each rule needs exit or pattern, or it would fit everything");
        }
        let limits = file.limits;
        if [
            limits.time_s,
            limits.cpu_s,
            limits.memory_mb,
            limits.address_space_mb,
            limits.processes,
            limits.disk_mb,
            limits.output_kb,
        ]
        .contains(&0)
        {
            return wrong("limits", "each must be 1 or more");
        }
        if file.read.iter().any(|path| !path.is_absolute()) {
            return wrong("read", "write absolute paths");
        }
        Ok(file)
    }

    /// Reads every `*.toml` of a folder, in the order of their names.
    ///
    /// # Errors
    /// [`ConfigError`] names the first file that cannot be used, and when two claim one name or
    /// one language, the second.
    pub fn read_folder(folder: &Path) -> Result<Vec<(Self, String)>, ConfigError> {
        let failed = |path: &Path, reason: String| ConfigError { path: path.to_owned(), reason };
        let entries = std::fs::read_dir(folder).map_err(|e| failed(folder, e.to_string()))?;
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        paths.sort();
        let mut files: Vec<(Self, String)> = Vec::new();
        for path in paths {
            let text =
                std::fs::read_to_string(&path).map_err(|error| failed(&path, error.to_string()))?;
            let file = Self::parse(&text).map_err(|reason| failed(&path, reason))?;
            for (other, _) in &files {
                if other.name == file.name {
                    return Err(failed(&path, format!("{} is described twice", file.name)));
                }
                if let Some(language) = file.languages.iter().find(|l| other.languages.contains(l))
                {
                    let reason = format!("{language} is the language of {} already", other.name);
                    return Err(failed(&path, reason));
                }
            }
            files.push((file, text));
        }
        Ok(files)
    }
}
