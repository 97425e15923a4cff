//! Whether the keys are still there that the data was sealed with.

use std::path::PathBuf;

use anyhow::Result;

use crate::failure::Failure;
use crate::home::{Home, read_json, write_private};

/// Notes which keys the data needs, once the stack ran with them.
///
/// # Errors
/// When the note cannot be written.
pub(super) fn note(home: &Home) -> Result<()> {
    let ids = ids(home)?;
    write_private(&file(home), &serde_json::to_vec(&ids)?)
}

/// Refuses to start when such a key is gone: new ones would be drawn in silence, and what the old
/// ones sealed could never be opened again.
///
/// # Errors
/// [`Failure`] that names what is missing.
pub(super) fn check(home: &Home) -> Result<()> {
    let Some(needed) = read_json::<Vec<String>>(&file(home))? else { return Ok(()) };
    let there = ids(home)?;
    let passwords = home.keys().join("postgres.json").exists();
    if passwords && needed.iter().all(|id| there.contains(id)) {
        return Ok(());
    }
    let gone = if passwords { "keyring.json" } else { "postgres.json" };
    let what = format!(
        "the keys of the data in {} are gone: {} is missing or another one",
        home.data().display(),
        home.keys().join(gone).display()
    );
    let hint =
        "put that folder's backup back, or start afresh with ./sbh reset, which deletes the data";
    Err(Failure::new(what).hint(hint).into())
}

/// The ids of the keyring's keys; none when there is no keyring.
fn ids(home: &Home) -> Result<Vec<String>> {
    let keyring: Option<serde_json::Value> = read_json(&home.keys().join("keyring.json"))?;
    let keys = keyring.as_ref().and_then(|keyring| keyring.get("keys")?.as_array());
    let ids = keys.into_iter().flatten().filter_map(|key| key.get("id")?.as_str());
    Ok(ids.map(str::to_owned).collect())
}

fn file(home: &Home) -> PathBuf {
    home.data().join("sealed-with.json")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn keys_may_be_added_and_must_not_go() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        check(&home).unwrap();
        fs::create_dir_all(home.data()).unwrap();
        fs::create_dir_all(home.keys()).unwrap();
        let keyring = home.keys().join("keyring.json");
        fs::write(home.keys().join("postgres.json"), "{}").unwrap();
        fs::write(&keyring, r#"{"keys":[{"id":"a"}]}"#).unwrap();
        note(&home).unwrap();
        fs::write(&keyring, r#"{"keys":[{"id":"a"},{"id":"b"}]}"#).unwrap();
        check(&home).unwrap();
        fs::write(&keyring, r#"{"keys":[{"id":"b"}]}"#).unwrap();
        assert!(check(&home).unwrap_err().to_string().contains("keyring.json"));
        fs::remove_file(&keyring).unwrap();
        assert!(check(&home).is_err());
        fs::write(&keyring, r#"{"keys":[{"id":"a"}]}"#).unwrap();
        fs::remove_file(home.keys().join("postgres.json")).unwrap();
        assert!(check(&home).unwrap_err().to_string().contains("postgres.json"));
    }
}
