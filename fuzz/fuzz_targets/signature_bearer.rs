#![no_main]
//! Bearer tokens: nothing that the fuzzer writes is accepted, and a genuine token is accepted exactly
//! as it was made.

use std::time::{Duration, SystemTime};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use sbh_sources::bearer::{Expected, published_key, shared_secret};
use sbh_sources::{Keys, key_set};
use serde_json::{Value, json};

const SECRET: &[u8] = b"a secret that no fuzzer knows: 8c1f";

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let secrets = [SECRET.to_vec()];
    let text = String::from_utf8_lossy(data);
    // The key set is as untrusted as the token.
    let (set, token) = text.split_once('\n').unwrap_or(("", &text));
    let set = key_set::parse(set.as_bytes()).unwrap_or_default();
    let settings = Value::Null;
    let connection = uuid::Uuid::nil();
    let keys = Keys { secrets: &secrets, key_set: Some(&set), settings: &settings, connection };
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let expected = Expected { audience: Some("app"), issuer: Some("service") };
    assert!(shared_secret::<Value>(token, &keys, expected, now).is_err());
    let none = Keys { key_set: None, ..keys };
    assert!(published_key::<Value>(token, &none, expected, now).is_err());
    let _ = published_key::<Value>(token, &keys, expected, now);

    let claims = json!({ "aud": "app", "iss": "service", "exp": 1_800_000_100_u64, "sub": token });
    let genuine =
        encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(SECRET));
    let genuine = genuine.expect("a token");
    let accepted = |token: &str| shared_secret::<Value>(token, &keys, expected, now).is_ok();
    // Long ones are not looked at.
    assert_eq!(accepted(&genuine), genuine.len() <= 8 * 1_024);
    if let (Some(at), Some(byte)) = (data.first(), data.get(1)) {
        let at = usize::from(*at) % genuine.len();
        let mut spoiled = genuine.clone().into_bytes();
        spoiled[at] ^= 1 << (byte % 7);
        let spoiled = String::from_utf8_lossy(&spoiled).into_owned();
        // The last character of a part holds bits that mean nothing.
        let means_nothing = genuine.as_bytes().get(at + 1).is_none_or(|next| *next == b'.');
        assert!(!accepted(&spoiled) || means_nothing, "{spoiled}");
    }
});
