//! HS256 keys from a file, by `kid`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::DecodingKey;
use sbh_api::token::Hs256Keys;

/// How often at most the file is looked at, whatever tokens name.
const LOOK_AFTER: Duration = Duration::from_secs(1);
/// Two writes within this time may leave the same time behind.
const CLOCK_STEP: Duration = Duration::from_secs(2);
/// HS256 wants a key as long as its digest (RFC 7518, 3.2).
const MIN_KEY_BYTES: usize = 32;

/// The keys. The file is looked at each second that a token comes, and read again when it changed:
/// keys come and go without a restart.
pub struct Keys {
    path: Option<PathBuf>,
    look_after: Duration,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    keys: HashMap<String, DecodingKey>,
    /// When the file was last looked at.
    looked: Option<Instant>,
    /// What was read last.
    read: Option<Stamp>,
}

/// Tells a file from what it was before.
#[derive(PartialEq, Eq)]
struct Stamp {
    inode: u64,
    length: u64,
    written: SystemTime,
}

impl Stamp {
    fn of(path: &Path) -> std::io::Result<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let about = std::fs::metadata(path)?;
        Ok(Self { inode: about.ino(), length: about.len(), written: about.modified()? })
    }

    /// Whether a later write would leave another stamp.
    fn is_settled(&self) -> bool {
        self.written.elapsed().is_ok_and(|age| age > CLOCK_STEP)
    }
}

impl Keys {
    /// The keys of a file, none without one.
    pub fn new(path: Option<PathBuf>) -> Self {
        Self { path, look_after: LOOK_AFTER, held: Mutex::default() }
    }

    /// The key with this id.
    pub fn find(&self, kid: &str) -> Option<DecodingKey> {
        let path = self.path.as_ref()?;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // Hostile tokens must not make this look at a file each time.
        if held.looked.is_none_or(|looked| looked.elapsed() >= self.look_after) {
            held.looked = Some(Instant::now());
            held.look(path);
        }
        held.keys.get(kid).cloned()
    }
}

impl Held {
    fn look(&mut self, path: &Path) {
        // The stamp is older than what is read with it, never younger.
        let stamp = match Stamp::of(path) {
            Ok(stamp) => stamp,
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "auth.hs256_keys_file cannot be read");
                // A file that is gone holds no key; one that cannot be asked about says nothing.
                if error.kind() == std::io::ErrorKind::NotFound {
                    *self = Self { looked: self.looked, ..Self::default() };
                }
                return;
            }
        };
        if self.read.as_ref() == Some(&stamp) {
            return;
        }
        match std::fs::read(path).map_err(|error| error.to_string()).and_then(|text| parse(&text)) {
            Ok(keys) => {
                self.keys = keys;
                self.read = Some(stamp).filter(Stamp::is_settled);
            }
            // It may be half written. The keys before stay until it can be read.
            Err(reason) => {
                tracing::error!(path = %path.display(), reason, "auth.hs256_keys_file cannot be used");
            }
        }
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

    fn write(path: &Path, kids: &[&str]) {
        let key =
            |kid: &&str| serde_json::json!({ "kid": kid, "secret": STANDARD.encode([7; 32]) });
        let keys = serde_json::json!({ "keys": kids.iter().map(key).collect::<Vec<_>>() });
        std::fs::write(path, keys.to_string()).unwrap();
    }

    #[test]
    fn keys_come_and_go_with_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        let keys = Keys { look_after: Duration::ZERO, ..Keys::new(Some(path.clone())) };
        let found = |kid: &str| keys.find(kid).is_some();
        assert!(!found("a"), "there is no file");
        write(&path, &["a", "b"]);
        assert!(found("a") && found("b") && !found("c"));
        // As long as before, and within the same moment.
        write(&path, &["c", "b"]);
        assert!(!found("a") && found("b") && found("c"));
        std::fs::write(&path, "{").unwrap();
        assert!(found("b"), "half a file is no word about keys");
        write(&path, &[]);
        assert!(!found("b"));
        write(&path, &["a"]);
        assert!(found("a"));
        std::fs::remove_file(&path).unwrap();
        assert!(!found("a"));
    }

    #[test]
    fn a_file_that_is_as_it_was_is_not_read_again_and_not_looked_at_all_the_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        write(&path, &["a"]);
        let old = SystemTime::now() - Duration::from_secs(3_600);
        let back =
            || std::fs::File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
        back();
        let keys = Keys { look_after: Duration::ZERO, ..Keys::new(Some(path.clone())) };
        assert!(keys.find("a").is_some());
        write(&path, &["b"]);
        back();
        assert!(keys.find("a").is_some() && keys.find("b").is_none(), "its stamp is the same");
        let rare = Keys { look_after: Duration::from_secs(600), ..Keys::new(Some(path.clone())) };
        assert!(rare.find("b").is_some());
        write(&path, &["c"]);
        assert!(rare.find("b").is_some() && rare.find("c").is_none());
    }

    #[test]
    fn a_short_key_is_refused_and_nothing_is_quoted() {
        let error = parse(br#"{"keys":[{"kid":"a","secret":"c3dvcmRmaXNo"}]}"#).err().unwrap();
        assert_eq!(error, "the key \"a\" has fewer than 32 bytes");
        let error = parse(b"swordfish").err().unwrap();
        assert!(!error.contains("swordfish"), "{error}");
    }
}
