//! The one configuration of all programs: built-in defaults, then the file that `SBH_CONFIG`
//! names (TOML), then variables `SBH_<SECTION>_<FIELD>`, for example `SBH_STARTER_LISTEN`.

mod check;
mod defaults;
mod load;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use sbh_domain::Debounce;
use serde::Deserialize;

/// The configuration of the workers and the starter.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// PostgreSQL.
    pub database: DatabaseConfig,
    /// Temporal.
    pub temporal: TemporalConfig,
    /// Valkey.
    pub valkey: ValkeyConfig,
    /// The HTTP server.
    pub starter: StarterConfig,
    /// Who may call the API.
    pub auth: AuthConfig,
    /// Keys for payloads in Temporal and for secrets at rest.
    pub keyring: KeyringConfig,
    /// The workers.
    pub workers: WorkersConfig,
    /// Git mirrors.
    pub git: GitConfig,
    /// Requests to addresses that users give.
    pub outbound: OutboundConfig,
    /// Sources of documents other than git repositories.
    pub sources: SourcesConfig,
    /// Messages that tell of alerts.
    pub notify: NotifyConfig,
    /// Documents whose content is not the proved one.
    pub drift: DriftConfig,
    /// Collecting bursts of notices: quiet and maximum time in milliseconds.
    #[serde(deserialize_with = "load::debounce")]
    pub debounce: Debounce,
    /// The prover.
    pub prover: ProverConfig,
    /// Logs.
    pub telemetry: TelemetryConfig,
}

/// PostgreSQL.
#[derive(Clone, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// Address as `sbh_app`: `postgres://sbh_app:…@host:port/database`.
    pub app_url: String,
    /// Address as `sbh_dispatch`.
    pub dispatch_url: String,
    /// Connections at most.
    pub max_connections: u32,
}

/// Temporal.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct TemporalConfig {
    /// Address of the frontend, `http://host:port`.
    pub address: String,
    /// Namespace.
    pub namespace: String,
    /// Address of the Web UI, for links.
    pub ui_url: String,
}

/// Valkey, which holds nothing that cannot be lost.
#[derive(Clone, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct ValkeyConfig {
    /// `redis://host:port`.
    pub url: String,
}

/// The HTTP server.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct StarterConfig {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// The address under which others reach it, for links.
    pub public_url: String,
    /// Open inbox rows above which new notices are answered 503 with `Retry-After`.
    pub max_open_notices: i64,
    /// Seconds after which something open is signalled again.
    pub reconcile_after_s: u64,
    /// Failed attempts after which a notice is parked.
    pub max_attempts: i32,
    /// Days after which closed inbox rows and finished synchronisations are deleted.
    pub retention_days: u64,
    /// Seconds that open requests get at shutdown.
    pub drain_s: u64,
}

/// Who may call the API.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// Issuer that tokens must name.
    pub issuer: String,
    /// Audience that tokens must name.
    pub audience: String,
    /// File with the HS256 keys: JSON `{"keys":[{"kid":"…","secret":"<base64>"}]}`.
    pub hs256_keys_file: Option<PathBuf>,
    /// Address of a JWKS document for RS256 and ES256.
    pub jwks_url: Option<String>,
    /// Token of the codec server's address for the Web UI (`/codec/{token}/decode`).
    pub codec_token_file: Option<PathBuf>,
}

/// Keys for payloads in Temporal and for secrets at rest.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct KeyringConfig {
    /// File with the AES-256-GCM keys; made with one key when it is absent.
    pub file: PathBuf,
}

/// The workers.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct WorkersConfig {
    /// Address of `/healthz`, `/readyz` and `/metrics`.
    pub listen: SocketAddr,
    /// Proof activities at once.
    pub max_proofs: usize,
    /// Synchronisations at once.
    pub max_syncs: usize,
    /// Seconds without a change after which an entity's workflow completes.
    pub idle_s: u64,
    /// Seconds that running activities get at shutdown.
    pub drain_s: u64,
}

/// Git mirrors.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct GitConfig {
    /// Folder of the mirrors.
    pub mirrors: PathBuf,
    /// Folders below which `file` addresses are allowed. None by default.
    pub file_roots: Vec<PathBuf>,
    /// Addresses and ranges (CIDR) beyond the public ones that remotes may have. None by default.
    pub allow_addresses: Vec<String>,
    /// Megabytes that one mirror may take.
    pub mirror_quota_mb: u64,
    /// Bytes of a document at most.
    pub max_document_bytes: u64,
    /// Seconds for one fetch at most.
    pub fetch_timeout_s: u64,
    /// Seconds between two comparisons of a remote's head with its baseline.
    pub poll_s: u64,
}

