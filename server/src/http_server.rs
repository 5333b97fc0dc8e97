//! Serving HTTP/1.1 to strangers: bounded in connections (by the listener), in the time that a request's
//! header may take, and in the time that an idle connection is kept.

use std::{io, time::Duration};

use axum::Router;
use axum::serve::Listener as _;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{pin, sync::watch, task::JoinSet};

use crate::tls::{Connection, Listener};

/// Bytes that are buffered of a connection, and with them the largest header.
const BUFFER_BYTES_MAX: usize = 32 << 10;

/// Serves until `stopped` turns true; then ends idle connections, lets requests end that have begun, and
/// returns. The caller sets a deadline for that. `header_within` bounds the time from the beginning of a
/// connection, or from the end of the last request on it, to the end of the next request's header.
pub async fn serve(
    mut listener: Listener,
    router: Router,
    header_within: Duration,
    mut stopped: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let (connection, _) = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_ended) = connections.join_next() => continue,
            () = told(&mut stopped) => break,
        };
        connections.spawn(answer(connection, router.clone(), header_within, stopped.clone()));
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn answer(
    connection: Connection,
    router: Router,
    header_within: Duration,
    mut stopped: watch::Receiver<bool>,
) {
    let remote = connection.remote();
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_within)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(connection), TowerToHyperService::new(router));
    pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = told(&mut stopped) => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended.map_err(io::Error::other) {
        tracing::debug!(%error, %remote, "a connection ended badly");
    }
}

async fn told(stopped: &mut watch::Receiver<bool>) {
    // A sender that is gone is an end as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
