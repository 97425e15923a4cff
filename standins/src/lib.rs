//! Stand-ins for the services that tests cannot reach: Jira, Confluence, Google Drive, GitHub, Slack,
//! Amazon SES, and where Atlassian publishes keys and exchanges tokens. Each speaks HTTP on a loopback
//! port by its vendor's published shapes (the pages are named in its module), keeps its state in
//! memory, and is scripted by calls: documents are made, edited, moved and deleted; requests are
//! answered with errors, never, or by a cut connection; everything that arrived is listed.
//!
//! **A stand-in deduplicates nothing that the real service does not**: a message that is sent twice is
//! there twice.
//!
//! For tests, benchmarks and `sbh chaos` only. A stand-in that cannot do its work panics: it is test
//! code.
#![allow(clippy::unwrap_used, clippy::expect_used)]
#![allow(clippy::result_large_err, reason = "a refusal is the very answer that is sent")]

pub mod arrived;
pub mod atlassian;
pub mod confluence;
pub mod delivery;
pub mod fault;
pub mod git;
pub mod github;
pub mod google;
pub mod jira;
pub mod markup;
mod query;
pub mod service;
pub mod ses;
pub mod sign;
pub mod slack;
pub mod watchdog;

use std::io;

pub use arrived::Arrived;
pub use delivery::{Delivery, Patience};
pub use fault::Fault;
pub use markup::SpecText;
pub use service::Service;

/// All stand-ins, running. Dropping it ends them.
pub struct StandIns {
    /// Jira, Cloud and Data Center.
    pub jira: jira::Jira,
    /// Confluence, Cloud and Data Center.
    pub confluence: confluence::Confluence,
    /// Google's tokens and Drive.
    pub google: google::Google,
    /// GitHub's REST interface.
    pub github: github::GitHub,
    /// Slack's incoming webhooks and its Web API.
    pub slack: slack::Slack,
    /// Amazon SES.
    pub ses: ses::Ses,
    /// Atlassian's tokens and Forge's keys.
    pub atlassian: atlassian::Atlassian,
    /// `None` once they are being dropped.
    runtime: Option<tokio::runtime::Runtime>,
}

impl StandIns {
    /// Starts all of them on free ports. Works within and without a runtime of the caller's: the
    /// stand-ins have their own.
    ///
    /// # Errors
    /// When no port can be bound or no thread started.
    pub fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("standins")
            .enable_all()
            .build()?;
        let handle = &runtime.handle().clone();
        let jira = jira::Jira::start(handle)?;
        let confluence = confluence::Confluence::start(handle)?;
        let products = jira.for_apps().merge(confluence.for_apps());
        Ok(Self {
            jira,
            confluence,
            google: google::Google::start(handle)?,
            github: github::GitHub::start(handle)?,
            slack: slack::Slack::start(handle)?,
            ses: ses::Ses::start(handle)?,
            atlassian: atlassian::Atlassian::start(handle, products)?,
            runtime: Some(runtime),
        })
    }

    /// Each service by its name.
    pub fn services(&self) -> [(&'static str, &Service); 7] {
        [
            ("jira", &self.jira.service),
            ("confluence", &self.confluence.service),
            ("google", &self.google.service),
            ("github", &self.github.service),
            ("slack", &self.slack.service),
            ("ses", &self.ses.service),
            ("atlassian", &self.atlassian.service),
        ]
    }

    /// The settings (variables of the starter and the workers) with which a stack takes the stand-ins
    /// for the services. They are for tests only: one of them opens this machine's own addresses.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("SBH_OUTBOUND_ALLOW_ADDRESSES", "127.0.0.1".to_owned()),
            ("SBH_SOURCES_GITHUB_API_URL", self.github.service.url()),
            ("SBH_SOURCES_GOOGLE_API_URL", self.google.service.url()),
            ("SBH_SOURCES_GOOGLE_TOKEN_URL", format!("{}/token", self.google.service.url())),
            ("SBH_SOURCES_ATLASSIAN_API_URL", self.atlassian.service.url()),
            (
                "SBH_SOURCES_ATLASSIAN_TOKEN_URL",
                format!("{}/oauth/token", self.atlassian.service.url()),
            ),
            ("SBH_SOURCES_FORGE_KEYS_URL", self.atlassian.keys_url()),
            ("SBH_NOTIFY_SLACK_API_URL", format!("{}/api", self.slack.service.url())),
            ("SBH_NOTIFY_SLACK_WEBHOOK_URL", self.slack.service.url()),
            ("SBH_NOTIFY_EMAIL_FROM", "sbh@example.com".to_owned()),
            ("AWS_ENDPOINT_URL", self.ses.service.url()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "stand-in".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "stand-in".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
    }
}

impl Drop for StandIns {
    fn drop(&mut self) {
        for (_, service) in self.services() {
            service.stop();
        }
        // Within another runtime a runtime must not be waited for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
