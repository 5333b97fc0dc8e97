//! The HTTP edge: checkpoint, tiles and entries of the public log, health and metrics.

use std::{fmt::Write as _, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use trialseal_core::{checkpoint::Origin, cose::key_set, tile::TilePath, trust::Level};

use crate::{chain::ReadLog, notary::Notary, refusal::Refusal, rotate::path_of};

/// What never changes may be kept for a year: a full tile, and a prefix of one.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
pub(crate) const FRESH: HeaderValue = HeaderValue::from_static("no-cache");
const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");
const CBOR: HeaderValue = HeaderValue::from_static("application/cbor");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
pub(crate) const METRICS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// The routes. Tiles lie below the path of the log's origin, as C2SP tlog-tiles has it.
pub fn router(notary: Arc<Notary>) -> Router {
    let prefix = prefix_of(&notary.origin);
    let closed = notary.chain.closed().iter().map(|log| closed_log(&notary, log));
    let closed = closed.fold(Router::new(), Router::merge);
    Router::new()
        .route(&format!("{prefix}/checkpoint"), get(checkpoint))
        .route(&format!("{prefix}/tile/{{*path}}"), get(tile))
        .route("/.well-known/scitt-keys", get(scitt_keys))
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics))
        .with_state(notary)
        .merge(closed)
}

/// The routes of a closed log that the notary continues.
fn closed_log(notary: &Arc<Notary>, log: &Arc<ReadLog>) -> Router {
    let prefix = prefix_of(&log.origin);
    Router::new()
        .route(&format!("{prefix}/checkpoint"), get(final_checkpoint))
        .route(&format!("{prefix}/tile/{{*path}}"), get(tile_of_closed))
        .with_state((Arc::clone(notary), Arc::clone(log)))
}

async fn final_checkpoint(State((_, log)): State<(Arc<Notary>, Arc<ReadLog>)>) -> Response {
    fresh_text(log.last_evidenced().note.to_string())
}

async fn tile_of_closed(
    State((notary, log)): State<(Arc<Notary>, Arc<ReadLog>)>,
    Path(path): Path<String>,
) -> Response {
    tile_of(notary, log, &path).await
}

/// The path under which the files of a log are served: what follows the host in its origin.
pub(crate) fn prefix_of(origin: &Origin) -> String {
    match path_of(origin) {
        "" => String::new(),
        path => format!("/{path}"),
    }
}

async fn checkpoint(State(notary): State<Arc<Notary>>) -> Response {
    fresh_text(notary.published().note.to_string())
}

/// An answer that may be another one a moment later.
pub(crate) fn fresh_text(text: String) -> Response {
    (
        [(header::CONTENT_TYPE, TEXT), (header::CACHE_CONTROL, FRESH)],
        text,
    )
        .into_response()
}

/// A tile, or a prefix of one: neither ever changes.
pub(crate) fn immutable(bytes: Vec<u8>) -> Response {
    let headers = [(header::CONTENT_TYPE, OCTETS), (header::CACHE_CONTROL, IMMUTABLE)];
    (headers, Body::from(bytes)).into_response()
}

async fn tile(State(notary): State<Arc<Notary>>, Path(path): Path<String>) -> Response {
    let log = Arc::clone(notary.chain.present());
    tile_of(notary, log, &path).await
}

async fn tile_of(notary: Arc<Notary>, log: Arc<ReadLog>, path: &str) -> Response {
    let Ok(path) = TilePath::parse(&format!("tile/{path}")) else {
        return refused(StatusCode::NOT_FOUND, "no such tile\n");
    };
    let read =
        tokio::task::spawn_blocking(move || log.view.tile(&path).map_err(|error| notary.internal(&error)));
    match read.await.unwrap_or(Err(Refusal::Internal)) {
        Ok(Some(bytes)) => immutable(bytes),
        Ok(None) => refused(StatusCode::NOT_FOUND, "the log does not reach so far\n"),
        Err(_) => refused(StatusCode::INTERNAL_SERVER_ERROR, "the tile cannot be read\n"),
    }
}

/// The keys of COSE receipts, as a COSE_KeySet: this log's first, then those of the logs before.
async fn scitt_keys(State(notary): State<Arc<Notary>>) -> Response {
    let closed = notary.chain.closed().iter().rev();
    let mut keys = vec![notary.cose.public().clone()];
    keys.extend(closed.filter_map(|log| log.cose.clone()));
    let keys = key_set(&keys);
    (
        [(header::CONTENT_TYPE, CBOR), (header::CACHE_CONTROL, FRESH)],
        keys,
    )
        .into_response()
}

async fn healthz(State(notary): State<Arc<Notary>>) -> Response {
    let stopped = if notary.failed() {
        Err(Refusal::OutcomeUnknown)
    } else if notary.clock_stepped_back() {
        Err(Refusal::ClockSteppedBack)
    } else {
        notary.ready()
    };
    let head = notary.view.head();
    let incomplete = notary.listing.rebuilding() || notary.listing.needs_rebuild();
    let listing = if incomplete { "rebuilding" } else { "whole" };
    let closed = notary.next.as_ref();
    let closed = closed.map_or_else(String::new, |next| format!("closed for {next}\n"));
    let facts = format!(
        "size {}\npublished {}\nlisting {listing} to {}\n{closed}",
        head.size,
        notary.published().head.size,
        notary
            .listing
            .followed()
            .saturating_sub(notary.chain.present().base)
    );
    let facts = facts + &parties(&notary);
    match stopped {
        Ok(()) => ([(header::CACHE_CONTROL, FRESH)], format!("ok\n{facts}")).into_response(),
        Err(refusal) => {
            let text = format!("not sealing: {refusal}\nreason {}\n{facts}", refusal.reason());
            refused(StatusCode::SERVICE_UNAVAILABLE, text)
        }
    }
}

/// Levels, and one line for each witness and authority: who is late, and why.
fn parties(notary: &Notary) -> String {
    let evidence = &notary.evidence;
    if evidence.parties.is_empty() {
        return String::new();
    }
    let levels = &evidence.levels;
    let mut text = format!(
        "witnessed {}\ntimestamped {}\n",
        levels.size(Level::Witnessed),
        levels.size(Level::Timestamped)
    );
    for party in evidence.parties.iter() {
        let known = party.known();
        let (kind, name, size) = (party.kind.as_str(), &party.name, known.size);
        let _infallible = write!(
            text,
            "{kind} {name} {} at {size}",
            if known.failing.is_some() { "late" } else { "ok" }
        );
        let _infallible = write!(text, ", {} s ago", known.age.as_secs());
        if let Some(problem) = known.failing {
            let _infallible = write!(text, ", {}", problem.as_str());
        }
        text.push('\n');
    }
    text
}

async fn metrics(State(notary): State<Arc<Notary>>) -> Response {
    notary.gauges();
    (
        [(header::CONTENT_TYPE, METRICS), (header::CACHE_CONTROL, FRESH)],
        notary.metrics.encode(),
    )
        .into_response()
}

pub(crate) fn refused(status: StatusCode, text: impl Into<Body>) -> Response {
    (
        status,
        [(header::CONTENT_TYPE, TEXT), (header::CACHE_CONTROL, FRESH)],
        text.into(),
    )
        .into_response()
}
