//! The payload codec: everything that Temporal stores is encrypted, and plain payloads stay
//! readable.
