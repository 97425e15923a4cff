//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use sbh_domain::{Role, TenantId};

use crate::token::parse_ttl;

/// Keeps specs proved: an edited spec is re-proved, from push to proof.
#[derive(Debug, Parser)]
#[command(
    name = "sbh",
    version,
    max_term_width = 80,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "./sbh test runs all tests. Parts of the stack are postgres, valkey, temporal,\nstarter and workers (workers-2 … where there are several)."
)]
pub struct Cli {
    /// The API to talk to; the local stack's by default.
    #[arg(long, global = true, env = "SBH_API_URL", value_name = "URL", help_heading = "API")]
    pub api_url: Option<String>,
    /// The token to talk with; by default one of the local stack's, for the tenant `demo`.
    #[arg(
        long,
        global = true,
        env = "SBH_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true,
        help_heading = "API"
    )]
    pub token: Option<String>,
    /// Answer in JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the main job: a spec is edited, pushed, and proved again.
    Demo,
    /// Start the local stack, or what of it is not running.
    Up,
    /// Stop the local stack, or single parts of it until the next `up`.
    Down {
        /// Parts to stop (postgres, valkey, temporal, starter, workers); all by default.
        parts: Vec<String>,
    },
    /// Start single parts anew.
    Restart {
        /// postgres, valkey, temporal, starter, workers.
        #[arg(required = true)]
        parts: Vec<String>,
    },
    /// Show how each part is.
    Status,
    /// Stop the local stack and delete its data. Tools are kept.
    Reset {
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Show the parts' logs.
    Logs {
        /// One part; all by default.
        part: Option<String>,
        /// Go on until Ctrl-C.
        #[arg(short, long)]
        follow: bool,
        /// Lines of each log.
        #[arg(short = 'n', long, default_value_t = 20)]
        lines: usize,
    },
    /// Show addresses, processes and the demo's credentials, for scripts.
    Env,
    /// Make a token for the API, and the tenant if it is new.
    Token {
        /// The tenant.
        #[arg(long)]
        tenant: TenantId,
        /// owner, maintainer, editor, reviewer or viewer.
        #[arg(long)]
        role: Role,
        /// Who it is for.
        #[arg(long, default_value = "local")]
        subject: String,
        /// How long it is valid: 30m, 12h, 7d.
        #[arg(long, default_value = "12h", value_parser = parse_ttl)]
        ttl: Duration,
    },
    /// Judge local Markdown or .smt2 files at once, without a server.
    #[command(
        after_help = "Exit status: 0 everything is proved, 1 something is not, 2 unusable input."
    )]
    Prove(ProveArgs),
    /// Tracked repositories.
    #[command(subcommand)]
    Repo(RepoCommand),
    /// Pull requests: what they would do to coverage.
    #[command(subcommand)]
    Pull(crate::commands::pull::PullCommand),
    /// Spec documents and their verdicts.
    #[command(subcommand)]
    Spec(SpecCommand),
    /// Show how much of what is claimed is proved.
    Coverage {
        /// One repository (name or id); all by default.
        repository: Option<String>,
    },
    /// Documents whose content is not the proved one.
    #[command(subcommand)]
    Drift(crate::commands::drift::DriftCommand),
    /// Conditions that somebody should know of, and the channels that they are told to.
    #[command(subcommand)]
    Alert(crate::commands::alert::AlertCommand),
    /// What was sent outside and cannot be undone.
    #[command(subcommand)]
    Effect(crate::commands::effect::EffectCommand),
    /// Acknowledged notices.
    #[command(subcommand)]
    Inbox(InboxCommand),
    /// Where webhooks come from.
    #[command(subcommand)]
    Connection(crate::commands::connection::ConnectionCommand),
    /// The audit log.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Kill parts of a stack of its own during a burst of edits, and add up what became of them.
    #[command(
        after_help = "Nothing of yours is touched: the run has its own stack in a temporary folder, with\nstand-ins for all services. Exit status: 0 everything adds up, 1 something does not."
    )]
    Chaos(crate::chaos::ChaosArgs),
    /// Install the native tools, if they are not yet.
    Tools,
    /// Keep the parts running. Started by `up`.
    #[command(hide = true)]
    Supervise,
    /// Become a part that ends with its parent.
    #[command(hide = true)]
    ExecPart {
        /// The process that must still be the parent.
        parent: u32,
        /// The signal at the parent's death: `int` or `term`.
        signal: String,
        /// The program and its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<OsString>,
    },
}

/// `prove`.
#[derive(Debug, Args)]
pub struct ProveArgs {
    /// Markdown or .smt2 files, or folders of them.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Seconds for one invariant at most.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
    /// Megabytes for one solver at most.
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u64).range(32..=65536))]
    pub memory: u64,
    /// Show only what is not proved.
    #[arg(short, long)]
    pub quiet: bool,
}

