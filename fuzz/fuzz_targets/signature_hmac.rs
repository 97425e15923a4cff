#![no_main]
//! `X-Hub-Signature…`: a header is accepted exactly when it is the digest of the body.

use hmac::{Hmac, Mac as _};
use sbh_sources::signature::verify;
use sha2::Sha256;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let secrets = [b"the older secret".to_vec(), b"the newer secret".to_vec()];
    let (header, body) = data.split_at(data.iter().position(|b| *b == b'\n').unwrap_or(data.len()));
    let header = std::str::from_utf8(header).ok();
    let right = |secret: &[u8]| {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length is a key");
        mac.update(body);
        format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
    };
    let known = secrets.iter().any(|secret| {
        header.is_some_and(|header| {
            header
                .strip_prefix("sha256=")
                .is_some_and(|hex| right(secret)["sha256=".len()..] == hex.to_ascii_lowercase())
        })
    });
    assert_eq!(verify(&secrets, header, body), known);
    assert!(verify(&secrets, Some(&right(&secrets[1])), body));
    assert!(!verify(&[], header, body));
});
