//! `repo_sync.sync` of a hosted space: its documents are fetched one by one and staged.
//!
//! A service that asks to be left alone, and a document that cannot be fetched, hold up what is left
//! and nothing else: what was fetched is staged, and the notices about it are answered.

use std::time::Duration;

use futures::{StreamExt, stream};
use sbh_domain::{Digest, canonical::canonical_text};
use sbh_sources::{FetchError, Fetched, Fetching, HostedDocument};
use sbh_store::StoreError;
use sbh_store::repo_sync::{About, CanonicalText, DocumentChange, StagedSync};
use sbh_store::repository::Repository;
use sbh_store::space::{MAX_KEY, SpaceStart, WantedDocument};
use sbh_workflows::repo_sync::{SyncInput, SyncOutcome};
use serde::Serialize;

use super::RepoSync;
use super::reader::{Reader, Stop};
use crate::access::{Access, failure};
use crate::error::{Failure, FailureKind};
use crate::pulse::Pulse;

/// Documents fetched between two transactions at most.
const BATCH: i64 = 64;
/// Pages of one listing at most: a service that never ends is a broken one.
const MAX_PAGES: u32 = 10_000;

/// How far a synchronisation is.
#[derive(Debug, Serialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
enum Progress {
    /// Listing what changed.
    Listing { pages: u32 },
    /// Fetching documents.
    Fetching { done: usize },
}

/// Why a synchronisation ended before everything was fetched.
#[derive(Default)]
struct Held {
    /// The service asks to be left alone for so long.
    pause: Option<Duration>,
    /// Something else.
    trouble: Option<Failure>,
    /// Whether the space was listed to its end, where that was wanted.
    unlisted: bool,
}

impl Held {
    /// Notes why something could not be read. Whether it is worth trying others.
    fn by(&mut self, of: &str, stop: Stop) -> bool {
        let trouble = match stop {
            Stop::Fetch(FetchError::RateLimited { after }) => {
                self.pause = Some(self.pause.unwrap_or_default().max(after));
                return false;
            }
            Stop::Fetch(error) => failure(of, &error),
            Stop::Failed(failure) => failure,
        };
        // One document that is not understood says nothing about the others.
        let alone = trouble.kind == FailureKind::Unexpected;
        self.trouble.get_or_insert(trouble);
        alone
    }
}

impl RepoSync {
    /// Fetches and stages what the notices name, or what changed since the last listing.
    pub(super) async fn follow_space(
        &self,
        pulse: &Pulse,
        input: &SyncInput,
    ) -> Result<SyncOutcome, Failure> {
        let SyncInput { tenant, repository: id, sync, .. } = input;
        let start = match self.parts.store.start_space_sync(tenant, *id).await {
            // Removed meanwhile: its notices are closed, and there is nothing to follow.
            Err(StoreError::NotFound { .. }) => return Ok(super::sync::nothing()),
            start => start?,
        };
        let SpaceStart { repository, notices, whole } = start;
        let access = self.open(&repository).await?;
        let reader = Reader::new(&self.parts, &self.paces, &repository, access.as_ref());
        let mut held = Held::default();
        if whole || repository.baseline.is_none() {
            self.list(pulse, input, &repository, &reader, &mut held).await?;
        }
        let mut staged = StagedSync { changed: 0, removed: 0 };
        if held.pause.is_none() && held.trouble.is_none() {
            self.fetch_all(pulse, input, &repository, &reader, &mut held, &mut staged).await?;
        }
        let store = &self.parts.store;
        let finished =
            store.finish_space_sync(tenant, *id, *sync, &notices, !held.unlisted).await?;
        // An earlier attempt may have staged, and nobody learned of it.
        staged.changed = staged.changed.max(finished.staged.saturating_sub(staged.removed));
        if let Some(trouble) = held.trouble {
            return Err(trouble);
        }
        let retry_after_s = held.pause.map(|pause| pause.as_secs().max(1));
        tracing::info!(
            changed = staged.changed,
            removed = staged.removed,
            answered = finished.answered,
            notices = notices.len(),
            retry_after_s,
            "a space is synchronised"
        );
        Ok(SyncOutcome {
            commit: None,
            changed: staged.changed,
            removed: staged.removed,
            notices: finished.answered,
            retry_after_s,
        })
    }

    /// The connection that a space is read through; `None` for uploads, which are in the store.
    async fn open(&self, repository: &Repository) -> Result<Option<Access>, Failure> {
        let source = sbh_sources::by_name(&repository.source);
        if source.is_some_and(|source| source.fetching() == Fetching::Store) {
            return Ok(None);
        }
        let Some(connection) = repository.connection else {
            let message = format!("{} has no connection to be read through", repository.url);
            return Err(Failure::new(FailureKind::Address, message));
        };
        Access::open(&self.parts, &repository.tenant, connection).await.map(Some)
    }

