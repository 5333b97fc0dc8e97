//! What a mirror tells about itself.

use std::{
    fmt::Write as _,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use trialseal_core::{checkpoint::SignedCheckpoint, time::Instant};

use super::{AlarmKind, FollowError, Followed};

/// Present values. Each is independent of the others.
#[derive(Debug, Default)]
pub(super) struct Status {
    /// Size of the checkpoint that the log showed last.
    upstream_size: AtomicU64,
    /// When it was last in order; milliseconds since 1970.
    followed_at: AtomicI64,
    fetch_failures: AtomicU64,
    data_failures: AtomicU64,
    store_failures: AtomicU64,
    alarms_fork: AtomicU64,
    alarms_rule: AtomicU64,
    alarms_unproven: AtomicU64,
    /// Why the last look at the log failed, if it did.
    trouble: Mutex<Option<String>>,
}

impl Status {
    pub(super) fn followed(&self, followed: Followed, shown: &SignedCheckpoint, now: Instant) {
        let size = shown.checkpoint.size.get();
        self.upstream_size.store(size, Ordering::Relaxed);
        let stale = match followed {
            Followed::Same | Followed::Advanced => {
                self.followed_at.store(now.as_millis(), Ordering::Relaxed);
                None
            }
            Followed::Stale => Some(format!("the log shows an older checkpoint, of size {size}")),
        };
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = stale;
    }

    pub(super) fn failed(&self, error: &FollowError) {
        let counter = match error {
            FollowError::Fetch(_) => Some(&self.fetch_failures),
            FollowError::Checkpoint(_) | FollowError::Data { .. } => Some(&self.data_failures),
            FollowError::Store(_) | FollowError::Index(_) | FollowError::Stopping => {
                Some(&self.store_failures)
            }
            // The folders are counted.
            FollowError::Alarm { .. } => None,
        };
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
    }

    pub(super) fn set_alarms(&self, count: impl Fn(AlarmKind) -> usize) {
        for kind in [AlarmKind::Fork, AlarmKind::Rule, AlarmKind::Unproven] {
            self.alarms(kind).store(count(kind) as u64, Ordering::Relaxed);
        }
    }

    fn alarms(&self, kind: AlarmKind) -> &AtomicU64 {
        match kind {
            AlarmKind::Fork => &self.alarms_fork,
            AlarmKind::Rule => &self.alarms_rule,
            AlarmKind::Unproven => &self.alarms_unproven,
        }
    }

    /// Whether an alarm stands.
    pub(super) fn is_alarmed(&self) -> bool {
        [AlarmKind::Fork, AlarmKind::Rule, AlarmKind::Unproven]
            .into_iter()
            .any(|kind| self.alarms(kind).load(Ordering::Relaxed) > 0)
    }

    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Prometheus text.
    pub(super) fn metrics(&self, size: u64, now: Instant) -> String {
        let mut text = String::new();
        let mut metric = |name: &str, kind: &str, help: &str, values: &[(&str, u64)]| {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (label, value) in values {
                let _ = writeln!(text, "{name}{label} {value}");
            }
        };
        let of = |value: &AtomicU64| value.load(Ordering::Relaxed);
        metric(
            "trialseal_mirror_size",
            "gauge",
            "Entries that are mirrored",
            &[("", size)],
        );
        metric(
            "trialseal_mirror_upstream_size",
            "gauge",
            "Size of the checkpoint that the log showed last",
            &[("", of(&self.upstream_size))],
        );
        let age = now.as_millis() - self.followed_at.load(Ordering::Relaxed);
        metric(
            "trialseal_mirror_followed_age_seconds",
            "gauge",
            "Seconds since the mirror last had all that the log shows",
            &[("", u64::try_from(age).unwrap_or(0) / 1_000)],
        );
        metric(
            "trialseal_mirror_failures_total",
            "counter",
            "Looks at the log that failed, by what failed",
            &[
                ("{what=\"fetch\"}", of(&self.fetch_failures)),
                ("{what=\"data\"}", of(&self.data_failures)),
                ("{what=\"store\"}", of(&self.store_failures)),
            ],
        );
        metric(
            "trialseal_mirror_alarms",
            "gauge",
            "Alarms that stand, by kind",
            &[
                ("{kind=\"fork\"}", of(&self.alarms_fork)),
                ("{kind=\"rule\"}", of(&self.alarms_rule)),
                ("{kind=\"unproven\"}", of(&self.alarms_unproven)),
            ],
        );
        text
    }
}
