//! HS256 keys from a file, by `kid`.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::DecodingKey;
use sbh_api::token::Hs256Keys;

/// How often at most the file is read.
const REREAD_AFTER: Duration = Duration::from_secs(1);
/// HS256 wants a key as long as its digest (RFC 7518, 3.2).
const MIN_KEY_BYTES: usize = 32;

/// The keys. The file is read again when a token names an unknown one, so that keys can be added
/// without a restart.
pub struct Keys {
    path: Option<PathBuf>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    keys: HashMap<String, DecodingKey>,
    read: Option<Instant>,
}

impl Keys {
    /// The keys of a file, none without one.
    pub fn new(path: Option<PathBuf>) -> Self {
        Self { path, held: Mutex::default() }
    }

    /// The key with this id.
    pub fn find(&self, kid: &str) -> Option<DecodingKey> {
        let path = self.path.as_ref()?;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = held.keys.get(kid) {
            return Some(key.clone());
        }
        // Hostile tokens must not make this read a file each time.
        if held.read.is_some_and(|read| read.elapsed() < REREAD_AFTER) {
            return None;
        }
        held.read = Some(Instant::now());
        match std::fs::read(path).map_err(|error| error.to_string()).and_then(|text| parse(&text)) {
            Ok(keys) => held.keys = keys,
            Err(reason) => {
                tracing::error!(path = %path.display(), reason, "auth.hs256_keys_file cannot be used");
            }
        }
        held.keys.get(kid).cloned()
    }
}

/// Reads the file's text. Errors do not repeat what is in it.
fn parse(text: &[u8]) -> Result<HashMap<String, DecodingKey>, String> {
    let file: Hs256Keys = serde_json::from_slice(text).map_err(|error| {
        format!("no JSON of keys (line {}, column {})", error.line(), error.column())
    })?;
    let mut keys = HashMap::new();
    for key in file.keys {
        let secret = STANDARD
            .decode(&key.secret)
            .map_err(|_| format!("the secret of the key {:?} is not base64", key.kid))?;
        if secret.len() < MIN_KEY_BYTES {
            return Err(format!("the key {:?} has fewer than {MIN_KEY_BYTES} bytes", key.kid));
        }
        keys.insert(key.kid, DecodingKey::from_secret(&secret));
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_key_is_refused_and_nothing_is_quoted() {
        let error = parse(br#"{"keys":[{"kid":"a","secret":"c3dvcmRmaXNo"}]}"#).err().unwrap();
        assert_eq!(error, "the key \"a\" has fewer than 32 bytes");
        let error = parse(b"swordfish").err().unwrap();
        assert!(!error.contains("swordfish"), "{error}");
    }
}
