//! Values that have the right type and still cannot be meant.

use super::{Config, ConfigError};

impl Config {
    /// Refuses values that would only fail later and elsewhere. `name` gives a field's name as its
    /// author knows it. Addresses that may hold passwords are not repeated.
    pub(super) fn check(&self, name: &dyn Fn(&str, &str) -> String) -> Result<(), ConfigError> {
        let refuse = |section: &str, field: &str, reason: &str| {
            Err(ConfigError::Field { field: name(section, field), reason: reason.to_owned() })
        };
        for (field, url) in
            [("app_url", &self.database.app_url), ("dispatch_url", &self.database.dispatch_url)]
        {
            if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
                return refuse(
                    "database",
                    field,
                    "write postgres://role:password@host:port/database",
                );
            }
        }
        let http = |url: &str| url.starts_with("http://") || url.starts_with("https://");
        if !http(&self.temporal.address) {
            return refuse("temporal", "address", "write http://host:port");
        }
        if self.temporal.namespace.is_empty() {
            return refuse("temporal", "namespace", "it must not be empty");
        }
        if !self.valkey.url.starts_with("redis://") {
            return refuse("valkey", "url", "write redis://host:port");
        }
        if !http(&self.starter.public_url) {
            return refuse("starter", "public_url", "write http://host:port or https://host");
        }
        if self.auth.jwks_url.as_deref().is_some_and(|url| !http(url)) {
            return refuse("auth", "jwks_url", "write https://host/path");
        }
        let sources = &self.sources;
        for (field, url) in [
            ("github_api_url", &sources.github_api_url),
            ("google_api_url", &sources.google_api_url),
            ("google_token_url", &sources.google_token_url),
            ("atlassian_api_url", &sources.atlassian_api_url),
            ("atlassian_token_url", &sources.atlassian_token_url),
            ("forge_keys_url", &sources.forge_keys_url),
        ] {
            if !http(url) {
                return refuse("sources", field, "write https://host/path");
            }
        }
        for (field, url) in [
            ("slack_api_url", &self.notify.slack_api_url),
            ("slack_webhook_url", &self.notify.slack_webhook_url),
        ] {
            if !http(url) {
                return refuse("notify", field, "write https://host/path");
            }
        }
        let positive = [
            ("notify", "at_once", self.notify.at_once as u64),
            ("drift", "backlog_after_s", self.drift.backlog_after_s),
            ("drift", "backlog_every_s", self.drift.backlog_every_s),
            ("database", "max_connections", self.database.max_connections.into()),
            ("starter", "max_open_notices", self.starter.max_open_notices.max(0).unsigned_abs()),
            ("starter", "max_attempts", self.starter.max_attempts.max(0).unsigned_abs().into()),
            ("starter", "retention_days", self.starter.retention_days),
            ("workers", "max_proofs", self.workers.max_proofs as u64),
            ("workers", "max_syncs", self.workers.max_syncs as u64),
            ("git", "mirror_quota_mb", self.git.mirror_quota_mb),
            ("git", "max_document_bytes", self.git.max_document_bytes),
            ("git", "fetch_timeout_s", self.git.fetch_timeout_s),
            ("git", "poll_s", self.git.poll_s),
            ("sources", "upkeep_s", sources.upkeep_s),
            ("sources", "fetches_at_once", sources.fetches_at_once as u64),
            ("sources", "fetches_per_s", sources.fetches_per_s.into()),
            ("sources", "max_document_bytes", sources.max_document_bytes),
            ("sources", "silent_after_polls", sources.silent_after_polls.into()),
            ("prover", "processes", self.prover.processes as u64),
            ("prover", "time_ms", self.prover.time_ms),
            ("prover", "memory_mb", self.prover.memory_mb),
            ("prover", "rlimit", self.prover.rlimit),
        ];
        for (section, field, value) in positive {
            if value == 0 {
                return refuse(section, field, "it must be 1 or more");
            }
        }
        if !(0.0..=1.0).contains(&self.prover.audit_share) {
            return refuse("prover", "audit_share", "it must be from 0.0 to 1.0");
        }
        if !(0.0..=1.0).contains(&self.prover.compare_share) {
            return refuse("prover", "compare_share", "it must be from 0.0 to 1.0");
        }
        if self.debounce.max_ms < self.debounce.quiet_ms {
            return refuse("debounce", "max_ms", "it must not be less than debounce.quiet_ms");
        }
        Ok(())
    }
}