/// Requests to addresses that users give: of sources, chat and mail, not of git remotes.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct OutboundConfig {
    /// Addresses and ranges (CIDR) beyond the public ones that may be reached. None by default.
    pub allow_addresses: Vec<String>,
}

/// Sources of documents other than git repositories.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct SourcesConfig {
    /// GitHub's REST interface.
    pub github_api_url: String,
    /// Google's interfaces.
    pub google_api_url: String,
    /// Where Google exchanges a signed assertion for a token.
    pub google_token_url: String,
    /// Atlassian's interfaces for apps.
    pub atlassian_api_url: String,
    /// Where Atlassian exchanges a refresh token.
    pub atlassian_token_url: String,
    /// Where Atlassian publishes the keys of Forge Remote.
    pub forge_keys_url: String,
    /// Seconds between two rounds of upkeep of a connection: its spaces are polled, what expires is renewed.
    pub upkeep_s: u64,
    /// Documents of one connection that one worker fetches at once.
    pub fetches_at_once: usize,
    /// Documents of one connection that one worker fetches in a second at most.
    pub fetches_per_s: u32,
    /// Bytes of a hosted or uploaded document at most.
    pub max_document_bytes: u64,
    /// Polls in succession that find changes which no delivery announced, after which a connection counts as silent.
    pub silent_after_polls: u32,
}

impl SourcesConfig {
    /// The address that a field `{name}_url` holds; empty where there is no such field.
    pub fn address(&self, name: &str) -> &str {
        match name {
            "github_api" => &self.github_api_url,
            "google_api" => &self.google_api_url,
            "google_token" => &self.google_token_url,
            "atlassian_api" => &self.atlassian_api_url,
            "atlassian_token" => &self.atlassian_token_url,
            "forge_keys" => &self.forge_keys_url,
            _ => "",
        }
    }
}

/// Messages that tell of alerts.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct NotifyConfig {
    /// The base of Slack's Web API.
    pub slack_api_url: String,
    /// Below which address the incoming webhooks of Slack channels must be.
    pub slack_webhook_url: String,
    /// The address that e-mails come from, known to SES; without it no e-mail channel can be made.
    pub email_from: String,
    /// Milliseconds in which alerts are collected that one message tells of.
    pub collect_ms: u64,
    /// Milliseconds between two messages of one channel at least.
    pub gap_ms: u64,
    /// Messages that one worker sends at once.
    pub at_once: usize,
}

impl NotifyConfig {
    /// Whether an address is one of Slack's incoming webhooks: below the configured base, and nowhere
    /// else.
    pub fn is_slack_webhook(&self, address: &str) -> bool {
        address
            .strip_prefix(self.slack_webhook_url.trim_end_matches('/'))
            .and_then(|rest| rest.strip_prefix('/'))
            .is_some_and(|path| !path.is_empty())
    }
}

/// Documents whose content is not the proved one.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct DriftConfig {
    /// Seconds after which drift that is not proved is alerted.
    pub backlog_after_s: u64,
    /// Seconds between two looks for such drift.
    pub backlog_every_s: u64,
}

/// The prover.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct ProverConfig {
    /// The `z3` binary.
    pub z3: PathBuf,
    /// Solver processes at once.
    pub processes: usize,
    /// Milliseconds for one invariant.
    pub time_ms: u64,
    /// Megabytes for one solver process.
    pub memory_mb: u64,
    /// Z3's deterministic resource limit for one query.
    pub rlimit: u64,
    /// Share of the cached verdicts that are proved again and compared when they are found, from 0.0 to 1.0.
    pub audit_share: f64,
    /// Folder with the descriptions of external provers. None by default: blocks of other languages are not run.
    pub external_folder: Option<PathBuf>,
    /// Who judges each SMT-LIB invariant, the first decisive verdict wins: names with seeds, such as `z3:0` or `cvc5`. Empty: z3 alone.
    pub portfolio: Vec<String>,
    /// Share of the proofs in which everybody is waited for, with further seeds where no portfolio names any, and compared, from 0.0 to 1.0.
    pub compare_share: f64,
}

/// Logs.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// What to log, in `tracing`'s filter language.
    pub filter: String,
    /// `json` or `text`.
    pub format: LogFormat,
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}: {reason}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A field has a wrong value.
    #[error("{field} is not usable: {reason}")]
    Field {
        /// The field as it was given: `starter.listen`, or `SBH_STARTER_LISTEN`.
        field: String,
        /// Why.
        reason: String,
    },
}

// Addresses hold passwords, so these two are never printed whole.
impl fmt::Debug for DatabaseConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseConfig")
            .field("max_connections", &self.max_connections)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ValkeyConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValkeyConfig").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
