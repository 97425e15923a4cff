use std::os::unix::fs::PermissionsExt;

use super::*;

fn keyring() -> (tempfile::TempDir, Keyring) {
    let folder = tempfile::tempdir().unwrap();
    let keyring = Keyring::load_or_create(&folder.path().join("deep/keyring.json")).unwrap();
    (folder, keyring)
}

#[test]
fn what_is_sealed_is_opened_for_the_same_purpose_only() {
    let (_folder, keyring) = keyring();
    let sealed = keyring.seal("webhook secret", b"swordfish");
    assert_eq!(keyring.open("webhook secret", &sealed).unwrap(), b"swordfish");
    assert!(!sealed.windows(9).any(|w| w == b"swordfish"));
    assert!(keyring.open("payload", &sealed).is_err());
    assert_ne!(sealed, keyring.seal("webhook secret", b"swordfish"), "nonces differ");
}

#[test]
fn every_changed_bit_and_every_cut_is_noticed() {
    let (_folder, keyring) = keyring();
    let sealed = keyring.seal("p", b"swordfish");
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(keyring.open("p", &changed).is_err(), "byte {at}");
        assert!(keyring.open("p", &sealed[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn the_file_is_its_owner_s_alone_and_is_read_again() {
    let (folder, keyring) = keyring();
    let path = folder.path().join("deep/keyring.json");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let sealed = keyring.seal("p", b"x");
    assert_eq!(Keyring::load_or_create(&path).unwrap().open("p", &sealed).unwrap(), b"x");
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing left aside");
}

#[test]
fn processes_that_start_at_once_agree() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyring.json");
    let start = std::sync::Barrier::new(16);
    let ids: std::collections::BTreeSet<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    Keyring::load_or_create(&path).unwrap().key_id()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(ids.len(), 1, "{ids:?}");
}

#[test]
fn rotation_keeps_what_was_sealed_before_readable_everywhere() {
    let (folder, keyring) = keyring();
    let path = folder.path().join("deep/keyring.json");
    let other = Keyring::load_or_create(&path).unwrap();
    let before = keyring.seal("p", b"before");
    let first = keyring.key_id();
    let second = keyring.rotate().unwrap();
    assert_ne!(first, second);
    assert_eq!(keyring.key_id(), second);
    let after = keyring.seal("p", b"after");
    assert_eq!(keyring.open("p", &before).unwrap(), b"before");
    // The other process learns the new key from the file.
    other.inner.keys.write().unwrap().read = Instant::now().checked_sub(REREAD_AFTER).unwrap();
    assert_eq!(other.open("p", &after).unwrap(), b"after");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn no_key_is_ever_shown() {
    let (folder, keyring) = keyring();
    let text = std::fs::read_to_string(folder.path().join("deep/keyring.json")).unwrap();
    let file: serde_json::Value = serde_json::from_str(&text).unwrap();
    let key = file["keys"][0]["key"].as_str().unwrap();
    assert!(!format!("{keyring:?}").contains(key));
    assert!(format!("{keyring:?}").contains(&keyring.key_id()));
}

#[test]
fn a_wrong_file_is_named_and_not_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyring.json");
    for wrong in ["", "{}", r#"{"keys":[]}"#, r#"{"keys":[{"id":"a","key":"swordfish"}]}"#] {
        std::fs::write(&path, wrong).unwrap();
        let error = Keyring::load_or_create(&path).unwrap_err().to_string();
        assert!(error.contains("keyring.json"), "{error}");
        assert!(!error.contains("swordfish"), "{error}");
    }
}
