//! The payload codec: everything that Temporal stores is encrypted, and plain payloads stay
//! readable.
//!
//! An encrypted payload carries the whole original (metadata and data) as sealed protobuf, the
//! metadata `encoding: binary/encrypted` that the Web UI and the other SDKs know, and the key's id.

use std::collections::HashMap;

use futures::future::{BoxFuture, FutureExt, ready};
use prost::Message;
use temporalio_common::data_converters::{
    DataConverter, DefaultFailureConverter, PayloadCodec, PayloadConversionError, PayloadConverter,
    SerializationContextData,
};
use temporalio_common::protos::temporal::api::common::v1::Payload;

use crate::keyring::{Keyring, KeyringError};

/// The metadata value that marks an encrypted payload.
pub const ENCODING: &str = "binary/encrypted";
/// The metadata field of [`ENCODING`].
pub const ENCODING_FIELD: &str = "encoding";
/// The metadata field that names the key.
pub const KEY_ID_FIELD: &str = "encryption-key-id";

const PURPOSE: &str = "temporal payload";

/// Why a payload cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// It cannot be decrypted.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// What was decrypted is not a payload.
    #[error("a decrypted payload is not one: {0}")]
    Malformed(#[from] prost::DecodeError),
}

/// Encrypts one payload. One that is encrypted already stays as it is.
pub fn encode_payload(keyring: &Keyring, payload: Payload) -> Payload {
    if is_encrypted(&payload) {
        return payload;
    }
    Payload {
        metadata: HashMap::from([
            (ENCODING_FIELD.to_owned(), ENCODING.as_bytes().to_vec()),
            (KEY_ID_FIELD.to_owned(), keyring.key_id().into_bytes()),
        ]),
        data: keyring.seal(PURPOSE, &payload.encode_to_vec()),
        ..Default::default()
    }
}

/// Decrypts one payload. One that is not encrypted stays as it is.
///
/// # Errors
/// [`CodecError`] when the key is unknown or the payload was changed.
pub fn decode_payload(keyring: &Keyring, payload: Payload) -> Result<Payload, CodecError> {
    if !is_encrypted(&payload) {
        return Ok(payload);
    }
    Ok(Payload::decode(keyring.open(PURPOSE, &payload.data)?.as_slice())?)
}

fn is_encrypted(payload: &Payload) -> bool {
    payload.metadata.get(ENCODING_FIELD).is_some_and(|encoding| encoding == ENCODING.as_bytes())
}

/// The codec that client and workers share.
#[derive(Debug, Clone)]
pub struct EncryptionCodec {
    keyring: Keyring,
}

impl EncryptionCodec {
    /// A codec with the keys of this installation.
    pub fn new(keyring: Keyring) -> Self {
        Self { keyring }
    }
}

impl PayloadCodec for EncryptionCodec {
    fn encode(
        &self,
        _context: &SerializationContextData,
        payloads: Vec<Payload>,
    ) -> BoxFuture<'static, Result<Vec<Payload>, PayloadConversionError>> {
        let encoded = payloads.into_iter().map(|p| encode_payload(&self.keyring, p)).collect();
        ready(Ok(encoded)).boxed()
    }

    fn decode(
        &self,
        _context: &SerializationContextData,
        payloads: Vec<Payload>,
    ) -> BoxFuture<'static, Result<Vec<Payload>, PayloadConversionError>> {
        let decoded = payloads
            .into_iter()
            .map(|p| decode_payload(&self.keyring, p))
            .collect::<Result<_, _>>()
            .map_err(|error| PayloadConversionError::EncodingError(error.into()));
        ready(decoded).boxed()
    }
}

/// JSON payloads, encrypted, and failures whose messages are encrypted too.
pub fn data_converter(keyring: &Keyring) -> DataConverter {
    DataConverter::new(
        PayloadConverter::default(),
        DefaultFailureConverter::new(true),
        EncryptionCodec::new(keyring.clone()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyring() -> (tempfile::TempDir, Keyring) {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Keyring::load_or_create(&folder.path().join("keyring.json")).unwrap();
        (folder, keyring)
    }

    fn plain() -> Payload {
        Payload {
            metadata: HashMap::from([("encoding".into(), b"json/plain".to_vec())]),
            data: br#""swordfish""#.to_vec(),
            ..Default::default()
        }
    }

    #[test]
    fn a_payload_comes_back_whole() {
        let (_folder, keyring) = keyring();
        let encoded = encode_payload(&keyring, plain());
        assert_eq!(encoded.metadata["encoding"], b"binary/encrypted");
        assert_eq!(encoded.metadata["encryption-key-id"], keyring.key_id().as_bytes());
        assert!(!encoded.data.windows(9).any(|w| w == b"swordfish"));
        assert_eq!(decode_payload(&keyring, encoded).unwrap(), plain());
    }

    #[test]
    fn plain_payloads_stay_readable_and_nothing_is_encrypted_twice() {
        let (_folder, keyring) = keyring();
        assert_eq!(decode_payload(&keyring, plain()).unwrap(), plain());
        let once = encode_payload(&keyring, plain());
        assert_eq!(encode_payload(&keyring, once.clone()), once);
    }

    #[test]
    fn a_strange_key_is_an_error_and_not_an_empty_payload() {
        let (_folder, ours) = keyring();
        let (_other_folder, theirs) = keyring_of_another();
        let encoded = encode_payload(&theirs, plain());
        assert!(matches!(decode_payload(&ours, encoded), Err(CodecError::Keyring(_))));
    }

    fn keyring_of_another() -> (tempfile::TempDir, Keyring) {
        keyring()
    }

    #[test]
    fn messages_of_failures_are_encoded() {
        use temporalio_common::error::{ApplicationFailure, OutgoingActivityError, OutgoingError};
        let (_folder, keyring) = keyring();
        let failure = ApplicationFailure::new("swordfish");
        let failure = data_converter(&keyring).to_failure(
            &SerializationContextData::None,
            OutgoingError::Activity(OutgoingActivityError::Application(Box::new(failure))),
        );
        assert!(!failure.message.contains("swordfish"));
        assert!(failure.encoded_attributes.is_some());
    }
}