    /// Adds what changed since the last listing to what is to be fetched.
    async fn list(
        &self,
        pulse: &Pulse,
        input: &SyncInput,
        repository: &Repository,
        reader: &Reader<'_>,
        held: &mut Held,
    ) -> Result<(), Failure> {
        let SyncInput { tenant, repository: id, sync, .. } = input;
        let mut cursor = repository.baseline.clone();
        if cursor.is_none() {
            self.metrics.full_listings.inc();
        }
        let mut everything = false;
        for pages in 1..=MAX_PAGES {
            pulse.note(Progress::Listing { pages });
            let page = match reader.list(cursor.as_deref()).await {
                Ok(page) => page,
                Err(Stop::Fetch(FetchError::StaleCursor)) if cursor.is_some() => {
                    tracing::info!("the last listing is too old: everything is listed anew");
                    self.metrics.full_listings.inc();
                    cursor = None;
                    continue;
                }
                Err(stop) => {
                    held.by(&repository.url, stop);
                    held.unlisted = true;
                    return Ok(());
                }
            };
            everything |= page.everything;
            let usable = |key: &String| {
                key.len() <= MAX_KEY && !key.is_empty() && !key.chars().any(char::is_control)
            };
            let (gone, changed): (Vec<_>, Vec<_>) =
                page.documents.into_iter().partition(|document| document.removed);
            let all = changed.len();
            let changed: Vec<_> =
                changed.into_iter().map(|document| document.key).filter(usable).collect();
            self.metrics.refused.with_label_values(&["path"]).inc_by((all - changed.len()) as u64);
            let gone: Vec<_> =
                gone.into_iter().map(|document| document.key).filter(usable).collect();
            // Of a listing that names every document, those that it does not name are gone: fetching
            // them shows it.
            let rest = everything && !page.more;
            let noted = self
                .parts
                .store
                .note_listing(tenant, *id, *sync, &page.cursor, &changed, &gone, rest)
                .await;
            match noted {
                Err(StoreError::Unreadable(_)) => {
                    let message = format!("{}: the listing has no usable cursor", repository.url);
                    return Err(Failure::new(FailureKind::Unexpected, message));
                }
                noted => noted?,
            }
            if !page.more {
                return Ok(());
            }
            if cursor.as_deref() == Some(page.cursor.as_str()) {
                break;
            }
            cursor = Some(page.cursor);
        }
        let message = format!("{}: the listing does not come to an end", repository.url);
        Err(Failure::new(FailureKind::Unexpected, message))
    }

    /// Fetches and stages all that is to be fetched, as far as the service lets it.
    async fn fetch_all(
        &self,
        pulse: &Pulse,
        input: &SyncInput,
        repository: &Repository,
        reader: &Reader<'_>,
        held: &mut Held,
        staged: &mut StagedSync,
    ) -> Result<(), Failure> {
        let SyncInput { tenant, repository: id, sync, .. } = input;
        let (store, mut after, mut done) = (&self.parts.store, String::new(), 0);
        loop {
            let page = store.wanted_documents(tenant, *id, &after, BATCH).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after.clone_from(&last.key);
            let is_last = (page.len() as i64) < BATCH;
            let mut fetching = stream::iter(page)
                .map(|wanted| async move {
                    let fetched = reader.fetch(&wanted.key).await;
                    (wanted, fetched)
                })
                .buffer_unordered(self.parts.config.sources.fetches_at_once.max(1));
            let (mut fetched, mut go_on) = (Vec::new(), true);
            while let Some((wanted, result)) = fetching.next().await {
                match result {
                    Ok(document) => {
                        done += 1;
                        fetched.push(self.change(repository, wanted, document));
                    }
                    Err(stop) => {
                        self.fetched(repository, stop.label());
                        let of = format!("{} of {}", wanted.key, repository.url);
                        go_on &= held.by(&of, stop);
                    }
                }
                pulse.note(Progress::Fetching { done });
            }
            drop(fetching);
            if !fetched.is_empty() {
                let batch = store.stage_fetched(tenant, *id, *sync, fetched).await?;
                staged.changed += batch.changed;
                staged.removed += batch.removed;
                self.metrics.documents.with_label_values(&["present"]).inc_by(batch.changed.into());
                self.metrics.documents.with_label_values(&["absent"]).inc_by(batch.removed.into());
            }
            if is_last || !go_on {
                return Ok(());
            }
        }
    }

    /// What was fetched, as a change of the document.
    fn change(
        &self,
        repository: &Repository,
        wanted: WantedDocument,
        fetched: Fetched,
    ) -> (WantedDocument, DocumentChange) {
        let path = wanted.key.clone();
        let change = match fetched {
            Fetched::Absent => {
                self.fetched(repository, "absent");
                DocumentChange::Absent { path }
            }
            Fetched::Present(document) => {
                let HostedDocument { title, url, version, text, .. } = document;
                let content = text.and_then(|text| self.canonical(&text));
                self.fetched(repository, if content.is_ok() { "present" } else { "unreadable" });
                let title = Some(title).filter(|title| !title.is_empty());
                DocumentChange::Present {
                    path,
                    renamed_from: None,
                    blob: version.chars().take(200).collect(),
                    about: About { title, url },
                    content,
                }
            }
        };
        (wanted, change)
    }

    fn canonical(&self, text: &str) -> Result<CanonicalText, String> {
        let limit = self.parts.config.sources.max_document_bytes;
        if text.len() as u64 > limit {
            return Err(format!(
                "the document has {} bytes of text; one may have {limit}: split it",
                text.len()
            ));
        }
        let text = canonical_text(text);
        Ok(CanonicalText { hash: Digest::of(&text), text })
    }

    fn fetched(&self, repository: &Repository, result: &str) {
        self.metrics.fetches.with_label_values(&[repository.source.as_str(), result]).inc();
    }
}
