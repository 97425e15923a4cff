//! The built-in defaults.

use std::net::SocketAddr;

use super::*;

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            app_url: "postgres://sbh_app@127.0.0.1:5432/sbh".into(),
            dispatch_url: "postgres://sbh_dispatch@127.0.0.1:5432/sbh".into(),
            max_connections: 16,
        }
    }
}

impl Default for TemporalConfig {
    fn default() -> Self {
        Self {
            address: "http://127.0.0.1:7233".into(),
            namespace: "sbh".into(),
            ui_url: "http://127.0.0.1:8233".into(),
        }
    }
}

impl Default for ValkeyConfig {
    fn default() -> Self {
        Self { url: "redis://127.0.0.1:6379".into() }
    }
}

impl Default for StarterConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: "http://127.0.0.1:8080".into(),
            max_open_notices: 100_000,
            reconcile_after_s: 30,
            max_attempts: 10,
            retention_days: 90,
            drain_s: 10,
        }
    }
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            issuer: "sbh".into(),
            audience: "sbh-api".into(),
            hs256_keys_file: None,
            jwks_url: None,
            codec_token_file: None,
        }
    }
}

impl Default for KeyringConfig {
    fn default() -> Self {
        Self { file: ".sbh/keys/keyring.json".into() }
    }
}

impl Default for WorkersConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8081)),
            max_proofs: 16,
            max_syncs: 8,
            idle_s: 600,
            drain_s: 20,
        }
    }
}

impl Default for GitConfig {
    fn default() -> Self {
        Self {
            mirrors: ".sbh/mirrors".into(),
            file_roots: Vec::new(),
            allow_addresses: Vec::new(),
            mirror_quota_mb: 4_096,
            max_document_bytes: 1 << 20,
            fetch_timeout_s: 600,
            poll_s: 60,
        }
    }
}

impl Default for SourcesConfig {
    fn default() -> Self {
        Self {
            github_api_url: "https://api.github.com".into(),
            google_api_url: "https://www.googleapis.com".into(),
            google_token_url: "https://oauth2.googleapis.com/token".into(),
            atlassian_api_url: "https://api.atlassian.com".into(),
            atlassian_token_url: "https://auth.atlassian.com/oauth/token".into(),
            forge_keys_url: "https://forge.cdn.prod.atlassian-dev.net/.well-known/jwks.json".into(),
            upkeep_s: 60,
            fetches_at_once: 4,
            fetches_per_s: 50,
            max_document_bytes: 1 << 20,
            silent_after_polls: 3,
        }
    }
}

impl Default for NotifyConfig {
    fn default() -> Self {
        Self {
            slack_api_url: "https://slack.com/api".into(),
            slack_webhook_url: "https://hooks.slack.com".into(),
            email_from: String::new(),
            collect_ms: 2_000,
            gap_ms: 1_000,
            at_once: 8,
        }
    }
}

impl Default for DriftConfig {
    fn default() -> Self {
        Self { backlog_after_s: 86_400, backlog_every_s: 7_200 }
    }
}

impl Default for ProverConfig {
    fn default() -> Self {
        Self {
            z3: "z3".into(),
            processes: 2,
            time_ms: 10_000,
            memory_mb: 512,
            rlimit: 60_000_000,
            audit_share: 0.01,
            external_folder: None,
            portfolio: Vec::new(),
            compare_share: 0.0,
        }
    }
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { filter: "info".into(), format: LogFormat::Text }
    }
}
