//! What is asked of the solver for one invariant, and how its answers are read.

use std::fmt::Write as _;
use std::time::Duration;

use sbh_domain::{Assumption, Verdict};
use tokio::time::Instant;

use super::config::Limits;
use super::model;
use super::outcome::Counterexample;
use super::quick::Quick;
use super::solver::{Failure, Solver};
use crate::invariant::{Command, Invariant};

/// The version of the questions below. It is part of the cache key: raise it with every change
/// that could change a verdict.
pub(crate) const ENCODER: u32 = 2;

/// How much longer than its own time limit the solver may take to say so.
const GRACE: Duration = Duration::from_secs(1);

/// The longest answer to a check, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// The longest model that is read, in bytes.
const MAX_MODEL: usize = 512 * 1024;

/// The answer, and whether the process may be used again.
#[derive(Debug)]
pub(crate) struct Judgement {
    pub(crate) verdict: Verdict,
    pub(crate) counterexample: Option<Counterexample>,
    pub(crate) reason: Option<String>,
    /// Which assumptions the proof used, where the prover could tell.
    pub(crate) assumptions: Option<Vec<Assumption>>,
    pub(crate) reusable: bool,
}

impl Judgement {
    /// A decisive verdict that needs no words.
    pub(crate) fn decided(verdict: Verdict) -> Self {
        Self { verdict, counterexample: None, reason: None, assumptions: None, reusable: true }
    }

    /// Anything else.
    pub(crate) fn open(verdict: Verdict, reason: String, reusable: bool) -> Self {
        Self { verdict, counterexample: None, reason: Some(reason), assumptions: None, reusable }
    }
}

/// Every option that bears on an answer. All are set before each question: `(reset)` keeps them.
pub(crate) fn options(limits: &Limits, time: Duration) -> String {
    let Limits { memory_mb, rlimit, seed, .. } = limits;
    let milliseconds = time.as_millis().max(1);
    format!(
        "(set-option :print-success false)\n\
         (set-option :produce-models true)\n\
         (set-option :global-declarations true)\n\
         (set-option :timeout {milliseconds})\n\
         (set-option :rlimit {rlimit})\n\
         (set-option :memory_max_size {memory_mb})\n\
         (set-option :random-seed {seed})\n\
         (set-option :smt.random_seed {seed})\n\
         (set-option :sat.random_seed {seed})\n\
         (set-option :nlsat.seed {seed})\n\
         (set-option :pp.min_alias_size 1000000)\n\
         (set-option :pp.max_depth 1000000)\n"
    )
}

/// Forgets everything and sets all options.
///
/// `cores`: whether the solver keeps track of which named assertions a proof uses, at the price of
/// what it could do with them beforehand. It is an option that only an empty solver takes.
pub(crate) fn begin(limits: &Limits, time: Duration, cores: bool) -> String {
    let options = options(limits, time);
    format!("(reset)\n(set-option :produce-unsat-cores {cores})\n{options}")
}

/// Asks whether the claim follows, and when it does, whether its assumptions can hold at all.
pub(crate) async fn judge(
    solver: &mut Solver,
    invariant: &Invariant,
    limits: &Limits,
) -> Judgement {
    let mut session = Session { solver, limits, end: Instant::now() + limits.time };
    match session.ask(invariant).await {
        Ok(judgement) => judgement,
        Err(failure) => {
            let verdict = match failure {
                Failure::Late => Verdict::Timeout,
                _ => Verdict::Error,
            };
            Judgement::open(verdict, session.explain(&failure), false)
        }
    }
}

/// The questions about one invariant.
pub(crate) struct Session<'a> {
    pub(crate) solver: &'a mut Solver,
    pub(crate) limits: &'a Limits,
    /// When the time for this invariant is over.
    pub(crate) end: Instant,
}

/// The answer to one check.
enum Answer {
    Sat,
    Unsat,
    /// With the verdict that it amounts to and the reason.
    Open(Verdict, String),
}

