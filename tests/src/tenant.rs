//! A tenant of its own for each test, and what a test does in it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::eventually::{SHORT, eventually};
use crate::ledger::Ledger;
use crate::webhook::{Delivery, push};
use crate::{Api, GitRepo, Stack};

/// A tenant with nothing in it, seen by its owner.
#[derive(Debug)]
pub struct Tenant<'a> {
    /// Its id.
    pub id: String,
    /// Its owner's calls.
    pub api: Api,
    /// The database behind it.
    pub ledger: Ledger,
    stack: &'a Stack,
}

/// A source of webhooks.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Its id.
    pub id: String,
    /// Its newest secret.
    pub secret: String,
}

impl<'a> Tenant<'a> {
    /// A tenant that no other test has: `name` with something unique behind it.
    pub async fn new(stack: &'a Stack, name: &str) -> Self {
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let id = format!("{name}-{}", &unique[..8]);
        let api = stack.api().with_token(Some(stack.token(&id, "owner")));
        Self { id, api, ledger: Ledger::open(stack).await, stack }
    }

    /// The calls of another role.
    pub fn role(&self, role: &str) -> Api {
        self.api.with_token(Some(self.stack.token(&self.id, role)))
    }

    /// Makes a connection for GitHub's webhooks.
    pub async fn connection(&self) -> Connection {
        let body = json!({ "source": "github", "name": format!("hooks {}", uuid::Uuid::new_v4()) });
        let made = self.api.post("/api/connections", &body).await.ok();
        let field = |name: &str| {
            made[name].as_str().unwrap_or_else(|| panic!("{name} in {made}")).to_owned()
        };
        Connection { id: field("id"), secret: field("secret") }
    }

    /// Tracks `specs/**` of a repository, announced by `connection` if any. Returns its id.
    pub async fn track(&self, repo: &GitRepo, connection: Option<&Connection>) -> String {
        self.track_branch(repo, connection, Some("main")).await
    }

    /// Tracks `specs/**` of a branch of a repository.
    pub async fn track_branch(
        &self,
        repo: &GitRepo,
        connection: Option<&Connection>,
        branch: Option<&str>,
    ) -> String {
        let body = json!({
            "url": repo.url(),
            "name": repo.name(),
            "branch": branch,
            "specs": ["specs/**"],
            "connection_id": connection.map(|c| &c.id),
        });
        let made = self.api.post("/api/repositories", &body).await.ok();
        made["id"].as_str().unwrap_or_else(|| panic!("id in {made}")).to_owned()
    }

    /// Announces that `main` moved to the repository's head. Returns the acknowledged notice.
    pub async fn announce(&self, connection: &Connection, repo: &GitRepo) -> String {
        let before = repo.resolve("HEAD~1").unwrap_or_else(|| crate::webhook::NO_COMMIT.to_owned());
        let payload = push(repo, "refs/heads/main", &before, &repo.head());
        self.deliver(connection, &Delivery::json("push", &payload, &connection.secret)).await
    }

    /// Delivers a webhook that must be acknowledged. Returns the notice.
    pub async fn deliver(&self, connection: &Connection, delivery: &Delivery) -> String {
        let answer = self.api.deliver(&connection.id, delivery).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
        notice(&answer.body)
    }

    /// Delivers a webhook again and again while the server says that it cannot take it now, as a
    /// person at GitHub would. Returns the notice.
    pub async fn insist(&self, connection: &Connection, delivery: &Delivery) -> String {
        eventually(SHORT, "the delivery to be acknowledged", async || {
            let answer = self.api.deliver(&connection.id, delivery).await;
            match answer.status.as_u16() {
                202 => Ok(notice(&answer.body)),
                500.. => Err(format!("{}: {}", answer.status, answer.body)),
                status => panic!("{status}: {}", answer.body),
            }
        })
        .await
    }

    /// Waits until nothing of the repository is open any more.
    pub async fn settled(&self, repository: &str) {
        self.settled_within(SHORT, repository).await;
    }

    /// The same with another deadline.
    pub async fn settled_within(&self, deadline: Duration, repository: &str) {
        let what = "all of the repository to be recorded";
        eventually(deadline, what, async || self.ledger.settled(repository).await).await;
    }

    /// Waits until a notice is closed. Returns how it ended.
    pub async fn closed(&self, notice: &str) -> String {
        eventually(SHORT, "the notice to be closed", async || self.ledger.closed(notice).await)
            .await
    }

    /// Every document of a repository, over all pages.
    pub async fn documents(&self, repository: &str) -> Vec<Value> {
        self.pages(&format!("/api/specs?repository={repository}")).await
    }

    /// The document at a path, if there is one.
    pub async fn find_document(&self, repository: &str, path: &str) -> Option<Value> {
        self.documents(repository).await.into_iter().find(|d| d["path"] == path)
    }

    /// The document at a path.
    pub async fn document(&self, repository: &str, path: &str) -> Value {
        let found = self.find_document(repository, path).await;
        found.unwrap_or_else(|| panic!("no document {path} in repository {repository}"))
    }

    /// The invariants of the document at a path, in their order, over all pages.
    pub async fn invariants(&self, repository: &str, path: &str) -> Vec<Value> {
        let document = self.document(repository, path).await;
        let id = document["id"].as_str().expect("a document has an id");
        self.pages(&format!("/api/specs/{id}/invariants")).await
    }

    /// Name and verdict of each invariant of the document at a path.
    pub async fn verdicts(&self, repository: &str, path: &str) -> Vec<(String, String)> {
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let invariants = self.invariants(repository, path).await;
        invariants.iter().map(|i| (text(&i["name"]), text(&i["verdict"]))).collect()
    }

    /// Every item of a list, page by page.
    pub async fn pages(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut request = self.api.request(reqwest::Method::GET, path);
            if let Some(cursor) = &cursor {
                request = request.query(&[("cursor", cursor)]);
            }
            let page = self.api.send(request).await.ok();
            let found = page["items"].as_array().unwrap_or_else(|| panic!("items in {page}"));
            items.extend(found.iter().cloned());
            match page["next_cursor"].as_str() {
                // A list that ends nowhere would be a defect, not a reason to hang.
                Some(next) if cursor.as_deref() != Some(next) => cursor = Some(next.to_owned()),
                Some(next) => panic!("the cursor {next} leads to itself"),
                None => return items,
            }
        }
    }
}

/// The notice that an acknowledgement names.
pub fn notice(body: &Value) -> String {
    body["id"].as_str().unwrap_or_else(|| panic!("id in {body}")).to_owned()
}
