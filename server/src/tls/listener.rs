//! Accepting connections: bounded in number, handshakes side by side and bounded in time.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::connection::{self, Connection};
use super::{Protocol, TlsError, TlsIdentity};
use crate::config::TransportLimits;

/// Connections that are ready and not yet taken by the server.
const READY_CONNECTIONS: usize = 64;

/// The pause after an accept that failed for want of something, such as file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A port that is listened on. For tonic it is a stream of connections, for axum a listener. Dropping it
/// closes the port; connections that were taken from it live on.
#[derive(Debug)]
pub struct Listener {
    local: SocketAddr,
    ready: mpsc::Receiver<Connection>,
    accepting: JoinHandle<()>,
}

/// What accepting a connection needs.
struct Accepting {
    listener: TcpListener,
    local: SocketAddr,
    tls: Option<TlsAcceptor>,
    handshake: Duration,
    free: Arc<Semaphore>,
    ready: mpsc::Sender<Connection>,
}

impl Listener {
    /// Listens on the address; with TLS if there is an identity.
    ///
    /// # Errors
    /// Where the address cannot be bound, or rustls refuses the settings.
    pub async fn bind(
        address: SocketAddr,
        protocol: Protocol,
        tls: Option<&TlsIdentity>,
        limits: &TransportLimits,
    ) -> io::Result<Self> {
        let tls = tls.map(|identity| identity.server_config(protocol)).transpose();
        let tls = tls.map_err(|error: TlsError| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let listener = TcpListener::bind(address).await?;
        let local = listener.local_addr()?;
        let (sender, ready) = mpsc::channel(READY_CONNECTIONS);
        let accepting = Accepting {
            listener,
            local,
            tls: tls.map(|config| TlsAcceptor::from(Arc::new(config))),
            handshake: Duration::from_secs(limits.handshake_seconds.get()),
            free: Arc::new(Semaphore::new(limits.connections.get() as usize)),
            ready: sender,
        };
        Ok(Self {
            local,
            ready,
            accepting: tokio::spawn(accepting.run()),
        })
    }

    /// The address that is listened on, with the port that the system chose for port 0.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.local
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Accepting {
    async fn run(self) {
        let mut handshakes = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                Some(_ended) = handshakes.join_next() => continue,
            };
            let (stream, remote) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, local = %self.local, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            // Closed at once rather than left waiting: a client tries again, or another server.
            let Ok(counted) = Arc::clone(&self.free).try_acquire_owned() else {
                tracing::warn!(%remote, local = %self.local, "a connection was refused: there are too many");
                continue;
            };
            handshakes.spawn(finish(
                stream,
                self.local,
                remote,
                counted,
                self.tls.clone(),
                self.handshake,
                self.ready.clone(),
            ));
        }
    }
}

async fn finish(
    stream: TcpStream,
    local: SocketAddr,
    remote: SocketAddr,
    counted: OwnedSemaphorePermit,
    tls: Option<TlsAcceptor>,
    handshake: Duration,
    ready: mpsc::Sender<Connection>,
) {
    // Without it small answers wait for the other side's acknowledgements.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, %remote, "TCP_NODELAY could not be set");
    }
    let stream = match tls {
        None => connection::Stream::Plain(stream),
        Some(tls) => match tokio::time::timeout(handshake, tls.accept(stream)).await {
            Ok(Ok(stream)) => connection::Stream::Tls(Box::new(stream)),
            Ok(Err(error)) => {
                tracing::debug!(%error, %remote, "a TLS handshake failed");
                return;
            }
            Err(_late) => {
                tracing::debug!(%remote, "a TLS handshake took too long");
                return;
            }
        },
    };
    // Fails only where the listener is gone.
    let _unwanted = ready
        .send(Connection::new(stream, Some(local), remote, counted))
        .await;
}

impl Stream for Listener {
    type Item = io::Result<Connection>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.ready.poll_recv(context).map(|connection| connection.map(Ok))
    }
}

impl axum::serve::Listener for Listener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        match self.ready.recv().await {
            Some(connection) => {
                let remote = connection.remote();
                (connection, remote)
            }
            // The accepting task ends only with the runtime.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }
}
