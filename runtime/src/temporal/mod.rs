//! The connection to Temporal.

mod apply;

use std::time::Duration;

use anyhow::Context;
use temporalio_client::{Client, ClientOptions, Connection, ConnectionOptions, Url};
use temporalio_common::telemetry::metrics::TemporalMeter;

pub use apply::{Applied, apply};

use crate::codec;
use crate::config::TemporalConfig;
use crate::keyring::Keyring;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);

/// Connects with a time-out, encrypted payloads and encrypted failure messages.
///
/// # Errors
/// Names the address when it cannot be reached.
pub async fn connect(config: &TemporalConfig, keyring: &Keyring) -> anyhow::Result<Client> {
    connect_with_meter(config, keyring, None).await
}

/// Like [`connect`], with the client's calls counted by `meter`.
///
/// # Errors
/// Names the address when it cannot be reached.
pub async fn connect_with_meter(
    config: &TemporalConfig,
    keyring: &Keyring,
    meter: Option<TemporalMeter>,
) -> anyhow::Result<Client> {
    install_crypto_provider();
    let address = Url::parse(&config.address)
        .with_context(|| format!("temporal.address {:?} is not usable", config.address))?;
    let options = ConnectionOptions::new(address)
        .identity(identity())
        .connect_timeout(CONNECT)
        .maybe_metrics_meter(meter)
        .build();
    // The time-out of the options ends with the TCP connection; a server that accepts and then says
    // nothing is as far away as one that is down.
    let connection = tokio::time::timeout(CONNECT, Connection::connect(options))
        .await
        .map_err(|_| anyhow::anyhow!("no answer within {} s", CONNECT.as_secs()))
        .and_then(|connected| connected.map_err(anyhow::Error::from))
        .with_context(|| format!("cannot reach Temporal at {}", config.address))?;
    let options = ClientOptions::new(config.namespace.as_str())
        .data_converter(codec::data_converter(keyring))
        .build();
    Ok(Client::new(connection, options)?)
}

/// Makes ring the process's one crypto provider, whoever asks first: with two of them linked, rustls
/// would refuse to choose.
pub fn install_crypto_provider() {
    // An error says that one is installed already, which is what is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Who a person sees in the Web UI: program, process and machine.
fn identity() -> String {
    let program = std::env::current_exe()
        .ok()
        .and_then(|path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned()))
        .unwrap_or_else(|| "sbh".into());
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{program}-{}@{}", std::process::id(), machine.trim())
}
