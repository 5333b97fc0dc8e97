//! The HTTP edge: statuses, media types, bounds.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode, header};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tower::ServiceExt as _;
use trialseal_core::encoding::hex_encode;

use super::*;
use crate::config::TransportLimits;
use crate::http_server;
use crate::tls::{Listener, Protocol};

async fn ask(
    router: &Router,
    method: Method,
    path: &str,
    body: impl Into<Body>,
) -> (StatusCode, String, String) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(body.into())
        .unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let media = response
        .headers()
        .get(header::CONTENT_TYPE)
        .map(|value| value.to_str().unwrap().to_owned());
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (
        status,
        media.unwrap_or_default(),
        String::from_utf8(body.to_vec()).unwrap(),
    )
}

#[tokio::test]
async fn statuses_and_media_types_are_those_of_the_specification() {
    let (log, fork) = (
        TestLog::new("log.example/1"),
        TestLog::forked("log.example/1", 2, "other"),
    );
    let (stranger, bench) = (TestLog::new("log.example/2"), Bench::new(&[&log]));
    let router = http::router(Arc::new(bench.open()));
    let submit = async |body: String| ask(&router, Method::POST, "/w1/add-checkpoint", body).await;
    let monitoring = format!(
        "/w1/{}/checkpoint",
        hex_encode(store::origin_sha256(&log.origin).as_bytes())
    );
    let read = async || ask(&router, Method::GET, &monitoring, Body::empty()).await;

    assert_eq!(read().await.0, StatusCode::NOT_FOUND);
    let (status, _, lines) = submit(log.body(0, 5)).await;
    assert_eq!((status, lines.lines().count()), (StatusCode::OK, 2));
    assert!(
        lines
            .lines()
            .all(|line| line.starts_with("\u{2014} witness.example/w1 ")),
        "{lines}"
    );
    let (status, _, note) = read().await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        note.starts_with(&log.checkpoint(5).text()) && note.ends_with(&lines),
        "{note}"
    );

    let conflict = (
        StatusCode::CONFLICT,
        "text/x.tlog.size".to_owned(),
        "5\n".to_owned(),
    );
    assert_eq!(submit(log.body(0, 6)).await, conflict);
    assert_eq!(submit(fork.body(5, 5)).await, conflict);
    assert_eq!(submit(fork.body(5, 9)).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(submit(log.body(6, 5)).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(submit("old 5\n".to_owned()).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(submit(stranger.body(0, 1)).await.0, StatusCode::NOT_FOUND);
    let foreign = body(5, &[], &log.checkpoint(5), stranger.lines(&log.checkpoint(5)));
    assert_eq!(submit(foreign).await.0, StatusCode::FORBIDDEN);
    assert_eq!(
        submit("x".repeat(BODY_BYTES_MAX + 1)).await.0,
        StatusCode::PAYLOAD_TOO_LARGE
    );

    assert_eq!(
        ask(&router, Method::GET, "/w1/add-checkpoint", "").await.0,
        StatusCode::METHOD_NOT_ALLOWED
    );
    for path in [
        "/w1/00/checkpoint",
        "/add-checkpoint",
        "/w1/log.example/checkpoint",
    ] {
        assert_eq!(
            ask(&router, Method::GET, path, "").await.0,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    let (status, _, health) = ask(&router, Method::GET, "/healthz", "").await;
    assert_eq!(
        (status, health.as_str()),
        (StatusCode::OK, "ok\nwitness witness.example/w1\nlogs 1\n")
    );
    bench.set_time(1);
    assert_eq!(submit(log.body(5, 6)).await.0, StatusCode::SERVICE_UNAVAILABLE);
    let (status, _, health) = ask(&router, Method::GET, "/healthz", "").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(health.contains("clock"), "{health}");
    let (_, _, metrics) = ask(&router, Method::GET, "/metrics", "").await;
    for line in [
        "trialseal_witness_answers_total{status=\"409\"} 2",
        "trialseal_witness_forks_total 1",
        "trialseal_witness_log_size{log=\"log.example/1\"} 5",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

#[test]
fn the_prefix_is_the_path_of_the_name() {
    assert_eq!(http::prefix("witness.example"), "");
    assert_eq!(http::prefix("witness.example/w1"), "/w1");
    assert_eq!(http::prefix("witness.example:8443/a/b"), "/a/b");
}

async fn listening(
    header_within: Duration,
) -> (
    std::net::SocketAddr,
    watch::Sender<bool>,
    tokio::task::JoinHandle<()>,
) {
    let limits = TransportLimits::default();
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), Protocol::Http1, None, &limits)
        .await
        .unwrap();
    let (address, (stop, stopped)) = (listener.local(), watch::channel(false));
    let router = http::router(Arc::new(Bench::new(&[]).open()));
    (
        address,
        stop,
        tokio::spawn(http_server::serve(listener, router, header_within, stopped)),
    )
}

#[tokio::test]
async fn a_connection_is_kept_between_requests_and_ended_by_a_stop() {
    let (address, stop, server) = listening(Duration::from_secs(60)).await;
    let mut connection = TcpStream::connect(address).await.unwrap();
    for _ in 0..2 {
        connection
            .write_all(b"GET /healthz HTTP/1.1\r\nhost: witness\r\n\r\n")
            .await
            .unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"logs 0\n") {
            assert_ne!(connection.read_buf(&mut answer).await.unwrap(), 0);
        }
    }
    stop.send_replace(true);
    assert_eq!(
        connection.read(&mut [0]).await.unwrap(),
        0,
        "an idle connection is closed"
    );
    server.await.unwrap();
}

#[tokio::test]
async fn who_says_nothing_is_cut_off() {
    let (address, _stop, _server) = listening(Duration::from_millis(50)).await;
    for sent in [&b""[..], b"POST /w1/add-ch"] {
        let mut connection = TcpStream::connect(address).await.unwrap();
        connection.write_all(sent).await.unwrap();
        let mut answer = Vec::new();
        // Ends, whether with an answer or without.
        let _end = connection.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP/1.1 200"));
    }
}
