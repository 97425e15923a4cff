//! Published keys (RFC 7517): those that can verify a signature, and nothing else of the document.

use std::collections::BTreeMap;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};

/// Bytes of a key document at most.
pub const MAX_BYTES: usize = 256 * 1024;

/// Keys by their id, each with the one algorithm that its type fixes.
pub type KeySet = BTreeMap<String, (DecodingKey, Algorithm)>;

/// The usable keys of a document; others are left out.
///
/// # Errors
/// When it is no such document.
pub fn parse(text: &[u8]) -> Result<KeySet, String> {
    let set: JwkSet = serde_json::from_slice(text).map_err(|error| format!("no JWKS: {error}"))?;
    Ok(set
        .keys
        .iter()
        .filter_map(|jwk| {
            let kid = jwk.common.key_id.clone()?;
            let key = DecodingKey::from_jwk(jwk).ok()?;
            Some((kid, (key, algorithm(jwk)?)))
        })
        .collect())
}

/// The one algorithm of a key: by its type, and not against what it declares.
fn algorithm(jwk: &Jwk) -> Option<Algorithm> {
    let by_type = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => {
            Algorithm::ES256
        }
        // A symmetric key in a public document would let everyone sign.
        _ => return None,
    };
    let declared = jwk.common.key_algorithm.as_ref().map(ToString::to_string);
    let for_signing = matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
    (for_signing && declared.is_none_or(|name| name == format!("{by_type:?}"))).then_some(by_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

    #[test]
    fn the_key_s_type_fixes_the_algorithm() {
        let text = serde_json::json!({ "keys": [
            { "kty": "EC", "kid": "ec", "crv": "P-256", "x": X, "y": Y },
            { "kty": "RSA", "kid": "rsa", "n": "sXchTWsZ", "e": "AQAB", "alg": "RS256", "use": "sig" },
            { "kty": "RSA", "kid": "other", "n": "sXchTWsZ", "e": "AQAB", "alg": "RS512" },
            { "kty": "RSA", "kid": "encrypts", "n": "sXchTWsZ", "e": "AQAB", "use": "enc" },
            { "kty": "oct", "kid": "symmetric", "k": "c3dvcmRmaXNo" },
            { "kty": "RSA", "n": "sXchTWsZ", "e": "AQAB" },
        ]});
        let keys = parse(text.to_string().as_bytes()).unwrap();
        let mut found: Vec<_> =
            keys.iter().map(|(kid, (_, algorithm))| (kid.as_str(), *algorithm)).collect();
        found.sort_by_key(|(kid, _)| *kid);
        assert_eq!(found, [("ec", Algorithm::ES256), ("rsa", Algorithm::RS256)]);
    }
}
