//! The key file: JSON `{"keys":[{"id":"…","key":"<base64 of 32 bytes>"}]}`, oldest first, readable
//! by its owner alone.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Key, KeyringError};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    keys: Vec<KeyEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    id: String,
    key: Zeroizing<String>,
}

/// Reads the file, or makes it with one new key.
pub(super) fn load_or_create(path: &Path) -> Result<Vec<Key>, KeyringError> {
    match File::open(path) {
        Ok(file) => read(path, file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(path),
        Err(error) => Err(unusable(path, error)),
    }
}

/// Adds one new key at the end.
pub(super) fn add_key(path: &Path) -> Result<Vec<Key>, KeyringError> {
    let mut keys = load_or_create(path)?;
    keys.push(Key::random());
    let whole = write_aside(path, &keys).map_err(|error| unusable(path, error))?;
    fs::rename(&whole, path).map_err(|error| unusable(path, error))?;
    Ok(keys)
}

fn create(path: &Path) -> Result<Vec<Key>, KeyringError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| unusable(path, error))?;
    }
    let keys = vec![Key::random()];
    let whole = write_aside(path, &keys).map_err(|error| unusable(path, error))?;
    // A link, unlike a rename, fails when another process was first: then its key is the key.
    let linked = fs::hard_link(&whole, path);
    // What is left behind when this fails is a key that nobody uses.
    let _ = fs::remove_file(&whole);
    match linked {
        Ok(()) => Ok(keys),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            read(path, File::open(path).map_err(|error| unusable(path, error))?)
        }
        Err(error) => Err(unusable(path, error)),
    }
}

/// Writes the keys to a new file beside `path`, complete and on the disk.
fn write_aside(path: &Path, keys: &[Key]) -> io::Result<PathBuf> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{:016x}", rand::random::<u64>()));
    let aside = path.with_file_name(name);
    let entries = keys.iter().map(|key| KeyEntry {
        id: key.id.clone(),
        key: Zeroizing::new(STANDARD.encode(key.secret.as_slice())),
    });
    let text = Zeroizing::new(serde_json::to_string(&KeyFile { keys: entries.collect() })?);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(aside)
}

fn read(path: &Path, mut file: File) -> Result<Vec<Key>, KeyringError> {
    let wrong = |reason: &str| KeyringError::File {
        path: path.display().to_string(),
        reason: reason.to_owned(),
    };
    let mode = file.metadata().map_err(|error| unusable(path, error))?.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!(path = %path.display(), mode = format!("{mode:o}"),
            "others may read the key file: chmod 600 it");
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(|error| unusable(path, error))?;
    // serde_json's message would quote what it could not read: a key, maybe.
    let file: KeyFile = serde_json::from_str(&text)
        .map_err(|error| wrong(&format!("not a key file (line {})", error.line())))?;
    let mut keys = Vec::with_capacity(file.keys.len());
    for entry in file.keys {
        let decoded = Zeroizing::new(STANDARD.decode(entry.key.as_bytes()).unwrap_or_default());
        if decoded.len() != 32 || !(1..=64).contains(&entry.id.len()) {
            return Err(wrong("each key needs an id of 1 to 64 bytes and the base64 of 32 bytes"));
        }
        let mut secret = Zeroizing::new([0; 32]);
        secret.copy_from_slice(&decoded);
        keys.push(Key { id: entry.id, secret });
    }
    if keys.is_empty() {
        return Err(wrong("it holds no key"));
    }
    Ok(keys)
}

fn unusable(path: &Path, error: io::Error) -> KeyringError {
    KeyringError::File { path: path.display().to_string(), reason: error.to_string() }
}
