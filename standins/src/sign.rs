//! Signatures as the services make them, and as somebody else would.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac as _};
use ring::rand::SystemRandom;
use ring::signature::{self, RsaKeyPair, RsaPublicKeyComponents};
use serde_json::{Value, json};
use sha2::Sha256;

/// `sha256=<hex>`: the value of `X-Hub-Signature-256` (GitHub) and `X-Hub-Signature` (Atlassian).
pub fn hmac_header(secret: &[u8], body: &[u8]) -> String {
    format!("sha256={}", hex::encode(hmac(secret, body)))
}

fn hmac(secret: &[u8], body: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length is a key");
    mac.update(body);
    mac.finalize().into_bytes().to_vec()
}

/// A JWT with HS256.
pub fn hs256(secret: &[u8], claims: &Value) -> String {
    let text = unsigned_part(&json!({ "typ": "JWT", "alg": "HS256" }), claims);
    let signature = URL_SAFE_NO_PAD.encode(hmac(secret, text.as_bytes()));
    format!("{text}.{signature}")
}

/// A JWT that says that it needs no signature. Nobody may accept it.
pub fn unsigned(claims: &Value) -> String {
    format!("{}.", unsigned_part(&json!({ "typ": "JWT", "alg": "none" }), claims))
}

fn unsigned_part(header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", encode(header), encode(claims))
}

/// The claims of a JWT with RS256 that this key signed.
pub fn claims_signed_by(key: &SigningKey, token: &str) -> Option<Value> {
    let (text, signature) = token.rsplit_once('.')?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    signature::UnparsedPublicKey::new(
        &signature::RSA_PKCS1_2048_8192_SHA256,
        key.pair.public().as_ref(),
    )
    .verify(text.as_bytes(), &signature)
    .ok()?;
    let (_, claims) = text.split_once('.')?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

/// An RSA key of the tests. Both are in the repository for everybody to see and sign nothing real.
#[derive(Debug)]
pub struct SigningKey {
    /// Its name in a key set.
    pub kid: &'static str,
    /// The private key, PKCS#8 in PEM: for what is to sign with it.
    pub pem: &'static str,
    pair: RsaKeyPair,
}

impl SigningKey {
    /// The key that the stand-ins publish and accept.
    pub fn published() -> &'static Self {
        static KEY: OnceLock<SigningKey> = OnceLock::new();
        KEY.get_or_init(|| Self::of("forge/published", include_str!("../keys/published.pem")))
    }

    /// A key that nobody published: what it signs is forged.
    pub fn foreign() -> &'static Self {
        static KEY: OnceLock<SigningKey> = OnceLock::new();
        KEY.get_or_init(|| Self::of("forge/published", include_str!("../keys/foreign.pem")))
    }

    fn of(kid: &'static str, pem: &'static str) -> Self {
        let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(base64).expect("the key's base64");
        Self { kid, pem, pair: RsaKeyPair::from_pkcs8(&der).expect("an RSA key") }
    }

    /// A JWT with RS256.
    pub fn rs256(&self, claims: &Value) -> String {
        let header = json!({ "typ": "JWT", "alg": "RS256", "kid": self.kid });
        let text = unsigned_part(&header, claims);
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair
            .sign(
                &signature::RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                text.as_bytes(),
                &mut signature,
            )
            .expect("a signature");
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Its public half as an entry of a key set (RFC 7517).
    pub fn jwk(&self) -> Value {
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(self.pair.public());
        json!({
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.kid,
            "n": URL_SAFE_NO_PAD.encode(public.n),
            "e": URL_SAFE_NO_PAD.encode(public.e),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_key_verifies_what_it_signed_and_nothing_else() {
        let claims = json!({ "sub": "someone" });
        let token = SigningKey::published().rs256(&claims);
        assert_eq!(claims_signed_by(SigningKey::published(), &token), Some(claims.clone()));
        assert_eq!(claims_signed_by(SigningKey::foreign(), &token), None);
        assert_eq!(claims_signed_by(SigningKey::published(), &unsigned(&claims)), None);
    }

    #[test]
    fn the_header_is_github_s_documented_example() {
        assert_eq!(
            hmac_header(b"It's a Secret to Everybody", b"Hello, World!"),
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
    }
}
