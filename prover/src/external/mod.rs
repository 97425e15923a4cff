//! External provers: programs for other languages, and other programs for SMT-LIB. What they are,
//! how they are run and how their answers are read is configuration; that they run in the sandbox
//! is not.

mod answer;
mod config;
mod installed;
mod run;

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sbh_domain::{Digest, ProofDetail, Verdict};
use tokio::sync::{OnceCell, Semaphore};

pub use config::{ConfigError, ExternalLimits, Pattern, ProverFile, Rule};

use crate::invariant::{Foreign, Invariant};
use crate::language::Languages;
use crate::pool::Outcome;
use crate::sandbox::{End, Jail};
use installed::Installed;
use run::{Ended, Run};

/// What the sandbox and the run take besides the program's own time.
const GRACE: Duration = Duration::from_secs(2);

/// The external provers of this process. Clones share them.
#[derive(Debug, Clone)]
pub struct Provers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    all: Vec<Known>,
    /// The program and arguments that make the sandbox, before [`WORD`](crate::sandbox::WORD).
    runner: Vec<OsString>,
    places: Semaphore,
}

/// A prover that is configured.
#[derive(Debug)]
struct Known {
    file: ProverFile,
    /// The digest of its configuration, for the cache's key.
    digest: Digest,
    /// What is there of it, once that was looked up. What is missing is looked up again.
    installed: OnceCell<Installed>,
}

impl Default for Provers {
    /// None at all.
    fn default() -> Self {
        Self::of(Vec::new(), Vec::new(), 1)
    }
}

impl Provers {
    /// Reads a folder of configurations. At most `size` of their programs run at once.
    ///
    /// `runner` is the program, with arguments before [`WORD`](crate::sandbox::WORD), that calls
    /// [`run_if_asked`](crate::sandbox::run_if_asked); see [`Provers::this_program`].
    ///
    /// # Errors
    /// [`ConfigError`] names the first file that cannot be used.
    pub fn open(folder: &Path, runner: Vec<OsString>, size: usize) -> Result<Self, ConfigError> {
        Ok(Self::of(ProverFile::read_folder(folder)?, runner, size))
    }

    /// The runner of a program that calls [`run_if_asked`](crate::sandbox::run_if_asked) itself.
    ///
    /// # Errors
    /// When the system does not say which program runs.
    pub fn this_program() -> std::io::Result<Vec<OsString>> {
        Ok(vec![std::env::current_exe()?.into_os_string()])
    }

    fn of(files: Vec<(ProverFile, String)>, runner: Vec<OsString>, size: usize) -> Self {
        let all = files
            .into_iter()
            .map(|(file, text)| Known {
                file,
                digest: Digest::of(&text),
                installed: OnceCell::new(),
            })
            .collect();
        Self(Arc::new(Inner { all, runner, places: Semaphore::new(size.max(1)) }))
    }

    /// The languages that blocks may have.
    pub fn languages(&self) -> Languages {
        let mut languages = Languages::default();
        for Known { file, .. } in &self.0.all {
            for word in &file.languages {
                languages.add(word, &file.comment);
            }
        }
        languages
    }

    /// The prover of a language and its version, or why there is none.
    async fn of_language(&self, language: &str) -> Result<(&Known, &Installed), String> {
        let known =
            self.0.all.iter().find(|known| known.file.languages.iter().any(|l| l == language));
        let known = known.ok_or_else(|| {
            format!(
                "no prover is configured for {language}: put its description into the folder that \
                 prover.external_folder names"
            )
        })?;
        Ok((known, self.installed(known).await?))
    }

