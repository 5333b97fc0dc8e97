//! Running a notary: opens the log, listens, reloads, stops.

use std::{
    fs::Permissions,
    io::{self, Write as _},
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::Arc,
    time::Duration,
};

use tokio::{net::UnixListener, sync::watch, task::JoinHandle};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::{server::NamedService as _, transport::Server};
use trialseal_proto::{
    DESCRIPTORS,
    v1::{
        directory_server::DirectoryServer, log_server::LogServer, notary_server::NotaryServer,
        operator_server::OperatorServer, registers_server::RegistersServer,
    },
};

use crate::{
    clock::{Clock, SystemClock},
    closed::ClosedLog,
    config::{Config, ConfigError, ServeFlags},
    evidence::WAIT_MAX,
    fs::{FileSystem, RealFileSystem},
    http,
    journal::JournalOptions,
    keys::{KeyError, LogSigner, Passphrase, PassphraseSources, open_or_make_cose_key},
    layout::Layout,
    notary::{Notary, Running, StartOptions},
    recover::{self, OpenError, OpenOptions},
    rpc::{DirectoryService, LogService, NotaryService, OperatorService, RegistersService},
    signals::Signals,
    signer_state::AcceptedHead,
    state::RememberedLimits,
    telemetry::{CallSpans, Metrics, Telemetry, TelemetryError},
    tls::{Listener, Protocol, TlsError, TlsIdentity},
};

/// Operator calls are small.
const OPERATOR_MESSAGE_BYTES: usize = 64 << 10;
/// Answers hold up to 1,000 records with their parts.
const ANSWER_BYTES_MAX: usize = 32 << 20;

/// Why the notary does not run, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The log's keys cannot be had.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// Certificate or key cannot be had.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Telemetry cannot be started.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The log cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A port or socket cannot be listened on.
    #[error("cannot listen on {place}: {error}")]
    Listen {
        /// Address or path.
        place: String,
        /// Why not.
        error: io::Error,
    },
    /// Threads, signals or services failed.
    #[error("{what}: {error}")]
    Run {
        /// What was tried.
        what: &'static str,
        /// Why not.
        error: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A commit failed.
    #[error("a commit failed and its outcome is unknown; start the notary again to recover")]
    CommitFailed,
}

fn run_error<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    what: &'static str,
) -> impl FnOnce(E) -> ServeError {
    move |error| ServeError::Run {
        what,
        error: error.into(),
    }
}

/// What opening a log takes from its configuration.
///
/// # Errors
/// If the keys cannot be had, or the logs before are not where the configuration says.
pub fn open_options(config: &Config, accept_head: Option<AcceptedHead>) -> Result<OpenOptions, ServeError> {
    let passphrase = PassphraseSources::of_process(config.passphrase_file.as_deref()).existing()?;
    open_options_with(config, &passphrase, accept_head)
}

/// As [`open_options`], with the passphrase of the log's keys given.
///
/// # Errors
/// As [`open_options`].
pub fn open_options_with(
    config: &Config,
    passphrase: &Passphrase,
    accept_head: Option<AcceptedHead>,
) -> Result<OpenOptions, ServeError> {
    let keys = &config.directories.keys;
    let signer = LogSigner::open_at(&config.origin, keys, config.pkcs11.as_ref(), passphrase)?;
    let (cose, made) = open_or_make_cose_key(&config.origin, &config.directories.keys, passphrase)?;
    if made {
        tracing::info!(directory = %config.directories.keys.display(), "a key for COSE receipts was made");
    }
    Ok(OpenOptions {
        fs: Arc::new(RealFileSystem),
        layout: Layout::from(&config.directories),
        signer: Arc::new(signer),
        cose: Arc::new(cose),
        clock: Arc::new(SystemClock),
        journal: JournalOptions {
            limit_bytes: config.limits.journal_bytes.get(),
            ..JournalOptions::default()
        },
        remembered: RememberedLimits {
            total: config.limits.remembered_keys.get(),
            per_organization: config.limits.remembered_keys_of_one_organization(),
        },
        salts: rand::make_rng(),
        previous: ClosedLog::before(config)?,
        accept_head,
    })
}

