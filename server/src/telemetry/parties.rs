//! Metrics of witnesses and timestamp authorities, one row for each by its name in the trust file.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter};

use crate::clock::Clock;
use crate::evidence::{FailureKind, Party};

/// Seconds of a request: a witness near by is the first, a request that times out the last.
const REQUEST_BOUNDARIES: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0, 10.0];

/// What is counted when a party answers or fails.
pub(super) struct PartyMetrics {
    request_seconds: Histogram<f64>,
    failures: Counter<u64>,
}

impl PartyMetrics {
    pub(super) fn new(meter: &Meter) -> Self {
        Self {
            request_seconds: meter
                .f64_histogram("trialseal_evidence_request_seconds")
                .with_description("Seconds until a witness or an authority gave evidence")
                .with_boundaries(REQUEST_BOUNDARIES.to_vec())
                .build(),
            failures: meter
                .u64_counter("trialseal_evidence_failures")
                .with_description("Requests that brought no evidence, by problem")
                .build(),
        }
    }

    pub(super) fn answered(&self, party: &Party, took: Duration) {
        self.request_seconds.record(took.as_secs_f64(), &labels(party));
    }

    pub(super) fn failed(&self, party: &Party, kind: FailureKind) {
        let [name, what] = labels(party);
        self.failures
            .add(1, &[name, what, KeyValue::new("problem", kind.as_str())]);
    }
}

/// What is read from the parties when somebody asks.
pub(super) fn observe(meter: &Meter, parties: &Arc<[Arc<Party>]>, clock: &Arc<dyn Clock>) {
    let read = Arc::clone(parties);
    meter
        .f64_observable_gauge("trialseal_evidence_age_seconds")
        .with_description("Seconds since a witness or an authority gave evidence, or since the start")
        .with_callback(move |observer| {
            for party in read.iter() {
                observer.observe(party.known().age.as_secs_f64(), &labels(party));
            }
        })
        .build();
    let read = Arc::clone(parties);
    meter
        .u64_observable_gauge("trialseal_evidence_size")
        .with_description("The largest log size that a witness cosigned or an authority stamped")
        .with_callback(move |observer| {
            for party in read.iter() {
                observer.observe(party.size(), &labels(party));
            }
        })
        .build();
    let (read, clock) = (Arc::clone(parties), Arc::clone(clock));
    meter
        .f64_observable_gauge("trialseal_clock_difference_seconds")
        .with_description("Seconds by which a witness's or an authority's clock is ahead for certain")
        .with_callback(move |observer| {
            let now = clock.now();
            for party in read.iter() {
                let difference = party.known().sample.and_then(|sample| sample.difference(now));
                if let Some(difference) = difference {
                    observer.observe(difference.nearest_ms() as f64 / 1_000.0, &labels(party));
                }
            }
        })
        .build();
}

fn labels(party: &Party) -> [KeyValue; 2] {
    [
        KeyValue::new("name", party.name.clone()),
        KeyValue::new("kind", party.kind.as_str()),
    ]
}