impl Session<'_> {
    async fn ask(&mut self, invariant: &Invariant) -> Result<Judgement, Failure> {
        self.solver.allow_cpu(self.limits.time + GRACE)?;
        match self.quick(invariant).await? {
            Quick::Decided(judgement) => Ok(judgement),
            Quick::Follows(assumptions) => {
                let text = begin(self.limits, self.left()?, false);
                let commands: Vec<&Command> = invariant.prelude.iter().collect();
                let answer = self.check(text, &commands).await?;
                Ok(Judgement { assumptions, ..conclude(answer) })
            }
            Quick::Open => self.ask_thoroughly(invariant).await,
        }
    }

    /// Asks with everything that the solver has: it picks its strategy by what the block holds.
    async fn ask_thoroughly(&mut self, invariant: &Invariant) -> Result<Judgement, Failure> {
        let all: Vec<&Command> = invariant.prelude.iter().chain(&invariant.goal).collect();
        let text = begin(self.limits, self.left()?, false);
        match self.check(text, &all).await? {
            Answer::Sat => return Ok(self.refuted(invariant).await),
            Answer::Open(verdict, reason) => return Ok(unsettled(verdict, reason)),
            Answer::Unsat => {}
        }
        let assumptions: Vec<&Command> =
            invariant.prelude.iter().filter(|command| command.asserts).collect();
        if assumptions.is_empty() {
            // There is nothing that could contradict itself.
            return Ok(Judgement::decided(Verdict::Proved));
        }
        // Keeps the declarations and makes a new solver: half the price of beginning again.
        let text = format!("(reset-assertions)\n{}", options(self.limits, self.left()?));
        Ok(conclude(self.check(text, &assumptions).await?))
    }

    /// Sends what comes first, then commands, and asks whether they can hold together.
    async fn check(&mut self, text: String, commands: &[&Command]) -> Result<Answer, Failure> {
        let commands = commands.iter().map(|command| (command.line, command.text.as_str()));
        let answer = self.send(text, commands, "(check-sat)\n").await?;
        match answer.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["sat"] => Ok(Answer::Sat),
            ["unsat"] => Ok(Answer::Unsat),
            ["unknown"] => self.why_unknown().await,
            _ => Err(unexpected(&answer)),
        }
    }

    /// Sends a text, commands with their lines in the author's file, and another text, and returns
    /// the answer. Messages about the commands name the author's line.
    pub(crate) async fn send<'c>(
        &mut self,
        mut text: String,
        commands: impl Iterator<Item = (u32, &'c str)>,
        last: &str,
    ) -> Result<Vec<String>, Failure> {
        // Where each command begins in what was sent.
        let mut lines = Vec::new();
        let mut at = self.solver.lines_sent + 1 + crate::lexer::count_lines(&text);
        for (line, command) in commands {
            lines.push((at, line));
            at += crate::lexer::count_lines(command) + 1;
            text.push_str(command);
            text.push('\n');
        }
        text.push_str(last);
        let answer = self.solver.exchange(&text, MAX_ANSWER, self.end + GRACE).await;
        answer.map_err(|failure| match failure {
            Failure::Error(message) => Failure::Error(locate(&message, &lines)),
            other => other,
        })
    }

    /// The time that is left.
    pub(crate) fn left(&self) -> Result<Duration, Failure> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(Failure::Late) } else { Ok(left) }
    }

    async fn why_unknown(&mut self) -> Result<Answer, Failure> {
        let answer = self
            .solver
            .exchange("(get-info :reason-unknown)\n", MAX_ANSWER, self.end + GRACE)
            .await?;
        let reason = answer
            .join(" ")
            .strip_prefix("(:reason-unknown \"")
            .and_then(|rest| rest.strip_suffix("\")"))
            .map(str::to_owned)
            .ok_or_else(|| unexpected(&answer))?;
        let stopped = matches!(
            reason.as_str(),
            "timeout" | "canceled" | "interrupted" | "interrupted from keyboard"
        );
        // Z3 says `canceled` for its resource limit, and sometimes for its time limit.
        let timed = reason == "timeout" || Instant::now() >= self.end;
        Ok(if reason.contains("resource limit") || stopped && !timed {
            Answer::Open(
                Verdict::Timeout,
                format!("resource limit of {} reached", self.limits.rlimit),
            )
        } else if stopped {
            Answer::Open(Verdict::Timeout, self.time_limit())
        } else if reason.contains("mem") {
            return Err(Failure::Error(format!("out of memory ({})", cut(&reason))));
        } else {
            Answer::Open(Verdict::Unknown, format!("z3 gave up: {}", cut(&reason)))
        })
    }

    /// The verdict stands once the solver said `sat`; a model that cannot be had does not undo it.
    pub(crate) async fn refuted(&mut self, invariant: &Invariant) -> Judgement {
        let deadline = self.end.max(Instant::now()) + GRACE;
        let refuted = |reason, reusable| Judgement::open(Verdict::Refuted, reason, reusable);
        match self.solver.exchange("(get-model)\n", MAX_MODEL, deadline).await {
            Ok(lines) => match model::read(&lines.join("\n"), &invariant.symbols) {
                Some(counterexample) => Judgement {
                    counterexample: Some(counterexample),
                    ..Judgement::decided(Verdict::Refuted)
                },
                None => refuted("the counterexample could not be read".to_owned(), true),
            },
            Err(failure) => {
                let why = self.explain(&failure);
                refuted(format!("the counterexample could not be read: {why}"), false)
            }
        }
    }

    fn time_limit(&self) -> String {
        format!("time limit of {:?} reached", self.limits.time)
    }

    fn explain(&self, failure: &Failure) -> String {
        let memory = || format!("memory limit of {} MB reached", self.limits.memory_mb);
        match failure {
            Failure::Error(message) if message.contains("out of memory") => memory(),
            Failure::Error(message) => cut(message),
            // Z3's exit status when it runs out of memory.
            Failure::Ended(Some(status), _) if status.code() == Some(101) => memory(),
            Failure::Ended(status, text) => {
                let mut reason = "z3 ended in the middle of its answer".to_owned();
                if let Some(status) = status {
                    // Formatting into a string cannot fail.
                    let _ = write!(reason, " ({status})");
                }
                if !text.trim().is_empty() {
                    let _ = write!(reason, ": {}", cut(text));
                }
                reason
            }
            Failure::TooMuch(bound) => format!("z3 answered with more than {} KB", bound / 1024),
            Failure::Late => self.time_limit(),
            Failure::Io(error) => format!("z3 could not be run: {error}"),
        }
    }
}