    async fn installed<'a>(&self, known: &'a Known) -> Result<&'a Installed, String> {
        known.installed.get_or_try_init(|| installed::look_up(&known.file, &self.0.runner)).await
    }

    /// Judges a block of another language.
    pub async fn prove(&self, invariant: &Invariant) -> Outcome {
        let Some(Foreign { language, text }) = &invariant.foreign else {
            return Outcome::unasked(Verdict::NotRun, "the block is SMT-LIB");
        };
        let (known, installed) = match self.of_language(language).await {
            Ok(found) => found,
            Err(reason) => return named(Outcome::unasked(Verdict::NotRun, reason), language, None),
        };
        let outcome = self.ask(known, installed, text, 0).await;
        named(outcome, language, Some(installed.name()))
    }

    /// The key under which a tenant's decisive verdict on a block of another language may be
    /// cached; `None` when there is no prover for it.
    pub async fn cache_key(&self, tenant: &str, invariant: &Invariant) -> Option<String> {
        let language = invariant.language()?;
        let (known, installed) = self.of_language(language).await.ok()?;
        let key = Digest::of_fields([
            tenant.as_bytes(),
            invariant.statement().as_bytes(),
            language.as_bytes(),
            &known.digest.0,
            installed.name().as_bytes(),
            &installed.digest().0,
        ]);
        Some(key.to_string())
    }

    /// Whether a prover of this name is configured and reads SMT-LIB.
    pub(crate) fn reads_smt_lib(&self, name: &str) -> bool {
        self.0.all.iter().any(|known| known.file.name == name && known.file.smt_lib)
    }

    /// What a prover of this name is called with its version, its digest and its configuration's.
    pub(crate) async fn identity(&self, name: &str) -> Option<(String, Digest)> {
        let known = self.0.all.iter().find(|known| known.file.name == name)?;
        let installed = self.installed(known).await.ok()?;
        let digest = Digest::of_fields([&known.digest.0[..], &installed.digest().0[..]]);
        Some((installed.name().to_owned(), digest))
    }

    /// Judges an SMT-LIB invariant with the prover of this name, as a part of a portfolio.
    pub(crate) async fn prove_smt_lib(
        &self,
        name: &str,
        seed: u32,
        invariant: &Invariant,
    ) -> Outcome {
        let Some(known) = self.0.all.iter().find(|known| known.file.name == name) else {
            return Outcome::unasked(Verdict::NotRun, format!("{name} is not configured"));
        };
        let installed = match self.installed(known).await {
            Ok(installed) => installed,
            Err(reason) => return Outcome::unasked(Verdict::NotRun, reason),
        };
        // The semaphore is never closed.
        let _place = self.0.places.acquire().await.ok();
        let started = Instant::now();
        let script = answer::script(invariant);
        let mut outcome = match self.run(known, installed, &script, seed).await {
            Err(outcome) => outcome,
            Ok((_, output)) => answer::of_checks(&output, &invariant.symbols, &known.file.name),
        };
        outcome.duration = started.elapsed();
        outcome.detail.prover = Some(installed.name().to_owned());
        outcome
    }

    /// Runs a block and reads the answer by the rules.
    async fn ask(&self, known: &Known, installed: &Installed, text: &str, seed: u32) -> Outcome {
        let place = self.0.places.acquire().await;
        let started = Instant::now();
        let mut outcome = match self.run(known, installed, text, seed).await {
            Err(outcome) => outcome,
            Ok((status, output)) => answer::by_rules(&known.file, status, &output),
        };
        drop(place);
        outcome.duration = started.elapsed();
        outcome
    }

    /// Runs a text; the exit status and the output, or what its end alone says.
    #[allow(clippy::result_large_err, reason = "made once for a process that ran")]
    async fn run(
        &self,
        known: &Known,
        installed: &Installed,
        text: &str,
        seed: u32,
    ) -> Result<(i32, String), Outcome> {
        let file = &known.file;
        let parts = answer::parts(text, &file.file, &file.comment);
        let jail = Jail {
            files: parts.iter().map(|(name, part)| (name.clone(), part.len())).collect(),
            command: std::iter::once(installed.program().to_owned())
                .chain(file.arguments.iter().map(|argument| answer::fill(argument, file, seed)))
                .collect(),
            ..installed::jail(file, installed.read())
        };
        let input: String = parts.into_iter().map(|(_, part)| part).collect();
        let limits = file.limits;
        let time = limits.time() + GRACE;
        let most = usize::try_from(limits.output_kb).unwrap_or(usize::MAX).saturating_mul(1_024);
        let run = run::run(&self.0.runner, &jail, input.as_bytes(), time, most).await;
        let told = |verdict, reason: String| Err(Outcome::unasked(verdict, reason));
        let name = &file.name;
        match run {
            Err(error) => {
                told(Verdict::NotRun, format!("the sandbox of {name} does not start: {error}"))
            }
            Ok(Run { output, ended: Ended::By(End::Exit(status)) }) => Ok((status, output)),
            Ok(Run { ended, .. }) => match ended {
                Ended::Time => told(
                    Verdict::Timeout,
                    format!("time limit of {} s reached by {name}", limits.time_s),
                ),
                Ended::By(End::Signal(9 | 24)) => told(
                    Verdict::Timeout,
                    format!(
                        "{name} was killed: {} s of processor time are used up, or the machine's \
                         memory",
                        limits.cpu_s
                    ),
                ),
                Ended::By(End::Signal(signal)) => {
                    told(Verdict::Error, format!("{name} died of signal {signal}"))
                }
                Ended::By(End::Memory) => told(
                    Verdict::Error,
                    format!("memory limit of {} MB reached by {name}", limits.memory_mb),
                ),
                Ended::By(End::Processes) => told(
                    Verdict::Error,
                    format!("{name} started more than {} processes", limits.processes),
                ),
                Ended::Output => told(
                    Verdict::Error,
                    format!("{name} answered with more than {} KB", limits.output_kb),
                ),
                Ended::By(End::Refused(reason)) => {
                    told(Verdict::NotRun, format!("{name} cannot be run: {reason}"))
                }
                Ended::By(End::Exit(_)) => told(Verdict::Error, format!("{name} has ended")),
            },
        }
    }
}

fn named(outcome: Outcome, language: &str, prover: Option<&str>) -> Outcome {
    let detail = ProofDetail {
        language: Some(language.to_owned()),
        prover: prover.map(str::to_owned),
        ..outcome.detail
    };
    Outcome { detail, ..outcome }
}
