//! The activity `pull_request.judge`.

use std::time::{Duration, Instant};

use sbh_domain::{InboxId, Verdict, VerdictCounts};
use sbh_store::StoreError;
use sbh_store::pull_request::{
    BaselineDocument, PullBaseline, PullJudgement, PullProof, PullStart,
};
use sbh_store::spec_drift::RecordedInvariant;
use sbh_workflows::pull_request::{JudgeInput, JudgeOutcome};
use serde::Serialize;

use super::PullRequest;
use super::changed::{Changed, Document};
use super::compare::{self, Before};
use crate::check_run::report::last_line;
use crate::error::{Failure, FailureKind, PATIENCE};
use crate::git::pull::ComparedWith;
use crate::pulse::Pulse;
use crate::repo_sync::remote_of;

/// Blocks judged together.
const WINDOW: usize = 64;
/// Between two looks whether the head moved.
const LOOK: Duration = Duration::from_secs(1);
/// Verdicts that one pull request may have.
const VERDICTS: usize = 50_000;

/// How far the judging is.
#[derive(Debug, Serialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
enum Progress<'a> {
    Fetching,
    Proving { head: &'a str, done: usize, of: usize },
}

impl PullRequest {
    /// Judges the head. A failure that counts is noted with the notices that asked.
    pub(crate) async fn judge_or_note(
        &self,
        pulse: &Pulse,
        input: &JudgeInput,
        attempt: u32,
    ) -> Result<JudgeOutcome, Failure> {
        let result = self.judge_head(pulse, input).await;
        let label = match &result {
            Ok((_, label)) => label,
            Err(failure) => failure.kind.type_name(),
        };
        self.metrics.heads.with_label_values(&[label]).inc();
        let mut failure = match result {
            Ok((outcome, _)) => return Ok(outcome),
            Err(failure) if failure.kind.is_final() || attempt >= PATIENCE => failure,
            Err(failure) => return Err(failure),
        };
        let JudgeInput { tenant, repository, number, .. } = input;
        let reason = failure.to_string();
        tracing::warn!(%tenant, %repository, number, reason, "a pull request cannot be judged");
        // Where only a person can help, trying again hides the reason.
        let person = failure.kind.needs_a_person() || failure.kind == FailureKind::Quota;
        let most = if person { 1 } else { self.parts.config.starter.max_attempts };
        let store = &self.parts.store;
        match store.fail_pull(tenant, *repository, *number, &reason, most).await {
            Ok(0) => {}
            Ok(parked) => {
                failure.message.push_str(&format!("; {parked} notices are parked: sbh inbox"));
            }
            Err(error) => return Err(error.into()),
        }
        Err(failure)
    }

