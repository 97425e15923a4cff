//! `sbh connection`: where webhooks come from.

use std::io::Read as _;

use anyhow::{Context as _, Result};
use sbh_api::connection::{Connection, ConnectionMade, NewConnection, Rotate, Rotated};

use super::{lookup, print_json};
use crate::args::ConnectionCommand;
use crate::client::Client;
use crate::failure::Failure;
use crate::style::{Style, plain};
use crate::table::{Rows, cell};
use crate::{out, outln};

/// Runs it.
pub async fn run(client: &Client, command: ConnectionCommand, as_json: bool) -> Result<()> {
    match command {
        ConnectionCommand::Add { name, credential_stdin, credential_host } => {
            let credential = if credential_stdin {
                let mut credential = String::new();
                let read = std::io::stdin().take(64 << 10).read_to_string(&mut credential);
                read.context("cannot read the credential from standard input")?;
                if credential.trim().is_empty() {
                    let what = "standard input holds no credential";
                    let hint = "pipe a token or an SSH key in: … --credential-stdin < token.txt";
                    return Err(Failure::new(what).hint(hint).into());
                }
                Some(format!("{}\n", credential.trim_end())).map(|c| {
                    // A key needs its last line's end, a token must not have one.
                    if c.starts_with("-----") { c } else { c.trim_end().to_owned() }
                })
            } else {
                None
            };
            let new = NewConnection {
                source: None,
                name,
                secret: None,
                settings: None,
                credential,
                credential_host,
            };
            let made: ConnectionMade = client.post("/api/connections", &new).await?;
            if as_json {
                return print_json(&made);
            }
            outln!(
                "{} is made. Enter this at the source, with content type application/json:",
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
            outln!("Then: ./sbh repo add <git-url> --connection {}", plain(&made.name));
        }
        ConnectionCommand::List => {
            let all: Vec<Connection> = client.list("/api/connections", usize::MAX).await?;
            if as_json {
                return print_json(&all);
            }
            let mut rows = Rows::new(&["connection", "source", "secrets", "deliveries", "refused"])
                .right(2)
                .right(3)
                .right(4);
            for one in &all {
                rows.row([
                    cell(&one.name),
                    cell(&one.source),
                    cell(one.live_secrets.to_string()),
                    cell(one.deliveries.to_string()),
                    cell(one.refused.to_string()),
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
    }
    Ok(())
}
