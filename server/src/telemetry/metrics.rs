//! The notary's metrics. The hot path sets atomics; what reads them (Prometheus, or the export) asks.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter, MeterProvider as _};
use opentelemetry_otlp::MetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use prometheus::{Encoder as _, TextEncoder};

use super::TelemetryError;
use super::export::resource;
use super::parties::{self, PartyMetrics};
use crate::clock::Clock;
use crate::evidence::{FailureKind, Party};

/// The media type of what [`Metrics::encode`] returns.
pub const METRICS_MEDIA_TYPE: &str = prometheus::TEXT_FORMAT;

/// Records in a batch.
const BATCH_BOUNDARIES: [f64; 11] = [
    1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0, 3_000.0, 10_000.0, 30_000.0, 100_000.0,
];

/// Seconds of a commit: an fsync of a good disk is the first, of a bad one the middle.
const COMMIT_BOUNDARIES: [f64; 13] = [
    0.0001, 0.0003, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 10.0,
];

/// The metrics of one notary.
pub struct Metrics {
    registry: prometheus::Registry,
    provider: SdkMeterProvider,
    values: Arc<Values>,
    batch_records: Histogram<u64>,
    commit_seconds: Histogram<f64>,
    refusals: Counter<u64>,
    parties: PartyMetrics,
}

/// The present values. Each is independent of the others, so no ordering between them is needed.
#[derive(Default)]
struct Values {
    log_size: AtomicU64,
    /// Milliseconds since 1970; 0 before the first checkpoint.
    checkpoint_at: AtomicI64,
    queue_records: AtomicU64,
    queue_bytes: AtomicU64,
    journal_bytes: AtomicU64,
    follower_lag: AtomicU64,
    remembered_keys: AtomicU64,
    free_bytes: AtomicU64,
    proof_failures: AtomicU64,
    clock_steps: AtomicU64,
    /// Milliseconds that the notary's clock is ahead of independent time.
    clock_offset: AtomicI64,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Metrics for Prometheus alone.
    ///
    /// # Errors
    /// Where the registry refuses, which it does not.
    pub fn for_prometheus() -> Result<Self, TelemetryError> {
        Self::new(None, "")
    }

    pub(super) fn new(
        export: Option<PeriodicReader<MetricExporter>>,
        instance: &str,
    ) -> Result<Self, TelemetryError> {
        let registry = prometheus::Registry::new();
        let reader = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .without_units()
            .without_target_info()
            .scope_info_enabled(false)
            .build()
            .map_err(|error| TelemetryError::Metrics(error.to_string()))?;
        let mut provider = SdkMeterProvider::builder()
            .with_resource(resource(instance))
            .with_reader(reader);
        if let Some(export) = export {
            provider = provider.with_reader(export);
        }
        let provider = provider.build();
        let meter = provider.meter("trialseal");
        let values = Arc::new(Values::default());
        observe(&meter, &values);
        let batch_records = meter
            .u64_histogram("trialseal_batch_records")
            .with_description("Records in a batch")
            .with_boundaries(BATCH_BOUNDARIES.to_vec())
            .build();
        let commit_seconds = meter
            .f64_histogram("trialseal_commit_seconds")
            .with_description("Seconds to make a batch durable")
            .with_boundaries(COMMIT_BOUNDARIES.to_vec())
            .build();
        let refusals = meter
            .u64_counter("trialseal_refusals")
            .with_description("Requests refused, by reason")
            .build();
        Ok(Self {
            registry,
            provider,
            values,
            batch_records,
            commit_seconds,
            refusals,
            parties: PartyMetrics::new(&meter),
        })
    }

    /// A batch was committed: its records, how long that took, and the size and time of the checkpoint.
    pub fn batch_committed(&self, records: u64, commit: Duration, log_size: u64, checkpoint_at: SystemTime) {
        self.batch_records.record(records, &[]);
        self.commit_seconds.record(commit.as_secs_f64(), &[]);
        self.set_checkpoint(log_size, checkpoint_at);
    }

    /// The newest checkpoint, as after a start.
    pub fn set_checkpoint(&self, log_size: u64, at: SystemTime) {
        self.values.log_size.store(log_size, Ordering::Relaxed);
        self.values.checkpoint_at.store(millis(at), Ordering::Relaxed);
    }

