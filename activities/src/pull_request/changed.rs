//! What a pull request changes: its head fetched, compared, and the changed texts read.

use sbh_domain::canonical::canonical_text;
use sbh_store::repository::Repository;

use super::PullRequest;
use crate::error::{Failure, FailureKind};
use crate::git::Mirror;
use crate::git::pull::{ComparedWith, PullHead};
use crate::repo_sync::plan::{Filter, Step};
use crate::repo_sync::reading::text_of;

/// Documents that one pull request may change: more are a job for the branch.
const DOCUMENTS: usize = 5_000;
/// Bytes of their texts, which are held at once.
const BYTES: usize = 64 << 20;

/// A changed document.
#[derive(Debug)]
pub(super) struct Document {
    /// Its path at the head; where it is gone, its last one.
    pub(super) path: String,
    /// Its path on the branch, where that was another.
    pub(super) was_at: Option<String>,
    /// Its canonical text, or why it has none; `None`: it is gone.
    pub(super) text: Option<Result<String, String>>,
}

/// What is to be judged.
#[derive(Debug)]
pub(super) struct Changed {
    /// The head.
    pub(super) head: String,
    /// The commit that it is compared with.
    pub(super) base: String,
    /// How that was found.
    pub(super) compared_with: ComparedWith,
    /// The documents.
    pub(super) documents: Vec<Document>,
}

impl PullRequest {
    /// The documents that a head changes since it left the tracked branch, or against what is recorded.
    pub(super) async fn changed(
        &self,
        mirror: &Mirror,
        repository: &Repository,
        found: PullHead,
    ) -> Result<Changed, Failure> {
        let PullHead { head, merge_base } = found;
        let filter = Filter::new(&repository.globs)?;
        let (base, compared_with) = match (merge_base, &repository.baseline) {
            (Some(base), _) => (base, ComparedWith::MergeBase),
            (None, Some(baseline)) => match mirror.commit(baseline).await? {
                Some(baseline) => (baseline, ComparedWith::Baseline),
                None => return Err(unrelated(&head)),
            },
            (None, None) => return Err(unrelated(&head)),
        };
        let plan = filter.changes(&mirror.differences(&base, &head).await?);
        if plan.steps.len() > DOCUMENTS {
            let message = format!(
                "the pull request changes {} documents; {DOCUMENTS} are judged at most: split it",
                plan.steps.len()
            );
            return Err(Failure::new(FailureKind::Quota, message));
        }
        let limit = self.git.max_document_bytes();
        let (mut documents, mut bytes, mut blobs) = (Vec::new(), 0, mirror.blobs()?);
        for step in plan.steps {
            documents.push(match step {
                Step::Drop { path } => Document { path, was_at: None, text: None },
                Step::Read { path, renamed_from, object } => {
                    let text = text_of(blobs.read(&object, limit).await?, limit);
                    let text = text.map(|text| canonical_text(&text.text)).map_err(|(_, why)| why);
                    bytes += text.as_ref().map_or(0, String::len);
                    Document { path, was_at: renamed_from, text: Some(text) }
                }
            });
            if bytes > BYTES {
                let message = format!(
                    "the pull request changes more than {} MB of documents: split it",
                    BYTES >> 20
                );
                return Err(Failure::new(FailureKind::Quota, message));
            }
        }
        Ok(Changed { head, base, compared_with, documents })
    }
}

fn unrelated(head: &str) -> Failure {
    let short: String = head.chars().take(8).collect();
    Failure::new(
        FailureKind::BranchMissing,
        format!("the head {short} has no commit in common with the tracked branch within reach"),
    )
}
