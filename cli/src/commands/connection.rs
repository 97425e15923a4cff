//! `sbh connection`: where webhooks come from.

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;
use sbh_api::connection::{
    Connection, ConnectionMade, ConnectionTested, NewConnection, Rotate, Rotated,
};
use serde_json::json;

use super::connection_given::{Settings, text};
use super::{lookup, print_json};
use crate::client::Client;
use crate::failure::Failure;
use crate::style::{Style, plain};
use crate::table::{Rows, cell};
use crate::{out, outln};

/// `connection`.
#[derive(Debug, Subcommand)]
pub enum ConnectionCommand {
    /// Make one. Its secret is shown once.
    Add {
        /// What to call it.
        name: String,
        /// The kind of source.
        #[arg(long, default_value = "github", value_parser = ["github", "jira", "confluence", "google_docs"])]
        source: String,
        /// One of the source's settings, as docs/CONNECTING.md names them (repeatable): NAME=VALUE. A
        /// value that is JSON is taken as such.
        #[arg(long = "setting", value_name = "NAME=VALUE")]
        settings: Vec<String>,
        /// A JSON file with settings.
        #[arg(long, value_name = "FILE")]
        settings_file: Option<PathBuf>,
        /// A file with the secret to be used, where the source gives one; `-` is standard input.
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
        /// Read a credential (a token or a key) from standard input.
        #[arg(long)]
        credential_stdin: bool,
        /// A file with the credential.
        #[arg(long, value_name = "FILE", conflicts_with = "credential_stdin")]
        credential_file: Option<PathBuf>,
        /// The one host that git shows the credential to, `github.com` unless given.
        #[arg(long)]
        credential_host: Option<String>,
    },
    /// List them.
    List,
    /// Show one: its settings, counts, and how it is looked after.
    Show {
        /// Name or id.
        connection: String,
    },
    /// Add a new secret; the one before it stays live until the next rotation.
    Rotate {
        /// Name or id.
        connection: String,
    },
    /// Take no deliveries and poll nothing until it is resumed.
    Pause {
        /// Name or id.
        connection: String,
    },
    /// Undo a pause.
    Resume {
        /// Name or id.
        connection: String,
    },
    /// Ask its service with its credential.
    Test {
        /// Name or id.
        connection: String,
    },
    /// Remove one. What is followed through it must use another first.
    Remove {
        /// Name or id.
        connection: String,
    },
}