/// Runs a notary until it is told to stop, or fails.
///
/// # Errors
/// Any [`ServeError`].
pub async fn serve(flags: &ServeFlags, accept_head: Option<AcceptedHead>) -> Result<(), ServeError> {
    let config = Config::load(flags)?;
    let telemetry = Telemetry::start(&config.log, &config.telemetry, config.origin.as_str())?;
    let result = run(flags, &config, &telemetry, accept_head).await;
    if let Err(error) = &result {
        tracing::error!(%error, "the notary stops");
    }
    let within = Duration::from_secs(config.limits.transport.shutdown_seconds.get());
    // Export has a runtime of its own; leaving it must not wait for this one.
    let ended = tokio::task::spawn_blocking(move || telemetry.shutdown(within)).await;
    ended.map_err(run_error("telemetry"))?;
    result
}

async fn run(
    flags: &ServeFlags,
    config: &Config,
    telemetry: &Telemetry,
    accept_head: Option<AcceptedHead>,
) -> Result<(), ServeError> {
    let tls = config.tls.as_ref().map(TlsIdentity::load).transpose()?;
    let options = open_options(config, accept_head)?;
    let (notary, running) = start(options, config, telemetry.metrics()).await?;
    let (stop, stopped) = watch::channel(false);
    // Before anybody is told that it is ready: whoever then stops it, stops it in order.
    let signals = Signals::listen().map_err(run_error("signals"))?;
    let servers = listen(config, &notary, tls.as_ref(), &stopped).await?;
    say_ready(&servers, &notary)?;
    let ended = wait_for_end(signals, flags, config, telemetry, &notary, tls.as_ref()).await;
    tracing::info!("stopping: no new calls are taken");
    stop.send_replace(true);
    notary.evidence.levels.stop();
    let deadline = Duration::from_secs(config.limits.transport.shutdown_seconds.get());
    // An idle client may hold its connection open for ever: calls have a deadline to end.
    if tokio::time::timeout(deadline, servers.join()).await.is_err() {
        tracing::warn!("some connections did not end in time and are closed");
    }
    if tokio::time::timeout(deadline, running.stop(&notary))
        .await
        .is_err()
    {
        tracing::error!("the log could not be closed in time; the next start recovers it");
    }
    // The socket is ours: the journal's lock kept others away.
    if let Err(error) = std::fs::remove_file(&config.listen.admin_socket) {
        tracing::warn!(%error, "the admin socket could not be removed");
    }
    ended
}

/// Opens the log off the async threads, and starts it.
///
/// # Errors
/// If the log cannot be opened, or no thread can be started.
pub async fn start(
    options: OpenOptions,
    config: &Config,
    metrics: Arc<Metrics>,
) -> Result<(Arc<Notary>, Running), ServeError> {
    let start = StartOptions {
        origin: config.origin.clone(),
        fs: Arc::clone(&options.fs),
        layout: options.layout.clone(),
        clock: Arc::clone(&options.clock),
        cose: Arc::clone(&options.cose),
        limits: config.limits.clone(),
        evidence: config.evidence.clone(),
        metrics,
    };
    let opened = tokio::task::spawn_blocking(move || recover::open(options)).await;
    let opened = opened.map_err(run_error("opening the log"))??;
    Notary::start(opened, start).map_err(run_error("starting the log"))
}

/// The servers at work.
pub struct Servers {
    /// Where gRPC is served.
    pub grpc_address: SocketAddr,
    /// Where HTTP is served.
    pub http_address: SocketAddr,
    grpc: JoinHandle<Result<(), tonic::transport::Error>>,
    operator: JoinHandle<Result<(), tonic::transport::Error>>,
    http: JoinHandle<io::Result<()>>,
}

