//! What PostgreSQL keeps of a password (SCRAM-SHA-256, RFC 5802 and 7677), made here: the password
//! itself is then in no statement, and so in no log of the server.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::StoreError;

/// PostgreSQL's own default.
const ITERATIONS: u32 = 4_096;

/// The verifier of a password, with a salt of its own: base64, `$`, `:` and `-` only.
pub(super) fn verifier(password: &str) -> Result<String, StoreError> {
    // Others are normalised (SASLprep) by whoever logs in, and nobody should depend on how.
    if password.is_empty() || !password.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
    {
        return Err(StoreError::Setup(
            "a role's password must have printable ASCII characters only, and at least one"
                .to_owned(),
        ));
    }
    // 122 random bits: PostgreSQL itself takes 128.
    Ok(text(password, uuid::Uuid::new_v4().as_bytes()))
}

fn text(password: &str, salt: &[u8]) -> String {
    let salted = salted(password, salt);
    let stored: [u8; 32] = Sha256::digest(mac(&salted, &[b"Client Key"])).into();
    let server = mac(&salted, &[b"Server Key"]);
    let [salt, stored, server] = [salt, &stored, &server].map(|bytes| STANDARD.encode(bytes));
    format!("SCRAM-SHA-256${ITERATIONS}:{salt}${stored}:{server}")
}

/// PBKDF2 with one block, as SCRAM has it.
fn salted(password: &str, salt: &[u8]) -> [u8; 32] {
    let mut block = mac(password.as_bytes(), &[salt, &1_u32.to_be_bytes()]);
    let mut whole = block;
    for _ in 1..ITERATIONS {
        block = mac(password.as_bytes(), &[&block]);
        whole.iter_mut().zip(block).for_each(|(byte, next)| *byte ^= next);
    }
    whole
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // Any length is a key for HMAC.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exchange of RFC 7677, section 3: user `user`, password `pencil`.
    #[test]
    fn the_exchange_of_the_standard_verifies() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let text = text("pencil", &salt);
        let (_, keys) = text.rsplit_once('$').unwrap();
        let (stored, server) = keys.split_once(':').unwrap();
        let message = b"n=user,r=rOprNGfwEbeRWgbNEkqO,\
            r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
            c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let server = STANDARD.decode(server).unwrap();
        let signature = STANDARD.encode(mac(&server, &[message]));
        assert_eq!(signature, "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        // The client's proof, without the stored key's mask, is a key that digests to it.
        let stored = STANDARD.decode(stored).unwrap();
        let proof = STANDARD.decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=").unwrap();
        let mask = mac(&stored, &[message]);
        let client: Vec<u8> = proof.iter().zip(mask).map(|(a, b)| a ^ b).collect();
        assert_eq!(Sha256::digest(client)[..], stored);
    }

    #[test]
    fn salts_differ_and_nothing_needs_quoting() {
        let [one, two] = [(); 2].map(|()| verifier("it's a 'secret'").unwrap());
        assert_ne!(one, two);
        assert!(one.starts_with("SCRAM-SHA-256$4096:") && !one.contains('\''), "{one}");
        for wrong in ["", "naïve", "tab\there"] {
            let error = verifier(wrong).unwrap_err().to_string();
            assert!(error.contains("ASCII") && (wrong.is_empty() || !error.contains(wrong)));
        }
    }
}