/// Runs it.
pub async fn run(client: &Client, command: ConnectionCommand, as_json: bool) -> Result<()> {
    match command {
        ConnectionCommand::Add {
            name,
            source,
            settings,
            settings_file,
            secret_file,
            credential_stdin,
            credential_file,
            credential_host,
        } => {
            let stdin = credential_stdin.then(|| PathBuf::from("-"));
            let credential = credential_file.or(stdin);
            let credential = credential.map(|file| text(&file, "credential")).transpose()?;
            let secret = secret_file.map(|file| text(&file, "secret")).transpose()?;
            let new = NewConnection {
                source: Some(source.clone()),
                name,
                secret,
                settings: Settings { file: settings_file, given: settings }.read()?,
                credential,
                credential_host,
            };
            let made: ConnectionMade = client.post("/api/connections", &new).await?;
            if as_json {
                return print_json(&made);
            }
            outln!(
                "{} is made. Enter this at the source (docs/CONNECTING.md says where):",
                Style::Strong.paint(plain(&made.name))
            );
            outln!("  address  {}", Style::Link.paint(&made.webhook_url));
            outln!("  secret   {}   {}", made.secret, Style::Dim.paint("(shown once)"));
            if ["://127.", "://localhost", "://[::1]"]
                .iter()
                .any(|own| made.webhook_url.contains(own))
            {
                outln!(
                    "Only this machine reaches that address; see docs/CONNECTING.md for a public one."
                );
            }
            let what = if source == "github" { "<git-url>" } else { "--space <space>" };
            outln!("Then: ./sbh repo add {what} --connection {}", plain(&made.name));
        }
        ConnectionCommand::List => {
            let all: Vec<Connection> = client.list("/api/connections", usize::MAX).await?;
            if as_json {
                return print_json(&all);
            }
            let mut rows = Rows::new(&[
                "connection",
                "source",
                "secrets",
                "spaces",
                "deliveries",
                "refused",
                "last delivery",
                "state",
            ])
            .right(2)
            .right(3)
            .right(4)
            .right(5);
            for one in &all {
                rows.row([
                    cell(&one.name),
                    cell(&one.source),
                    cell(one.live_secrets.to_string()),
                    cell(one.spaces.to_string()),
                    cell(one.deliveries.to_string()),
                    cell(one.refused.to_string()),
                    cell(time(one.last_delivery_at)),
                    cell(if one.paused_at.is_some() { "paused" } else { "active" }),
                ]);
            }
            if rows.is_empty() {
                outln!("There is no connection. Make one: ./sbh connection add <name>");
            } else {
                out!("{rows}\n");
            }
            for one in &all {
                outln!("{}: {}", plain(&one.name), Style::Link.paint(&one.webhook_url));
                if let Some(error) = &one.last_error {
                    outln!("  {} {}", Style::Bad.paint("✗"), plain(error));
                }
            }
        }
        ConnectionCommand::Rotate { connection } => {
            let id = lookup::connection(client, &connection).await?.id;
            let rotated: Rotated = client
                .post(&format!("/api/connections/{id}/rotate"), &Rotate { secret: None })
                .await?;
            if as_json {
                return print_json(&rotated);
            }
            outln!("new secret   {}   {}", rotated.secret, Style::Dim.paint("(shown once)"));
            outln!("The one before it stays live until the next rotation.");
        }
        ConnectionCommand::Show { connection } => {
            let id = lookup::connection(client, &connection).await?.id;
            let one: Connection = client.get(&format!("/api/connections/{id}")).await?;
            if as_json {
                return print_json(&one);
            }
            show(&one);
        }
        ConnectionCommand::Pause { connection } => {
            let one = change(client, &connection, "pause").await?;
            report(&one, as_json, "is paused; undo it with ./sbh connection resume")?;
        }
        ConnectionCommand::Resume { connection } => {
            let one = change(client, &connection, "resume").await?;
            report(&one, as_json, "takes deliveries again")?;
        }
        ConnectionCommand::Test { connection } => {
            let id = lookup::connection(client, &connection).await?.id;
            let path = format!("/api/connections/{id}/test");
            let tested: ConnectionTested = client.post(&path, &json!({})).await?;
            if as_json {
                print_json(&tested)?;
            }
            if !tested.ok {
                return Err(Failure::new(plain(&tested.seen)).into());
            }
            if !as_json {
                outln!("{} {}", Style::Good.paint("✓"), plain(&tested.seen));
            }
        }
        ConnectionCommand::Remove { connection } => {
            let one = lookup::connection(client, &connection).await?;
            let _: serde_json::Value =
                client.delete(&format!("/api/connections/{}", one.id)).await?;
            report(&one, as_json, "is removed")?;
        }
    }
    Ok(())
}

async fn change(client: &Client, wanted: &str, how: &str) -> Result<Connection> {
    let id = lookup::connection(client, wanted).await?.id;
    let _: serde_json::Value =
        client.post(&format!("/api/connections/{id}/{how}"), &json!({})).await?;
    client.get(&format!("/api/connections/{id}")).await
}

fn report(one: &Connection, as_json: bool, what: &str) -> Result<()> {
    if as_json {
        return print_json(one);
    }
    outln!("{} {what}", Style::Strong.paint(plain(&one.name)));
    Ok(())
}

fn show(one: &Connection) {
    let line = |name: &str, value: String| outln!("  {name:<14}{value}");
    outln!("{}", Style::Strong.paint(plain(&one.name)));
    line("source", one.source.clone());
    line("state", if one.paused_at.is_some() { "paused" } else { "active" }.to_owned());
    line("address", Style::Link.paint(&one.webhook_url).to_string());
    line("settings", one.settings.to_string());
    line("secrets", format!("{} live", one.live_secrets));
    line("credential", if one.has_credential { "stored" } else { "none" }.to_owned());
    line("followed", format!("{} repositories and spaces", one.spaces));
    line("deliveries", format!("{}, {} refused", one.deliveries, one.refused));
    line("last delivery", time(one.last_delivery_at));
    line("looked after", time(one.upkeep.done_at));
    if let Some(summary) = &one.upkeep.summary {
        line("", plain(summary));
    }
    for problem in [&one.upkeep.problem, &one.last_error].into_iter().flatten() {
        outln!("  {} {}", Style::Bad.paint("✗"), plain(problem));
    }
}

fn time(at: Option<chrono::DateTime<chrono::Utc>>) -> String {
    at.map_or_else(|| "never".to_owned(), |at| at.format("%F %T UTC").to_string())
}
