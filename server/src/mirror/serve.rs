//! Running a mirror: opens its folder, follows the log, serves, stops.

use std::{
    io::{self, Write as _},
    sync::Arc,
    time::Duration,
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use super::{
    AlarmKind, FollowError, Followed, Follower, MirrorConfig, Store, StoreError,
    http::{Served, router},
    status::Status,
    upstream::Upstream,
};
use crate::{
    clock::{Clock, SystemClock},
    config::{TelemetryExport, TransportLimits},
    fs::RealFileSystem,
    outbound::Outbound,
    telemetry::{Telemetry, TelemetryError},
    tls::{Listener, Protocol, TlsError, TlsIdentity},
};

/// The longest pause between two looks at a log that fails.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// How often `--once` tries again what may be damage on the way.
const ONCE_TRIES: usize = 3;
/// How long a stop waits for open requests.
const SHUTDOWN: Duration = Duration::from_secs(10);

/// Why a mirror does not run, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// What is kept cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Certificate or key cannot be had.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The log of events cannot be started.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// With `--once`: the mirror did not catch up.
    #[error(transparent)]
    Follow(#[from] FollowError),
    /// With `--once`: the log shows an older checkpoint than the mirror has.
    #[error("the log shows an older checkpoint than the mirror has: a stale answer, or a log that was cut")]
    Stale,
    /// The port cannot be listened on.
    #[error("cannot listen on {place}: {error}")]
    Listen {
        /// The address.
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
}

fn run_error<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    what: &'static str,
) -> impl FnOnce(E) -> MirrorError {
    move |error| MirrorError::Run {
        what,
        error: error.into(),
    }
}

/// Runs a mirror until it is told to stop; with `once`, only until it has what the log shows now.
///
/// # Errors
/// Any [`MirrorError`].
pub async fn mirror(config: &MirrorConfig, once: bool) -> Result<(), MirrorError> {
    let origin = &config.trust.log().origin;
    let _telemetry = Telemetry::start(&config.log, &TelemetryExport::default(), origin.as_str())?;
    let trust = Arc::new(config.trust.clone());
    let (dir, opened_with) = (config.dir.clone(), Arc::clone(&trust));
    let opened =
        tokio::task::spawn_blocking(move || Store::open(Arc::new(RealFileSystem), &dir, &opened_with));
    let store = Arc::new(opened.await.map_err(run_error("opening the mirror"))??);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let outbound = Outbound::new().map_err(run_error("TLS"))?;
    let upstream = Upstream::new(
        outbound,
        config.log_url.clone(),
        config.parallel_requests,
        config.request_timeout,
    );
    let follower = Follower::new(upstream, Arc::clone(&store), trust, Arc::clone(&clock))?;
    if once {
        return catch_up_once(follower, &store).await;
    }
    let status = Arc::new(Status::default());
    status.set_alarms(|kind| follower.alarms(kind));
    let served = Served { store, status, clock };
    serve(config, follower, served).await
}

async fn catch_up_once(mut follower: Follower, store: &Store) -> Result<(), MirrorError> {
    let mut tries = 0;
    let followed = loop {
        match follower.look().await {
            Err(error @ FollowError::Data { .. }) if tries < ONCE_TRIES => {
                tracing::warn!(%error, "trying again");
                tries += 1;
            }
            followed => break followed?.0,
        }
    };
    if followed == Followed::Stale {
        return Err(MirrorError::Stale);
    }
    let size = store.head().map_or(0, |head| head.tree.size());
    let root = store.head().map(|head| head.signed.checkpoint.root.to_base64());
    let mut out = io::stdout().lock();
    writeln!(out, "MIRRORED size={size} root={}", root.unwrap_or_default())
        .map_err(run_error("standard output"))
}

async fn serve(config: &MirrorConfig, follower: Follower, served: Served) -> Result<(), MirrorError> {
    let tls = config.tls.as_ref().map(TlsIdentity::load).transpose()?;
    let mut signals = Signals::listen()?;
    let listener = Listener::bind(
        config.http,
        Protocol::Http,
        tls.as_ref(),
        &TransportLimits::default(),
    )
    .await
    .map_err(|error| MirrorError::Listen {
        place: config.http.to_string(),
        error,
    })?;
    let address = listener.local();
    let (stop, stopped) = watch::channel(false);
    let router = router(&config.trust.log().origin, served.clone());
    let server = axum::serve(listener, router).with_graceful_shutdown(ended(stopped.clone()));
    let server = tokio::spawn(server.into_future());
    let size = served.store.head().map_or(0, |head| head.tree.size());
    let following = tokio::spawn(follow(follower, served, config.poll, stopped));
    tracing::info!(http = %address, size, log = %config.log_url, "the mirror is ready");
    say_ready(address, size)?;
    signals.wait_for_stop(tls.as_ref()).await;
    tracing::info!("stopping");
    stop.send_replace(true);
    // A look that is under way is given up: what it did not commit is done again.
    following.abort();
    let _aborted = following.await;
    if tokio::time::timeout(SHUTDOWN, server).await.is_err() {
        tracing::warn!("some connections did not end in time and are closed");
    }
    Ok(())
}

/// One line for programs that started us and wait for the port.
fn say_ready(address: std::net::SocketAddr, size: u64) -> Result<(), MirrorError> {
    let mut out = io::stdout().lock();
    writeln!(out, "READY http={address} size={size}")
        .and_then(|()| out.flush())
        .map_err(run_error("standard output"))
}

async fn ended(mut stopped: watch::Receiver<bool>) {
    // The sender outlives the servers; if it should not, that is an end as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Looks at the log again and again; less often while that fails.
async fn follow(
    mut follower: Follower,
    Served { status, clock, .. }: Served,
    poll: Duration,
    stopped: watch::Receiver<bool>,
) {
    let mut failures = 0_u32;
    while !*stopped.borrow() {
        let pause = match follower.look().await {
            Ok((followed, shown)) => {
                if failures > 0 {
                    tracing::info!(size = %shown.checkpoint.size, "the log is followed again");
                }
                failures = 0;
                if followed == Followed::Stale {
                    tracing::warn!(size = %shown.checkpoint.size, "the log shows an older checkpoint");
                }
                status.followed(followed, &shown, clock.now());
                // Who was behind may be behind again.
                if followed == Followed::Advanced {
                    poll / 2
                } else {
                    poll
                }
            }
            Err(error) => {
                match &error {
                    FollowError::Alarm { folder: Some(_), .. } | FollowError::Store(_) => {
                        tracing::error!("{error}");
                    }
                    error => tracing::warn!("{error}"),
                }
                status.failed(&error);
                failures = failures.saturating_add(1);
                pause(poll, failures)
            }
        };
        status.set_alarms(|kind: AlarmKind| follower.alarms(kind));
        tokio::time::sleep(pause).await;
    }
}

/// Twice as long after each failure, and not at the same moment as every other mirror.
fn pause(poll: Duration, failures: u32) -> Duration {
    let longest = poll
        .saturating_mul(1 << failures.min(10))
        .min(PAUSE_MAX.max(poll));
    longest.mul_f64(rand::random_range(0.5..=1.0))
}

/// The signals that a mirror acts on.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> Result<Self, MirrorError> {
        let listen = |kind| signal(kind).map_err(run_error("signals"));
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// Waits for a signal to stop; reads the certificate again on SIGHUP.
    async fn wait_for_stop(&mut self, tls: Option<&TlsIdentity>) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => {
                    if let Some(Err(error)) = tls.map(TlsIdentity::reload) {
                        tracing::error!(%error, "the certificate was not reloaded; the old one stays in use");
                    }
                }
            }
        }
    }
}
