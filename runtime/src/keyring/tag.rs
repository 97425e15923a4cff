//! Tags (HMAC-SHA256) on what others keep for us and could change.
//!
//! A tag is 64 hexadecimal digits, a full stop, and the id of the key. Each purpose has a key of
//! its own, derived from the keyring's.

use std::fmt::Write as _;
use std::sync::PoisonError;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{Key, Keyring};

const HEX: usize = 64;

impl Keyring {
    /// A tag on some parts, in this order, made with the newest key.
    pub fn tag(&self, purpose: &str, parts: &[&[u8]]) -> String {
        let held = self.inner.keys.read().unwrap_or_else(PoisonError::into_inner);
        // A keyring without a key is never built.
        let Some(key) = held.keys.last() else { unreachable!("a keyring has a key") };
        let mut tag = String::with_capacity(HEX + 1 + key.id.len());
        for byte in key.mac(purpose, parts).finalize().into_bytes() {
            // Writing to a string does not fail.
            let _ = write!(tag, "{byte:02x}");
        }
        tag.push('.');
        tag.push_str(&key.id);
        tag
    }

    /// Whether [`Keyring::tag`] made this tag for this purpose and these parts. Compares in
    /// constant time. A key that another process added is looked for in the file.
    pub fn is_tag(&self, purpose: &str, parts: &[&[u8]], tag: &str) -> bool {
        let Some((code, id)) = tag.split_at_checked(HEX) else { return false };
        let (Some(id), Some(code)) = (id.strip_prefix('.'), bytes(code)) else { return false };
        let check = || {
            let held = self.inner.keys.read().unwrap_or_else(PoisonError::into_inner);
            let key = held.keys.iter().find(|key| key.id == id)?;
            Some(key.mac(purpose, parts).verify_slice(&code).is_ok())
        };
        let known = check();
        known.or_else(|| self.read_again().ok().and_then(|()| check())).unwrap_or(false)
    }
}

impl Key {
    fn mac(&self, purpose: &str, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut derivation = hmac(self.secret.as_slice());
        derivation.update(b"sbh tag 1\0");
        derivation.update(purpose.as_bytes());
        let mut derived = Zeroizing::new([0; 32]);
        derived.copy_from_slice(&derivation.finalize().into_bytes());
        let mut mac = hmac(derived.as_slice());
        for part in parts {
            // With its length, so that no part can pass for a piece of its neighbour.
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

fn hmac(key: &[u8]) -> Hmac<Sha256> {
    let Ok(mac) = Hmac::new_from_slice(key) else { unreachable!("HMAC takes keys of any length") };
    mac
}

fn bytes(code: &str) -> Option<[u8; HEX / 2]> {
    let mut bytes = [0; HEX / 2];
    for (byte, digits) in bytes.iter_mut().zip(code.as_bytes().chunks(2)) {
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyring(folder: &tempfile::TempDir) -> Keyring {
        Keyring::load_or_create(&folder.path().join("keys.json")).unwrap()
    }

    #[test]
    fn a_tag_fits_one_purpose_and_one_list_of_parts() {
        let folder = tempfile::tempdir().unwrap();
        let keyring = keyring(&folder);
        let tag = keyring.tag("cache", &[b"key", b"value"]);
        assert!(keyring.is_tag("cache", &[b"key", b"value"], &tag));
        for (purpose, parts) in [
            ("other", [b"key".as_slice(), b"value"].as_slice()),
            ("cache", &[b"key", b"valuf"]),
            ("cache", &[b"keyv", b"alue"]),
            ("cache", &[b"value", b"key"]),
            ("cache", &[b"keyvalue"]),
            ("cache", &[b"key", b"value", b""]),
        ] {
            assert!(!keyring.is_tag(purpose, parts, &tag), "{purpose} {parts:?}");
        }
        let (code, id) = tag.split_once('.').unwrap();
        let zeros = format!("{}.{id}", "0".repeat(HEX));
        let unknown = format!("{code}.0000000000000000");
        let short = format!("{}.{id}", &code[..62]);
        for forged in ["", ".", code, "ä", &zeros, &unknown, &short, &tag.replace('.', "")] {
            assert!(!keyring.is_tag("cache", &[b"key", b"value"], forged), "{forged}");
        }
        let other = tempfile::tempdir().unwrap();
        assert!(!self::keyring(&other).is_tag("cache", &[b"key", b"value"], &tag));
    }

    #[test]
    fn older_keys_still_vouch() {
        let folder = tempfile::tempdir().unwrap();
        let keyring = keyring(&folder);
        let old = keyring.tag("cache", &[b"a"]);
        keyring.rotate().unwrap();
        let new = keyring.tag("cache", &[b"a"]);
        assert_ne!(old, new);
        assert!(keyring.is_tag("cache", &[b"a"], &old) && keyring.is_tag("cache", &[b"a"], &new));
    }
}
