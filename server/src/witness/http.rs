//! The HTTP edge of a witness: submission and monitoring below one prefix, health and metrics.

use std::sync::Arc;
use std::time::Duration;

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use tokio::sync::Semaphore;
use trialseal_core::encoding::hex_decode;
use trialseal_core::hash::Hash;

use super::{Answer, BODY_BYTES_MAX, Refusal, Witness};
use crate::telemetry::METRICS_MEDIA_TYPE;

/// How long the body of a submission may take.
const BODY_WITHIN: Duration = Duration::from_secs(10);
/// Submissions that are read, judged or stored at the same time.
const SUBMISSIONS_MAX: usize = 128;

const FRESH: HeaderValue = HeaderValue::from_static("no-cache");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// The media type of a tree size, by which a log tells it from any other answer.
const SIZE: HeaderValue = HeaderValue::from_static("text/x.tlog.size");
const METRICS: HeaderValue = HeaderValue::from_static(METRICS_MEDIA_TYPE);

#[derive(Clone)]
struct Edge {
    witness: Arc<Witness>,
    submissions: Arc<Semaphore>,
}

/// The routes. The prefix of submission and monitoring is the path of the witness's name:
/// `witness.example.edu/w1` answers on `https://witness.example.edu/w1/add-checkpoint`.
pub fn router(witness: Arc<Witness>) -> Router {
    let prefix = prefix(witness.signer().name().as_str());
    let edge = Edge {
        witness,
        submissions: Arc::new(Semaphore::new(SUBMISSIONS_MAX)),
    };
    Router::new()
        .route(&format!("{prefix}/add-checkpoint"), post(add_checkpoint))
        .route(&format!("{prefix}/{{log}}/checkpoint"), get(checkpoint))
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics))
        .with_state(edge)
}

/// The path of a name that is a URL prefix without scheme: empty, or with a slash before each segment.
pub(super) fn prefix(name: &str) -> String {
    name.split_once('/')
        .map_or(String::new(), |(_, path)| format!("/{path}"))
}

async fn add_checkpoint(State(edge): State<Edge>, body: Body) -> Response {
    // Held until the answer is there: it bounds memory and threads.
    let Ok(_counted) = edge.submissions.try_acquire() else {
        return plain(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many submissions at the moment\n".to_owned(),
        );
    };
    let body = match tokio::time::timeout(BODY_WITHIN, to_bytes(body, BODY_BYTES_MAX)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => {
            return plain(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the body is cut short, or larger than {BODY_BYTES_MAX} bytes\n"),
            );
        }
        Err(_) => return plain(StatusCode::REQUEST_TIMEOUT, "the body took too long\n".to_owned()),
    };
    let witness = Arc::clone(&edge.witness);
    let judged = tokio::task::spawn_blocking(move || witness.add_checkpoint(&body)).await;
    let response = match judged {
        Ok(answer) => respond(answer),
        Err(error) => {
            tracing::error!(%error, "a submission was not judged");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "internal error\n".to_owned())
        }
    };
    edge.witness.metrics().answered(response.status().as_u16());
    response
}

fn respond(answer: Answer) -> Response {
    match answer {
        Answer::Cosigned(lines) => plain(StatusCode::OK, lines),
        Answer::Conflict(size) => (
            StatusCode::CONFLICT,
            [(header::CONTENT_TYPE, SIZE)],
            format!("{size}\n"),
        )
            .into_response(),
        Answer::Refused(refusal) => {
            let status = status_of(&refusal);
            if status.is_server_error() {
                // The details are the operator's, not a stranger's.
                tracing::error!(error = %with_causes(&refusal), "a checkpoint was not cosigned");
            }
            plain(status, format!("{refusal}\n"))
        }
    }
}

fn status_of(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::Malformed(_) => StatusCode::BAD_REQUEST,
        Refusal::UnknownLog => StatusCode::NOT_FOUND,
        Refusal::NotSigned(_) => StatusCode::FORBIDDEN,
        Refusal::Unproven(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::Clock | Refusal::Storing(_) => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::Signing(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

async fn checkpoint(State(edge): State<Edge>, Path(log): Path<String>) -> Response {
    let newest = hex_decode::<32>(&log)
        .ok()
        .and_then(|name| edge.witness.newest(&Hash::from_bytes(name)));
    match newest {
        Some(cosigned) => plain(StatusCode::OK, cosigned.note.to_string()),
        None => plain(
            StatusCode::NOT_FOUND,
            "nothing of such a log was cosigned\n".to_owned(),
        ),
    }
}

async fn healthz(State(edge): State<Edge>) -> Response {
    let facts = format!(
        "witness {}\nlogs {}\n",
        edge.witness.signer().name().as_str(),
        edge.witness.watched()
    );
    match edge.witness.trouble() {
        None => plain(StatusCode::OK, format!("ok\n{facts}")),
        Some(trouble) => plain(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not cosigning: {trouble}\n{facts}"),
        ),
    }
}

async fn metrics(State(edge): State<Edge>) -> Response {
    let headers = [(header::CONTENT_TYPE, METRICS), (header::CACHE_CONTROL, FRESH)];
    (headers, edge.witness.metrics().encode()).into_response()
}

fn plain(status: StatusCode, text: String) -> Response {
    let headers = [(header::CONTENT_TYPE, TEXT), (header::CACHE_CONTROL, FRESH)];
    (status, headers, text).into_response()
}
