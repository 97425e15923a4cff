//! Temporal's codec-server protocol: protobuf JSON of `Payloads`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Payloads to decode or encode, and the answer in the same order.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct CodecPayloads {
    /// The payloads.
    #[serde(default)]
    pub payloads: Vec<CodecPayload>,
}

/// One payload.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CodecPayload {
    /// Metadata, values in base64.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// Data in base64.
    #[serde(default)]
    pub data: String,
}

impl std::fmt::Debug for CodecPayload {
    /// Without the data, which may be in clear.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CodecPayload").field("metadata", &self.metadata).finish_non_exhaustive()
    }
}
