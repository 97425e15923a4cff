//! What every program of SBH fleet starts with: configuration, logs and metrics, the keyring, the
//! connection to Temporal with encrypted payloads, and Valkey.

pub mod codec;
pub mod config;
pub mod entity;
pub mod keyring;
pub mod metrics;
pub mod telemetry;
pub mod temporal;
pub mod trace;
pub mod valkey;

pub use config::Config;
pub use keyring::Keyring;
