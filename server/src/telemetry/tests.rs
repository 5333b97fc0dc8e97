use std::convert::Infallible;
use std::io;
use std::sync::Mutex;
use std::time::{Instant, SystemTime};

use http::{Request, Response};
use opentelemetry_proto::tonic::collector::metrics::v1 as collected_metrics;
use opentelemetry_proto::tonic::collector::trace::v1 as collected_traces;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use tokio::sync::mpsc;
use tower::{Layer as _, Service as _};
use tracing::subscriber::DefaultGuard;

use super::*;

/// A caller's trace id, span id and header.
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLERS_SPAN: &str = "b7ad6b7169203331";
const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

#[derive(Clone, Debug, Default)]
struct Spans(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Spans {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}

fn log(level: &str, json: bool) -> Log {
    Log {
        level: level.to_owned(),
        json,
    }
}

fn listen(log: &Log, tracer: Option<&SdkTracerProvider>) -> (Lines, LevelHandle, DefaultGuard) {
    let lines = Lines::default();
    let writer = lines.clone();
    let (subscriber, level) = subscriber(log, tracer, move || writer.clone()).unwrap();
    (lines, level, tracing::subscriber::set_default(subscriber))
}

#[test]
fn the_log_level_changes_while_the_notary_runs() {
    let (lines, level, _guard) = listen(&log("info", false), None);
    tracing::info!(index = 7, "sealed");
    tracing::debug!("hidden");
    let text = lines.take();
    assert!(
        text.contains("INFO") && text.contains("sealed") && text.contains("index=7"),
        "{text}"
    );
    assert!(!text.contains("hidden"), "{text}");
    level.set("warn,trialseal_server=trace").unwrap();
    tracing::info!(target: "other", "hidden");
    tracing::trace!(target: "trialseal_server::journal", "shown");
    let text = lines.take();
    assert!(text.contains("shown") && !text.contains("hidden"), "{text}");
    let error = level.set("a=b=c").unwrap_err().to_string();
    assert!(error.starts_with("log.level: `a=b=c`"), "{error}");
    tracing::trace!(target: "trialseal_server::journal", "the old filter stays");
    assert!(lines.take().contains("the old filter stays"));
}

#[test]
fn a_json_log_has_one_object_a_line() {
    let (lines, _level, _guard) = listen(&log("info", true), None);
    tracing::info!(index = 7, "sealed \"it\"\nall");
    tracing::warn!("second");
    let text = lines.take();
    let objects: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(objects.len(), 2);
    assert_eq!(objects[0]["index"], 7);
    assert_eq!(objects[0]["message"], "sealed \"it\"\nall");
    assert_eq!(objects[1]["level"], "WARN");
}

/// Makes one call through the layer and returns the answer's `traceparent`.
async fn call(path: &str, traceparent: Option<&str>) -> Option<String> {
    let service = tower::service_fn(|_request: Request<()>| async {
        tracing::info!("inside");
        Ok::<_, Infallible>(Response::builder().header("grpc-status", "5").body(()).unwrap())
    });
    let mut request = Request::builder().uri(format!("http://notary.example{path}"));
    if let Some(traceparent) = traceparent {
        request = request.header("traceparent", traceparent);
    }
    let answer = CallSpans
        .layer(service)
        .call(request.body(()).unwrap())
        .await
        .unwrap();
    answer
        .headers()
        .get("traceparent")
        .map(|value| value.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_call_is_a_span_below_the_callers_and_is_passed_back() {
    let spans = Spans::default();
    let tracer = SdkTracerProvider::builder()
        .with_simple_exporter(spans.clone())
        .build();
    let (lines, _level, _guard) = listen(&log("info", false), Some(&tracer));
    let answer = call("/trialseal.v1.Notary/Submit", Some(TRACEPARENT))
        .await
        .unwrap();
    tracer.force_flush().unwrap();
    let spans = spans.0.lock().unwrap();
    let [span] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!(span.name, "trialseal.v1.Notary/Submit");
    assert_eq!(span.span_context.trace_id().to_string(), TRACE);
    assert_eq!(span.parent_span_id.to_string(), CALLERS_SPAN);
    assert_eq!(answer, format!("00-{TRACE}-{}-01", span.span_context.span_id()));
    assert!(
        span.attributes
            .iter()
            .any(|attribute| attribute.key.as_str() == "rpc.grpc.status_code")
    );
    let text = lines.take();
    assert!(
        text.contains("inside") && text.contains(TRACE),
        "the log names the caller's trace: {text}"
    );
}

#[tokio::test]
async fn spans_of_libraries_are_not_exported() {
    let spans = Spans::default();
    let tracer = SdkTracerProvider::builder()
        .with_simple_exporter(spans.clone())
        .build();
    let (_lines, _level, _guard) = listen(&log("trace", false), Some(&tracer));
    drop(tracing::info_span!(target: "h2::proto", "theirs").entered());
    drop(tracing::info_span!(target: "trialseal_server::seal", "ours").entered());
    tracer.force_flush().unwrap();
    let names: Vec<String> = spans
        .0
        .lock()
        .unwrap()
        .iter()
        .map(|span| span.name.to_string())
        .collect();
    assert_eq!(names, ["ours"]);
}

#[tokio::test]
async fn without_export_the_callers_context_is_passed_back_unchanged() {
    let (lines, _level, _guard) = listen(&log("info", false), None);
    assert_eq!(call("/x", Some(TRACEPARENT)).await.as_deref(), Some(TRACEPARENT));
    assert!(lines.take().contains(TRACE));
    assert_eq!(call("/x", None).await, None);
}

#[tokio::test]
async fn a_malformed_context_or_a_long_path_does_no_harm() {
    let spans = Spans::default();
    let tracer = SdkTracerProvider::builder()
        .with_simple_exporter(spans.clone())
        .build();
    let (_lines, _level, _guard) = listen(&log("info", false), Some(&tracer));
    let zero = "00-00000000000000000000000000000000-0000000000000000-00";
    for traceparent in [
        "",
        "x",
        zero,
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "\u{e9}",
    ] {
        call("/x", Some(traceparent)).await.expect("a new trace");
    }
    call(&format!("/{}", "a".repeat(5_000)), None).await.unwrap();
    tracer.force_flush().unwrap();
    let spans = spans.0.lock().unwrap();
    assert_eq!(spans.len(), 6);
    assert!(
        spans
            .iter()
            .all(|span| span.parent_span_id.to_string() == "0000000000000000")
    );
    assert!(
        spans.iter().all(|span| span.name.len() <= 100),
        "{:?}",
        spans[5].name.len()
    );
}

#[test]
fn every_metric_is_there_for_prometheus() {
    let metrics = Metrics::for_prometheus().unwrap();
    assert!(
        !metrics.encode().contains("trialseal_checkpoint_age_seconds"),
        "no checkpoint, no age"
    );
    metrics.set_queue(11, 12);
    metrics.set_journal_bytes(13);
    metrics.set_follower_lag(14);
    metrics.set_remembered_keys(15);
    metrics.set_free_bytes(16);
    metrics.set_clock_offset_millis(-1_500);
    metrics.clock_stepped_back();
    metrics.proof_failed();
    metrics.refused("QUEUE_FULL");
    metrics.refused("QUEUE_FULL");
    metrics.refused("TOKEN_UNKNOWN");
    let long_ago = SystemTime::now() - Duration::from_secs(1_000);
    metrics.batch_committed(50, Duration::from_millis(3), 9_007_199_254_740_991, long_ago);
    let text = metrics.encode();
    for line in [
        "trialseal_log_size 9007199254740991",
        "trialseal_queue_records 11",
        "trialseal_queue_bytes 12",
        "trialseal_journal_bytes 13",
        "trialseal_follower_lag_records 14",
        "trialseal_remembered_keys 15",
        "trialseal_free_bytes 16",
        "trialseal_clock_offset_seconds -1.5",
        "trialseal_clock_steps_total 1",
        "trialseal_proof_failures_total 1",
        "trialseal_refusals_total{reason=\"QUEUE_FULL\"} 2",
        "trialseal_refusals_total{reason=\"TOKEN_UNKNOWN\"} 1",
        "trialseal_batch_records_bucket{le=\"30\"} 0",
        "trialseal_batch_records_bucket{le=\"100\"} 1",
        "trialseal_batch_records_sum 50",
        "trialseal_commit_seconds_bucket{le=\"0.002\"} 0",
        "trialseal_commit_seconds_bucket{le=\"0.005\"} 1",
        "trialseal_commit_seconds_count 1",
        "# TYPE trialseal_log_size gauge",
        "# TYPE trialseal_refusals_total counter",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    let age = text
        .lines()
        .find_map(|line| line.strip_prefix("trialseal_checkpoint_age_seconds "))
        .unwrap();
    let age: f64 = age.parse().unwrap();
    assert!((1_000.0..1_100.0).contains(&age), "{age}");
}

/// An OTLP receiver that hands on what it gets.
#[derive(Clone)]
struct Receiver {
    traces: mpsc::UnboundedSender<collected_traces::ExportTraceServiceRequest>,
    metrics: mpsc::UnboundedSender<collected_metrics::ExportMetricsServiceRequest>,
}

#[tonic::async_trait]
impl collected_traces::trace_service_server::TraceService for Receiver {
    async fn export(
        &self,
        request: tonic::Request<collected_traces::ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<collected_traces::ExportTraceServiceResponse>, tonic::Status> {
        self.traces.send(request.into_inner()).unwrap();
        Ok(tonic::Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl collected_metrics::metrics_service_server::MetricsService for Receiver {
    async fn export(
        &self,
        request: tonic::Request<collected_metrics::ExportMetricsServiceRequest>,
    ) -> Result<tonic::Response<collected_metrics::ExportMetricsServiceResponse>, tonic::Status> {
        self.metrics.send(request.into_inner()).unwrap();
        Ok(tonic::Response::new(Default::default()))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn traces_and_metrics_arrive_at_an_otlp_receiver() {
    use collected_metrics::metrics_service_server::MetricsServiceServer;
    use collected_traces::trace_service_server::TraceServiceServer;

    let (traces, mut received_traces) = mpsc::unbounded_channel();
    let (metrics, mut received_metrics) = mpsc::unbounded_channel();
    let receiver = Receiver { traces, metrics };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = tonic::transport::Server::builder()
        .add_service(TraceServiceServer::new(receiver.clone()))
        .add_service(MetricsServiceServer::new(receiver))
        .serve_with_incoming(tokio_stream::wrappers::TcpListenerStream::new(listener));
    let server = tokio::spawn(server);

    let export = Export::start(&endpoint, "notary.example/log1").unwrap();
    let reader = export.metric_reader().unwrap();
    let metrics = Arc::new(Metrics::new(Some(reader), "notary.example/log1").unwrap());
    metrics.set_journal_bytes(4_711);
    {
        let (_lines, _level, _guard) = listen(&log("info", false), Some(export.tracer_provider()));
        tracing::info_span!(target: "trialseal_server::seal", "batch", records = 3).in_scope(|| {});
    }
    tokio::task::spawn_blocking(move || export.shutdown(metrics, Duration::from_secs(20)))
        .await
        .unwrap();
    let traces = format!("{:?}", received_traces.recv().await.unwrap());
    assert!(
        traces.contains("\"batch\"") && traces.contains("notary.example/log1"),
        "{traces}"
    );
    let metrics = format!("{:?}", received_metrics.recv().await.unwrap());
    assert!(
        metrics.contains("trialseal_journal_bytes") && metrics.contains("4711"),
        "{metrics}"
    );
    server.abort();
}

#[test]
fn an_endpoint_that_never_answers_does_not_hold_up_the_end() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let export = Export::start(&endpoint, "notary.example/log1").unwrap();
    let metrics =
        Arc::new(Metrics::new(Some(export.metric_reader().unwrap()), "notary.example/log1").unwrap());
    {
        let (_lines, _level, _guard) = listen(&log("info", false), Some(export.tracer_provider()));
        tracing::info_span!(target: "trialseal_server::seal", "batch").in_scope(|| {});
    }
    let started = Instant::now();
    export.shutdown(metrics, Duration::from_millis(300));
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn an_export_can_be_dropped_inside_a_task() {
    drop(Export::start("http://127.0.0.1:9", "x").unwrap());
    let error = Export::start("https://", "x").unwrap_err().to_string();
    assert!(error.starts_with("telemetry.otlp_endpoint: "), "{error}");
}
