//! `sbh-starter`: see the library.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use sbh_domain::TenantId;
use sbh_runtime::{Config, Keyring, telemetry};
use sbh_starter::{openapi, serve};
use sbh_store::migrate::{RolePasswords, migrate};

/// The HTTP server of SBH fleet. Configuration: the file that SBH_CONFIG names, and SBH_… variables.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serves (the default).
    Serve,
    /// Creates or updates the database and its roles, as the database's administrator.
    Migrate {
        /// postgres://administrator@host:port/database
        #[arg(long, env = "SBH_ADMIN_URL", hide_env_values = true)]
        admin_url: String,
        /// The password of the role sbh_app.
        #[arg(long, env = "SBH_APP_PASSWORD", hide_env_values = true)]
        app_password: String,
        /// The password of the role sbh_dispatch.
        #[arg(long, env = "SBH_DISPATCH_PASSWORD", hide_env_values = true)]
        dispatch_password: String,
    },
    /// Tenants.
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// The keys that seal secrets at rest and payloads in Temporal.
    #[command(subcommand)]
    Keyring(KeyringCommand),
    /// What a Temporal server must know.
    #[command(subcommand)]
    Temporal(TemporalCommand),
    /// Prints the OpenAPI document.
    Openapi,
}

#[derive(Subcommand)]
enum TenantCommand {
    /// Makes a tenant if it is not there.
    Ensure {
        /// 1 to 63 of a-z, 0-9 and '-'.
        tenant: TenantId,
    },
}

#[derive(Subcommand)]
enum TemporalCommand {
    /// Makes the namespace, the search attributes and the schedules that the folder temporal/ names,
    /// or corrects them. The server does so by itself each minute: this is for doing it by hand.
    Apply,
}

#[derive(Subcommand)]
enum KeyringCommand {
    /// Adds a new key to the key file and prints its id. Programs that run open what it sealed at
    /// once, and seal with it after they were restarted.
    Rotate,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command.unwrap_or(Command::Serve)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "sbh-starter: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve => {
            let config = Config::load()?;
            telemetry::init("sbh-starter", &config.telemetry)?;
            sbh_runtime::temporal::install_crypto_provider();
            serve::run(config).await
        }
        Command::Migrate { admin_url, app_password, dispatch_password } => {
            let passwords = RolePasswords { app: app_password, dispatch: dispatch_password };
            Ok(migrate(&admin_url, &passwords).await?)
        }
        Command::Tenant(TenantCommand::Ensure { tenant }) => {
            let store = serve::connect(&Config::load()?).await?;
            let new = store.ensure_tenant(&tenant).await?;
            say(&format!("{tenant}: {}\n", if new { "made" } else { "is there" }))
        }
        Command::Keyring(KeyringCommand::Rotate) => {
            let keyring = Keyring::load_or_create(&Config::load()?.keyring.file)?;
            say(&format!("{}\n", keyring.rotate()?))
        }
        Command::Temporal(TemporalCommand::Apply) => {
            sbh_runtime::temporal::install_crypto_provider();
            let config = Config::load()?;
            let keyring = Keyring::load_or_create(&config.keyring.file)?;
            let client = sbh_runtime::temporal::connect(&config.temporal, &keyring).await?;
            let applied = sbh_runtime::temporal::apply(&client, &config).await?;
            let changed = applied != sbh_runtime::temporal::Applied::default();
            let word = if changed { "applied" } else { "nothing to change" };
            say(&format!("{}: {word}\n", config.temporal.namespace))
        }
        Command::Openapi => say(&openapi::text()?),
    }
}

/// Writes to standard output, where a closed pipe is an error and no panic.
fn say(text: &str) -> anyhow::Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")
}
