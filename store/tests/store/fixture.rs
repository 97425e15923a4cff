//! What the tests of all concerns need: a tenant with a repository, pushes and proofs in short.

use sbh_domain::{
    Digest, DocumentId, Form, GitHost, InboxId, ProofDetail, RepositoryId, SyncId, TenantId,
    Verdict,
};
use sbh_store::Store;
use sbh_store::connection::{NewConnection, SealedCredential};
use sbh_store::inbox::{Accepted, NewNotice};
use sbh_store::repo_sync::{About, CanonicalText, DocumentChange, StagedSync};
use sbh_store::repository::NewRepository;
use sbh_store::spec_drift::{ProofRun, Recorded, StagedVerdict};
use sbh_store::testing::{TestDatabase, database};
use uuid::Uuid;

/// A tenant with one repository, whose first notice (of having been added) is answered.
pub struct Fleet {
    pub database: TestDatabase,
    pub store: Store,
    pub tenant: TenantId,
    pub repository: RepositoryId,
}

pub fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

pub async fn fleet() -> Fleet {
    let database = database().await;
    let store = database.store().await;
    let tenant = tenant("demo");
    store.ensure_tenant(&tenant).await.unwrap();
    let repository = add_repository(&store, &tenant, "specs").await;
    let fleet = Fleet { database, store, tenant, repository };
    fleet.push("c0", &[]).await;
    fleet
}

pub async fn add_repository(store: &Store, tenant: &TenantId, name: &str) -> RepositoryId {
    let new = NewRepository {
        connection: None,
        name: name.to_owned(),
        url: format!("https://git.example/{name}"),
        branch: None,
        hosted: None,
        globs: vec!["**/*.md".to_owned()],
    };
    store.add_repository(tenant, "ada", &new).await.unwrap().id
}

pub fn present(path: &str, text: &str) -> DocumentChange {
    moved(path, None, text)
}

pub fn moved(path: &str, from: Option<&str>, text: &str) -> DocumentChange {
    DocumentChange::Present {
        path: path.to_owned(),
        renamed_from: from.map(str::to_owned),
        blob: Digest::of(text).short(),
        about: About::default(),
        content: Ok(CanonicalText { hash: Digest::of(text), text: text.to_owned() }),
    }
}

pub fn absent(path: &str) -> DocumentChange {
    DocumentChange::Absent { path: path.to_owned() }
}

pub fn verdict(ordinal: i32, name: &str, verdict: Verdict) -> StagedVerdict {
    StagedVerdict {
        ordinal,
        name: name.to_owned(),
        story: Some("PAY-12".to_owned()),
        title: None,
        line: 10 * ordinal + 1,
        form: Some(Form::Claim),
        statement: Some(format!("(assert {name})")),
        statement_hash: Some(Digest::of(name)),
        verdict,
        duration_ms: 3.5,
        counterexample: (verdict == Verdict::Refuted)
            .then(|| serde_json::json!([{ "name": "x", "value": "1" }])),
        reason: None,
        detail: ProofDetail::default(),
        origin: "proved",
    }
}

pub fn run() -> ProofRun {
    ProofRun { workflow_id: "spec-drift/demo/d".to_owned(), run_id: Uuid::now_v7().to_string() }
}

pub fn github() -> GitHost {
    "github.com".parse().unwrap()
}

pub fn credential<'a>(sealed: &'a [u8], host: &'a GitHost) -> SealedCredential<'a> {
    SealedCredential { sealed, host: Some(host) }
}

/// A connection to GitHub, to be made.
pub fn hub<'a>(
    name: &'a str,
    sealed_secret: &'a [u8],
    credential: Option<SealedCredential<'a>>,
) -> NewConnection<'a> {
    NewConnection { source: "github", name, settings: &NO_SETTINGS, sealed_secret, credential }
}

static NO_SETTINGS: serde_json::Value = serde_json::Value::Null;

pub fn new_sync() -> SyncId {
    SyncId(Uuid::now_v7())
}

impl Fleet {
    pub fn notice(&self, key: &str) -> NewNotice {
        NewNotice {
            tenant: self.tenant.clone(),
            repository: self.repository,
            source: "github",
            connection: None,
            dedup_key: key.to_owned(),
            document_key: None,
            pull_number: None,
            hint: serde_json::json!({ "branch": "main" }),
            trace: None,
        }
    }

    /// Accepts a new notice.
    pub async fn accept(&self, key: &str) -> InboxId {
        match self.store.accept(&self.notice(key)).await.unwrap() {
            Accepted::New(id) => id,
            Accepted::Duplicate(id) => panic!("{key} is the same notice as {id}"),
        }
    }

    /// A whole synchronisation: reads the notices, stages the changes, finishes.
    pub async fn push(&self, commit: &str, changes: &[DocumentChange]) -> StagedSync {
        let sync = new_sync();
        let start = self.store.start_sync(&self.tenant, self.repository).await.unwrap();
        let staged =
            self.store.stage_documents(&self.tenant, self.repository, sync, changes).await.unwrap();
        self.store
            .finish_sync(&self.tenant, self.repository, sync, commit, &start.notices)
            .await
            .unwrap();
        staged
    }

    /// A synchronisation that takes the notices up and fails. Returns how many rows were parked.
    pub async fn fail(&self, reason: &str, max_attempts: i32) -> u64 {
        self.store.start_sync(&self.tenant, self.repository).await.unwrap();
        let failed =
            self.store.fail_notices(&self.tenant, self.repository, reason, max_attempts).await;
        failed.unwrap()
    }

    /// The document at a path.
    pub async fn document(&self, path: &str) -> DocumentId {
        let all = self.store.documents(&self.tenant, self.repository, None, 1_000).await.unwrap();
        all.into_iter().find(|document| document.path == path).unwrap().id
    }

    /// Stages and records verdicts for a content (`None`: the document is gone).
    pub async fn prove(
        &self,
        document: DocumentId,
        text: Option<&str>,
        verdicts: &[StagedVerdict],
    ) -> Recorded {
        let hash = text.map(Digest::of);
        if let Some(hash) = hash {
            self.store.stage_verdicts(&self.tenant, document, hash, verdicts).await.unwrap();
        }
        let total = u32::try_from(verdicts.len()).unwrap();
        self.store.record(&self.tenant, document, hash, total, &run()).await.unwrap()
    }

    /// How a row of the inbox stands: its state, and how it was closed.
    pub async fn state(&self, id: InboxId) -> String {
        let row = self.store.inbox_row(&self.tenant, id).await.unwrap();
        match row.reason {
            Some(reason) => format!("{}: {reason}", row.state),
            None => row.state,
        }
    }
}
