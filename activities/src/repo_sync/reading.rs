//! From an object's bytes to a document's canonical text.

use sbh_domain::{Digest, canonical::canonical_text};
use sbh_store::repo_sync::CanonicalText;

use crate::git::blobs::Blob;

/// Why bytes are not a text: the metric's label, and the reason for people.
pub(crate) type Refusal = (&'static str, String);

/// The canonical text of a document of at most `limit` bytes.
pub(crate) fn text_of(blob: Blob, limit: u64) -> Result<CanonicalText, Refusal> {
    let bytes = match blob {
        Blob::TooLarge(size) => {
            let reason =
                format!("the file has {size} bytes; a document may have {limit}: split it");
            return Err(("too_large", reason));
        }
        Blob::Bytes(bytes) => bytes,
    };
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return Err((
            "binary",
            format!("the file is not a text: byte {at} is NUL; save it as UTF-8"),
        ));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        ("not_utf8", format!("the file is not UTF-8 at byte {at}: save it as UTF-8"))
    })?;
    let text = canonical_text(&text);
    Ok(CanonicalText { hash: Digest::of(&text), text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_texts_are_documents() {
        let refusal = |bytes: &[u8]| text_of(Blob::Bytes(bytes.to_vec()), 10).unwrap_err();
        assert_eq!(refusal(b"a\0").0, "binary");
        assert_eq!(
            refusal(
                "\u{feff}a"
                    .encode_utf16()
                    .flat_map(u16::to_le_bytes)
                    .collect::<Vec<_>>()
                    .as_slice()
            )
            .0,
            "binary"
        );
        let (label, reason) = refusal(b"abc\xe9");
        assert_eq!(label, "not_utf8");
        assert!(reason.contains("byte 3"));
        assert_eq!(text_of(Blob::TooLarge(11), 10).unwrap_err().0, "too_large");
        let text = text_of(Blob::Bytes(b"a \r\n".to_vec()), 10).unwrap();
        assert_eq!((text.text.as_str(), text.hash), ("a\n", Digest::of("a\n")));
    }
}
