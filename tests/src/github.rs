//! A repository whose connection is a GitHub App of the stand-in: its pushes and pull requests are
//! announced, and its check runs are looked at where they were posted.

use sbh_standins::StandIns;
use sbh_standins::github::{APP, CheckRun, INSTALLATION};
use serde_json::{Value, json};

use crate::eventually::{LONG, eventually};
use crate::webhook::Delivery;
use crate::{Connection, GitRepo, Stack, StackOptions, Tenant};

/// A stack that takes the stand-ins for the services.
pub struct World {
    /// The services.
    pub services: StandIns,
    /// The stack.
    pub stack: Stack,
}

impl World {
    /// Starts both.
    pub fn start(options: StackOptions) -> Self {
        let services = StandIns::start().expect("the stand-ins start");
        let settings = services.settings();
        let options =
            settings.into_iter().fold(options, |options, (name, value)| options.set(name, value));
        Self { stack: Stack::start(options), services }
    }
}

/// A tracked repository of an App.
pub struct AtGitHub<'a> {
    /// Its tenant.
    pub tenant: Tenant<'a>,
    /// The repository.
    pub repo: GitRepo,
    /// The App's connection.
    pub connection: Connection,
    /// The id of the tracked repository; empty until [`AtGitHub::track`].
    pub repository: String,
    world: &'a World,
}

impl<'a> AtGitHub<'a> {
    /// An empty repository with a connection of the App that posts check runs.
    pub async fn new(world: &'a World, name: &str) -> Self {
        let tenant = Tenant::new(&world.stack, name).await;
        let settings = json!({ "app_id": APP, "installation_id": INSTALLATION, "checks": true });
        let body = json!({
            "source": "github",
            "name": format!("app {name}"),
            "settings": settings,
            "credential": world.services.github.app_key(),
            // The remote is a folder: git is shown nothing.
            "credential_host": "",
        });
        let made = tenant.api.post("/api/connections", &body).await.ok();
        let field = |name: &str| made[name].as_str().expect("a text").to_owned();
        let connection = Connection { id: field("id"), secret: field("secret") };
        let repo = world.stack.repo(name);
        Self { tenant, repo, connection, repository: String::new(), world }
    }

    /// Tracks it, and waits until its first commit is recorded.
    pub async fn track(&mut self) {
        self.repository = self.tenant.track(&self.repo, Some(&self.connection)).await;
        self.tenant.settled(&self.repository).await;
    }

    /// Announces the head of `main`. Returns the notice.
    pub async fn announce(&self) -> String {
        self.tenant.announce(&self.connection, &self.repo).await
    }

    /// Makes the commit at `HEAD` the head of a pull request, as GitHub shows it, and announces it.
    /// Returns the notice.
    pub async fn announce_pull(&self, number: u64, action: &str) -> String {
        let head = self.repo.head();
        self.repo.git(&["update-ref", &format!("refs/pull/{number}/head"), &head]);
        self.deliver_pull(number, action, &head).await
    }

    /// Announces a pull request with any head. Returns the notice.
    pub async fn deliver_pull(&self, number: u64, action: &str, head: &str) -> String {
        let payload = self.pull_payload(number, action, head);
        let delivery = Delivery::json("pull_request", &payload, &self.connection.secret);
        self.tenant.deliver(&self.connection, &delivery).await
    }

    /// The payload of a `pull_request` event.
    pub fn pull_payload(&self, number: u64, action: &str, head: &str) -> Value {
        let base = self.repo.resolve("main").expect("main");
        let (name, url) = (self.repo.name(), self.repo.url());
        sbh_standins::github::pull_request(&name, &url, action, number, head, &base)
    }

    /// The check runs of the repository, in the order in which they were made.
    pub fn runs(&self) -> Vec<CheckRun> {
        let name = format!("remotes/{}", self.repo.name()).to_lowercase();
        let runs = self.world.services.github.check_runs();
        runs.into_iter().filter(|run| run.repository.to_lowercase() == name).collect()
    }

    /// The check runs of a commit.
    pub fn runs_of(&self, commit: &str) -> Vec<CheckRun> {
        self.runs().into_iter().filter(|run| run.head_sha == commit).collect()
    }

    /// Waits until the one check run of a commit is concluded. Returns it.
    pub async fn concluded(&self, commit: &str) -> CheckRun {
        eventually(LONG, "the check run to be concluded", async || {
            let runs = self.runs_of(commit);
            match runs.as_slice() {
                [run] if run.conclusion.is_some() => Ok(run.clone()),
                [_, _, ..] => panic!("more than one check run of {commit}: {runs:?}"),
                _ => Err(format!("{runs:?}")),
            }
        })
        .await
    }

    /// Waits until nothing more is to be told.
    pub async fn told(&self) {
        eventually(LONG, "everything to be told", async || {
            let query = "SELECT count(*) FROM check_runs WHERE tenant_id = $1 AND due";
            match self.tenant.ledger.count(query, &self.tenant.id).await {
                0 => Ok(()),
                due => Err(format!("{due} check runs are due")),
            }
        })
        .await;
    }
}
