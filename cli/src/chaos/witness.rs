//! What the API says about a run, asked for until it answers: parts may be away.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use sbh_api::audit::{AuditEntry, AuditVerification};
use sbh_api::inbox::InboxRow;
use sbh_api::spec_drift::{Document, Invariant};
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use super::origin::Origin;
use crate::client::Client;

/// How long one question may stay unanswered.
const PATIENCE: Duration = Duration::from_secs(60);

/// The pause between two looks.
const GLANCE: Duration = Duration::from_millis(250);

/// One recording of a document, as the audit log has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recording {
    /// The document's id.
    pub document: String,
    /// The digest of the recorded text, in full.
    pub hash: String,
}

/// Asks the API.
pub struct Witness<'a>(pub &'a Client);

impl Witness<'_> {
    /// A list, to its end.
    pub async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>> {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.0.list(path, usize::MAX).await {
                Ok(list) => return Ok(list),
                Err(error) if Instant::now() > end => {
                    return Err(error.context(format!("{path} is not answered")));
                }
                Err(_) => tokio::time::sleep(GLANCE).await,
            }
        }
    }

    /// One thing.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.0.get(path).await {
                Ok(found) => return Ok(found),
                Err(error) if Instant::now() > end => {
                    return Err(error.context(format!("{path} is not answered")));
                }
                Err(_) => tokio::time::sleep(GLANCE).await,
            }
        }
    }

    /// The documents of a source by their keys.
    pub async fn documents(&self, origin: &dyn Origin) -> Result<BTreeMap<String, Document>> {
        let path = format!("/api/specs?repository={}", origin.repository());
        let documents: Vec<Document> = self.list(&path).await?;
        Ok(documents.into_iter().map(|document| (document.path.clone(), document)).collect())
    }

    /// The invariants of a document.
    pub async fn invariants(&self, document: Uuid) -> Result<Vec<Invariant>> {
        self.list(&format!("/api/specs/{document}/invariants")).await
    }

    /// Every inbox row.
    pub async fn inbox(&self) -> Result<Vec<InboxRow>> {
        self.list("/api/inbox").await
    }

    /// Every recording, oldest first, once the audit log is sealed to its end. Fails when its chain is
    /// broken.
    pub async fn recordings(&self) -> Result<Vec<Recording>> {
        let end = Instant::now() + PATIENCE;
        loop {
            let found: AuditVerification = self.get("/api/audit/verify").await?;
            if let Some(broken) = found.broken {
                bail!("the audit log is broken: {broken}");
            }
            if found.unsealed == 0 {
                break;
            }
            if Instant::now() > end {
                bail!("{} entries of the audit log are not sealed", found.unsealed);
            }
            tokio::time::sleep(GLANCE).await;
        }
        let mut entries: Vec<AuditEntry> = self.list("/api/audit").await?;
        entries.reverse();
        let recorded = entries.into_iter().filter(|entry| entry.action == "document.record");
        let hash = |detail: &Value| detail["hash"].as_str().unwrap_or("gone").to_owned();
        Ok(recorded
            .map(|entry| Recording { document: entry.target, hash: hash(&entry.detail) })
            .collect())
    }

    /// Whether nothing is under way: no row is open, and every document of every source is recorded as
    /// it was seen. `Err` says what is missing.
    pub async fn settled(
        &self,
        origins: &[Box<dyn Origin>],
        expected: &Expected,
    ) -> Result<(), String> {
        let open: Vec<InboxRow> =
            self.0.list("/api/inbox?state=open", 1_000).await.map_err(|error| error.to_string())?;
        if !open.is_empty() {
            return Err(format!("{} notices open", open.len()));
        }
        let mut missing = 0;
        for origin in origins {
            let path = format!("/api/specs?repository={}", origin.repository());
            let documents: Vec<Document> =
                self.0.list(&path, usize::MAX).await.map_err(|error| error.to_string())?;
            let recorded: BTreeSet<&str> = documents
                .iter()
                .filter(|d| d.recorded.is_some() && d.observed == d.recorded)
                .map(|d| d.path.as_str())
                .collect();
            missing += expected
                .of(origin.as_ref())
                .filter(|document| !recorded.contains(origin.key(*document).as_str()))
                .count();
        }
        if missing > 0 { Err(format!("{missing} documents open")) } else { Ok(()) }
    }

    /// Waits until all is settled and every document shows its last edit.
    pub async fn settle(
        &self,
        origins: &[Box<dyn Origin>],
        expected: &Expected,
        deadline: Duration,
        said: impl Fn(&str),
    ) -> Result<()> {
        let end = Instant::now() + deadline;
        let mut shown: BTreeSet<usize> = BTreeSet::new();
        loop {
            let open = match self.settled(origins, expected).await {
                Ok(()) => self.not_shown(origins, expected, &mut shown).await,
                Err(open) => Some(open),
            };
            let Some(open) = open else { return Ok(()) };
            said(&open);
            if Instant::now() > end {
                bail!("not settled after {} s: {open}", deadline.as_secs());
            }
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// What the last edits' documents do not show yet: nothing is open, but an edit that nobody heard of
    /// is still to be found. `shown` holds the documents that need no further look.
    async fn not_shown(
        &self,
        origins: &[Box<dyn Origin>],
        expected: &Expected,
        shown: &mut BTreeSet<usize>,
    ) -> Option<String> {
        for origin in origins {
            let documents = match self.documents(origin.as_ref()).await {
                Ok(documents) => documents,
                Err(error) => return Some(error.to_string()),
            };
            for document in expected.of(origin.as_ref()) {
                if shown.contains(&document) {
                    continue;
                }
                let wanted = &expected.last[&document];
                let Some(found) = documents.get(&origin.key(document)) else {
                    return Some(format!("document {document} is not there"));
                };
                match self.invariants(found.id).await {
                    Ok(all) if all.iter().any(|i| i.name == wanted.invariant()) => {
                        shown.insert(document);
                    }
                    Ok(_) => {
                        return Some(format!("document {document} does not show its last edit"));
                    }
                    Err(error) => return Some(error.to_string()),
                }
            }
        }
        None
    }
}

/// Which documents there must be, and the last edit of each.
pub struct Expected {
    /// The last edits by document.
    pub last: BTreeMap<usize, super::script::Edit>,
    /// Which source a document is in.
    pub sources: usize,
    /// The kinds of the sources in their order.
    pub kinds: Vec<super::origin::Kind>,
}

impl Expected {
    /// The documents of a source.
    pub fn of(&self, origin: &dyn Origin) -> impl Iterator<Item = usize> {
        let source = self.kinds.iter().position(|kind| *kind == origin.kind());
        self.last.keys().copied().filter(move |document| Some(document % self.sources) == source)
    }
}

/// Counts equal things.
pub fn counted<T: Ord>(things: impl IntoIterator<Item = T>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    for thing in things {
        *counts.entry(thing).or_default() += 1;
    }
    counts
}
