//! The notary's own clock, behind a seam so that tests can set it.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use trialseal_core::time::Instant;

/// Tells the time. It is a claim of the notary's: only independent evidence bounds it.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Instant;
}

/// The operating system's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        // Before 1970 or after the year 290 million: the sequencer stops on the step back.
        let millis = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis());
        Instant::from_millis(i64::try_from(millis).unwrap_or(0))
    }
}

/// A clock that tests set.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Shows `now` until it is set.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self(AtomicI64::new(now.as_millis()))
    }

    /// Sets the time, forwards or back.
    pub fn set(&self, now: Instant) {
        self.0.store(now.as_millis(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        Instant::from_millis(self.0.load(Ordering::SeqCst))
    }
}
