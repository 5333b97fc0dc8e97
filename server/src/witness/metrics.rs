//! What a witness counts.

use prometheus::{Encoder as _, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder};
use trialseal_core::checkpoint::Origin;
use trialseal_core::index::LogSize;

/// The counters of a witness, in Prometheus's text format.
#[derive(Debug, Clone)]
pub struct WitnessMetrics {
    registry: Registry,
    answers: IntCounterVec,
    forks: IntCounter,
    sizes: IntGaugeVec,
}

impl WitnessMetrics {
    /// Counters at zero.
    ///
    /// # Errors
    /// If a name were used twice.
    pub fn new() -> Result<Self, prometheus::Error> {
        let metrics = Self {
            registry: Registry::new(),
            answers: IntCounterVec::new(
                Opts::new(
                    "trialseal_witness_answers_total",
                    "Submissions by the status they got",
                ),
                &["status"],
            )?,
            forks: IntCounter::new(
                "trialseal_witness_forks_total",
                "Submissions of a second root for a size that was cosigned; must be 0",
            )?,
            sizes: IntGaugeVec::new(
                Opts::new(
                    "trialseal_witness_log_size",
                    "Size of the newest checkpoint cosigned",
                ),
                &["log"],
            )?,
        };
        metrics.registry.register(Box::new(metrics.answers.clone()))?;
        metrics.registry.register(Box::new(metrics.forks.clone()))?;
        metrics.registry.register(Box::new(metrics.sizes.clone()))?;
        Ok(metrics)
    }

    pub(super) fn answered(&self, status: u16) {
        self.answers.with_label_values(&[status.to_string()]).inc();
    }

    pub(super) fn forked(&self) {
        self.forks.inc();
    }

    pub(super) fn set_size(&self, origin: &Origin, size: LogSize) {
        let size = i64::try_from(size.get()).unwrap_or(i64::MAX);
        self.sizes.with_label_values(&[origin.as_str()]).set(size);
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
}
