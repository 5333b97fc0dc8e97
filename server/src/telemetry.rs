//! What the notary tells about itself: a log on standard error, metrics for Prometheus, and traces and
//! metrics by OpenTelemetry where an endpoint is configured.
//!
//! Nothing here holds what a submitter sent, a token or a key: spans and events carry indexes, counts,
//! ids and names of calls.

mod export;
mod metrics;
mod parties;
mod propagation;

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use thiserror::Error;
use tracing::Subscriber;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry, filter, fmt, reload};

use self::export::Export;
pub use self::metrics::{METRICS_MEDIA_TYPE, Metrics};
pub use self::propagation::{CallSpan, CallSpans, remote_context};
use crate::config::{Log, TelemetryExport};

/// Spans from this code are exported; those of the libraries below it are not, above all not those of the
/// export itself.
const OWN_SPANS: &str = "trialseal";

/// A running log and export.
#[derive(Debug)]
pub struct Telemetry {
    level: LevelHandle,
    metrics: Arc<Metrics>,
    export: Option<Export>,
}

/// Changes the log filter of a running notary.
#[derive(Clone, Debug)]
pub struct LevelHandle(reload::Handle<EnvFilter, Registry>);

/// Why there is no telemetry.
#[derive(Debug, Error)]
pub enum TelemetryError {
    /// The filter does not parse.
    #[error("log.level: {0}")]
    Level(String),
    /// The export cannot be set up.
    #[error("telemetry.otlp_endpoint: {0}")]
    Export(String),
    /// The metrics cannot be set up.
    #[error("metrics: {0}")]
    Metrics(String),
    /// Another log was installed before.
    #[error("the process has a log already")]
    Installed,
}

impl Telemetry {
    /// Starts the log on standard error, and the export if an endpoint is configured. `instance` is the
    /// log's origin, by which receivers tell notaries apart. Once a process.
    ///
    /// # Errors
    /// Where a setting is not usable, or a log is installed already.
    pub fn start(log: &Log, export: &TelemetryExport, instance: &str) -> Result<Self, TelemetryError> {
        let export = match &export.otlp_endpoint {
            Some(endpoint) => Some(Export::start(endpoint, instance)?),
            None => None,
        };
        let reader = export.as_ref().map(Export::metric_reader).transpose()?;
        let metrics = Arc::new(Metrics::new(reader, instance)?);
        let tracer = export.as_ref().map(Export::tracer_provider);
        let (subscriber, level) = subscriber(log, tracer, std::io::stderr)?;
        subscriber.try_init().map_err(|_| TelemetryError::Installed)?;
        Ok(Self {
            level,
            metrics,
            export,
        })
    }

    /// The metrics.
    #[must_use]
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// A handle to change the log filter.
    #[must_use]
    pub fn level(&self) -> LevelHandle {
        self.level.clone()
    }

    /// Sends what is left and ends the export, in at most the given time. Blocks: not for a task of an
    /// async runtime.
    pub fn shutdown(self, within: Duration) {
        if let Some(export) = self.export {
            export.shutdown(self.metrics, within);
        }
    }
}

impl LevelHandle {
    /// Puts a new filter into force; on error the old one stays.
    ///
    /// # Errors
    /// Where the filter does not parse.
    pub fn set(&self, level: &str) -> Result<(), TelemetryError> {
        self.0
            .reload(parse(level)?)
            .map_err(|error| TelemetryError::Level(error.to_string()))
    }
}

fn parse(level: &str) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::try_new(level).map_err(|error| TelemetryError::Level(format!("`{level}`: {error}")))
}

fn subscriber<W>(
    log: &Log,
    tracer: Option<&SdkTracerProvider>,
    writer: W,
) -> Result<(impl Subscriber + Send + Sync + use<W>, LevelHandle), TelemetryError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let (level, handle) = reload::Layer::new(parse(&log.level)?);
    let text = fmt::layer().with_writer(writer).with_ansi(false);
    let lines = if log.json {
        text.json().flatten_event(true).boxed()
    } else {
        text.boxed()
    };
    let traces = tracer.map(|provider| {
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer(OWN_SPANS))
            .with_filter(filter::filter_fn(|metadata| {
                metadata.target().starts_with(OWN_SPANS)
            }))
    });
    Ok((
        tracing_subscriber::registry()
            .with(level)
            .with(lines)
            .with(traces),
        LevelHandle(handle),
    ))
}

#[cfg(test)]
mod tests;
