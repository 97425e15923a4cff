//! Keys for payloads in Temporal and for secrets at rest: AES-256-GCM with a key id, so that keys
//! rotate while what older keys sealed stays readable.
//!
//! Sealed bytes are: format (1 byte, now 1), length of the key id (1 byte), key id, nonce (12
//! bytes), ciphertext with tag.

mod file;
mod tag;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use zeroize::Zeroizing;

const FORMAT: u8 = 1;
const NONCE_BYTES: usize = 12;
/// How often at most an unknown key id makes the file be read again.
const REREAD_AFTER: Duration = Duration::from_secs(1);

/// The keys of this installation. Cloning shares them.
#[derive(Clone)]
pub struct Keyring {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    keys: RwLock<Keys>,
}

struct Keys {
    /// Oldest first. Never empty.
    keys: Vec<Key>,
    read: Instant,
}

/// One key.
struct Key {
    id: String,
    secret: Zeroizing<[u8; 32]>,
}

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
    /// Reads the key file, or makes it (mode 0600) with one new key. Several processes that start at
    /// once agree on one file.
    ///
    /// # Errors
    /// [`KeyringError::File`] when it can be neither read nor made.
    pub fn load_or_create(path: &Path) -> Result<Self, KeyringError> {
        let keys = file::load_or_create(path)?;
        Ok(Self {
            inner: Arc::new(Inner {
                path: path.to_owned(),
                keys: RwLock::new(Keys { keys, read: Instant::now() }),
            }),
        })
    }

    /// Adds a new key to the file and seals with it from now on. Other processes open what it
    /// sealed at once, and seal with it after they start again.
    ///
    /// # Errors
    /// [`KeyringError::File`] when the file cannot be written.
    pub fn rotate(&self) -> Result<String, KeyringError> {
        let keys = file::add_key(&self.inner.path)?;
        let id = keys.last().map(|key| key.id.clone()).unwrap_or_default();
        let mut held = self.inner.keys.write().unwrap_or_else(PoisonError::into_inner);
        *held = Keys { keys, read: Instant::now() };
        Ok(id)
    }

    /// The id of the key that seals now.
    pub fn key_id(&self) -> String {
        let held = self.inner.keys.read().unwrap_or_else(PoisonError::into_inner);
        held.keys.last().map(|key| key.id.clone()).unwrap_or_default()
    }

    /// Encrypts with the newest key. `purpose` is bound to the result (associated data): the same
    /// must be given to open it.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Vec<u8> {
        let held = self.inner.keys.read().unwrap_or_else(PoisonError::into_inner);
        // A keyring without a key is never built, and GCM refuses only texts beyond 64 GB.
        let Some(sealed) = held.keys.last().and_then(|key| key.seal(purpose, plain)) else {
            unreachable!("a keyring has a key, and texts fit into memory")
        };
        sealed
    }

    /// Decrypts what [`Keyring::seal`] made.
    ///
    /// # Errors
    /// [`KeyringError::Sealed`] when the key is unknown, the purpose another, or a bit changed.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>, KeyringError> {
        let (id, nonce, text) = split(sealed).ok_or_else(|| KeyringError::Sealed(String::new()))?;
        if let Some(plain) = self.try_open(purpose, id, nonce, text) {
            return plain;
        }
        self.read_again()?;
        self.try_open(purpose, id, nonce, text)
            .unwrap_or_else(|| Err(KeyringError::Sealed(shown(id))))
    }

    /// `None` when no key has that id.
    fn try_open(
        &self,
        purpose: &str,
        id: &[u8],
        nonce: &[u8],
        text: &[u8],
    ) -> Option<Result<Vec<u8>, KeyringError>> {
        let held = self.inner.keys.read().unwrap_or_else(PoisonError::into_inner);
        let key = held.keys.iter().find(|key| key.id.as_bytes() == id)?;
        let aad = associated(purpose, &key.id);
        let opened = Aes256Gcm::new(key.secret.as_slice().into())
            .decrypt(nonce.into(), Payload { msg: text, aad: &aad });
        Some(opened.map_err(|_| KeyringError::Sealed(shown(id))))
    }

    /// Another process may have rotated. Hostile bytes must not make this read a file each time.
    fn read_again(&self) -> Result<(), KeyringError> {
        let mut held = self.inner.keys.write().unwrap_or_else(PoisonError::into_inner);
        if held.read.elapsed() >= REREAD_AFTER {
            held.read = Instant::now();
            held.keys = file::load_or_create(&self.inner.path)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("key_id", &self.key_id()).finish_non_exhaustive()
    }
}

impl Key {
    /// A new random key with a random id.
    fn random() -> Self {
        let mut secret = Zeroizing::new([0; 32]);
        rand::fill(secret.as_mut_slice());
        Self { id: format!("{:016x}", rand::random::<u64>()), secret }
    }

    /// `None` for texts longer than GCM allows.
    fn seal(&self, purpose: &str, plain: &[u8]) -> Option<Vec<u8>> {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let aad = associated(purpose, &self.id);
        let text = Aes256Gcm::new(self.secret.as_slice().into())
            .encrypt((&nonce).into(), Payload { msg: plain, aad: &aad })
            .ok()?;
        let mut sealed = Vec::with_capacity(2 + self.id.len() + NONCE_BYTES + text.len());
        sealed.push(FORMAT);
        sealed.push(u8::try_from(self.id.len()).ok()?);
        sealed.extend_from_slice(self.id.as_bytes());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&text);
        Some(sealed)
    }
}

/// Purpose and key id, each with its length, so that neither can pass for a part of the other.
fn associated(purpose: &str, id: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(8 + purpose.len() + id.len());
    bytes.extend_from_slice(&(purpose.len() as u64).to_be_bytes());
    bytes.extend_from_slice(purpose.as_bytes());
    bytes.extend_from_slice(id.as_bytes());
    bytes
}

/// Key id, nonce and ciphertext.
fn split(sealed: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (&format, rest) = sealed.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (id, rest) = rest.split_at_checked(length.into())?;
    let (nonce, text) = rest.split_at_checked(NONCE_BYTES)?;
    (format == FORMAT).then_some((id, nonce, text))
}

/// A key id for people: what came from outside is cut and made printable.
fn shown(id: &[u8]) -> String {
    String::from_utf8_lossy(id).chars().take(32).collect()
}

#[cfg(test)]
mod tests;
