//! RSA private keys as services give them: PEM, in PKCS #1 (RFC 8017) or PKCS #8 (RFC 5958).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The beginning of an RSA key in PKCS #8 (RFC 5958) before the lengths and the key itself: version 0
/// and the algorithm `rsaEncryption`.
const PKCS8_RSA: [u8; 18] = [
    0x02, 0x01, 0x00, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
    0x05, 0x00,
];

/// The PKCS #1 key of a PEM text in PKCS #1 or PKCS #8.
pub(crate) fn der(pem: &str) -> Option<Vec<u8>> {
    let rest = pem.trim().strip_prefix("-----BEGIN ")?;
    let (kind, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once("-----END ")?;
    let body: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    let der = STANDARD.decode(body).ok()?;
    match kind {
        "RSA PRIVATE KEY" => Some(der),
        "PRIVATE KEY" => {
            // Outer sequence, then what is above, then an octet string that holds the key.
            let (inner, rest) = contents(&der, 0x30)?;
            let key = inner.strip_prefix(&PKCS8_RSA)?;
            let (key, _) = contents(key, 0x04)?;
            rest.is_empty().then(|| key.to_vec())
        }
        _ => None,
    }
}

/// The contents of a DER value of this kind, and what comes after it.
fn contents(der: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = der.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(length - 0x80))?;
            (bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    (first == kind).then_some(())?;
    rest.split_at_checked(length)
}
