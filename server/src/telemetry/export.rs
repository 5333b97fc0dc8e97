//! The export of traces and metrics over OTLP, on a thread of its own.
//!
//! The exporters need an async runtime, and ending them waits for it: on the notary's own, busy or
//! stopping, that can wait for ever. So they have a runtime of their own, and ending them is bounded.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::PeriodicReader;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::{Builder, Runtime};
use tonic::transport::ClientTlsConfig;

use super::{Metrics, TelemetryError};

/// How long one export may take before what it holds is dropped.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);

/// How often metrics are sent.
const METRICS_INTERVAL: Duration = Duration::from_secs(30);

/// Exporters and the runtime that they send on.
#[derive(Debug)]
pub(super) struct Export {
    endpoint: String,
    runtime: OwnRuntime,
    tracer: SdkTracerProvider,
}

/// A runtime that is dropped without waiting, which a runtime inside an async task must be.
#[derive(Debug)]
struct OwnRuntime(Option<Runtime>);

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Export {
    pub(super) fn start(endpoint: &str, instance: &str) -> Result<Self, TelemetryError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("telemetry")
            .enable_all()
            .build()
            .map_err(|error| TelemetryError::Export(error.to_string()))?;
        let runtime = OwnRuntime(Some(runtime));
        let exporter = {
            let _entered = runtime.0.as_ref().map(Runtime::enter);
            let builder = SpanExporter::builder()
                .with_tonic()
                .with_endpoint(endpoint)
                .with_timeout(EXPORT_TIMEOUT);
            let builder = if is_https(endpoint) {
                builder.with_tls_config(tls())
            } else {
                builder
            };
            builder
                .build()
                .map_err(|error| TelemetryError::Export(error.to_string()))?
        };
        // Spans that do not fit the processor's queue are dropped, so a slow receiver costs no memory.
        let tracer = SdkTracerProvider::builder()
            .with_resource(resource(instance))
            .with_batch_exporter(exporter)
            .build();
        Ok(Self {
            endpoint: endpoint.to_owned(),
            runtime,
            tracer,
        })
    }

    pub(super) fn tracer_provider(&self) -> &SdkTracerProvider {
        &self.tracer
    }

    /// What reads the metrics from time to time and sends them.
    pub(super) fn metric_reader(&self) -> Result<PeriodicReader<MetricExporter>, TelemetryError> {
        let _entered = self.runtime.0.as_ref().map(Runtime::enter);
        let builder = MetricExporter::builder()
            .with_tonic()
            .with_endpoint(&self.endpoint)
            .with_timeout(EXPORT_TIMEOUT);
        let builder = if is_https(&self.endpoint) {
            builder.with_tls_config(tls())
        } else {
            builder
        };
        let exporter = builder
            .build()
            .map_err(|error| TelemetryError::Export(error.to_string()))?;
        Ok(PeriodicReader::builder(exporter)
            .with_interval(METRICS_INTERVAL)
            .build())
    }

    pub(super) fn shutdown(self, metrics: Arc<Metrics>, within: Duration) {
        let (done, ended) = mpsc::channel();
        std::thread::spawn(move || {
            // An error here means that the last spans or metrics did not arrive; nobody is left to be told.
            let _undelivered = self.tracer.shutdown_with_timeout(within);
            let _undelivered = metrics.shutdown();
            drop(self.runtime);
            let _nobody_waits = done.send(());
        });
        let _given_up = ended.recv_timeout(within);
    }
}

/// What the receiver is told about this process.
pub(super) fn resource(instance: &str) -> Resource {
    Resource::builder()
        .with_service_name("trialseal-server")
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", instance.to_owned()),
        ])
        .build()
}

fn is_https(endpoint: &str) -> bool {
    endpoint.starts_with("https:")
}

fn tls() -> ClientTlsConfig {
    ClientTlsConfig::new().with_native_roots()
}
