use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::*;

const SECRET: [u8; 32] = *b"0123456789abcdef0123456789abcdef";

/// An authority with the one key `k`; the file goes away with the folder.
fn authority() -> (tempfile::TempDir, Authority) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hs256.json");
    let keys = json!({ "keys": [{ "kid": "k", "secret": STANDARD.encode(SECRET) }] });
    std::fs::write(&path, keys.to_string()).unwrap();
    let config = AuthConfig { hs256_keys_file: Some(path), ..AuthConfig::default() };
    (folder, Authority::new(&config).unwrap())
}

fn claims() -> Value {
    let now = chrono::Utc::now().timestamp();
    json!({ "sub": "ada", "tenant": "demo", "role": "editor", "iss": "sbh", "aud": "sbh-api", "exp": now + 60 })
}

fn token(algorithm: Algorithm, kid: Option<&str>, claims: &Value, secret: &[u8]) -> String {
    let mut header = Header::new(algorithm);
    header.kid = kid.map(str::to_owned);
    encode(&header, claims, &EncodingKey::from_secret(secret)).unwrap()
}

#[tokio::test]
async fn a_good_token_names_its_caller() {
    let (_folder, authority) = authority();
    let caller =
        authority.check(&token(Algorithm::HS256, Some("k"), &claims(), &SECRET)).await.unwrap();
    assert_eq!(caller.tenant.as_str(), "demo");
    assert_eq!((caller.subject.as_str(), caller.role), ("ada", Role::Editor));
    assert!(caller.may(Permission::EditRepositories).is_ok());
    assert_eq!(caller.may(Permission::EditConnections).unwrap_err().kind(), Kind::Forbidden);
}

#[tokio::test]
async fn every_required_claim_is_required_and_checked() {
    let (_folder, authority) = authority();
    let now = chrono::Utc::now().timestamp();
    let wrong = [
        ("exp", json!(now - 3600)),
        ("exp", json!("soon")),
        ("iss", json!("other")),
        ("aud", json!("other")),
        ("nbf", json!(now + 3600)),
        ("tenant", json!("NOT A TENANT")),
        ("tenant", json!("../other")),
        ("role", json!("root")),
        ("sub", json!("")),
    ];
    let without = ["exp", "iss", "aud", "sub", "tenant", "role"].map(|claim| (claim, Value::Null));
    for (claim, value) in wrong.into_iter().chain(without) {
        let mut claims = claims();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(claim);
        } else {
            claims[claim] = value.clone();
        }
        let refused = authority.check(&token(Algorithm::HS256, Some("k"), &claims, &SECRET)).await;
        assert_eq!(refused.unwrap_err().kind(), Kind::Unauthorized, "{claim} = {value}");
    }
}

#[tokio::test]
async fn neither_another_algorithm_nor_another_key_passes() {
    let (_folder, authority) = authority();
    let good = token(Algorithm::HS256, Some("k"), &claims(), &SECRET);
    let (_, signature) = good.rsplit_once('.').unwrap();
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let mut forged = vec![
        token(Algorithm::HS384, Some("k"), &claims(), &SECRET),
        token(Algorithm::HS512, Some("k"), &claims(), &SECRET),
        token(Algorithm::HS256, Some("k"), &claims(), b"another key of thirty-two bytes!"),
        token(Algorithm::HS256, Some("unknown"), &claims(), &SECRET),
        token(Algorithm::HS256, None, &claims(), &SECRET),
        "x".repeat(MAX_TOKEN + 1),
        String::new(),
        "a.b.c".into(),
    ];
    for algorithm in ["none", "None", "RS256", "ES256", "HS256 "] {
        let header = part(json!({ "alg": algorithm, "kid": "k", "typ": "JWT" }));
        forged.push(format!("{header}.{}.{signature}", part(claims())));
        forged.push(format!("{header}.{}.", part(claims())));
    }
    // A key that the token itself brings is not looked at.
    let brought = json!({ "alg": "HS256", "kid": "k", "jwk": { "kty": "oct", "k": "YWJj" }, "jku": "http://x/" });
    forged.push(format!("{}.{}.{signature}", part(brought), part(claims())));
    for token in forged {
        assert!(authority.check(&token).await.is_err(), "{token}");
    }
}

#[tokio::test]
async fn a_changed_claim_breaks_the_signature() {
    let (_folder, authority) = authority();
    let good = token(Algorithm::HS256, Some("k"), &claims(), &SECRET);
    let parts: Vec<_> = good.split('.').collect();
    let mut changed = claims();
    changed["tenant"] = json!("other");
    let forged =
        format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(changed.to_string()), parts[2]);
    assert_eq!(authority.check(&forged).await.unwrap_err().kind(), Kind::Unauthorized);
}

#[test]
fn the_scheme_is_bearer() {
    let with =
        |value: &str| HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
    assert_eq!(bearer(&with("Bearer abc")), Some("abc"));
    assert_eq!(bearer(&with("bearer  abc ")), Some("abc"));
    assert_eq!(bearer(&with("Basic abc")), None);
    assert_eq!(bearer(&with("abc")), None);
    assert_eq!(bearer(&HeaderMap::new()), None);
}