impl Servers {
    /// Waits until all have ended, which they do once they are told that the notary stops.
    pub async fn join(self) {
        let (grpc, operator, http) = tokio::join!(self.grpc, self.operator, self.http);
        let failed = [
            grpc.map(|ended| ended.is_err()).unwrap_or(true),
            operator.map(|ended| ended.is_err()).unwrap_or(true),
            http.map(|ended| ended.is_err()).unwrap_or(true),
        ];
        if failed.contains(&true) {
            tracing::warn!("a server ended badly");
        }
    }
}

/// Serves a notary where its configuration says, until `stopped` holds true.
///
/// # Errors
/// If a port or the socket cannot be listened on.
pub async fn listen(
    config: &Config,
    notary: &Arc<Notary>,
    tls: Option<&TlsIdentity>,
    stopped: &watch::Receiver<bool>,
) -> Result<Servers, ServeError> {
    let limits = &config.limits.transport;
    let bind = async |address, protocol| {
        Listener::bind(address, protocol, tls, limits)
            .await
            .map_err(|error| ServeError::Listen {
                place: address.to_string(),
                error,
            })
    };
    let grpc = bind(config.listen.grpc, Protocol::Grpc).await?;
    let web = bind(config.listen.http, Protocol::Http).await?;
    let socket = operator_socket(&config.listen.admin_socket).map_err(|error| ServeError::Listen {
        place: config.listen.admin_socket.display().to_string(),
        error,
    })?;
    let (grpc_address, http_address) = (grpc.local(), web.local());
    Ok(Servers {
        grpc_address,
        http_address,
        grpc: tokio::spawn(serve_grpc(config, notary, grpc, stopped.clone())?),
        operator: tokio::spawn(
            Server::builder()
                .add_service(
                    OperatorServer::new(OperatorService {
                        notary: Arc::clone(notary),
                    })
                    .max_decoding_message_size(OPERATOR_MESSAGE_BYTES),
                )
                .serve_with_incoming_shutdown(UnixListenerStream::new(socket), ended(stopped.clone())),
        ),
        http: {
            let served = axum::serve(web, http::router(Arc::clone(notary)))
                .with_graceful_shutdown(ended(stopped.clone()));
            tokio::spawn(served.into_future())
        },
    })
}

/// One line for programs that started us and wait for the ports.
fn say_ready(servers: &Servers, notary: &Notary) -> Result<(), ServeError> {
    let (grpc, http, size) = (
        servers.grpc_address,
        servers.http_address,
        notary.view.head().size,
    );
    tracing::info!(%grpc, %http, %size, origin = %notary.origin, "the notary is ready");
    let mut out = io::stdout().lock();
    writeln!(out, "READY grpc={grpc} http={http} size={size}")
        .and_then(|()| out.flush())
        .map_err(run_error("standard output"))
}

