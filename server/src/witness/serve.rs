//! Running a witness: opens its memory, listens, reloads, stops.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::config::{WitnessConfig, WitnessConfigError};
use super::{Store, StoreError, Witness, WitnessMetrics, http};
use crate::clock::SystemClock;
use crate::config::{TelemetryExport, TransportLimits};
use crate::fs::RealFileSystem;
use crate::http_server;
use crate::keys::{KeyError, PassphraseSources, WitnessSigner};
use crate::signals::Signals;
use crate::telemetry::{LevelHandle, Telemetry, TelemetryError};
use crate::tls::{Listener, Protocol, TlsError, TlsIdentity};

/// The folder of a witness's keys, in its own.
const KEYS: &str = "keys";
/// The folder of what it remembers, in its own.
const DATA: &str = "data";
/// How long a request's header may take, and how long an idle connection is kept.
const HEADER_WITHIN: Duration = Duration::from_secs(60);
/// How long a stop waits for requests that have begun.
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// Why a witness does not run.
#[derive(Debug, thiserror::Error)]
pub enum WitnessServeError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] WitnessConfigError),
    /// The keys cannot be had.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// Certificate or key cannot be had.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The log on standard error cannot be started.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// What is remembered cannot be had.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The port cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// Signals or threads failed.
    #[error("{what}: {error}")]
    Run {
        /// What was tried.
        what: &'static str,
        /// Why not.
        error: Box<dyn std::error::Error + Send + Sync>,
    },
}

fn run_error<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    what: &'static str,
) -> impl FnOnce(E) -> WitnessServeError {
    move |error| WitnessServeError::Run {
        what,
        error: error.into(),
    }
}

/// The folder of the keys of the witness in this folder.
#[must_use]
pub fn keys_of(dir: &Path) -> PathBuf {
    dir.join(KEYS)
}

/// The folder of what the witness in this folder remembers.
#[must_use]
pub fn data_of(dir: &Path) -> PathBuf {
    dir.join(DATA)
}

/// Runs the witness of a folder until it is told to stop.
///
/// # Errors
/// Any [`WitnessServeError`].
pub async fn serve(dir: &Path) -> Result<(), WitnessServeError> {
    let config = WitnessConfig::load(dir)?;
    let telemetry = Telemetry::start(&config.log, &TelemetryExport::default(), config.name.as_str())?;
    let result = run(dir, &config, &telemetry.level()).await;
    if let Err(error) = &result {
        tracing::error!(%error, "the witness stops");
    }
    result
}

async fn run(dir: &Path, config: &WitnessConfig, level: &LevelHandle) -> Result<(), WitnessServeError> {
    let tls = config.tls.as_ref().map(TlsIdentity::load).transpose()?;
    let witness = Arc::new(open(dir, config)?);
    let (stop, stopped) = watch::channel(false);
    // Before anybody is told that it is ready: whoever then stops it, stops it in order.
    let mut signals = Signals::listen().map_err(run_error("signals"))?;
    let server = listen(config, &witness, tls.as_ref(), stopped).await?;
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => break,
            _ = signals.interrupt.recv() => break,
            _ = signals.hangup.recv() => reload(dir, config, &witness, tls.as_ref(), level),
        }
    }
    tracing::info!("stopping: no new submissions are taken");
    stop.send_replace(true);
    match tokio::time::timeout(STOP_WITHIN, server).await {
        Ok(ended) => ended.map_err(run_error("the server"))?,
        Err(_) => tracing::warn!("some connections did not end in time and are closed"),
    }
    Ok(())
}

fn open(dir: &Path, config: &WitnessConfig) -> Result<Witness, WitnessServeError> {
    let passphrase = PassphraseSources::of_process(config.passphrase_file.as_deref()).existing()?;
    let signer = WitnessSigner::open(&config.name, &keys_of(dir), &passphrase)?;
    let store = Store::open(Arc::new(RealFileSystem), &data_of(dir))?;
    let metrics = WitnessMetrics::new().map_err(run_error("metrics"))?;
    Ok(Witness::open(
        signer,
        store,
        Arc::new(SystemClock),
        metrics,
        &config.logs,
    )?)
}

async fn listen(
    config: &WitnessConfig,
    witness: &Arc<Witness>,
    tls: Option<&TlsIdentity>,
    stopped: watch::Receiver<bool>,
) -> Result<JoinHandle<()>, WitnessServeError> {
    let limits = TransportLimits::default();
    let listener = Listener::bind(config.listen, Protocol::Http1, tls, &limits)
        .await
        .map_err(|error| WitnessServeError::Listen {
            address: config.listen,
            error,
        })?;
    let address = listener.local();
    let router = http::router(Arc::clone(witness));
    let server = tokio::spawn(http_server::serve(listener, router, HEADER_WITHIN, stopped));
    let logs = witness.watched();
    tracing::info!(http = %address, logs, name = config.name.as_str(), "the witness is ready");
    // One line for programs that started us and wait for the port.
    let mut out = io::stdout().lock();
    writeln!(out, "READY http={address} logs={logs}")
        .and_then(|()| out.flush())
        .map_err(run_error("standard output"))?;
    Ok(server)
}

fn reload(
    dir: &Path,
    config: &WitnessConfig,
    witness: &Witness,
    tls: Option<&TlsIdentity>,
    level: &LevelHandle,
) {
    if let Some(Err(error)) = tls.map(TlsIdentity::reload) {
        tracing::error!(%error, "the certificate was not reloaded; the old one stays in use");
    }
    let new = match WitnessConfig::load(dir) {
        Ok(new) => new,
        Err(error) => {
            tracing::error!(%error, "the configuration was not reloaded; the old one stays in force");
            return;
        }
    };
    let restarts = [
        ("name", config.name != new.name),
        ("listen", config.listen != new.listen),
        ("tls", config.tls != new.tls),
        ("passphrase_file", config.passphrase_file != new.passphrase_file),
        ("log_json", config.log.json != new.log.json),
    ];
    for (key, _) in restarts.iter().filter(|(_, differs)| *differs) {
        tracing::warn!(
            key,
            "changed in the configuration, and takes effect at the next start"
        );
    }
    if let Err(error) = level.set(&new.log.level) {
        tracing::error!(%error, "the log level was not reloaded");
    }
    match witness.watch(&new.logs) {
        Ok(()) => tracing::info!(logs = new.logs.len(), "the logs to watch are reloaded"),
        Err(error) => tracing::error!(%error, "the logs to watch were not reloaded; the old ones stay"),
    }
}