    async fn judge_head(
        &self,
        pulse: &Pulse,
        input: &JudgeInput,
    ) -> Result<(JudgeOutcome, &'static str), Failure> {
        let JudgeInput { tenant, repository: id, number, .. } = input;
        let store = &self.parts.store;
        pulse.note(Progress::Fetching);
        let start = match store.start_pull(tenant, *id, *number).await {
            // Removed meanwhile: its notices are closed, and there is nothing to judge.
            Err(StoreError::NotFound { .. }) => return Ok((JudgeOutcome::default(), "nothing")),
            start => start?,
        };
        let PullStart { repository, notices } = start;
        if notices.is_empty() {
            // Somebody answered them already.
            return Ok((JudgeOutcome::default(), "nothing"));
        }
        let changed = {
            let mirror = self.git.mirror(tenant, *id).await?;
            let remote = remote_of(&self.parts, &self.git, tenant, &repository).await?;
            let found = mirror.fetch_pull(&remote, repository.branch.as_deref(), *number).await?;
            store.want_pull_check(tenant, *id, *number, &found.head, &notices).await?;
            // The texts are read: others may have the mirror while these are proved.
            let changed = self.changed(&mirror, &repository, found).await;
            if let Err(Failure { kind: FailureKind::Mirror, message }) = &changed {
                tracing::warn!(message, "the mirror is thrown away");
                mirror.discard().await?;
            }
            changed?
        };
        let baseline = self.baseline(input, &changed).await?;
        let Some(mut proofs) = self.prove(pulse, input, &changed, &baseline).await? else {
            let head = Some(changed.head);
            let outcome = JudgeOutcome { head, superseded: true, ..JudgeOutcome::default() };
            return Ok((outcome, "superseded"));
        };
        let elsewhere = self.elsewhere(input, &proofs, &baseline.documents).await?;
        let was: VerdictCounts = baseline
            .documents
            .iter()
            .flat_map(|document| document.invariants.iter().map(|(_, effective)| *effective))
            .collect();
        let before = Before { counts: baseline.counts, changed: was, elsewhere: &elsewhere };
        let after = compare::after(&before, &mut proofs);
        self.record(input, &repository.baseline, changed, &before.counts, &after, proofs, &notices)
            .await
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one judgement")]
    async fn record(
        &self,
        input: &JudgeInput,
        recorded: &Option<String>,
        changed: Changed,
        before: &VerdictCounts,
        after: &VerdictCounts,
        proofs: Vec<PullProof>,
        notices: &[InboxId],
    ) -> Result<(JudgeOutcome, &'static str), Failure> {
        let JudgeInput { tenant, repository, number, .. } = input;
        let note = match (changed.compared_with, recorded) {
            (ComparedWith::Baseline, _) => Some(
                "No commit in common was found: the head is compared with the recorded commit of the tracked branch.",
            ),
            (_, None) => Some("Nothing is recorded of the tracked branch yet."),
            _ => None,
        };
        let documents = changed.documents.len();
        let report = compare::report(documents, before, after, &proofs, note);
        let label = match report.conclusion.as_str() {
            "success" => "success",
            "failure" => "failure",
            _ => "neutral",
        };
        let count = u32::try_from(documents).unwrap_or(u32::MAX);
        let judgement = PullJudgement {
            head: changed.head,
            base: changed.base,
            compared_with: changed.compared_with.as_str(),
            baseline: recorded.clone(),
            documents: i32::try_from(count).unwrap_or(i32::MAX),
            before: *before,
            after: *after,
            proofs,
            report: serde_json::json!(report),
        };
        let store = &self.parts.store;
        store.finish_pull(tenant, *repository, *number, &judgement, notices).await?;
        tracing::info!(
            head = judgement.head,
            documents,
            conclusion = label,
            "a pull request is judged"
        );
        let outcome = JudgeOutcome {
            head: Some(judgement.head),
            superseded: false,
            documents: count,
            before: *before,
            after: *after,
            notices: u32::try_from(notices.len()).unwrap_or(u32::MAX),
        };
        Ok((outcome, label))
    }

    /// What the tracked branch has at the paths of the changed documents, old ones included.
    async fn baseline(
        &self,
        input: &JudgeInput,
        changed: &Changed,
    ) -> Result<PullBaseline, Failure> {
        let paths: Vec<String> = changed
            .documents
            .iter()
            .flat_map(|document| [Some(document.path.clone()), document.was_at.clone()])
            .flatten()
            .collect();
        Ok(self.parts.store.pull_baseline(&input.tenant, input.repository, &paths).await?)
    }

    async fn elsewhere(
        &self,
        input: &JudgeInput,
        proofs: &[PullProof],
        documents: &[BaselineDocument],
    ) -> Result<Vec<(String, Verdict)>, Failure> {
        let names: Vec<String> = proofs.iter().map(|proof| proof.name.clone()).collect();
        let but: Vec<_> = documents.iter().map(|document| document.id).collect();
        let store = &self.parts.store;
        Ok(store.names_elsewhere(&input.tenant, input.repository, &names, &but).await?)
    }

    /// The verdicts on all blocks of the changed documents. `None`: a newer head came.
    async fn prove(
        &self,
        pulse: &Pulse,
        input: &JudgeInput,
        changed: &Changed,
        baseline: &PullBaseline,
    ) -> Result<Option<Vec<PullProof>>, Failure> {
        let mut proofs: Vec<PullProof> = Vec::new();
        let mut looked = Instant::now();
        let of = changed.documents.len();
        for (done, document) in changed.documents.iter().enumerate() {
            pulse.note(Progress::Proving { head: &changed.head, done, of });
            let text = match &document.text {
                None => continue,
                Some(Err(why)) => {
                    proofs.push(unreadable(document, why));
                    continue;
                }
                Some(Ok(text)) => text,
            };
            let old = document.was_at.as_deref().unwrap_or(&document.path);
            let recorded = baseline.documents.iter().find(|recorded| recorded.path == old);
            let known: Vec<RecordedInvariant> = recorded
                .map(|recorded| recorded.invariants.iter().map(|(own, _)| own.clone()).collect())
                .unwrap_or_default();
            let blocks = self.judge.blocks_of(&document.path, text.clone()).await?;
            for (index, window) in blocks.chunks(WINDOW).enumerate() {
                if looked.elapsed() >= LOOK {
                    looked = Instant::now();
                    let JudgeInput { tenant, repository, number, .. } = input;
                    if self.parts.store.pull_moved(tenant, *repository, *number).await? {
                        return Ok(None);
                    }
                }
                let first = index * WINDOW;
                let judged = self.judge.judge_apart(&input.tenant, window, first, &known).await;
                proofs.extend(judged.into_iter().map(|staged| {
                    let line = u32::try_from(staged.line).unwrap_or(1);
                    let end = last_line(&document.path, text, line);
                    PullProof {
                        path: document.path.clone(),
                        ordinal: staged.ordinal,
                        was: was(recorded, &staged.name),
                        name: staged.name,
                        title: staged.title,
                        line: staged.line,
                        end_line: i32::try_from(end).unwrap_or(staged.line),
                        verdict: staged.verdict,
                        counterexample: staged.counterexample,
                        reason: staged.reason,
                        origin: staged.origin.to_owned(),
                    }
                }));
                if proofs.len() > VERDICTS {
                    let message = format!(
                        "the pull request changes more than {VERDICTS} invariants: split it"
                    );
                    return Err(Failure::new(FailureKind::Quota, message));
                }
            }
        }
        Ok(Some(proofs))
    }
}

/// The verdict that counts now for a name in a document.
fn was(recorded: Option<&BaselineDocument>, name: &str) -> Option<Verdict> {
    let found = recorded?.invariants.iter().find(|(own, _)| own.name == name);
    found.map(|(_, effective)| *effective)
}

fn unreadable(document: &Document, why: &str) -> PullProof {
    PullProof {
        path: document.path.clone(),
        ordinal: 0,
        name: "document".to_owned(),
        title: None,
        line: 1,
        end_line: 1,
        verdict: Verdict::Error,
        was: None,
        counterexample: None,
        reason: Some(why.to_owned()),
        origin: "proved".to_owned(),
    }
}
