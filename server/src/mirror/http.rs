//! The files of the log at the paths of its origin, health and metrics.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use trialseal_core::{checkpoint::Origin, tile::TilePath};

use super::{status::Status, store::Store};
use crate::{
    clock::Clock,
    http::{FRESH, METRICS, fresh_text, immutable, prefix_of, refused},
};

/// What the routes tell of.
#[derive(Clone)]
pub(super) struct Served {
    pub(super) store: Arc<Store>,
    pub(super) status: Arc<Status>,
    pub(super) clock: Arc<dyn Clock>,
}

/// The routes: what C2SP tlog-tiles has, and the newest checkpoint that the witnesses cosigned.
pub(super) fn router(origin: &Origin, served: Served) -> Router {
    let prefix = prefix_of(origin);
    Router::new()
        .route(&format!("{prefix}/checkpoint"), get(checkpoint))
        .route(&format!("{prefix}/checkpoint/witnessed"), get(witnessed))
        .route(&format!("{prefix}/tile/{{*path}}"), get(tile))
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics))
        .with_state(served)
}

async fn checkpoint(State(served): State<Served>) -> Response {
    match served.store.head() {
        Some(head) => fresh_text(head.signed.note.to_string()),
        None => refused(StatusCode::NOT_FOUND, "nothing is mirrored yet\n"),
    }
}

async fn witnessed(State(served): State<Served>) -> Response {
    match served.store.head().and_then(|head| head.witnessed.clone()) {
        Some(note) => fresh_text(note.to_string()),
        None => refused(
            StatusCode::NOT_FOUND,
            "no checkpoint with a witness quorum is mirrored\n",
        ),
    }
}

async fn tile(State(served): State<Served>, Path(path): Path<String>) -> Response {
    let Ok(path) = TilePath::parse(&format!("tile/{path}")) else {
        return refused(StatusCode::NOT_FOUND, "no such tile\n");
    };
    let read = tokio::task::spawn_blocking(move || {
        let read = served.store.tile(&path);
        read.inspect_err(|error| tracing::error!(%error, %path, "a mirrored file cannot be read"))
    });
    match read.await {
        Ok(Ok(Some(bytes))) => immutable(bytes),
        Ok(Ok(None)) => refused(StatusCode::NOT_FOUND, "the mirror does not reach so far\n"),
        Ok(Err(_)) | Err(_) => refused(StatusCode::INTERNAL_SERVER_ERROR, "the tile cannot be read\n"),
    }
}

/// That the log cannot be reached is no illness of a mirror; an alarm is.
async fn healthz(State(served): State<Served>) -> Response {
    let size = served.store.head().map_or(0, |head| head.tree.size());
    let closed = served.store.head().is_some_and(|head| head.closed.is_some());
    let mut facts = format!("size {size}\n");
    if closed {
        facts.push_str("the log is closed\n");
    }
    if let Some(trouble) = served.status.trouble() {
        facts.push_str(&format!("log {trouble}\n"));
    }
    if served.status.is_alarmed() {
        let text = format!("ALARM: see the folder `alarm`; what was mirrored before is served\n{facts}");
        return refused(StatusCode::SERVICE_UNAVAILABLE, text);
    }
    fresh_text(format!("ok\n{facts}"))
}

async fn metrics(State(served): State<Served>) -> Response {
    let size = served.store.head().map_or(0, |head| head.tree.size());
    let text = served.status.metrics(size, served.clock.now());
    (
        [(header::CONTENT_TYPE, METRICS), (header::CACHE_CONTROL, FRESH)],
        text,
    )
        .into_response()
}