/// `repo`.
#[derive(Debug, Subcommand)]
pub enum RepoCommand {
    /// Track a git repository and prove its specs.
    Add {
        /// https, ssh (also git@host:path), or a local path.
        #[arg(required_unless_present = "space", conflicts_with = "space")]
        url: Option<String>,
        /// Instead of a git address, a space of the connection's source: a Jira project's or Confluence
        /// space's key, a Drive folder's or document's id.
        #[arg(long, requires = "connection", conflicts_with_all = ["branch", "specs"])]
        space: Option<String>,
        /// Which files are specs (repeatable); Markdown and .smt2 below specs/ by default.
        #[arg(long, value_name = "GLOB", num_args = 1..)]
        specs: Vec<String>,
        /// The branch; the remote's default branch by default.
        #[arg(long)]
        branch: Option<String>,
        /// What to call it; the last part of the address by default.
        #[arg(long)]
        name: Option<String>,
        /// The connection (name or id) that announces its pushes and holds its credential.
        #[arg(long)]
        connection: Option<String>,
        /// Do not wait for the verdicts.
        #[arg(long)]
        no_wait: bool,
    },
    /// List the tracked repositories.
    List {
        /// The removed ones too.
        #[arg(long)]
        removed: bool,
    },
    /// Show one with its documents.
    Show {
        /// Name or id.
        repository: String,
    },
    /// List the judged pull requests of one.
    Pulls {
        /// Name or id.
        repository: String,
    },
    /// List the check runs on the commits of one.
    Checks {
        /// Name or id.
        repository: String,
    },
    /// Look at the remote now.
    Sync {
        /// Name or id.
        repository: String,
        /// Do not wait for the verdicts.
        #[arg(long)]
        no_wait: bool,
    },
    /// Use another connection for one.
    Update {
        /// Name or id.
        repository: String,
        /// The connection (name or id) from now on; `none`: without one.
        #[arg(long)]
        connection: String,
    },
    /// Stop tracking one. Can be undone for a time.
    Remove {
        /// Name or id.
        repository: String,
    },
    /// Undo a removal.
    Restore {
        /// Name or id.
        repository: String,
    },
}

/// `spec`.
#[derive(Debug, Subcommand)]
pub enum SpecCommand {
    /// List documents.
    List {
        /// The repository (name or id); all by default.
        repository: Option<String>,
    },
    /// Show a document's invariants, verdicts and counterexamples.
    Show {
        /// The document's id, or its path.
        document: String,
        /// The repository (name or id), where several have that path.
        #[arg(long)]
        repository: Option<String>,
    },
    /// Prove a document again.
    Reprove {
        /// The document's id, or its path.
        document: String,
        /// The repository (name or id), where several have that path.
        #[arg(long)]
        repository: Option<String>,
        /// Everything anew, whatever is recorded or cached.
        #[arg(long)]
        force: bool,
    },
    /// Put a document through the API, without a repository.
    Put {
        /// The file; `-` is standard input.
        file: std::path::PathBuf,
        /// The document's id in its collection; the file's name by default.
        #[arg(long)]
        id: Option<String>,
        /// The collection; `uploads` by default.
        #[arg(long)]
        repository: Option<String>,
        /// Do not wait for the verdicts.
        #[arg(long)]
        no_wait: bool,
    },
    /// Print a document that was put.
    Get {
        /// Its id in its collection.
        id: String,
        /// The collection; `uploads` by default.
        #[arg(long)]
        repository: Option<String>,
    },
    /// Delete a document that was put.
    Delete {
        /// Its id in its collection.
        id: String,
        /// The collection; `uploads` by default.
        #[arg(long)]
        repository: Option<String>,
    },
}

/// `inbox`.
#[derive(Debug, Subcommand)]
pub enum InboxCommand {
    /// List notices, the newest first.
    List {
        /// Only those in this state.
        #[arg(long, value_parser = ["open", "closed", "parked"])]
        state: Option<String>,
        /// How many at most.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show one.
    Show {
        /// Its id.
        #[arg(value_parser = notice_id)]
        id: uuid::Uuid,
    },
    /// Try a parked one again, or all of them.
    Retry {
        /// Its id.
        #[arg(value_parser = notice_id, required_unless_present = "all", conflicts_with = "all")]
        id: Option<uuid::Uuid>,
        /// All parked ones.
        #[arg(long)]
        all: bool,
    },
}

/// `audit`.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// List entries.
    List {
        /// How many at most.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Verify the chain.
    Verify,
}

/// A notice's id.
fn notice_id(text: &str) -> Result<uuid::Uuid, &'static str> {
    text.parse().map_err(|_| "not an id; ./sbh inbox list shows them")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn globs_repeat_in_both_ways() {
        let line = [
            "sbh",
            "repo",
            "add",
            "https://x/y.git",
            "--specs",
            "a/*.md",
            "b/*.md",
            "--specs",
            "c",
        ];
        let cli = Cli::try_parse_from(line).unwrap();
        let Command::Repo(RepoCommand::Add { specs, .. }) = cli.command else {
            panic!("not an add")
        };
        assert_eq!(specs, ["a/*.md", "b/*.md", "c"]);
    }

    #[test]
    fn wrong_values_are_refused_with_the_rule() {
        let refused = |line: &[&str]| Cli::try_parse_from(line).unwrap_err().to_string();
        assert!(refused(&["sbh", "token", "--tenant", "A b", "--role", "owner"]).contains("a-z"));
        assert!(
            refused(&["sbh", "token", "--tenant", "a", "--role", "boss"]).contains("maintainer")
        );
        assert!(refused(&["sbh", "prove"]).contains("FILE"));
    }
}
