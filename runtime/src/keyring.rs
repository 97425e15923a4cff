//! Keys for payloads in Temporal and for secrets at rest: AES-256-GCM with a key id, so that keys
//! rotate while what older keys sealed stays readable.

use std::path::Path;

/// The keys of this installation. Cloning shares them.
#[derive(Clone)]
pub struct Keyring {}

/// What can go wrong with keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The key file cannot be read or made.
    #[error("the key file {path} cannot be used: {reason}")]
    File {
        /// Which file.
        path: String,
        /// Why.
        reason: String,
    },
    /// Sealed bytes cannot be opened: an unknown key, or they were changed.
    #[error("sealed with an unknown key or changed since (key id {0:?})")]
    Sealed(String),
}

impl Keyring {
    /// Reads the key file, or makes it (mode 0600) with one new key.
    pub fn load_or_create(path: &Path) -> Result<Self, KeyringError> {
        let _ = path;
        todo!()
    }

    /// Encrypts with the newest key. `purpose` is bound to the result (associated data): the same
    /// must be given to open it.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Vec<u8> {
        let _ = (purpose, plain);
        todo!()
    }

    /// Decrypts what [`Keyring::seal`] made.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>, KeyringError> {
        let _ = (purpose, sealed);
        todo!()
    }
}
