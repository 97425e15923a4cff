//! What is asked of the solver for one invariant, and how its answers are read.

use std::fmt::Write as _;
use std::time::Duration;

use sbh_domain::Verdict;
use tokio::time::Instant;

use super::config::Limits;
use super::model;
use super::outcome::Counterexample;
use super::solver::{Failure, Solver};
use crate::invariant::{Command, Invariant};

/// The version of the questions below. It is part of the cache key: raise it with every change
/// that could change a verdict.
pub(crate) const ENCODER: u32 = 1;

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
    pub(crate) reusable: bool,
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

/// Asks whether the claim follows, and when it does, whether its assumptions can hold at all.
pub(crate) async fn judge(
    solver: &mut Solver,
    invariant: &Invariant,
    limits: &Limits,
) -> Judgement {
    let mut session = Session { solver, limits, end: Instant::now() + limits.time };
    match session.ask(invariant).await {
        Ok(judgement) => judgement,
        Err(failure) => Judgement {
            verdict: match failure {
                Failure::Late => Verdict::Timeout,
                _ => Verdict::Error,
            },
            counterexample: None,
            reason: Some(session.explain(&failure)),
            reusable: false,
        },
    }
}

struct Session<'a> {
    solver: &'a mut Solver,
    limits: &'a Limits,
    /// When the time for this invariant is over.
    end: Instant,
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
        let decided =
            |verdict| Judgement { verdict, counterexample: None, reason: None, reusable: true };
        let open = |verdict, reason| Judgement {
            verdict,
            counterexample: None,
            reason: Some(reason),
            // After a limit the heap is large and a cancelled search lies about.
            reusable: verdict == Verdict::Unknown,
        };
        let all: Vec<&Command> = invariant.prelude.iter().chain(&invariant.goal).collect();
        let assumptions: Vec<&Command> =
            invariant.prelude.iter().filter(|command| command.asserts).collect();
        match self.check("(reset)\n", &all).await? {
            Answer::Sat => return Ok(self.refuted(invariant).await),
            Answer::Open(verdict, reason) => return Ok(open(verdict, reason)),
            // Without assumptions there is nothing that could contradict itself.
            Answer::Unsat if assumptions.is_empty() => return Ok(decided(Verdict::Proved)),
            Answer::Unsat => {}
        }
        // Keeps the declarations and makes a new solver: half the price of beginning again, and
        // not the weaker incremental solver that push and pop would bring in.
        Ok(match self.check("(reset-assertions)\n", &assumptions).await? {
            Answer::Sat => decided(Verdict::Proved),
            Answer::Unsat => decided(Verdict::Vacuous),
            Answer::Open(verdict, reason) => open(
                verdict,
                format!(
                    "the claim follows, but it is open whether the assumptions can hold: {reason}"
                ),
            ),
        })
    }

    async fn check(&mut self, reset: &str, commands: &[&Command]) -> Result<Answer, Failure> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Failure::Late);
        }
        let mut text = format!("{reset}{}", options(self.limits, left));
        // Where each command begins in what was sent, to find the author's line for a message.
        let mut lines = Vec::with_capacity(commands.len());
        let mut at = self.solver.lines_sent + 1 + crate::lexer::count_lines(&text);
        for command in commands {
            lines.push((at, command.line));
            at += crate::lexer::count_lines(&command.text) + 1;
            text.push_str(&command.text);
            text.push('\n');
        }
        text.push_str("(check-sat)\n");
        let answer = self.solver.exchange(&text, MAX_ANSWER, self.end + GRACE).await;
        let answer = answer.map_err(|failure| match failure {
            Failure::Error(message) => Failure::Error(locate(&message, &lines)),
            other => other,
        })?;
        match answer.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["sat"] => Ok(Answer::Sat),
            ["unsat"] => Ok(Answer::Unsat),
            ["unknown"] => self.why_unknown().await,
            _ => Err(unexpected(&answer)),
        }
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
    async fn refuted(&mut self, invariant: &Invariant) -> Judgement {
        let deadline = self.end.max(Instant::now()) + GRACE;
        let refuted = |counterexample, reason, reusable| Judgement {
            verdict: Verdict::Refuted,
            counterexample,
            reason,
            reusable,
        };
        match self.solver.exchange("(get-model)\n", MAX_MODEL, deadline).await {
            Ok(lines) => match model::read(&lines.join("\n"), &invariant.symbols) {
                Some(counterexample) => refuted(Some(counterexample), None, true),
                None => {
                    refuted(None, Some("the counterexample could not be read".to_owned()), true)
                }
            },
            Err(failure) => {
                let why = self.explain(&failure);
                refuted(None, Some(format!("the counterexample could not be read: {why}")), false)
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

fn unexpected(answer: &[String]) -> Failure {
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