    /// What waits to be sequenced.
    pub fn set_queue(&self, records: u64, bytes: u64) {
        self.values.queue_records.store(records, Ordering::Relaxed);
        self.values.queue_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Bytes of the journal that are in use.
    pub fn set_journal_bytes(&self, bytes: u64) {
        self.values.journal_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Records that are committed and not yet in tiles and listings.
    pub fn set_follower_lag(&self, records: u64) {
        self.values.follower_lag.store(records, Ordering::Relaxed);
    }

    /// Idempotency keys that are remembered.
    pub fn set_remembered_keys(&self, keys: u64) {
        self.values.remembered_keys.store(keys, Ordering::Relaxed);
    }

    /// Free bytes on the data directory's file system.
    pub fn set_free_bytes(&self, bytes: u64) {
        self.values.free_bytes.store(bytes, Ordering::Relaxed);
    }

    /// How far the notary's clock is ahead of independent time; negative if behind.
    pub fn set_clock_offset_millis(&self, millis: i64) {
        self.values.clock_offset.store(millis, Ordering::Relaxed);
    }

    /// The clock stepped back and was held.
    pub fn clock_stepped_back(&self) {
        self.values.clock_steps.fetch_add(1, Ordering::Relaxed);
    }

    /// A request was refused. The reason is one of a fixed set, never text from a caller.
    pub fn refused(&self, reason: &'static str) {
        self.refusals.add(1, &[KeyValue::new("reason", reason)]);
    }

    /// Shows what is known of witnesses and authorities, whenever somebody asks.
    pub fn watch_parties(&self, known: &Arc<[Arc<Party>]>, clock: &Arc<dyn Clock>) {
        parties::observe(&self.provider.meter("trialseal"), known, clock);
    }

    /// A witness or an authority gave evidence.
    pub fn party_answered(&self, party: &Party, took: Duration) {
        self.parties.answered(party, took);
    }

    /// A witness or an authority gave none.
    pub fn party_failed(&self, party: &Party, kind: FailureKind) {
        self.parties.failed(party, kind);
    }

    /// A receipt's own inclusion proof did not verify. Must never happen.
    pub fn proof_failed(&self) {
        self.values.proof_failures.fetch_add(1, Ordering::Relaxed);
    }

    /// Everything in Prometheus's text format.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "the metrics could not be written");
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Sends the last values to the export and ends it.
    pub(super) fn shutdown(&self) -> opentelemetry_sdk::error::OTelSdkResult {
        self.provider.shutdown()
    }
}

/// The gauges and counters that are read from the values when somebody asks.
fn observe(meter: &Meter, values: &Arc<Values>) {
    type Read = fn(&Values) -> u64;
    let gauges: [(&'static str, &'static str, Read); 7] = [
        ("trialseal_log_size", "Entries in the log", |values| {
            load(&values.log_size)
        }),
        (
            "trialseal_queue_records",
            "Records that wait to be sequenced",
            |values| load(&values.queue_records),
        ),
        (
            "trialseal_queue_bytes",
            "Bytes of submissions that wait to be sequenced",
            |values| load(&values.queue_bytes),
        ),
        (
            "trialseal_journal_bytes",
            "Bytes of the journal in use",
            |values| load(&values.journal_bytes),
        ),
        (
            "trialseal_follower_lag_records",
            "Committed records not yet in tiles and listings",
            |values| load(&values.follower_lag),
        ),
        (
            "trialseal_remembered_keys",
            "Idempotency keys remembered",
            |values| load(&values.remembered_keys),
        ),
        (
            "trialseal_free_bytes",
            "Free bytes for the data directory",
            |values| load(&values.free_bytes),
        ),
    ];
    for (name, description, read) in gauges {
        let values = Arc::clone(values);
        meter
            .u64_observable_gauge(name)
            .with_description(description)
            .with_callback(move |observer| observer.observe(read(&values), &[]))
            .build();
    }
    let counters: [(&'static str, &'static str, Read); 2] = [
        (
            "trialseal_proof_failures",
            "Receipts whose own proof did not verify; must be 0",
            |values| load(&values.proof_failures),
        ),
        (
            "trialseal_clock_steps",
            "Times that the clock stepped back and was held",
            |values| load(&values.clock_steps),
        ),
    ];
    for (name, description, read) in counters {
        let values = Arc::clone(values);
        meter
            .u64_observable_counter(name)
            .with_description(description)
            .with_callback(move |observer| observer.observe(read(&values), &[]))
            .build();
    }
    observe_times(meter, values);
}

fn observe_times(meter: &Meter, values: &Arc<Values>) {
    let age = Arc::clone(values);
    meter
        .f64_observable_gauge("trialseal_checkpoint_age_seconds")
        .with_description("Seconds since the newest checkpoint was signed")
        .with_callback(move |observer| {
            // Before the first checkpoint there is no age; 0 would look like a fresh one.
            let at = age.checkpoint_at.load(Ordering::Relaxed);
            if at != 0 {
                observer.observe(
                    (millis(SystemTime::now()).saturating_sub(at)) as f64 / 1_000.0,
                    &[],
                );
            }
        })
        .build();
    let offset = Arc::clone(values);
    meter
        .f64_observable_gauge("trialseal_clock_offset_seconds")
        .with_description("Seconds that the clock is ahead of independent time")
        .with_callback(move |observer| {
            observer.observe(offset.clock_offset.load(Ordering::Relaxed) as f64 / 1_000.0, &[]);
        })
        .build();
}

fn load(value: &AtomicU64) -> u64 {
    value.load(Ordering::Relaxed)
}

/// Milliseconds since 1970; an earlier time is 0.
fn millis(at: SystemTime) -> i64 {
    at.duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
