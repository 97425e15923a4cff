//! `X-Hub-Signature-256`: HMAC-SHA256 over the raw body.

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Whether the header signs the body with one of the secrets. Every secret is tried and compared in
/// constant time, whichever fits.
pub fn verify(secrets: &[Vec<u8>], header: Option<&str>, body: &[u8]) -> bool {
    let mut expected = [0; 32];
    let hex = header.and_then(|header| header.strip_prefix("sha256="));
    let well_formed = hex.is_some_and(|hex| hex::decode_to_slice(hex, &mut expected).is_ok());
    let mut fits = false;
    for secret in secrets {
        // Any length is a key for HMAC.
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) {
            mac.update(body);
            fits |= mac.verify_slice(&expected).is_ok();
        }
    }
    fits && well_formed
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of GitHub's documentation, "Validating webhook deliveries".
    const SECRET: &[u8] = b"It's a Secret to Everybody";
    const BODY: &[u8] = b"Hello, World!";
    const SIGNATURE: &str =
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    #[test]
    fn the_documented_example_verifies() {
        assert!(verify(&[SECRET.to_vec()], Some(SIGNATURE), BODY));
    }

    #[test]
    fn either_of_two_live_secrets_does() {
        let other = b"another secret".to_vec();
        assert!(verify(&[other.clone(), SECRET.to_vec()], Some(SIGNATURE), BODY));
        assert!(verify(&[SECRET.to_vec(), other.clone()], Some(SIGNATURE), BODY));
        assert!(!verify(&[other], Some(SIGNATURE), BODY));
    }

    #[test]
    fn nothing_else_passes() {
        let secrets = [SECRET.to_vec()];
        assert!(verify(
            &secrets,
            Some(&SIGNATURE.to_uppercase().replacen("SHA256", "sha256", 1)),
            BODY
        ));
        for header in [
            None,
            Some(""),
            Some("sha256="),
            Some(&SIGNATURE[7..]),
            Some(&SIGNATURE[..70]),
            Some("sha1=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"),
            Some("sha256=zz7107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"),
            Some("sha256=0000000000000000000000000000000000000000000000000000000000000000"),
        ] {
            assert!(!verify(&secrets, header, BODY), "{header:?}");
        }
        assert!(!verify(&secrets, Some(SIGNATURE), b"Hello, World"));
        assert!(!verify(&[], Some(SIGNATURE), BODY));
    }
}
