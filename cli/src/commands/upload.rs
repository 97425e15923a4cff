//! `sbh spec put|get|delete`: documents that are put through the API.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sbh_api::upload::UploadAccepted;

use super::connection_given::text;
use super::follow::follow;
use super::{print_json, verdicts};
use crate::client::Client;
use crate::failure::Failure;
use crate::home::Home;
use crate::progress::Progress;
use crate::{out, outln};

/// What is to be put.
pub(super) struct Put {
    /// The file; `-` is standard input.
    pub file: PathBuf,
    /// The document's id.
    pub id: Option<String>,
    /// The collection.
    pub repository: Option<String>,
    /// Whether not to wait for the verdicts.
    pub no_wait: bool,
}

/// The API's path of a document. A slash in an id is written `%2F`.
fn path(id: &str, repository: Option<&str>) -> String {
    let id: String = id
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect();
    match repository {
        Some(repository) => format!("/api/specs/{id}?repository={repository}"),
        None => format!("/api/specs/{id}"),
    }
}

/// Puts a document, and shows its verdicts.
pub(super) async fn put(home: &Home, client: &Client, put: Put, as_json: bool) -> Result<()> {
    let Put { file, id, repository, no_wait } = put;
    let name = file.file_name().and_then(|name| name.to_str()).filter(|name| *name != "-");
    let id = id.or(name.map(str::to_owned)).ok_or_else(|| {
        Failure::new("standard input has no name").hint("give the document one with --id")
    })?;
    let content = read(&file)?;
    let path = path(&id, repository.as_deref());
    let taken: UploadAccepted = client.put_text(&path, "text/markdown", content).await?;
    if no_wait {
        if as_json {
            return print_json(&taken);
        }
        outln!("{id} is taken (version {}); it is being proved", taken.version);
        return Ok(());
    }
    let progress = Progress::new(as_json);
    let step = progress.step("proof");
    follow(home, client, taken.repository, Some(taken.inbox_id), &step).await?;
    step.done("recorded");
    if as_json {
        return print_json(&taken);
    }
    let documents = super::lookup::documents(client, taken.repository).await?;
    let document = documents.into_iter().filter(|document| document.path == taken.id);
    verdicts::show_documents(&document.collect::<Vec<_>>());
    outln!("\nEach invariant: ./sbh spec show {id}");
    Ok(())
}

fn read(file: &Path) -> Result<String> {
    if file == Path::new("-") {
        return text(file, "document");
    }
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

/// Prints a document.
pub(super) async fn get(client: &Client, id: &str, repository: Option<&str>) -> Result<()> {
    let text = client.text(&path(id, repository)).await?;
    out!("{text}");
    if !text.ends_with('\n') {
        outln!();
    }
    Ok(())
}

/// Deletes a document.
pub(super) async fn delete(
    client: &Client,
    id: &str,
    repository: Option<&str>,
    as_json: bool,
) -> Result<()> {
    let taken: UploadAccepted = client.delete(&path(id, repository)).await?;
    if as_json {
        return print_json(&taken);
    }
    outln!("{id} is deleted; its invariants leave the coverage. Put it again to undo that.");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_part_of_the_path_whatever_it_holds() {
        assert_eq!(path("payments/a b.md", None), "/api/specs/payments%2Fa%20b.md");
        assert_eq!(path("../x?y", Some("c")), "/api/specs/..%2Fx%3Fy?repository=c");
    }
}