/// What the answer about the assumptions makes of a claim that follows from them.
fn conclude(answer: Answer) -> Judgement {
    match answer {
        Answer::Sat => Judgement::decided(Verdict::Proved),
        Answer::Unsat => Judgement::decided(Verdict::Vacuous),
        Answer::Open(verdict, reason) => unsettled(
            verdict,
            format!("the claim follows, but it is open whether the assumptions can hold: {reason}"),
        ),
    }
}

/// After a limit the heap is large and a cancelled search lies about: the process goes.
fn unsettled(verdict: Verdict, reason: String) -> Judgement {
    Judgement::open(verdict, reason, verdict == Verdict::Unknown)
}

pub(crate) fn unexpected(answer: &[String]) -> Failure {
    Failure::Error(format!("z3 gave an unexpected answer: {}", cut(&answer.join(" "))))
}

/// Turns `(error "line 12 column 3: message")` into `line 4: message` with the author's line.
fn locate(error: &str, lines: &[(u32, u32)]) -> String {
    let message = error
        .strip_prefix("(error \"")
        .map_or(error, |rest| rest.strip_suffix("\")").unwrap_or(rest))
        .replace("\"\"", "\"");
    let placed = message.strip_prefix("line ").and_then(|rest| {
        let (line, rest) = rest.split_once(" column ")?;
        let (_, what) = rest.split_once(": ")?;
        let line: u32 = line.parse().ok()?;
        let command = lines.iter().rev().find(|(sent, _)| *sent <= line)?;
        Some(format!("line {}: {what}", command.1))
    });
    placed.unwrap_or(message)
}

fn cut(text: &str) -> String {
    const MOST: usize = 300;
    let mut short: String = text.chars().filter(|c| !c.is_control()).take(MOST).collect();
    if text.chars().count() > MOST {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::locate;

    #[test]
    fn messages_point_into_the_author_s_file() {
        let lines = [(12, 3), (15, 9)];
        assert_eq!(
            locate("(error \"line 14 column 3: no \"\"x\"\"\")", &lines),
            "line 3: no \"x\""
        );
        assert_eq!(locate("(error \"line 15 column 3: no\")", &lines), "line 9: no");
        assert_eq!(locate("(error \"out of memory\")", &lines), "out of memory");
    }
}