fn serve_grpc(
    config: &Config,
    notary: &Arc<Notary>,
    listener: Listener,
    stopped: watch::Receiver<bool>,
) -> Result<impl Future<Output = Result<(), tonic::transport::Error>> + Send + 'static, ServeError> {
    let limits = &config.limits.transport;
    let seconds = |value: std::num::NonZeroU64| Duration::from_secs(value.get());
    let (health, health_service) = tonic_health::server::health_reporter();
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
        // The operator's service is in the same set, but not on this port.
        .with_service_name(NotaryServer::<NotaryService>::NAME)
        .with_service_name(RegistersServer::<RegistersService>::NAME)
        .with_service_name(DirectoryServer::<DirectoryService>::NAME)
        .with_service_name(LogServer::<LogService>::NAME)
        .with_service_name(tonic_health::pb::health_server::SERVICE_NAME)
        .build_v1()
        .map_err(run_error("reflection"))?;
    let request_bytes = notary.gate.request_bytes();
    let server = Server::builder()
        .max_concurrent_streams(limits.streams_per_connection.get())
        .max_connection_age(seconds(limits.connection_age_seconds))
        .max_connection_age_grace(seconds(limits.connection_age_grace_seconds))
        .http2_keepalive_interval(Some(seconds(limits.keepalive_seconds)))
        .http2_keepalive_timeout(Some(seconds(limits.keepalive_timeout_seconds)))
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
        // A caller may wait for a level beyond the time of an ordinary call.
        .timeout(seconds(limits.call_seconds) + WAIT_MAX)
        .layer(CallSpans)
        .add_service(health_service)
        .add_service(reflection)
        .add_service(
            NotaryServer::new(NotaryService {
                notary: Arc::clone(notary),
            })
            .max_decoding_message_size(request_bytes)
            .max_encoding_message_size(ANSWER_BYTES_MAX),
        )
        .add_service(
            RegistersServer::new(RegistersService::new(Arc::clone(notary)))
                .max_decoding_message_size(request_bytes)
                .max_encoding_message_size(ANSWER_BYTES_MAX),
        )
        .add_service(DirectoryServer::new(DirectoryService {
            notary: Arc::clone(notary),
        }))
        .add_service(LogServer::new(LogService {
            notary: Arc::clone(notary),
        }));
    Ok(async move {
        health.set_serving::<NotaryServer<NotaryService>>().await;
        health.set_serving::<RegistersServer<RegistersService>>().await;
        health.set_serving::<DirectoryServer<DirectoryService>>().await;
        health.set_serving::<LogServer<LogService>>().await;
        server
            .serve_with_incoming_shutdown(listener, async move {
                ended(stopped).await;
                health.set_not_serving::<NotaryServer<NotaryService>>().await;
                health
                    .set_not_serving::<RegistersServer<RegistersService>>()
                    .await;
                health
                    .set_not_serving::<DirectoryServer<DirectoryService>>()
                    .await;
                health.set_not_serving::<LogServer<LogService>>().await;
            })
            .await
    })
}

async fn ended(mut stopped: watch::Receiver<bool>) {
    // The sender outlives the servers; if it should not, that is an end as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// A socket that only this user can open.
fn operator_socket(path: &Path) -> io::Result<UnixListener> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Never open to others, not even between bind and chmod.
    let mask = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o177));
    let bound = UnixListener::bind(path);
    rustix::process::umask(mask);
    let listener = bound?;
    std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Waits for a signal to stop or a failed commit; reloads on SIGHUP.
async fn wait_for_end(
    mut signals: Signals,
    flags: &ServeFlags,
    config: &Config,
    telemetry: &Telemetry,
    notary: &Notary,
    tls: Option<&TlsIdentity>,
) -> Result<(), ServeError> {
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => return Ok(()),
            _ = signals.interrupt.recv() => return Ok(()),
            () = notary.shared.failure() => return Err(ServeError::CommitFailed),
            _ = signals.hangup.recv() => reload(flags, config, telemetry, notary, tls),
        }
    }
}

fn reload(
    flags: &ServeFlags,
    config: &Config,
    telemetry: &Telemetry,
    notary: &Notary,
    tls: Option<&TlsIdentity>,
) {
    if let Some(Err(error)) = tls.map(TlsIdentity::reload) {
        tracing::error!(%error, "the certificate was not reloaded; the old one stays in use");
    }
    let new = match Config::load(flags) {
        Ok(new) => new,
        Err(error) => {
            tracing::error!(%error, "the configuration was not reloaded; the old one stays in force");
            return;
        }
    };
    for key in config.needs_restart(&new) {
        tracing::warn!(
            key,
            "changed in the configuration, and takes effect at the next start"
        );
    }
    let new = new.reloadable();
    notary.reload(new.limits);
    match telemetry.level().set(&new.log_level) {
        Ok(()) => tracing::info!(level = %new.log_level, "limits and log level are reloaded"),
        Err(error) => tracing::error!(%error, "the log level was not reloaded"),
    }
}

/// Seconds since 1970 by the system's clock, for keys and trust files.
#[must_use]
pub fn system_now() -> trialseal_core::time::Instant {
    SystemClock.now()
}

/// The file system that the program runs on.
#[must_use]
pub fn real_file_system() -> Arc<dyn FileSystem> {
    Arc::new(RealFileSystem)
}
